#!/usr/bin/env python3
"""Which of a set's sounds a model's captions name: `caption_events.py -m models/mini sets/plain-test`.

For every clip of the set that has questions, `af2 caption --json` is asked once; a label is named where its phrase, its short name or one of its
synonyms (bank/labels.tsv) stands in the caption as whole words, the longest first. Two shares are printed, of all clips together, with 95 % intervals by
groups of recordings (bootstrap, 2,000 draws): of the events' labels those that are named, and of the named labels those that are absent. "Another clip":
the same captions, each held against the next clip of another group: what naming without hearing gives. Only the standard library.
"""
import argparse
import json
import pathlib
import random
import re
import subprocess
import sys

DRAWS = 2000


def fail(what, where, todo):
    sys.exit(f"caption_events: {what}; where: {where}; what to do: {todo}")


def read_names(path):
    """Words of a name, lower case -> label; the names longest first."""
    if not path.exists():
        fail("is missing", path, "build the sound bank: tools/sound_bank/build.py --out bank")
    names = {}
    rows = [line.split("\t") for line in path.read_text().splitlines()]
    column = {title: i for i, title in enumerate(rows[0])}
    for row in rows[1:]:
        label = row[column["label"]]
        for name in [label, row[column["phrase"]], row[column["short"]], row[column["sentence"]], *row[column["synonyms"]].split("|")]:
            words = re.sub(r"^(an?|the) ", "", name.strip().lower())
            if words:
                names.setdefault(words, set()).add(label)  # one name may stand for several labels
    return sorted(names.items(), key=lambda item: -len(item[0]))


def labels_in(caption, names):
    """Each name found is a set of labels, any of which it may mean."""
    found, rest = [], caption.lower()
    for words, labels in names:
        rest, n = re.subn(r"\b" + re.escape(words) + r"\b", " | ", rest)
        if n and labels not in found:
            found.append(labels)
    return found


def read_clips(folder):
    """Path, labels and group of every clip that is asked about."""
    items = folder / "items.jsonl"
    if not items.exists():
        fail("is missing", items, f"tools/make_sets.sh {folder.name} --audio")
    wanted = {json.loads(line)["audio"] for line in items.open()}
    clips = []
    for records in sorted(folder.glob("clips/*/records.jsonl")):
        for line in records.open():
            record = json.loads(line)
            path = (records.parent / record["audio"]).relative_to(folder).as_posix()
            if path in wanted:
                clips.append((folder / path, {event["label"] for event in record["events"]}, record["group"]))
    if not clips or not clips[0][0].exists():
        fail("has no sounds", folder, f"tools/make_sets.sh {folder.name} --audio")
    return clips


def captions_of(program, model, clips):
    command = [program, "caption", "--json", "-b", "16", *(["-m", model] if model else []), *(str(path) for path, _, _ in clips)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        fail(f"ended with {done.returncode}: {done.stderr.strip().splitlines()[-1:]}", program, "look at the message")
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    texts = {answer["path"]: answer["text"] for answer in answers if answer["type"] == "answer"}
    return [texts[str(path)] for path, _, _ in clips]


def count(found, labels):
    """Labels that are there, those of them that are named, names, names of what is absent."""
    present = sum(any(label in name for name in found) for label in labels)
    absent = sum(not (name & labels) for name in found)
    return [len(labels), present, len(found), absent]


def shares(rows, groups):
    """Percent named of what is there and absent of what is named, each with its interval by groups."""
    def both(totals):
        return [100 * totals[1] / max(1, totals[0]), 100 * totals[3] / max(1, totals[2])]
    by_group = {}
    for row, group in zip(rows, groups):
        sums = by_group.setdefault(group, [0, 0, 0, 0])
        by_group[group] = [a + b for a, b in zip(sums, row)]
    sums, draw = list(by_group.values()), random.Random(1)
    drawn = [both([sum(column) for column in zip(*draw.choices(sums, k=len(sums)))]) for _ in range(DRAWS)]
    point = both([sum(column) for column in zip(*rows)])
    result = []
    for k in range(2):
        ordered = sorted(one[k] for one in drawn)
        result.append(f"{point[k]:.1f} % ({ordered[DRAWS // 40]:.1f}-{ordered[-1 - DRAWS // 40]:.1f})")
    return result


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=pathlib.Path)
    parser.add_argument("-m", "--model", default="")
    parser.add_argument("--program", default="build/release/af2")
    parser.add_argument("--bank", type=pathlib.Path, default=pathlib.Path("bank"))
    parser.add_argument("--out", type=pathlib.Path, help="captions and what they name, a line of JSON a clip")
    options = parser.parse_args()
    names, clips = read_names(options.bank / "labels.tsv"), read_clips(options.set)
    captions = captions_of(options.program, options.model, clips)
    found = [labels_in(caption, names) for caption in captions]
    groups = [group for _, _, group in clips]
    other = []
    for i, (_, _, group) in enumerate(clips):
        others = [j % len(clips) for j in range(i + 1, i + len(clips)) if groups[j % len(clips)] != group]
        other.append(found[others[0]] if others else [])
    if options.out:
        options.out.write_text("".join(
            json.dumps({"audio": path.relative_to(options.set).as_posix(), "caption": caption, "named": [sorted(name) for name in names_], "events": sorted(labels)}) + "\n"
            for (path, labels, _), caption, names_ in zip(clips, captions, found)))
    print(f"{len(clips)} clips, {len(set(groups))} groups, {sum(len(labels) for _, labels, _ in clips)} labels in them\n")
    print("| captions | named of what is there | absent of what is named |\n| --- | ---: | ---: |")
    for title, namings in (("its own", found), ("another clip's", other)):
        cells = shares([count(one, labels) for one, (_, labels, _) in zip(namings, clips)], groups)
        print(f"| {title} | {cells[0]} | {cells[1]} |")


if __name__ == "__main__":
    main()
