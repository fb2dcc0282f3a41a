"""Tab-separated tables: read with checked columns, write atomically."""

from __future__ import annotations

from pathlib import Path

import licences
from errors import BankError

SOUND_COLUMNS = ["id", "label", "package", "path", "group", "split", "licence", "author", "note"]
LABEL_COLUMNS = ["label", "phrase", "short", "sentence", "synonyms", "family"]
BANK_COLUMNS = ["id", "label", "path", "seconds", "split", "group", "package", "licence", "author", "sha256", "peak_db",
                "kind"]

PROGRAMS = ("fluidsynth", "timidity", "espeak-ng", "flite", "festival", "tone")  # of synth.py, that recipes begin with


def is_recipe(path: str) -> bool:
    """Whether a path of sounds.tsv says how a sound is made, rather than where it lies in its package."""
    return path.split(":", 1)[0] in PROGRAMS


def read(path: Path, columns: list[str]) -> list[dict[str, str]]:
    lines = path.read_text(encoding="utf-8").splitlines()
    if not lines or lines[0].split("\t") != columns:
        raise BankError("table has other columns than expected", str(path), "first line must be: " + " ".join(columns))
    rows = []
    for number, line in enumerate(lines[1:], 2):
        parts = line.split("\t")
        if len(parts) != len(columns):
            raise BankError(f"{len(parts)} columns instead of {len(columns)}", f"{path}:{number}", "correct the line")
        rows.append(dict(zip(columns, parts)))
    return rows


def read_list(path: Path) -> list[dict[str, str]]:
    """The lines of sounds.tsv, each looked at: its id, label, split and licence."""
    rows = read(path, SOUND_COLUMNS)
    labels = {r["label"] for r in read(Path(__file__).with_name("labels.tsv"), LABEL_COLUMNS)}
    seen: set[str] = set()
    for row in rows:
        where = f"{path}: id {row['id']}"
        if row["id"] in seen:
            raise BankError("two lines have the same id", where, "give one of them another id")
        seen.add(row["id"])
        if row["label"] not in labels:
            raise BankError(f"label '{row['label']}' is not in labels.tsv", where, "add it there")
        if row["split"] not in ("train", "val", "test"):
            raise BankError(f"split '{row['split']}' is not train, val or test", where, "run split.py")
        if not licences.is_free(row["licence"]):
            raise BankError(f"licence '{row['licence']}' is not known as free", where, "drop the line or correct it")
    return rows


def write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        out.write("\t".join(columns) + "\n")
        for row in rows:
            out.write("\t".join(str(row.get(c, "")).replace("\t", " ") for c in columns) + "\n")
    part.replace(path)
