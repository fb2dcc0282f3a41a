#!/usr/bin/env python3
"""Copies a set of questions with its sounds made worse, to see what a model loses by it.

  python3 tools/degrade_set.py sets/plain-test mp3 --out sets/plain-test-mp3

  mp3    64 kbit/s (libmp3lame)
  8khz   8,000 samples a second: nothing above 4 kHz
  noise  white noise 10 dB below the clip's mean power, the same whenever it is made
  half   half the level (-6 dB)

Questions, answers and ids stay as they are; only the names of mp3 files differ. Only the standard library, and ffmpeg.
"""
import argparse
import array
import concurrent.futures
import json
import pathlib
import random
import subprocess
import sys
import wave

SNR_DB = 10
CONDITIONS = ("mp3", "8khz", "noise", "half")


def fail(what, where, todo):
    sys.exit(f"degrade_set: {what}; where: {where}; what to do: {todo}")


def read_wav(path):
    """Samples as integers of 16 bits, and their rate."""
    with wave.open(str(path)) as file:
        if file.getsampwidth() != 2 or file.getnchannels() != 1:
            fail("is no WAV of 16 bits and one channel", path, "make the set's sounds with tools/make_sets.sh")
        samples = array.array("h", file.readframes(file.getnframes()))
        if sys.byteorder == "big":
            samples.byteswap()
        return samples, file.getframerate()


def write_wav(path, samples, rate):
    # What passes full scale is brought below it as a whole: a clipped clip would be another condition.
    peak = max((abs(sample) for sample in samples), default=0)
    scale = min(1, 32767 / peak) if peak else 1
    whole = array.array("h", (round(sample * scale) for sample in samples))
    if sys.byteorder == "big":
        whole.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(whole.tobytes())


def with_noise(samples, name):
    """White noise SNR_DB below the clip's mean power, drawn by the clip's name."""
    draw = random.Random(name)
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    deviation = (power / 10 ** (SNR_DB / 10)) ** 0.5
    return [sample + draw.gauss(0, deviation) for sample in samples]


def name_in(condition, audio):
    return str(pathlib.PurePosixPath(audio).with_suffix(".mp3")) if condition == "mp3" else audio


def degrade(condition, source, target, audio):
    target.parent.mkdir(parents=True, exist_ok=True)
    if condition in ("mp3", "8khz"):
        how = ["-c:a", "libmp3lame", "-b:a", "64k"] if condition == "mp3" else ["-ar", "8000"]
        done = subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(source), "-bitexact", *how, str(target)],
                              capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"ffmpeg: {done.stderr.strip()[-300:]}", source, "see that ffmpeg has libmp3lame, and that the sound is whole")
        return
    samples, rate = read_wav(source)
    write_wav(target, with_noise(samples, audio) if condition == "noise" else [sample / 2 for sample in samples], rate)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("set", type=pathlib.Path, help="folder with items.jsonl and its sounds")
    parser.add_argument("condition", choices=CONDITIONS)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    try:
        items = [json.loads(line) for line in (args.set / "items.jsonl").read_text().splitlines()]
    except (OSError, ValueError) as error:
        fail(error, args.set / "items.jsonl", "name the folder of a set")
    audio = sorted({item["audio"] for item in items})
    gone = [name for name in audio if not (args.set / name).is_file()]
    if gone:
        fail(f"{len(gone)} of {len(audio)} sounds are missing", args.set / gone[0], "make them with tools/make_sets.sh NAME --audio")
    with concurrent.futures.ThreadPoolExecutor(args.threads) as pool:
        made = [pool.submit(degrade, args.condition, args.set / name, args.out / name_in(args.condition, name), name) for name in audio]
        for one in made:
            one.result()
    lines = [json.dumps({**item, "audio": name_in(args.condition, item["audio"])}, ensure_ascii=False) + "\n" for item in items]
    (args.out / "items.jsonl").write_text("".join(lines))
    print(f"{args.out}: {len(items)} items, {len(audio)} sounds, {args.condition}")


if __name__ == "__main__":
    main()
