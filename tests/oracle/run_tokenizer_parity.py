#!/usr/bin/env python3
"""Compares af2's tokenizers with the `tokenizers` library on the published SmolLM2, Qwen2.5 and Llama 3.1 files.

Usage: run_tokenizer_parity.py TEST_PROGRAM [TOKENIZER_DIR]   (default .cache/tokenizers, AF2_TOKENIZER_DIR)

Writes for each tokenizer that is there (tools/fetch_test_data.py) a parity.jsonl beside it: the torture strings,
20 long ones and every script of Unicode, with the reference's ids and decoded text; then runs the gtest
TextRealTokenizers of TEST_PROGRAM on them. Exit 77 (ctest: skipped) without files or without the library.
"""
import hashlib
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
STRINGS = 2400


def write_parity(tokenizer, path, torture):
    """One line per string; the file is written again only when a script or the library changed."""
    import tokenizers
    sources = (HERE / "text_torture.py").read_bytes() + pathlib.Path(__file__).read_bytes()
    stamp = hashlib.sha256(sources + tokenizers.__version__.encode() + sys.version.encode()).hexdigest()
    stamp_path = path.with_suffix(".stamp")
    if path.is_file() and stamp_path.is_file() and stamp_path.read_text() == stamp:
        return
    strings = [torture.composed(indices) for indices in torture.compositions(STRINGS, seed=7)]
    strings += [torture.raw(fragment) * times for fragment, times in torture.LONG]
    strings += torture.code_point_strings()
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as out:
        for number, data in enumerate(strings):
            special = number % 4 != 3  # every fourth as text that is not trusted
            ids = torture.encode(tokenizer, data, special)
            skip = number % 2 == 1
            out.write(json.dumps({"hex": data.hex(), "special": special, "ids": ids, "skip": skip,
                                  "decoded": torture.decode(tokenizer, ids, skip).hex()}) + "\n")
    part.replace(path)
    stamp_path.write_text(stamp)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    default = os.environ.get("AF2_TOKENIZER_DIR") or HERE.parent.parent / ".cache" / "tokenizers"
    root = pathlib.Path(sys.argv[2] if len(sys.argv) > 2 else default)
    try:
        from tokenizers import Tokenizer
        import text_torture as torture
    except ImportError as error:
        print(f"skipped: {error} (pip install -r tests/requirements.txt)")
        return SKIPPED
    compared = []
    for name in ("smollm2", "qwen2_5", "llama3_1"):
        lists, whole = root / name / "lists.json", root / name / "tokenizer.json"
        if lists.is_file():
            tokenizer = torture.smollm_tokenizer(json.loads(lists.read_text(encoding="utf-8")))
        elif whole.is_file():
            tokenizer = Tokenizer.from_file(str(whole))
        else:
            print(f"not compared: {name} is not in {root} (tools/fetch_test_data.py)")
            continue
        write_parity(tokenizer, root / name / "parity.jsonl", torture)
        compared.append(name)
    if not compared:
        return SKIPPED
    chosen = ":".join(f"*TextRealTokenizers.*/{name}" for name in compared)
    command = [sys.argv[1], f"--gtest_filter={chosen}"]
    done = subprocess.run(command, env=dict(os.environ, AF2_TOKENIZER_DIR=str(root.resolve())), capture_output=True,
                          text=True)
    print(done.stdout, done.stderr)
    ran = f"[  PASSED  ] {len(compared)} test"  # a program without these tests passes none
    return 0 if done.returncode == 0 and ran in done.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
