"""From annotations as they are published to checked manifests, with the real program: each layout, written here, through
`af2 data records`, `skills` or `long`, `check` and its manifests.

What an answer must be is computed here from the annotation alone (`TRUTH`): nothing is taken from the program but what a
question asks about (the item's facts). Sounds are tones of known pitch and loudness.

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

PROGRAM = ""
RATE = 16000
# Label: Hz and share of full scale. Each step is wider than the margins of pitch and loudness.
SOUNDS = {"Dog": (220, 0.4), "Bell": (350, 0.2), "Siren": (540, 0.1), "Hammer": (800, 0.05), "Rain": (1200, 0.025),
          "Cough": (1750, 0.0125), "Bark": (2500, 0.006), "Male speech, man speaking": (150, 0.003)}
KATZ = ["Dog", "Bell", "Siren", "Hammer", "Rain", "Cough"]
SECOND = {label: array.array("h", [round(32767 * level * math.sin(2 * math.pi * hz * i / RATE)) for i in range(RATE)])
          for label, (hz, level) in SOUNDS.items()}
JOIN, SHORTEST = 0.25, 0.3


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


# ---- what is true of a clip ---------------------------------------------------------------------------------------------


class Clip:
    """A clip's events and what may be asked about them."""

    def __init__(self, events, seconds):
        self.events, self.seconds = sorted(events, key=lambda e: e[1]), seconds

    def __str__(self):
        return f"{self.seconds} s: {self.events}"

    def of(self, label):
        return [(on, off) for name, on, off in self.events if name == label]

    def first(self, label):
        return self.of(label)[0][0]

    def labels(self):
        return list(dict.fromkeys(e[0] for e in self.events))  # by first onset

    def joined(self, label, gap=JOIN):
        spans = []
        for on, off in self.of(label):
            if spans and on - spans[-1][1] < gap:
                spans[-1][1] = max(spans[-1][1], off)
            else:
                spans.append([on, off])
        return spans

    def lasts(self, label):
        return sum(off - on for on, off in self.joined(label, 1e-9))

    def overlap(self, a, b):
        return max(min(x[1], y[1]) - max(x[0], y[0]) for x in self.of(a) for y in self.of(b))

    def silences(self):
        ends, found = 0, []
        for _, on, off in self.events:
            if on > ends and ends > 0:
                found.append((ends, on))
            ends = max(ends, off)
        return found

    def value(self, attribute, label):
        hz, level = SOUNDS[label]
        return {"loudness": level, "pitch": hz, "length": self.lasts(label)}[attribute]


def named(text, labels):
    """The labels that a text names, in its order."""
    lower, found = text.lower(), {}
    for label in labels:
        match = re.search(rf"\b{re.escape(label.lower())}\b", lower)
        if match:
            found[label] = match.start()
    return sorted(found, key=found.get)


def one(text):
    label, = named(text, SOUNDS)
    return label


def is_order(item, clip):
    labels = item["facts"]["labels"]
    return named(item["answer"], labels) == sorted(labels, key=clip.first)


def is_letters(item, clip):
    listed = {letter: one(words) for letter, words in re.findall(r"\((\w)\) ([^()?.]+)", item["question"])}
    order = [listed[letter] for letter in re.findall(r"\((\w)\)", item["answer"])]
    return len(order) == len(listed) and order == sorted(order, key=clip.first)


def is_referred(item, clip):
    facts, events = item["facts"], clip.events
    places = {"first": 0, "last": len(events) - 1, "kth": facts.get("k", 1) - 1}
    if facts["which"] in places:
        return one(item["answer"]) == events[places[facts["which"]]][0]
    at, = (i for i, e in enumerate(events) if e[0] == facts["label"])
    assert facts["label"].lower() in item["question"].lower()
    return one(item["answer"]) == events[at + (1 if facts["which"] == "after" else -1)][0]


