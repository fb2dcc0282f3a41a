"""The real program indexing a folder of sounds and searching it, with a small AF-CLAP made from names (tiny_clap.py).

Run: python3 tests/e2e/test_index.py PROGRAM. Needs torch, transformers, sentencepiece (tools/setup.sh --tests); exits 77
(skipped) where they are not installed.
"""
import csv
import fcntl
import io
import json
import os
import pathlib
import random
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest

from machine import has_bf16

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/oracle")]
PROGRAM = ""
os.environ["AF2_ARG_THREADS"] = "1"  # more do not pay for so small a model, and cost where others use the cores
LENGTHS = {"a.wav": 3.3, "b.wav": 10.0, "deep/long.wav": 27.4, "deep/er/hours.wav": 41.0, "c.wav": 7.5, "d.wav": 1.0}


def af2(*args, code=0, **settings):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600, **settings)
    if done.returncode != code:
        raise AssertionError(f"af2 {' '.join(map(str, args))}: {done.returncode}, not {code}: {done.stdout}{done.stderr}")
    return done.stdout, done.stderr


def lines(text, kind):
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def write_sound(path, name, seconds):
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = sound_like(f"index/{name}", (1, int(seconds * 16000)))[0]
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
        file.writeframes(np.round(samples * 32767).astype(np.int16).tobytes())


def rows(index):
    """Everything an index says, without its ids."""
    with sqlite3.connect(f"file:{index}?mode=ro", uri=True) as db:
        return db.execute('SELECT folders.path, name, size, sha256, seconds, warnings, error, onset, "offset", vector FROM '
                          "files JOIN folders ON folder = folders.id LEFT JOIN windows ON windows.file = files.id "
                          "ORDER BY folders.path, name, onset").fetchall()


