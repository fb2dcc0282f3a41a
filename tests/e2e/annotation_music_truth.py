"""What is true of a piece of music by its annotation alone, for test_annotations.py: whether an item's answer is right (`MUSIC_TRUTH`)."""
import re

from annotation_truth import number


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
