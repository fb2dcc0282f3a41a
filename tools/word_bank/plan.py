"""What is to be made: every utterance of the three tables, with its id and recipe. No audio is touched here.

words.tsv     words (the closed list), spoken (what a synthesiser is given)
voices.tsv    voice, program, takes (settings parted by '|'), speaker, split, package, licence, author
recorded.tsv  words, voice, path in the voice's package
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sound_bank"))

import licences  # noqa: E402
import table  # noqa: E402
from errors import BankError  # noqa: E402

WORD_COLUMNS = ["words", "spoken"]
VOICE_COLUMNS = ["voice", "program", "takes", "speaker", "split", "package", "licence", "author"]
RECORDED_COLUMNS = ["words", "voice", "path"]
MOST_WORDS = 30
PROGRAMS = ("espeak-ng", "flite", "festival", "hibari", "kokoro", "recorded")
SPEAKERS = ("man", "woman", "child", "")  # empty: cannot be told
# Programs that share speakers or descend from one another: one split for all of them.
FAMILIES = {"hibari": "kokoro"}


@dataclass(frozen=True)
class Utterance:
    id: str
    words: str
    spoken: str
    program: str
    settings: str  # of a synthesiser, or the path of a recording
    voice: dict

    @property
    def kind(self) -> str:
        return "recorded" if self.program == "recorded" else "synthetic"


def settings_of(text: str) -> dict[str, str]:
    """'voice=slt:stretch=1.2' as a dictionary."""
    return dict(part.split("=", 1) for part in text.split(":") if "=" in part)


def slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")


def read_words(path: Path) -> dict[str, str]:
    rows = table.read(path, WORD_COLUMNS)
    words = {row["words"]: row["spoken"] for row in rows}
    if len(words) != len(rows):
        raise BankError("two lines have the same words", str(path), "drop one of them")
    if len(words) > MOST_WORDS:
        raise BankError(f"{len(words)} entries; the list is closed at {MOST_WORDS}", str(path), "drop some")
    for text, spoken in words.items():
        if re.sub(r"[^a-z ]", "", spoken.lower()) != text:
            raise BankError(f"'{spoken}' does not say '{text}'", str(path), "correct the line")
    return words


def read_voices(path: Path) -> list[dict[str, str]]:
    """The voices. Raises where a voice comes twice, a column has an unknown value, a licence is not known as free, or
    one engine stands in two splits."""
    rows = table.read(path, VOICE_COLUMNS)
    split_of_engine: dict[str, str] = {}
    seen: set[str] = set()
    for row in rows:
        where = f"{path}: voice {row['voice']}"
        if row["voice"] in seen:
            raise BankError("two lines have the same voice", where, "give one of them another name")
        seen.add(row["voice"])
        for column, known in (("program", PROGRAMS), ("speaker", SPEAKERS), ("split", ("train", "val", "test"))):
            if row[column] not in known:
                raise BankError(f"{column} '{row[column]}' is none of {', '.join(k for k in known if k)}", where, "correct it")
        if not licences.is_free(row["licence"]):
            raise BankError(f"licence '{row['licence']}' is not known as free", where, "drop the line or correct it")
        engine = row["package"] if row["program"] == "recorded" else FAMILIES.get(row["program"], row["program"])
        if split_of_engine.setdefault(engine, row["split"]) != row["split"]:
            raise BankError(f"{engine} is in {split_of_engine[engine]} and in {row['split']}", where,
                            "keep all voices of one engine in one split")
    return rows


def utterances(words: dict[str, str], voices: list[dict[str, str]], recorded: list[dict[str, str]]) -> list[Utterance]:
    """Everything to make, sorted by id."""
    by_voice = {row["voice"]: row for row in voices}
    found: list[Utterance] = []
    for row in recorded:
        if row["words"] not in words or by_voice.get(row["voice"], {}).get("program") != "recorded":
            raise BankError("names words or a voice that the other tables do not have", f"recorded.tsv: {row['path']}",
                            "correct the line")
    takes: dict[tuple[str, str], list[tuple[str, str]]] = defaultdict(list)
    for row in recorded:
        takes[row["voice"], row["words"]].append(("recorded", row["path"]))
    for voice in voices:
        if voice["program"] != "recorded":
            for text in words:
                takes[voice["voice"], text] = [(voice["program"], settings) for settings in voice["takes"].split("|")]
    for (voice, text), list_of_takes in takes.items():
        for number, (program, settings) in enumerate(list_of_takes, 1):
            found.append(Utterance(f"{slug(voice)}.{slug(text)}.{number}", text, words[text], program, settings,
                                   by_voice[voice]))
    return sorted(found, key=lambda u: u.id)


def read(folder: Path = HERE) -> list[Utterance]:
    return utterances(read_words(folder / "words.tsv"), read_voices(folder / "voices.tsv"),
                      table.read(folder / "recorded.tsv", RECORDED_COLUMNS))
