#!/usr/bin/env python3
"""Builds the word bank: `python tools/word_bank/build.py --out words [--cache DIR]`.

Debian packages with recordings are downloaded and never installed; speech programs must be installed. Files already in
OUT/audio are kept when their recipe is the same, so a run that was cut off goes on where it stopped, and a second run
changes no byte.
Exit status: 0 done, 1 wrong use, a missing program or an utterance that could not be made.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import plan  # noqa: E402  (also makes the modules of sound_bank known)

import audio  # noqa: E402
import levels  # noqa: E402
import neural  # noqa: E402
import numpy as np  # noqa: E402
import packages  # noqa: E402
import table  # noqa: E402
from errors import BankError  # noqa: E402

VERSION = 1  # raise when the same recipe gives other samples
COLUMNS = ["id", "words", "voice", "speaker", "path", "seconds", "split", "group", "package", "licence", "author", "sha256",
           "kind"]
SHORTEST_S, LONGEST_S = 0.15, 4.0
NEEDS = {"espeak-ng": "espeak-ng", "flite": "flite", "text2wave": "festival", "ffmpeg": "ffmpeg"}
KED = Path("/usr/share/festival/voices/english/ked_diphone")


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of the word bank")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "af2-sound-bank",
                        help="folder of downloaded packages, shared with the sound bank (default: %(default)s)")
    return parser.parse_args()


def check_programs() -> None:
    missing = [package for program, package in NEEDS.items() if shutil.which(program) is None]
    if not KED.exists():
        missing.append("festvox-kdlpc16k")
    if missing:
        raise BankError("programs are missing", ", ".join(missing),
                        "apt-get install --no-install-recommends " + " ".join(missing))
    if wheels := neural.missing_packages():
        raise BankError("Python packages are missing", ", ".join(wheels),
                        "python -m pip install --no-deps -r tools/word_bank/requirements.txt")


def run(command: list[str], where: str, text: str | None = None) -> None:
    done = subprocess.run(command, capture_output=True, input=None if text is None else text.encode())
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise BankError(f"{command[0]} failed ({last[-1] if last else done.returncode})", where,
                        f"check that {command[0]} knows the voice")


def say(utterance: plan.Utterance, cache: Path) -> np.ndarray:
    """Samples of a synthetic utterance at 16 kHz."""
    settings = plan.settings_of(utterance.settings)
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "words.wav"
        if utterance.program == "espeak-ng":
            run(["espeak-ng", "-v", settings["voice"], "-s", settings["speed"], "-w", str(wav), utterance.spoken],
                utterance.id)
        elif utterance.program == "flite":
            run(["flite", "-voice", settings["voice"], "-set", f"duration_stretch={settings.get('stretch', '1.0')}",
                 "-t", utterance.spoken, "-o", str(wav)], utterance.id)
        elif utterance.program == "festival":
            run(["text2wave", "-eval", f"(voice_{settings['voice']})", "-eval",
                 f"(Parameter.set 'Duration_Stretch {settings.get('stretch', '1.0')})", "-o", str(wav)], utterance.id,
                utterance.spoken)
        else:
            made = (neural.hibari(utterance.spoken, float(settings["speed"])) if utterance.program == "hibari" else
                    neural.kokoro(utterance.spoken, settings["voice"], float(settings["speed"]), cache))
            audio.soundfile.write(wav, made, neural.RATE_HZ, subtype="FLOAT")
        return audio.decode(wav)


def prepare(samples: np.ndarray, where: str) -> np.ndarray:
    samples = levels.normalise(audio.fade(audio.trim(samples)))
    seconds = len(samples) / audio.RATE_HZ
    if not SHORTEST_S <= seconds <= LONGEST_S:
        raise BankError(f"lasts {seconds:.2f} s", where, f"an utterance lasts {SHORTEST_S} to {LONGEST_S} s; drop it")
    return samples


def key_of(utterance: plan.Utterance) -> str:
    recipe = (VERSION, utterance.program, utterance.voice["package"], utterance.settings, utterance.spoken)
    return hashlib.sha256("\n".join(map(str, recipe)).encode()).hexdigest()[:16]


def build(todo: list[plan.Utterance], cache: Path, out: Path) -> list[dict[str, str]]:
    (out / "audio").mkdir(parents=True, exist_ok=True)
    state_file = out / "state.json"
    state = json.loads(state_file.read_text()) if state_file.exists() else {}
    wanted: dict[str, list[str]] = {}
    for u in todo:
        if u.program == "recorded":
            wanted.setdefault(u.voice["package"], []).append(u.settings)
    files = {package: packages.take(package, paths, cache) for package, paths in wanted.items()}
    rows = []
    for number, u in enumerate(todo, 1):
        path = out / "audio" / f"{u.id}.flac"
        if state.get(u.id, {}).get("key") != key_of(u) or not path.exists():
            if u.program == "recorded" and u.settings not in files[u.voice["package"]]:
                raise BankError(f"not in package {u.voice['package']}", u.settings, "the package changed: drop the line")
            made = audio.decode(files[u.voice["package"]][u.settings]) if u.program == "recorded" else say(u, cache)
            samples = prepare(made, u.id)
            audio.write_flac(path, samples)
            state[u.id] = {"key": key_of(u), "seconds": f"{len(samples) / audio.RATE_HZ:.3f}",
                           "sha256": hashlib.sha256(path.read_bytes()).hexdigest()}
            if number % 50 == 0 or number == len(todo):
                print(f"{number} of {len(todo)}", flush=True)
                state_file.write_text(json.dumps(state))
        v = u.voice
        rows.append({"id": u.id, "words": u.words, "voice": v["voice"], "speaker": v["speaker"], "path": f"audio/{u.id}.flac",
                     "seconds": state[u.id]["seconds"], "split": v["split"], "group": v["voice"], "package": v["package"],
                     "licence": v["licence"], "author": v["author"], "sha256": state[u.id]["sha256"], "kind": u.kind})
    state_file.write_text(json.dumps(state))
    return rows


def main() -> int:
    options = arguments()
    try:
        todo = plan.read()
        check_programs()
        rows = build(todo, options.cache.resolve(), options.out)
    except BankError as error:
        print(f"word_bank: {error}", file=sys.stderr)
        return 1
    kept = {row["id"] for row in rows}
    for old in (options.out / "audio").glob("*.flac"):
        if old.stem not in kept:
            old.unlink()
    table.write(options.out / "words.tsv", COLUMNS, rows)
    minutes = sum(float(r["seconds"]) for r in rows) / 60
    print(f"{len(rows)} utterances of {len({r['words'] for r in rows})} entries in {len({r['voice'] for r in rows})} voices, "
          f"{minutes:.1f} min -> {options.out}/words.tsv")
    return 0


if __name__ == "__main__":
    sys.exit(main())
