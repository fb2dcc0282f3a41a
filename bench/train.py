#!/usr/bin/env python3
"""Speed and memory of a training step beside PyTorch taking the released step, in one run, with the same weights and sounds.

Usage: .venv/bin/python bench/train.py [--af2 build/release/af2] [--shape mini|0.5b|both] [--cases stage1,stage2]
       [--dtype f32,bf16] [--steps 6] [--reps 1] [--threads 2] [--clips N] [--plain] [--mini models/mini] [--work .cache/bench]

A step is one batch of clips of 30 s (3 windows, also in stage 2, whose recipe has 12, so that it ends in minutes on two
cores), each with a question of about 30 tokens and an answer of about 20: forward, backward, gradient clipping, AdamW.
stage1 trains the adapter and hears without gradients; stage2 trains the tower too. The language model is frozen but
for the four added embeddings. Both sides have the same weights (the shipped mini; the 0.5B shape made from names, as in
bench/compare.py), clips, tokens, threads, learning rates and weight decay, and neither has dropout, drop path or masks, so
that every step's loss must be the same on both: the run fails where the first one of float32 differs by 1e-3.
The rival is tests/oracle/training_model.py: logits at all positions, torch.optim.AdamW and clip_grad_norm_ as they come,
waveforms that lie ready in memory. `af2 train` (task stage) decodes and resamples its clips in one thread beside the step.
What the rival does without doing less work of the task is switched on alone, one row each; then all together. The
rows where the tower is not run (its tokens are kept) do less work than the others and are compared with each other.
--plain leaves out the rows with switches: more repetitions in the same time, which a machine of changing speed wants.
Each side is a process of its own, --reps times in turns. Seconds: median (least-most) over --steps steps after one
unmeasured. Memory: the kernel's mark of the most that was resident during these steps; loading and saving are not
in it. bf16 (autocast on both sides) is left out where the processor has no bfloat16. Needs tools/setup.sh --tests and,
for the mini, gguf==0.17.1 (pip install --no-deps).
"""
import argparse
import contextlib
import ctypes
import json
import math
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "bench"), str(ROOT / "tests/oracle")]

from compare import peak_memory, prepare  # noqa: E402
from train_data import SECONDS, WINDOWS, write_batch, write_clip  # noqa: E402

LR, DECAY, CLIP_NORM = 1e-4, 0.1, 1.0
TOLERANCE = 1e-3  # of the first step's loss, float32
LONG = 300  # seconds of the sound that shows how long reading takes
CLIPS = {"mini": 8, "0.5b": 2}  # of a batch
TRAINED = {"stage1": ["adapter"], "stage2": ["clap", "adapter"]}
WARM_UP = 1
READ_AHEAD = 2  # batches that af2's one worker has ready, which were read before their tokens were kept
# Rows of the rival by stage: what differs from the release.
VARIANTS = {"as released": [], "logits at the targets alone": ["targets"], "AdamW fused": ["fused"],
            "both": ["targets", "fused"], "tokens kept": ["kept"], "tokens kept, and both": ["kept", "targets", "fused"]}


class Side:
    """What the steps of one process took: seconds and losses of the measured ones, phases in seconds, MiB."""

    def __init__(self, times, losses, peak, phases=None, first_loss=None):
        self.times, self.losses, self.peak, self.phases, self.first_loss = times, losses, peak, phases, first_loss


# ---- af2 ----

def recipe(args, work, model, case, dtype, cache):
    """Every slice of the plan is one pass over the items, and every pass one batch of them all."""
    n, passes = args.clips, WARM_UP + READ_AHEAD + args.steps + 1
    return {
        "task": "stage", "model": str(model), "precision": {"f32": "fp32", "bf16": "bf16"}[dtype],
        "threads": args.threads, "workers": 1, "save_every": 10**6, "save_minutes": 10**6, "val_every": 10**6,
        "optimizer": {"lr": LR, "tower_lr_scale": 1, "warmup_steps": 0, "schedule": "constant", "weight_decay": DECAY,
                      "clip_norm": CLIP_NORM},
        "stage": {"train": TRAINED[case], "windows": WINDOWS, "slices": passes, "max_clips": n,
                  "max_windows": n * WINDOWS, "multiple": 1, "wd_scope": "all", "spec_augment": False,
                  "token_cache": str(cache) if cache else "",
                  "sets": [{"name": "clips", "manifest": str(work / "items.jsonl"), "passes": passes}]}}


