#!/usr/bin/env python3
"""How fast the data factory makes sounds and questions, scenes beside Scaper on the same sounds in the same run.

Usage: .venv/bin/python bench/scenes.py --bank bank [--program build/release/af2] [--scenes 200] [--reps 3] [-t 2] [--items 100000]
                                        [--work .cache/bench/scenes] [--only scenes,hour,questions]

Scenes: 10 s at 16 kHz, five events of one label each at 6 to 30 dB over a background at -35 LUFS, from the bank's sounds of the
training split as folders LABEL/*; every scene with its labels as JAMS. The rival is Scaper (`pip install scaper`, Debian's sox,
libsox-dev and python3-dev) in as many processes as af2 has threads. Both sides run in turns; the table has medians (minimum-maximum).
Then, af2 alone: the same with change of pitch and length and a room; one scene of an hour; questions from records until
there are at least --items of them, before checks and after. Seconds are of whole processes, memory is the most that one
held. Runs on whatever else the machine does: close other programs first.
"""
import argparse
import csv
import json
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
SECONDS, EVENTS, LUFS = 10, 5, -35
AMBIENCES = ("rain", "wind", "traffic")
SPEC = {"duration": SECONDS, "background": {"kinds": ["recorded"], "labels": list(AMBIENCES), "lufs": LUFS}, "max_polyphony": EVENTS,
        "distinct_labels": False, "events": [{"count": EVENTS, "snr": [6, 30], "most_length": 4}]}


