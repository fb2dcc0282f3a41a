"""Tab-separated tables: read with checked columns, write atomically."""

from __future__ import annotations

from pathlib import Path

from errors import BankError

SOUND_COLUMNS = ["id", "label", "package", "path", "group", "split", "licence", "author", "note"]
LABEL_COLUMNS = ["label", "phrase", "short", "sentence", "synonyms", "family"]
BANK_COLUMNS = ["id", "label", "path", "seconds", "split", "group", "package", "licence", "author", "sha256", "peak_db",
                "kind"]


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


def write(path: Path, columns: list[str], rows: list[dict[str, str]]) -> None:
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as out:
        out.write("\t".join(columns) + "\n")
        for row in rows:
            out.write("\t".join(str(row.get(c, "")).replace("\t", " ") for c in columns) + "\n")
    part.replace(path)
