#!/usr/bin/env python3
"""docs/train-your-own.md, run as it stands: its tables, its recipe, its commands, in a folder of its own.

Usage: test_train_your_own.py AF2. Small: the shipped examples and some generated tones, and two passes over them where the page says twenty.
"""
import json
import math
import os
import pathlib
import re
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "train-your-own.md"
AF2 = None


def blocks(language):
    """The page's blocks of code in one language ("" for tables)."""
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE.read_text(), re.M | re.S)


def write_tone(path, frequency, seconds):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
        n = int(16000 * seconds)
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(2 * math.pi * frequency * i / 16000))) for i in range(n)))


class TrainYourOwn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory(prefix="af2_train_")
        cls.folder = pathlib.Path(cls.scratch.name)
        sounds = cls.folder / "sounds"
        sounds.mkdir()
        rows = ["file,labels"]
        for name in ("bell", "coins", "crow", "footsteps"):
            shutil.copy(ROOT / f"models/mini/examples/{name}.ogg", sounds / f"{name}.ogg")
            rows.append(f"sounds/{name}.ogg,{name}")
        shutil.copy(sounds / "bell.ogg", sounds / "bell_01.ogg")
        rows.append("sounds/bell_01.ogg,bell")
        for i in range(7):
            write_tone(sounds / f"tone{i}.wav", 200 + 150 * i, 0.4 + 2.5 * i)
            rows.append(f"sounds/tone{i}.wav,{'low' if i < 3 else 'high'} tone|beep")
        (sounds / "broken.wav").write_text("not a sound")
        rows.append("sounds/broken.wav,noise")
        (cls.folder / "labels.csv").write_text("\n".join(rows) + "\n")
        # A copy: the page exports into a copy of this folder, which behind a link would be the shipped model.
        shutil.copytree(ROOT / "models/mini", cls.folder / "models/mini")
        (cls.folder / "my.yaml").write_text(blocks("yaml")[0].replace("passes: 20", "passes: 2"))
        bin_folder = cls.folder / "bin"
        bin_folder.mkdir()
        os.symlink(AF2, bin_folder / "af2")
        cls.environment = dict(os.environ, PATH=f"{bin_folder}:{os.environ['PATH']}")

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def sh(self, command, codes=(0,)):
        done = subprocess.run(["bash", "-ec", command], cwd=self.folder, env=self.environment, capture_output=True, text=True)
        self.assertIn(done.returncode, codes, f"{command}\n{done.stdout}\n{done.stderr}")
        return done.stdout + done.stderr

    def test_page(self):
        commands = [line for block in blocks("sh") for line in block.strip().splitlines()]
        self.assertEqual(len(commands), 7, "the page's commands: add what a new one should give")
        stats, convert, copy, train, resume, export, ask = commands
        self.assertIn("broken.wav", self.sh(stats + " --list 3", codes=(4,)))
        self.sh(convert, codes=(4,))  # the broken one is left out, and counted
        items = [json.loads(line) for line in (self.folder / "labels.jsonl").read_text().splitlines()]
        self.assertEqual(len(items), 12)
        self.assertTrue(all(item["prompt"] == "What sounds are heard?" for item in items))
        self.assertIn("low tone, beep", [item["output"] for item in items])
        self.sh(copy)
        said = self.sh(train)
        self.assertIn("frozen and unchanged: clap, lm", said)
        records = [json.loads(line) for line in (self.folder / "runs/mine/metrics.jsonl").read_text().splitlines()]
        losses = [record["loss"] for record in records if "loss" in record]
        self.assertLess(losses[-1], losses[0])
        held_out = [record["validation"]["held_out"] for record in records if "validation" in record][-1]
        plan = json.loads((self.folder / "runs/mine/config.json").read_text())["plan"]
        trained_on = plan["sets"][0]["items"]
        self.assertEqual(trained_on + held_out["n"], 12)
        self.assertGreater(held_out["n"], 0)
        self.assertTrue(f"step {len(losses)} of {len(losses)}, over" in (self.folder / "runs/mine/run.html").read_text())
        self.sh(resume)  # nothing left to do
        self.sh(export)
        answer = self.sh(ask)
        self.assertTrue(answer.strip())
        for name in ("adapter.safetensors", "config.json"):
            shipped, copied = ROOT / "models/mini" / name, self.folder / "models/mini" / name
            self.assertEqual(shipped.read_bytes(), copied.read_bytes(), "what was copied stays")
        self.assertNotEqual((self.folder / "my-model/adapter.safetensors").read_bytes(), (ROOT / "models/mini/adapter.safetensors").read_bytes())

    def test_tables(self):
        """Both tables of the page are read as it says."""
        tables = [block for block in blocks("") if block.startswith("file,")]
        self.assertEqual(len(tables), 2)
        folder = self.folder / "tables"
        folder.mkdir()
        for i, table in enumerate(tables):
            (folder / f"table{i}.csv").write_text(table)
            self.sh(f"af2 data convert tables/table{i}.csv --to jsonl -o tables/table{i}.jsonl")
        items = [json.loads(line) for line in (folder / "table1.jsonl").read_text().splitlines()]
        self.assertEqual([item["output"] for item in items], ["yes", "speech"])
        items = [json.loads(line) for line in (folder / "table0.jsonl").read_text().splitlines()]
        self.assertEqual([item["output"] for item in items], ["bell", "car horn, speech"])


if __name__ == "__main__":
    AF2 = pathlib.Path(sys.argv.pop(1)).resolve()
    unittest.main(verbosity=2)