def forget_peak(pid="self"):
    """From here on VmHWM counts anew."""
    with contextlib.suppress(OSError):
        pathlib.Path(f"/proc/{pid}/clear_refs").write_text("5")


def run_af2(args, work, model, case, dtype, keep=False):
    """Ended, unsaved, once it has logged its steps: a checkpoint would be gigabytes that nobody wants."""
    warm_up = WARM_UP + (READ_AHEAD if keep else 0)
    with tempfile.TemporaryDirectory(dir=work) as scratch:
        scratch = pathlib.Path(scratch)
        file, log = scratch / "recipe.json", scratch / "run/metrics.jsonl"
        file.write_text(json.dumps(recipe(args, work, model, case, dtype, scratch / "tokens" if keep else None)))
        command = list(map(str, [args.af2, "train", "--config", file, "--out", scratch / "run"]))
        with open(scratch / "errors", "w+") as errors:
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
            records, peak, warm = [], 0, False
            try:
                while len(records) < warm_up + args.steps:
                    if process.poll() is not None:
                        errors.seek(0)
                        raise SystemExit(f"{' '.join(command)} ended early: {errors.read()}")
                    time.sleep(0.01)
                    peak = peak_memory(process.pid) or peak
                    text = log.read_text() if log.exists() else ""
                    records = [json.loads(line) for line in text[:text.rfind("\n") + 1].splitlines()]
                    if not warm and len(records) >= warm_up:
                        forget_peak(process.pid)
                        warm = True
            finally:
                process.kill()
                process.wait()
    records = records[:warm_up + args.steps]
    losses = [record["loss"] for record in records]
    return Side([record["ms"] / 1e3 for record in records[warm_up:]], losses[warm_up:], peak, first_loss=losses[0])


# ---- the rival ----

def rival(args):
    """The child process: loads, takes the steps, prints a line of JSON."""
    import numpy as np
    import torch
    from published_shapes import SHAPES
    from training_model import TrainingModel
    torch.set_num_threads(args.threads)
    job = json.loads(args.rival)
    work, variant = pathlib.Path(job["work"]), job["variant"]
    if args.shape == "mini":
        model = TrainingModel.mini(args.mini)
    else:
        model = TrainingModel.published(args.work / args.shape / "published", SHAPES[args.shape])
    trained = model.train_parts(TRAINED[job["case"]])
    optimizer = torch.optim.AdamW(
        [{"params": [x for name, x in trained if name != "added_embeddings"], "weight_decay": DECAY},
         {"params": [x for name, x in trained if name == "added_embeddings"], "weight_decay": 0}],
        lr=LR, betas=(0.9, 0.999), eps=1e-8, fused="fused" in variant)
    windows = torch.from_numpy(np.load(work / "waveforms.npy"))
    ids, labels = (torch.tensor(rows) for rows in json.loads((work / "ids.json").read_text()))

    def products():
        return torch.autocast("cpu", torch.bfloat16, enabled=job["dtype"] == "bf16")

    ctypes.CDLL(None).malloc_trim(0)  # gives back what reading the weights left, so that it is not counted
    kept = None
    if "kept" in variant:
        with products():
            kept = model.hear(windows, len(ids))
    steps = []
    for i in range(WARM_UP + args.steps):
        if i == WARM_UP:
            forget_peak()
        marks = [time.perf_counter()]

        def mark():
            marks.append(time.perf_counter())

        optimizer.zero_grad()
        with products():
            heard = kept if kept is not None else model.hear(windows, len(ids))
            mark()
            loss = model.loss(heard, ids, labels, targets_only="targets" in variant)
            mark()
        loss.backward()
        mark()
        torch.nn.utils.clip_grad_norm_([x for _, x in trained], CLIP_NORM)
        optimizer.step()
        value = loss.item()
        mark()
        steps.append([value, *(after - before for before, after in zip(marks, marks[1:]))])
    print(json.dumps([steps, peak_memory(), sum(x.numel() for _, x in trained)]))


