#!/usr/bin/env python3
"""Prints what trainings did as a page of tables: steps, wall time, losses, validations.

  python3 tools/training_table.py runs/mini-clap runs/mini-tower runs/mini-listener ... > docs/results/mini/training.md

Every folder below the named ones that holds metrics.jsonl is a run. Losses are means over ten parts of a run, each step weighed by its
targets; wall time is the sum of the steps', without validations and pauses. Only the standard library.
"""
import json
import pathlib
import sys

PARTS = 10


def fail(what, where):
    sys.exit(f"training_table: {what}; where: {where}; what to do: name run folders of af2 train")


def read_run(folder):
    """Steps, the last one of a number counting (a resumed run repeats some), and validations by step."""
    steps, validations = {}, {}
    for line in (folder / "metrics.jsonl").read_text().splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if "validation" in row:
            validations[row["step"]] = row["validation"]
        elif "loss" in row:
            steps[row["step"]] = row
    return [steps[step] for step in sorted(steps)], validations


def part_losses(steps):
    losses = []
    for part in range(PARTS):
        some = steps[part * len(steps) // PARTS : (part + 1) * len(steps) // PARTS]
        targets = sum(step["targets"] for step in some)
        losses.append(f"{sum(step['loss'] * step['targets'] for step in some) / targets:.3f}" if targets else "-")
    return losses


def flat(value, name=""):
    """Numbers of a validation as "a.b 0.5"; texts and lists are left out."""
    if isinstance(value, dict):
        return [text for key, one in value.items() for text in flat(one, f"{name}.{key}" if name else key)]
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return []
    return [f"{name} {value:.4g}"]


def main():
    runs = []
    for name in sys.argv[1:]:
        root = pathlib.Path(name)
        found = sorted(path.parent for path in root.rglob("metrics.jsonl"))
        if not found:
            fail("holds no run", root)
        runs += found
    if not runs:
        fail("no run is named", "the command line")
    print("# How the mini was trained\n")
    print("| run | steps | wall time | seed | began with |")
    print("| --- | ---: | ---: | ---: | --- |")
    read = {run: read_run(run) for run in runs}
    configs = {run: json.loads((run / "config.json").read_text()) for run in runs}
    for run, (steps, _) in read.items():
        minutes = sum(step["ms"] for step in steps) / 60000
        print(f"| {run} | {len(steps)} | {minutes:.0f} min | {configs[run].get('seed', '')} | {configs[run].get('init') or 'drawn values'} |")
    print("\nLoss a target, mean of each tenth of a run:\n")
    print("| run | " + " | ".join(f"{part + 1}" for part in range(PARTS)) + " |")
    print("| --- |" + " ---: |" * PARTS)
    for run, (steps, _) in read.items():
        print(f"| {run} | " + " | ".join(part_losses(steps)) + " |")
    print("\nLast validations:\n")
    for run, (_, validations) in read.items():
        if validations:
            last = max(validations)
            print(f"- {run}, step {last}: {', '.join(flat(validations[last]))}")


if __name__ == "__main__":
    main()
