"""The real program between layouts of language models: what it writes is read by transformers, by the `tokenizers`
library and by the `gguf` package, and gives the same numbers and the same tokens.

Run: python3 tests/e2e/test_layouts.py PROGRAM. Needs torch, transformers, gguf and the published tokenizers
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

ROOT = pathlib.Path(__file__).resolve().parents[2]
ORACLE = ROOT / "tests/oracle"
TOKENIZERS = ROOT / ".cache/tokenizers"
MINI = ROOT / "models/mini/lm.gguf"
TEXT = ("A bell rings twice, then a door falls shut. Someone walks up 17 stairs; a dog barks, far away. "
        "Nobody answers. The rain has stopped, and the last bus leaves at 23:45.")
PROGRAM = ""


def af2(*args, ok=True):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600)
    if ok and done.returncode:
        raise AssertionError(f"af2 {' '.join(map(str, args))}: {done.stderr}")
    return done.returncode, done.stdout, done.stderr


def tiny_model(arch, vocab):
    torch.manual_seed(7)
    config = {"qwen2": transformers.Qwen2Config, "llama": transformers.LlamaConfig}[arch](
        hidden_size=64, intermediate_size=96, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
        vocab_size=vocab, max_position_embeddings=1024, tie_word_embeddings=arch == "llama", rms_norm_eps=1e-5,
        rope_parameters={"rope_type": "default", "rope_theta": 5e5})
    model = transformers.AutoModelForCausalLM.from_config(config).float().eval()
    with torch.no_grad():
        for name, values in model.named_parameters():
            values.normal_(1 if "norm" in name else 0, 0.1)
    return model


def perplexity(model, ids):
    with torch.no_grad():
        ids = torch.tensor([ids])
        return float(torch.exp(model(ids, labels=ids).loss))


def torture():
    strings = [text_torture.composed(indices) for indices in text_torture.compositions(1200, seed=7)]
    return strings + [text_torture.raw(fragment) * times for fragment, times in text_torture.LONG]


class Layouts(unittest.TestCase):
    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)

    def path(self, name):
        return pathlib.Path(self.scratch.name) / name

    def same_tokens(self, made, reference):
        ours = tokenizers.Tokenizer.from_file(str(made))
        self.assertEqual(ours.get_vocab_size(), reference.get_vocab_size())
        for data in torture():
            for special in (True, False):
                self.assertEqual(text_torture.encode(ours, data, special), text_torture.encode(reference, data, special),
                                 data[:80])
        text = "what is heard?<|endoftext|> \u00e9 12"
        ids = reference.encode(text, add_special_tokens=False).ids
        self.assertEqual(ours.decode(ids, skip_special_tokens=False), reference.decode(ids, skip_special_tokens=False))

    def round_trip(self, arch, tokenizer, vocab):
        first, file, back = self.path("first"), self.path("lm.gguf"), self.path("back")
        model = tiny_model(arch, vocab)
        model.save_pretrained(first)
        shutil.copyfile(TOKENIZERS / tokenizer / "tokenizer.json", first / "tokenizer.json")
        _, out, err = af2("convert", "-i", first, "-o", file, "--dtype", "f32", "--verify", "--json")
        self.assertEqual(json.loads(out)["changed"], [])
        self.assertIn("read again", err)
        af2("convert", "-i", file, "-o", back, "--verify")
        state = model.state_dict()
        again = transformers.AutoModelForCausalLM.from_pretrained(back, dtype="auto")
        self.assertEqual(again.dtype, torch.float32)
        for name, values in again.state_dict().items():
            self.assertTrue(torch.equal(values, state[name]), name)
        self.assertEqual(set(again.state_dict()), set(state))
        reference = tokenizers.Tokenizer.from_file(str(first / "tokenizer.json"))
        self.same_tokens(back / "tokenizer.json", reference)
        words = transformers.AutoTokenizer.from_pretrained(back)
        self.assertEqual(words.encode(TEXT), reference.encode(TEXT).ids)
        # As the `gguf` package reads it.
        reader = gguf.GGUFReader(file)
        tensors = {t.name: t for t in reader.tensors}
        self.assertEqual(len(reader.fields["tokenizer.ggml.tokens"].contents()), vocab)
        up = torch.from_numpy(tensors["blk.1.ffn_up.weight"].data.copy())
        self.assertTrue(torch.equal(up.view(96, 64), state["model.layers.1.mlp.up_proj.weight"]))
        # The same numbers as transformers, from every layout.
        text = self.path("text.txt")
        text.write_text(TEXT)
        wanted = perplexity(again, reference.encode(TEXT, add_special_tokens=False).ids)
        for place in (first, file, back):
            facts = json.loads(af2("info", "-m", place, "--perplexity", text, "--json")[1])
            self.assertLess(abs(facts["perplexity"] / wanted - 1), 1e-5, place)
        facts = json.loads(af2("info", "-m", file, "--json")[1])
        self.assertEqual(facts["parameters"], sum(v.numel() for v in model.parameters()))
        self.assertEqual(facts["types"]["F32"]["tensors"], len(tensors))
        # 16 bits.
        half = self.path("half")
        af2("convert", "-i", file, "-o", half, "--dtype", "bf16")
        narrow = transformers.AutoModelForCausalLM.from_pretrained(half, dtype="auto")
        self.assertEqual(narrow.dtype, torch.bfloat16)
        name = "model.layers.0.self_attn.k_proj.weight"
        self.assertTrue(torch.equal(narrow.state_dict()[name], state[name].to(torch.bfloat16)))

    def test_qwen2(self):
        self.round_trip("qwen2", "qwen2_5", 151936)  # more rows than tokens, as in Qwen2.5

    def test_llama(self):
        self.round_trip("llama", "llama3_1", 128256)

    @unittest.skipUnless(MINI.exists(), "no models/mini/lm.gguf")
    def test_the_language_model_of_the_mini(self):
        out = self.path("smollm2")
        af2("convert", "-i", MINI, "-o", out, "--dtype", "bf16")
        lists = json.loads((TOKENIZERS / "smollm2" / "lists.json").read_text())
        self.same_tokens(out / "tokenizer.json", text_torture.smollm_tokenizer(lists))
        words = transformers.AutoTokenizer.from_pretrained(out)
        self.assertEqual(words.eos_token, "<|im_end|>")
        self.assertIn("<|im_start|>user", words.apply_chat_template([{"role": "user", "content": "hi"}], tokenize=False))
        tensors = {t.name: t for t in gguf.GGUFReader(MINI).tensors}
        model = transformers.AutoModelForCausalLM.from_pretrained(out, dtype="auto")
        up = tensors["blk.3.ffn_up.weight"]
        values = torch.from_numpy(gguf.quants.dequantize(up.data, up.tensor_type))
        self.assertTrue(torch.equal(model.state_dict()["model.layers.3.mlp.up_proj.weight"], values.to(torch.bfloat16)))
        text = self.path("text.txt")
        text.write_text(TEXT)
        wanted = perplexity(model.float(), words.encode(TEXT))
        self.assertLess(wanted, 100)  # a language model, not noise
        facts = json.loads(af2("info", "-m", out, "--perplexity", text, "--json")[1])
        self.assertLess(abs(facts["perplexity"] / wanted - 1), 2e-3)
        done = json.loads(af2("bench", "-m", MINI, "--text", 16, "-n", 4, "--reps", 1, "--json")[1].splitlines()[-1])
        self.assertGreater(done["tokens_per_s"], 0)

    def test_wrong_uses(self):
        folder = self.path("first")
        tiny_model("llama", 300).save_pretrained(folder)
        for code, words, args in (
                (2, "safetensors hold floats", ("-o", self.path("out"), "--dtype", "q8_0")),
                (2, "language model alone", ("-o", self.path("out"), "--layout", "published")),
                (2, "ends in .gguf", ("-o", self.path("out.gguf"), "--layout", "huggingface")),
                (2, "--layout", ("-o", self.path("out"), "--layout", "onnx"))):
            found, out, err = af2("convert", "-i", folder, *args, ok=False)
            self.assertEqual((found, out), (code, ""), err)
            self.assertIn(words, err)
        self.assertEqual(af2("convert", "-i", self.path("none"), "-o", self.path("out"), ok=False)[0], 2)
        _, _, err = af2("convert", "-i", folder, "-o", self.path("bare.gguf"))
        self.assertIn("tokenizer", err)  # goes without, and says so
        code, _, err = af2("ask", "-m", folder, "-p", "what?", ROOT / "tests/data/audio/s16_16k.flac", ok=False)
        self.assertEqual(code, 2)
        self.assertIn("hears nothing", err)
        weights = folder / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-100])
        code, _, err = af2("convert", "-i", folder, "-o", self.path("out"), ok=False)
        self.assertEqual(code, 5)
        self.assertIn("truncated", err)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    sys.path.insert(0, str(ORACLE))
    try:
        import gguf
        import text_torture
        import tokenizers
        import torch
        import transformers

        for name in ("qwen2_5", "llama3_1"):
            if not (TOKENIZERS / name / "tokenizer.json").exists():
                raise ImportError(f"no {TOKENIZERS / name}")
        if not (TOKENIZERS / "smollm2" / "lists.json").exists():
            raise ImportError(f"no {TOKENIZERS / 'smollm2'}")
    except ImportError as error:
        print(f"skipped: {error}; tools/setup.sh --tests installs it")
        sys.exit(77)
    warnings.filterwarnings("ignore", category=FutureWarning)
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(2)
    unittest.main(warnings="ignore")