def run_rival(args, work, case, dtype, variant):
    job = json.dumps({"work": str(work), "case": case, "dtype": dtype, "variant": variant})
    command = [sys.executable, __file__, "--rival", job, "--shape", args.shape, "--steps", args.steps, "--threads",
               args.threads, "--work", args.work, "--mini", args.mini]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"the rival failed: {done.stderr}")
    steps, peak, trained = json.loads(done.stdout.splitlines()[-1])
    args.trained = trained
    measured = steps[WARM_UP:]
    phases = [statistics.median(column) for column in list(zip(*measured))[1:]]
    return Side([sum(step[1:]) for step in measured], [step[0] for step in measured], peak, phases, steps[0][0])


# ---- tables ----

def spread(runs):
    values = sorted(t for run in runs for t in run.times)
    return statistics.median(values), values[0], values[-1]


def print_table(results):
    base = results["rival, as released"]
    base_s, base_mib = spread(base)[0], max(run.peak for run in base)
    kept = results.get("rival, tokens kept")
    print("| side | s per step | times faster than as released | peak memory, MiB | of the released one | loss of the first step |\n"
          "| --- | --- | --- | --- | --- | --- |")
    for name, runs in results.items():
        median, least, most = spread(runs)
        mib = max(run.peak for run in runs)
        faster = f"{base_s / median:.2f}"
        if "kept" in name and kept:
            faster += f"; than kept: {spread(kept)[0] / median:.2f}"
        print(f"| {name} | {median:.3f} ({least:.3f}-{most:.3f}) | {faster} | {mib:.0f} | {mib / base_mib:.2f} | "
              f"{runs[0].first_loss:.5f} |")


def check_losses(results, dtype):
    """Whether both sides computed the same thing; a line that says so."""
    ours, theirs = results["af2"][0], results["rival, as released"][0]
    first = abs(ours.first_loss - theirs.first_loss)
    every = max(abs(a - b) for a, b in zip(ours.losses, theirs.losses))
    same = dtype != "f32" or first < TOLERANCE
    print(f"\nLoss of the first step: af2 {ours.first_loss:.6f}, rival {theirs.first_loss:.6f}, {first:.1e} apart; of the "
          f"measured steps at most {every:.1e} apart, down to {theirs.losses[-1]:.4f}. "
          + ("" if dtype == "f32" else "In bf16 the two round in other places. ")
          + ("" if same else "THE TWO SIDES DO NOT COMPUTE THE SAME: the figures above mean nothing."))
    return same and math.isfinite(ours.first_loss)


def print_account(results, case):
    """Where the ratio comes from: phases of the rival, and what each switch saves it."""
    released, ours = results["rival, as released"], spread(results["af2"])[0]
    hear, forward, backward, update = (statistics.median(column) for column in zip(*(run.phases for run in released)))
    base = spread(released)[0]
    print(f"The released step: hearing {hear:.3f} s, forward {forward:.3f}, backward {backward:.3f}, clipping and AdamW "
          f"{update:.3f}, {base:.3f} in all; af2's takes {ours:.3f}, {base / ours:.2f} times faster. What the switches save the rival:")
    for name, runs in results.items():
        if name.startswith("rival, ") and runs is not released:
            print(f"- {name.removeprefix('rival, ')}: {base - spread(runs)[0]:+.3f} s saved")
    if "af2, tokens kept" in results:
        kept = spread(results["af2, tokens kept"])[0]
        best = spread(results.get("rival, tokens kept, and both", results["rival, tokens kept"]))[0]
        print(f"Hearing, reading the sounds included, costs af2 {ours - kept:.3f} s, and the rival, whose sounds are read, {hear:.3f}; "
              f"all else {kept:.3f} s and {base - hear:.3f}, or {best:.3f} with kept tokens and what switches there are. `stage.token_cache` makes a step of af2 {ours / kept:.1f} times faster from the "
              "second pass on; kept tokens are rounded to bfloat16, so that the loss differs in its last digits.")
    elif "rival, both" in results:
        best = spread(results["rival, both"])[0]
        print(f"With both switches the rival takes {best:.3f} s, {best / ours:.2f} times as long as af2: what is left is how the "
              "same products, attention and gradients are computed.")


