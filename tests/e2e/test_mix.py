"""`af2 data mix` and `af2 data stats` with the real program, on sets that the program makes itself.

Run: python3 tests/e2e/test_mix.py PROGRAM. Needs only the standard library.
"""
import collections
import json
import pathlib
import shutil
import sys
import tempfile
import unittest

from tone_scenes import SPEC, af2, hashes, lines, use, write_sounds


class Mix(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        root = pathlib.Path(cls.made.name)
        write_sounds(root / "foreground")
        (root / "spec.json").write_text(json.dumps(SPEC))
        # One set of scenes with sound, one of music without, one of the first kind for tests.
        af2("scenes", "--spec", root / "spec.json", "--foreground", root / "foreground", "--n", 60, "--seed", 5, "--out", root / "scenes")
        af2("scenes", "--spec", root / "spec.json", "--foreground", root / "foreground", "--n", 20, "--seed", 6, "--labels-only", "--out", root / "tests")
        af2("music", "--n", 30, "--seed", 2, "--labels-only", "--out", root / "music")
        af2("skills", "--records", root / "scenes", "--seed", 3, "--out", root / "sounds-set")
        af2("skills", "--records", root / "music", "--seed", 3, "--out", root / "music-set")
        af2("skills", "--records", root / "tests", "--seed", 3, "--split", "test", "--out", root / "test-set")

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.root = pathlib.Path(self.scratch.name) / "root"
        shutil.copytree(self.made.name, self.root)
        self.sounds, self.music = self.root / "sounds-set", self.root / "music-set"

    def test_figures_are_those_of_the_files(self):
        out, _ = af2("stats", self.sounds, self.music, self.root / "scenes", "--json")
        sounds, music, scenes, total = [json.loads(line) for line in out.splitlines()]
        items = lines(self.sounds / "items.jsonl")
        self.assertEqual(sounds["items"], len(items))
        self.assertEqual(sounds["clips"], len({item["audio"] for item in items}))
        self.assertAlmostEqual(sounds["hours"], sum({item["audio"]: item["duration"] for item in items}.values()) / 3600, places=9)
        self.assertEqual({skill["skill"]: skill["items"] for skill in sounds["skills"]}, dict(collections.Counter(item["skill"] for item in items)))
        self.assertEqual(sounds["forms"], dict(collections.Counter(item["form"] for item in items)))
        self.assertEqual(sounds["duplicates"], {"question": 0, "question_and_answer": 0})
        letters = collections.Counter(chr(65 + item.get("answer_index", -1)) for item in items if item.get("options"))
        counted = collections.Counter()
        for skill in sounds["letters"].values():
            counted.update(skill)
        self.assertEqual(counted, letters)
        self.assertEqual((scenes["form"], scenes["items"], scenes["records"]["records"], scenes["clips"]), ("records", 0, 60, 60))
        self.assertEqual(total["items"], sounds["items"] + music["items"])
        self.assertEqual(total["clips"], 60 + music["clips"])  # the scenes are the clips of the first set
        # The same questions as lines and as AF2's JSON.
        manifest = next(iter(sorted(self.sounds.glob("AudioSkills-temporal/*.json"))))
        out, _ = af2("stats", self.sounds / "AudioSkills.jsonl", manifest, "--json")
        as_lines, as_af2 = [json.loads(line) for line in out.splitlines()][:2]
        self.assertEqual(as_lines["letters"], sounds["letters"])
        self.assertEqual(as_lines["question_words"], sounds["question_words"])
        self.assertEqual(as_af2["items"], sum(item["skill"] == "temporal" for item in items))
        self.assertEqual(as_af2["splits"], {"train": as_af2["items"]})

    def test_the_table_has_a_column_each_and_bad_sounds_are_named(self):
        out, _ = af2("stats", self.sounds, self.music)
        head = out.splitlines()[0].split()
        self.assertEqual(head, ["sounds-set", "music-set", "total"])
        row = next(line.split() for line in out.splitlines() if line.startswith("items "))
        self.assertEqual(int(row[1]) + int(row[2]), int(row[3]))
        af2("stats", self.sounds, "--audio")
        files = sorted((self.root / "scenes/audio").iterdir())
        files[0].unlink()
        files[1].write_text("<!DOCTYPE html>")
        out, _ = af2("stats", self.sounds, "--audio", "--list", 1, code=4)
        self.assertIn(f"missing  {files[0]}", out)
        self.assertIn("and 1 more of", out)
        counts = json.loads(af2("stats", self.sounds, "--audio", "--json", code=4)[0].splitlines()[0])["sounds"]
        self.assertEqual((counts["missing"], counts["unreadable"]), (1, 1))
        self.assertIn("neither items.jsonl nor records.jsonl", af2("stats", self.root / "foreground", code=3)[1])

    def test_a_mix_is_a_set_that_passes_its_checks(self):
        out = self.root / "deep" / "mixed"
        said, _ = af2("mix", "--in", f"{self.sounds}=3", "--in", f"{self.music}=1", "--n", 80, "--seed", 4, "-o", out)
        self.assertEqual(said.strip(), str(out))
        items = lines(out / "items.jsonl")
        self.assertEqual(len(items), 80)
        of_music = {item["id"] for item in lines(self.music / "items.jsonl")}
        self.assertEqual(sum(item["id"] in of_music for item in items), 20)
        for item in items:
            if item["id"] not in of_music:
                self.assertTrue((out / item["audio"]).resolve().is_file(), item["audio"])
        records = {record["id"] for record in lines(out / "records.jsonl")}
        self.assertEqual(records, {item["record"] for item in items})
        said, _ = af2("check", out, "--items-only")  # answers are computed again from the records that came along
        self.assertIn("80 items, 0 fail", said)
        self.assertEqual(len(lines(out / "manifest.jsonl")), 80)
        before = hashes(out)
        af2("mix", "--in", f"{self.music}=1", "--in", f"{self.sounds}=3", "--n", 80, "--seed", 4, "-o", out)
        self.assertEqual(hashes(out), before)
        af2("mix", "--in", f"{self.sounds}=3", "--in", f"{self.music}=1", "--n", 80, "--seed", 5, "-o", out)
        self.assertNotEqual(hashes(out), before)

    def test_shares_of_skills_and_what_cannot_be(self):
        (self.root / "shares.json").write_text(json.dumps({"temporal": 2, "counting": 1, "information": 1}))
        out = self.root / "shared"
        args = ["mix", "--in", self.sounds, "--in", self.music, "--shares", self.root / "shares.json", "-o", out]
        made = json.loads(af2(*args, "--n", 20, "--json")[0])
        self.assertEqual([share["taken"] for share in made["shares"]], [10, 5, 5])
        self.assertEqual(collections.Counter(item["skill"] for item in lines(out / "items.jsonl")),
                         {"temporal": 10, "counting": 5, "information": 5})
        _, errors = af2(*args, "--n", 100000, code=2)
        possible = int(errors.split("--n ")[1].split(",")[0])
        self.assertEqual(json.loads(af2(*args, "--n", possible, "--json", "--dry-run")[0])["items"], possible)
        af2(*args, "--n", possible + 1, "--dry-run", code=2)
        repeated = json.loads(af2(*args, "--n", 2000, "--repeat", "--json")[0])
        self.assertEqual([share["taken"] for share in repeated["shares"]], [1000, 500, 500])
        _, errors = af2("mix", "--in", self.sounds, "--shares", "audioskills", "--n", 50, "-o", self.root / "no", code=2)
        self.assertIn("contextual_speech", errors)
        made = json.loads(af2("mix", "--in", self.sounds, "--shares", "audioskills", "--skip-absent", "--json", "-o", self.root / "some")[0])
        self.assertGreater(made["items"], 0)

    def test_tests_are_not_mixed_with_training(self):
        tests = self.root / "test-set"
        _, errors = af2("mix", "--in", self.music, "--in", tests, "-o", self.root / "all", code=2)
        self.assertIn("several splits", errors)
        made = json.loads(af2("mix", "--in", self.music, "--in", tests, "--split", "test", "--json", "-o", self.root / "all")[0])
        self.assertEqual(made["items"], len(lines(tests / "items.jsonl")))
        af2("mix", "--in", self.music, "--in", tests, "--allow-mixed-splits", "-o", self.root / "all")
        self.assertTrue(list((self.root / "all").glob("all-*/test.json")))
        # Both sets of scenes are made of the same takes.
        _, errors = af2("mix", "--in", self.sounds, "--in", tests, "--allow-mixed-splits", "-o", self.root / "leak", code=3)
        self.assertIn("group ", errors)
        self.assertFalse((self.root / "leak").exists())

    def test_manifests_give_a_manifest(self):
        temporal = self.sounds / "AudioSkills-temporal/train.json"
        af2("convert", self.sounds / "AudioSkills-counting/train.json", "--to", "af3", "-o", self.root / "talk.json", code=0)
        made = json.loads(af2("mix", "--in", temporal, "--in", self.root / "talk.json", "--in", self.music, "--json", "-o", self.root / "m/all.jsonl")[0])
        rows = lines(self.root / "m/all.jsonl")
        self.assertEqual(len(rows), made["items"])
        self.assertEqual({entry["form"] for entry in made["inputs"]}, {"af2", "af3", "items"})
        for row in rows:
            if "/scenes/" in row["audio"]:
                self.assertTrue((self.root / "m" / row["audio"]).resolve().is_file(), row["audio"])
        # The set has all of these questions.
        again = json.loads(af2("mix", "--in", self.root / "m/all.jsonl", "--in", self.sounds, "--json", "--dry-run", "-o", self.root / "x.jsonl")[0])
        twice = sum(item["skill"] in ("temporal", "counting") for item in lines(self.sounds / "items.jsonl"))
        self.assertEqual(sum(entry["duplicates"] for entry in again["inputs"]), twice)
        self.assertIn(".jsonl", af2("mix", "--in", temporal, "-o", self.root / "folder", code=2)[1])


if __name__ == "__main__":
    use(str(pathlib.Path(sys.argv.pop(1)).resolve()))
    unittest.main()
