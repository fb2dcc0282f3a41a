#!/usr/bin/env python3
"""Tests of tools/word_bank that need no sound program: its tables, plan and levels. Exit status 77: no numpy."""

import sys
import tempfile
import unittest
from pathlib import Path

try:
    import numpy as np
except ImportError:
    sys.exit(77)

sys.dont_write_bytecode = True
TOOL = Path(__file__).resolve().parents[2] / "tools" / "word_bank"
sys.path.insert(0, str(TOOL))

import levels  # noqa: E402
import plan  # noqa: E402
from errors import BankError  # noqa: E402


class Tables(unittest.TestCase):
    def test_the_list_is_closed_and_said_as_written(self):
        words = plan.read_words(TOOL / "words.tsv")
        self.assertLessEqual(len(words), 30)
        self.assertEqual(words["come in"], "Come in.")

    def test_every_entry_is_in_every_split_and_no_engine_in_two(self):
        made = plan.read()
        self.assertEqual(made, sorted(made, key=lambda u: u.id))
        self.assertEqual(len({u.id for u in made}), len(made))
        words = set(plan.read_words(TOOL / "words.tsv"))
        voices, programs = {}, {}
        for split in ("train", "val", "test"):
            self.assertEqual({u.words for u in made if u.voice["split"] == split}, words, split)
        for u in made:
            self.assertEqual(voices.setdefault(u.voice["voice"], u.voice["split"]), u.voice["split"])
            self.assertEqual(programs.setdefault(u.program, u.voice["split"]), u.voice["split"])
            self.assertIn(u.voice["speaker"], ("man", "woman", "child"))
        self.assertIn("recorded", {u.kind for u in made})

    def voices(self, *lines):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "voices.tsv"
            path.write_text("\t".join(plan.VOICE_COLUMNS) + "\n" + "".join("\t".join(line) + "\n" for line in lines))
            return plan.read_voices(path)

    def test_wrong_voices_are_refused(self):
        slt = ["flite-slt", "flite", "voice=slt", "woman", "train", "flite", "BSD", "CMU"]
        self.assertEqual(len(self.voices(slt)), 1)

        def changed(**new):
            return [new.get(column, value) for column, value in zip(plan.VOICE_COLUMNS, slt)]

        for wrong, what in ((changed(voice="b", split="test"), "flite is in train and in test"), (slt, "same voice"),
                            (changed(voice="b", licence="CC-BY-NC-4.0"), "not known as free"),
                            (changed(voice="b", speaker="robot"), "speaker 'robot'"),
                            (changed(voice="b", program="say"), "program 'say'")):
            with self.assertRaisesRegex(BankError, what):
                self.voices(slt, wrong)
        # hibari was made from Kokoro: they count as one engine.
        with self.assertRaisesRegex(BankError, "kokoro is in"):
            self.voices(changed(voice="a", program="hibari", split="val"), changed(voice="b", program="kokoro", split="test"))

    def test_wrong_words_are_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "words.tsv"
            for body, what in (("come in\tGo out.\n", "does not say"), ("yes\tYes.\nyes\tYes!\n", "same words"),
                               ("".join(f"{c}{d}\t{c}{d}\n" for c in "abcdefg" for d in "abcde"), "closed at 30")):
                path.write_text("words\tspoken\n" + body)
                with self.assertRaisesRegex(BankError, what):
                    plan.read_words(path)

    def test_recordings_need_known_words_and_voices(self):
        voice = dict(zip(plan.VOICE_COLUMNS, ["her", "recorded", "", "woman", "train", "p", "CC0", "x"]))
        row = {"words": "yes", "voice": "her", "path": "a/yes.wav"}
        made = plan.utterances({"yes": "Yes."}, [voice], [row, {**row, "path": "a/yes2.wav"}])
        self.assertEqual([u.id for u in made], ["her.yes.1", "her.yes.2"])
        self.assertEqual(made[0].settings, "a/yes.wav")
        for wrong in ({**row, "words": "no"}, {**row, "voice": "him"}):
            with self.assertRaises(BankError):
                plan.utterances({"yes": "Yes."}, [voice], [wrong])

    def test_settings_and_names(self):
        self.assertEqual(plan.settings_of("voice=en-us+m1:speed=150"), {"voice": "en-us+m1", "speed": "150"})
        self.assertEqual(plan.slug("What was that?"), "what-was-that")


class Levels(unittest.TestCase):
    def tone(self, amplitude, seconds=0.5):
        return (amplitude * np.sin(2 * np.pi * 200 * np.arange(int(seconds * levels.RATE_HZ)) / levels.RATE_HZ)).astype(np.float32)

    def test_level_of_a_tone(self):
        self.assertAlmostEqual(levels.active_db(self.tone(1.0)), -3.01, delta=0.05)

    def test_pauses_do_not_count(self):
        tone = self.tone(0.5)
        with_pause = np.concatenate([tone, np.zeros(2 * len(tone), np.float32), tone])
        self.assertAlmostEqual(levels.active_db(tone), levels.active_db(with_pause), delta=0.1)

    def test_loud_and_soft_come_out_alike(self):
        for amplitude in (0.01, 0.1, 0.9):
            out = levels.normalise(self.tone(amplitude))
            self.assertAlmostEqual(levels.active_db(out), levels.TARGET_DB, delta=0.05)
            self.assertEqual(out.dtype, np.float32)

    def test_the_peak_is_kept_in_bounds(self):
        spiky = self.tone(0.001)
        spiky[4000] = 0.5
        self.assertLessEqual(float(np.abs(levels.normalise(spiky)).max()), 0.8901)

    def test_silence_stays(self):
        for silent in (np.zeros(100, np.float32), np.zeros(0, np.float32)):
            self.assertEqual(levels.active_db(silent), -120.0)
            self.assertEqual(len(levels.normalise(silent)), len(silent))


if __name__ == "__main__":
    unittest.main()