def is_third(item, clip):
    (on, off), = clip.of(item["facts"]["label"])
    assert item["facts"]["label"].lower() in item["question"].lower()
    third = ["at the beginning", "in the middle", "at the end"].index(item["answer"])
    return third * clip.seconds / 3 <= on and off <= (third + 1) * clip.seconds / 3


def is_extreme(item, clip):
    pick = max if item["facts"]["which"] == "longest" else min
    return one(item["answer"]) == pick(clip.labels(), key=clip.lasts)


def is_overlap(item, clip):
    anchor = item["facts"]["label"]
    wrong = [label for o in item.get("options", []) if o != item["answer"] for label in named(o, clip.labels())]
    return clip.overlap(one(item["answer"]), anchor) >= 0.5 and all(clip.overlap(label, anchor) <= 0 for label in wrong)


def is_together(item, clip):
    a, b = item["facts"]["labels"]
    return (item["answer"] == "yes") == (clip.overlap(a, b) > 0)


def is_gap(item, clip):
    begin, end = max(clip.silences(), key=lambda s: s[1] - s[0])
    if item["facts"]["which"] == "after":
        return end in {on for on, _ in clip.of(one(item["answer"]))}
    return begin in {off for _, off in clip.of(one(item["answer"]))}


def is_silence(item, clip):
    x, y = sorted(item["facts"]["labels"], key=clip.first)
    return (item["answer"] == "yes") == (clip.first(y) - clip.of(x)[0][1] >= 0.5)


def is_presence(item, clip):
    return (item["answer"] == "yes") == (item["facts"]["label"] in clip.labels())


def is_sound(item, clip):
    """The answer sounds, and no other option does."""
    right = {item["facts"]["label"]} == set(named(item["answer"], SOUNDS)) and item["facts"]["label"] in clip.labels()
    return right and not any(named(o, clip.labels()) for o in item.get("options", []) if o != item["answer"])


def is_only_sound(item, clip):
    return clip.labels() == [item["facts"]["label"]] and one(item["answer"]) == clip.labels()[0]


def number(text):
    words = "zero one two three four five six seven eight nine ten".split()
    found = re.findall(r"\d+|\b(?:%s|once|twice)\b" % "|".join(words), text.lower())[-1]
    return int(found) if found.isdigit() else {"once": 1, "twice": 2}.get(found) or words.index(found)


def is_count(item, clip):
    return number(item["answer"]) == len(clip.joined(item["facts"]["label"]))


def is_count_placed(item, clip):
    return number(item["answer"]) == len(clip.joined(clip.labels()[item["facts"]["k"] - 1]))


def is_kinds(item, clip):
    return number(item["answer"]) == len(clip.labels())


def is_most(item, clip):
    attribute, labels = item["facts"]["attribute"], item["facts"].get("labels", clip.labels())
    pick = max if item["facts"]["which"] in ("most", "more") else min
    return named(item["answer"], SOUNDS)[0] == pick(labels, key=lambda label: clip.value(attribute, label))


def is_pair(item, clip):
    a, b = (clip.value(item["facts"]["attribute"], label) for label in item["facts"]["labels"])
    if "equally" in item["answer"] or " as " in item["answer"] or "same" in item["answer"]:
        return max(a, b) <= 1.21 * min(a, b)
    return is_most(item, clip)


def is_at_time(item, clip):
    words = {"loudness": ("louder", "softer"), "pitch": ("higher", "lower"), "length": ("longer", "shorter")}
    k, j = (clip.events[item["facts"][key] - 1] for key in "kj")
    attribute = item["facts"]["attribute"]
    a, b = ((e[2] - e[1] if attribute == "length" else clip.value(attribute, e[0])) for e in (k, j))
    for word, wins in zip(words[attribute], (a > b, a < b)):
        if re.search(rf"\b{word}\b", item["answer"]):
            return wins
    return max(a, b) <= 1.21 * min(a, b)


def asked_event(item, clip):
    facts = item["facts"]
    if "label" in facts:
        (on, off), = clip.of(facts["label"])
        return facts["label"], on, off
    return clip.events[facts["k"] - 1]


