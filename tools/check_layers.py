#!/usr/bin/env python3
"""Checks from the #include lines that each folder of af2/ uses only the folders below it.

Usage: check_layers.py ROOT. Prints each breach and exits 1 if there is one.
The allowed edges are those of docs/architecture.md; libraries that only one folder may name are listed too.
"""
import pathlib
import re
import sys

BASE = {"core"}
ALLOWED = {
    "core": set(),
    "audio": BASE | {"io"},
    "text": BASE,
    "io": BASE,
    "net": BASE,
    "data": BASE | {"audio", "text", "io", "net"},
    "synth": BASE | {"audio", "io", "data"},
    "factory": BASE | {"audio", "text", "io", "net", "data", "synth"},
    "eval": BASE | {"audio", "text", "io", "net", "data", "synth", "factory", "index"},
    "quant": BASE | {"io"},
    "events": BASE,
    "index": BASE | {"quant"},
    "model": BASE | {"io", "quant"},
    "generate": BASE | {"model", "text", "audio", "io"},
    "train": BASE | {"model", "generate", "io", "audio", "text", "data", "eval", "index"},
    "cli": BASE | {"audio", "text", "io", "data", "synth", "factory", "model", "generate", "train", "events",
            "index", "eval"},
}
# Header prefix -> folders that may include it.
ONLY = {
    "torch/": {"model", "generate", "train", "torch_pch.h"},
    "libav": {"audio"},
    "soxr": {"audio"},
    "unicode/": {"text"},
    "sentencepiece": {"text"},
    "yaml-cpp/": {"core"},
    "CLI/": {"cli"},
    "hwy/": {"quant"},
    "sqlite3": {"index"},
    "httplib": {"net"},
    "archive": {"data"},
    "fluidsynth": {"synth"},
    "Eigen/": {"factory"},
    "soundtouch/": {"synth"},
}


def main(root: pathlib.Path) -> int:
    breaches = []
    for path in sorted((root / "af2").rglob("*")):
        if path.suffix not in {".h", ".cpp"}:
            continue
        folder = path.relative_to(root / "af2").parts[0]
        for number, line in enumerate(path.read_text().splitlines(), 1):
            match = re.match(r'\s*#\s*include\s+[<"]([^>"]+)[>"]', line)
            if not match:
                continue
            header, where = match.group(1), f"{path.relative_to(root)}:{number}"
            if header.startswith("af2/"):
                used = header.split("/")[1]
                if used != folder and used not in ALLOWED.get(folder, set()):
                    breaches.append(f"{where}: {folder} must not include {header}")
            for prefix, folders in ONLY.items():
                if header.startswith(prefix) and folder not in folders:
                    breaches.append(f"{where}: {header} belongs to {', '.join(sorted(folders))} only")
            if folder == "cli" and header.startswith("torch"):
                breaches.append(f"{where}: the program compiles without torch headers")
    print("\n".join(breaches) if breaches else "layers hold")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")))
