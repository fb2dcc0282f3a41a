#!/usr/bin/env python3
"""How exact: every stage beside PyTorch, and the perplexity of the language model, in every type.

Usage: .venv/bin/python bench/parity.py stages [--shape 0.5b] [--seconds 25] [--types f32,bf16,q8_0,q4_0] [--duplicates]
                                              [--device cpu] [--gpu-layers all]
       .venv/bin/python bench/parity.py perplexity [-m models/mini] [--text bench/text.txt]
       both: [--work .cache/bench] [--program build/release/af2] [--store f32]

stages: the reference is tests/oracle/published_model.py in float32 with weights made from names (the folders of
bench/compare.py); of af2, each folder that `af2 convert` makes, f32 as --dtype f32, all others as --dtype auto; type
"published" is the checkpoint as it is, in float32 products. The reference is on the CPU, also where --device names a
GPU for af2. Errors are relative Frobenius norms, of logits also the largest difference, and greedy tokens are counted.
Exits 1 where float32 misses the tolerances of docs/spec/model.md section 10.
perplexity: of the model's Llama GGUF over a text in pieces of 512 tokens, by transformers in float32 from the
dequantised file, and by `af2 info --perplexity` of the same file and of what `af2 quantize` makes of it.
Prints Markdown. Needs tools/setup.sh --tests, and for perplexity gguf==0.17.1 (pip install --no-deps).
"""
import argparse
import json
import math
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "bench"))
sys.path.insert(0, str(ROOT / "tests/oracle"))

from compare import PROMPT, prepare  # noqa: E402

CHUNK = 512
GREEDY = 64


def af2(args, *command):
    return subprocess.run([str(args.program), *map(str, command)], check=True, capture_output=True, text=True).stdout


def relative(ours, theirs):
    return float((ours - theirs).norm() / theirs.norm())


def stages(args):
    import numpy as np
    import torch
    from published_model import PublishedModel
    from published_shapes import SHAPES
    types = args.types.split(",")
    work, published = prepare(args, types, args.duplicates)
    clip, ids = work / "parity.npy", ",".join(map(str, PROMPT))
    t = np.arange(int(args.seconds * 16000)) / 16000
    rng = np.random.default_rng(5)
    np.save(clip, (0.4 * np.sin(2 * np.pi * 440 * t * (1 + 0.1 * np.sin(t))) + 0.1 * rng.standard_normal(len(t)))
            .astype(np.float32))

    where = [] if args.device == "cpu" else ["--device", args.device, "--gpu-layers", args.gpu_layers]

    def feature(kind, dtype, layer, *more):
        out = work / "stage.npy"
        af2(args, "features", "-q", "-m", work / kind, "--dtype", dtype, "--windows", 30, "--layer", layer, "-o", out,
            *where, *more, clip)
        return torch.from_numpy(np.load(out))

    with torch.no_grad():
        model = PublishedModel(published, SHAPES[args.shape], recompute=False)
        waveform = feature(types[0], "f32", "waveform")
        mel = model.log_mel(waveform)
        tokens = torch.cat([model.tower(window[None]) for window in mel])
        memory = model.audio_transformer(tokens.flatten(0, 1)[None])
        logits, greedy = model.logits(PROMPT, memory), model.greedy(PROMPT, memory, GREEDY)
    del model
    print(f"{args.shape} shape, weights made from names, {args.seconds:g} s of sound ({len(waveform)} windows), "
          f"{GREEDY} greedy tokens:\n")
    print("| af2 | log-mel, largest difference of 99.9 %, dB | tower | memory | logits | logits, largest difference | "
          "greedy tokens equal |\n| --- | --- | --- | --- | --- | --- | --- |")
    failed = False
    for kind in types:
        exact = kind in ("f32", "published")
        dtype = "f32" if exact else "auto"
        got = feature(kind, dtype, "logmel")
        mel_error = float((got - mel).abs().flatten().kthvalue(math.ceil(0.999 * mel.numel())).values)
        tower_error = relative(feature(kind, dtype, "tower"), tokens)
        memory_error = relative(feature(kind, dtype, "memory"), memory[0])
        ours = feature(kind, dtype, "logits", "--tokens", ids)
        line = json.loads(af2(args, "ask", "-q", "-m", work / kind, "--dtype", dtype, "--windows", 30, "--tokens", ids,
                              "--ignore-eos", "-n", GREEDY, "--json", *where, clip).splitlines()[0])
        same = sum(a == b for a, b in zip(line["tokens"], greedy))
        largest = float((ours - logits).abs().max())
        print(f"| {kind} | {mel_error:.1e} | {tower_error:.1e} | {memory_error:.1e} | {relative(ours, logits):.1e} | "
              f"{largest:.1e} | {same} of {GREEDY} |", flush=True)
        if exact:
            failed |= not (mel_error < 1e-3 and tower_error < 1e-4 and memory_error < 1e-4 and largest < 2e-3
                          and same == GREEDY)
    print(f"\nLogits have a standard deviation of {float(logits.std()):.2f}; {len(set(greedy))} of the reference's "
          f"{GREEDY} tokens are different.")
    return int(failed)


