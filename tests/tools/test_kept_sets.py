"""The project's own sets of questions, as they are kept in sets/: what the docs say of them is so.

Run: python3 tests/tools/test_kept_sets.py. Reads the kept files (NAME.items.jsonl.xz and NAME.sha256) and the lists of the banks; needs
only the standard library. tools/make_sets.sh makes the sets again and compares.
"""
import collections
import csv
import hashlib
import json
import lzma
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SETS, TOOLS = ROOT / "sets", ROOT / "tools"
SKILLS = ("attribute", "contextual_sound", "contextual_speech", "counting", "general", "information", "temporal")
PLAIN = ("counting", "foundational", "temporal")
CATEGORIES = ("captioning", "general", "needle", "plot", "subscene", "temporal")
LEAST = {"skills-train": 60000, "skills-test": 2100, "skills-val": 700, "long-train": 5000, "long-test": 600, "long-val": 120,
         "hours-test": 60, "hours-val": 12, "plain-train": 11000, "plain-test": 1300, "plain-val": 340}
LEAST_EACH = {"skills-test": 300, "long-test": 100, "hours-test": 10, "skills-val": 100, "long-val": 20, "hours-val": 2, "plain-test": 400,
              "plain-val": 110}


def bytes_of(name):
    return lzma.open(SETS / f"{name}.items.jsonl.xz").read()


def rows(table):
    with (TOOLS / table).open() as file:
        return list(csv.DictReader(file, delimiter="\t"))


def plain(text):
    return re.sub(r"[^a-z0-9#/ ]", "", text.lower()).strip()


class KeptSets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.raw = {name: bytes_of(name) for name in LEAST}
        cls.items = {name: [json.loads(line) for line in raw.decode().splitlines()] for name, raw in cls.raw.items()}

    def test_bytes_are_those_that_are_named(self):
        for name, raw in self.raw.items():
            named = dict(reversed(line.split("  ")) for line in (SETS / f"{name}.sha256").read_text().splitlines())
            self.assertEqual(hashlib.sha256(raw).hexdigest(), named["items.jsonl"], name)

    def test_numbers(self):
        for name, items in self.items.items():
            wanted = {"skills": SKILLS, "plain": PLAIN}.get(name.split("-")[0], CATEGORIES)
            skills = collections.Counter(item["skill"] for item in items)
            self.assertGreaterEqual(len(items), LEAST[name], name)
            self.assertEqual(set(skills), set(wanted), name)
            self.assertGreaterEqual(min(skills.values()), LEAST_EACH.get(name, 1), name)

    def test_half_of_each_skill_has_four_options(self):
        for name, items in self.items.items():
            if name.startswith("plain"):
                continue
            for skill in {item["skill"] for item in items}:
                own = [item for item in items if item["skill"] == skill]
                four = sum(len(item.get("options", [])) == 4 for item in own)
                with self.subTest(set=name, skill=skill):
                    self.assertGreaterEqual(four, len(own) / 2)
                    self.assertLess(four, len(own))

    def test_plain_choices_hold_all_that_can_be_right(self):
        for name in ("plain-train", "plain-val", "plain-test"):
            for item in self.items[name]:
                options = item.get("options", [])
                if item["type"] == "sound":
                    self.assertEqual(len(options), 4, item["id"])
                elif item["form"] == "choice":
                    self.assertEqual(len(set(options)), 6, item["id"])
                if item["type"] == "count" and options:
                    self.assertEqual(sorted(options), list("123456"), item["id"])
                if item["type"] == "order" and options:
                    self.assertEqual({tuple(sorted(plain(option).split())) for option in options},
                                     {tuple(sorted(plain(item["answer"]).split()))}, item["id"])

    def test_plain_classes_are_many(self):
        for kind in ("sound", "what", "presence"):
            named = {item["facts"]["label"] for item in self.items["plain-test"] if item["type"] == kind}
            self.assertGreaterEqual(len(named), 50, kind)

    def test_answers_are_at_every_letter_alike(self):
        for name, items in self.items.items():
            for skill, n in {(item["skill"], n) for item in items for n in (4, 6)}:
                right = [item["answer_index"] for item in items if item["skill"] == skill and len(item.get("options", [])) == n]
                for letter in range(n):
                    with self.subTest(set=name, skill=skill, letter="ABCDEF"[letter]):
                        # two points, or one item where they are few
                        self.assertLessEqual(abs(right.count(letter) - len(right) / n), max(1, 0.02 * len(right)))

    def test_every_item_is_itself_whole(self):
        for name, items in self.items.items():
            ids = [item["id"] for item in items]
            self.assertEqual(ids, sorted(set(ids)), name)
            asked = {(item["audio"], plain(item["question"]), item["answer"]) for item in items}
            self.assertEqual(len(asked), len(items), name)
            for item in items:
                options = item.get("options", [])
                self.assertEqual(len({plain(option) for option in options}), len(options), item["id"])
                if options:
                    self.assertEqual(options[item["answer_index"]], item["answer"], item["id"])
                self.assertTrue(item["licence"] and item["group"], item["id"])
                most = {"plain": 15, "skills": 30}.get(name.split("-")[0], 4000)
                self.assertLessEqual(item["duration"], most, item["id"])

    def test_no_recording_is_in_two_splits(self):
        """All recordings of a label from one group are in one split, and every set is made of one split."""
        split_of = collections.defaultdict(set)
        for row in rows("sound_bank/sounds.tsv"):
            split_of[row["label"], row["group"]].add(row["split"])
        self.assertFalse([key for key, splits in split_of.items() if len(splits) > 1])
        for name, items in self.items.items():
            self.assertEqual({item["split"] for item in items}, {name.split("-")[1]})

    def test_voices_of_the_test_set_are_heard_nowhere_else(self):
        split_of = {row["voice"]: row["split"] for row in rows("word_bank/voices.tsv")}
        for name, items in self.items.items():
            voices = {split_of[group] for item in items for group in item["group"].split("+") if group in split_of}
            with self.subTest(set=name):
                self.assertEqual("test" in voices, name.endswith("-test"))
                if name in ("plain-test", "skills-test"):
                    self.assertEqual(voices, {"test"})

    def test_wordings_of_test_are_not_those_of_train(self):
        used = {name: {item["wording"] for item in items} for name, items in self.items.items()}
        for kind in ("plain", "skills", "long"):
            for split in ("val", "test"):
                self.assertFalse(used[f"{kind}-train"] & used[f"{kind}-{split}"], split)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]])
