#!/usr/bin/env python3
"""A scored run of the project's own sets as a table of what a model card tells: `hearing_table.py runs/plain_test [--types]`.

Rows are the choices of each category, the unweighted mean of these, and all other forms; with --types each type of question in each form, of choices of names
and of names also the mean over the answers ("macro": a common sound counts as much as a rare one). Columns: n, chance, what is right with its 95 % interval, then
what the model has right with its ears off and with another clip's sound where it was asked so (--baselines audio_off,shuffled_audio), the hearing gain over the
better of these, always the first letter, always the longest option. Intervals: bootstrap of clusters, 2,000 draws. Reads scores.jsonl alone; only the standard library.
"""
import argparse
import collections
import json
import pathlib
import random
import sys

DRAWS = 2000
VARIANTS = ("audio_off", "shuffled_audio")
MACRO = ("sound", "what")


def fail(what, where, todo):
    sys.exit(f"hearing_table: {what}; where: {where}; what to do: {todo}")


def read_items(folder):
    file = folder / "scores.jsonl"
    if not file.exists():
        fail("is missing", file, "af2 eval score first")
    items = []
    for line in file.open():
        row = json.loads(line)
        if row["robust"]["excluded"]:
            continue
        options, gold = row.get("choices", []), row["gold"][0]
        item = {"cluster": row["cluster"], "gold": gold, "score": row["score"], **row["groups"]}
        if options:
            longest = max(options, key=len)  # the first of equals
            item |= {"chance": 1 / len(options), "first": float(options[0] == gold), "longest": float(longest == gold)}
        elif row["groups"]["form"] == "yes_no":
            item["chance"] = 0.5
        item |= {name: row["variants"][name] for name in VARIANTS if name in row.get("variants", {})}
        items.append(item)
    return items


def mean(items, key, by=None):
    """Of a column; with `by` the mean of the groups' means. None where an item lacks it."""
    if not items or any(key not in item for item in items):
        return None
    groups = collections.defaultdict(list)
    for item in items:
        groups[item[by] if by else ""].append(item[key])
    return sum(sum(values) / len(values) for values in groups.values()) / len(groups)


def gain(items, by):
    """Over the better of the deaf scores."""
    deaf = [value for value in (mean(items, name, by) for name in VARIANTS) if value is not None]
    return mean(items, "score", by) - max(deaf) if deaf else None


def interval(items, figure):
    clusters = collections.defaultdict(list)
    for item in items:
        clusters[item["cluster"]].append(item)
    names, draw, values = sorted(clusters), random.Random(1), []
    for _ in range(DRAWS):
        drawn = [item for name in draw.choices(names, k=len(names)) for item in clusters[name]]
        value = figure(drawn)
        if value is not None:
            values.append(value)
    values.sort()
    return values[len(values) // 40], values[-1 - len(values) // 40]


def percent(value):
    return "" if value is None else f"{100 * value:.1f} %"


def row(title, items, by=None):
    low, high = interval(items, lambda drawn: mean(drawn, "score", by))
    cells = [title, f"{len(items):,}", percent(mean(items, "chance", by)), percent(mean(items, "score", by)), f"{100 * low:.1f}-{100 * high:.1f}"]
    cells += [percent(mean(items, name, by)) for name in VARIANTS]
    value = gain(items, by)
    if value is None:
        cells.append("")
    else:
        low, high = interval(items, lambda drawn: gain(drawn, by))
        cells.append(f"{100 * value:+.1f} ({100 * low:.1f} to {100 * high:.1f})")
    return cells + [percent(mean(items, "first", by)), percent(mean(items, "longest", by))]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=pathlib.Path)
    parser.add_argument("--types", action="store_true", help="a row for each type and form")
    options = parser.parse_args()
    items = read_items(options.run)
    choices = [item for item in items if item["form"] == "choice"]
    rows = []
    if options.types:
        groups = collections.defaultdict(list)
        for item in items:
            groups[item["type"], item["form"]].append(item)
        for (kind, form), some in sorted(groups.items()):
            rows.append(row(f"{kind}, {form}", some))
            if kind in MACRO:
                rows.append(row(f"{kind}, {form}, mean over {len({item['gold'] for item in some})} answers", some, "gold"))
    else:
        for category in sorted({item["category"] for item in choices}):
            rows.append(row(f"{category}, choices", [item for item in choices if item["category"] == category]))
        rows.append(row("**choices, mean of the categories**", choices, "category"))
        for form in sorted({item["form"] for item in items} - {"choice"}):
            rows.append(row(f"{form}, all categories", [item for item in items if item["form"] == form]))
    titles = ["questions", "n", "chance", "right", "95 % interval", "audio off", "another clip", "hearing gain, points", "first letter", "longest"]
    used = [k for k in range(len(titles)) if k < 5 or any(cells[k] for cells in rows)]
    print("| " + " | ".join(titles[k] for k in used) + " |\n| --- |" + " ---: |" * (len(used) - 1))
    for cells in rows:
        print("| " + " | ".join(cells[k] for k in used) + " |")


if __name__ == "__main__":
    main()