def is_how_long(item, clip):
    _, on, off = asked_event(item, clip)
    right = number(item["answer"].replace("half a second", "0").replace("a second", "1 second"))
    said = 0.5 if right == 0 else right
    return abs(said - (off - on)) <= 0.25 * max(said, off - on)


def is_count_beside(item, clip):
    facts = item["facts"]
    stretch = max(clip.joined(facts["anchor"]), key=lambda s: s[1] - s[0])
    after = [on for on, _ in clip.joined(facts["label"]) if on >= stretch[1]]
    before = [off for _, off in clip.joined(facts["label"]) if off <= stretch[0]]
    return number(item["answer"]) == len(after if facts["side"] == "after" else before)


def is_compare_two(item, clip):
    two = clip.events[:2] if item["facts"]["place"] == "first" else clip.events[-2:]
    pick = max if item["facts"]["which"] == "more" else min
    attribute = item["facts"]["attribute"]
    key = (lambda e: e[2] - e[1]) if attribute == "length" else (lambda e: clip.value(attribute, e[0]))
    return one(item["answer"]) == pick(two, key=key)[0]


def beside(clip, on, off, own, after):
    others = [e for e in clip.events if not (e[0] == own and on <= e[1] <= off)]
    return (min((e for e in others if e[1] >= on), key=lambda e: e[1]) if after
            else max((e for e in others if e[1] <= on), key=lambda e: e[1]))[0]


def is_beside_kth(item, clip):
    facts = item["facts"]
    on, off = clip.joined(facts["label"])[facts["k"] - 1]
    return one(item["answer"]) == beside(clip, on, off, facts["label"], facts["side"] == "after")


def is_beside_most(item, clip):
    facts = item["facts"]
    pick = max if facts["which"] == "most" else min
    own = pick(clip.labels(), key=lambda label: clip.value(facts["attribute"], label))
    (on, off), = clip.of(own)
    return one(item["answer"]) == beside(clip, on, off, own, facts["side"] == "after")


def is_count_most(item, clip):
    pick = max if item["facts"]["which"] == "most" else min
    own = pick(clip.labels(), key=lambda label: clip.value(item["facts"]["attribute"], label))
    return number(item["answer"]) == len(clip.joined(own))


def is_lasting_beside(item, clip):
    facts = item["facts"]
    (on, off), = clip.of(facts["label"])
    side = Clip([e for e in clip.events if e[0] != facts["label"] and (e[1] >= off if facts["side"] == "after" else e[2] <= on)],
                clip.seconds)
    pick = max if facts["which"] == "longest" else min
    return one(item["answer"]) == pick(side.labels(), key=side.lasts)


def is_event_list(item, clip):
    labels = [label for label in clip.labels() if any(off - on >= SHORTEST for on, off in clip.of(label))]
    by_name = {label.lower(): label for label in labels}
    said = item["answer"].split("; " if any("," in name for name in by_name) else ", ")
    onsets = [clip.first(by_name[name]) for name in said]
    return len(said) == len(labels) and set(said) == set(by_name) and onsets == sorted(onsets)


TRUTH = {
    "temporal.order": is_order, "temporal.order_letters": is_letters, "temporal.referring": is_referred,
    "temporal.grounding": is_third, "temporal.duration": is_extreme, "temporal.overlap": is_overlap,
    "temporal.together": is_together, "temporal.gap": is_gap, "temporal.silence": is_silence, "temporal.presence": is_presence,
    "counting.count": is_count, "counting.count_placed": is_count_placed, "counting.kinds": is_kinds,
    "attribute.comparative": is_most, "attribute.pair": is_pair, "attribute.at_time": is_at_time, "attribute.how_long": is_how_long,
    "general.count_beside": is_count_beside, "general.compare_two": is_compare_two, "general.beside_kth": is_beside_kth,
    "general.beside_most": is_beside_most, "general.count_most": is_count_most, "general.lasting_beside": is_lasting_beside,
    "foundational.events": is_event_list, "foundational.sound": is_sound, "foundational.what": is_only_sound,
    "foundational.presence": is_presence,
}


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