def print_loading(args, work, model, results):
    """Whether reading the sounds could be what a step waits for."""
    long = work / "long.wav"
    write_clip(long, 0, LONG)

    def wall(seconds):
        """Of a program that starts, reads so much of it and computes nothing."""
        start = time.perf_counter()
        subprocess.run([args.af2, "features", "-q", "-m", model, "--windows", "30", "--layer", "waveform", "-t", "1",
                        "--duration", str(seconds), "-o", work / "clip.npy", long], check=True)
        return time.perf_counter() - start

    read, started = (min(wall(seconds) for _ in range(5)) for seconds in (LONG, 1))
    batch = max(0.0, read - started) / (LONG - 1) * SECONDS * args.clips
    step, kept = spread(results["af2"])[0], spread(results["af2, tokens kept"])[0]
    verdict = "never the limit here" if batch < kept else (
        "hidden behind the step" if batch < step else "THE LIMIT of the uncached step with one worker")
    print(f"Loading: decoding and resampling a batch's {args.clips} clips (44.1 kHz stereo WAV) takes one thread {batch:.3f} s, "
          f"beside {step:.3f} s of a step with one worker and {kept:.3f} s of one with everything cached: {verdict}.")


# ---- the run ----

def sides_of(args, work, model, case, dtype):
    """What is timed, by the name of its row."""
    sides = {}
    for name, variant in VARIANTS.items():
        if args.plain and set(variant) - {"kept"}:
            continue
        if "kept" not in variant or case == "stage1":
            sides[f"rival, {name}"] = lambda variant=variant: run_rival(args, work, case, dtype, variant)
    sides["af2"] = lambda: run_af2(args, work, model, case, dtype)
    if case == "stage1":
        sides["af2, tokens kept"] = lambda: run_af2(args, work, model, case, dtype, keep=True)
    return sides


def run_shape(args):
    folder = args.mini if args.shape == "mini" else prepare(args, ["f32"])[0] / "f32"
    args.clips = args.asked_clips or CLIPS[args.shape]
    args.work.mkdir(parents=True, exist_ok=True)
    sound = True
    with tempfile.TemporaryDirectory(dir=args.work) as work:
        work = pathlib.Path(work)
        model, tokens = write_batch(args.af2, args.shape, folder, work, args.clips)
        for case in args.cases.split(","):
            for dtype in args.types:
                results = {name: [] for name in sides_of(args, work, model, case, dtype)}
                for _ in range(args.reps):
                    for name, run in sides_of(args, work, model, case, dtype).items():
                        results[name].append(run())
                print(f"\n{args.shape}, {case} ({' and '.join(TRAINED[case])} trained, {args.trained / 1e6:.1f} M parameters), "
                      f"{dtype}: {args.clips} clips of {SECONDS} s ({WINDOWS} windows), {tokens}, {args.threads} threads, "
                      f"{args.reps} x {args.steps} steps: median (least-most)\n")
                print_table(results)
                sound &= check_losses(results, dtype)
                print_account(results, case)
                if case == "stage1" and dtype == args.types[0]:
                    print_loading(args, work, model, results)
                sys.stdout.flush()
    return sound


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--af2", type=pathlib.Path, default=ROOT / "build/release/af2")
    parser.add_argument("--shape", choices=("mini", "0.5b", "both"), default="both")
    parser.add_argument("--cases", default="stage1,stage2")
    parser.add_argument("--dtype", default="f32,bf16")
    parser.add_argument("--steps", type=int, default=6, help="measured, after one that is not")
    parser.add_argument("--reps", type=int, default=1, help="processes of each side, in turns")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--clips", type=int, dest="asked_clips", help="of a batch (mini 8, 0.5b 2)")
    parser.add_argument("--plain", action="store_true", help="without the rows of switches")
    parser.add_argument("--mini", type=pathlib.Path, default=ROOT / "models/mini")
    parser.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench")
    parser.add_argument("--rival", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.rival:
        rival(args)
        return
    args.program, args.store, args.types = args.af2, "f32", args.dtype.split(",")
    import torch
    if "bf16" in args.types and not torch.ops.mkldnn._is_mkldnn_bf16_supported():
        print("bf16 is left out: this processor has no products in bfloat16.")
        args.types.remove("bf16")
    shapes = ("mini", "0.5b") if args.shape == "both" else (args.shape,)
    sound = True
    for args.shape in shapes:
        sound &= run_shape(args)
    raise SystemExit(0 if sound else 1)


if __name__ == "__main__":
    main()
