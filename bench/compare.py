#!/usr/bin/env python3
"""Speed and memory beside the release's own way of computing, in one run on one machine, with the same weights.

Usage: .venv/bin/python bench/compare.py [--shape 0.5b] [--seconds 61] [--tokens 16] [--reps 3] [--threads 2]
       [--work .cache/bench] [--program build/release/af2] [--types f32,bf16,q8_0,q4_0] [--store f32]
       [--device cpu] [--layers 12,all]

The rival is tests/oracle/published_model.py: PyTorch in float32, one clip, the language model by `transformers` with its
cache, keys and values of the cross-attention made again for every token, as the released code does. Its weights are
made from names (tests/oracle/make_published.py, stored as --store says: bf16 for the large shapes) in WORK, where they
stay for the next run. Both sides are timed in turns, each time in a process of its own, --reps times: first token (tower, audio transformer and prompt), then each further token. Of af2, each folder
that `af2 convert` makes: f32 as --dtype f32, all others as --dtype bf16 where the processor has it. Prints a table in Markdown.
With --device cuda both sides compute on the GPU in bfloat16, the rival with all windows in one batch, once as the
release does and once with keys and values of the cross-attention kept; af2 with each number of --layers on the GPU.
Every process then hears the clip three times more after once unmeasured, and memory is the GPU's.
Needs tools/setup.sh --tests.
"""
import argparse
import json
import pathlib
import shutil
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


class Side:
    """What one process said: seconds to the first token and per further token of each hearing, MiB, ids."""

    def __init__(self, times, peak, ids):
        self.times, self.peak, self.ids = times, peak, ids


class GpuMemory:
    """The largest part of the GPU's memory that was taken while it watched, beyond what was before."""

    def __init__(self, device):
        import torch
        self.device = torch.device(device)
        self.free = lambda: torch.cuda.mem_get_info(self.device)[0] / 2**20
        self.before = self.least = self.free()

    def look(self):
        self.least = min(self.least, self.free())
        return self.before - self.least


def hearings(args):
    """How often a process hears the clip: on a GPU the first time, which loads its code, is not measured."""
    return 1 if args.device == "cpu" else 4


def watched(args, command):
    """The output of a process, and its peak memory."""
    gpu = None if args.device == "cpu" else GpuMemory(args.device)
    # What getrusage tells of a child counts the parent's memory at the fork: the kernel's own mark is read instead.
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(list(map(str, command)), stdout=out, stderr=errors)
        peak = 0
        while process.poll() is None:
            peak = max(peak, gpu.look() if gpu else peak_memory(process.pid))
            time.sleep(0.02)
        for file in (out, errors):
            file.seek(0)
        if process.returncode:
            raise SystemExit(f"{' '.join(map(str, command))} failed: {errors.read().decode()}")
        return out.read().decode(), peak


def run_af2(args, folder, clips, dtype, layers="auto"):
    command = [args.program, "ask", "-m", folder, "-t", args.threads, "--dtype", dtype, "--windows", 30, "--tokens",
               ",".join(map(str, PROMPT)), "--ignore-eos", "-n", args.tokens, "--json", *clips]
    if args.device != "cpu":
        command += ["--device", args.device, "--gpu-layers", layers]
    text, peak = watched(args, command)
    lines = [line for line in map(json.loads, text.splitlines()) if line["type"] == "answer"]
    times = [((t["encode_ms"] + t["prefill_ms"]) / 1e3, t["decode_ms"] / 1e3 / (args.tokens - 1))
             for t in (line["timings"] for line in lines)]
    return Side(times[len(times) > 1:], peak, lines[-1]["tokens"])


