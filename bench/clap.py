#!/usr/bin/env python3
"""Speed of AF-CLAP's vectors beside PyTorch computing the published way, in one run on one machine.

Usage: .venv/bin/python bench/clap.py [--reps 3] [--threads 2] [--types f32,bf16] [--work .cache/bench/clap]
       [--program build/release/af2] [--mini FOLDER]

The published size: HTSAT with widths 256 to 2048 and Flan-T5-large's encoder, random weights (speed does not depend on
them) in the layout that LAION-CLAP's trainer writes; made once in WORK. The rival is the tower of
tests/oracle/published_model.py and `transformers`' T5 encoder in float32, texts padded to 77 tokens as published, one clip
or text at a time and 16 at once, af2 likewise. Both sides run in turns, each in a process of its own; the median of all is
printed. --mini adds the small AF-CLAP of the mini model, alone. Needs tools/setup.sh --tests.
"""
import argparse
import io
import json
import pathlib
import statistics
import subprocess
import sys
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests/oracle"), str(ROOT / "tests/e2e")]
TEXT = "a dog barks twice while rain falls on a tin roof, and later a door is shut"
EMBED, DEPTHS, HEADS, JOINT = 256, (2, 2, 12, 2), (4, 8, 16, 32), 512
T5 = dict(vocab_size=32128, d_model=1024, d_kv=64, d_ff=2816, num_layers=24, num_heads=16)


def t5_encoder():
    import torch
    from transformers import T5Config, T5EncoderModel
    torch.manual_seed(1)
    return T5EncoderModel(T5Config(feed_forward_proj="gated-gelu", relative_attention_num_buckets=32, dropout_rate=0.0,
                                   relative_attention_max_distance=128, layer_norm_epsilon=1e-6, **T5)).eval()


def tower_weights():
    """Names as published below audio_branch, shapes of HTSAT; small random values."""
    import torch
    draw = torch.Generator().manual_seed(1)
    w = {}

    def put(name, *shape):
        w[name] = torch.randn(shape, generator=draw) * 0.02

    def norm(name, n):
        w[name + ".weight"], w[name + ".bias"] = torch.ones(n), torch.zeros(n)

    def linear(name, i, o, bias=True):
        put(name + ".weight", o, i)
        if bias:
            w[name + ".bias"] = torch.zeros(o)

    norm("bn0", 64)
    w["bn0.running_mean"], w["bn0.running_var"] = torch.zeros(64), torch.ones(64)
    put("patch_embed.proj.weight", EMBED, 1, 4, 4)
    w["patch_embed.proj.bias"] = torch.zeros(EMBED)
    put("patch_embed.mel_conv2d.weight", EMBED, 1, 4, 12)
    w["patch_embed.mel_conv2d.bias"] = torch.zeros(EMBED)
    norm("patch_embed.norm", EMBED)
    inner = EMBED // 4
    for branch, first in (("local_att", 0), ("global_att", 1)):
        for at, i, o in ((0, EMBED, inner), (3, inner, EMBED)):
            p = f"patch_embed.fusion_model.{branch}.{first + at}"
            put(p + ".weight", o, i, 1, 1)
            w[p + ".bias"] = torch.zeros(o)
            q = f"patch_embed.fusion_model.{branch}.{first + at + 1}"
            norm(q, o)
            w[q + ".running_mean"], w[q + ".running_var"] = torch.zeros(o), torch.ones(o)
    for stage, depth in enumerate(DEPTHS):
        c = EMBED << stage
        for k in range(depth):
            p = f"layers.{stage}.blocks.{k}."
            norm(p + "norm1", c), norm(p + "norm2", c)
            put(p + "attn.relative_position_bias_table", 225, HEADS[stage])
            linear(p + "attn.qkv", c, 3 * c), linear(p + "attn.proj", c, c)
            linear(p + "mlp.fc1", c, 4 * c), linear(p + "mlp.fc2", 4 * c, c)
        if stage + 1 < len(DEPTHS):
            linear(f"layers.{stage}.downsample.reduction", 4 * c, 2 * c, bias=False)
            norm(f"layers.{stage}.downsample.norm", 4 * c)
    norm("norm", EMBED << (len(DEPTHS) - 1))
    return w


def projections():
    import torch
    w = {}
    for name, width in (("audio_projection", EMBED << (len(DEPTHS) - 1)), ("text_projection", T5["d_model"])):
        w[name + ".0.weight"], w[name + ".0.bias"] = torch.randn(JOINT, width) * 0.02, torch.zeros(JOINT)
        w[name + ".2.weight"], w[name + ".2.bias"] = torch.randn(JOINT, JOINT) * 0.02, torch.zeros(JOINT)
    return w


