#!/usr/bin/env python3
"""Draws items of the project's own sets by a printed seed and holds them against their sounds, for a person to read.

  .venv/bin/python tools/look_at_items.py --seed 11 skills-test=10 long-test=8 hours-test=4 ... > looked_at.tsv

Each set's items are sorted by SHA-256 of "SEED/SET/ID"; the first N are drawn. Their clips are made with stems
(tools/make_sets.sh NAME --audio), and for each clip of a scene is measured: how far background and stems, put where the labels
say, are from the mix (dB under its peak), and by how much the audible span of the evidence's stems differs from the label
(milliseconds; more only where a room's tail goes on). Of music, whose parts have no stems, the level of the evidence's span.
Columns: set, id, skill.type, question, options, answer, evidence, measured. Needs numpy and soundfile (tools/training_requirements.txt).
"""
import argparse
import hashlib
import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import soundfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
SETS = pathlib.Path(os.environ.get("SETS", ROOT / "sets"))


def rows(path):
    return [json.loads(line) for line in path.open()]


def drawn(name, n, seed):
    items = rows(SETS / name / "items.jsonl")
    return sorted(items, key=lambda item: hashlib.sha256(f"{seed}/{name}/{item['id']}".encode()).digest())[:n]


def db(x):
    return 20 * np.log10(max(float(x), 1e-9))


def audible(samples, floor_db=-60):
    loud = np.flatnonzero(np.abs(samples) > np.abs(samples).max() * 10 ** (floor_db / 20))
    return (loud[0], loud[-1] + 1) if len(loud) else (0, 0)


def measure_scene(mix, rate, stems, record, evidence):
    """Whether the parts are where the labels say, and whether they make up what is heard."""
    rest = mix - soundfile.read(stems / "background.wav")[0]
    worst, seen = 0.0, 0
    events = [event for event in record["events"] if event.get("role") != "background"]
    for path, event in zip(sorted(stems.glob("[0-9]*.wav")), events, strict=True):
        label = path.stem.split("_", 1)[1].replace("_", " ")
        if label != event["label"].replace("/", " "):
            return f"stem {path.name} is not of {event['label']}"
        part = soundfile.read(path)[0]
        begin = round(event["onset"] * rate)
        rest[begin:begin + len(part)] -= part[:len(rest) - begin]
        if any(e["label"] == event["label"] and abs(e["onset"] - event["onset"]) < 0.01 for e in evidence):
            first, last = audible(part[:round((event["offset"] - event["onset"]) * rate)])
            worst = max(worst, 1000 * first / rate, 1000 * abs(last / rate - (event["offset"] - event["onset"])))
            seen += 1
    left = db(np.abs(rest).max()) - db(np.abs(mix).max())
    return f"parts make up the mix to {left:.0f} dB; {seen} of {len(evidence)} of the evidence are events, within {worst:.0f} ms"


def measure_music(mix, rate, evidence):
    spans = [mix[int(e["onset"] * rate):int(e["offset"] * rate)] for e in evidence]
    levels = [f"{db(np.sqrt(np.mean(span ** 2))) if len(span) else -180:.0f}" for span in spans]
    return f"level of the evidence {', '.join(levels) or '-'} dB, of the piece {db(np.sqrt(np.mean(mix ** 2))):.0f} dB"


def look(name, items):
    out = SETS / name
    chosen = out / "looked_at.jsonl"
    chosen.write_text("".join(json.dumps(item) + "\n" for item in items))
    subprocess.run([ROOT / "tools/make_sets.sh", name, "--audio"], check=True, stdout=sys.stderr,
                   env=dict(os.environ, SOUND_OF=str(chosen), STEMS="1"))
    wanted = {item["record"] for item in items}
    records = {record["id"]: record for record in rows(out / "records.jsonl") if record["id"] in wanted}
    for item in items:
        mix, rate = soundfile.read(out / item["audio"])
        evidence, stems = item.get("evidence", []), (out / item["audio"]).parents[1] / "stems" / pathlib.Path(item["audio"]).stem
        measured = (measure_scene(mix, rate, stems, records[item["record"]], evidence) if stems.is_dir()
                    else measure_music(mix if mix.ndim == 1 else mix.mean(axis=1), rate, evidence))
        told = "; ".join(f"{e['label']} {e['onset']:.2f}-{e['offset']:.2f}" for e in evidence)
        print("\t".join([name, item["id"], f"{item['skill']}.{item['type']}", item["question"], " / ".join(item.get("options", [])),
                         item["answer"], told, measured]))


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--seed", type=int, required=True)
    flags.add_argument("sets", nargs="+", metavar="SET=N")
    args = flags.parse_args()
    print("\t".join(["set", "id", "type", "question", "options", "answer", "evidence", "measured"]))
    for one in args.sets:
        name, n = one.split("=")
        look(name, drawn(name, int(n), args.seed))


main()
