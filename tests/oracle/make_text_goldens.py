#!/usr/bin/env python3
"""Writes tests/data/text: a small trained tokenizer.json and what the reference makes of the torture strings.

Usage: make_text_goldens.py [OUT]   needs tests/requirements.txt. Same versions, same bytes.
  small.json     tokenizer.json, trained on the text below
  torture.json   fragments (hex), strings as lists of fragments, long strings, and for each pre-tokeniser one
                 FNV-1a 64 per four strings over ids (4 bytes, little-endian) and decoded bytes; readable cases
  unicode.json   Python's str.lower, str.strip and bytes.decode("utf-8", "replace")
"""
import itertools
import json
import pathlib
import sys
import unicodedata

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

import text_torture as torture

COUNT, BLOCK = 2080, 4

CORPUS = [
    "The dog barks twice, then a door closes. What is heard first? It's the dog's bark, and they'll hear it again.",
    "A car passes on the wet road while rain falls; somebody says \"hello\" and another doesn't answer.",
    "Which instrument plays the melody? (A) piano. (B) violin. (C) flute. (D) drum. I'd say it's the flute.",
    "In 1999 there were 12 bells, 365 days and 24 hours: 3.14 is not 1,000.",
    "def count(xs):\n    total = 0\n    for x in xs:\n        total += x\n    return total\n",
    "Les oiseaux chantent \u00e0 l'aube, pr\u00e8s du ch\u00e2teau; l'\u00e9t\u00e9 na\u00eft. Gr\u00fc\u00dfe aus der Stra\u00dfe.",
    "\u041f\u0442\u0438\u0446\u044b \u043f\u043e\u044e\u0442 \u043d\u0430 \u0440\u0430\u0441\u0441\u0432\u0435\u0442\u0435, \u043c\u0438\u0440.",
    "\u4f60\u597d\u4e16\u754c\u3002\u4f60\u597d\uff0c\u4e16\u754c\u3002 \u3053\u3093\u306b\u3061\u306f \uc548\ub155 \u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\U0001f600 \U0001f600\U0001f601 \u2764\ufe0f  tabs\t\tand   spaces\r\n\r\nand lines\n\n\nend",
]

GPT2 = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True}
BYTES = dict(GPT2, use_regex=False)