def make_checkpoint(work):
    import sentencepiece
    import torch
    from tiny_clap import CORPUS
    if (work / "clap_ckpt/epoch_16.pt").exists():
        return
    (work / "clap_ckpt").mkdir(parents=True, exist_ok=True)
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 3), model_writer=model, vocab_size=90, model_type="unigram", pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, num_threads=1, minloglevel=2, hard_vocab_limit=False)
    (work / "spiece.model").write_bytes(model.getvalue())
    state = {"audio_branch." + name: tensor for name, tensor in tower_weights().items()}
    state.update({"text_branch." + name: tensor for name, tensor in t5_encoder().state_dict().items()})
    state.update(projections())
    state["logit_scale_a"] = state["logit_scale_t"] = torch.tensor(2.66)
    part = work / "clap_ckpt/part"
    torch.save({"epoch": 16, "name": "af-clap", "state_dict": {"module." + k: v for k, v in state.items()}}, part)
    part.rename(work / "clap_ckpt/epoch_16.pt")


def rival(args):
    """The child process: seconds per clip and per text, one at a time and 16 at once, as a line of JSON."""
    import torch
    import torch.nn.functional as F
    from published_model import PublishedModel
    from published_shapes import SHAPES
    from reference_model import mel_filters
    torch.set_num_threads(args.threads)

    class Tower(PublishedModel):
        def __init__(self):
            self.shape, self.dtype, self.device = SHAPES["0.5b"], torch.float32, "cpu"  # DEPTHS and HEADS, as in all
            self.w = {"clap.nvclap." + name: tensor for name, tensor in tower_weights().items()}
            self.filters = torch.from_numpy(mel_filters()).float()
            self._index = self._relative_index()

    tower, text, heads = Tower(), t5_encoder(), projections()

    def project(name, x):
        x = F.linear(F.relu(F.linear(x, heads[name + ".0.weight"], heads[name + ".0.bias"])), heads[name + ".2.weight"],
                     heads[name + ".2.bias"])
        return F.normalize(x, dim=-1)

    words = 24
    ids = torch.zeros(1, 77, dtype=torch.long)
    ids[0, :words] = torch.arange(3, 3 + words)
    mask = (ids != 0).long()
    times = {}
    with torch.no_grad():
        for n in (1, 16):
            clips = torch.randn(n, 160000) * 0.1
            for name, work in (("clip", lambda: project("audio_projection", tower.tower(tower.log_mel(clips)).mean(1))),
                               ("text", lambda: project("text_projection", text(
                                   input_ids=ids.expand(n, -1), attention_mask=mask.expand(n, -1)).last_hidden_state.mean(1)))):
                work()
                start = time.perf_counter()
                work()
                times[f"{name} {n}"] = (time.perf_counter() - start) / n
    print(json.dumps(times))


def af2_times(args, model, dtype):
    lines = subprocess.run([args.program, "bench", "--clap", "-m", model, "--seconds", "10", "--reps", "3", "--json", "-t",
                            str(args.threads), "--dtype", dtype], check=True, capture_output=True, text=True).stdout
    times = {}
    for line in map(json.loads, lines.splitlines()):
        what = line["what"]
        times[("text" if "text" in what else "clip") + (" 16" if what.startswith("one of 16") else " 1")] = line["seconds_each"]
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--types", default="f32,bf16")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench/clap")
    parser.add_argument("--program", default=str(ROOT / "build/release/af2"))
    parser.add_argument("--mini", help="a small AF-CLAP: measured alone")
    parser.add_argument("--rival", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rival:
        return rival(args)
    make_checkpoint(args.work)
    types = args.types.split(",")
    ours, theirs, small = {t: [] for t in types}, [], {t: [] for t in types}
    for _ in range(args.reps):
        child = subprocess.run([sys.executable, __file__, "--rival", "--threads", str(args.threads)], check=True,
                               capture_output=True, text=True)
        theirs.append(json.loads(child.stdout.splitlines()[-1]))
        for kind in types:
            ours[kind].append(af2_times(args, args.work, kind))
            if args.mini:
                small[kind].append(af2_times(args, args.mini, kind))

    def middle(runs, key):
        return statistics.median(run[key] for run in runs)

    print(f"{args.threads} threads, median of {args.reps} runs; vectors per second, and times the rival in float32")
    print("| vectors of | PyTorch | " + " | ".join(f"af2 {t} | x" for t in types) + " |")
    print("| " + " | ".join(["---"] * (2 + 2 * len(types))) + " |")
    names = {"clip 1": "clips of 10 s, one at a time", "clip 16": "16 at once", "text 1": "texts, one at a time",
             "text 16": "16 at once"}
    for what, name in names.items():
        rival_s = middle(theirs, what)
        cells = [f"{1 / middle(ours[t], what):.2f} | {rival_s / middle(ours[t], what):.2f}" for t in types]
        print(f"| {name} | {1 / rival_s:.2f} | " + " | ".join(cells) + " |")
    if args.mini:
        print("\n| small AF-CLAP | " + " | ".join(f"af2 {t}, per s" for t in types) + " |")
        print("| " + " | ".join(["---"] * (1 + len(types))) + " |")
        for what, name in names.items():
            print(f"| {name} | " + " | ".join(f"{1 / middle(small[t], what):.1f}" for t in types) + " |")
    return None


if __name__ == "__main__":
    sys.exit(main())
