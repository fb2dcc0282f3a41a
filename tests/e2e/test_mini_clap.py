"""The shipped AF-CLAP (models/mini/clap) on the example clips, which training never heard.

Run: python3 tests/e2e/test_mini_clap.py PROGRAM.
"""
import array
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import unittest
import wave
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "models/mini/examples"
NAMES = ("bell", "coins", "crow", "footsteps", "helicopter", "piano", "stream")
PROGRAM = ""


def af2(*args, code=0):
    done = subprocess.run([PROGRAM, *map(str, args)], capture_output=True, text=True, timeout=600, cwd=ROOT)
    if done.returncode != code:
        raise AssertionError(f"af2 {' '.join(map(str, args))}: {done.returncode}, not {code}: {done.stdout}{done.stderr}")
    return done.stdout


class MiniClap(unittest.TestCase):
    def test_it_names_most_of_the_examples(self):
        labels = ("dog", "cat", "rain", *NAMES)
        clips = [EXAMPLES / f"{name}.ogg" for name in NAMES]
        best = [line.split("\t") for line in af2("classify", "--labels", ",".join(labels), "--top", "1", *clips).splitlines()]
        self.assertEqual([pathlib.Path(row[0]).stem for row in best], list(NAMES))
        right = [row[2] for row in best if row[2] == pathlib.Path(row[0]).stem]
        self.assertGreaterEqual(len(right), 4, best)  # chance: less than one
        self.assertIn("coins", right)

    def test_a_search_finds_what_is_asked_for(self):
        with tempfile.TemporaryDirectory() as folder:
            index = pathlib.Path(folder) / "examples.af2"
            af2("index", *sorted(EXAMPLES.glob("*.ogg")), "-o", index)
            for query, name in (("coins", "coins"), ("footsteps", "footsteps"), ("a man speaks", "speech"),
                                ("a piano plays", "piano")):
                hits = map(json.loads, af2("search", index, "-p", query, "--json").splitlines())
                first = [hit for hit in hits if hit["type"] == "hit"][0]
                self.assertEqual(pathlib.Path(first["path"]).stem, name, query)

    def test_windows_heard_together_are_those_heard_alone(self):
        noise = random.Random(7)
        seconds = [array.array("h", (noise.randint(-9000, 9000) // (1 + k) for _ in range(16000))) for k in range(6)]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            parts = [folder / f"{k}.wav" for k in range(6)]
            contents = [second.tobytes() * 10 for second in seconds]
            for path, content in [(folder / "whole.wav", b"".join(contents)), *zip(parts, contents)]:
                with wave.open(str(path), "wb") as out:
                    out.setnchannels(1), out.setsampwidth(2), out.setframerate(16000)
                    out.writeframes(content)
            for dtype in ("f32", "bf16"):
                af2("embed", "--dtype", dtype, "--windows-out", "--format", "npy", "-o", folder / "whole.npy", folder / "whole.wav")
                af2("embed", "--dtype", dtype, "-t", "1", "--format", "npy", "-o", folder / "parts.npy", *parts)
                self.assertEqual((folder / "whole.npy").read_bytes(), (folder / "parts.npy").read_bytes())

    def test_events_of_a_scene_are_drawn(self):
        with tempfile.TemporaryDirectory() as folder:
            drawing = pathlib.Path(folder) / "scene.svg"
            out = af2("events", "--labels", "coins,helicopter,piano,dog", "--svg", drawing, "--json", EXAMPLES / "scene.ogg")
            events = json.loads(out)["events"]
            found = [event["label"] for event in events]
            self.assertLess(found.index("helicopter"), found.index("piano"), events)  # as they were mixed
            self.assertNotIn("dog", found, events)
            self.assertTrue(xml.parse(drawing).getroot().tag.endswith("svg"))

    def test_a_caption_of_the_sound_is_nearer_than_another(self):
        out = af2("similar", "--query", "footsteps", EXAMPLES / "stream.ogg", EXAMPLES / "footsteps.ogg")
        self.assertEqual(pathlib.Path(out.splitlines()[0].split("\t")[1]).name, "footsteps.ogg", out)


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
