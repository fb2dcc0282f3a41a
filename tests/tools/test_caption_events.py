#!/usr/bin/env python3
"""tools/caption_events.py: which labels a caption names, the shares, and what it refuses. The captions are written by a small program here."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "caption_events.py"
LABELS = """label\tphrase\tshort\tsentence\tsynonyms\tfamily
dog\ta dog barking\ta dog\ta dog barks\tdog|bark\tanimal
bell\ta bell ringing\ta bell\ta bell rings\tbell|ding\tthing
doorbell\ta doorbell ringing\ta doorbell\ta doorbell rings\tdoorbell|ding\tthing
"""


class CaptionEvents(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        (self.root / "bank").mkdir()
        (self.root / "bank/labels.tsv").write_text(LABELS)
        self.clips = self.root / "set/clips/one"
        (self.clips / "audio").mkdir(parents=True)
        self.items, self.records, self.texts = [], [], {}

    def clip(self, name, labels, caption, asked=True):
        self.records.append({"audio": f"audio/{name}.wav", "group": name, "events": [{"label": label} for label in labels]})
        (self.clips / f"audio/{name}.wav").write_bytes(b"")
        if asked:
            self.items.append({"audio": f"clips/one/audio/{name}.wav"})
            self.texts[str(self.clips / f"audio/{name}.wav")] = caption

    def run_tool(self, code=0):
        (self.root / "set/items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in self.items))
        (self.clips / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in self.records))
        program = self.root / "program"
        program.write_text(f"#!{sys.executable}\nimport json, sys\ntexts = {self.texts!r}\n"
                           "for path in sys.argv:\n    if path in texts: print(json.dumps({'type': 'answer', 'path': path, 'text': texts[path]}))\n"
                           "print(json.dumps({'type': 'summary'}))\n")
        program.chmod(0o755)
        done = subprocess.run([sys.executable, str(TOOL), str(self.root / "set"), "--program", str(program), "--bank", str(self.root / "bank"),
                               "--out", str(self.root / "out.jsonl")], capture_output=True, text=True)
        self.assertEqual(done.returncode != 0, code != 0, done.stderr)
        return done.stdout + done.stderr

    def named(self):
        return [json.loads(line)["named"] for line in (self.root / "out.jsonl").read_text().splitlines()]

    def test_shares(self):
        self.clip("a", ["dog", "bell"], "A dog barks, then a doorbell rings.")  # one of two, and one that is absent
        self.clip("b", ["bell"], "A bell rings while a bell is ringing.")  # all, named once
        self.clip("c", ["dog"], "nothing but hotdogs.")  # a part of a word is none
        self.clip("d", ["dog"], "a dog barks", asked=False)
        out = self.run_tool()
        self.assertIn("3 clips, 3 groups, 4 labels", out)
        self.assertEqual(self.named(), [[["doorbell"], ["dog"]], [["bell"]], []])
        own = next(line for line in out.splitlines() if "its own" in line)
        self.assertIn("| 50.0 % (", own)  # 2 of 4
        self.assertIn("| 33.3 % (", own)  # 1 of 3
        other = next(line for line in out.splitlines() if "another clip's" in line)
        self.assertIn("| 50.0 % (", other)  # a: bell of b, one of two; b: none of c's; c: dog of a

    def test_a_name_of_two_labels_may_mean_either(self):
        self.clip("a", ["doorbell"], "ding!")
        self.clip("b", ["dog"], "ding!")
        out = self.run_tool()
        self.assertEqual(self.named(), [[["bell", "doorbell"]]] * 2)
        self.assertIn("| 50.0 % (", out)

    def test_what_is_missing(self):
        self.clip("a", ["dog"], "a dog")
        (self.root / "bank/labels.tsv").unlink()
        self.assertIn("labels.tsv", self.run_tool(code=1))
        (self.root / "bank/labels.tsv").write_text(LABELS)
        (self.clips / "audio/a.wav").unlink()
        self.assertIn("make_sets.sh set --audio", self.run_tool(code=1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
