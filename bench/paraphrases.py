#!/usr/bin/env python3
"""How many paraphrases of a small language model pass the data factory's checks: SmolLM2-135M behind llama.cpp's own server.

Usage: .venv/bin/python bench/paraphrases.py --bank bank [--python PYTHON] [--model models/mini/lm.gguf] [--records 2] [--number 2]
       [--seed 1] [--program build/release/af2] [--work .cache/bench/paraphrases]

PYTHON is an interpreter with `pip install "llama-cpp-python[server]==0.3.36"`. The server reads the GGUF file of the shipped model's language
model; af2 makes records of short scenes and asks for --number paraphrases of each of their questions, which the
checks of docs/spec/data.md section 6 then hold against the question. Prints Markdown: what was asked for, made, refused and why.
"""
import argparse
import json
import pathlib
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]


def free_port():
    with socket.socket() as any_one:
        any_one.bind(("127.0.0.1", 0))
        return any_one.getsockname()[1]


def wait_for(server, url):
    for _ in range(240):
        if server.poll() is not None:
            raise SystemExit("the server ended: is llama-cpp-python[server] installed in --python?")
        try:
            urllib.request.urlopen(url + "/models", timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise SystemExit("the server does not answer")


def run(*command):
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
    if done.returncode not in (0, 1):
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr}")
    return done


def main():
    flags = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument("--bank", type=pathlib.Path, required=True)
    flags.add_argument("--python", default=sys.executable)
    flags.add_argument("--model", type=pathlib.Path, default=ROOT / "models/mini/lm.gguf")
    flags.add_argument("--program", type=pathlib.Path, default=ROOT / "build/release/af2")
    flags.add_argument("--work", type=pathlib.Path, default=ROOT / ".cache/bench/paraphrases")
    flags.add_argument("--records", type=int, default=2)
    flags.add_argument("--number", type=int, default=2)
    flags.add_argument("--seed", type=int, default=1)
    args = flags.parse_args()
    shutil.rmtree(args.work, ignore_errors=True)
    args.work.mkdir(parents=True)
    run(args.program, "data", "scenes", "--spec", ROOT / "recipes/data/short.yaml", "--bank", args.bank, "--n", args.records, "--seed", args.seed,
        "--labels-only", "--out", args.work / "records")
    port = free_port()
    log = (args.work / "server.log").open("w")
    server = subprocess.Popen([args.python, "-m", "llama_cpp.server", "--model", str(args.model), "--port", str(port), "--n_ctx", "2048"],
                              stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}/v1"
        wait_for(server, url)
        began = time.monotonic()
        run(args.program, "data", "skills", "--records", args.work / "records", "--types", "temporal,counting", "--llm", url, "--llm-model", "smollm2-135m",
            "--llm-parallel", 1, "--llm-timeout", 300, "--llm-temperature", 0.7, "--paraphrases", args.number, "--seed", args.seed, "--out", args.work / "set")
        seconds = time.monotonic() - began
    finally:
        server.terminate()
        server.wait()
    counts = {}
    for part in sorted((args.work / "set/parts").glob("*.json")):
        for one in json.loads(part.read_text()):
            for what, n in one["counts"].items():
                if what.startswith("model/paraphrase"):
                    counts[what.removeprefix("model/paraphrase/")] = counts.get(what.removeprefix("model/paraphrase/"), 0) + n
    print(f"{args.records} records, seed {args.seed}, {args.number} paraphrases asked of each question, {seconds:.0f} s\n")
    print("| what | number |\n| --- | ---: |")
    for what, n in sorted(counts.items()):
        print(f"| {what} | {n} |")


if __name__ == "__main__":
    main()
