#!/usr/bin/env python3
"""The language model alone beside llama.cpp: the same GGUF file, text only, in turns, on the same threads.

Usage: .venv/bin/python bench/llama_cpp.py -m models/mini [--prompt 512] [--tokens 64] [--reps 3] [--threads 2]
       [--program build/release/af2] [--python PYTHON]

The rival is `llama-cpp-python` (pip install llama-cpp-python==0.3.36, compiled for this processor), in the interpreter
PYTHON where it is not in this one. Both sides read a prompt of --prompt random tokens at once, then write --tokens
tokens from an empty context. MODEL/lm.gguf must hold its tokenizer. af2 runs with --dtype auto. Prints Markdown.
"""
import argparse
import json
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]

RIVAL = """
import json, random, sys, time
from llama_cpp import Llama
path, prompt, tokens, threads, reps = sys.argv[1], *map(int, sys.argv[2:])
model = Llama(path, n_ctx=prompt + tokens + 8, n_batch=prompt, n_ubatch=prompt, n_threads=threads,
              n_threads_batch=threads, verbose=False)
rng = random.Random(1)
ids = [rng.randrange(1000, model.n_vocab() - 1000) for _ in range(prompt)]
def once():
    model.reset()
    start = time.perf_counter()
    model.eval(ids)
    read = time.perf_counter()
    model.reset()
    model.eval(ids[:1])
    begin = time.perf_counter()
    for i in range(tokens - 1):
        model.eval([ids[i % prompt]])
    return prompt / (read - start), (tokens - 1) / (time.perf_counter() - begin)
once()
for _ in range(reps):
    print(json.dumps(once()), flush=True)
"""


def run_af2(args):
    command = [args.program, "bench", "-q", "-m", args.model, "--text", args.prompt, "-n", args.tokens, "--reps", 1,
               "-t", args.threads, "--dtype", "auto", "--json"]
    out = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    line = json.loads(out.splitlines()[-1])
    return line["prompt_tokens_per_s"], line["tokens_per_s"], line["weight_gb_per_s"] / line["read_gb_per_s"]


def run_rival(args):
    command = [args.python, "-c", RIVAL, args.model / "lm.gguf", args.prompt, args.tokens, args.threads, 1]
    out = subprocess.run(list(map(str, command)), check=True, capture_output=True, text=True).stdout
    return tuple(json.loads(out.splitlines()[-1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("-m", "--model", type=pathlib.Path, required=True)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--tokens", type=int, default=64)
    parser.add_argument("--reps", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    parser.add_argument("--python", default=sys.executable)
    args = parser.parse_args()
    ours, theirs = [], []
    for _ in range(args.reps):
        theirs.append(run_rival(args))
        ours.append(run_af2(args))
    print(f"{args.model}, prompt of {args.prompt} tokens, {args.tokens} tokens written, {args.threads} threads, "
          f"{args.reps} runs in turns: median (minimum-maximum)\n")
    print("| | llama.cpp, tokens/s | af2, tokens/s | times faster |\n| --- | --- | --- | --- |")
    for name, column in (("reading the prompt", 0), ("writing", 1)):
        a, b = sorted(r[column] for r in theirs), sorted(r[column] for r in ours)
        ratio = statistics.median(b) / statistics.median(a)
        print(f"| {name} | {statistics.median(a):.1f} ({a[0]:.1f}-{a[-1]:.1f}) | "
              f"{statistics.median(b):.1f} ({b[0]:.1f}-{b[-1]:.1f}) | {ratio:.2f} |")
    share = statistics.median(r[2] for r in ours)
    print(f"\nWhile writing, af2 reads weights at {100 * share:.0f} % of the bandwidth measured in the same run.")


if __name__ == "__main__":
    main()
