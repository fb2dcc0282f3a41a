#!/usr/bin/env python3
"""What training Audio Flamingo 2 costs a device, on paper: parameters, memory and what ranks say to each other, for the sizes of recipes/af2.

Usage: bench/scaling.py                        the tables of docs/scaling.md
       bench/scaling.py --check RUN --model M  the same sums for a model folder, beside what the run measured

Everything is counted from the sizes of the network (docs/spec/model.md); nothing is fitted. A run's memory is `memory_mb` of its metrics.jsonl, its
parameters those of its last checkpoint.
"""
import argparse
import json
import pathlib
import struct
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
GB = 1e9
# Qwen2.5 (docs/spec/model.md section 7): layers, width, heads, key-value heads, feed-forward width, tied, head width.
LMS = {"0.5b": (24, 896, 14, 2, 4864, True, 64), "1.5b": (28, 1536, 12, 2, 8960, True, 128),
       "3b": (36, 2048, 16, 2, 11008, True, 128), "7b": (28, 3584, 28, 4, 18944, False, 128)}
VOCABULARY = 151936
# The card that the paper used, and its links; what share of its arithmetic a step reaches is an assumption, said in the page.
FLOPS = 312e12  # bfloat16, A100
SHARE = 0.35
LINK = 25e9  # bytes a second between nodes, a card: 200 Gbit/s


def lm_parameters(size):
    layers, width, heads, kv, ffn, tied, head = LMS[size]
    attention = width * heads * head + 2 * width * kv * head + heads * head * width + (heads + 2 * kv) * head
    each = attention + 3 * width * ffn + 2 * width
    return layers * each + width + VOCABULARY * width * (1 if tied else 2)


def tower_parameters(clap, n_mels=64):
    """HTSAT with its patch projection, without the fusion path."""
    width, total = clap["embed_dim"], 0
    total += clap["patch"] ** 2 * width + width + 2 * width + 2 * n_mels  # projection, its norm, bn0
    for stage, depth in enumerate(clap["depths"]):
        heads, window, hidden = clap["heads"][stage], clap["window"], int(clap["mlp_ratio"] * width)
        block = 4 * width + 3 * width * width + 3 * width + width * width + width + (2 * window - 1) ** 2 * heads
        block += 2 * width * hidden + hidden + width
        total += depth * block
        if stage + 1 < len(clap["depths"]):
            total += 8 * width + 8 * width * width  # norm of 4C, 4C -> 2C
            width *= 2
    return total + 2 * width, width


def adapter_parameters(config, lm_width, lm_layers, memory_width):
    d = memory_width
    transformer = 2 * d + config["audio_transformer"]["layers"] * (4 * d * d + 2 * d + 2 * (d * d + d) + 2 * d)
    x = config["xattn"]
    inner = x["heads"] * x["dim_head"]
    hidden = int(lm_width * x["ff_mult"])
    block = 2 * lm_width + lm_width * inner + d * 2 * inner + inner * lm_width + 2 + 2 * lm_width + 2 * lm_width * hidden
    blocks = len(range(x["every"] - 1, lm_layers, x["every"]))
    return transformer + blocks * block, blocks


def sizes(size):
    config = json.loads((ROOT / f"recipes/af2/models/{size}.json").read_text())
    layers, width = LMS[size][:2]
    tower, memory = tower_parameters(config["clap"])
    adapter, blocks = adapter_parameters(config, width, layers, memory)
    return {"lm": lm_parameters(size), "tower": tower, "adapter": adapter, "blocks": blocks, "layers": layers, "width": width}


def memory(size, trained, ranks, clips, windows, tokens=200):
    """Bytes on a device: what stands, and what one micro-batch adds. Frozen parts in bfloat16; trained ones with float32 weights and gradients."""
    n = sizes(size)
    trained_parameters = sum(n[part] for part in trained)
    frozen = sum(n[part] for part in ("lm", "tower", "adapter") if part not in trained)
    weights = 2 * frozen + 4 * trained_parameters + 2 * trained_parameters  # the last: autocast's bfloat16 copies
    gradients = 4 * trained_parameters
    moments = 8 * trained_parameters
    width, ffn = n["width"], LMS[size][4]
    # Activations that wait for the backward pass, bfloat16: per position of a decoder layer its input, queries, keys, values, mixture, and twice the
    # feed-forward's width; the same of a cross-attention block; one number per weight of attention is not kept (fused).
    decoder = clips * tokens * n["layers"] * (6 * width + 3 * ffn) * 2
    cross = clips * tokens * n["blocks"] * (4 * width + 2 * 4 * width) * 2 + clips * windows * 64 * n["blocks"] * 2 * 512 * 2
    audio = clips * windows * 64 * 2048 * 3 * 10 * 2
    tower = 0
    if "tower" in trained:  # per block 16 numbers a channel and position
        places = [(4096, 256, 2), (1024, 512, 2), (256, 1024, 12), (64, 2048, 2)]
        tower = clips * windows * sum(p * c * d for p, c, d in places) * 16 * 2
    return {"standing": weights + gradients + moments, "sharded": weights + gradients + moments / ranks,
            "activations": decoder + cross + audio + tower}


