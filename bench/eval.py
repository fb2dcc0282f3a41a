#!/usr/bin/env python3
"""How fast `af2 eval` is: answers batched against one by one, captions scored, the report of a large run.

Usage: .venv/bin/python bench/eval.py [-m MODEL] [--benchmark skills_val,long_val] [--limit 60] [--batch 16] [--reps 3] [--only answers,captions,report]
       [--program build/release/af2] [--work .cache/bench/eval]

Answers: --batch questions at once, each clip heard once for all that is asked about it, beside one question after the other, each of which hears its clip anew, as a
plain loop does. In turns; both write the same answers, which is checked. Items an hour count an item with all its baselines, then the score alone. Needs the sounds of
the sets (tools/make_sets.sh NAME --audio). Captions: 10,000 invented ones with five references each. Report: 20,000 invented items. Seconds are of whole processes.
Runs on whatever else the machine does: close other programs first.
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
BASELINES = ("audio_off", "silence", "shuffled_audio", "choice_shuffle")


def cell(values, form="{:.0f}"):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def timed(*command):
    began = time.monotonic()
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in (0, 4):
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return time.monotonic() - began


def answers(args, work):
    def run(benchmark, out, baselines, *how):
        model = ["-m", args.model] if args.model else []
        return timed(args.program, "eval", "run", benchmark, "--root", ROOT / "sets" / benchmark.replace("_", "-"), "--allow-partial", "-o", out,
                     "--limit", args.limit, "-n", 32, "--baselines", baselines, "--no-cache", *how, *model)

    print(f"\n{args.limit} items, each with ears off, silence, another clip and the options in other orders, or the score alone; at most 32 tokens; "
          f"{args.batch} questions at once; {args.reps} runs in turns\n")
    print("| items an hour | one by one | batched | ratio |\n| --- | ---: | ---: | ---: |", flush=True)
    for benchmark in args.benchmark.split(","):
        for row, baselines in (("with all baselines", ",".join(BASELINES)), ("the score alone", "none")):
            alone, batched = [], []
            for _ in range(args.reps):
                shutil.rmtree(work, ignore_errors=True)
                alone.append(3600 * args.limit / run(benchmark, work / "alone", baselines, "-b", 1, "--keep-heard", 0))
                batched.append(3600 * args.limit / run(benchmark, work / "batched", baselines, "-b", args.batch))
                for file in (work / "alone").glob("predictions*.jsonl"):
                    if file.read_bytes() != (work / "batched" / file.name).read_bytes():
                        raise SystemExit(f"{file.name}: the two runs differ")
            print(f"| {benchmark}, {row} | {cell(alone)} | {cell(batched)} | {statistics.median(batched) / statistics.median(alone):.1f} |", flush=True)


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
    flags.add_argument("--benchmark", default="skills_val,long_val", help="of the project's own, whose sounds are made")
    flags.add_argument("--limit", type=int, default=60)
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
