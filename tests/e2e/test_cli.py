"""The real program with the shipped model: results, errors, exit codes (docs/spec/interfaces.md section 1).

Run: python3 tests/e2e/test_cli.py PROGRAM [TestCase ...]. Needs only the standard library.
"""
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
CLIPS = ROOT / "tests/data/audio"
EXAMPLES = ROOT / "models/mini/examples"
PROGRAM = ""


def af2(*args, stdin=None, env=None, cwd=None):
    done = subprocess.run([PROGRAM, *map(str, args)], input=stdin, capture_output=True, timeout=300, cwd=cwd,
                          env={**os.environ, **(env or {})})
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def example():
    return sorted(EXAMPLES.glob("*.ogg"))[0]


def write_wav(path, seconds, rate=16000, value=lambda i: 0):
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(rate)
        out.writeframes(b"".join(struct.pack("<h", value(i)) for i in range(int(seconds * rate))))


class Ask(unittest.TestCase):
    def ask(self, *args, **more):
        return af2("ask", "-p", "What do you hear?", "-n", "12", *args, **more)

    def test_every_kind_of_file(self):
        for name in ("tone.mp3", "tone.ogg", "s16_16k.flac", "tone.m4a", "u8_16k.wav", "stereo_48k.wav", "tenth.wav",
                     "silence.flac"):
            with self.subTest(name):
                code, out, err = self.ask(CLIPS / name)
                self.assertEqual(code, 0, err)
                self.assertEqual(len(out.strip().splitlines()), 1, out)

    def test_five_minutes_are_heard_whole(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "long.wav"
            write_wav(path, 300, value=lambda i: (i * 37 % 2001) - 1000)
            code, out, _ = self.ask("--json", path)
            self.assertEqual(code, 0)
            audio = json.loads(out.splitlines()[0])["audio"]
            self.assertEqual((audio["windows"], audio["seconds_used"], audio["seconds_cut"]), (30, 300.0, 0.0))

    def test_beyond_the_cap_is_cut_aloud_or_refused(self):
        clip = CLIPS / "tone.mp3"
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "long.wav"
            write_wav(path, 25, value=lambda i: (i * 37 % 2001) - 1000)
            code, out, err = self.ask("--json", "--windows", "2", path)
            audio = json.loads(out.splitlines()[0])["audio"]
            self.assertEqual((code, audio["windows"], audio["seconds_cut"]), (0, 2, 5.0))
            self.assertIn("cut", audio["warnings"])
            self.assertIn("heard the first 20.0 of 25.0 s", err)
            code, out, err = self.ask("--windows", "2", "--long", "refuse", path)
            self.assertEqual((code, out), (3, ""))
        self.assertEqual(self.ask("--long", "refuse", clip)[0], 0)

    def test_unreadable_files_are_errors_of_the_data(self):
        with tempfile.TemporaryDirectory() as folder:
            empty, bare = pathlib.Path(folder) / "empty.wav", pathlib.Path(folder) / "bare"
            empty.touch()
            bare.mkdir()
            for path, word in ((CLIPS / "page.html", "<!DOCTYPE"), (empty, "empty"), (CLIPS / "half.flac", "half.flac"),
                               (pathlib.Path(folder) / "none.wav", "none.wav"), (bare, "audio file")):
                with self.subTest(str(path)):
                    code, out, err = self.ask(path)
                    self.assertEqual((code, out), (3, ""), err)
                    self.assertRegex(err, r"^af2: error: ")
                    self.assertIn(word, err)
                    self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_clips_at_once_answer_as_alone(self):
        clips = sorted(EXAMPLES.glob("*.ogg"))[:3]
        alone = [self.ask(clip)[1].rstrip("\n").replace("\n", "\\n") for clip in clips]
        code, out, _ = self.ask(*clips)
        self.assertEqual(code, 0)
        self.assertEqual(out.splitlines(), [f"{clip}\t{text}" for clip, text in zip(clips, alone)])

    def test_threads_do_not_change_the_text(self):
        for clip in sorted(EXAMPLES.glob("*.ogg"))[:2]:
            self.assertEqual(self.ask("-t", "1", clip)[1], self.ask("-t", "2", clip)[1])

    def test_manifest_gives_clips_and_questions(self):
        clip = example().resolve()
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "questions.jsonl"
            link = pathlib.Path(folder) / "here.ogg"
            link.write_bytes(clip.read_bytes())
            rows = [{"path": "here.ogg", "prompt": "What do you hear?"}, {"path": str(clip), "start": 0.5, "duration": 0.5}]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            code, out, err = af2("ask", "-p", "Is there a bell?", "-n", "2", "--json", "--manifest", path)
            lines = [json.loads(line) for line in out.splitlines()]
            self.assertEqual(code, 0, err)
            self.assertEqual([line.get("prompt") for line in lines], ["What do you hear?", "Is there a bell?", None])
            self.assertEqual((lines[1]["audio"]["start"], lines[1]["audio"]["seconds"]), (0.5, 0.5))
            rows = [{"audio": "here.ogg", "prompt": "What is it?", "output": "a bell"}]
            path.write_text(json.dumps(rows[0]) + "\n")
            self.assertEqual(json.loads(af2("ask", "-n", "2", "--json", "--manifest", path)[1].splitlines()[0])["prompt"],
                             "What is it?")
            for bad, word in (('{"path": 3}', ":1"), ('{"path": "here.ogg", "prompts": "x"}', "prompts"), ("nothing", "JSON")):
                path.write_text(bad + "\n")
                code, out, err = af2("ask", "-p", "x", "--manifest", path)
                self.assertEqual((code, out), (3, ""), err)
                self.assertIn(word, err)
            path.write_text(json.dumps({"path": "here.ogg"}) + "\n")
            self.assertEqual(af2("ask", "--manifest", path)[0], 3, "no question anywhere")

    def test_a_batch_gives_the_same_lines(self):
        clip = example().resolve()
        with tempfile.TemporaryDirectory() as folder:
            path, broken = pathlib.Path(folder) / "questions.jsonl", pathlib.Path(folder) / "broken.wav"
            broken.write_bytes(b"no sound at all")
            rows = [{"path": str(clip), "prompt": "What do you hear?"}, {"path": str(clip), "prompt": "Is there a bell?"},
                    {"path": str(broken), "prompt": "What is it?"}, {"path": str(clip), "prompt": "What is it?", "duration": 0.5},
                    {"path": str(clip), "prompt": "How many times do you hear a bell?"}]
            path.write_text("".join(json.dumps(row) + "\n" for row in rows))
            results = {}
            for batch in ("1", "2", "64"):
                code, out, err = af2("ask", "-n", "8", "--json", "-b", batch, "--manifest", path)
                self.assertEqual(code, 4, err)
                lines = [json.loads(line) for line in out.splitlines()]
                for line in lines:
                    line.pop("timings", None)
                results[batch] = lines
            self.assertEqual([line.get("index") for line in results["1"]], [0, 1, 2, 3, 4, None])
            self.assertEqual(results["1"][2]["code"], 3)
            self.assertEqual(results["1"], results["2"])
            self.assertEqual(results["1"], results["64"])
        self.assertEqual(af2("ask", "-b", "0", "-p", "x", clip)[0], 2)

    def test_joined_clips_are_one(self):
        with tempfile.TemporaryDirectory() as folder:
            one, two, both = (pathlib.Path(folder) / name for name in ("1.wav", "2.wav", "both.wav"))
            tone = lambda i: (i * 37 % 2001) - 1000
            write_wav(one, 1, value=tone)
            write_wav(two, 2, value=tone)
            write_wav(both, 3.5, value=lambda i: tone(i) if i < 16000 else 0 if i < 24000 else tone(i - 24000))
            code, out, _ = self.ask("--json", "--join", one, two)
            lines = [json.loads(line) for line in out.splitlines()]
            self.assertEqual((code, [line["type"] for line in lines]), (0, ["answer", "summary"]))
            self.assertEqual((lines[0]["path"], lines[0]["audio"]["seconds"]), (f"{one} + {two}", 3.5))
            self.assertEqual(lines[0]["text"], json.loads(self.ask("--json", both)[1].splitlines()[0])["text"])

    def test_arrays_are_sound_at_16_khz(self):
        with tempfile.TemporaryDirectory() as folder:
            wav, npy = pathlib.Path(folder) / "a.wav", pathlib.Path(folder) / "a.npy"
            values = [(i * 37 % 2001) - 1000 for i in range(16000)]
            write_wav(wav, 1, value=lambda i: values[i])
            header = "{'descr': '<i2', 'fortran_order': False, 'shape': (16000,), }"
            header += " " * (64 - (10 + len(header) + 1) % 64) + "\n"
            npy.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode()
                            + struct.pack("<16000h", *values))
            self.assertEqual(self.ask(npy)[1], self.ask(wav)[1])
            npy.write_bytes(npy.read_bytes()[:-9])
            self.assertEqual(self.ask(npy)[0], 3)

    def test_an_array_without_channels_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "none.npy"
            header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (0, 100), }".ljust(117) + b"\n"
            path.write_bytes(b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header)
            code, out, err = self.ask(path)
            self.assertEqual((code, out), (3, ""))
            self.assertIn("none.npy: is no array of sound", err)

    def test_captions_of_every_stretch(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "long.wav"
            write_wav(path, 12.5, value=lambda i: (i * 37 % 2001) - 1000)
            code, out, err = af2("caption", "--every", "5", "-n", "3", path)
            times = [line.split("\t")[:2] for line in out.splitlines()]
            self.assertEqual((code, times), (0, [["0.000", "5.000"], ["5.000", "10.000"], ["10.000", "12.500"]]), err)
            code, out, _ = af2("caption", "--every", "5", "--start", "4", "-n", "3", "--json", path)
            lines = [json.loads(line) for line in out.splitlines()][:-1]
            self.assertEqual([(line["start"], line["end"]) for line in lines], [(4.0, 9.0), (9.0, 12.5)])
            self.assertEqual(af2("caption", "--every", "0", path)[0], 2)
            self.assertEqual(af2("caption", "--style", "music", "-n", "2", path)[0], 0)
            self.assertEqual(af2("caption", "--style", "odd", path)[0], 2)

    def test_one_bad_clip_of_several(self):
        code, out, err = self.ask("--json", example(), CLIPS / "page.html", example())
        kinds = [json.loads(line)["type"] for line in out.splitlines()]
        self.assertEqual((code, kinds), (4, ["answer", "error", "answer", "summary"]))
        last = json.loads(out.splitlines()[-1])
        self.assertEqual((last["ok"], last["failed"]), (2, 1))
        self.assertIn("page.html", err)

    def test_json_has_every_field(self):
        code, out, _ = self.ask("--json", example())
        line = json.loads(out.splitlines()[0])
        self.assertEqual(code, 0)
        self.assertEqual(list(line), ["type", "index", "path", "prompt", "text", "finish_reason", "audio", "usage",
                                      "timings", "seed", "model"])
        self.assertEqual(set(line["timings"]), {"encode_ms", "prefill_ms", "decode_ms"})

    def test_stream_is_the_answer(self):
        plain, streamed = self.ask(example())[1], self.ask("--stream", example())[1]
        self.assertEqual(plain, streamed)
        lines = [json.loads(line) for line in self.ask("--stream", "--json", example())[1].splitlines()]
        text = "".join(line["text"] for line in lines if line["type"] == "delta")
        self.assertEqual(text, next(line["text"] for line in lines if line["type"] == "answer"))

    def test_stdin_start_and_duration(self):
        data = (CLIPS / "tone.ogg").read_bytes()
        code, out, _ = self.ask("--json", "--start", "1", "--duration", "2", "-", stdin=data)
        audio = json.loads(out.splitlines()[0])["audio"]
        self.assertEqual((code, audio["start"]), (0, 1.0))
        self.assertAlmostEqual(audio["seconds_used"], 2.0, delta=0.01)

    def test_choices_and_tokens(self):
        code, out, _ = af2("ask", "-p", "which animal", "--choices", "a dog|a cat", "--json", example())
        line = json.loads(out.splitlines()[0])
        self.assertEqual(line["prompt"], "which animal? (A) a dog. (B) a cat.")
        self.assertIn(line["text"], ("a dog", "a cat"))
        self.assertEqual([c["text"] for c in line["choices"]], ["a dog", "a cat"])
        self.assertAlmostEqual(sum(c["share"] for c in line["choices"]), 1)
        self.assertEqual(line["text"], max(line["choices"], key=lambda c: c["share"])["text"])
        # A verdict that stands behind what was heard ("a man speaking: yes") counts.
        question, clip = "Do you hear a man speaking?", EXAMPLES / "speech.ogg"
        self.assertEqual(af2("ask", "-p", question, clip)[1].strip(), "a man speaking: yes")
        self.assertEqual(af2("ask", "-p", question, "--choices", "yes|no", clip)[1].strip(), "yes")
        code, _, err = af2("ask", "--tokens", "1,2", "--choices", "a|b", example())
        self.assertEqual(code, 2)
        self.assertIn("exclude each other", err)
        code, out, _ = af2("ask", "--tokens", "49152,3725,49155", "--ignore-eos", "-n", "5", "--json", example())
        self.assertEqual(len(json.loads(out.splitlines()[0])["tokens"]), 5)
        usage = json.loads(out.splitlines()[0])["usage"]
        self.assertEqual((code, usage["prompt_tokens"], usage["completion_tokens"]), (0, 3, 5))

    def test_scan_hears_every_stretch(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "long.wav"
            write_wav(path, 25, value=lambda i: (i * 37 % 2001) - 1000)
            code, out, err = self.ask("--json", "--windows", "1", "--long", "scan", path)
            self.assertEqual(code, 0, err)
            line = json.loads(out.splitlines()[0])
            self.assertEqual([(s["start"], s["end"]) for s in line["stretches"]], [(0, 10), (10, 20), (20, 25)])
            audio = line["audio"]
            self.assertEqual((audio["seconds_used"], audio["seconds_cut"], audio["windows"]), (25, 0, 3))
            self.assertNotIn("cut", audio["warnings"])
            self.assertTrue(line["text"])
            # A stretch of a scan is what --start and --duration give.
            one = json.loads(self.ask("--json", "--start", "10", "--duration", "10", path)[1].splitlines()[0])
            self.assertEqual(line["stretches"][1]["text"], one["text"])
            # With given answers: sums of the stretches' log-probabilities.
            code, out, _ = self.ask("--json", "--windows", "1", "--long", "scan", "--choices", "a dog|a cat", path)
            line = json.loads(out.splitlines()[0])
            for i, choice in enumerate(line["choices"]):
                self.assertAlmostEqual(choice["log_probability"],
                                       sum(s["choices"][i]["log_probability"] for s in line["stretches"]), places=4)
            self.assertEqual(line["text"], max(line["choices"], key=lambda c: c["share"])["text"])
            code, _, err = af2("features", "--long", "scan", "--layer", "memory", "-o", pathlib.Path(folder) / "m.npy", path)
            self.assertEqual(code, 2)
            self.assertIn("--long scan", err)

    def test_seed_decides_the_sample(self):
        def sample(seed):
            return self.ask("--preset", "released", "-s", seed, example())[1]
        self.assertEqual(sample(3), sample(3))

    def test_closed_pipe_is_quiet(self):
        done = subprocess.run(f"'{PROGRAM}' ask -p x '{example()}' '{example()}' | true; echo ${{PIPESTATUS[0]}}",
                              shell=True, executable="/bin/bash", capture_output=True, timeout=300)
        self.assertEqual(done.stdout.decode().strip(), "0", done.stderr.decode())


    def test_stop_text_and_log_probabilities(self):
        whole = json.loads(self.ask("--json", "--logprobs", example())[1].splitlines()[0])
        words = whole["text"].split()
        self.assertEqual("".join(p["token"] for p in whole["logprobs"]).strip(), whole["text"])
        self.assertTrue(all(p["logprob"] <= 0 for p in whole["logprobs"]))
        self.assertGreater(len(words), 1)
        cut = json.loads(self.ask("--json", "--stop", words[1], example())[1].splitlines()[0])
        self.assertEqual((cut["text"].strip(), cut["finish_reason"]), (words[0], "stop"))
        self.assertEqual(self.ask("--stop", "", example())[0], 2)

    def test_beams(self):
        code, out, err = self.ask("--beams", "3", "--json", example())
        self.assertEqual(code, 0, err)
        self.assertTrue(json.loads(out.splitlines()[0])["text"])
        self.assertEqual(self.ask("--beams", "3", example())[1], self.ask("--beams", "3", "-t", "1", example())[1])
        code, _, err = self.ask("--beams", "3", "--temp", "1", example())
        self.assertEqual(code, 2)
        self.assertIn("--beams", err)

    def test_answers_follow_a_schema_or_a_grammar(self):
        schema = {"type": "object", "required": ["sounds", "times"], "properties": {
            "sounds": {"type": "array", "minItems": 1, "maxItems": 3, "items": {"type": "string", "maxLength": 20}},
            "times": {"type": "integer"}, "loud": {"type": "boolean"}}}
        ask = ("ask", "-p", "What do you hear?", "-n", "100")
        with tempfile.TemporaryDirectory() as folder:
            file, grammar = pathlib.Path(folder) / "schema.json", pathlib.Path(folder) / "answers.gbnf"
            file.write_text(json.dumps(schema))
            for more in ((), ("--temp", "1", "-s", "3")):
                code, out, err = af2(*ask, "-j", json.dumps(schema), *more, example())
                self.assertEqual((code, err.count("unfinished")), (0, 0), err)
                answer = json.loads(out)
                self.assertLessEqual(set(answer), {"sounds", "times", "loud"})
                self.assertTrue(1 <= len(answer["sounds"]) <= 3 and isinstance(answer["times"], int))
                self.assertTrue(all(isinstance(sound, str) and len(sound) <= 20 for sound in answer["sounds"]))
                self.assertEqual(af2(*ask, "--json-schema", f"@{file}", *more, example())[1], out)
            grammar.write_text('root ::= "I hear " thing "." # one of two\nthing ::= "nothing" | [a-z]{3,12}\n')
            code, out, err = af2(*ask, "--grammar-file", grammar, example())
            self.assertEqual(code, 0, err)
            self.assertRegex(out, r"^I hear [a-z]{3,12}\.$")
            self.assertEqual(af2("caption", "--grammar-file", grammar, example())[0], 0)
            code, out, err = af2("chat", "--grammar-file", grammar, example(), stdin=b"What is it?\nAnd now?\n")
            self.assertRegex(out, r"^(I hear [a-z]{3,12}\.\n){2}$")
            # Cut by -n before the grammar's end.
            code, out, err = af2("ask", "-p", "x", "-n", "2", "--json", "--grammar-file", grammar, example())
            line = json.loads(out.splitlines()[0])
            self.assertEqual((code, line["finish_reason"]), (0, "length"))
            self.assertLessEqual({"length", "unfinished"}, set(line["audio"]["warnings"]))
            self.assertIn("unfinished", err)
            grammar.write_text('root ::= root "x" | "y"')
            for bad, words in ((("--grammar-file", grammar), ("answers.gbnf", "begins with itself")),
                               (("-j", '{"pattern": "a+"}'), ("--json-schema", "pattern")), (("-j", ""), ("JSON",)),
                               (("-j", "{}", "--beams", "2"), ("--beams", "--json-schema")),
                               (("-j", "{}", "--grammar-file", grammar), ("--grammar-file", "--json-schema")),
                               (("-j", "{}", "--ignore-eos"), ("--ignore-eos", "--json-schema")),
                               (("-j", "{}", "--choices", "a|b"), ("--choices", "--json-schema"))):
                with self.subTest(str(bad)):
                    code, out, err = af2(*ask, *bad, example())
                    self.assertEqual((code, out), (2, ""), err)
                    for word in words:
                        self.assertIn(word, err)

    def test_logit_bias(self):
        plain = json.loads(self.ask("--json", "--logprobs", example())[1].splitlines()[0])
        first = plain["logprobs"][0]["token"]
        banned = self.ask("--json", "--logprobs", "--logit-bias", json.dumps(first) + "=never", example())
        self.assertNotIn(first, [p["token"] for p in json.loads(banned[1].splitlines()[0])["logprobs"]])
        code, out, _ = self.ask("--ignore-eos", "--logit-bias", "3725=1000", "--logit-bias", '" dog"=-inf', example())
        self.assertEqual((code, len(set(out.split()))), (0, 1), out)
        for bad, word in (("49156=1", "0..49155"), ("x=1", "token id"), ('"a whole sentence"=1', "tokens"), ("5", "no =")):
            code, out, err = self.ask("--logit-bias", bad, example())
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(word, err)
        code, _, err = self.ask("--beams", "2", "--logit-bias", "5=1", example())
        self.assertEqual(code, 2)
        self.assertIn("--logit-bias", err)

    def test_chat_hears_once_and_answers_many(self):
        clip = example()
        asked = self.ask(clip)[1].strip()
        with tempfile.TemporaryDirectory() as folder:
            saved = pathlib.Path(folder) / "said.jsonl"
            lines = ["What do you hear?", "/nonsense", "/seed x", f"/audio {CLIPS / 'nothing.wav'}", "What do you hear?",
                     f"/save {saved}", "/clear", "/help", "/quit", "never asked"]
            code, out, err = af2("chat", "-n", "12", clip, stdin="\n".join(lines).encode())
            self.assertEqual(code, 0, err)
            answers = [line for line in out.splitlines() if not line.startswith(("  ", "a line"))]
            self.assertEqual(answers, [asked, asked])
            for words in ("/nonsense", "/seed", "nothing.wav", "2 answers"):
                self.assertIn(words, err)
            said = [json.loads(line) for line in saved.read_text().splitlines()]
            self.assertEqual([line["text"] for line in said], [asked, asked])
        code, out, err = af2("chat", stdin=b"What?\n")
        self.assertEqual((code, out), (0, ""))
        self.assertIn("/audio", err)


class Flags(unittest.TestCase):
    def test_wrong_flags_exit_2_and_write_nothing(self):
        for args in (["ask", "--no-such-flag"], ["ask", "-p", "x"], ["ask", example()], ["nonsense"], [],
                     ["ask", "-p", "x", "--temp", "-1", example()], ["ask", "-p", "x", "--tokens", "1,b", example()],
                     ["ask", "-p", "x", "--long", "maybe", example()], ["ask", "-p", "x", "-m", "no-such", example()],
                     ["features", "--layer", "none", "-o", "x.npy", example()]):
            with self.subTest(str(args)):
                code, out, err = af2(*args)
                self.assertEqual((code, out), (2, ""), err)
                self.assertTrue(err)

    def test_help_and_version(self):
        for verb in ([], ["ask"], ["caption"], ["info"], ["features"], ["embed"], ["similar"], ["classify"],
                     ["events"], ["convert"], ["train"], ["clap-train"], ["export"]):
            code, out, err = af2(*verb, "-h")
            self.assertEqual((code, err), (0, ""))
            self.assertIn("-h", out)
        self.assertRegex(af2("--version")[1], r"^af2 \d+\.\d+\.\d+, libtorch ")

    def test_clap_train_takes_its_own_recipes_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            code, _, err = af2("clap-train", "--config", ROOT / "recipes/mini/tower.yaml", "--out", folder)
            self.assertEqual(code, 2)
            self.assertIn("key task", err)

    def test_without_an_af_clap(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("adapter.safetensors", "lm.gguf"):
                (pathlib.Path(folder) / name).symlink_to(ROOT / "models/mini" / name)
            config = json.loads((ROOT / "models/mini/config.json").read_text())
            config["clap"]["file"] = str(ROOT / "models/mini" / config["clap"]["file"])
            (pathlib.Path(folder) / "config.json").write_text(json.dumps(config))
            code, _, err = af2("embed", "-m", folder, "--text", "a dog")
            self.assertEqual(code, 2)
            self.assertIn("no AF-CLAP", err)
            self.assertIsNone(json.loads(af2("info", "-m", folder, "--json")[1])["af_clap"])

    def test_devices(self):
        code, out, err = af2("--list-devices")
        names = [line.split("\t")[0] for line in out.splitlines()]
        self.assertEqual((code, names[0]), (0, "cpu"), err)
        self.assertRegex(out, r"^cpu\t[0-9.]+ GiB free of [0-9.]+\t\S.*\tproducts in f32(, bf16( \(slower\))?)?\n")
        for more in (["ask"], ["features"], ["bench"]):  # without all that they need
            self.assertEqual(af2(*more, "--list-devices")[:2][0], 0)
        ask = ("ask", "-p", "What do you hear?", "-n", "12", example())
        plain = af2(*ask)[1]
        self.assertEqual(af2(*ask, "--device", "cpu", "--dtype", "f32")[1], plain)
        for bad in (("--device", "gpu"), ("--device", "cuda:x"), ("--gpu-layers", "-1"), ("--gpu-layers", "some")):
            code, out, err = af2(*ask, *bad)
            self.assertEqual((code, out), (2, ""), err)
            self.assertIn(bad[0], err)
        if len(names) == 1:  # no GPU: what asks for one fails, auto is the CPU
            for verb in (ask, ("caption", example()), ("bench", "--seconds", "1"), ("selftest",), ("info",),
                         ("features", "--layer", "tower", "-o", "never.npy", example()), ("chat",)):
                code, out, err = af2(*verb, "--device", "cuda")
                self.assertEqual((code, out), (6, ""), err)
                self.assertRegex(err, r"^af2: error: --device cuda: .*; ")
                self.assertEqual(len(err.strip().splitlines()), 1, err)
            self.assertFalse(pathlib.Path("never.npy").exists())
            self.assertEqual(af2(*ask, "--device", "auto")[1], plain)
            code, out, err = af2(*ask, "--device", "auto", "--gpu-layers", "3")
            self.assertEqual((code, out), (0, plain))
            self.assertIn("--gpu-layers 3: the model runs on the CPU", err)
            line = json.loads(af2("bench", "--device", "auto", "--seconds", "1", "--reps", "1", "-n", "2", "--json")[1])
            self.assertEqual((line["device"], line["gpu_layers"], line["dtype"]), ("cpu", 0, "f32"))
            self.assertEqual(json.loads(af2("info", "--json")[1])["device"], "cpu")

    def test_flags_from_the_environment(self):
        code, out, _ = af2("ask", "-p", "x", "--json", "--ignore-eos", example(), env={"AF2_ARG_MAX_TOKENS": "3"})
        self.assertEqual(json.loads(out.splitlines()[0])["usage"]["completion_tokens"], 3)
        # `af2 selftest` knows no "auto": nothing to the other verbs.
        self.assertEqual(af2("ask", "-p", "x", "-n", 1, example(), env={"AF2_ARG_DTYPE": "auto"})[0], 0)
        code, _, err = af2("ask", "-p", "x", example(), env={"AF2_ARG_DTYPE": "f16"})
        self.assertEqual(code, 2)
        self.assertIn("--dtype", err)

    def test_a_contrast_is_another_answer_and_none_is_as_before(self):
        ask = ("ask", "-p", "Which sound is it?", "--choices", "a bell ringing|water flowing in a stream|a dog barking", "--json", example())
        said = {contrast: json.loads(af2(*ask, *flags)[1].splitlines()[0])["choices"]
                for contrast, flags in ((None, ()), (0, ("--contrast", 0)), (1, ("--contrast", 1)))}
        self.assertEqual(said[None], said[0])
        self.assertNotEqual(said[0], said[1])
        self.assertAlmostEqual(sum(choice["share"] for choice in said[1]), 1, places=6)
        self.assertIn("--contrast", af2("ask", "-p", "x", "--contrast", -1, example())[2])
        code, _, err = af2("ask", "-p", "x", "--contrast", 1, "--beams", 2, example())
        self.assertEqual(code, 2)
        self.assertIn("--beams", err)


class Others(unittest.TestCase):
    def test_config_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "af2.yaml"
            path.write_text("max-tokens: 3\ntop-k: 7\ncaption:\n  max-tokens: 2\n")
            tokens = lambda out: json.loads(out.splitlines()[0])["usage"]["completion_tokens"]
            ask = ("ask", "-p", "What do you hear?", "--ignore-eos", "--json", example().resolve())
            self.assertEqual(tokens(af2(*ask, "--config", path)[1]), 3)
            self.assertEqual(tokens(af2(*ask, cwd=folder)[1]), 3, "./af2.yaml")
            self.assertEqual(tokens(af2(*ask, env={"AF2_CONFIG": str(path)})[1]), 3)
            self.assertEqual(tokens(af2(*ask, "-n", "4", cwd=folder)[1]), 4, "a flag counts before the file")
            self.assertEqual(tokens(af2(*ask, cwd=folder, env={"AF2_ARG_MAX_TOKENS": "5"})[1]), 5, "and so the environment")
            caption = ("caption", "--ignore-eos", "--json", example().resolve())
            self.assertEqual(tokens(af2(*caption, cwd=folder)[1]), 2, "the verb's section counts before the top")
            for text, words in (("max-token: 3\n", ["max-token:", "max-tokens"]), ("ask:\n  stile: long\n", ["ask.stile"]),
                                ("max-tokens: [3]\n", ["one value"]), ("caption:\n  prompt: x\n", [])):
                path.write_text(text)
                code, out, err = af2(*(ask if words else caption), cwd=folder)
                self.assertEqual((code, out), (2, ""), text + err)
                for word in words:
                    self.assertIn(word, err)
            self.assertEqual(af2(*ask, "--config", pathlib.Path(folder) / "none.yaml")[0], 3)

    def test_results_into_a_file(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "answers.jsonl"
            code, out, _ = af2("caption", "-n", "3", "--json", "-o", path, example())
            self.assertEqual((code, out), (0, ""))
            self.assertEqual([json.loads(line)["type"] for line in path.read_text().splitlines()], ["answer", "summary"])
            self.assertEqual(af2("caption", "-o", pathlib.Path(folder) / "no/such", example())[0], 6)

    def test_caption(self):
        code, out, err = af2("caption", example())
        self.assertEqual(code, 0)
        self.assertRegex(err, r"^(af2: notice: .*\n)*$")
        self.assertGreater(len(out.strip()), 3)

    def test_info(self):
        code, out, _ = af2("info", "--json")
        facts = json.loads(out)
        self.assertEqual((code, facts["model"], facts["window_seconds"]), (0, "af2-mini", 10.0))
        clap = json.loads(af2("info", "-m", facts["af_clap"], "--json")[1])
        self.assertEqual((clap["kind"], clap["vector"]), ("AF-CLAP", 256))
        self.assertGreater(min(clap["parameters_audio"], clap["parameters_text"]), 1e6)
        config = json.loads(af2("info", "--config")[1])
        self.assertEqual(config["xattn"]["every"], 5)
        self.assertEqual(json.loads(af2("info", "--json", CLIPS / "tone.mp3")[1].splitlines()[0])["codec"], "mp3")

    def test_selftest_holds_the_model_to_its_references(self):
        code, out, err = af2("selftest")
        self.assertEqual(code, 0, out + err)
        self.assertEqual([line.split("\t")[0] for line in out.splitlines()[:6]], ["ok"] * 6, out)
        self.assertIn("8 of 8 greedy tokens", out)
        self.assertEqual(af2("selftest", "--dtype", "bf16", "--quick")[0], 0)
        # References of other weights are told apart.
        with tempfile.TemporaryDirectory() as folder:
            data = bytearray((ROOT / "models/mini/selftest.safetensors").read_bytes())
            header = json.loads(data[8:8 + int.from_bytes(data[:8], "little")])
            start = 8 + int.from_bytes(data[:8], "little") + header["tower"]["data_offsets"][0]
            data[start:start + 4000] = struct.pack("<1000f", *range(1000))
            reference = pathlib.Path(folder) / "selftest.safetensors"
            reference.write_bytes(data)
            (pathlib.Path(folder) / "examples").symlink_to(EXAMPLES)
            code, out, _ = af2("selftest", "--quick", "--ref", reference)
            self.assertEqual(code, 1)
            self.assertIn("FAILED\ttower", out)
        code, _, err = af2("selftest", "--ref", "/nowhere.safetensors")
        self.assertEqual(code, 2)
        self.assertIn("/nowhere.safetensors", err)

    def test_bench_measures(self):
        code, out, err = af2("bench", "--seconds", "1,12", "--reps", "1", "-n", "4", "--json")
        self.assertEqual(code, 0, err)
        lines = [json.loads(line) for line in out.splitlines()]
        self.assertEqual([line["seconds_used"] for line in lines], [1, 12])
        for line in lines:
            for key in ("listen_s", "first_token_s", "tokens_per_s", "audio_s_per_s", "peak_mib"):
                self.assertGreater(line[key], 0, key)
        self.assertEqual(af2("bench", "--seconds", "1,x")[0], 2)

    def test_bench_measures_the_language_model_alone(self):
        code, out, err = af2("bench", "--text", "20", "--reps", "1", "-n", "4", "--json")
        self.assertEqual(code, 0, err)
        line = json.loads(out)
        self.assertEqual((line["type"], line["prompt_tokens"], line["tokens"]), ("bench_text", 20, 4))
        for key in ("prompt_tokens_per_s", "tokens_per_s", "read_gb_per_s", "peak_mib"):
            self.assertGreater(line[key], 0, key)
        # Every token reads the whole language model: 98 MB, less what is no matrix.
        self.assertAlmostEqual(line["weight_gb_per_s"] / line["tokens_per_s"], 0.096, delta=0.003)
        self.assertEqual(af2("bench", "--text", "0")[0], 2)

    def test_quantised_mini_still_answers(self):
        with tempfile.TemporaryDirectory() as folder:
            small = pathlib.Path(folder) / "small"
            code, out, err = af2("quantize", "-i", ROOT / "models/mini", "-o", small, "--type", "q8_0",
                                 "--adapter-type", "i8", "--verify")
            self.assertEqual(code, 0, err)
            # A clip whose answer it is sure of; where two answers are nearly as likely, a rounding decides.
            ask = ("ask", "-p", "What do you hear?", "-n", "12", EXAMPLES / "stream.ogg")
            self.assertEqual(af2(*ask, "-m", small)[1], af2(*ask)[1])
            self.assertEqual(af2("info", "-m", small, "--verify")[0], 0)
            sound = json.loads(af2("embed", EXAMPLES / "stream.ogg")[1].splitlines()[0])  # the AF-CLAP goes along
            again = json.loads(af2("embed", "-m", small, EXAMPLES / "stream.ogg")[1].splitlines()[0])
            self.assertEqual(again["embedding"], sound["embedding"])

    def test_features_shapes(self):
        shapes = {"waveform": (1, 160000), "logmel": (1, 501, 64), "tower": (1, 64, 384), "memory": (64, 384),
                  "logits": (3, 49156)}
        with tempfile.TemporaryDirectory() as folder:
            for layer, shape in shapes.items():
                path = pathlib.Path(folder) / f"{layer}.npy"
                code, out, err = af2("features", "--layer", layer, "--tokens", "49152,3725,49155", "-o", path, example())
                self.assertEqual((code, out), (0, ""), err)
                header = path.read_bytes()[:128].decode("latin1")
                self.assertIn("<f4", header)
                found = re.search(r"'shape': \(([0-9, ]+)\)", header).group(1)
                self.assertEqual(tuple(int(n) for n in found.split(",") if n.strip()), shape)

    def test_runs_from_any_folder(self):
        with tempfile.TemporaryDirectory() as folder:
            self.assertEqual(af2("info", cwd=folder)[0], 0)

    def test_a_noncommercial_licence_is_shown(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            os.symlink(ROOT / "models/mini/lm.gguf", copy / "lm.gguf")
            os.symlink(ROOT / "models/mini/adapter.safetensors", copy / "adapter.safetensors")
            os.symlink(ROOT / "models/mini/clap", copy / "clap")
            config = json.loads((ROOT / "models/mini/config.json").read_text())
            for licence in ("NVIDIA OneWay Noncommercial License", "CC BY-NC 4.0", "some non-commercial one"):
                (copy / "config.json").write_text(json.dumps(config | {"licence": licence}))
                code, _, err = af2("info", "-m", copy)
                self.assertEqual(code, 0, err)
                self.assertIn(f"af2: notice: licence of this model: {licence}", err)
        self.assertNotIn("licence of this model", af2("info")[2])

    def test_a_damaged_model_is_refused(self):
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder)
            for name in ("config.json", "adapter.safetensors"):
                (copy / name).write_bytes((ROOT / "models/mini" / name).read_bytes())
            os.symlink(ROOT / "models/mini/lm.gguf", copy / "lm.gguf")
            code, _, err = af2("info", "-m", copy)
            self.assertEqual(code, 5)
            self.assertIn("clap/model.safetensors", err)
            os.symlink(ROOT / "models/mini/clap", copy / "clap")
            self.assertEqual(af2("info", "-m", copy)[0], 0)
            weights = (copy / "adapter.safetensors").read_bytes()
            (copy / "adapter.safetensors").write_bytes(weights[: len(weights) // 2])
            code, out, err = af2("info", "-m", copy)
            self.assertEqual((code, out), (5, ""))
            self.assertIn("adapter.safetensors", err)
            (copy / "adapter.safetensors").unlink()
            self.assertEqual(af2("info", "-m", copy)[0], 5)


if __name__ == "__main__":
    PROGRAM = os.path.abspath(sys.argv.pop(1))
    unittest.main(verbosity=2)
