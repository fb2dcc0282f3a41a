#!/usr/bin/env python3
"""tools/degrade_set.py: levels, rates and formats of what it writes, questions as they were, and what it refuses."""
import array
import json
import math
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "degrade_set.py"
RATE = 16000
with_ffmpeg = unittest.skipUnless(shutil.which("ffmpeg"), "ffmpeg is not installed (tools/setup.sh --data)")


def power(path):
    with wave.open(str(path)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return sum(x * x for x in samples) / len(samples), len(samples), file.getframerate()


class DegradeSet(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        self.set = self.root / "set"
        (self.set / "clips").mkdir(parents=True)
        tone = array.array("h", (round(8000 * math.sin(2 * math.pi * 5000 * i / RATE)) for i in range(2 * RATE)))
        with wave.open(str(self.set / "clips" / "a.wav"), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(RATE)
            file.writeframes(tone.tobytes())
        self.items = [{"id": str(i), "audio": "clips/a.wav", "question": "Wo läutet es?", "answer": "hier"} for i in range(2)]
        self.write()

    def write(self):
        (self.set / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in self.items))

    def degrade(self, condition, code=0):
        out = self.root / condition
        done = subprocess.run([sys.executable, str(TOOL), str(self.set), condition, "--out", str(out)], capture_output=True, text=True)
        self.assertEqual(done.returncode != 0, code != 0, done.stderr)
        return out, done.stderr

    def read(self, out):
        return [json.loads(line) for line in (out / "items.jsonl").read_text().splitlines()]

    def test_half_the_level(self):
        out, _ = self.degrade("half")
        self.assertEqual(self.read(out), self.items)
        self.assertAlmostEqual(power(out / "clips/a.wav")[0] / power(self.set / "clips/a.wav")[0], 0.25, places=3)

    def test_noise_ten_decibels_below(self):
        out, _ = self.degrade("noise")
        self.assertAlmostEqual(power(out / "clips/a.wav")[0] / power(self.set / "clips/a.wav")[0], 1.1, delta=0.01)
        first = (out / "clips/a.wav").read_bytes()
        self.degrade("noise")
        self.assertEqual((out / "clips/a.wav").read_bytes(), first)

    @with_ffmpeg
    def test_nothing_is_left_above_4_khz(self):
        out, _ = self.degrade("8khz")
        left, n, rate = power(out / "clips/a.wav")
        self.assertEqual((n, rate), (2 * 8000, 8000))
        self.assertLess(left, 1e-3 * power(self.set / "clips/a.wav")[0])

    @with_ffmpeg
    def test_mp3(self):
        out, _ = self.degrade("mp3")
        self.assertEqual([item["audio"] for item in self.read(out)], ["clips/a.mp3"] * 2)
        self.assertEqual([item["question"] for item in self.read(out)], ["Wo läutet es?"] * 2)
        size = (out / "clips/a.mp3").stat().st_size
        self.assertAlmostEqual(size, 2 * 64000 / 8, delta=2000)

    def test_a_sound_that_is_missing_is_named(self):
        self.items.append({"id": "2", "audio": "clips/gone.wav", "question": "?", "answer": "?"})
        self.write()
        _, told = self.degrade("half", code=1)
        self.assertIn("1 of 2 sounds are missing", told)
        self.assertIn("gone.wav", told)


if __name__ == "__main__":
    unittest.main()
