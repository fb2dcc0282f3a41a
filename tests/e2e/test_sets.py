"""`af2 data check`, `report`, `solvers` and `overlap` of a set of questions with the real program.

Run: python3 tests/e2e/test_sets.py PROGRAM. Needs only the standard library.
"""
import json
import math
import pathlib
import random
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest
import wave

PROGRAM = ""
SOUNDS = ["dog barking", "cow lowing", "bell ringing", "owl hooting", "drum beating", "door creaking", "saw grinding", "clock ticking"]


def af2(*args):
    done = subprocess.run([PROGRAM, "data", *map(str, args)], capture_output=True, timeout=300)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def write_wav(path, samples, rate=16000):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(rate)
        out.writeframes(b"".join(struct.pack("<h", max(-32768, min(32767, int(32767 * s)))) for s in samples))


def melody(seed, seconds=4, rate=16000):
    draw, samples = random.Random(seed), []
    while len(samples) < seconds * rate:
        hz, n = draw.uniform(200, 3000), int(draw.uniform(0.1, 0.4) * rate)
        samples += [0.2 * math.sin(2 * math.pi * hz * i / rate) * math.sin(math.pi * i / n) for i in range(n)]
    return samples[:seconds * rate]


def write_set(folder, n=24):
    """Questions with one option each at every letter, about clips that have what they say."""
    items, records = [], []
    for i in range(n):
        draw = random.Random(i)
        order = draw.sample(SOUNDS, 4)
        right = order[i % 4]
        clip = f"clip{i:02}"
        write_wav(folder / "clips" / f"{clip}.wav", melody(i))
        items.append({"id": f"item{i:02}", "record": clip, "audio": f"clips/{clip}.wav", "duration": 4.0, "skill": "temporal",
                      "type": "opening", "form": "choice", "level": "easy", "question": "Which sound comes first?",
                      "options": [f"a {o}" for o in order], "answer_index": i % 4, "answer": f"a {right}", "generator": "test",
                      "evidence": [{"label": right, "onset": 0.5, "offset": 1.5}], "facts": {"which": "first"}, "licence": "CC0"})
        records.append({"id": clip, "audio": f"clips/{clip}.wav", "duration": 4.0,
                        "events": [{"label": right, "onset": 0.5, "offset": 1.5}]})
    save(folder, items, records)


def save(folder, items, records):
    (folder / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    (folder / "records.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))


class Sets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        write_set(pathlib.Path(cls.made.name))

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.folder = pathlib.Path(self.scratch.name) / "set"
        shutil.copytree(self.made.name, self.folder)
        self.items, self.records = ([json.loads(line) for line in (self.folder / name).read_text().splitlines()]
                                    for name in ("items.jsonl", "records.jsonl"))

    def test_a_clean_set_passes_and_a_planted_fault_is_named(self):
        code, out, err = af2("check", self.folder, "--verify")
        self.assertEqual(code, 0, out + err)
        self.assertIn("24 items, 0 fail", out)
        self.items[3]["question"] = "Which sound does the caption name first?"
        save(self.folder, self.items, self.records)
        (self.folder / "clips/clip05.wav").unlink()
        code, out, err = af2("check", self.folder, "--verify", "--json", "--items-only")
        self.assertEqual(code, 4, out + err)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([(line["where"], line["what"]) for line in lines[:-1]],
                         [("item03", "texts/banned_phrase"), ("item05", "audio/missing")])
        self.assertEqual(lines[-1]["failed"], 2)
        self.assertEqual(lines[-1]["dropped"], {"audio/missing": 1, "texts/banned_phrase": 1})

    def test_what_passes_is_written_with_manifests_and_passes_again(self):
        self.items[3]["question"] = "Which sound does the caption name first?"
        save(self.folder, self.items, self.records)
        clean = self.folder.parent / "clean"
        code, out, err = af2("check", self.folder, "--out", clean, "--name", "Mine", "--af3")
        self.assertEqual(code, 4, out + err)
        self.assertEqual(af2("check", clean, "--verify")[0], 0)
        manifest = json.loads((clean / "Mine-temporal/train.json").read_text())
        self.assertEqual(manifest["total_num"], 23)
        self.assertEqual(len((clean / "manifest.jsonl").read_text().splitlines()), 23)
        self.assertEqual(len(json.loads((clean / "conversations.json").read_text())), 23)
        code, out, err = af2("report", clean, "-o", clean / "report.html", "--json", clean / "report.json")
        self.assertEqual(code, 0, err)
        report = json.loads((clean / "report.json").read_text())
        self.assertEqual(report["items"], 23)
        self.assertEqual(report["dropped"][0]["reason"], "texts/banned_phrase")
        page = (clean / "report.html").read_text()
        self.assertIn("../set/clips/clip00.wav", page)
        self.assertNotIn("<script", page)

    def test_solvers_name_a_set_that_can_be_guessed(self):
        many = []
        for k in range(5):
            for item in self.items:
                copy = dict(item, id=f"{item['id']}-{k}", options=list(item["options"]), answer_index=1)
                right = item["answer_index"]
                copy["options"][right], copy["options"][1] = copy["options"][1], copy["options"][right]
                many.append(copy)
        save(self.folder, many, self.records)
        code, out, err = af2("solvers", self.folder)
        self.assertEqual(code, 4, out + err)
        rows = [line.split("\t") for line in out.splitlines()]
        self.assertEqual(rows[1][:4] + rows[1][-1:], ["all", "letter", "120", "1.0000", "over"])

    def test_overlap_finds_a_crop_and_keeps_the_index(self):
        tests = self.folder.parent / "tests"
        write_wav(tests / "x.wav", [0.4 * s for s in melody(7)[8000:56000]])
        write_wav(tests / "y.wav", melody(1000))
        index = self.folder.parent / "tests.af2overlap"
        code, out, err = af2("overlap", self.folder, "--against", f"MMAU={tests}", "--index", index)
        self.assertEqual(code, 4, err)
        self.assertEqual([line.split("\t")[:4] for line in out.splitlines()], [["MMAU", "x.wav", "clips/clip07.wav", "fingerprint"]])
        self.assertIn("ESC-50", err)  # not looked at
        self.assertEqual(af2("overlap", self.folder, "--index", index)[1], out)
        code, out, err = af2("check", self.folder, "--index", index, "--out", self.folder.parent / "apart")
        self.assertEqual(code, 4, err)
        self.assertIn("item07\toverlap/MMAU", out)
        self.assertNotIn("clip07", (self.folder.parent / "apart/items.jsonl").read_text())

    def test_what_is_no_set_is_refused(self):
        empty = self.folder.parent / "empty"
        empty.mkdir()
        self.assertEqual(af2("check", empty)[0], 3)
        self.assertEqual(af2("report", empty)[0], 3)
        self.assertEqual(af2("overlap", self.folder)[0], 2)
        self.assertEqual(af2("overlap", self.folder, "--against", "ESC-50")[0], 2)
        (self.folder / "items.jsonl").write_text('{"id":"x"}\n')
        code, _, err = af2("check", self.folder)
        self.assertEqual(code, 3)
        self.assertIn("items.jsonl:1", err)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main(verbosity=2)
