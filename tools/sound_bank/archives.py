"""Readers for the archives that some packages keep their sounds in.

Three kinds occur: zip files, mostly under other names (.pk3, .wz, .zip), Qt resource files (.rcc) and the sound
container of Transport Tycoon (.cat). A member is named `(.rcc) path/in/archive`, `(.pk3) ...`, `(.cat) 59` and so on
in the list; the archive itself is not named, so every archive of that suffix in the package is looked through.

Qt resource file, all integers big-endian:
  header   'qres', version u32, offset of tree u32, of data u32, of names u32 (version 3: flags u32)
  tree     one node of 14 bytes (version 1) or 22 bytes (with a time stamp); node 0 is the root
           name offset u32, flags u16, then a folder has child count u32, first child u32,
           a file has territory u16, language u16, data offset u32
  names    length u16, hash u32, UTF-16 text
  data     length u32, bytes; flag 1 = zlib with a u32 length in front, flag 4 = zstd

Sound container, all integers little-endian:
  index    per entry offset u32 (bit 31: a mark, not part of it), length u32; the first offset is the index's end
  entry    length of the name u8, the name, then a RIFF file; entries are named by their number here
"""

from __future__ import annotations

import struct
import subprocess
import zipfile
import zlib
from pathlib import Path

from errors import BankError

SUFFIXES = (".rcc", ".pk3", ".wz", ".zip", ".cat")
_ZLIB, _FOLDER, _ZSTD = 1, 2, 4


class Rcc:
    """A Qt resource file held in memory; `names()` lists it, `read(name)` gives one member."""

    def __init__(self, path: Path):
        self.path = path
        self.raw = path.read_bytes()
        if self.raw[:4] != b"qres":
            raise BankError("not a Qt resource file", str(path), "delete it from the cache and run again")
        self.version, self.tree, self.data, self.text = struct.unpack_from(">4I", self.raw, 4)
        self.node_size = 14 if self.version < 2 else 22
        self.files: dict[str, tuple[int, int]] = {}
        self._walk(0, "")

    def _name(self, offset: int) -> str:
        (n,) = struct.unpack_from(">H", self.raw, self.text + offset)
        start = self.text + offset + 6
        return self.raw[start : start + 2 * n].decode("utf-16-be")

    def _walk(self, root: int, prefix: str) -> None:
        todo = [(root, prefix)]
        while todo:
            index, path = todo.pop()
            at = self.tree + index * self.node_size
            name, flags = struct.unpack_from(">IH", self.raw, at)
            if index:
                path = f"{path}/{self._name(name)}" if path else self._name(name)
            if flags & _FOLDER:
                count, first = struct.unpack_from(">II", self.raw, at + 6)
                todo += [(first + k, path) for k in range(count)]
            else:
                (offset,) = struct.unpack_from(">I", self.raw, at + 10)
                self.files[path] = (offset, flags)

    def names(self) -> list[str]:
        return sorted(self.files)

    def read(self, name: str) -> bytes:
        offset, flags = self.files[name]
        (n,) = struct.unpack_from(">I", self.raw, self.data + offset)
        body = self.raw[self.data + offset + 4 : self.data + offset + 4 + n]
        if flags & _ZLIB:
            return zlib.decompress(body[4:])
        if flags & _ZSTD:
            return _unzstd(body, f"{self.path}:{name}")
        return body


class Cat:
    """The same two calls for a container of sounds; names are the entries' numbers."""

    def __init__(self, path: Path):
        self.raw = path.read_bytes()
        (end,) = struct.unpack_from("<I", self.raw) if len(self.raw) >= 8 else (0,)
        end &= 0x7FFFFFFF
        if not end or end % 8 or end > len(self.raw):
            raise BankError("not a container of sounds", str(path), "delete it from the cache and run again")
        self.index = [(at & 0x7FFFFFFF, n) for at, n in struct.iter_unpack("<II", self.raw[:end])]

    def names(self) -> list[str]:
        return [str(n) for n in range(len(self.index))]

    def read(self, name: str) -> bytes:
        at, length = self.index[int(name)]
        at += 1 + self.raw[at]
        return self.raw[at : at + length]


class Zip:
    """The same two calls for zip files."""

    def __init__(self, path: Path):
        self.zip = zipfile.ZipFile(path)

    def names(self) -> list[str]:
        return sorted(n for n in self.zip.namelist() if not n.endswith("/"))

    def read(self, name: str) -> bytes:
        return self.zip.read(name)


def _unzstd(body: bytes, where: str) -> bytes:
    try:
        done = subprocess.run(["zstd", "-dc"], input=body, capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        raise BankError(f"cannot unpack zstd data ({error})", where, "apt-get install zstd") from error
    return done.stdout


def open_archive(path: Path) -> Rcc | Cat | Zip:
    return {".rcc": Rcc, ".cat": Cat}.get(path.suffix, Zip)(path)


def split_member(path: str) -> tuple[str, str]:
    """'(.rcc) a/b.ogg' -> ('.rcc', 'a/b.ogg'); a plain path -> ('', path)."""
    if path.startswith("(."):
        suffix, _, inner = path.partition(") ")
        return suffix[1:], inner
    return "", path
