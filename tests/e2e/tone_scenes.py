"""What tests of the data factory begin with: tones as sounds, a spec of scenes, and `af2 data` run on them.

Not a test. `use(PROGRAM)` comes first. Needs only the standard library.
"""
import hashlib
import json
import math
import random
import struct
import subprocess
import wave

PROGRAM = ""
LABELS = ["dog", "cow", "bell", "owl", "drum", "door", "saw", "clock"]
SPEC = {"duration": [6, 12], "background": {"kinds": ["pink"]}, "min_onset_gap": 0.6,
        "events": [{"count": [3, 5], "most_length": 1.5}, {"repeats": [1, 4], "most_length": 0.6}]}


def use(program):
    global PROGRAM
    PROGRAM = program


def af2(*args, code=0):
    done = subprocess.run([PROGRAM, "data", *map(str, args)], capture_output=True, text=True, timeout=300)
    if done.returncode != code:
        raise AssertionError(f"af2 data {' '.join(map(str, args))}: {done.returncode}, not {code}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return done.stdout, done.stderr


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def hashes(folder):
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted(folder.rglob("*")) if path.is_file()}


def write_sounds(folder):
    for n, label in enumerate(LABELS):
        for take in range(6):
            draw = random.Random(f"{label} {take}")
            rate, count = 16000, int(16000 * draw.uniform(0.4, 2))
            samples = [0.3 * math.sin(2 * math.pi * 200 * (n + 2) * i / rate) + 0.02 * draw.uniform(-1, 1) for i in range(count)]
            path = folder / label / f"{label}{take}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            with wave.open(str(path), "wb") as out:
                out.setnchannels(1), out.setsampwidth(2), out.setframerate(rate)
                out.writeframes(b"".join(struct.pack("<h", int(32767 * s)) for s in samples))
