"""Sounds made by programs, from a recipe string.

    fluidsynth:<file.sf2>:bank=0:prog=40:notes=60,64,60+64+67:dur=0.8[:drum=1]   '+' joins notes into a chord
    timidity:<file.cfg>:prog=40:notes=60,64:dur=0.8[:drum=1]                      the same with a set of GUS patches
    espeak-ng:voice=en-us+f3:speed=160:text=Good morning.                         text goes to the end of the line
    flite:voice=slt:text=...        festival:voice=kal_diphone:text=...
    tone:kind=sine:freq=440:dur=1.5                                               see `_tone`
Soundfonts and patches are taken out of their package; the programs and festival's voices must be installed.
"""

from __future__ import annotations

import shutil
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np

import audio
import packages
from errors import BankError

# program -> Debian packages that bring it and what it needs
NEEDS = {
    "ffmpeg": ["ffmpeg"],
    "fluidsynth": ["fluidsynth"],
    "timidity": ["timidity"],
    "espeak-ng": ["espeak-ng"],
    "flite": ["flite"],
    "festival": ["festival", "festvox-kallpc16k", "festvox-us-slt-hts"],
}
_RING_MS, _GAP_MS, _BATCH = 1200, 1000, 80
_SF2, _SF3 = "usr/share/sounds/sf2/", "usr/share/sounds/sf3/"
_PATCHES = "usr/share/midi/"
PLAYED = ("fluidsynth:", "timidity:")  # recipes that `render` plays many at a time
_FESTIVAL_VOICES = {"kal_diphone": "festvox-kallpc16k", "cmu_us_slt_arctic_hts": "festvox-us-slt-hts"}


def _fields(recipe: str) -> dict[str, str]:
    head, mark, text = recipe.partition(":text=")
    out = dict(part.split("=", 1) for part in head.split(":")[1:] if "=" in part)
    if mark:
        out["text"] = text
    return out


def check_programs(recipes: list[str]) -> None:
    """Raises with one apt line for everything that is missing."""
    used = {r.split(":", 1)[0] for r in recipes} | {"ffmpeg"}
    missing: list[str] = []
    for program in sorted(used - {"tone"}):
        if shutil.which(program) is None or (program == "festival" and shutil.which("text2wave") is None):
            missing += NEEDS[program]
        elif program == "festival":
            for voice in sorted({_fields(r)["voice"] for r in recipes if r.startswith("festival:")}):
                if not any(Path("/usr/share/festival/voices").rglob(voice)):
                    missing.append(_FESTIVAL_VOICES[voice])
    if missing:
        raise BankError("programs are missing", ", ".join(sorted(set(missing))),
                        "apt-get install --no-install-recommends " + " ".join(sorted(set(missing))))


def _variable(value: int) -> bytes:
    """A MIDI quantity of variable length."""
    out = bytes([value & 0x7F])
    while value := value >> 7:
        out = bytes([value & 0x7F | 0x80]) + out
    return out


def _slot_ms(fields: dict[str, str]) -> int:
    """How long one recipe sounds, its ringing included."""
    return int(float(fields.get("dur", "1")) * 1000) * (fields["notes"].count(",") + 1) + _RING_MS


def _midi(recipes: list[dict[str, str]]) -> bytes:
    """A MIDI file of one track that plays the recipes one after another; one tick is a millisecond."""
    track, wait = b"\x00\xff\x51\x03\x0f\x42\x40", 0
    for fields in recipes:
        channel = 9 if fields.get("drum") else 0
        length = int(float(fields.get("dur", "1")) * 1000)
        velocity = int(fields.get("vel", "100"))
        track += _variable(wait) + bytes([0xB0 | channel, 0, int(fields.get("bank", "0"))])
        track += _variable(0) + bytes([0xC0 | channel, int(fields.get("prog", "0"))])
        for chord in fields["notes"].split(","):
            keys = [int(k) for k in chord.split("+")]
            track += b"".join(_variable(0) + bytes([0x90 | channel, key, velocity]) for key in keys)
            track += b"".join(_variable(length if n == 0 else 0) + bytes([0x80 | channel, key, 0])
                              for n, key in enumerate(keys))
        track += _variable(_RING_MS) + bytes([0xB0 | channel, 120, 0])  # controller 120: all sound off
        wait = _GAP_MS
    track += _variable(_GAP_MS) + b"\xff\x2f\x00"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, 1000) + b"MTrk" + struct.pack(">I", len(track)) + track


def _run(command: list[str], recipe: str, text: str | None = None) -> None:
    done = subprocess.run(command, capture_output=True, input=None if text is None else text.encode())
    if done.returncode:
        last = done.stderr.decode(errors="replace").strip().splitlines()
        raise BankError(f"{command[0]} failed ({last[-1] if last else done.returncode})", recipe,
                        f"check that {command[0]} is installed and knows the voice or soundfont")


def render(package: str, recipes: list[str], cache: Path) -> dict[str, np.ndarray]:
    """Samples of many recipes of notes of one package; a run plays a batch, since loading the instruments is the slow part."""
    out: dict[str, np.ndarray] = {}
    for head in sorted({":".join(r.split(":")[:2]) for r in recipes}):
        program, name = head.split(":")
        mine = [r for r in recipes if r.startswith(head + ":")]
        font = _font(package, name, cache) if program == "fluidsynth" else _patches(package, name, cache)
        if font is None:
            raise BankError(f"package {package} has no {name}", mine[0], "correct the recipe in sounds.tsv")
        for start in range(0, len(mine), _BATCH):
            out.update(_render_batch(program, font, mine[start : start + _BATCH]))
    return out