def cell(values, form="{:.1f}"):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def measured(command):
    """Seconds and MB of a process, which must succeed."""
    began = time.monotonic()
    child = subprocess.Popen([str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    said = child.stderr.read().decode()
    _, status, used = os.wait4(child.pid, 0)
    if status != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {said}")
    return time.monotonic() - began, used.ru_maxrss / 1024


def write_sounds(bank, work):
    """The bank's recordings as folders of WAV, which both sides read."""
    import soundfile
    for row in csv.DictReader((bank / "bank.tsv").open(), delimiter="\t"):
        if row["split"] != "train":
            continue
        kind = "background" if row["label"] in AMBIENCES else "foreground"
        least = 2 if kind == "background" else 0.2
        if float(row["seconds"]) < least:
            continue
        target = work / kind / row["label"].replace(" ", "_") / (row["id"] + ".wav")
        if not target.exists():
            samples, rate = soundfile.read(bank / row["path"])
            target.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(target, samples, rate, subtype="PCM_16")


def scaper_share(job):
    import warnings
    import numpy
    numpy.Inf = numpy.inf  # Scaper 1.6.5 asks for the name that NumPy 2 dropped
    import scaper
    warnings.simplefilter("ignore")
    work, out, first, n = job
    for i in range(first, first + n):
        scene = scaper.Scaper(SECONDS, str(work / "foreground"), str(work / "background"), random_state=i)
        scene.sr, scene.ref_db, scene.n_channels, scene.fade_in_len, scene.fade_out_len = 16000, LUFS, 1, 0.01, 0.01
        scene.add_background(label=("choose", []), source_file=("choose", []), source_time=("const", 0))
        for _ in range(EVENTS):
            scene.add_event(label=("choose", []), source_file=("choose", []), source_time=("const", 0),
                            event_time=("uniform", 0, SECONDS - 1), event_duration=("uniform", 0.5, 4), snr=("uniform", 6, 30),
                            pitch_shift=None, time_stretch=None)
        scene.generate(str(out / f"{i}.wav"), str(out / f"{i}.jams"), fix_clipping=True, disable_sox_warnings=True)


def scaper_run(work, n, processes):
    out = work / "scaper"
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir(parents=True)
    each = n // processes
    began = time.monotonic()
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        pool.map(scaper_share, [(work, out, p * each, each) for p in range(processes)])
    seconds = time.monotonic() - began
    if len(list(out.glob("*.wav"))) != each * processes:
        raise SystemExit("scaper: fewer scenes than asked for")
    return seconds


def af2_scenes(args, work, spec, name, n, *more):
    shutil.rmtree(work / name, ignore_errors=True)
    file = work / f"{name}.json"
    file.write_text(json.dumps(spec))
    return measured([args.program, "data", "scenes", "--spec", file, "--foreground", work / "foreground", "--background",
                     work / "background", "--n", n, "--threads", args.t, "--out", work / name, *more])


def scenes(args, work):
    sounds = args.scenes * SECONDS
    ours, rivals, memory = [], [], []
    for _ in range(args.reps):
        seconds, mb = af2_scenes(args, work, SPEC, "af2", args.scenes)
        ours.append(sounds / seconds), memory.append(mb)
        rivals.append(sounds / scaper_run(work, args.scenes, args.t))
    print(f"\n{args.scenes} scenes of {SECONDS} s, {EVENTS} events each, {args.t} threads, {args.reps} runs in turns\n")
    print("| times real time | af2 | Scaper | ratio |\n| --- | ---: | ---: | ---: |")
    print(f"| scenes with JAMS | {cell(ours)} | {cell(rivals)} | {statistics.median(ours) / statistics.median(rivals):.1f} |")
    rich = json.loads(json.dumps(SPEC))
    rich["room"] = {"chance": 1}
    rich["events"][0].update(pitch=[-3, 3], stretch=[0.8, 1.25])
    seconds, mb = af2_scenes(args, work, rich, "rich", args.scenes)
    print(f"| with pitch, stretch and a room | {sounds / seconds:.1f} | | |")
    print(f"\nMost memory of af2: {max(*memory, mb):.0f} MB.")


def hour(args, work):
    shutil.rmtree(work / "hour", ignore_errors=True)
    seconds, mb = measured([args.program, "data", "scenes", "--recipe", "a_day_in_the_village", "--part-seconds", 900, "--bank", args.bank,
                            "--n", 1, "--out", work / "hour"])
    record = json.loads((work / "hour/records.jsonl").read_text())
    print(f"\nOne scene of {record['duration'] / 60:.0f} minutes, one thread: {record['duration'] / seconds:.0f} times real time, "
          f"{mb:.0f} MB.")


def questions(args, work):
    n = 500
    while True:
        for name in ("records", "items"):
            shutil.rmtree(work / name, ignore_errors=True)
        plan, plan_mb = measured([args.program, "data", "scenes", "--spec", ROOT / "recipes/data/short.yaml", "--bank", args.bank, "--n", n,
                                  "--threads", args.t, "--labels-only", "--out", work / "records"])
        make, make_mb = measured([args.program, "data", "skills", "--records", work / "records", "--threads", args.t,
                                  "--out", work / "items"])
        made = sum(len(one["items"]) for part in (work / "items/parts").glob("*.json") for one in json.loads(part.read_text()))
        if made >= args.items:
            break
        n = int(n * max(1.2, min(20, 1.05 * args.items / max(made, 1))))
    kept = sum(1 for _ in (work / "items/items.jsonl").open())
    print(f"\n{made:,} questions from {n:,} records, {kept:,} of them past all checks, {args.t} threads: records {plan:.0f} s and "
          f"{plan_mb:.0f} MB, questions {make:.0f} s and {make_mb:.0f} MB.")


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--bank", type=pathlib.Path, required=True)
    flags.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    flags.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench/scenes")
    flags.add_argument("--scenes", type=int, default=200)
    flags.add_argument("--items", type=int, default=100000)
    flags.add_argument("--reps", type=int, default=3)
    flags.add_argument("-t", type=int, default=2)
    flags.add_argument("--only", default="scenes,hour,questions", help="parts of the table")
    args = flags.parse_args()
    args.work.mkdir(parents=True, exist_ok=True)
    parts = {"scenes": scenes, "hour": hour, "questions": questions}
    for name in args.only.split(","):
        if name not in parts:
            raise SystemExit(f"--only: no part {name}")
    write_sounds(args.bank, args.work)
    for name in args.only.split(","):
        parts[name](args, args.work)


if __name__ == "__main__":
    main()
