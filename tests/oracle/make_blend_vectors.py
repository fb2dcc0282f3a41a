#!/usr/bin/env python3
"""Test vectors of the blend of sets and of batches by length (docs/spec/training.md sections 3 and 4), from a second implementation in plain Python.

Usage: python3 tests/oracle/make_blend_vectors.py > tests/data/train/blend.json
"""
import json
from fractions import Fraction
from math import floor

MASK = (1 << 64) - 1


def draws(name):
    """xoshiro256** seeded by SplitMix64 from FNV-1a-64 of a name."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = ((seed ^ byte) * 0x100000001B3) & MASK
    s = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = ((seed ^ (seed >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & MASK
        s.append(z ^ (z >> 31))

    def turned(x, k):
        return ((x << k) | (x >> (64 - k))) & MASK

    while True:
        yield (turned(s[1] * 5 & MASK, 7) * 9) & MASK
        t = (s[1] << 17) & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = turned(s[3], 45)


def shuffled(items, name):
    items, random = list(items), draws(name)
    for i in range(len(items), 1, -1):
        limit = (1 << 64) - (1 << 64) % i  # the highest multiple; draws are rejected from the low end
        while True:
            draw = next(random)
            if draw >= (1 << 64) - limit:
                break
        k = draw % i
        items[i - 1], items[k] = items[k], items[i - 1]
    return items


def bucket_of(windows, edges):
    return next((b for b, edge in enumerate(edges) if windows <= edge), len(edges))


def slices(sets, seed, k, edges):
    """[K] lists of [set, item, pass], as each slice is ordered."""
    all_slices = []
    for e in range(k):
        items = []
        for s, (name, passes, windows) in enumerate(sets):
            for b in range(len(edges) + 1):
                own = [i for i, w in enumerate(windows) if bucket_of(w, edges) == b]
                n = len(own)
                for p in range(floor(Fraction(e * n, k) * passes), floor(Fraction((e + 1) * n, k) * passes)):
                    order = shuffled(own, f"af2/perm/1/{seed}/{name}/{b}/{p // n}")
                    items.append([s, order[p % n], p // n])
        all_slices.append(shuffled(items, f"af2/slice/1/{seed}/{e}"))
    return all_slices


def batches(windows, most_windows, most_clips, multiple):
    """Numbers of clips of each batch, by the words of section 4."""
    sizes, batch, tail = [], [], []

    def fits(clips):
        return len(clips) <= most_clips and len(clips) * max(clips) <= most_windows

    for w in windows:
        if fits(batch + tail + [w]):
            tail.append(w)
        else:
            sizes.append(len(batch))
            if (len(tail) + 1) * max(tail + [w]) > most_windows:
                sizes.append(len(tail))
                tail = []
            batch, tail = tail + [w], []
            continue
        size = len(batch) + len(tail)
        if size < multiple or size % multiple == 0:
            batch, tail = batch + tail, []
    return sizes + [len(part) for part in (batch, tail) if part]


def main():
    sets = [("clotho", Fraction(1), [3] * 7 + [1] * 4), ("music", Fraction(5, 2), [1, 2, 3, 9, 9, 12, 30]),
            ("rare", Fraction("0.026"), [3] * 90), ("twice", Fraction(2), [6, 6, 1])]
    edges = [1, 2, 3, 6, 9, 12, 18, 30]
    random = draws("blend vectors")
    cases = [{"windows": [1] * 7, "max_windows": 4, "max_clips": 9, "multiple": 2}, {"windows": [3, 3, 3, 3, 3], "max_windows": 8, "max_clips": 9, "multiple": 2}]
    for k in range(60):
        cases.append({"windows": [1 + next(random) % 12 for _ in range(1 + next(random) % 40)], "max_windows": 12 + next(random) % 40,
                      "max_clips": 1 + next(random) % 12, "multiple": 1 + next(random) % 4})
    for case in cases:
        case["sizes"] = batches(case["windows"], case["max_windows"], case["max_clips"], case["multiple"])
    print(json.dumps({
        "draws": {name: [str(value) for value, _ in zip(draws(name), range(3))] for name in ("", "af2/perm/1/42/clotho/2/0")},
        "permutation": {"name": "af2/perm/1/42/clotho/2/0", "n": 10, "order": shuffled(range(10), "af2/perm/1/42/clotho/2/0")},
        "sets": [{"name": name, "passes": float(passes), "windows": windows} for name, passes, windows in sets],
        "seed": 42, "edges": edges,
        "slices": {str(k): slices(sets, 42, k, edges) for k in (1, 5, 40)},
        "batches": cases,
    }, separators=(",", ":")))


if __name__ == "__main__":
    main()
