#!/usr/bin/env python3
"""Builds the sound bank of sounds.tsv: `python3 tools/sound_bank/build.py --out bank [--cache DIR]`.

Packages are downloaded with apt-get and never installed; files already in OUT/audio are kept when their recipe and
this tool's version are the same, so a run that was cut off goes on where it stopped.
Exit status: 0 done, 1 wrong use or a missing program, 2 fewer than 95 % of the list could be had.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import audio  # noqa: E402
import packages  # noqa: E402
import synth  # noqa: E402
import table  # noqa: E402
from errors import BankError  # noqa: E402

VERSION = 2  # raise when the same input gives other samples
SHARE_WANTED = 0.95
QUIETEST_DB = -45.0
SHORTEST_S = 0.08


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the bank")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "af2-sound-bank",
                        help="folder of downloaded packages (default: %(default)s)")
    parser.add_argument("--list", type=Path, default=HERE / "sounds.tsv", help="list to build (default: %(default)s)")
    return parser.parse_args()


def key_of(row: dict[str, str]) -> str:
    version = VERSION if row["path"].startswith("fluidsynth:") else 1
    return hashlib.sha256(f"{version}\n{row['package']}\n{row['path']}".encode()).hexdigest()[:16]


def samples_of(row: dict[str, str], got: dict[str, Path], played: dict, cache: Path):
    if row["path"] in played:
        return played.pop(row["path"])
    if table.is_recipe(row["path"]):
        return synth.make(row["package"], row["path"], cache)
    if row["path"] not in got:
        raise BankError(f"not in package {row['package']}", row["path"], "the package changed: drop or correct the line")
    return audio.decode(got[row["path"]])


def build_one(row: dict[str, str], got: dict[str, Path], played: dict, cache: Path, out: Path) -> dict[str, str]:
    samples = audio.prepare(samples_of(row, got, played, cache))
    seconds, peak = len(samples) / audio.RATE_HZ, audio.peak_db(samples)
    if seconds < SHORTEST_S or peak < QUIETEST_DB:
        raise BankError(f"silent or too short ({seconds:.2f} s, peak {peak:.0f} dB)", row["path"], "drop the line")
    path = out / "audio" / f"{row['id']}.flac"
    audio.write_flac(path, samples)
    return {"key": key_of(row), "seconds": f"{seconds:.3f}", "peak_db": f"{peak:.1f}",
            "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}


def build(rows: list[dict[str, str]], cache: Path, out: Path) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    (out / "audio").mkdir(parents=True, exist_ok=True)
    state_file = out / "state.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    by_package: dict[str, list[dict[str, str]]] = {}
    for row in rows:
        by_package.setdefault(row["package"], []).append(row)
    done, missing = [], []
    for package, mine in by_package.items():
        todo = [r for r in mine if state.get(r["id"], {}).get("key") != key_of(r)
                or not (out / "audio" / f"{r['id']}.flac").exists()]
        print(f"{package}: {len(mine)} sounds, {len(todo)} to make", flush=True)
        got, played, reason = {}, {}, ""
        try:
            files = [r["path"] for r in todo if not table.is_recipe(r["path"])]
            got = packages.take(package, files, cache) if files else {}
            notes = [r["path"] for r in todo if r["path"].startswith(synth.PLAYED)]
            played = synth.render(package, notes, cache) if notes else {}
        except BankError as error:
            reason = str(error)
        for row in mine:
            try:
                if row in todo:
                    if reason:
                        raise BankError(reason)
                    state[row["id"]] = build_one(row, got, played, cache, out)
                made = state[row["id"]]
                done.append({**row, **made, "path": f"audio/{row['id']}.flac",
                             "kind": "synthetic" if table.is_recipe(row["path"]) else "recorded"})
            except BankError as error:
                missing.append({**row, "reason": str(error).replace("\n", " ")})
        state_file.with_suffix(".part").write_text(json.dumps(state))
        state_file.with_suffix(".part").replace(state_file)
    return done, missing


def main() -> int:
    options = arguments()
    try:
        rows = table.read_list(options.list)
        synth.check_programs([r["path"] for r in rows if table.is_recipe(r["path"])])
        done, missing = build(rows, options.cache.resolve(), options.out)
    except BankError as error:
        print(f"sound_bank: {error}", file=sys.stderr)
        return 1
    order = {row["id"]: n for n, row in enumerate(rows)}
    done.sort(key=lambda row: order[row["id"]])
    table.write(options.out / "missing.tsv", ["id", "label", "package", "path", "reason"], missing)
    if len(done) < SHARE_WANTED * len(rows):
        print(f"sound_bank: only {len(done)} of {len(rows)} sounds could be had; where: {options.out}/missing.tsv lists "
              "the others with reasons; what to do: mend them and run again (finished work is kept)", file=sys.stderr)
        return 2
    for old in (options.out / "audio").glob("*.flac"):
        if old.stem not in order:
            old.unlink()
    shutil.copyfile(HERE / "labels.tsv", options.out / "labels.tsv")
    table.write(options.out / "bank.tsv", table.BANK_COLUMNS, done)
    hours = sum(float(r["seconds"]) for r in done) / 3600
    print(f"{len(done)} sounds, {hours:.2f} h, {len(missing)} missing -> {options.out}/bank.tsv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