def split(pattern):
    return {"type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False}


NEWER = (r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|"
         r"\s+(?!\S)|\s+")


def sequence(*steps):
    return {"type": "Sequence", "pretokenizers": list(steps)}


def changes(pre, nfc=False, ignore_merges=False, parse_special=True):
    return {"pre_tokenizer": pre, "normalizer": {"type": "NFC"} if nfc else None, "ignore_merges": ignore_merges,
            "parse_special": parse_special}


VARIANTS = {
    "gpt-2": changes(GPT2),
    "smollm": changes(sequence({"type": "Digits", "individual_digits": True}, GPT2)),
    "digit_runs": changes(sequence({"type": "Digits", "individual_digits": False}, GPT2), nfc=True),
    "qwen2": changes(sequence(split(NEWER % ""), BYTES), nfc=True),
    "llama-bpe": changes(sequence(split(NEWER % "{1,3}"), BYTES), ignore_merges=True),
    "qwen2_untrusted": changes(sequence(split(NEWER % ""), BYTES), nfc=True, parse_special=False),
}

CASES = ["what do you hear?", "It's 12 o'clock,  isn't it?\r\n\r\nYES  ", "<|im_start|>user\nh\u00e9llo<|im_end|>\n",
         " <mask> x<end>  y awhole whole", "\u4f60\u597d\u4e16\u754c 2024\u5e74", "\U0001f468\u200d\U0001f469 \t\t\n x",
         "n\u0303 <n\u0301ote> \u212b"]

SIGMA = ["\u03a3", "A\u03a3", "\u03a3A", "A\u03a3B", "A\u03a3 B", "A.\u03a3", "A\u03a3.B", "A\u03a3\u0301", "A\u03a3\u0301B",
         "A\u0301\u03a3", "1\u03a3", "A\u03a3\u03a3", "\u039f\u0394\u039f\u03a3 \u039f\u0394\u039f\u03a3\u0396", "A\u00ad\u03a3",
         "A\u03a3\u00adB", "\u0345\u03a3", "A\u0345\u03a3", "A\u03a3'", "A\u03a3'b", "\u02b0\u03a3", "A\u03a3\u02b0",
         "\u2160\u03a3", "\u01c5\u03a3", "\u4f60\u03a3", "A\u180e\u03a3", "I\u0307", "\u0130", "\u0130STANBUL", "\u1e9e", "\u00cc\u0301"]


def train():
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=640, min_frequency=1, show_progress=False,
                                  special_tokens=["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
                                  initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer.train_from_iterator(CORPUS * 3, trainer)
    tokenizer.normalizer = normalizers.NFC()  # so that normalized tokens are stored under their normal form
    tokenizer.add_special_tokens(["<audio>", "<SEP>", AddedToken("<mask>", lstrip=True, special=True),
                                  AddedToken("<end>", rstrip=True, special=True)])
    tokenizer.add_tokens([AddedToken("<tool_call>", normalized=False), AddedToken("<\u0144ote>", normalized=True),
                          AddedToken("whole", single_word=True, normalized=False)])
    return json.loads(tokenizer.to_str())


def write(path, value):
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=False) + "\n"
    path.write_text(text, encoding="utf-8", newline="\n")
    print(f"{path.name}: {len(text.encode())} bytes")


def torture_goldens(base):
    lists = torture.compositions(COUNT)
    strings = [torture.composed(indices) for indices in lists]
    longs = [torture.raw(fragment) * times for fragment, times in torture.LONG]
    variants = {}
    for name, change in VARIANTS.items():
        tokenizer = torture.variant(base, change)
        hashes = []
        for block in [strings[i:i + BLOCK] for i in range(0, len(strings), BLOCK)] + [[s] for s in longs]:
            state = torture.fnv64(b"")
            for data in block:
                ids = torture.encode(tokenizer, data, change["parse_special"])
                state = torture.fnv64(b"".join(i.to_bytes(4, "little") for i in ids), state)
                state = torture.fnv64(torture.decode(tokenizer, ids), state)
            hashes.append(f"{state:016x}")
        cases = [torture.encode(tokenizer, text.encode(), change["parse_special"]) for text in CASES]
        variants[name] = dict(change, hashes="".join(h[:8] for h in hashes), cases=cases)
    return {"block": BLOCK, "fragments": [torture.raw(f).hex() for f in torture.FRAGMENTS],
            "strings": " ".join(",".join(map(str, indices)) for indices in lists),
            "long": [[torture.raw(f).hex(), times] for f, times in torture.LONG], "cases": CASES, "variants": variants}


def unicode_goldens():
    changed = [c for c in map(chr, range(0x110000)) if unicodedata.category(c) != "Cs" and c.lower() != c]
    upper = "\n".join(changed)
    edges = bytes.fromhex("00 41 7f 80 8f 90 9f a0 bf c0 c1 c2 df e0 e1 ec ed ee ef f0 f1 f3 f4 f5 ff")
    state = torture.fnv64(b"")
    for quad in itertools.product(edges, repeat=4):
        state = torture.fnv64(bytes(quad).decode("utf-8", "replace").encode(), state)
    spaces = "".join(c for c in map(chr, range(0x110000)) if c.isspace())
    keep = "\u200b\ufeff\u180e\u2060x\u00a0y"
    strips = [spaces, spaces + keep + spaces, keep, "", " a", "a\n", "\x1c\x1d\x1e\x1fa b\x85"]
    return {"upper": upper, "lower": upper.lower(), "sigma": SIGMA, "sigma_lower": [s.lower() for s in SIGMA],
            "utf8_edges": edges.hex(), "utf8_hash": f"{state:016x}", "strips": strips,
            "stripped": [s.strip() for s in strips]}


def main(out):
    out.mkdir(parents=True, exist_ok=True)
    base = train()
    write(out / "small.json", base)
    write(out / "torture.json", torture_goldens(base))
    write(out / "unicode.json", unicode_goldens())


if __name__ == "__main__":
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "text"
    main(pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default)