def _font(package: str, name: str, cache: Path) -> Path | None:
    place = (_SF3 if name.endswith(".sf3") else _SF2) + name
    return packages.take(package, [place], cache).get(place)


def _patches(package: str, name: str, cache: Path) -> Path | None:
    """All patches of the package, and its configuration changed to find them in the cache."""
    place = f"etc/timidity/{name}"
    names = [n for n in packages.listing(package, cache) if n == place or n.startswith(_PATCHES)]
    found = packages.take(package, names, cache)
    if place not in found:
        return None
    lines = found[place].read_text().splitlines()
    changed = found[place].with_suffix(".local.cfg")
    changed.write_text("\n".join(f"dir {packages.cached(package, line[5:].strip(), cache)}" if line.startswith("dir /") else line
                                 for line in lines) + "\n")
    return changed


def _render_batch(program: str, font: Path, recipes: list[str]) -> dict[str, np.ndarray]:
    with tempfile.TemporaryDirectory() as folder:
        midi, wav = Path(folder) / "notes.mid", Path(folder) / "notes.wav"
        fields = [_fields(r) for r in recipes]
        midi.write_bytes(_midi(fields))
        if program == "fluidsynth":
            _run(["fluidsynth", "-ni", "-q", "-g", "0.6", "-r", "44100", "-R", "0", "-C", "0",
                  "-o", "synth.midi-bank-select=gs", "-F", str(wav), str(font), str(midi)], recipes[0])
        else:
            _run(["timidity", "-c", str(font), "-Ow", "-s", "44100", "-EFreverb=0", "-EFchorus=0", "-A60", "-o", str(wav),
                  str(midi)], recipes[0])
        samples = audio.decode(wav)
    out, at = {}, 0
    for recipe, field in zip(recipes, fields):
        n = _slot_ms(field)
        per_ms = audio.RATE_HZ // 1000
        out[recipe] = samples[at * per_ms : (at + n) * per_ms]
        at += n + _GAP_MS
    return out


def _tone(fields: dict[str, str], recipe: str) -> np.ndarray:
    """Sine, square, saw, sweep, dial, busy, beeps and three colours of noise; noise is seeded by the recipe."""
    rate = audio.RATE_HZ
    t = np.arange(int(float(fields.get("dur", "1")) * rate)) / rate
    freq = float(fields.get("freq", "440"))
    kind = fields["kind"]
    if kind == "sine":
        x = np.sin(2 * np.pi * freq * t)
    elif kind == "square":
        x = sum(np.sin(2 * np.pi * k * freq * t) / k for k in range(1, int(rate / 2 / freq), 2))
    elif kind == "saw":
        x = sum(np.sin(2 * np.pi * k * freq * t) / k for k in range(1, int(rate / 2 / freq)))
    elif kind == "sweep":
        last = float(fields["to"])
        x = np.sin(2 * np.pi * (freq * t + (last - freq) * t**2 / 2 / t[-1]))
    elif kind in ("dial", "busy"):
        pair = {"dial": (350, 440), "busy": (480, 620)}[kind]
        x = sum(np.sin(2 * np.pi * f * t) for f in pair)
        x = x * ((t % 1.0) < 0.5) if kind == "busy" else x
    elif kind == "beeps":
        period = float(fields.get("period", "0.5"))
        x = np.sin(2 * np.pi * freq * t) * ((t % period) < period / 2)
    elif kind in ("white", "pink", "brown"):
        draw = np.random.default_rng(zlib.crc32(recipe.encode()))
        bins = np.fft.rfft(draw.standard_normal(len(t)))
        slope = {"white": 0.0, "pink": 0.5, "brown": 1.0}[kind]
        x = np.fft.irfft(bins / np.maximum(np.arange(len(bins)), 20) ** slope, len(t))
    else:
        raise BankError(f"unknown kind of tone '{kind}'", recipe, "see synth.py for the kinds")
    return audio.fade((0.4 * x / np.abs(x).max()).astype(np.float32))


def make(package: str, recipe: str, cache: Path) -> np.ndarray:
    """The samples of a recipe."""
    program = recipe.split(":", 1)[0]
    fields = _fields(recipe)
    if program == "tone":
        return _tone(fields, recipe)
    if recipe.startswith(PLAYED):
        return render(package, [recipe], cache)[recipe]
    with tempfile.TemporaryDirectory() as folder:
        wav = Path(folder) / "sound.wav"
        if program == "espeak-ng":
            _run(["espeak-ng", "-v", fields["voice"], "-s", fields.get("speed", "160"), "-p", fields.get("pitch", "50"),
                  "-w", str(wav), fields["text"]], recipe)
        elif program == "flite":
            _run(["flite", "-voice", fields["voice"], "-t", fields["text"], "-o", str(wav)], recipe)
        else:
            _run(["text2wave", "-eval", f"(voice_{fields['voice']})", "-o", str(wav)], recipe, fields["text"])
        return audio.decode(wav)
