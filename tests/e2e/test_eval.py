"""`af2 eval` and `af2 ablate` with the real program and the shipped model, on look-alikes of published benchmarks.

Run: python3 tests/e2e/test_eval.py PROGRAM. Needs only the standard library.
"""
import http.server
import json
import math
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import wave

ROOT = pathlib.Path(__file__).resolve().parents[2]
LOOK_ALIKES = ROOT / "tests/data/benchmarks"


def af2(*arguments, code=0, **more):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=600, **more)
    if code is not None and done.returncode != code:
        raise AssertionError(f"{arguments}: {done.returncode} in place of {code}\n{done.stdout}\n{done.stderr}")
    return done.stdout, done.stderr


def write_tone(path, hz, seconds=0.5):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
        out.writeframes(b"".join(struct.pack("<h", int(9000 * math.sin(6.2832 * hz * i / 16000))) for i in range(int(16000 * seconds))))


def lay_out(folder, root):
    """A look-alike's texts with a tone for every clip that MMAU's or AF2's form of a file names."""
    shutil.copytree(LOOK_ALIKES / folder, root)
    for file in root.glob("*.json"):
        data = json.loads(file.read_text())
        rows = data if isinstance(data, list) else data["data"].values()
        for i, row in enumerate(rows):
            write_tone(root / (row.get("audio_id") or row["name"]), 200 + 40 * i)


def write_bank(folder):
    """A sound bank of tones and two noises, three recordings of each label in each split."""
    labels = ["bell", "bird", "cow", "dog", "drum", "flute", "gong", "horn", "owl", "siren", "rain", "wind"]
    (folder / "audio").mkdir(parents=True)
    rows = ["id\tlabel\tpath\tseconds\tsplit\tgroup\tpackage\tlicence\tauthor\tsha256\tpeak_db\tkind"]
    for i, label in enumerate(labels):
        for split in ("train", "val", "test"):
            for k in range(3):
                name, seconds = f"{label}-{split}-{k}", 3.0 if label in ("rain", "wind") else 0.5 + 0.2 * k
                write_tone(folder / "audio" / f"{name}.wav", 150 + 60 * i + 5 * k, seconds)
                rows.append(f"{name}\t{label}\taudio/{name}.wav\t{seconds:.3f}\t{split}\t{label}-{split}\ttones\tCC0\tus\t{'0' * 64}\t-3.0\trecorded")
    (folder / "bank.tsv").write_text("\n".join(rows) + "\n")
    table = ["label\tphrase\tshort\tsentence\tsynonyms\tfamily"]
    for label in labels:
        family = "ambience" if label in ("rain", "wind") else "thing"
        table.append(f"{label}\ta {label} sounding\ta {label}\ta {label} sounds\t{label}\t{family}")
    (folder / "labels.tsv").write_text("\n".join(table) + "\n")


class Chat(http.server.BaseHTTPRequestHandler):
    """A model behind an endpoint that answers every question with the text of its first option."""
    asked = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Chat.asked.append(body)
        content = body["messages"][-1]["content"]
        text = content if isinstance(content, str) else " ".join(part.get("text", "") for part in content)
        first = re.search(r"(?:\(a\)|^a\.|\na\.) (.*?)\.?(?: \(b\)|\n|$)", text)
        reply = json.dumps({"choices": [{"message": {"role": "assistant", "content": first.group(1) if first else ""}, "finish_reason": "stop"}],
                            "usage": {"prompt_tokens": 10, "completion_tokens": 2}}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(reply)))
        self.end_headers()
        self.wfile.write(reply)

    def log_message(self, *_):
        pass