def is_first_or_last(item, clip):
    labels = item["facts"]["labels"]
    if item["facts"]["which"] == "first":
        return one(item["answer"]) == min(labels, key=clip.first)
    return one(item["answer"]) == max(labels, key=lambda label: max(off for _, off in clip.of(label)))


def is_position(item, clip):
    thirds = {min(2, int(3 * on / clip.seconds)) for on, _ in clip.of(item["facts"]["label"])}
    names = ["only in the first third", "only in the middle third", "only in the last third"]
    return thirds == ({0, 1, 2} if item["answer"] == "in every third of it" else {names.index(item["answer"])})


def is_frequent(item, clip):
    times = {label: len(clip.joined(label)) for label in clip.labels()}
    return one(item["answer"]) == max(times, key=times.get)


def wrong_ones(item):
    return [one(option) for option in item.get("options", []) if option != item["answer"]]


def is_once(item, clip):
    return len(clip.joined(one(item["answer"]))) == 1 and all(len(clip.joined(label)) > 1 for label in wrong_ones(item))


def is_heard(item, clip):
    return one(item["answer"]) in clip.labels() and not set(wrong_ones(item)) & set(clip.labels())


def is_absent(item, clip):
    return one(item["answer"]) not in clip.labels() and set(wrong_ones(item)) <= set(clip.labels())


def is_neighbour(item, clip):
    (on, off), = clip.joined(item["facts"]["label"])
    if item["facts"]["side"] == "after":
        return one(item["answer"]) == min((e for e in clip.events if e[1] >= off), key=lambda e: e[1])[0]
    return one(item["answer"]) == max((e for e in clip.events if e[2] <= on), key=lambda e: e[2])[0]


def between(item, clip):
    """Events that touch the stretch between the two that the question names."""
    begin, end = clip.joined(item["facts"]["first"])[0][1], clip.joined(item["facts"]["second"])[0][0]
    return Clip([e for e in clip.events if e[2] > begin and e[1] < end], clip.seconds)


def is_between(item, clip):
    inside = between(item, clip).labels()
    return one(item["answer"]) in inside and not set(wrong_ones(item)) & set(inside)


def has_between(item, clip):
    return (item["answer"] == "yes") == (item["facts"]["label"] in between(item, clip).labels())


def count_between(item, clip):
    return number(item["answer"]) == len(between(item, clip).joined(item["facts"]["label"]))


def is_in_half(item, clip):
    halves = {label: {on >= clip.seconds / 2 for on, _ in clip.of(label)} for label in clip.labels()}
    second = item["facts"]["half"] == "second"
    return halves[one(item["answer"])] == {second} and all((not second) in halves[label] for label in wrong_ones(item))


LONG_TRUTH = {"temporal.order": is_order, "temporal.first": is_first_or_last, "temporal.position": is_position,
              "temporal.overlap": is_overlap, "temporal.half": is_in_half, "general.frequent": is_frequent,
              "general.how_often": is_count, "general.presence": is_presence, "general.absent": is_absent,
              "needle.once": is_once, "needle.content": is_heard, "needle.neighbour": is_neighbour,
              "subscene.sounds": is_between, "subscene.has": has_between, "subscene.count": count_between}


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


def said(item, text):
    return re.search(rf"(?<![\w#]){re.escape(text)}(?![\w#])", item["answer"]) is not None


def chord_beside(step):
    def check(item, piece):
        at = piece["chords"].index(item["facts"]["chord"])
        return said(item, piece["chords"][at + step])
    return check


def claims(key):
    return lambda item, piece: (item["answer"] == "yes") == (item["facts"]["claim"] == piece[key])