def rival(args, waveform):
    """The child process: loads, measures, prints a line of JSON."""
    import numpy as np
    import torch
    from published_model import PublishedModel
    from published_shapes import SHAPES
    torch.set_num_threads(args.threads)
    gpu = args.device != "cpu"
    model = PublishedModel(args.work / args.shape / "published", SHAPES[args.shape], recompute=not args.keep,
                           dtype=torch.bfloat16 if gpu else torch.float32, device=args.device)
    windows = torch.from_numpy(np.load(waveform))
    times = []
    for _ in range(hearings(args)):
        if gpu:
            torch.cuda.synchronize()
        start, marks = time.perf_counter(), []
        with torch.no_grad():
            heard = [model.tower(model.log_mel(part)) for part in windows.split(len(windows) if gpu else 1)]
            memory = model.audio_transformer(torch.cat(heard).flatten(0, 1)[None])
        ids = model.greedy(PROMPT, memory, args.tokens, lambda: marks.append(time.perf_counter()))
        times.append((marks[0] - start, (marks[-1] - marks[0]) / (args.tokens - 1)))
    print(json.dumps([times[len(times) > 1:], peak_memory(), ids]))


def run_rival(args, waveform, keep=False):
    command = [sys.executable, __file__, "--shape", args.shape, "--tokens", args.tokens, "--threads", args.threads,
               "--work", args.work, "--device", args.device, "--rival", waveform, *(["--keep"] if keep else [])]
    text, peak = watched(args, command)
    times, own, ids = json.loads(text.splitlines()[-1])
    return Side(times, own if args.device == "cpu" else peak, ids)


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
    parser.add_argument("--device", default="cpu", help="cpu, or cuda:N for both sides")
    parser.add_argument("--layers", default="all", help="on the GPU, of the language model: several as a,b,c")
    parser.add_argument("--rival", type=pathlib.Path, help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
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
    sides = sides_of(args, types, work, clip)
    results = {name: [] for name in sides}
    for _ in range(args.reps):
        for name, run in sides.items():
            results[name].append(run())
    again = "" if args.device == "cpu" else f" of {hearings(args) - 1} hearings"
    print(f"{args.shape} shape, {args.seconds:g} s of audio ({windows} windows), {args.tokens} tokens, "
          f"{args.threads} threads, {args.reps} runs in turns{again}: median (minimum-maximum)\n")
    print_table(results, args.tokens)


def sides_of(args, types, work, clip):
    """What is timed, by the name of its row; the first is the rival of all others."""
    waveform = work / "waveform.npy"
    if args.device == "cpu":
        sides = {"reference, float32": lambda: run_rival(args, waveform)}
        for kind in types:
            dtype = "f32" if kind in ("f32", "published") else "auto"
            sides[f"af2, {kind}"] = lambda kind=kind, dtype=dtype: run_af2(args, work / kind, [clip], dtype)
        return sides
    clips = [clip]  # a file that was heard last would not be heard again
    for i in range(1, hearings(args)):
        clips.append(clip.with_name(f"clip{i}.npy"))
        shutil.copyfile(clip, clips[-1])
    sides = {"reference, bfloat16": lambda: run_rival(args, waveform),
             "reference, bfloat16, keys kept": lambda: run_rival(args, waveform, keep=True)}
    for kind in types:
        for layers in args.layers.split(","):
            sides[f"af2, {kind}, layers on the GPU: {layers}"] = (
                lambda kind=kind, layers=layers: run_af2(args, work / kind, clips, "bf16", layers))
    return sides


def print_table(results, tokens):
    def spread(runs, i):
        values = sorted(times[i] for run in runs for times in run.times)
        return statistics.median(values), values[0], values[-1]

    base = next(iter(results.values()))
    base_first, base_each = spread(base, 0)[0], spread(base, 1)[0]
    digits = 2 if base_first > 1 else 4
    print("| side | first token, s | times faster | s per further token | times faster | peak memory, MiB | tokens as "
          "the reference |\n| --- | --- | --- | --- | --- | --- | --- |")
    for name, runs in results.items():
        f, f_least, f_most = spread(runs, 0)
        e, e_least, e_most = spread(runs, 1)
        same = sum(a == b for a, b in zip(runs[0].ids, base[0].ids))
        print(f"| {name} | {f:.{digits}f} ({f_least:.{digits}f}-{f_most:.{digits}f}) | {base_first / f:.1f} | "
              f"{e:.4f} ({e_least:.4f}-{e_most:.4f}) | {base_each / e:.1f} | {max(run.peak for run in runs):.0f} | "
              f"{same} of {tokens} |")


if __name__ == "__main__":
    main()
