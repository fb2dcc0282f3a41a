"""What is true of a clip by its annotation alone, for test_annotations.py: whether an item's answer is right (`TRUTH` of short clips,
`LONG_TRUTH` of long ones). Nothing is taken from the program but what a question asks about (the item's facts). Sounds are tones of known pitch and loudness.
"""
import re

# Label: Hz and share of full scale. Each step is wider than the margins of pitch and loudness.
SOUNDS = {"Dog": (220, 0.4), "Bell": (350, 0.2), "Siren": (540, 0.1), "Hammer": (800, 0.05), "Rain": (1200, 0.025),
          "Cough": (1750, 0.0125), "Bark": (2500, 0.006), "Male speech, man speaking": (150, 0.003)}
JOIN, SHORTEST, JOIN_WHILE = 0.25, 0.3, 0.3


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


def is_description(item, clip):
    """Every kind of sound once, by first onset; "while" where it began before the one before ended."""
    labels = clip.labels()
    firsts = [clip.of(label)[0] for label in labels]
    between = ["while" if a[1] - b[0] > JOIN_WHILE else "then" for a, b in zip(firsts, firsts[1:])]
    return named(item["answer"], SOUNDS) == labels and re.findall(", (while|then) ", item["answer"]) == between


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
    "foundational.presence": is_presence, "foundational.description": is_description,
}


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