def is_tempo_band(item, piece):
    low, high = {"slow, like an adagio": (30, 72), "at a walking pace, like an andante": (80, 108),
                 "fast, like an allegro": (118, 152), "very fast, like a presto": (166, 260)}[item["answer"]]
    return low <= piece["tempo"] <= high


NOTES = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}


def degree(chord, key):
    """Semitones above the tonic."""
    return (NOTES[chord[0]] - NOTES[key[0]]) % 12


def is_function(item, piece):
    chord = piece["chords"][-1 if item["facts"]["place"] == "last" else 0]
    names = {0: "the tonic", 2: "the supertonic", 3: "the mediant", 4: "the mediant", 5: "the subdominant", 7: "the dominant",
             8: "the submediant", 9: "the submediant"}
    return item["answer"] == names[degree(chord, piece["key"])]


def is_progression(item, piece):
    scale = [0, 2, 4, 5, 7, 9, 11] if piece["key"].endswith("major") else [0, 2, 3, 5, 7, 8, 10]
    numerals = ["I II III IV V VI VII".split()[scale.index(degree(chord, piece["key"]))] for chord in piece["chords"]]
    return item["answer"] == " - ".join(n.lower() if chord.endswith("m") else n for n, chord in zip(numerals, piece["chords"]))


def is_moment(item, piece):
    facts = item["facts"]
    if facts["moment"] in ("start", "end"):
        return said(item, piece["chords"][0 if facts["moment"] == "start" else -1])
    ordinals = "first second third fourth fifth sixth seventh eighth".split()
    at = (piece["starts"][facts["instrument"]] if facts["moment"] == "entry"
          else ordinals.index(facts["bar"]) * int(piece["metre"][0]) * piece["beat"])
    return said(item, piece["chords"][int((at + 0.02) / piece["chord_s"])])


MUSIC_TRUTH = {
    "information.chord_function": is_function, "information.progression": is_progression, "information.chord_moment": is_moment,
    "information.chord_quality": lambda item, piece: item["answer"] == f"a {'minor' if piece['chords'][-1].endswith('m') else 'major'} triad",
    "information.is_mode": lambda item, piece: (item["answer"] == "yes") == (item["facts"]["claim"] == piece["key"].split()[1]),
    "information.enters_before": lambda item, piece: (item["answer"] == "yes") == (piece["starts"][item["facts"]["a"]] < piece["starts"][item["facts"]["b"]]),
    "foundational.audio_caption": lambda item, piece: item["answer"] in piece["captions"],
    "information.chord_after": chord_beside(1), "information.chord_before": chord_beside(-1),
    "information.distinct_chords": lambda item, piece: number(item["answer"]) == len(set(piece["chords"])),
    "information.key": lambda item, piece: said(item, piece["key"]), "information.is_key": claims("key"),
    "information.mode": lambda item, piece: item["answer"] == piece["key"].split()[1],
    "information.metre": lambda item, piece: said(item, piece["metre"]), "information.is_metre": claims("metre"),
    "information.tempo_band": is_tempo_band,
    "information.instrument_first": lambda item, piece: said(item, piece["entries"][0]),
    "information.instrument_last": lambda item, piece: said(item, piece["entries"][-1]),
    "information.entry_order": lambda item, piece: [word.strip() for word in re.split(r", (?:then |and )?(?:finally )?| and ", item["answer"])]
    == piece["entries"],
    "information.instrument": lambda item, piece: item["answer"] in piece["players"],
    "information.has_instrument": lambda item, piece: (item["answer"] == "yes") == (item["facts"]["instrument"] in piece["players"]),
    "foundational.music_caption": lambda item, piece: item["answer"] in piece["captions"],
    "foundational.instrument": lambda item, piece: item["answer"].split(", ") == piece["players"],
    "foundational.genre": lambda item, piece: item["answer"] == piece["genre"],
    "foundational.music_tags": lambda item, piece: item["answer"].split(", ") == [piece["genre"], piece["mood"], *piece["players"]],
}


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
