#!/usr/bin/env python3
"""Speed and memory beside the release's own way of computing, in one run on one machine, with the same weights.

Usage: .venv/bin/python bench/compare.py [--shape 0.5b] [--seconds 61] [--tokens 16] [--reps 3] [--threads 2]
       [--work .cache/bench] [--program build/release/af2] [--types f32,bf16,q8_0,q4_0] [--store f32]

The rival is tests/oracle/published_model.py: PyTorch in float32, one clip, the language model by `transformers` with its
cache, keys and values of the cross-attention made again for every token, as the released code does. Its weights are
made from names (tests/oracle/make_published.py, stored as --store says: bf16 for the large shapes) in WORK, where they
stay for the next run. Both sides are timed in turns, each time in a process of its own, --reps times: first token (tower, audio transformer and prompt), then each further token. Of af2, each folder
that `af2 convert` makes: f32 as --dtype f32, all others as --dtype bf16 where the processor has it. Prints a table in Markdown.
Needs tools/setup.sh --tests.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
ORACLE = ROOT / "tests/oracle"
sys.path.insert(0, str(ORACLE))
TOKENIZER = ROOT / ".cache/tokenizers/qwen2_5/tokenizer.json"
PROMPT = [151665, 12555, 653, 498, 6723, 304, 419, 7699, 30, 151668]


def run_af2(program, folder, clip, tokens, threads, dtype):
    """First token in s, s per further token, peak memory in MiB, ids."""
    command = [program, "ask", "-m", folder, "-t", threads, "--dtype", dtype, "--windows", 30, "--tokens",
               ",".join(map(str, PROMPT)), "--ignore-eos", "-n", tokens, "--json", clip]
    # What getrusage tells of a child counts the parent's memory at the fork: the kernel's own mark is read instead.
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=subprocess.DEVNULL)
        peak = 0
        while process.poll() is None:
            peak = max(peak, peak_memory(process.pid))
            time.sleep(0.02)
        out.seek(0)
        text = out.read()
    if process.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} failed")
    line = json.loads(text.splitlines()[0])
    t = line["timings"]
    first = (t["encode_ms"] + t["prefill_ms"]) / 1e3
    return first, t["decode_ms"] / 1e3 / (tokens - 1), peak, line["tokens"]


def rival(args, waveform):
    """The child process: loads, measures once, prints a line of JSON."""
    import numpy as np
    import torch
    from published_model import PublishedModel
    from published_shapes import SHAPES
    torch.set_num_threads(args.threads)
    model = PublishedModel(args.work / args.shape / "published", SHAPES[args.shape])
    windows = torch.from_numpy(np.load(waveform))
    start = time.perf_counter()
    marks = []
    with torch.no_grad():
        heard = [model.tower(model.log_mel(window[None])) for window in windows]
        memory = model.audio_transformer(torch.cat(heard).flatten(0, 1)[None])
    ids = model.greedy(PROMPT, memory, args.tokens, lambda: marks.append(time.perf_counter()))
    print(json.dumps([marks[0] - start, (marks[-1] - marks[0]) / (args.tokens - 1), peak_memory(), ids]))


def run_rival(args, waveform):
    command = [sys.executable, __file__, "--shape", args.shape, "--tokens", args.tokens, "--threads", args.threads,
               "--work", args.work, "--rival", waveform]
    out = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    return tuple(json.loads(out.splitlines()[-1]))


def peak_memory(pid="self"):
    """MiB; 0 once the process has ended."""
    try:
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    return 0


def prepare(args, types, duplicates=False):
    """The published folder, and what `af2 convert` makes of it; "published" among the types is the folder itself."""
    work = args.work / args.shape
    published = work / "published"
    if not (published / "safe_ckpt/metadata.json").exists():
        subprocess.run([sys.executable, ORACLE / "make_published.py", "--shape", args.shape, "--out", published,
                        "--tokenizer", TOKENIZER, "--dtype", args.store, *([] if duplicates else ["--single"])], check=True)
    for kind in types:
        if kind != "published" and not (work / kind / "config.json").exists():
            subprocess.run([args.program, "convert", "-q", "-i", published, "-o", work / kind, "--dtype", kind],
                           check=True, stdout=subprocess.DEVNULL)
    return work, published


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", default="0.5b")
    parser.add_argument("--seconds", type=float, default=61)
    parser.add_argument("--tokens", type=int, default=16)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--types", default="f32,bf16,q8_0,q4_0")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench")
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    parser.add_argument("--store", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--rival", type=pathlib.Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rival:
        rival(args, args.rival)
        return
    types = args.types.split(",")
    work, _ = prepare(args, types)

    import numpy as np
    clip = work / "clip.npy"
    t = np.arange(int(args.seconds * 16000)) / 16000
    np.save(clip, (0.3 * np.sin(2 * np.pi * 330 * t) + 0.1 * np.random.default_rng(1).standard_normal(len(t)))
            .astype(np.float32))
    subprocess.run([args.program, "features", "-q", "-m", work / types[0], "--windows", "30", "--layer", "waveform", "-o",
                    work / "waveform.npy", clip], check=True)
    windows = len(np.load(work / "waveform.npy"))
    sides = {"reference, float32": lambda: run_rival(args, work / "waveform.npy")}
    for kind in types:
        dtype = "f32" if kind in ("f32", "published") else "auto"
        sides[f"af2, {kind}"] = lambda kind=kind, dtype=dtype: run_af2(args.program, work / kind, clip, args.tokens,
                                                                       args.threads, dtype)
    results = {name: [] for name in sides}
    for _ in range(args.reps):
        for name, run in sides.items():
            results[name].append(run())
    base = results["reference, float32"]
    base_first, base_each = (statistics.median(r[i] for r in base) for i in (0, 1))
    same = {name: sum(a == b for a, b in zip(runs[0][3], base[0][3])) for name, runs in results.items()}
    print(f"{args.shape} shape, {args.seconds:g} s of audio ({windows} windows), {args.tokens} tokens, "
          f"{args.threads} threads, {args.reps} runs in turns: median (minimum-maximum)\n")
    print("| side | first token, s | times faster | s per further token | times faster | peak memory, MiB | tokens as "
          "the reference |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name, runs in results.items():
        first, each = sorted(r[0] for r in runs), sorted(r[1] for r in runs)
        f, e = statistics.median(first), statistics.median(each)
        print(f"| {name} | {f:.2f} ({first[0]:.2f}-{first[-1]:.2f}) | {base_first / f:.1f} | "
              f"{e:.4f} ({each[0]:.4f}-{each[-1]:.4f}) | {base_each / e:.1f} | {max(r[2] for r in runs):.0f} | "
              f"{same[name]} of {args.tokens} |")


if __name__ == "__main__":
    main()
