#!/usr/bin/env python3
"""How long from program start to the first word on a 10 s clip, tokens per second after it, and peak memory.

Usage: bench/first_word.py [--program build/release/af2] [--runs 5] [-t THREADS]. Prints a Markdown table with minimum,
median and maximum over the runs. Runs on whatever else the machine does: close other programs first.
"""
import argparse
import os
import pathlib
import statistics
import struct
import subprocess
import tempfile
import time
import wave

ROOT = pathlib.Path(__file__).resolve().parents[1]
N_TOKENS = 60


def ten_seconds(path):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(16000)
        out.writeframes(b"".join(struct.pack("<h", (i * i * 31) % 8001 - 4000) for i in range(160000)))


def one_run(program, clip, threads):
    """Seconds to the first text on stdout, tokens/s after it, peak resident kB."""
    command = [program, "ask", "-p", "what do you hear?", "--stream", "--json", "--ignore-eos", "-n", str(N_TOKENS),
               "-t", str(threads), str(clip)]
    start = time.perf_counter()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    child.stdout.readline()
    first = time.perf_counter() - start
    child.stdout.read()
    _, status, usage = os.wait4(child.pid, 0)
    child.returncode = os.waitstatus_to_exitcode(status)
    whole = time.perf_counter() - start
    if child.returncode != 0:
        raise SystemExit(f"{' '.join(command)} exited {child.returncode}")
    return first, (N_TOKENS - 1) / (whole - first), usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--program", default=str(ROOT / "build/release/af2"))
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("-t", "--threads", type=int, default=2)
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = pathlib.Path(folder) / "noise.wav"
        ten_seconds(clip)
        one_run(flags.program, clip, flags.threads)  # warms the page cache
        runs = [one_run(flags.program, clip, flags.threads) for _ in range(flags.runs)]
    print(f"| {flags.runs} runs, {flags.threads} threads | minimum | median | maximum |\n| --- | --- | --- | --- |")
    for name, values, form in zip(("start to first word, s", "tokens/s after it", "peak memory (VmHWM), MiB"), zip(*runs),
                                  ("{:.2f}", "{:.0f}", "{:.0f}")):
        cells = (min(values), statistics.median(values), max(values))
        print(f"| {name} | " + " | ".join(form.format(value) for value in cells) + " |")


if __name__ == "__main__":
    main()
