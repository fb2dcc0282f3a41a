"""The real program with an AF-CLAP checkpoint in the published layout, made from names: vectors of clips and texts
against the formulas of tests/oracle/reference_clap.py, and every verb that compares them.

Run: python3 tests/e2e/test_clap.py PROGRAM. Needs torch, transformers, sentencepiece (tools/setup.sh --tests) and ffmpeg
for one check; exits 77 (skipped) where they are not installed.
"""
import base64
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests/oracle")]
PROGRAM = ""
TEXTS = ["a dog barks", "", "  This is a sound of thunder. ", "ﬁne ½ Ａ caf\u00e9", "line\nbreak\ttab", "bell " * 100]


def af2(*args, ok=True, code=None):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    if ok and done.returncode:
        raise AssertionError(f"af2 {' '.join(map(str, args))}: {done.stderr}")
    if code is not None:
        assert done.returncode == code, (done.returncode, done.stderr)
    return done.stdout, done.stderr


class Clap(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name)
        cls.model = TinyClap(cls.folder)
        cls.clips = {}
        for name, seconds in (("short", 3.3), ("ten", 10.0), ("long", 27.4)):
            samples = sound_like(f"e2e/{name}", (1, int(seconds * 16000)))[0]
            samples = np.round(samples * 32767).astype(np.int16)
            with wave.open(str(cls.folder / f"{name}.wav"), "wb") as file:
                file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
                file.writeframes(samples.tobytes())
            cls.clips[name] = samples.astype(np.float32) / 32768
        cls.audio = {name: cls.of_audio(samples) for name, samples in cls.clips.items()}
        cls.text = {text: cls.of_text(text) for text in TEXTS}
        cls.model.write()

    @classmethod
    def of_audio(cls, samples):
        return cls.model.of_audio(samples)

    @classmethod
    def of_text(cls, text):
        return cls.model.of_text(text)

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def clip(self, name):
        return self.folder / f"{name}.wav"

    def near(self, ours, theirs):
        ours = torch.tensor(ours, dtype=torch.float64)
        self.assertLess(float((ours - theirs).norm()), 1e-4)

    def vectors(self, *args):
        out, err = af2("embed", "-m", self.folder, "--json", *args)
        return [line for line in map(json.loads, out.splitlines()) if line["type"] == "embedding"], err

    def test_info(self):
        out, _ = af2("info", "-m", self.folder / "clap_ckpt/epoch_16.pt", "--json")
        facts = json.loads(out)
        self.assertEqual((facts["kind"], facts["vector"], facts["window_seconds"]), ("AF-CLAP", JOINT, 10))
        for flag in (["--config"], ["--perplexity", ROOT / "README.md"]):
            _, err = af2("info", "-m", self.folder / "clap_ckpt/epoch_16.pt", *flag, ok=False, code=2)
            self.assertIn("is not for an AF-CLAP", err)

    def test_vectors_are_those_of_the_formulas(self):
        lines, err = self.vectors(*[self.clip(name) for name in self.clips], *[part for text in TEXTS for part in ("--text", text)])
        self.assertEqual(len(lines), len(self.clips) + len(TEXTS))
        for line, (name, want) in zip(lines, self.audio.items()):
            self.assertEqual(pathlib.Path(line["path"]).stem, name)
            self.near(line["embedding"], want)
        for line, text in zip(lines[len(self.clips):], TEXTS):
            self.assertEqual(line["text"], text)
            self.near(line["embedding"], self.text[text])
        self.assertEqual(err.count("prompt_cut"), 1)
        narrow, _ = self.vectors("--dtype", "bf16", self.clip("long"))
        difference = torch.tensor(narrow[0]["embedding"]).double() - self.audio["long"]
        self.assertLess(float(difference.norm()), 2e-2)

    def test_same_samples_same_bits(self):
        alone, _ = self.vectors(self.clip("long"))
        for args in (["-t", 1], ["-t", 2], ["-t", 4], [self.clip("short")], ["--text", "a dog"]):
            others, _ = self.vectors(*args, self.clip("long"))
            found = [line for line in others if line.get("path", "").endswith("long.wav")]
            self.assertEqual(found[0]["embedding"], alone[0]["embedding"], args)
        if shutil.which("ffmpeg"):
            for name in ("same.flac", "same.mka"):
                subprocess.run(["ffmpeg", "-loglevel", "error", "-y", "-i", self.clip("long"), "-c:a", "flac",
                                self.folder / name], check=True)
                others, _ = self.vectors(self.folder / name)
                self.assertEqual(others[0]["embedding"], alone[0]["embedding"])
        drawn, _ = self.vectors("--crops", "random", "-s", 5, self.clip("long"))
        self.assertNotEqual(drawn[0]["embedding"], alone[0]["embedding"])

    def test_forms_of_embed(self):
        plain, _ = self.vectors(self.clip("short"), "--text", "a dog")
        packed, _ = self.vectors(self.clip("short"), "--text", "a dog", "--format", "base64")
        for a, b in zip(plain, packed):
            values = np.frombuffer(base64.b64decode(b["embedding"]), "<f4")
            np.testing.assert_array_equal(values, np.float32(a["embedding"]))
        array = self.folder / "all.npy"
        af2("embed", "-m", self.folder, "--format", "npy", "-o", array, self.clip("short"), self.clip("long"))
        self.assertEqual(np.load(array).shape, (2, JOINT))
        np.testing.assert_array_equal(np.load(array)[0], np.float32(plain[0]["embedding"]))
        lines, _ = self.vectors("--windows-out", "--hop", "5", self.clip("long"))
        self.assertEqual([(line["start"], line["end"]) for line in lines],
                         [(0, 10), (5, 15), (10, 20), (15, 25), (17.4, 27.4)])
        self.near(lines[1]["embedding"], self.of_audio(self.clips["long"][80000:240000]))
        for bad in (["--format", "npy", self.clip("short")], [], ["--hop", "2", self.clip("short")],
                    ["--windows-out", "--window", "11", self.clip("short")]):
            af2("embed", "-m", self.folder, *bad, ok=False, code=2)

    def test_similar(self):
        out, _ = af2("similar", "-m", self.folder, self.clip("short"), self.clip("long"), "--text", "a dog barks")
        rows = [line.split("\t") for line in out.split("\n")[:-1]]
        want = torch.stack([self.audio["short"], self.audio["long"], self.text["a dog barks"]])
        np.testing.assert_allclose([[float(x) for x in row[1:]] for row in rows[1:]], want @ want.T, atol=2e-4)
        out, _ = af2("similar", "-m", self.folder, "--query", "a dog barks", "--json", self.clip("short"),
                     self.clip("ten"), self.clip("long"))
        scores = {pathlib.Path(r["path"]).stem: r["score"] for r in map(json.loads, out.splitlines())}
        for name, score in scores.items():
            self.assertAlmostEqual(score, float(self.audio[name] @ self.text["a dog barks"]), places=4)
        self.assertEqual(list(scores.values()), sorted(scores.values(), reverse=True))
        af2("similar", "-m", self.folder, self.clip("short"), ok=False, code=2)

    def test_classify(self):
        labels = ["thunder", "dog", "bell"]
        want = [float(self.audio["short"] @ self.of_text(f"This is a sound of {label}.")) for label in labels]
        share = torch.softmax(torch.tensor(want) * np.exp(2.5), 0).tolist()
        out, _ = af2("classify", "-m", self.folder, "--labels", ", ".join(labels), "--json", self.clip("short"))
        line = json.loads(out.splitlines()[0])
        found = {r["label"]: (r["score"], r["similarity"]) for r in line["labels"]}
        for label, s, w in zip(labels, share, want):
            self.assertAlmostEqual(found[label][0], s, places=3)
            self.assertAlmostEqual(found[label][1], w, places=4)
        self.assertEqual([r["label"] for r in line["labels"]][0], labels[int(np.argmax(want))])
        least = sorted(want)[1] - 1e-6
        out, _ = af2("classify", "-m", self.folder, "--labels", ",".join(labels), "--multi", "--threshold", least,
                     self.clip("short"))
        self.assertEqual(len(out.splitlines()), 2)
        out, _ = af2("classify", "-m", self.folder, "--labels", ",".join(labels), "--min-similarity", 0.999,
                     self.clip("short"), self.clip("ten"))
        self.assertEqual([line.split("\t")[1] for line in out.splitlines()], ["none of these"] * 2)
        (self.folder / "labels.txt").write_text("dog\n\nbell\n")
        out, _ = af2("classify", "-m", self.folder, "--labels-file", self.folder / "labels.txt", "--template",
                     "{label}", "--top", 1, self.clip("short"))
        self.assertEqual(len(out.splitlines()), 1)
        for bad in (["--labels", "a,,b"], ["--labels", "a,a"], [], ["--labels", "a", "--template", "x"]):
            af2("classify", "-m", self.folder, *bad, self.clip("short"), ok=False, code=2)

    def test_scores_of_events(self):
        audio = self.of_audio(self.clips["short"])
        words = ["thunder", "dog", "silence", "background noise"]
        cosine = {word: float(audio @ self.of_text(f"This is a sound of {word}.")) for word in words}
        for flags, scale in (([], 0.5), (["--independent"], 1)):
            out, _ = af2("events", "-m", self.folder, "--labels", "thunder,dog", "--window", 10, "--threshold", 0, "--json",
                         *flags, self.clip("short"))
            found = {event["label"]: event["score"] for event in json.loads(out)["events"]}
            z = {word: np.exp(scale * np.exp(2.5) * cosine[word]) for word in words}
            for label in ("thunder", "dog"):
                others = sum(z.values()) if not flags else z[label] + z["silence"] + z["background noise"]
                self.assertAlmostEqual(found[label], z[label] / others, delta=2e-3)
            self.assertEqual(json.loads(out)["settings"]["independent"], bool(flags))

    def test_events(self):
        labels = ["thunder", "dog"]
        def scores(samples):
            audio = self.of_audio(samples)
            texts = {l: self.of_text(f"This is a sound of {l}.") for l in labels + ["silence", "background noise"]}
            z = {l: np.exp(0.5 * np.exp(2.5) * float(audio @ v)) for l, v in texts.items()}
            return {l: z[l] / sum(z.values()) for l in labels}
        want = [scores(self.clips["long"][i * 80000:i * 80000 + 80000]) for i in range(5)]
        threshold = sorted(w["dog"] for w in want)[2]
        args = ["events", "-m", self.folder, "--labels", "thunder,dog", "--window", 5, "--hop", 5, "--keep", 1,
                "--threshold", threshold - 1e-4, "--merge-gap", 0]
        svg = self.folder / "out.svg"
        out, _ = af2(*args, "--json", "--svg", svg, self.clip("long"))
        found = [e for e in json.loads(out)["events"] if e["label"] == "dog"]
        # Stretches of 5 s side by side; the sixth ends with the clip.
        on = {i for i, w in enumerate(want) if w["dog"] > threshold - 1e-4}
        heard = {i for i in range(5) for e in found if e["onset"] <= i * 5 + 2 < e["offset"]}
        self.assertEqual(heard, on)
        best = max(w["dog"] for i, w in enumerate(want) if i in on)
        self.assertGreater(max(e["score"] for e in found), best - 1e-3)
        self.assertIn("dog</text>", svg.read_text())
        out, _ = af2(*args, "--format", "tsv", self.clip("long"), self.clip("short"))
        self.assertEqual(out.splitlines()[0], "filename\tonset\toffset\tevent_label")
        out, err = af2(*args[:-4], "--threshold", 1.01, "--format", "csv", self.clip("long"))
        self.assertEqual(out, "start,end,label,score\n")
        self.assertIn("no event", err)
        (self.folder / "own.txt").write_text("dog\t1.01\nthunder\n")
        out, _ = af2("events", "-m", self.folder, "--labels-file", self.folder / "own.txt", "--threshold", 0.01,
                     "--window", 5, "--hop", 5, self.clip("long"))
        self.assertEqual({line.split("\t")[3] for line in out.splitlines()}, {"thunder"})
        (self.folder / "commas.txt").write_text("dog, small\t0.01\nthunder\t1.01\n")
        out, _ = af2("events", "-m", self.folder, "--labels-file", self.folder / "commas.txt", "--window", 5, "--hop", 5,
                     self.clip("long"))
        self.assertEqual({line.split("\t")[3] for line in out.splitlines()}, {"dog, small"})
        for bad in (["--format", "docx"], ["--window", "0"], ["--keep", "2"], ["--hop", "-1"]):
            af2(*args, *bad, self.clip("long"), ok=False, code=2)
        af2(*args, "--format", "srt", self.clip("long"), self.clip("short"), ok=False, code=2)
        (self.folder / "bad.txt").write_text("dog\thigh\n")
        _, err = af2("events", "-m", self.folder, "--labels-file", self.folder / "bad.txt", self.clip("long"),
                     ok=False, code=3)
        self.assertIn("line 1", err)

    def test_events_are_calibrated_by_known_clips(self):
        scan = ["events", "-m", self.folder, "--window", 5, "--hop", 5, "--keep", 1, "--merge-gap", 0]
        everything, _ = af2(*scan, "--labels", "dog", "--threshold", 0, "--json", self.clip("long"))
        self.assertEqual(len(json.loads(everything)["events"]), 1)
        # The stretches that score highest are called dogs: what is calibrated by them finds them again.
        dog, quiet = (self.of_text(f"This is a sound of {word}.") for word in ("dog", "silence"))
        stretches = [self.of_audio(self.clips["long"][i * 80000:i * 80000 + 80000]) for i in range(5)]
        order = sorted(range(5), key=lambda i: float(stretches[i] @ (dog - quiet)))
        rows = "".join(f"long.wav\t{i * 5}\t{i * 5 + 5}\tdog\n" for i in order[-2:])
        truth = self.folder / "truth.tsv"
        truth.write_text("filename\tonset\toffset\tevent_label\n" + rows)
        labels = self.folder / "calibrated.txt"
        one = ["--background", "silence"]
        af2(*scan, *one, "--calibrate", truth, "-o", labels, self.clip("long"), self.clip("short"))
        name, threshold = labels.read_text().rstrip("\n").split("\t")
        self.assertEqual(name, "dog")
        self.assertTrue(0 < float(threshold) < 1)
        found, _ = af2(*scan, *one, "--labels-file", labels, "--json", self.clip("long"))
        middles = {i for i in range(5) for e in json.loads(found)["events"] if e["onset"] <= i * 5 + 2.5 < e["offset"]}
        self.assertEqual(middles, set(order[-2:]))
        truth.write_text("filename\tonset\toffset\tevent_label\nother.wav\t0\t1\tdog\n")
        _, err = af2(*scan, "--calibrate", truth, self.clip("long"), ok=False, code=3)
        self.assertIn("names none of the clips", err)
        truth.write_text("filename\tonset\tevent_label\n")
        _, err = af2(*scan, "--calibrate", truth, self.clip("long"), ok=False, code=3)
        self.assertIn("offset", err)

    def test_files_of_ten_milliseconds_and_of_minutes(self):
        short = self.folder / "ten_ms.wav"
        with wave.open(str(short), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
            file.writeframes((np.sin(np.arange(160)) * 9000).astype(np.int16).tobytes())
        vectors, _ = self.vectors(short)
        self.assertTrue(np.isfinite(vectors[0]["embedding"]).all())
        # Blocks of five minutes meet at 300 s: windows across it are those of the samples.
        noise = (np.random.default_rng(4).standard_normal(16000 * 312) * 3000).astype(np.int16)
        long = self.folder / "minutes.wav"
        with wave.open(str(long), "wb") as file:
            file.setnchannels(1), file.setsampwidth(2), file.setframerate(16000)
            file.writeframes(noise.tobytes())
        vectors, _ = self.vectors("--windows-out", "--window", 8, "--hop", 99, long)
        self.assertEqual([v["start"] for v in vectors], [0, 99, 198, 297, 304])
        part, _ = self.vectors("--start", 297, "--duration", 8, long)
        self.assertEqual(vectors[3]["embedding"], part[0]["embedding"])

    def test_bad_clips_and_folders(self):
        (self.folder / "page.wav").write_text("<!DOCTYPE html>")
        out, err = af2("embed", "-m", self.folder, "--json", self.folder / "page.wav", self.clip("short"), ok=False,
                       code=4)
        kinds = [json.loads(line)["type"] for line in out.splitlines()]
        self.assertEqual(kinds, ["error", "embedding", "summary"])
        self.assertIn("page.wav", err)
        bare = self.folder / "bare"
        bare.mkdir()
        shutil.copy(self.folder / "clap_ckpt/epoch_16.pt", bare / "weights.pt")
        _, err = af2("embed", "-m", bare / "weights.pt", "--text", "x", ok=False, code=2)
        self.assertIn("--generation", err)
        alone = self.folder / "alone/clap_ckpt"
        alone.mkdir(parents=True)
        shutil.move(self.folder / "spiece.model", self.folder / "moved.model")
        try:
            shutil.copy(self.folder / "clap_ckpt/epoch_16.pt", alone)
            _, err = af2("embed", "-m", self.folder / "alone", "--text", "x", ok=False, code=2)
            self.assertIn("spiece.model", err)
            af2("embed", "-m", self.folder / "alone", "--text-model", self.folder / "moved.model", "--text", "x")
        finally:
            shutil.move(self.folder / "moved.model", self.folder / "spiece.model")
        _, err = af2("embed", "-m", bare, "--text", "x", ok=False, code=2)
        self.assertIn("no AF-CLAP", err)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    try:
        import wave

        import numpy as np
        import torch
        from named_weights import sound_like
        from tiny_clap import JOINT, TinyClap
        import transformers  # noqa: F401
    except ImportError as error:
        print(f"skipped: {error}; tools/setup.sh --tests installs it")
        sys.exit(77)
    torch.set_num_threads(2)
    unittest.main(warnings="ignore")
