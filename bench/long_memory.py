#!/usr/bin/env python3
"""Peak memory on long files: a clip of five minutes, which the model hears at once, and one of two hours, stretch by
stretch (--long scan) and in rolling captions.

Usage: .venv/bin/python bench/long_memory.py [--program build/release/af2] [--hours 2]. Prints Markdown. Noise of slowly
changing level, WAV at 16 kHz (230 MB for two hours, in a temporary folder).
"""
import argparse
import os
import pathlib
import subprocess
import tempfile
import time
import wave

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[1]


def write_clip(path, seconds):
    rng = np.random.default_rng(3)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
        for second in range(seconds):
            level = 0.05 + 0.2 * abs(np.sin(second / 40))
            out.writeframes((rng.standard_normal(16000) * level * 8000).clip(-32767, 32767).astype("<i2").tobytes())


def peak(command):
    """Seconds and MiB."""
    start = time.perf_counter()
    child = subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while child.poll() is None:
        for line in pathlib.Path(f"/proc/{child.pid}/status").read_text().splitlines():
            if line.startswith("VmHWM"):
                most = max(most, int(line.split()[1]))
        time.sleep(0.05)
    if child.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} exited {child.returncode}")
    return time.perf_counter() - start, most / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=ROOT / "build/release/af2")
    parser.add_argument("--hours", type=float, default=2)
    flags = parser.parse_args()
    ask = [flags.program, "ask", "-n", 16, "-p", "what do you hear?"]
    with tempfile.TemporaryDirectory() as folder:
        short, long = pathlib.Path(folder) / "short.wav", pathlib.Path(folder) / "long.wav"
        write_clip(short, 300)
        write_clip(long, int(flags.hours * 3600))
        rows = [("five minutes, at once", peak(ask + [short])),
                (f"{flags.hours:g} hours, --long scan", peak(ask + ["--long", "scan", long])),
                (f"{flags.hours:g} hours, caption --every 60",
                 peak([flags.program, "caption", "-n", 8, "--every", 60, long]))]
    print("| clip | seconds | peak memory, MiB |\n| --- | --- | --- |")
    for name, (seconds, mib) in rows:
        print(f"| {name} | {seconds:.1f} | {mib:.0f} |")


if __name__ == "__main__":
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    main()