class Eval(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.made = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.made.cleanup)
        cls.shared = pathlib.Path(cls.made.name)
        os.environ["AF2_CACHE_DIR"] = str(cls.shared / "cache")
        lay_out("mmau", cls.shared / "mmau")
        lay_out("longaudiobench", cls.shared / "long")
        # The run that most tests look at: the shipped model with every weakness beside its score.
        cls.run_folder = cls.shared / "run"
        cls.flags = ("mmau_mini", "--root", cls.shared / "mmau", "--allow-partial")
        af2("eval", "run", *cls.flags, "-o", cls.run_folder, "-n", 8)
        cls.summary_text, _ = af2("eval", "score", cls.run_folder, *cls.flags)
        cls.summary = json.loads((cls.run_folder / "summary.json").read_text())

    def setUp(self):
        self.scratch = tempfile.TemporaryDirectory()
        self.addCleanup(self.scratch.cleanup)
        self.folder = pathlib.Path(self.scratch.name)

    def lines(self, path):
        return [json.loads(line) for line in path.read_text().splitlines()]

    def test_lists_every_benchmark_with_its_state(self):
        out, _ = af2("eval", "list")
        rows = [line for line in out.splitlines() if line.split("\t")[0].split(" ")[0] in
                {file.stem for file in (ROOT / "benchmarks").glob("*.yaml")}]
        self.assertEqual(len(rows), 68)
        listed = json.loads(af2("eval", "list", "--json")[0])
        self.assertIn("layout", json.dumps(listed))
        self.assertIn("skills_test", af2("eval", "list", "--own")[0])
        out, _ = af2("eval", "info", "mmau_mini")
        self.assertIn("62.4", out)
        out, err = af2("eval", "info", "mmau_min", code=2)
        self.assertIn("mmau_mini", err)

    def test_check_counts_and_shows_a_prompt(self):
        out, _ = af2("eval", "check", *self.flags)
        self.assertIn("expected 1000", out)
        self.assertIn("(a) a dog barking.", out)
        af2("eval", "check", *self.flags[:3], code=3)  # not whole, and not allowed to be a part
        gone = self.folder / "mmau"
        shutil.copytree(self.shared / "mmau", gone)
        (gone / "test-mini-audios/u0.wav").unlink()
        out, _ = af2("eval", "check", "mmau_mini", "--root", gone, "--allow-partial")
        self.assertIn("u0.wav", out)

    def test_a_malformed_file_names_line_and_key(self):
        text = (ROOT / "benchmarks/esc50.yaml").read_text().replace("kind: label", "kind: lable")
        (self.folder / "esc50.yaml").write_text(text)
        line = next(i for i, t in enumerate(text.splitlines(), 1) if t.startswith("kind:"))
        _, err = af2("eval", "info", self.folder / "esc50.yaml", code=2)
        self.assertIn(f"esc50.yaml line {line} key kind", err)
        self.assertIn("kind", err)

    def test_every_weakness_stands_beside_the_score(self):
        names = {one["name"] for one in self.summary["variants"]}
        self.assertLessEqual({"audio_off", "silence", "shuffled_audio", "rotation-1", "prompt-letter"}, names)
        blind = {one["name"] for one in self.summary["blind"]}
        self.assertLessEqual({"chance", "always_first", "longest_option"}, blind)
        n = self.summary["counts"]["n"]
        self.assertEqual(n, len(json.loads((self.shared / "mmau/mmau-test-mini.json").read_text())))
        self.assertEqual(len(self.lines(self.run_folder / "scores.jsonl")), n)
        self.assertIn("hearing gain", self.summary_text)
        said = self.lines(self.run_folder / "predictions.jsonl")
        self.assertTrue(all(one["audio"][0]["windows"] == 1 for one in said))
        self.assertTrue(all(not one["audio"][0].get("windows") for one in self.lines(self.run_folder / "predictions-audio_off.jsonl")))

    def test_the_likeliest_choice_is_said_with_the_share_of_each(self):
        af2("eval", "run", *self.flags, "--likeliest", "--baselines", "none", "-o", self.folder / "run")
        choices = {one["id"]: one["choices"] for one in json.loads((self.shared / "mmau/mmau-test-mini.json").read_text())}
        said = self.lines(self.folder / "run/predictions.jsonl")
        self.assertEqual(len(said), len(choices))
        for one in said:
            shares = one["shares"]
            self.assertEqual(len(shares), len(choices[one["id"]]))
            self.assertAlmostEqual(sum(shares), 1, places=4)
            self.assertEqual(one["output"], choices[one["id"]][shares.index(max(shares))])

    def test_clips_beyond_the_models_windows_are_heard_stretch_by_stretch(self):
        """--windows scan: all of the clip, and what `af2 ask --long scan` says of it; without it the end is cut, and counted."""
        root = self.folder / "long"
        shutil.copytree(self.shared / "long", root)
        flags = ("longaudiobench", "--root", root, "--allow-partial", "--limit", 1, "--baselines", "none", "-n", 6)
        af2("eval", "run", *flags, "-o", self.folder / "short")
        af2("eval", "run", *flags, "--windows", "scan", "--no-cache", "-o", self.folder / "brief")  # one stretch: as without
        short = self.lines(self.folder / "short/predictions.jsonl")
        self.assertEqual(short, self.lines(self.folder / "brief/predictions.jsonl"))
        clip = pathlib.Path(short[0]["audio"][0]["path"])
        clip = clip if clip.is_absolute() else root / clip
        write_tone(clip, 300, 305)
        said = {}
        for windows in ("scan", "30"):
            af2("eval", "run", *flags, "--windows", windows, "-o", self.folder / windows)
            line = self.lines(self.folder / windows / "predictions.jsonl")[0]
            heard = line["audio"][0]
            said[windows] = line["output"]
            self.assertAlmostEqual(heard["seconds"], 305, places=1)
            self.assertAlmostEqual(heard["seconds_cut"], 0 if windows == "scan" else 5, places=1)
            self.assertEqual(heard["windows"], 31 if windows == "scan" else 30)
        out, _ = af2("ask", "--long", "scan", "-n", 6, "--json", "-p", line["prompt"], clip)
        answer = json.loads(out.splitlines()[0])
        self.assertEqual(len(answer["stretches"]), 2)
        self.assertEqual(said["scan"], answer["text"].split(":")[-1].strip())

    def test_killed_anywhere_it_ends_in_the_same_bytes(self):
        out = self.folder / "run"
        command = [PROGRAM, "eval", "run", *map(str, self.flags), "-o", str(out), "-n", "8", "-b", "2", "--no-cache"]
        for _ in range(3):  # killed with some lines written
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            before = sum(file.stat().st_size for file in out.glob("predictions*.jsonl")) if out.exists() else 0
            deadline = time.monotonic() + 120
            while process.poll() is None and time.monotonic() < deadline:
                if out.exists() and sum(file.stat().st_size for file in out.glob("predictions*.jsonl")) > before:
                    break
                time.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            process.wait()
        af2(*command[1:])
        whole = self.folder / "whole"
        af2("eval", "run", *self.flags, "-o", whole, "-n", 8, "-b", 2, "--no-cache", "--keep-heard", 0)
        files = sorted(file.name for file in whole.glob("predictions*.jsonl"))
        self.assertGreater(len(files), 5)
        for name in files:
            self.assertEqual((out / name).read_bytes(), (whole / name).read_bytes(), name)
            # One by one, in batches and from the cache the answers are the same.
            self.assertEqual(sorted((self.run_folder / name).read_text().splitlines()), sorted((whole / name).read_text().splitlines()))

    def test_from_the_cache_nothing_is_asked_and_the_report_has_the_same_bytes(self):
        again = self.folder / "again"
        _, err = af2("eval", "run", *self.flags, "-o", again, "-n", 8, "-m", "mini")
        answers, cached = [int(word) for word in err.split("answers about")[0].split()[-1:] + err.split(" from the cache")[0].split()[-1:]]
        self.assertEqual(answers, cached)
        af2("eval", "score", again, *self.flags)
        for name in ("summary.json", "scores.jsonl"):
            self.assertEqual((again / name).read_bytes(), (self.run_folder / name).read_bytes())
        for run in (again, self.run_folder):
            af2("eval", "report", run, "--root", self.shared / "mmau", "--html", self.folder / f"{run.name}.html", "--md", self.folder / f"{run.name}.md")
        for kind in ("html", "md"):
            self.assertEqual((self.folder / f"again.{kind}").read_bytes(), (self.folder / f"run.{kind}").read_bytes())
        page = (self.folder / "run.html").read_text()
        self.assertFalse("https://" in page)
        self.assertFalse("What is heard first" in page)  # its owners do not allow to pass questions on
        self.assertIn("62.4", (self.folder / "run.md").read_text())

    def test_a_model_behind_an_endpoint_is_scored_alike(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Chat)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        Chat.asked.clear()
        af2("eval", "run", *self.flags, "-o", self.folder / "text", "--endpoint", url, "--endpoint-model", "first", "--endpoint-sound", "none")
        self.assertTrue(Chat.asked and all("input_audio" not in json.dumps(body) for body in Chat.asked))
        af2("eval", "score", self.folder / "text", *self.flags)
        summary = json.loads((self.folder / "text/summary.json").read_text())
        accuracy = next(one["value"] for one in summary["metrics"] if one["name"] == "accuracy" and one["matcher"] == "robust")
        rows = json.loads((self.shared / "mmau/mmau-test-mini.json").read_text())
        self.assertAlmostEqual(accuracy, sum(row["choices"][0] == row["answer"] for row in rows) / len(rows))
        out, _ = af2("eval", "compare", self.run_folder, self.folder / "text", "--json")
        both = json.loads(out)
        self.assertEqual(both["n"], summary["counts"]["n"])
        self.assertEqual(both["wins"] + both["losses"] + both["ties"], both["n"])
        Chat.asked.clear()
        af2("eval", "run", *self.flags, "-o", self.folder / "sound", "--endpoint", url, "--endpoint-model", "first", "--baselines", "none", "--no-cache")
        self.assertTrue(all("input_audio" in json.dumps(body) for body in Chat.asked))

    def test_a_judge_marks_open_answers(self):
        run, flags = self.folder / "long", ("longaudiobench", "--root", self.shared / "long", "--allow-partial")
        af2("eval", "run", *flags, "-o", run, "-n", 8, "--baselines", "cascade")
        for one in self.lines(run / "predictions-cascade.jsonl"):
            self.assertEqual((one["error"], one["audio"][0]["windows"]), (None, 1))
        stub = subprocess.Popen([PROGRAM, "eval", "judge-stub"], stdout=subprocess.PIPE, text=True)
        self.addCleanup(stub.stdout.close)
        self.addCleanup(stub.wait)
        self.addCleanup(stub.terminate)
        url = stub.stdout.readline().strip()
        judge = ("eval", "judge", run, *flags, "--judge-url", url, "--judge-model", "stub")
        first = json.loads(af2(*judge, "--reference-as-response")[0])
        self.assertEqual(first["reference_as_response"], {"n": first["n"], "mean": 10, "category_macro_mean": 10})
        self.assertEqual(first["n"], len(self.lines(run / "marks.jsonl")))
        calls = len(self.lines(run / "judge.jsonl"))
        self.assertGreater(calls, 0)
        af2(*judge)
        self.assertEqual(len(self.lines(run / "judge.jsonl")), calls)  # nothing is asked twice
        shutil.copy(run / "marks.jsonl", self.folder / "first.jsonl")
        again = json.loads(af2(*judge, "--agree-with", self.folder / "first.jsonl")[0])
        self.assertEqual((again["agreement"]["equal"], again["agreement"]["n"]), (1, first["marked"]))
        out, _ = af2("eval", "score", run, *flags)
        self.assertIn("category_macro_mean", out)
        summary = json.loads((run / "summary.json").read_text())
        self.assertEqual(summary["judge"]["rubric"], "longaudiobench")
        marks = {one["id"]: one["mark"] for one in self.lines(run / "marks.jsonl")}
        by_category = {}
        for one in self.lines(run / "scores.jsonl"):
            by_category.setdefault(one["groups"]["category"], []).append(marks[one["id"]])
        mean = sum(sum(list_) / len(list_) for list_ in by_category.values()) / len(by_category)
        found = next(one["value"] for one in summary["metrics"] if one["name"] == "category_macro_mean" and one["known"])
        self.assertAlmostEqual(found, mean)

    def test_a_judge_that_is_down_leaves_a_run_that_goes_on(self):
        run, flags = self.folder / "long", ("longaudiobench", "--root", self.shared / "long", "--allow-partial")
        af2("eval", "run", *flags, "-o", run, "-n", 8, "--baselines", "none")
        _, err = af2("eval", "judge", run, *flags, "--judge-url", "http://127.0.0.1:9/v1", "--judge-model", "x", "--judge-timeout", 1,
                     "--judge-tries", 1, code=7)
        self.assertIn("127.0.0.1:9", err)
        self.assertFalse((run / "marks.jsonl").exists())
        out, _ = af2("eval", "judge", run, *flags, "--backend", "rule")
        self.assertEqual(json.loads(out)["judge_failed"], 0)

    def test_clips_that_were_trained_on_are_found(self):
        run = self.folder / "run"
        shutil.copytree(self.run_folder, run)
        shutil.copy(self.shared / "mmau/test-mini-audios/u0.wav", self.folder / "renamed.wav")
        write_tone(self.folder / "other.wav", 3000)
        lines_ = [{"audio": name, "prompt": "what?", "output": "that"} for name in ("renamed.wav", "other.wav")]
        (self.folder / "train.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines_))
        out, _ = af2("eval", "overlap", run, *self.flags, "--train", self.folder / "train.jsonl")
        self.assertIn("u0.wav", out)
        self.assertNotIn("other.wav", out)
        af2("eval", "score", run, *self.flags)
        self.assertEqual(json.loads((run / "summary.json").read_text())["data"]["overlap"], {"train.jsonl": 1})
        af2("eval", "report", run)
        self.assertIn("train.jsonl", (run / "report.md").read_text())

    def test_ablations_train_score_and_make_a_table(self):
        plan = json.loads((ROOT / "tests/data/eval/ablation.json").read_text())
        plan["benchmarks"][0]["root"] = str(self.shared / "mmau")
        write_bank(self.folder / "bank")
        recipe = {"base": os.path.relpath(ROOT / plan["recipe"], self.folder), "bank": str(self.folder / "bank"), "scene_pool": 0, "steps": 2, "batch": 4,
                  "val_every": 100, "val_items": 2, "save_every": 2, "init": "models/mini", "stages": [{}, {"steps": 1}]}
        first = next(name for name, variant in plan["variants"].items() if "load" not in variant)
        plan["variants"]["early"] = {"of": first, "after": "1"}
        (self.folder / "recipe.json").write_text(json.dumps(recipe))
        plan["recipe"] = str(self.folder / "recipe.json")
        (self.folder / "plan.json").write_text(json.dumps(plan))
        out, _ = af2("ablate", "--config", self.folder / "plan.json", "-o", self.folder / "out", "--resamples", 200, cwd=ROOT)
        table = json.loads((self.folder / "out/table.json").read_text())
        self.assertEqual([row["variant"] for row in table["rows"]], list(plan["variants"]))
        self.assertIn("shipped", out)
        for row in table["rows"]:
            self.assertEqual(len(row["cells"]), len(plan["columns"]))
            self.assertIn("value", row["cells"][0])
        early, whole = (self.folder / "out" / name / f"seed-{plan['seeds'][0]}" for name in ("early", first))
        stage = json.loads((early / "core_hours.json").read_text())["core_hours"]
        self.assertLess(0, stage)
        self.assertLess(stage, json.loads((whole / "core_hours.json").read_text())["core_hours"])
        self.assertFalse((early / "run").exists())  # nothing was trained for it
        self.assertNotEqual(*((folder / "model/adapter.safetensors").read_bytes() for folder in (early, whole)))
        _, err = af2("ablate", "--config", self.folder / "plan.json", "-o", self.folder / "out", "--resamples", 200, cwd=ROOT)
        self.assertNotIn("training", err)  # all is there


if __name__ == "__main__":
    PROGRAM = sys.argv.pop(1)
    unittest.main()