def reference_perplexity(folder, text):
    """By transformers, float32, from the values of the GGUF file."""
    import torch
    from make_selftest import llama_weights, tokenizer_of
    from transformers import LlamaConfig, LlamaForCausalLM
    store, lm = llama_weights(folder / "lm.gguf")
    config = LlamaConfig(hidden_size=lm["dim"], intermediate_size=lm["ffn_dim"], num_hidden_layers=lm["n_layers"],
                         num_attention_heads=lm["n_heads"], num_key_value_heads=lm["n_kv_heads"], vocab_size=lm["vocab"],
                         rms_norm_eps=lm["rms_eps"], tie_word_embeddings=True,
                         rope_parameters={"rope_type": "default", "rope_theta": lm["rope_theta"]},
                         rope_theta=lm["rope_theta"])
    model = LlamaForCausalLM(config).eval()
    state = {"model." + name: x.float() for name, x in store.items()}
    state["lm_head.weight"] = state["model.embed_tokens.weight"]
    model.load_state_dict(state, strict=True)
    ids = tokenizer_of().encode(text, add_special_tokens=False).ids
    total, count = 0.0, 0
    for first in range(0, len(ids) - 1, CHUNK):
        part = torch.tensor([ids[first:first + CHUNK]])
        with torch.no_grad():
            log_p = model(part).logits[0, :-1].log_softmax(-1)
        total -= float(log_p.gather(1, part[0, 1:, None]).double().sum())
        count += part.shape[1] - 1
    return math.exp(total / count), count


def perplexity(args):
    value, count = reference_perplexity(args.model, args.text.read_text())
    print(f"{args.model.name}'s language model over {count} tokens of {args.text.name}:\n")
    print("| | matrices, MB | perplexity, read as a prompt | read in bf16 products | token by token |\n"
          "| --- | --- | --- | --- | --- |")
    print(f"| transformers, float32 | - | {value:.3f} | - | - |", flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for kind in ("as shipped", *args.types.split(",")):
            folder = args.model if kind == "as shipped" else pathlib.Path(scratch) / kind
            if folder != args.model:
                af2(args, "convert", "-q", "-i", args.model, "-o", folder, "--dtype", kind)
            size = (folder / "lm.gguf").stat().st_size / 1e6
            rows = [json.loads(af2(args, "info", "-q", "-m", folder, "--dtype", dtype, "--perplexity", args.text, "--json"))
                    for dtype in ("f32", "bf16")]
            if rows[0]["tokens"] != count:
                raise SystemExit(f"af2 reads {rows[0]['tokens']} tokens, the tokenizer of the reference {count}")
            print(f"| {kind} | {size:.0f} | {rows[0]['perplexity']:.3f} | {rows[1]['perplexity']:.3f} | "
                  f"{rows[0]['perplexity_written']:.3f} |", flush=True)
    return 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("stages", "perplexity"))
    parser.add_argument("--shape", default="0.5b")
    parser.add_argument("--seconds", type=float, default=25)
    parser.add_argument("--types", default="f32,bf16,q8_0,q4_K,q4_1,q4_0")
    parser.add_argument("-m", "--model", type=pathlib.Path, default=ROOT / "models/mini")
    parser.add_argument("--text", type=pathlib.Path, default=ROOT / "bench/text.txt")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench")
    parser.add_argument("--duplicates", action="store_true", help="with every name that the release gives a tensor")
    parser.add_argument("--store", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--device", default="cpu", help="of af2")
    parser.add_argument("--gpu-layers", default="all")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    args = parser.parse_args()
    return (stages if args.what == "stages" else perplexity)(args)


if __name__ == "__main__":
    sys.exit(main())
