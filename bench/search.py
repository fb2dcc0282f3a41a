#!/usr/bin/env python3
"""How fast af2 indexes sounds and searches the vectors, beside NumPy on the same vectors in the same run.

Usage: bench/search.py -m CLAP_FOLDER SOUNDS... [--program build/release/af2] [--rows 100000,1000000] [-t THREADS] [--reps 5]
                       [--queries 16] [--work DIR]

SOUNDS are indexed first (hours of audio per minute). Their vectors, real ones, are then made many: points between two of
them plus small noise, of length 1. Each such index is searched by texts through `af2 search --json`, which says how long
reading the vectors and the search itself took; NumPy's side is `M @ q` in float32 and argpartition, with the same vectors,
queries and number of threads, in turns with af2's. Prints Markdown tables: median (minimum-maximum).
Runs on whatever else the machine does: close other programs first.
"""
import argparse
import json
import os
import pathlib
import shutil
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
WORDS = ["a dog barks", "rain", "a bell rings", "someone speaks", "a door slams", "an engine", "music", "birds sing", "a siren",
         "footsteps", "water flows", "a crowd cheers", "thunder", "a cat", "glass breaks", "a phone rings"]


def lines(text, kind):
    return [line for line in map(json.loads, text.splitlines()) if line["type"] == kind]


def run(*command, wanted=(0,)):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in wanted:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done.stdout


def cell(values, form="{:.2f}"):
    return f"{form.format(statistics.median(values))} ({form.format(min(values))}-{form.format(max(values))})"


def read_vectors(index):
    with sqlite3.connect(index) as db:
        return np.stack([np.frombuffer(row[0], "<f4") for row in db.execute("SELECT vector FROM windows ORDER BY id")])


def make_many(real, rows, seed=1):
    """Points between two real vectors each, plus noise of a twentieth of their length."""
    draw = np.random.default_rng(seed)
    many = np.empty((rows, real.shape[1]), np.float32)
    for first in range(0, rows, 10000):
        n = min(10000, rows - first)
        a, b = real[draw.integers(0, len(real), n)], real[draw.integers(0, len(real), n)]
        share = draw.random((n, 1), np.float32)
        part = a * share + b * (1 - share)
        noise = draw.standard_normal(part.shape, np.float32)
        part += noise * (0.05 / np.sqrt(part.shape[1]))
        many[first:first + n] = part / np.linalg.norm(part, axis=1, keepdims=True)
    return many


def write_index(source, target, vectors, per_file=100):
    """A copy of an index with other vectors: so many of a file."""
    shutil.copy(source, target)
    db = sqlite3.connect(target)
    db.executescript("DELETE FROM windows; DELETE FROM files; DELETE FROM folders; INSERT INTO folders VALUES(1, '/sounds')")
    n_files = (len(vectors) + per_file - 1) // per_file
    db.executemany("INSERT INTO files(id, folder, name, size, mtime_ns, seconds) VALUES(?, 1, ?, 0, 0, 0)",
                   ((i + 1, f"{i:07}.wav") for i in range(n_files)))
    db.executemany('INSERT INTO windows(file, onset, "offset", vector) VALUES(?, ?, ?, ?)',
                   ((i // per_file + 1, i % per_file * 5.0, i % per_file * 5.0 + 10, vectors[i].tobytes())
                    for i in range(len(vectors))))
    db.commit()
    db.execute("VACUUM")
    db.close()


def numpy_search(vectors, query, top):
    scores = vectors @ query
    best = np.argpartition(-scores, top)[:top]
    return best[np.argsort(-scores[best], kind="stable")]


def compare(flags, index, vectors, queries):
    af2_one, af2_many, load, numpy_one, numpy_many = [], [], [], [], []
    base = [flags.program, "search", index, "-m", flags.model, "-t", flags.threads, "--json", "--windows", "--top", 10]
    same = 0
    for rep in range(flags.reps):
        one = run(*base, "-p", WORDS[rep % len(WORDS)])
        times = lines(one, "summary")[0]["timings"]
        load.append(times["load_ms"]), af2_one.append(times["search_ms"])
        start = time.perf_counter()
        best = numpy_search(vectors, queries[rep % len(WORDS)], 10)
        numpy_one.append((time.perf_counter() - start) * 1e3)
        found = [(int(pathlib.Path(hit["path"]).stem) * 100 + round(hit["onset"] / 5)) for hit in lines(one, "hit")]
        same += len(set(found) & set(best.tolist()))
        many = run(*base, *[part for i in range(flags.queries) for part in ("-p", WORDS[i % len(WORDS)])])
        af2_many.append(lines(many, "summary")[0]["timings"]["search_ms"] / flags.queries)
        start = time.perf_counter()
        scores = vectors @ queries[[i % len(WORDS) for i in range(flags.queries)]].T
        np.argpartition(-scores, 10, axis=0)
        numpy_many.append((time.perf_counter() - start) * 1e3 / flags.queries)
    return {"af2": (af2_one, af2_many, load), "numpy": (numpy_one, numpy_many, None)}, same / (10 * flags.reps)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("sounds", nargs="+")
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--program", default=str(ROOT / "build/release/af2"))
    parser.add_argument("--rows", default="100000,1000000")
    parser.add_argument("-t", "--threads", type=int, default=2)
    parser.add_argument("--reps", type=int, default=5)
    parser.add_argument("--queries", type=int, default=16)
    parser.add_argument("--work", default=None, help="folder for the indexes; an index of SOUNDS there is not made again")
    flags = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        work = pathlib.Path(flags.work or scratch)
        work.mkdir(parents=True, exist_ok=True)
        index = work / "real.af2"
        start = time.monotonic()
        out = run(flags.program, "index", "-m", flags.model, "-t", flags.threads, "--json", "-o", index, *flags.sounds,
                  wanted=(0, 4))
        took = time.monotonic() - start
        facts, heard = lines(out, "summary")[0], sum(f["seconds"] for f in lines(out, "file") if f["state"] == "added")
        print(f"{facts['files']} files, {facts['seconds'] / 3600:.2f} hours, {facts['windows']} windows", end="")
        print(f"; {heard / 3600:.2f} hours heard in {took:.0f} s: {heard / 60 / took:.2f} hours per minute\n" if heard else "\n")
        real = read_vectors(index)
        embed = [part for text in WORDS for part in ("--text", text)]
        queries = np.float32([line["embedding"] for line in
                              lines(run(flags.program, "embed", "-m", flags.model, "--json", *embed), "embedding")])
        print(f"{real.shape[1]} dimensions, {flags.threads} threads, {flags.reps} runs in turns, ms per query\n")
        print("| vectors | side | one query | of a batch of {} | reading the vectors, once |".format(flags.queries))
        print("| --- | --- | --- | --- | --- |")
        for rows in map(int, flags.rows.split(",")):
            vectors = make_many(real, rows)
            many = work / f"many-{rows}.af2"
            write_index(index, many, vectors)
            sides, same = compare(flags, many, vectors, queries)
            for name, (one, batch, load) in sides.items():
                print(f"| {rows:,} | {name} | {cell(one)} | {cell(batch)} | {cell(load, '{:.0f}') if load else 'in memory'} |")
            print(f"| | | same ten hits: {100 * same:.0f} % | | |", flush=True)
            many.unlink()


if __name__ == "__main__":
    if "-t" in sys.argv or "--threads" in sys.argv:
        at = sys.argv.index("-t" if "-t" in sys.argv else "--threads")
        threads = sys.argv[at + 1]
    else:
        threads = "2"
    for name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[name] = threads  # before NumPy is loaded
    import numpy as np
    main()
