#!/usr/bin/env python3
"""Gives every (label, group) of sounds.tsv one split and trims frequent labels: `split.py --write`.

All recordings of a label from one group stay together, so no test recording has a sibling from the same sample set,
voice or soundfont in training under that label. A group that has a split keeps it and new ones train, so that what is
tuned and tested on stays what it was. `--anew` assigns all of them: the largest group trains, test prefers real
recordings, and `fixed` in the note column keeps a line's split as it is. Without --write only the counts are printed.
"""

from __future__ import annotations

import argparse
import math
import sys
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import table  # noqa: E402

MOST = {"train": 80, "val": 10, "test": 10}
TEST_ENOUGH = 4  # a label's test set takes further groups until it has this many recordings
TEST_SHARE = 0.4  # but never more than this share of its groups


def spread(rows: list, most: int) -> list:
    """At most `most` rows, evenly taken from all of them."""
    if len(rows) <= most:
        return rows
    return [rows[int(k * len(rows) / most)] for k in range(most)]


def fair(groups: list[list], most: int) -> list:
    """Fills `most` places by turns from the groups, so a large group does not crowd out the small ones."""
    left, places, taken = sorted(groups, key=len), most, []
    while left:
        group = left.pop(0)
        part = spread(group, max(1, places // (len(left) + 1)) if places else 0) if places else []
        taken += part
        places -= len(part)
    return taken


def is_real(rows: list[dict[str, str]]) -> bool:
    return not table.is_recipe(rows[0]["path"])


def assign(groups: dict[str, list]) -> dict[str, str]:
    """Split of each group of one label."""
    names = sorted(groups, key=lambda g: (-min(len(groups[g]), MOST["train"]), g))
    first, others = names[0], names[1:]
    out = {first: "train"}
    if not others:
        return out
    # Test wants real recordings, and groups of a handful rather than large ones that the cap would waste.
    others.sort(key=lambda g: (not is_real(groups[g]), abs(min(len(groups[g]), 30) - 6), g))
    most_groups = max(1, math.ceil(TEST_SHARE * len(names)))
    count = 0
    while others and (not count or (count < TEST_ENOUGH and sum(s == "test" for s in out.values()) < most_groups)):
        name = others.pop(0)
        out[name] = "test"
        count += len(groups[name])
    if others and len(names) >= 3:
        others.sort(key=lambda g: (len(groups[g]) > 12, len(groups[g]), g))
        out[others.pop(0)] = "val"
    out.update({name: "train" for name in others})
    return out


def split(rows: list[dict[str, str]], anew: bool) -> list[dict[str, str]]:
    tree: dict[str, dict[str, list]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        tree[row["label"]][row["group"]].append(row)
    kept: list[dict[str, str]] = []
    for label in tree:
        chosen = assign(tree[label]) if anew else dict.fromkeys(tree[label], "train")
        for name, mine in tree[label].items():
            fixed = {r["split"] for r in mine if r["split"] and (not anew or r["note"].startswith("fixed"))}
            chosen[name] = fixed.pop() if fixed else chosen[name]
        for part, most in MOST.items():
            members = [sorted(tree[label][g], key=lambda r: r["path"]) for g in tree[label] if chosen[g] == part]
            for row in fair(members, most):
                row["split"] = part
                kept.append(row)
    position = {id(row): n for n, row in enumerate(rows)}
    return sorted(kept, key=lambda row: position[id(row)])


def report(rows: list[dict[str, str]]) -> None:
    count: dict[str, Counter] = defaultdict(Counter)
    for row in rows:
        count[row["label"]][row["split"]] += 1
        count[row["label"]][row["split"] + " real"] += not table.is_recipe(row["path"])
    print(f"{'label':20} train   val  test   (real)")
    for label in sorted(count):
        c = count[label]
        print(f"{label:20} {c['train']:5} {c['val']:5} {c['test']:5}   ({c['train real']} {c['val real']} {c['test real']})")
    both = sum(1 for c in count.values() if c["train"] and c["test"])
    total = Counter(row["split"] for row in rows)
    print(f"{len(count)} labels, {both} with train and test; {dict(total)}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--list", type=Path, default=HERE / "sounds.tsv")
    parser.add_argument("--write", action="store_true", help="write the list back; rows over the caps are removed")
    parser.add_argument("--anew", action="store_true", help="assign groups that have a split again too")
    options = parser.parse_args()
    rows = split(table.read(options.list, table.SOUND_COLUMNS), options.anew)
    report(rows)
    if options.write:
        table.write(options.list, table.SOUND_COLUMNS, rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
