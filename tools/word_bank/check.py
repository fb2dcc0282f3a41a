#!/usr/bin/env python3
"""Looks at a built word bank.

    check.py --words words                 every file against its row: there, 16 kHz mono, length, hash, level; splits
    check.py --words words --counts        counts per entry, voice and split
    check.py --words words --recognise     what a recogniser hears in each file (pocketsphinx, pocketsphinx-en-us)
Exit status 1 where a file differs from its row or a rule of the splits is broken; recognition only informs.
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
from collections import Counter, defaultdict
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import build  # noqa: E402  (also makes the modules of sound_bank known)
import audio  # noqa: E402
import levels  # noqa: E402
import numpy as np  # noqa: E402
import plan  # noqa: E402
import table  # noqa: E402

LEVEL_MARGIN_DB = 1.0
MODEL = Path("/usr/share/pocketsphinx/model/en-us")


def file_problem(row: dict[str, str], folder: Path) -> str:
    path = folder / row["path"]
    if not path.is_file():
        return "is missing"
    if hashlib.sha256(path.read_bytes()).hexdigest() != row["sha256"]:
        return "has another sha256"
    info = audio.soundfile.info(path)
    if info.samplerate != audio.RATE_HZ or info.channels != 1:
        return f"is {info.samplerate} Hz with {info.channels} channels"
    samples = audio.read_flac(path)
    if abs(len(samples) / audio.RATE_HZ - float(row["seconds"])) > 0.001:
        return "has another length"
    level, peak = levels.active_db(samples), float(np.abs(samples).max())
    if abs(level - levels.TARGET_DB) > LEVEL_MARGIN_DB and peak < 0.85:
        return f"has a level of {level:.1f} dB"
    return ""


def split_problems(rows: list[dict[str, str]]) -> list[str]:
    """A voice, or an engine, in two splits; an entry that a split lacks."""
    found = []
    for column in ("voice", "group", "package"):
        places = defaultdict(set)
        for row in rows:
            places[row[column]].add(row["split"])
        found += [f"{column} {name} is in {', '.join(sorted(s))}" for name, s in sorted(places.items()) if len(s) > 1]
    entries = {row["words"] for row in rows}
    for split in ("train", "val", "test"):
        there = {row["words"] for row in rows if row["split"] == split}
        found += [f"{split} has no '{words}'" for words in sorted(entries - there)]
    if len(entries) > plan.MOST_WORDS:
        found.append(f"{len(entries)} entries; the list is closed at {plan.MOST_WORDS}")
    return found


def print_counts(rows: list[dict[str, str]], folder: Path) -> None:
    voices = {row["voice"]: row for row in rows}
    print("voice\tspeaker\tsplit\tkind\tutterances")
    for voice, n in sorted(Counter(row["voice"] for row in rows).items()):
        row = voices[voice]
        print(f"{voice}\t{row['speaker']}\t{row['split']}\t{row['kind']}\t{n}")
    print("\nwords\ttrain\tval\ttest")
    count = Counter((row["words"], row["split"]) for row in rows)
    for words in sorted({row["words"] for row in rows}):
        print(words + "".join(f"\t{count[words, split]}" for split in ("train", "val", "test")))
    total = Counter(row["split"] for row in rows)
    size = sum((folder / row["path"]).stat().st_size for row in rows) / 1e6
    minutes = sum(float(row["seconds"]) for row in rows) / 60
    print(f"\n{len(rows)} utterances, {len(voices)} voices, {minutes:.1f} min, {size:.1f} MB; {dict(total)}")


def recognise(rows: list[dict[str, str]], folder: Path) -> None:
    """One run of the recogniser over all files, with the closed list as its grammar."""
    with tempfile.TemporaryDirectory() as work:
        entries = sorted({row["words"] for row in rows})
        (Path(work) / "list.jsgf").write_text("#JSGF V1.0;\ngrammar list;\npublic <words> = " + " | ".join(entries) + ";\n")
        quiet = np.zeros(audio.RATE_HZ // 3, np.float32)
        for row in rows:
            samples = np.concatenate([quiet, audio.read_flac(folder / row["path"]), quiet])
            audio.soundfile.write(Path(work) / f"{row['id']}.wav", samples, audio.RATE_HZ, subtype="PCM_16")
        (Path(work) / "ids").write_text("".join(row["id"] + "\n" for row in rows))
        done = subprocess.run(["pocketsphinx_batch", "-adcin", "yes", "-cepdir", work, "-cepext", ".wav", "-adchdr", "44",
                               "-ctl", f"{work}/ids", "-hmm", str(MODEL / "en-us"), "-dict", str(MODEL / "cmudict-en-us.dict"),
                               "-jsgf", f"{work}/list.jsgf", "-hyp", f"{work}/heard"], capture_output=True)
        if done.returncode:
            sys.exit("check.py: pocketsphinx_batch failed; what to do: apt-get install pocketsphinx pocketsphinx-en-us")
        heard = {line.rsplit("(", 1)[1].split()[0]: line.rsplit("(", 1)[0].strip()
                 for line in (Path(work) / "heard").read_text().splitlines() if "(" in line}
    right, total = Counter(), Counter()
    for row in rows:
        agrees = heard.get(row["id"], "") == row["words"]
        total[row["voice"]] += 1
        right[row["voice"]] += agrees
        if not agrees:
            print(f"{row['id']}\t{heard.get(row['id'], '')}")
    print("\nvoice\tunderstood\tof")
    for voice in sorted(total):
        print(f"{voice}\t{right[voice]}\t{total[voice]}")
    print(f"all\t{sum(right.values())}\t{sum(total.values())}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--words", type=Path, required=True, help="folder of the word bank")
    parser.add_argument("--counts", action="store_true")
    parser.add_argument("--recognise", action="store_true")
    options = parser.parse_args()
    rows = table.read(options.words / "words.tsv", build.COLUMNS)
    if options.counts:
        print_counts(rows, options.words)
        return 0
    if options.recognise:
        recognise(rows, options.words)
        return 0
    problems = [f"{row['id']} {why}" for row in rows if (why := file_problem(row, options.words))]
    problems += split_problems(rows)
    for line in problems:
        print(line)
    print(f"{len(rows)} utterances, {len(problems)} problems")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
