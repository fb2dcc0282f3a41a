#!/usr/bin/env python3
"""How fast `af2 eval` is: answers batched against one by one, captions scored, the report of a large run.

Usage: .venv/bin/python bench/eval.py [-m MODEL] [--benchmark skills_val --root sets/skills-val] [--limit 200] [--batch 16] [--reps 3]
       [--program build/release/af2] [--work .cache/bench/eval]

Answers: one run that asks an item and all its baselines together, --batch questions at once, beside a plain loop: the score and each baseline one
after the other, one question at a time, each hearing its clips anew (a baseline's time is that of a run with it less that of one without). In turns;
both write the same answers, which is checked. Items an hour count an item with all its baselines; the second row is the score alone. Captions: 10,000 invented ones with five references each. Report: 20,000 invented items. Seconds
are of whole processes. Runs on whatever else the machine does: close other programs first.
"""
import argparse
import json
import pathlib
import random
import shutil
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
BASELINES = ("none", "audio_off", "silence", "shuffled_audio", "choice_shuffle")


def cell(values, form="{:.0f}"):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def timed(*command):
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return time.monotonic() - began


def answers(args, work):
    def run(out, batch, baselines):
        model = ["-m", args.model] if args.model else []
        return timed(args.program, "eval", "run", args.benchmark, "--root", args.root, "--allow-partial", "-o", out, "--limit", args.limit, "-b", batch,
                     "-n", 32, "--baselines", baselines, "--no-cache", *model)

    rows = {"with all baselines": ([], []), "the score alone": ([], [])}
    for _ in range(args.reps):
        shutil.rmtree(work, ignore_errors=True)
        seconds = {name: run(work / name, 1, name) for name in BASELINES}
        alone, together = run(work / "alone", args.batch, "none"), run(work / "together", args.batch, ",".join(BASELINES[1:]))
        loop = seconds["none"] + sum(seconds[name] - seconds["none"] for name in BASELINES[1:])
        for row, one, other in (("with all baselines", loop, together), ("the score alone", seconds["none"], alone)):
            rows[row][0].append(3600 * args.limit / one)
            rows[row][1].append(3600 * args.limit / other)
    for name in BASELINES[1:4]:
        file = f"predictions-{name}.jsonl"
        if (work / "together" / file).read_bytes() != (work / name / file).read_bytes():
            raise SystemExit(f"{file}: the two runs differ")
    print(f"\n{args.limit} items of {args.benchmark}, each with ears off, silence, another clip and the options in other orders; at most 32 tokens; "
          f"{args.batch} questions at once; {args.reps} runs in turns\n")
    print("| items an hour | one by one | batched | ratio |\n| --- | ---: | ---: | ---: |")
    for row, (one, other) in rows.items():
        print(f"| {row} | {cell(one)} | {cell(other)} | {statistics.median(other) / statistics.median(one):.1f} |")


def words(draw, n):
    return " ".join(draw.choice(WORDS) for _ in range(n))


WORDS = [a + b for a in ("ra", "do", "be", "wi", "cla", "tru", "si", "me") for b in ("in", "g", "ll", "nd", "p", "ck", "ren", "tal", "ow", "st")]


def captions(args, work):
    draw = random.Random(1)
    root, run = work / "captions", work / "captions-run"
    (root / "evaluation").mkdir(parents=True)
    rows = ["file_name," + ",".join(f"caption_{i}" for i in range(1, 6))]
    said = []
    for i in range(10000):
        name = f"clip{i:05d}.wav"
        rows.append(name + "," + ",".join(words(draw, draw.randint(8, 14)) for _ in range(5)))
        said.append(json.dumps({"id": name, "output": words(draw, 11)}))
    (root / "clotho_captions_evaluation.csv").write_text("\n".join(rows) + "\n")
    (work / "said.jsonl").write_text("\n".join(said) + "\n")
    flags = ("clotho_v2", "--root", root, "--allow-partial")
    seconds = timed(args.program, "eval", "score", run, *flags, "--predictions", work / "said.jsonl", "--no-tower")
    print(f"\n10,000 captions with five references each, all native metrics and their intervals: {seconds:.0f} s.")


def report(args, work):
    draw = random.Random(2)
    root, run = work / "mmsu", work / "mmsu-run"
    root.mkdir(parents=True)
    items = [{"id": f"q{i}", "audio_id": f"./a/{i}.wav", "question": words(draw, 9) + "?", "choices": [words(draw, 2) + f" {k}" for k in range(4)],
              "task": "sound", "category": "Perception", "difficulty": draw.choice(["easy", "medium", "hard"]), "sub-category": draw.choice(WORDS)} for i in range(20000)]
    said = []
    for item in items:
        item["answer"] = draw.choice(item["choices"])
        said.append(json.dumps({"id": item["id"], "output": draw.choice(item["choices"])}))
    (root / "mmau-test-mini.json").write_text(json.dumps(items))
    (work / "said20k.jsonl").write_text("\n".join(said) + "\n")
    flags = ("mmau_mini", "--root", root, "--allow-partial")
    score = timed(args.program, "eval", "score", run, *flags, "--predictions", work / "said20k.jsonl", "--no-tower")
    page = timed(args.program, "eval", "report", run)
    print(f"\n20,000 items: scored in {score:.0f} s, report.html and report.md in {page:.0f} s.")


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("-m", "--model", default="")
    flags.add_argument("--benchmark", default="skills_val")
    flags.add_argument("--root", type=pathlib.Path, default=ROOT / "sets/skills-val")
    flags.add_argument("--limit", type=int, default=200)
    flags.add_argument("--batch", type=int, default=16)
    flags.add_argument("--reps", type=int, default=3)
    flags.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    flags.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench/eval")
    flags.add_argument("--only", default="answers,captions,report", help="parts of the table")
    args = flags.parse_args()
    parts = {"answers": answers, "captions": captions, "report": report}
    for name in args.only.split(","):
        shutil.rmtree(args.work, ignore_errors=True)
        args.work.mkdir(parents=True)
        parts[name](args, args.work)


if __name__ == "__main__":
    main()