def step(size, trained, ranks, clips_a_step, windows, tokens=200):
    """Operations of a device and bytes it sends for one step."""
    n = sizes(size)
    trained_parameters = sum(n[part] for part in trained)
    clips = clips_a_step / ranks
    read = 2 * (n["lm"] + n["adapter"]) * tokens  # forward; the same for the gradients of the inputs
    operations = clips * (2 * read + 2 * n["adapter"] * tokens)
    tower_forward = 2 * sum(p * c * c * 12 * d for p, c, d in [(4096, 256, 2), (1024, 512, 2), (256, 1024, 12), (64, 2048, 2)])
    operations += clips * windows * tower_forward * (3 if "tower" in trained else 1)
    sent = 2 * (ranks - 1) / ranks * 4 * trained_parameters  # ring: reduce and spread
    return {"operations": operations, "sent": sent, "seconds": operations / FLOPS / SHARE, "exchange": sent / LINK}


def tables():
    print("### Parameters, millions\n\n| size | language model | tower | adapter | trained in stages 1 and 3 | in stage 2 |\n| --- | --- | --- | --- | --- | --- |")
    for size in LMS:
        n = sizes(size)
        print(f"| {size.upper()} | {n['lm'] / 1e6:.0f} | {n['tower'] / 1e6:.0f} | {n['adapter'] / 1e6:.0f} | {n['adapter'] / 1e6:.0f} | {(n['adapter'] + n['tower']) / 1e6:.0f} |")
    print("\n### Memory of a device in GB, stage 2 (tower and adapter trained; 8 clips of 12 windows a micro-batch)\n")
    print("| size | weights, gradients, moments | moments sharded over 8 | over 64 | activations of a micro-batch |\n| --- | --- | --- | --- | --- |")
    for size in LMS:
        m = {ranks: memory(size, ("tower", "adapter"), ranks, 8, 12) for ranks in (8, 64)}
        print(f"| {size.upper()} | {m[8]['standing'] / GB:.1f} | {m[8]['sharded'] / GB:.1f} | {m[64]['sharded'] / GB:.1f} | {m[8]['activations'] / GB:.1f} |")
    print("\n### A step of stage 2, 512 clips of 12 windows: seconds of arithmetic, and of exchange that must hide behind the backward pass\n")
    print("| size | devices | TFLOP a device | seconds at 35 % of 312 TFLOP/s | GB sent a device | seconds at 25 GB/s | exchange over backward pass |\n| --- | --- | --- | --- | --- | --- | --- |")
    for size in LMS:
        for ranks in (8, 64, 128, 512):
            s = step(size, ("tower", "adapter"), ranks, 512, 12)
            print(f"| {size.upper()} | {ranks} | {s['operations'] / 1e12:.1f} | {s['seconds']:.2f} | {s['sent'] / GB:.1f} | {s['exchange']:.2f} | {s['exchange'] / (s['seconds'] * 2 / 3):.2f} |")
    print("\n### A step of stage 1, 1024 clips of 3 windows (adapter trained)\n")
    print("| size | devices | seconds | GB sent a device | exchange over backward pass |\n| --- | --- | --- | --- | --- |")
    for size in LMS:
        for ranks in (8, 128, 1024):
            s = step(size, ("adapter",), ranks, 1024, 3)
            print(f"| {size.upper()} | {ranks} | {s['seconds']:.2f} | {s['sent'] / GB:.1f} | {s['exchange'] / (s['seconds'] * 2 / 3):.2f} |")


def parameters_in(file):
    with open(file, "rb") as held:
        header = json.loads(held.read(struct.unpack("<Q", held.read(8))[0]))
    total = {}
    for name, tensor in header.items():
        if name == "__metadata__":
            continue
        n = 1
        for side in tensor["shape"]:
            n *= side
        total[name] = n
    return total


def check(run, model):
    """Sums against a run of this machine: parameters of the checkpoint, and its memory."""
    last = sorted(pathlib.Path(run).glob("step-*"), key=lambda p: int(p.name[5:]))[-1]
    stored, moments = parameters_in(last / "model.safetensors"), parameters_in(last / "optimizer.safetensors")
    config = json.loads((pathlib.Path(model) / "config.json").read_text())
    trained = sum(moments.values()) // 2
    layers = 1 + max(int(name.split(".")[2]) for name in stored if name.startswith("lang_encoder.gated_cross_attn_layers_sound."))
    width = config["lm"].get("dim") or next(n for name, n in stored.items() if name.endswith("attn.norm.weight"))
    audio = next(n for name, n in stored.items() if name == "audio_transformer_clap.layer_norm.weight")
    counted, _ = adapter_parameters({**config, "xattn": {"every": 1, "ff_mult": 4, "heads": 8, "dim_head": 64, **config.get("xattn", {})}}, width, layers, audio)
    held = sum(n for name, n in stored.items() if not name.startswith("clap.") and not name.startswith("added_") and not name.startswith("lang_encoder.model."))
    print(f"adapter: {counted} parameters counted from the sizes, {held} in the checkpoint ({counted / held:.4f})")
    records = [json.loads(line) for line in (pathlib.Path(run) / "metrics.jsonl").read_text().splitlines()]
    measured = max(record.get("memory_mb", 0) for record in records) * 1e6
    said = json.loads((pathlib.Path(run) / "config.json").read_text())
    frozen = said.get("parameters", {}).get("frozen", 0)
    standing = 4 * frozen + 16 * trained
    print(f"trained {trained}, frozen {frozen}: weights, gradients and moments in float32 {standing / 1e6:.0f} MB; measured {measured / 1e6:.0f} MB with program, activations and caches")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", metavar="RUN")
    parser.add_argument("--model", default=str(ROOT / "models/mini"))
    arguments = parser.parse_args()
    sys.exit(check(arguments.check, arguments.model) if arguments.check else tables())
