#!/usr/bin/env python3
"""tools/contrast_table.py: which choice wins when what it is worth unheard counts against it."""
import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "contrast_table.py"


class ContrastTable(unittest.TestCase):
    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.run = pathlib.Path(scratch.name)

    def table(self, items, files=("predictions.jsonl", "predictions-audio_off.jsonl", "scores.jsonl"), code=0):
        """items: category, form, right choice, shares heard, shares unheard (None: none were kept)"""
        rows = {name: [] for name in files}
        for i, (category, form, right, heard, unheard) in enumerate(items):
            for name, shares in (("predictions.jsonl", heard), ("predictions-audio_off.jsonl", unheard)):
                rows.setdefault(name, []).append({"id": str(i)} | ({"shares": shares} if shares else {}))
            choices = ["a dog", "a bell", "rain"]
            rows.setdefault("scores.jsonl", []).append({"id": str(i), "cluster": str(i), "choices": choices, "gold": [choices[right]], "groups": {"category": category, "form": form}})
        for name in files:
            (self.run / name).write_text("".join(json.dumps(row) + "\n" for row in rows[name]))
        done = subprocess.run([sys.executable, str(TOOL), str(self.run)], capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        return {cells[1].strip(): [cell.strip() for cell in cells[2:-1]] for cells in (line.split("|") for line in done.stdout.splitlines()) if len(cells) > 2} if code == 0 else done.stderr

    def test_what_is_likely_unheard_counts_against_a_choice(self):
        # 0.5^1.5 / 0.6^0.5 = 0.46 and 0.4^1.5 / 0.2^0.5 = 0.57: the second wins from 0.5 on, not with 0.25 (0.478, 0.476).
        likely = ([0.5, 0.4, 0.1], [0.6, 0.2, 0.2])
        table = self.table([("order", "choice", 1, *likely), ("order", "choice", 0, *likely), ("order", "choice", 1, *likely), ("sound", "choice", 2, [0, 0.01, 0.99], [0.3, 0.3, 0.4]),
                            ("sound", "open", 1, *likely), ("sound", "choice", 1, likely[0], None)])
        self.assertEqual(table["contrast"], ["mean of the categories", "difference, points", "order", "sound"])
        self.assertEqual(table["0"], ["66.7 %", "", "33.3 %", "100.0 %"])
        self.assertEqual(table["0.25"][0], "66.7 %")
        self.assertEqual(table["0.5"][0], "83.3 %")
        self.assertTrue(table["0.5"][1].startswith("+16.7 ("), table["0.5"])
        self.assertEqual(table["4"][2:], ["66.7 %", "100.0 %"])

    def test_a_run_without_shares_is_refused(self):
        self.assertIn("no choices with shares", self.table([("order", "choice", 1, None, None)], code=1))
        (self.run / "predictions-audio_off.jsonl").unlink()
        self.assertIn("--baselines audio_off", self.table([("order", "choice", 1, [1, 0, 0], None)], files=("predictions.jsonl", "scores.jsonl"), code=1))


if __name__ == "__main__":
    unittest.main()