class Index(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.work = pathlib.Path(cls.scratch.name).resolve()
        cls.clap = TinyClap(cls.work / "model")
        for seconds in (3, 20):  # by both of its paths
            cls.clap.of_audio(sound_like("index/any", (1, seconds * 16000))[0])
        cls.clap.of_text("any")
        cls.clap.write()
        cls.model = ["-m", cls.clap.folder]

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def setUp(self):
        self.sounds = self.work / self.id().rsplit(".", 1)[-1]
        self.file = self.sounds.with_suffix(".af2")

    def library(self, names=LENGTHS):
        for name in names:
            write_sound(self.sounds / name, name, LENGTHS[name])

    def index(self, *args, **settings):
        out, err = af2("index", *self.model, "--json", "-o", self.file, *(args or [self.sounds]), **settings)
        changes = {line["path"].rsplit("/", 1)[-1]: line["state"] for line in lines(out, "file")}
        return changes, lines(out, "summary")[0], err

    def search(self, *args, **settings):
        out, _ = af2("search", self.file, *self.model, "--json", *args, **settings)
        return lines(out, "hit")

    def test_follows_the_folder(self):
        self.library()
        changes, summary, _ = self.index()
        self.assertEqual(changes, {pathlib.Path(name).name: "added" for name in LENGTHS})
        self.assertEqual((summary["files"], summary["windows"]), (6, 4 + 5 + 8))
        self.assertAlmostEqual(summary["seconds"], sum(LENGTHS.values()))
        # The vectors are those of embed, bit for bit.
        out, _ = af2("embed", *self.model, "--json", "--windows-out", "--window", 10, "--hop", 5,
                     *(self.sounds / name for name in sorted(LENGTHS)))
        want = [(line["path"], line["start"], line["end"], np.float32(line["embedding"]).tobytes())
                for line in lines(out, "embedding")]
        have = [(f"{row[0]}/{row[1]}", *row[7:]) for row in rows(self.file)]
        self.assertEqual(sorted(have), sorted(want))
        # Nothing changed, a new time, new bytes, gone, moved, new.
        self.assertEqual(self.index()[0], {})
        os.utime(self.sounds / "a.wav")
        self.assertEqual(self.index()[0], {"a.wav": "touched"})
        write_sound(self.sounds / "a.wav", "other", 6)
        (self.sounds / "d.wav").unlink()
        (self.sounds / "b.wav").rename(self.sounds / "moved.wav")
        shutil.copy(self.sounds / "c.wav", self.sounds / "deep/copy.wav")
        write_sound(self.sounds / "new.wav", "new", 11)
        changes, summary, _ = self.index()
        self.assertEqual(changes, {"a.wav": "updated", "d.wav": "removed", "b.wav": "removed", "moved.wav": "copied",
                                   "copy.wav": "copied", "new.wav": "added"})
        self.assertEqual(summary["files"], 7)
        kept = rows(self.file)
        self.file.unlink()
        self.index("-t", 1, self.sounds)
        self.assertEqual(rows(self.file), kept)
        # Only what is named, whatever the folder has.
        out, _ = af2("index", "--remove", self.sounds / "deep", self.sounds / "new.wav", "-o", self.file)
        self.assertEqual(out, "4 files removed, 3 left\n")
        out, _ = af2("index", "--list", "-o", self.file, cwd=self.sounds)
        self.assertEqual([line.split("\t")[:3] for line in out.splitlines()],
                         [["a.wav", "6.000", "1"], ["c.wav", "7.500", "1"], ["moved.wav", "10.000", "1"]])
        _, err = af2("index", "--remove", self.sounds / "none.wav", "-o", self.file, code=4)
        self.assertIn("none.wav", err)
        (self.sounds / "c.wav").unlink()
        self.assertNotIn("c.wav", self.index("--keep-missing", "--flat", self.sounds)[0])
        self.assertEqual(len({row[1] for row in rows(self.file)}), 4)

    def test_long_files_are_read_in_blocks(self):
        draw = np.random.default_rng(3)
        self.sounds.mkdir()
        for name, seconds in (("whole", 300), ("more", 313.7)):
            noise = draw.integers(-9000, 9000, int(seconds * 16000)).astype(np.int16)
            noise *= (np.arange(len(noise)) // 48000 % 3 > 0)  # so that times matter
            with wave.open(str(self.sounds / f"{name}.wav"), "wb") as file:
                file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
                file.writeframes(noise.tobytes())
        self.index("--hop", 9, self.sounds)
        out, _ = af2("embed", *self.model, "--json", "--windows-out", "--window", 10, "--hop", 9,
                     *sorted(self.sounds.glob("*.wav")))
        want = [(round(line["start"], 6), round(line["end"], 6), np.float32(line["embedding"]).tobytes())
                for line in lines(out, "embedding")]
        have = [(round(row[7], 6), round(row[8], 6), row[9]) for row in rows(self.file)]
        self.assertEqual([row[:2] for row in have], [row[:2] for row in want])
        self.assertEqual(have, want)

    def test_a_sound_finds_itself_first(self):
        self.library()
        self.index()
        for name in LENGTHS:
            if LENGTHS[name] > 10:
                continue
            hits = self.search("--audio", self.sounds / name)
            self.assertEqual(len(hits), len(LENGTHS))  # the best of each file
            self.assertEqual(pathlib.Path(hits[0]["path"]), self.sounds / name)
            self.assertGreater(hits[0]["score"], 0.9999)
            self.assertEqual((hits[0]["onset"], hits[0]["offset"]), (0, LENGTHS[name]))
            scores = [hit["score"] for hit in hits]
            self.assertEqual(scores, sorted(scores, reverse=True))
        for start in (5, 20, 31):
            hits = self.search("--audio", self.sounds / "deep/er/hours.wav", "--start", start, "--duration", 10, "--windows")
            self.assertGreater(hits[0]["score"], 0.9999)
            self.assertEqual((hits[0]["onset"], hits[0]["offset"]), (start, start + 10))
            self.assertEqual(len(hits), 10)
        plain = {t: af2("search", self.file, *self.model, "-t", t, "-p", "a dog barks", "--windows", "--top", 0)[0]
                 for t in (1, 2, 3)}
        self.assertEqual(len(plain[1].splitlines()), 17)
        self.assertEqual(plain[1], plain[2])
        self.assertEqual(plain[1], plain[3])

    def test_words_find_what_the_formulas_say(self):
        self.library()
        self.index()
        stored = [row for row in rows(self.file) if row[9]]
        vectors = np.stack([np.frombuffer(row[9], "<f4") for row in stored]).astype(np.float64)
        query = self.clap.of_text("a bell rings").double().numpy()
        order = np.argsort(-(vectors @ query))
        hits = self.search("-p", "a bell rings", "--windows", "--top", 0)
        self.assertEqual([(hit["path"], hit["onset"]) for hit in hits],
                         [(f"{stored[i][0]}/{stored[i][1]}", stored[i][7]) for i in order])
        np.testing.assert_allclose([hit["score"] for hit in hits], (vectors @ query)[order], atol=1e-4)
        least = hits[3]["score"] - 1e-6
        self.assertEqual(len(self.search("-p", "a bell rings", "--windows", "--min-score", least)), 4)
        self.assertEqual(len(self.search("-p", "a bell rings", "--top", 2)), 2)

    def test_forms(self):
        self.library(["a.wav", "c.wav"])
        self.index()
        out, _ = af2("search", self.file, *self.model, "-p", "a dog", cwd=self.sounds)
        self.assertEqual(sorted(line.split("\t")[:3] for line in out.splitlines()),
                         [["a.wav", "0.000", "3.300"], ["c.wav", "0.000", "7.500"]])
        queries = self.work / "queries.txt"
        queries.write_text("rain, \"heavy\"\n\n thunder \n")
        args = ["search", self.file, *self.model, "-p", "a dog", "-f", queries, "--audio", self.sounds / "a.wav", "--top", 1]
        out, _ = af2(*args)
        names = ["a dog", 'rain, "heavy"', "thunder", str(self.sounds / "a.wav")]
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()], names)
        out, _ = af2(*args, "--format", "csv")
        table = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual([row["query"] for row in table], names)
        self.assertEqual(set(table[0]), {"query", "path", "onset", "offset", "score"})
        m3u = self.work / "hits.m3u"
        af2(*args, "--format", "m3u", "-o", m3u)
        text = m3u.read_text().splitlines()
        self.assertEqual((text[0], len(text)), ("#EXTM3U", 1 + 4 * 4))
        self.assertTrue(all(os.path.isabs(line) for line in text if not line.startswith("#")))
        (self.sounds / "page.txt").write_text("<!DOCTYPE html>")
        out, err = af2("search", self.file, *self.model, "--json", "-p", "x", "--audio", self.sounds / "page.txt", code=4)
        self.assertEqual(len(lines(out, "error")), 1)
        self.assertEqual(lines(out, "summary")[0]["failed"], 1)
        af2("search", self.file, *self.model, "--audio", self.sounds / "page.txt", code=3)
        for bad in ([], ["-p", "x", "--top", -1], ["-p", "x", "--json", "--format", "csv"]):
            af2("search", self.file, *self.model, *bad, code=2)
        facts = json.loads(af2("info", "--json", self.file)[0].splitlines()[0])
        self.assertEqual((facts["files"], facts["windows"], facts["dimensions"]), (2, 2, 24))
        self.assertEqual(facts["folders"], [str(self.sounds)])

    def test_killed_runs_go_on_where_they_were(self):
        self.library()
        for i in range(8):
            write_sound(self.sounds / f"more/{i}.wav", f"more/{i}", 4 + i)
        started = time.monotonic()
        self.index()
        whole = time.monotonic() - started
        want = rows(self.file)
        draw = random.Random(7)
        kept = []
        for trial in range(10):
            for left in self.work.glob(self.file.name + "*"):
                left.unlink()
            command = [PROGRAM, "index", *map(str, self.model), "-o", str(self.file), str(self.sounds)]
            child = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
            time.sleep(whole * draw.uniform(0.2, 1))
            # Every third one is asked to stop; the others have no chance to say goodbye.
            child.send_signal(signal.SIGTERM if trial % 3 == 0 else signal.SIGKILL)
            child.communicate()
            if trial % 3 == 0:
                self.assertIn(child.returncode, (143, 0, -signal.SIGTERM))
            if self.file.exists() and self.file.stat().st_size > 0:
                with sqlite3.connect(self.file) as db:
                    self.assertEqual(db.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
                    if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                        kept.append(db.execute("SELECT count(*) FROM files").fetchone()[0])
            changes, summary, _ = self.index()
            self.assertEqual(rows(self.file), want)
            if kept and summary["unchanged"]:
                self.assertEqual(summary["unchanged"], kept[-1])  # nothing that was finished is heard again
        self.assertTrue(any(0 < n < 14 for n in kept), f"no run was stopped in the middle: {kept}")

    def test_one_model_and_one_setting_an_index(self):
        self.library(["a.wav"])
        self.index()
        other = self.work / "other"
        shutil.copytree(self.clap.folder, other)
        state = torch.load(other / "clap_ckpt/epoch_16.pt")
        state["state_dict"]["module.audio_projection.0.bias"] += 1e-3
        torch.save(state, other / "clap_ckpt/epoch_16.pt")
        for args in (["index", self.sounds, "-o", self.file], ["search", self.file, "-p", "x"]):
            _, err = af2(*args, "-m", other, code=2)
            self.assertRegex(err, r"holds vectors of the model \S+ \(\w{12}\), not of \S+ \(\w{12}\)")
        others = [["--hop", 2], ["--window", 5], ["--channels", "first"]]
        if has_bf16(PROGRAM):
            others.append(["--dtype", "bf16"])
        for flags in others:
            _, err = af2("index", *self.model, self.sounds, "-o", self.file, *flags, code=2)
            self.assertIn("windows of 10 s every 5 s", err)
        # As the index has it is no conflict, and what the flags of a new one say stays.
        self.index("--hop", 5, "--window", 10, self.sounds)
        self.file.unlink()
        self.index("--window", 2, "--hop", 1.5, self.sounds)
        self.index()
        self.assertEqual([row[7:9] for row in rows(self.file)], [(0, 2), (1.3, 3.3)])
        for bad in (["--window", 11], ["--hop", -1], ["--list"]):
            af2("index", *self.model, self.sounds, "-o", self.work / "bad.af2", *bad, code=2)
        self.assertFalse((self.work / "bad.af2").exists())
        # A copy of the model somewhere else is the same model.
        copy = self.work / "copy"
        shutil.copytree(self.clap.folder, copy)
        af2("search", self.file, "-m", copy, "-p", "x")

    def test_bad_files(self):
        self.library(["a.wav", "c.wav"])
        (self.sounds / "page.wav").write_text("<!DOCTYPE html>")
        (self.sounds / "empty.wav").write_text("")
        changes, summary, err = self.index(code=4)
        self.assertEqual(changes, {"a.wav": "added", "c.wav": "added", "page.wav": "failed", "empty.wav": "failed"})
        self.assertIn("page.wav", err)
        out, _ = af2("index", "--list", "-o", self.file)
        self.assertEqual(out.count("error: "), 2)
        changes, summary, _ = self.index(code=4)
        self.assertEqual((summary["failed"], summary["unchanged"]), (2, 2))
        (self.sounds / "empty.wav").unlink()
        write_sound(self.sounds / "page.wav", "page", 2)
        self.assertEqual(self.index()[0], {"page.wav": "updated", "empty.wav": "removed"})
        for name in os.listdir(self.sounds):
            (self.sounds / name).unlink()
        _, err = af2("index", *self.model, self.sounds, "-o", self.file, code=3)
        self.assertIn("mounted", err)
        af2("index", *self.model, self.sounds / "none", "-o", self.file, code=3)
        self.assertEqual(len(rows(self.file)), 3)

    def test_places_that_are_no_index(self):
        self.library(["a.wav"])
        text = self.work / "text.af2"
        text.write_text("this is a text\n" * 100)
        _, err = af2("index", *self.model, self.sounds, "-o", text, code=3)
        self.assertIn("is no index of af2", err)
        self.assertTrue(text.read_text().startswith("this is a text"))
        af2("search", text, *self.model, "-p", "x", code=3)
        af2("search", self.work / "none.af2", *self.model, "-p", "x", code=3)
        af2("index", "--list", "-o", self.work / "none.af2", code=3)
        af2("index", *self.model, self.sounds, "-o", self.work / "no/folder.af2", code=6)
        af2("index", *self.model, self.sounds, "-o", "/proc/sounds.af2", code=6)
        self.index()
        with open(self.file, "rb+") as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            _, err = af2("index", *self.model, self.sounds, "-o", self.file, code=6)
            self.assertIn("another af2", err)
            self.search("-p", "x")  # readers go on
        with sqlite3.connect(self.file) as db:
            db.execute("PRAGMA user_version = 99")
        _, err = af2("search", self.file, *self.model, "-p", "x", code=3)
        self.assertIn("newer af2", err)

    def test_a_full_disk_keeps_what_was_finished(self):
        self.library()

        def limit():
            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))

        _, err = af2("index", *self.model, self.sounds, "-o", self.file, code=6, preexec_fn=limit)
        self.assertIn(str(self.file), err)
        self.index()
        self.assertEqual(len({row[1] for row in rows(self.file)}), 6)

    def test_a_folder_that_may_not_be_written(self):
        if os.geteuid() == 0:
            self.skipTest("root may write everywhere")
        self.library(["a.wav"])
        shelf = self.work / "shelf"
        shelf.mkdir()
        self.file = shelf / "sounds.af2"
        self.index()
        shelf.chmod(0o555)
        try:
            self.assertEqual(len(self.search("-p", "x")), 1)
            af2("index", *self.model, self.sounds, "-o", shelf / "new.af2", code=6)
        finally:
            shelf.chmod(0o755)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    try:
        import wave

        import numpy as np
        import torch
        from named_weights import sound_like
        from tiny_clap import TinyClap
        import transformers  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}; tools/setup.sh --tests installs it")
        sys.exit(77)
    torch.set_num_threads(2)
    unittest.main(warnings="ignore")
