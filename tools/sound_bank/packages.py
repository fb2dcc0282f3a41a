"""Debian packages as a source of files: download, and take out single members without installing anything.

`apt-get download` writes the .deb into CACHE/debs (kept, so a second run downloads nothing). Members are read
as a stream from `dpkg-deb --fsys-tarfile`, so a package of 200 MB costs only the files that are wanted.
Wanted files land in CACHE/files/PACKAGE/<path>, those from inner archives in CACHE/files/PACKAGE/(.rcc)/<path>.
"""

from __future__ import annotations

import posixpath
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import archives
from errors import BankError

_TRIES = 3


def deb_file(package: str, cache: Path) -> Path:
    """The .deb of a package, downloaded when the cache has none."""
    folder = cache / "debs"
    folder.mkdir(parents=True, exist_ok=True)
    for _ in range(_TRIES):
        found = sorted(folder.glob(f"{package}_*.deb"))
        if found:
            return found[-1]
        done = subprocess.run(["apt-get", "download", "-q", package], cwd=folder, capture_output=True, text=True)
        if done.returncode == 0:
            continue
        time.sleep(2)
    reason = (done.stderr or "").strip().splitlines()
    raise BankError(
        f"cannot download Debian package {package} ({reason[-1] if reason else 'no reason given'})",
        str(folder),
        "run `apt-get update`, check that the release is bookworm and has this package, then run again",
    )


def members(deb: Path):
    """Yields (path, tarinfo, reader) over the files of a .deb; the reader gives the bytes while it is current."""
    tar = subprocess.Popen(["dpkg-deb", "--fsys-tarfile", str(deb)], stdout=subprocess.PIPE)
    try:
        with tarfile.open(fileobj=tar.stdout, mode="r|") as stream:
            for info in stream:
                yield posixpath.normpath(info.name), info, stream
    finally:
        tar.stdout.close()
        tar.wait()


def cached(package: str, path: str, cache: Path) -> Path:
    """Where a listed path of a package lies in the cache."""
    suffix, inner = archives.split_member(path)
    base = cache / "files" / package
    return base / f"({suffix})" / inner if suffix else base / inner


def _take_plain(deb: Path, wanted: set[str], base: Path) -> None:
    """Takes plain files out; links inside the package are followed with a second pass."""
    links: dict[str, str] = {}
    for name, info, stream in members(deb):
        if name not in wanted:
            continue
        if info.issym() or info.islnk():
            target = info.linkname
            if info.issym() and not target.startswith("/"):
                target = posixpath.join(posixpath.dirname(name), target)
            links[name] = posixpath.normpath(target.lstrip("/"))
        elif info.isfile():
            out = base / name
            out.parent.mkdir(parents=True, exist_ok=True)
            with out.open("wb") as file:
                shutil.copyfileobj(stream.extractfile(info), file)
    if links:
        rest = {target for target in links.values() if not (base / target).exists()} - wanted
        if rest:
            _take_plain(deb, rest, base)
        for name, target in links.items():
            if (base / target).exists():
                (base / name).parent.mkdir(parents=True, exist_ok=True)
                (base / name).write_bytes((base / target).read_bytes())


def _take_inner(deb: Path, suffix: str, wanted: set[str], cache: Path, package: str) -> None:
    """Takes members out of every archive with this suffix in the package."""
    left = set(wanted)
    work = cache / "files" / package / "archives"
    names = {n for n, info, _ in members(deb) if info.isfile() and n.endswith(suffix)}
    _take_plain(deb, {n for n in names if not (work / n).exists()}, work)
    for name in sorted(names):
        if not left:
            return
        archive = archives.open_archive(work / name)
        for inner in left.intersection(archive.names()):
            out = cached(package, f"({suffix}) {inner}", cache)
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_bytes(archive.read(inner))
            left.discard(inner)


def take(package: str, paths: list[str], cache: Path) -> dict[str, Path]:
    """Brings the listed paths of one package into the cache; returns those that are there."""
    todo = [p for p in paths if not cached(package, p, cache).exists()]
    if todo:
        deb = deb_file(package, cache)
        by_suffix: dict[str, set[str]] = {}
        for path in todo:
            suffix, inner = archives.split_member(path)
            by_suffix.setdefault(suffix, set()).add(inner)
        for suffix, wanted in by_suffix.items():
            if suffix:
                _take_inner(deb, suffix, wanted, cache, package)
            else:
                _take_plain(deb, wanted, cache / "files" / package)
    return {p: cached(package, p, cache) for p in paths if cached(package, p, cache).exists()}


def listing(package: str, cache: Path) -> list[str]:
    """Every file of a package, those of inner archives included, named as in sounds.tsv (used to find candidates)."""
    deb = deb_file(package, cache)
    work = cache / "files" / package / "archives"
    plain = [n for n, info, _ in members(deb) if info.isfile()]
    inner = [n for n in plain if n.endswith(archives.SUFFIXES)]
    _take_plain(deb, {n for n in inner if not (work / n).exists()}, work)
    for name in inner:
        plain += [f"({Path(name).suffix}) {m}" for m in archives.open_archive(work / name).names()]
    return sorted(plain)
