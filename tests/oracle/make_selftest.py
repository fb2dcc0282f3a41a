#!/usr/bin/env python3
"""Writes the references of `af2 selftest` for a model folder whose language model is a Llama GGUF.

Usage: make_selftest.py MODEL_FOLDER CLIP [--program build/release/af2] [--tokens 8]

MODEL_FOLDER/selftest.safetensors gets, for CLIP (a path below MODEL_FOLDER): waveform (from the program: decoding is
tested elsewhere), and log-mel, tower, memory and the last position's logits by reference_model.py in float64 from the
weights in the folder; the prompt's ids and the greedy answer are in its metadata. Needs numpy, torch, gguf, safetensors.
"""
import argparse
import json
import pathlib
import subprocess
import tempfile

import numpy as np
import torch
from reference_model import Weights, audio_transformer, decoder, gated_cross_attention, htsat, log_mel, mel_filters
from safetensors.numpy import load_file, save_file

PROMPT = "what do you hear?"
ROOT = pathlib.Path(__file__).resolve().parents[2]


def tower_from_clap(folder):
    """The tensors of AF-CLAP that config.json's clap.file lends to the tower, under the tower's names."""
    clap = json.loads((folder / "config.json").read_text())["clap"]
    if not clap.get("file"):
        return {}
    names = {"audio_statistics.norm.": "stem_tokens.norm.", "audio_projection.0.": "stem_tokens.context.", "audio_branch.": ""}
    out = {}
    for name, x in load_file(folder / clap["file"]).items():
        for there, here in names.items():
            if name.startswith(there):
                out["clap.nvclap." + here + name.removeprefix(there)] = x
    return out


def adapter_weights(folder):
    stored, out = tower_from_clap(folder) | load_file(folder / "adapter.safetensors"), {}
    for name, x in stored.items():
        if name.endswith(".scale") and name[:-6] in stored:
            continue
        if x.dtype == np.int8:
            scale = stored[name + ".scale"]
            scale = scale if scale.ndim == 2 else scale.reshape((-1,) + (1,) * (x.ndim - 1))
            x = x.astype(np.float32) * scale
        out[name] = torch.from_numpy(x.astype(np.float32)).double()
    return out


def add_pairs(weights, adapter):
    """Low-rank pairs of the adapter (`X.lora.a`, `.b`, `.scale`), added to the matrices of the language model they stand beside."""
    for name, a in adapter.items():
        if name.endswith(".lora.a"):
            layer = name.removesuffix(".lora.a")
            weight = layer.removeprefix("lang_encoder.model.") + ".weight"
            weights[weight] = weights[weight] + adapter[layer + ".lora.scale"] * (adapter[layer + ".lora.b"] @ a)


