#!/usr/bin/env python3
"""What a contrast (`--contrast`, `text.contrast`) would make of a scored run of choices: `contrast_table.py runs/skills_val [runs/plain_val ...]`.

The runs are of `af2 eval run --likeliest --baselines audio_off`, scored. Of each value: choices right, the unweighted mean of the categories and each category, and the difference to
no contrast with its 95 % interval (bootstrap of clusters, 2,000 draws). Reads shares of the choices with the clip and without it; a share below one in a million counts as that.
"""
import argparse
import json
import math
import pathlib

from hearing_table import fail, interval, mean, percent

VALUES = (0.25, 0.5, 1.0, 2.0, 4.0)
LEAST = 1e-6


def lines(file):
    if not file.exists():
        fail("is missing", file, "af2 eval run --likeliest --baselines audio_off, then af2 eval score")
    return [json.loads(line) for line in file.open()]


def read_items(folder):
    heard, unheard = ({one["id"]: one.get("shares") for one in lines(folder / name)} for name in ("predictions.jsonl", "predictions-audio_off.jsonl"))
    items = []
    for row in lines(folder / "scores.jsonl"):
        choices, ears, none = row.get("choices"), heard.get(row["id"]), unheard.get(row["id"])
        if not choices or not ears or not none or row["groups"]["form"] != "choice":
            continue
        item = {"cluster": row["cluster"], "category": row["groups"]["category"]}
        for value in (0.0, *VALUES):
            sums = [(1 + value) * math.log(max(a, LEAST)) - value * math.log(max(b, LEAST)) for a, b in zip(ears, none)]
            item[value] = float(choices[sums.index(max(sums))] == row["gold"][0])
        items.append(item)
    return items


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path, nargs="+")
    for folder in parser.parse_args().run:
        items = read_items(folder)
        if not items:
            fail("has no choices with shares", folder, "af2 eval run --likeliest --baselines audio_off")
        categories = sorted({item["category"] for item in items})
        print(f"{folder.name}, {len(items):,} choices\n\n| contrast | mean of the categories | difference, points | " + " | ".join(categories) + " |")
        print("| ---: | ---: | ---: |" + " ---: |" * len(categories))
        for value in (0.0, *VALUES):
            cells = [f"{value:g}", percent(mean(items, value, "category")), ""]
            if value:
                def gain(some, value=value):
                    return mean(some, value, "category") - mean(some, 0.0, "category")
                low, high = interval(items, gain)
                cells[2] = f"{100 * gain(items):+.1f} ({100 * low:.1f} to {100 * high:.1f})"
            cells += [percent(mean([item for item in items if item["category"] == name], value)) for name in categories]
            print("| " + " | ".join(cells) + " |")
        print()


if __name__ == "__main__":
    main()
