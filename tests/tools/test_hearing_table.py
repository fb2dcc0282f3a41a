#!/usr/bin/env python3
"""tools/hearing_table.py: means, means over answers, the hearing gain, and that intervals are by cluster."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "hearing_table.py"


class HearingTable(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.run = pathlib.Path(scratch.name)
        self.lines = []

    def item(self, cluster, score, gold="a dog", choices=("a dog", "a small bell"), category="general", kind="sound", form="choice", excluded=False, **variants):
        self.lines.append({"cluster": cluster, "gold": [gold], "score": score, "robust": {"excluded": excluded}, "variants": variants,
                           "groups": {"category": category, "form": form, "type": kind}} | ({"choices": list(choices)} if choices else {}))

    def table(self, *flags, code=0):
        if self.lines:
            (self.run / "scores.jsonl").write_text("".join(json.dumps(line) + "\n" for line in self.lines))
        done = subprocess.run([sys.executable, str(TOOL), str(self.run), *flags], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return {cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in (line.split("|") for line in done.stdout.splitlines())} or done.stderr

    def test_categories_and_their_mean(self):
        for i in range(9):
            self.item(f"a{i}", 1.0, audio_off=0.0, shuffled_audio=1.0 if i < 3 else 0.0)
        self.item("b", 0.0, gold="a small bell", category="temporal", audio_off=1.0, shuffled_audio=0.0)
        self.item("c", 1.0, choices=(), form="short", gold="3")
        self.item("d", 0.0, excluded=True)
        table = self.table()
        self.assertEqual(table["general, choices"][:3], ["9", "50.0 %", "100.0 %"])
        self.assertEqual(table["temporal, choices"][2], "0.0 %")
        whole = table["**choices, mean of the categories**"]
        self.assertEqual(whole[:3], ["10", "50.0 %", "50.0 %"])
        # Off: (0 + 1) / 2; another clip's sound: (1/3 + 0) / 2. Always the first letter: (1 + 0) / 2; the longest: (0 + 1) / 2.
        self.assertEqual(whole[4:6], ["50.0 %", "16.7 %"])
        self.assertTrue(whole[6].startswith("+0.0 ("))
        self.assertEqual(whole[7:], ["50.0 %", "50.0 %"])
        self.assertEqual(table["short, all categories"][:3], ["1", "", "100.0 %"])

    def test_common_answers_count_no_more_than_rare_ones(self):
        for i in range(9):
            self.item(f"a{i}", 1.0)
        self.item("b", 0.0, gold="a small bell")
        table = self.table("--types")
        self.assertEqual(table["sound, choice"][2], "90.0 %")
        self.assertEqual(table["sound, choice, mean over 2 answers"][2], "50.0 %")

    def test_intervals_are_by_cluster(self):
        def width(n):
            self.lines = []
            for i in range(40):
                self.item(str(i % n), float(i % 2))
            low, high = map(float, re.match(r"(.*)-(.*)", self.table()["general, choices"][3]).groups())
            return high - low
        self.assertGreater(width(2), 90)  # all of a cluster are alike
        self.assertLess(width(40), 40)

    def test_a_run_that_was_not_scored(self):
        self.assertIn("scores.jsonl", self.table(code=1))


if __name__ == "__main__":
    unittest.main(verbosity=2)
