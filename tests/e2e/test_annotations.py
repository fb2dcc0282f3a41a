"""From annotations as they are published to checked manifests, with the real program: each layout, written here, through
`af2 data records`, `skills` or `long`, `check` and its manifests.

What an answer must be is computed from the annotation alone (annotation_truth.py, annotation_music_truth.py).

Run: python3 tests/e2e/test_annotations.py PROGRAM. Needs only the standard library.
"""
import array
import collections
import csv
import json
import math
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import unittest
import wave

from annotation_music_truth import MUSIC_TRUTH
from annotation_truth import LONG_TRUTH, SOUNDS, TRUTH, Clip, named

PROGRAM = ""
RATE = 16000
KATZ = ["Dog", "Bell", "Siren", "Hammer", "Rain", "Cough"]
SECOND = {label: array.array("h", [round(32767 * level * math.sin(2 * math.pi * hz * i / RATE)) for i in range(RATE)])
          for label, (hz, level) in SOUNDS.items()}


def run(folder, *args, code=0):
    done = subprocess.run([PROGRAM, "data", *map(str, args)], capture_output=True, text=True, timeout=300, cwd=folder)
    if done.returncode != code:
        raise AssertionError(f"af2 data {' '.join(map(str, args))}: {done.returncode}, not {code}:\n{done.stdout[-2000:]}{done.stderr[-3000:]}")
    return done.stdout, done.stderr


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def write_lines(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def write_table(path, header, rows, separator=","):
    with open(path, "w", newline="") as out:
        table = csv.writer(out, delimiter=separator, lineterminator="\n")
        table.writerow(header)
        table.writerows(rows)


def write_clip(path, seconds, events):
    """Tones where events are, over silence that is not quite silent."""
    samples = array.array("h", [1, -1]) * (round(seconds * RATE) // 2)
    for label, onset, offset in events:
        tone = SECOND[label]
        for i in range(round(onset * RATE), min(len(samples), round(offset * RATE))):
            samples[i] = max(-32768, min(32767, samples[i] + tone[i % RATE]))
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(RATE)
        out.writeframes(samples.tobytes())


def write_hum(path, seconds, hz=300):
    second = array.array("h", [round(6000 * math.sin(2 * math.pi * hz * i / RATE)) for i in range(RATE)]).tobytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1), out.setsampwidth(2), out.setframerate(RATE)
        out.writeframes((second * (int(seconds) + 1))[:2 * round(seconds * RATE)])


def draw_events(draw, seconds, labels, n):
    """Onsets in order, most apart, some sounds twice, some together; times as sets write them."""
    events, at = [], draw.uniform(0, 1)
    for _ in range(n):
        length = draw.choice([0.5, 0.8, 1.2, 2.0, 3.5])
        if at + length > seconds - 0.05:
            break
        events.append((draw.choice(labels), round(at, 3), round(at + length, 3)))
        at += draw.choice([0.7, length + 0.4, length + 0.9])
    return events


class Layout(unittest.TestCase):
    """A folder of its own for each test."""

    def setUp(self):
        scratch = tempfile.TemporaryDirectory()
        self.addCleanup(scratch.cleanup)
        self.root = pathlib.Path(scratch.name)
        (self.root / "out").mkdir()

    def records(self, *args, code=4):
        """Records by id, and what was told."""
        _, told = run(self.root, "records", *args, "-o", "out/records.jsonl", code=code)
        return {r["id"]: r for r in lines(self.root / "out/records.jsonl")}, told

    def dropped(self, told):
        return {what: int(n) for what, n in re.findall(r"left out, (\S+): (\d+)", told)}

    def items(self, verb, *args, code=0):
        """The set's items after its check, with their manifests held to them."""
        run(self.root, verb, "--records", "out/records.jsonl", "--out", "set", "--seed", 11, *args)
        run(self.root, "check", "set", "--verify", "--out", "clean", "--name", "Mine", code=code)
        out, _ = run(self.root, "check", "clean", "--verify")
        items = lines(self.root / "clean/items.jsonl")
        self.assertIn(f"{len(items)} items, 0 fail", out)
        by_skill = collections.defaultdict(list)
        for item in items:
            by_skill[item["skill"]].append(item)
        for skill, some in by_skill.items():
            manifest = json.loads((self.root / f"clean/Mine-{skill}/train.json").read_text())
            self.assertEqual(manifest["total_num"], len(some))
            for item, entry in zip(some, manifest["data"].values()):
                letter = "" if "options" not in item else f"({'ABCDEF'[item['answer_index']]}) "
                self.assertEqual(entry["output"], letter + item["answer"])
                self.assertTrue(entry["prompt"].startswith(item["question"]))
                self.assertTrue((self.root / "clean" / item["audio"]).is_file(), item["audio"])
        return items

    def hold(self, items, clips, truth=None):
        """Every item's answer by the annotation; how many of each type."""
        truth = truth or TRUTH
        n = collections.Counter()
        for item in items:
            key = f"{item['skill']}.{item['type']}"
            if key not in truth:
                n["not held to the annotation"] += 1
                n["(" + key + ")"] += 1
                continue
            self.assertTrue(truth[key](item, clips[item["record"]]), (item, str(clips[item["record"]])))
            n[key] += 1
        # What this file knows nothing of must stay the smaller part.
        self.assertLess(n["not held to the annotation"], len(items) / 4, n)
        return n

    def covers(self, counts, types):
        self.assertLessEqual(set(types), {key for key, n in counts.items() if n > 0}, counts)


class AudioSetStrong(Layout):
    IDS = {"Dog": "/m/0bt9lr", "Bell": "/m/0395lw", "Siren": "/m/03kmc9", "Hammer": "/m/03l9g", "Rain": "/m/06mb1",
           "Cough": "/m/01b_21", "Bark": "/m/05tny_", "Male speech, man speaking": "/m/05zppz"}

    def write(self, seconds=10):
        clips, files, rows, draw = {}, {}, [], random.Random("audioset")
        alphabet = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
        for i in range(40):
            video = "".join(draw.choice(alphabet) for _ in range(10))
            video = ["-" + video, video[:4] + "_" + video[4:], video + "x"][i % 3]
            start = draw.randrange(0, 300) * 1000
            segment = f"{video}_{start}"
            # Of a dog both the wider and the narrower class are labelled, as AudioSet does.
            events = draw_events(draw, seconds, [label for label in SOUNDS if label != "Bark"], draw.randint(4, 7))
            events += [("Bark", on, off) for label, on, off in events if label == "Dog"]
            clips[segment] = Clip(events, seconds)
            rows += [[segment, on, off, self.IDS[label]] for label, on, off in events]
            name = [segment, "Y" + segment, video, "Y" + video][i % 4]
            files[segment] = self.root / f"audio/part{i % 2}/{name}.wav"
            write_clip(files[segment], seconds, events)
        bad = sorted(clips)
        rows += [[bad[0], 3.0, 3.0, self.IDS["Rain"]], [bad[0], 5.0, 4.0, self.IDS["Rain"]], [bad[1], -0.5, 1.0, self.IDS["Rain"]],
                 [bad[1], 9.0, 10.9, self.IDS["Rain"]], [bad[2], 2.0, 3.0, "/m/never"],
                 ["gone_0000000_30000", 1, 2, self.IDS["Dog"]], ["neverheard0_0", 1, 2, self.IDS["Dog"]]]
        # A little past the end is the end.
        clips[bad[3]].events.append(("Siren", 9.3, 10.0))
        write_clip(files[bad[3]], seconds, clips[bad[3]].events)
        rows.append([bad[3], 9.3, 10.04, self.IDS["Siren"]])
        write_table(self.root / "strong.tsv", ["segment_id", "start_time_seconds", "end_time_seconds", "label"], rows, "\t")
        write_table(self.root / "names.tsv", ["/m/00000", "Unused"], [(id_, label) for label, id_ in self.IDS.items()], "\t")
        nodes = [{"id": "/x/animal", "name": "Animal", "child_ids": [self.IDS["Dog"]]},
                 {"id": self.IDS["Dog"], "name": "Dog", "child_ids": [self.IDS["Bark"]]}]
        nodes += [{"id": id_, "name": label, "child_ids": []} for label, id_ in self.IDS.items() if label != "Dog"]
        (self.root / "ontology.json").write_text(json.dumps(nodes))
        return {key: Clip(clip.events, seconds) for key, clip in clips.items()}

    def test_from_the_table_to_manifests(self):
        clips = self.write()
        records, told = self.records("strong.tsv", "--names", "names.tsv", "--audio", "audio", "--measure", "--licence", "CC-BY 4.0")
        if "without libebur128" in told:
            self.skipTest("built without libebur128")
        self.assertEqual(self.dropped(told), {"event_ends_before_it_begins": 2, "event_negative_time": 1, "event_past_the_end": 1,
                                              "label_without_name": 1, "audio_missing": 2})
        self.assertEqual(set(records), set(clips))
        for segment, record in records.items():
            self.assertEqual(record["group"], segment.rsplit("_", 1)[0])
            self.assertEqual([(e["label"], e["onset"], e["offset"]) for e in record["events"]],
                             [(label, float(on), float(off)) for label, on, off in clips[segment].events])
            for event in record["events"]:
                if "pitch" in event:
                    self.assertAlmostEqual(event["pitch"] / SOUNDS[event["label"]][0], 1, delta=0.03)
        items = self.items("skills", "--ontology", "ontology.json", "--choice-share", 0)
        for item in items:
            # A dog and its bark sound together: neither is asked for where the other would be as right.
            self.assertFalse({"Dog", "Bark"} & set(named(item["answer"], SOUNDS)) and item["skill"] != "foundational", item)
            self.assertEqual(item["licence"], "CC-BY 4.0")
            self.assertNotEqual(item["type"], "presence")  # nobody said that all is labelled
        counts = self.hold(items, clips)
        self.covers(counts, ["temporal.order", "temporal.referring", "temporal.grounding", "temporal.together", "counting.count",
                             "attribute.pair", "attribute.how_long", "foundational.events"])


class Dcase(Layout):
    HEADER = ["filename", "onset", "offset", "event_label"]

    def write(self, n, seconds, draw_scape):
        clips, rows, draw = {}, [], random.Random(f"dcase {seconds}")
        for i in range(n):
            events = draw_scape(draw)
            clips[f"scape{i:02}"] = Clip(events, seconds)
            rows += [[f"scape{i:02}.wav", on, off, label] for label, on, off in events]
            write_clip(self.root / f"audio/scape{i:02}.wav", seconds, events)
        draw.shuffle(rows)
        rows += [["scape00.wav", 2, 2, "Dog"], ["scape01.wav", -1, 2, "Dog"], ["scape01.wav", 1, seconds + 0.2, "Dog"],
                 ["scape02.wav", 1, 2, " "], ["gone.wav", 1, 2, "Dog"], ["still.wav", "", "", ""]]
        write_clip(self.root / "audio/still.wav", seconds, [])
        write_table(self.root / "strong.tsv", self.HEADER, rows, "\t")
        return clips

    LEFT_OUT = {"event_ends_before_it_begins": 1, "event_negative_time": 1, "event_past_the_end": 1, "event_empty": 1,
                "audio_missing": 1}

    def test_short_scapes(self):
        clips = self.write(36, 10, lambda draw: draw_events(draw, 10, draw.sample(KATZ, 5), draw.randint(3, 7)))
        records, told = self.records("strong.tsv", "--audio", "audio", "--all-labelled", "--measure", "--licence", "CC0")
        if "without libebur128" in told:
            self.skipTest("built without libebur128")
        self.assertEqual(self.dropped(told), self.LEFT_OUT)
        self.assertEqual(set(records), set(clips) | {"still"})
        items = self.items("skills", "--choice-share", 0)
        self.assertLessEqual({item["record"] for item in items}, set(clips))
        counts = self.hold(items, clips)
        self.covers(counts, ["temporal.order", "temporal.order_letters", "temporal.referring", "temporal.grounding",
                             "temporal.duration", "temporal.overlap", "temporal.together", "temporal.silence", "temporal.presence",
                             "counting.count", "counting.count_placed", "counting.kinds", "attribute.comparative",
                             "attribute.how_long", "general.compare_two", "foundational.events"])
        absent = [item for item in items if item["type"] == "presence" and item["answer"] == "no"]
        self.assertTrue(absent)

    def test_long_scapes(self):
        def draw_scape(draw):
            labels = draw.sample(list(SOUNDS), 5)
            events = draw_events(draw, 90, labels[:3], 30)
            for label, share in zip(labels[3:], (0.2, 0.7)):  # two sounds are heard once
                at = int(len(events) * (share + draw.uniform(0, 0.15)))
                events[at] = (label, *events[at][1:])
            return events

        clips = self.write(20, 90, draw_scape)
        _, told = self.records("strong.tsv", "--audio", "audio", "--all-labelled", "--measure")
        if "without libebur128" in told:
            self.skipTest("built without libebur128")
        self.assertEqual(self.dropped(told), self.LEFT_OUT)
        items = self.items("long", "--choice-share", 0)
        self.assertEqual({item["skill"] for item in items} - {"captioning", "plot"}, {"temporal", "general", "needle", "subscene"})
        counts = self.hold(items, clips, LONG_TRUTH)
        self.covers(counts, ["temporal.order", "temporal.first", "temporal.position", "general.frequent", "general.how_often",
                             "general.presence", "needle.content", "needle.once", "needle.neighbour", "subscene.sounds",
                             "subscene.count"])


class Captions(Layout):
    def test_clotho(self):
        draw, rows, captions = random.Random("clotho"), [], {}
        for i in range(12):
            name = f"Clip {i}, take.wav"
            texts = [f"A {w} rattles {draw.choice(['softly', 'far away', 'in a hall'])}, then {draw.choice(['rain falls', 'a door shuts'])}."
                     for w in draw.sample(["cart", "window", "chain", "drawer", "tin lid", "fence", "bucket"], 5)]
            captions[f"Clip {i}, take"] = texts
            rows.append([name, *texts])
            write_hum(self.root / "audio" / name, draw.choice([15, 18.5, 22]), 200 + 20 * i)
        rows.append(["gone.wav", "A.", "B.", "C.", "D.", "E."])
        rows[3][2] = ""  # one of its people wrote nothing
        captions["Clip 3, take"].pop(1)
        write_table(self.root / "clotho.csv", ["file_name", *[f"caption_{k}" for k in range(1, 6)]], rows)
        records, told = self.records("clotho.csv", "--audio", "audio", "--measure", "--source", "Clotho", "--licence", "CC0")
        self.assertEqual(self.dropped(told), {"audio_missing": 1, "caption_empty": 1})
        self.assertEqual({id_: [c["text"] for c in r["captions"]] for id_, r in records.items()}, captions)
        items = self.items("skills")
        self.assertEqual({f"{i['skill']}.{i['type']}" for i in items}, {"foundational.audio_caption"})
        self.assertEqual({item["record"] for item in items}, set(captions))
        for item in items:
            self.assertIn(item["answer"], captions[item["record"]])
            self.assertEqual((item["form"], item["source"]), ("open", "Clotho"))

    def test_audiocaps(self):
        rows, captions = [], {}
        for i in range(10):
            video = ["-ab", "c_d", "efg"][i % 3] + f"{i:03}xyzuv"
            for k in range(1 + i % 2):
                rows.append([100 + 2 * i + k, video, 30 + i, f"A horn blows {['once', 'twice'][k]} near {['a road', 'the sea'][i % 2]}"])
                captions.setdefault(f"{video}_{30000 + 1000 * i}", []).append(rows[-1][3])
            name = [f"Y{video}", video, f"Y{video}_{30000 + 1000 * i}", f"{video}_{30000 + 1000 * i}"][i % 4]
            write_hum(self.root / f"audio/{name}.wav", 8 if i == 5 else 10, 200 + 20 * i)
        rows.append([999, "gone0000000", 10, "A bell rings"])
        write_table(self.root / "audiocaps.csv", ["audiocap_id", "youtube_id", "start_time", "caption"], rows)
        records, told = self.records("audiocaps.csv", "--audio", "audio")
        self.assertEqual(self.dropped(told), {"audio_missing": 1})
        self.assertEqual({id_: [c["text"] for c in r["captions"]] for id_, r in records.items()}, captions)
        items = self.items("skills", code=4)
        # One clip is not as long as AudioCaps' are: found out where the sounds are opened.
        short = next(id_ for id_ in captions if id_.startswith("efg005"))
        self.assertEqual({item["record"] for item in items}, set(captions) - {short})
        out, _ = run(self.root, "check", "set", "--verify", "--items-only", code=4)
        self.assertRegex(out, rf"{re.escape(short)}\S*\taudio/duration")
        for item in items:
            self.assertIn(item["answer"], captions[item["record"]])

    def test_labels_of_clips(self):
        rows, labels = [], {}
        for i in range(16):
            own = [["Rain", "Siren"], ["happy"], ["Dog"], ["sad"]][i % 4]
            labels[f"clip{i:02}"] = own
            rows.append([f"clip{i:02}.wav", ";".join(own), "CC0"])
            write_hum(self.root / f"audio/clip{i:02}.wav", 5, 200 + 20 * i)
        write_table(self.root / "labels.csv", ["fname", "labels", "licence"], rows)
        self.records("labels.csv", "--audio", "audio", "--measure", code=0)
        items = self.items("skills", "--types", "foundational")
        types = collections.Counter(item["type"] for item in items)
        self.assertEqual(set(types), {"events", "emotion"})
        for item in items:
            own = labels[item["record"]]
            self.assertEqual(item["answer"], ", ".join(own).lower() if item["type"] == "events" else own[0])
            if "options" in item:
                self.assertEqual(item["options"].count(own[0]), 1)


class Jams(Layout):
    def write_jams(self, name, seconds, annotations):
        (self.root / "jams").mkdir(exist_ok=True)
        (self.root / f"jams/{name}.jams").write_text(json.dumps({
            "annotations": [{"namespace": space, "data": data, "sandbox": sandbox, "annotation_metadata": {}, "time": 0, "duration": seconds}
                            for space, data, sandbox in annotations],
            "file_metadata": {"title": name, "duration": seconds, "jams_version": "0.3.4"}, "sandbox": {}}))

    def test_scapes(self):
        clips, draw = {}, random.Random("scaper")
        for i in range(24):
            events = draw_events(draw, 10, KATZ[:5], draw.randint(3, 6))
            data = [{"time": 0.0, "duration": 10.0, "confidence": 1, "value": {"label": "wind", "role": "background", "snr": 0}}]
            data += [{"time": on, "duration": round(off - on, 3), "confidence": 1,
                      "value": {"label": label, "role": "foreground", "snr": 12.0}} for label, on, off in events]
            if i == 0:  # ends before it begins, begins before the clip, ends behind it, and is too soft to count
                for time, length, snr in ((4, 0, 9), (-1, 2, 9), (9, 3, 9), (1, 8, -6)):
                    data.append({"time": time, "duration": length, "confidence": 1,
                                 "value": {"label": "cuckoo", "role": "foreground", "snr": snr}})
            name = f"scape{i:02}"
            clips[name] = Clip(events, 10)
            space = "scaper" if i % 2 == 0 else "segment_open"
            if space == "segment_open":
                data = [{**one, "value": one["value"]["label"]} for one in data[1:]]
            self.write_jams(name, 10, [(space, data, {}), ("vector", [], {})])
            write_clip(self.root / f"audio/{name}.wav", 10, events)
        self.write_jams("gone", 10, [("segment_open", [{"time": 1, "duration": 1, "value": "Dog", "confidence": 1}], {})])
        (self.root / "jams/scape01.vtt").write_text("WEBVTT\n\n00:01.000 --> 00:02.000\nCome in!\n")
        records, told = self.records("jams", "--audio", "audio", "--all-labelled", "--licence", "CC0")
        self.assertEqual(self.dropped(told), {"event_ends_before_it_begins": 1, "event_negative_time": 1, "event_past_the_end": 1,
                                              "audio_missing": 1})
        self.assertEqual(set(records), set(clips))
        self.assertEqual(records["scape01"]["speech"][0]["text"], "Come in!")
        self.assertEqual([e["role"] for e in records["scape02"]["events"] if "role" in e], ["background"])
        items = self.items("skills", "--choice-share", 0)
        for item in items:
            if item["skill"] != "foundational":
                self.assertNotIn("wind", item["answer"])
        truth = {key: check for key, check in TRUTH.items()
                 if not key.startswith(("foundational.events", "attribute.pair", "attribute.comp"))}
        counts = self.hold(items, clips, truth)
        self.covers(counts, ["temporal.order", "temporal.referring", "temporal.grounding", "temporal.together", "counting.count",
                             "attribute.how_long"])

    def test_music(self):
        pieces, draw = {}, random.Random("music jams")
        for i in range(16):
            beat, metre = [0.5, 0.6, 0.4][i % 3], [3, 4][i % 2]
            chords = draw.sample(["C:maj", "F:maj", "G:maj", "A:min", "D:min", "E:min"], 4)
            starts = {name: round(2 * k * beat, 3) for k, name in
                      enumerate(draw.sample(["piano", "flute", "double bass", "drums"], 3))}
            pieces[f"piece{i:02}"] = {"chords": [c.replace(":maj", "").replace(":min", "m") for c in chords], "metre": f"{metre}/4",
                                      "entries": sorted(starts, key=starts.get), "players": list(starts),
                                      "starts": starts, "beat": beat, "chord_s": 3.0, "tempo": 60 / beat, "key": "C major"}
            self.write_jams(f"piece{i:02}", 12, [
                ("beat", [{"time": round(k * beat, 3), "duration": 0, "value": k % metre + 1, "confidence": 1} for k in range(int(12 / beat))], {}),
                ("chord", [{"time": 3.0 * k, "duration": 3.0, "value": c, "confidence": 1} for k, c in enumerate(chords)], {}),
                ("key_mode", [{"time": 0, "duration": 12, "value": "C:major", "confidence": 1}], {}),
                ("tempo", [{"time": 0, "duration": 12, "value": 60 / beat, "confidence": 1}], {}),
                *[("note_midi", [{"time": round(start + beat / 2 * k, 3), "duration": 0.15, "value": 60, "confidence": 1}
                                 for k in range(int((12 - start) / beat * 2) - 1)], {"instrument": name}) for name, start in starts.items()]])
            write_hum(self.root / f"audio/piece{i:02}.wav", 12, 200 + 10 * i)
        self.records("jams", "--audio", "audio", code=0)
        items = self.items("skills", "--types", "information", "--choice-share", 0)
        counts = self.hold(items, pieces, MUSIC_TRUTH)
        self.covers(counts, ["information.chord_after", "information.chord_before", "information.distinct_chords", "information.key",
                             "information.metre", "information.tempo_band", "information.instrument_first", "information.entry_order"])


class Music(Layout):
    def test_musicbench(self):
        pieces, rows, draw = {}, [], random.Random("musicbench")
        for i in range(20):
            tempo, metre = [66.0, 92.0, 130.0, 180.0][i % 4], [3, 4][i % 2]
            key = draw.choice([["C", "major"], ["A", "minor"], ["G", "major"], ["E", "minor"]])
            chords = draw.sample(["C", "F", "G", "Am", "Dm", "Em"], 4)
            beats = [round(60 / tempo * k, 3) for k in range(int(9.9 * tempo / 60))]
            captions = [f"A calm piece with a lute, number {i}.", f"A lute plays a slow song, number {i}."]
            pieces[f"data/x{i:02}"] = {"tempo": tempo, "metre": f"{metre}/4", "key": " ".join(key), "chords": chords, "captions": captions,
                                      "beat": 60 / tempo, "chord_s": 2.5}
            rows.append({"dataset": "MusicBench", "location": f"data/x{i:02}.wav", "main_caption": captions[0], "alt_caption": captions[1],
                         "prompt_bpm": f"The tempo of this song is {tempo:.0f} beats per minute.", "beats": [beats, [float(k % metre + 1) for k in range(len(beats))]],
                         "bpm": tempo, "chords": chords, "chords_time": [0.0, 2.5, 5.0, 7.5], "key": key, "keyprob": [0.9],
                         "is_audioset_eval_mcaps": False})
            write_hum(self.root / f"audio/data/x{i:02}.wav", 10, 200 + 10 * i)
        rows[1]["bpm"] = 0.0
        pieces["data/x01"]["tempo"] = -1
        rows.append({**rows[0], "location": "data/gone.wav"})
        write_lines(self.root / "musicbench.jsonl", rows)
        _, told = self.records("musicbench.jsonl", "--audio", "audio", "--measure", "--source", "MusicBench")
        self.assertEqual(self.dropped(told), {"audio_missing": 1, "tempo_not_above_0": 1})
        items = self.items("skills", "--choice-share", 0)
        counts = self.hold(items, pieces, MUSIC_TRUTH)
        self.covers(counts, ["information.chord_after", "information.key", "information.is_key", "information.mode",
                             "information.metre", "information.tempo_band", "foundational.music_caption"])

    def test_a_table_of_tags(self):
        pieces, rows = {}, []
        for i in range(16):
            players = [["piano", "violin"], ["guitar", "drums", "flute"], ["trumpet"]][i % 3]
            genre, mood = ["jazz", "waltz", "folk", "techno"][i % 4], ["calm", "tense"][i % 2]
            pieces[f"t{i:02}"] = {"players": players, "genre": genre, "mood": mood, "tempo": [60, 100, 140, 180][i % 4]}
            rows.append([f"t{i:02}.wav", genre, "|".join(players), mood, [60, 100, 140, 180][i % 4], "CC-BY 3.0"])
            write_hum(self.root / f"audio/t{i:02}.wav", 12, 200 + 10 * i)
        write_table(self.root / "tags.csv", ["path", "genre", "instrument", "mood", "bpm", "licence"], rows)
        self.records("tags.csv", "--audio", "audio", "--measure", code=0)
        items = self.items("skills", "--choice-share", 0)
        counts = self.hold(items, pieces, MUSIC_TRUTH)
        self.covers(counts, ["information.instrument", "information.tempo_band", "foundational.instrument", "foundational.genre",
                             "foundational.music_tags"])
        self.assertEqual({item["licence"] for item in items}, {"CC-BY 3.0"})


if __name__ == "__main__":
    PROGRAM = str(pathlib.Path(sys.argv.pop(1)).resolve())
    unittest.main()
