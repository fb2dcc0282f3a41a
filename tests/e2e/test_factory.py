"""The data factory with the real program: scenes and music to records to questions to a checked set and its review.

Run: python3 tests/e2e/test_factory.py PROGRAM. Needs only the standard library.
"""
import json
import pathlib
import signal
import subprocess
import sys
import tempfile
import time
import unittest

from tone_scenes import SPEC, af2, hashes, lines, use, write_sounds

PROGRAM = ""


class Factory(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.root = pathlib.Path(cls.scratch.name)
        write_sounds(cls.root / "foreground")
        (cls.root / "spec.json").write_text(json.dumps(SPEC))
        cls.scenes("scenes", 60)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    @classmethod
    def scene_args(cls, name, n, *more):
        return ["scenes", "--spec", cls.root / "spec.json", "--foreground", cls.root / "foreground", "--n", n, "--seed", 5,
                "--out", cls.root / name, *more]

    @classmethod
    def scenes(cls, name, n, *more):
        af2(*cls.scene_args(name, n, *more))
        return cls.root / name

    def test_scenes_are_the_same_at_two_threads_and_without_sound(self):
        two = self.scenes("two", 60, "--threads", 2)
        self.assertEqual({k: v for k, v in hashes(self.root / "scenes").items() if not k.startswith("parts")},
                         {k: v for k, v in hashes(two).items() if not k.startswith("parts")})
        silent = self.scenes("silent", 60, "--labels-only")
        self.assertEqual((silent / "records.jsonl").read_bytes(), (two / "records.jsonl").read_bytes())
        self.assertEqual(list((silent).rglob("*.wav")), [])

    def test_the_sound_of_the_clips_that_are_asked_about(self):
        silent = self.scenes("later", 60, "--labels-only")
        chosen = self.root / "chosen.jsonl"
        chosen.write_text("".join(json.dumps({"id": f"q{n}", "record": f"{of}-{n:06}"}) + "\n" for of, n in
                                  (("later", 3), ("later", 17), ("other", 5))))
        af2(*self.scene_args("later", 60, "--sound-of", chosen))
        self.assertEqual({path.name for path in (silent / "audio").iterdir()}, {"000003.wav", "000017.wav"})
        af2(*self.scene_args("later", 60, "--sound-of", "5, 17"))
        for number in (3, 5, 17):
            self.assertEqual((silent / f"audio/{number:06}.wav").read_bytes(), (self.root / f"scenes/audio/{number:06}.wav").read_bytes())
        for wrong, said in (("nowhere.jsonl", "neither a file nor a list of numbers"), ("60", "has no scene 60")):
            _, errors = af2(*self.scene_args("later", 60, "--sound-of", wrong), code=2)
            self.assertIn(said, errors)

    def test_a_killed_run_ends_in_the_same_bytes(self):
        whole = self.scenes("whole", 200)
        cut = self.root / "cut"
        for wait in (0.15, 0.3, 0.45):
            run = subprocess.Popen([PROGRAM, "data", *map(str, self.scene_args("cut", 200))], stderr=subprocess.DEVNULL,
                                   stdout=subprocess.DEVNULL)
            time.sleep(wait)
            run.send_signal(signal.SIGKILL)
            run.wait()
        self.scenes("cut", 200)
        self.assertEqual(hashes(cut), hashes(whole))

    def test_another_spec_is_refused_for_a_folder(self):
        _, errors = af2(*self.scene_args("scenes", 60, "--rate", 32000), code=2)
        self.assertIn("rate", errors)

    def make_set(self, name, *more):
        out = self.root / name
        done = subprocess.run([PROGRAM, "data", "skills", "--records", str(self.root / "scenes"), "--out", str(out), "--seed", "3", *map(str, more)],
                              capture_output=True, text=True, timeout=300)
        self.assertEqual(done.returncode, 0, done.stderr)
        return out

    def test_questions_follow_from_the_records(self):
        out = self.make_set("set")
        items, records = lines(out / "items.jsonl"), {r["id"]: r for r in lines(out / "records.jsonl")}
        skills = {item["skill"] for item in items}
        self.assertTrue({"temporal", "counting", "attribute", "general"} <= skills, skills)
        firsts = [item for item in items if item["type"] == "referring" and item["facts"].get("which") == "first"]
        self.assertTrue(firsts)
        for item in firsts:
            events = [e for e in records[item["record"]]["events"] if e.get("role") != "background"]
            first = min(events, key=lambda e: e["onset"])["label"]
            self.assertIn(first, item["answer"])
        for item in items:
            self.assertTrue((out / item["audio"]).is_file(), item["audio"])
            if "options" in item:
                self.assertEqual(item["options"][item["answer_index"]], item["answer"])
        self.assertTrue((out / "report.html").read_text().lower().startswith("<!doctype html>"))
        manifest = lines(out / "AudioSkills.jsonl")
        self.assertEqual(len(manifest), len(items))

    def test_sets_are_the_same_at_two_threads_and_again(self):
        one, two = self.make_set("one"), self.make_set("twin", "--threads", 2)
        names = ("items.jsonl", "records.jsonl", "AudioSkills.jsonl", "aside.jsonl", "report.json")
        for name in names:
            self.assertEqual((one / name).read_bytes(), (two / name).read_bytes(), name)
        before = hashes(one)
        self.make_set("one")
        self.assertEqual(hashes(one), before)

    def test_a_wrong_answer_planted_in_a_set_is_found(self):
        out = self.make_set("planted")
        af2("check", out)  # clean
        items = lines(out / "items.jsonl")
        victim = next(item for item in items if item["form"] == "choice" and item["skill"] == "temporal")
        victim["answer_index"] = (victim["answer_index"] + 1) % len(victim["options"])
        victim["answer"] = victim["options"][victim["answer_index"]]
        (out / "items.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
        told, _ = af2("check", out, code=4)
        self.assertIn(victim["id"], told)

    def test_types_are_listed_and_wrong_ones_refused(self):
        listed, _ = af2("skills", "--list-types")
        self.assertIn("temporal.order\t", listed)
        self.assertIn("captioning.", af2("long", "--list-types")[0])
        _, errors = af2("skills", "--records", self.root / "scenes", "--types", "temproal", "--out", self.root / "typo", code=2)
        self.assertIn("temproal", errors)
        _, errors = af2("skills", "--records", self.root / "nothing.jsonl", "--out", self.root / "typo", code=3)
        self.assertIn("nothing.jsonl", errors)

    def test_music_gives_questions_on_music(self):
        af2("music", "--n", 30, "--seed", 2, "--labels-only", "--out", self.root / "music")
        out = self.root / "music-set"
        af2("skills", "--records", self.root / "music", "--types", "information", "--out", out)
        types = {item["type"] for item in lines(out / "items.jsonl")}
        self.assertGreater(len(types), 8, types)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    use(PROGRAM)
    unittest.main()