def llama_weights(path):
    """Hugging Face names and row order, float64, and the sizes."""
    from gguf import GGUFReader, dequantize
    reader = GGUFReader(path)

    def field(name):
        return reader.fields[name].parts[-1][0]

    heads, kv = int(field("llama.attention.head_count")), int(field("llama.attention.head_count_kv"))
    dim = int(field("llama.embedding_length"))
    names = {"attn_norm": "input_layernorm", "ffn_norm": "post_attention_layernorm", "attn_q": "self_attn.q_proj",
             "attn_k": "self_attn.k_proj", "attn_v": "self_attn.v_proj", "attn_output": "self_attn.o_proj",
             "ffn_gate": "mlp.gate_proj", "ffn_up": "mlp.up_proj", "ffn_down": "mlp.down_proj"}
    out = {}
    for t in reader.tensors:
        x = torch.from_numpy(np.array(dequantize(t.data, t.tensor_type), dtype=np.float32)).double()
        x = x.reshape(tuple(int(n) for n in reversed(t.shape)))
        if t.name.startswith("blk."):
            _, i, part, _ = t.name.split(".")
            if part in ("attn_q", "attn_k"):  # interleaved rotary pairs -> halves
                n = heads if part == "attn_q" else kv
                x = x.reshape(n, x.shape[0] // n // 2, 2, -1).transpose(1, 2).reshape(x.shape)
            out[f"layers.{i}.{names[part]}.weight"] = x
        else:
            out[{"token_embd.weight": "embed_tokens.weight", "output_norm.weight": "norm.weight"}[t.name]] = x
    lm = dict(arch="llama", n_layers=int(field("llama.block_count")), dim=dim, n_heads=heads, n_kv_heads=kv,
              head_dim=dim // heads, ffn_dim=int(field("llama.feed_forward_length")),
              vocab=out["embed_tokens.weight"].shape[0], rope_theta=float(field("llama.rope.freq_base")),
              rms_eps=float(field("llama.attention.layer_norm_rms_epsilon")), tied=True)
    return out, lm


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("clip", type=pathlib.Path)
    parser.add_argument("--program", type=pathlib.Path, default="build/release/af2")
    parser.add_argument("--tokens", type=int, default=8)
    args = parser.parse_args()
    config = json.loads((args.folder / "config.json").read_text())
    store = adapter_weights(args.folder)
    lm_store, lm = llama_weights(args.folder / config["lm"]["file"])
    add_pairs(lm_store, store)
    store.update({"lm." + name: x for name, x in lm_store.items()})
    store["lm.added_embeddings"] = store["added_embeddings"]
    w = Weights(store=store)

    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch) / "waveform.npy"
        subprocess.run([args.program, "features", "-m", args.folder, "--layer", "waveform", "-o", out, args.clip],
                       check=True)
        waveform = np.load(out)
    clap, audio, x, t = config["clap"], config["audio"], config["xattn"], config["audio_transformer"]
    mel = log_mel(waveform, mel_filters(f_max=audio["f_max"]), hop=audio["hop"])
    stem = [(s["channels"], s["stride"], s.get("pool_mel", 1), s.get("pool_time", 1)) for s in clap.get("stem", [])]
    tokens = htsat(w.below("clap.nvclap"), torch.from_numpy(mel), embed=clap["embed_dim"], depths=clap["depths"],
                   heads=clap["heads"], spec=clap["spec_size"], patch=clap["patch"], window=clap["window"],
                   mlp_ratio=clap["mlp_ratio"], stem=stem, frames=clap.get("stem_frames", 0),
                   log1p=clap.get("stem_input") == "log1p", cells=clap.get("cells"))
    memory = audio_transformer(w.below("audio_transformer_clap"), tokens.flatten(0, 1)[None], None,
                               layers=t["layers"], heads=t["heads"], rotary=t["rotary"])

    def cross(i, h):
        if (i + 1) % x["every"]:
            return h
        return gated_cross_attention(w.below(f"lang_encoder.gated_cross_attn_layers_sound.{i}"), h, memory, None,
                                     heads=x["heads"], dim_head=x["dim_head"], ff_mult=x["ff_mult"])

    ids = prompt_ids(lm["vocab"])
    n_added, answer = store["lm.added_embeddings"].shape[0], []
    logits = None
    for _ in range(args.tokens):
        step = decoder(w.below("lm"), torch.tensor([ids + answer]), lm, n_added, cross)[0, -1]
        logits = step if logits is None else logits
        answer.append(int(step.argmax()))
    stages = {"waveform": waveform, "logmel": mel, "tower": tokens, "memory": memory[0], "logits": logits}
    save_file({name: np.ascontiguousarray(x, dtype=np.float32) for name, x in stages.items()},
              args.folder / "selftest.safetensors",
              {"clip": str(args.clip.relative_to(args.folder)), "prompt": ",".join(map(str, ids)),
               "answer": ",".join(map(str, answer)), "question": PROMPT})
    print(f"{args.folder / 'selftest.safetensors'}: answer {answer}")


def tokenizer_of():
    """SmolLM2's byte-level BPE, built by `tokenizers` from the lists of its GGUF file."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    lists = json.loads((ROOT / ".cache/tokenizers/smollm2/lists.json").read_text())
    tokens = {t: i for i, t in enumerate(lists["tokens"])}
    bpe = Tokenizer(models.BPE(vocab=tokens, merges=[tuple(m.split(" ")) for m in lists["merges"]]))
    bpe.pre_tokenizer = pre_tokenizers.Sequence([pre_tokenizers.Digits(individual_digits=True),
                                                 pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)])
    return bpe


def prompt_ids(vocab):
    return [vocab] + tokenizer_of().encode(PROMPT, add_special_tokens=False).ids + [vocab + 3]  # <audio> ... <SEP>


if __name__ == "__main__":
    torch.set_grad_enabled(False)
    main()
