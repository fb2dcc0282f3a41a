"""Licence and author of a listed file, read from the copyright file of its Debian package.

Copyright files in Debian's machine-readable form have stanzas `Files: patterns / Copyright: / License:`; the last
stanza that matches a path wins. Patterns are paths of the *source* tree, so the path inside the package is first
rewritten to its place there (`_SOURCE_PLACE`). Files in older free text have an entry in `_FREE_TEXT`.
"""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path

import archives
from errors import BankError

# package -> (prefix inside the package, prefix in the source tree)
_SOURCE_PLACE = {
    "gcompris-qt-data": ("gcompris/", ""),
    "hedgewars-data": ("usr/", ""),
    "minetest-data": ("usr/share/games/minetest/games/minetest_game/", "mtg/"),
    "scorched3d-data": ("usr/share/games/scorched3d/", ""),
    "sonic-pi-samples": ("usr/share/sonic-pi/", "etc/"),
    "sound-theme-freedesktop": ("usr/share/sounds/freedesktop/", ""),
    "supertux-data": ("usr/share/games/supertux2/", "data/"),
    "tuxmath-data": ("usr/share/tuxmath/", "data/"),
    "ufoai-sound": ("", "base/"),
    "warzone2100-data": ("", "data/base/"),
}
_FREE_TEXT = {
    "fluid-soundfont-gm": ("MIT", "Frank Wen and contributors"),
    "fluid-soundfont-gs": ("MIT", "Frank Wen and contributors"),
    "tuxtype-data": ("GPL-2", "Tux4Kids"),
    "wesnoth-1.16-data": ("GPL-2+", "David White and the Battle for Wesnoth contributors"),
    # Where a stanza names no licence of its own, or the sounds are said in a comment to differ from the rest.
    "tuxmath-data": ("public-domain", "Tux4Kids (public-domain sounds)"),
    "lincity-ng-data": ("GPL-2+ or CC-BY-SA-2.0", "LinCity-NG team"),
    "asterisk-core-sounds-en-wav": ("CC-BY-SA-3.0", "Allison Smith, Digium"),
}
# A licence counts as free when one of these names starts it; anything else is refused.
_FREE = ("free-art", "FAL", "GPL", "LGPL", "CC0", "CC-BY-SA", "CC-BY-1", "CC-BY-2", "CC-BY-3", "CC-BY-4", "MIT", "Expat", "BSD", "GFDL",
         "public-domain", "Artistic", "Apache", "Zlib", "zlib")
_NOT_FREE = re.compile(r"-NC|-ND|sampling|non-?free", re.I)


class Copyright:
    """The stanzas of one machine-readable copyright file."""

    def __init__(self, text: str):
        self.stanzas: list[tuple[list[str], str, str]] = []
        for block in re.split(r"\n\s*\n", text):
            fields: dict[str, list[str]] = {}
            key = ""
            for line in block.splitlines():
                head = re.match(r"^([A-Za-z-]+):\s*(.*)$", line)
                if head:
                    key = head.group(1)
                    fields[key] = [head.group(2)]
                elif key:
                    fields[key].append(line.strip())
            if "Files" in fields:
                patterns = " ".join(fields["Files"]).split()
                licence = (fields.get("License") or [""])[0].strip()
                self.stanzas.append((patterns, licence, _author(fields.get("Copyright", []))))

    def find(self, path: str) -> tuple[str, str]:
        found = ("", "")
        for patterns, licence, author in self.stanzas:
            if any(fnmatch.fnmatchcase(path, p) for p in patterns):
                found = (licence, author)
        return found


def _author(lines: list[str]) -> str:
    """One short line: years and addresses go, at most three names stay."""
    names = []
    for line in lines:
        line = re.sub(r"<[^>]*>|\([^)]*@[^)]*\)|https?://\S+|©|\(c\)|\bby\b", "", line, flags=re.I)
        line = re.sub(r"\b(19|20)\d\d(\s*[-,]\s*((19|20)\d\d)?)*", "", line).replace("()", "").strip(" ,;\t")
        if line and line not in names:
            names.append(line)
    return "; ".join(names[:3]) + (" and others" if len(names) > 3 else "")


def source_path(package: str, path: str) -> str:
    _, inner = archives.split_member(path)
    if package.startswith("hydrogen-drumkits"):
        kit = inner.split("/drumkits/", 1)[-1].split("/")[0]
        return f"drumkits/{'circAfrique' if kit.startswith('circAfrique') else kit}.h2drumkit"
    old, new = _SOURCE_PLACE.get(package, ("", ""))
    return new + inner[len(old):] if inner.startswith(old) else inner


def of_file(package: str, path: str, copyright_file: Path) -> tuple[str, str]:
    """(licence, author) of a listed file; the licence is '' where none is stated."""
    if package in _FREE_TEXT:
        special = _FREE_TEXT[package]
        if package != "tuxmath-data" or "0" not in Path(path).name:
            return special
    if not copyright_file.exists():
        raise BankError(f"package {package} has no copyright file", str(copyright_file), "drop its files from sounds.tsv")
    table = Copyright(copyright_file.read_text(encoding="utf-8", errors="replace"))
    place = source_path(package, path)
    found = ("", "")
    for name in dict.fromkeys((place, re.sub(r"\.ogg$", ".wav", place))):
        licence, author = table.find(name)
        if licence and (not found[0] or table.find("no/such/file") != (licence, author)):
            found = (licence, author)
    return found


def is_free(licence: str) -> bool:
    return licence.startswith(_FREE) and not _NOT_FREE.search(licence)
