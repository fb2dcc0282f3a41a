"""The real program with a checkpoint in the published layout, made from names (tests/oracle/make_published.py, the
reduced shape): every stage and 64 greedy tokens against PyTorch, and what `af2 convert` makes of it.

Run: python3 tests/e2e/test_published.py PROGRAM. Needs torch, transformers and the published tokenizer
(tools/setup.sh --tests); exits 77 (skipped) where they are not installed.
"""
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest
import warnings

from machine import has_bf16

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests/oracle"
TOKENIZER = ROOT / ".cache/tokenizers/qwen2_5/tokenizer.json"
PROMPT = [151665, 3838, 374, 6617, 30, 151668]  # <audio> ... <SEP>
PROGRAM = ""


def af2(*args, ok=True):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    if ok and done.returncode:
        raise AssertionError(f"af2 {' '.join(map(str, args))}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr


class Published(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.scratch = tempfile.TemporaryDirectory()
        cls.folder = pathlib.Path(cls.scratch.name) / "af2"
        subprocess.run([sys.executable, ORACLE / "make_published.py", "--shape", "tiny", "--out", cls.folder,
                        "--tokenizer", TOKENIZER], check=True, stdout=subprocess.DEVNULL)
        # 25 s: three windows, the last of them half silence.
        cls.clip = pathlib.Path(cls.scratch.name) / "clip.npy"
        time = np.arange(400_000) / 16000
        rng = np.random.default_rng(5)
        np.save(cls.clip, (0.4 * np.sin(2 * np.pi * 440 * time * (1 + 0.1 * np.sin(time))) +
                           0.1 * rng.standard_normal(len(time))).astype(np.float32))
        cls.model = PublishedModel(cls.folder, SHAPES["tiny"])

    @classmethod
    def tearDownClass(cls):
        cls.scratch.cleanup()

    def path(self, name):
        return pathlib.Path(self.scratch.name) / name

    def feature(self, layer, *more, model=None):
        out = self.path(f"{layer}.npy")
        af2("features", "-m", model or self.folder, "--layer", layer, "-o", out, *more, self.clip)
        return torch.from_numpy(np.load(out))

    def answer(self, model):
        _, out, _ = af2("ask", "-m", model, "--tokens", ",".join(map(str, PROMPT)), "--ignore-eos", "-n", 64, "--json",
                        self.clip)
        return json.loads(out.splitlines()[0])["tokens"]

    def memory(self):
        with torch.no_grad():
            mel = self.model.log_mel(self.feature("waveform"))
            return self.model.audio_transformer(self.model.tower(mel).flatten(0, 1)[None])

    def test_every_stage_and_64_tokens(self):
        def relative(ours, theirs):
            return float((ours - theirs).norm() / theirs.norm())

        with torch.no_grad():
            waveform = self.feature("waveform")
            self.assertEqual(tuple(waveform.shape), (3, 160000))
            mel = self.model.log_mel(waveform)
            ours = self.feature("logmel")
            self.assertEqual(tuple(ours.shape), (3, 1001, 64))
            self.assertLess(float((ours - mel).abs().quantile(0.999)), 1e-3)
            tokens = self.model.tower(mel)
            self.assertLess(relative(self.feature("tower"), tokens), 1e-4)
            memory = self.model.audio_transformer(tokens.flatten(0, 1)[None])
            self.assertLess(relative(self.feature("memory"), memory[0]), 1e-4)
        logits = self.model.logits(PROMPT, memory)
        ours = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)))
        self.assertLess(float((ours - logits).abs().max()), 2e-3)
        self.assertGreater(float(logits.std()), 1)
        narrow = self.feature("logits", "--dtype", "bf16", "--tokens", ",".join(map(str, PROMPT)))
        self.assertLess(relative(narrow, logits), 2e-2)
        if has_bf16(PROGRAM):
            self.assertGreater(relative(narrow, logits), 1e-4)
        wanted = self.model.greedy(PROMPT, memory, 64)
        self.assertGreater(len(set(wanted)), 8)  # not one token over and over
        self.assertEqual(self.answer(self.folder), wanted)

    def test_converted_folders(self):
        before = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)))
        same = self.path("same")
        _, out, err = af2("convert", "-i", self.folder, "-o", same, "--dtype", "f32", "--verify")
        self.assertIn("0 matrices changed", out)
        self.assertIn("5 files", err)
        after = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)), model=same)
        self.assertEqual(float((after - before).abs().max()), 0)
        self.assertEqual(self.answer(same), self.answer(self.folder))
        self.assertLess(sum(f.stat().st_size for f in same.iterdir()),
                        0.75 * sum(f.stat().st_size for f in self.folder.rglob("*") if f.is_file()))
        self.assertEqual(af2("info", "-m", same, "--verify")[0], 0)
        # And back: the same numbers, and the files tell the release.
        back = self.path("back")
        _, _, err = af2("convert", "-i", same, "-o", back, "--layout", "published", "--verify")
        self.assertIn("read again", err)
        self.assertEqual(sorted(f.name for f in back.iterdir()), ["base_lm", "safe_ckpt"])
        after = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)), model=back)
        self.assertEqual(float((after - before).abs().max()), 0)
        configs = [json.loads(af2("info", "-m", model, "--config", "--json")[1]) for model in (self.folder, back)]
        for config in configs:
            config.pop("name")
        self.assertEqual(*configs)
        code, _, err = af2("convert", "-i", ROOT / "models/mini", "-o", self.path("mini"), "--layout", "published", ok=False)
        self.assertEqual(code, 2)
        self.assertIn("low-rank pairs", err)
        small = self.path("small")
        text = self.path("text.txt")
        text.write_text("A bell rings twice. Someone walks up the stairs, and a door falls shut.")
        _, out, _ = af2("quantize", "-i", same, "-o", small, "--type", "q8_0", "--perplexity", text, "--json")
        report = json.loads(out)
        wide, narrow = report["perplexity"]["before"], report["perplexity"]["after"]
        self.assertNotEqual(wide, narrow)
        self.assertLess(abs(narrow / wide - 1), 0.05)
        facts = json.loads(af2("info", "-m", small, "--perplexity", text, "--json")[1])
        self.assertAlmostEqual(facts["perplexity"] / narrow, 1, places=6)
        self.assertAlmostEqual(facts["perplexity_written"] / narrow, 1, places=3)
        self.assertLess(report["bytes_after"], 0.4 * report["bytes_before"])
        self.assertLess(max(t["relative_error"] for t in report["changed"]), 0.01)
        after = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)), model=small)
        self.assertLess(float((after - before).norm() / before.norm()), 0.05)
        errors = {}
        for kind in ("q4_0", "q4_K"):
            out = af2("quantize", "-i", same, "-o", self.path(kind), "--type", kind, "--json")[1]
            types = {t["type"] for t in json.loads(out)["changed"]}
            self.assertIn(kind.upper(), {t.upper() for t in types})
            after = self.feature("logits", "--tokens", ",".join(map(str, PROMPT)), model=self.path(kind))
            errors[kind] = float((after - before).norm() / before.norm())
        self.assertLess(errors["q4_K"], errors["q4_0"])
        code, _, err = af2("convert", "-i", self.folder, "-o", same, ok=False)
        self.assertEqual(code, 2)
        self.assertIn("is there already", err)
        (small / "xattn.gguf").write_bytes((small / "xattn.gguf").read_bytes()[:-40])
        code, _, err = af2("info", "-m", small, "--verify", ok=False)
        self.assertEqual(code, 5)
        self.assertIn("xattn.gguf", err)
        code, _, err = af2("ask", "-m", small, "-p", "what?", self.clip, ok=False)
        self.assertEqual(code, 5)
        self.assertIn("xattn.gguf", err)

    def test_base_model_elsewhere_and_generation(self):
        bare = self.path("bare")
        shutil.copytree(self.folder / "safe_ckpt", bare / "safe_ckpt")
        base = self.folder / "Qwen2.5-tiny"
        code, _, err = af2("info", "-m", bare, ok=False)
        self.assertEqual(code, 2)
        self.assertIn("--lm", err)
        _, out, _ = af2("info", "-m", bare, "--lm", base, "--config", "--json")
        config = json.loads(out)
        self.assertEqual((config["audio"]["f_max"], config["audio_transformer"]["rotary"]), (8000, "on"))
        code, _, err = af2("info", "-m", bare, "--lm", base, "--generation", "2025-03", ok=False)
        self.assertEqual(code, 2)
        self.assertIn("contradicts", err)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    sys.path.insert(0, str(ORACLE))
    try:
        import numpy as np
        import torch
        from published_model import PublishedModel
        from published_shapes import SHAPES
        import transformers  # noqa: F401

        if not TOKENIZER.exists():
            raise ImportError(f"no {TOKENIZER}")
    except ImportError as error:
        print(f"skipped: {error}; tools/setup.sh --tests installs it")
        sys.exit(77)
    warnings.filterwarnings("ignore", category=FutureWarning)
    torch.set_num_threads(2)
    unittest.main(warnings="ignore")
