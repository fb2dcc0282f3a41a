#!/usr/bin/env python3
"""Compares af2's metrics with pycocoevalcap, scikit-learn and SciPy on random cases.

Usage: run_metric_parity.py TEST_PROGRAM

Makes cases from a fixed seed, computes what the references say, and runs the gtest EvalMetricParity of TEST_PROGRAM
on the file (AF2_METRIC_CASES). Captions are given tokenised, so no Java is needed. Exit 77 (ctest: skipped) without
the libraries.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile

SKIPPED = 77
SEED = 20260


def caption(rng, words, shortest=0):
    # Few words and a steep distribution, so that n-grams repeat within and between captions.
    return [words[min(int(rng.expovariate(0.25)), len(words) - 1)] for _ in range(rng.randint(shortest, 14))]


def caption_case(rng, cider, bleu, rouge):
    words = [f"w{i}" for i in range(rng.choice([5, 20, 60]))]
    clips = rng.randint(2, 40)
    candidates, references = [], []
    for _ in range(clips):
        own = [caption(rng, words, 1) for _ in range(rng.randint(1, 5))]
        kind = rng.random()
        if kind < 0.2:
            candidate = list(rng.choice(own))
        elif kind < 0.6:
            candidate = [rng.choice(words) if rng.random() < 0.3 else w for w in rng.choice(own)]
        else:
            candidate = caption(rng, words + ["unheard"], 1)
        candidates.append(candidate)
        references.append(own)
    given = {i: [" ".join(c)] for i, c in enumerate(candidates)}
    known = {i: [" ".join(r) for r in own] for i, own in enumerate(references)}
    cider_mean, cider_items = cider.compute_score(known, given)
    bleu_scores, _ = bleu.compute_score(known, given, verbose=0)
    rouge_mean, rouge_items = rouge.compute_score(known, given)
    return {"candidates": [" ".join(c) for c in candidates], "references": list(known.values()),
            "cider": [float(x) for x in cider_items], "cider_mean": float(cider_mean),
            "bleu": [float(x) for x in bleu_scores], "rouge": [float(x) for x in rouge_items],
            "rouge_mean": float(rouge_mean)}


def class_case(rng, metrics):
    classes, items = rng.randint(2, 8), rng.randint(1, 60)
    gold = [rng.randrange(classes) for _ in range(items)]
    given = [g if rng.random() < 0.5 else rng.randrange(-1, classes) for g in gold]  # -1: unmatched
    either = sorted((set(gold) | set(given)) - {-1})
    return {"classes": classes, "gold": gold, "given": given,
            "macro_f1": metrics.f1_score(gold, given, labels=either, average="macro", zero_division=0),
            "micro_f1": metrics.f1_score(gold, given, labels=either, average="micro", zero_division=0),
            "macro_recall": metrics.recall_score(gold, given, labels=sorted(set(gold)), average="macro",
                                                 zero_division=0)}


def tag_case(rng, metrics, numpy):
    classes, items = rng.randint(2, 7), rng.randint(2, 50)
    gold = [[int(rng.random() < 0.3) for _ in range(classes)] for _ in range(items)]
    gold[0][rng.randrange(classes)] = 1
    given = [[int(rng.random() < (0.7 if g else 0.2)) for g in row] for row in gold]
    # Rounded scores have ties.
    scores = [[round(rng.random() + 0.3 * g, 1) for g in row] for row in gold]
    weights = [rng.randint(0, 3) for _ in range(items)]
    weights[0] = 1
    y, p, s, w = (numpy.array(x) for x in (gold, given, scores, weights))
    either = [c for c in range(classes) if y[:, c].any() or p[:, c].any()]
    positive = [c for c in range(classes) if y[:, c].any()]
    drawn = [c for c in range(classes) if (y[:, c] * w).any()]
    precision = metrics.average_precision_score
    return {"gold": gold, "given": given, "scores": scores, "weights": weights,
            "macro_f1": metrics.f1_score(y[:, either], p[:, either], average="macro", zero_division=0),
            "micro_f1": metrics.f1_score(y, p, average="micro", zero_division=0),
            "macro_ap": float(numpy.mean([precision(y[:, c], s[:, c]) for c in positive])),
            "weighted_ap": float(numpy.mean([precision(y[:, c], s[:, c], sample_weight=w) for c in drawn]))}


def ece_case(rng, numpy):
    items = rng.randint(1, 80)
    confidence = [rng.choice([rng.random(), 1.0, 0.1, 0.3]) for _ in range(items)]
    right = [int(rng.random() < c) for c in confidence]
    c, r = numpy.array(confidence), numpy.array(right)
    bins = numpy.minimum(numpy.floor(c * 10).astype(int), 9)
    gap = sum(abs(c[bins == b].mean() - r[bins == b].mean()) * (bins == b).mean() for b in set(bins.tolist()))
    return {"confidence": confidence, "right": right, "ece": float(gap)}


def pair_case(rng, stats):
    b, c = rng.randint(0, 150), rng.randint(0, 150)
    exact = stats.binomtest(min(b, c), b + c, 0.5).pvalue if b + c else 1.0
    return {"b": b, "c": c, "exact": float(exact)}


def proportion_case(rng, stats):
    n = rng.randint(1, 3000)
    right = rng.randint(0, n)
    interval = stats.binomtest(right, n).proportion_ci(0.95, method="wilson")
    return {"right": right, "n": n, "low": float(interval.low), "high": float(interval.high)}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    try:
        import numpy
        from pycocoevalcap.bleu.bleu import Bleu
        from pycocoevalcap.cider.cider import Cider
        from pycocoevalcap.rouge.rouge import Rouge
        from scipy import stats
        from sklearn import metrics
    except ImportError as error:
        print(f"skipped: {error} (pip install -r tests/requirements.txt)")
        return SKIPPED
    rng = random.Random(SEED)
    cases = {"captions": [caption_case(rng, Cider(), Bleu(4), Rouge()) for _ in range(60)],
             "classes": [class_case(rng, metrics) for _ in range(200)],
             "tags": [tag_case(rng, metrics, numpy) for _ in range(200)],
             "ece": [ece_case(rng, numpy) for _ in range(100)],
             "pairs": [pair_case(rng, stats) for _ in range(100)],
             "proportions": [proportion_case(rng, stats) for _ in range(100)]}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "cases.json"
        path.write_text(json.dumps(cases), encoding="utf-8")
        done = subprocess.run([sys.argv[1], "--gtest_filter=EvalMetricParity.*"],
                              env=dict(os.environ, AF2_METRIC_CASES=str(path)), capture_output=True, text=True)
    print(done.stdout, done.stderr)
    return 0 if done.returncode == 0 and "[  PASSED  ] 5 tests" in done.stdout else 1


if __name__ == "__main__":
    sys.exit(main())
