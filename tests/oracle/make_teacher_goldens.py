#!/usr/bin/env python3
"""Makes tests/data/model/teacher.safetensors, the goldens of tests/model/sound_teacher_test.cpp: the spectrogram and
the features of the aisfx network (A. Ma and A. Lerch, ISMIR 2022), written again from its description, with
name-seeded weights.

Usage: make_teacher_goldens.py [OUT_DIR]    (default tests/data/model; needs numpy, torch, soxr, safetensors)

Audio at 44.1 kHz with a peak of 1; Hann window and FFT of 2048, hop 1024, zeros beyond the ends; power; 96 triangles
of HTK spacing over 0-22,050 Hz, each of unit sum; log10(1 + 10^4 power) / 9.457798957824707. Four blocks of two 3x3
convolutions with batch normalisation and ReLU, widths 64 to 512, maximum pooling by 2 after the first three; mean over
frequency.
"""
import pathlib
import sys

import numpy as np
import soxr
import torch
import torch.nn.functional as F
from named_weights import named, sound_like
from safetensors.numpy import save_file

SECONDS = 1.2


def filters() -> np.ndarray:
    def mel(hz):
        return 2595 * np.log10(1 + hz / 700)

    edges = 700 * (10 ** (np.linspace(mel(0.0), mel(22050.0), 98) / 2595) - 1)
    bins = np.arange(1025) * 44100 / 2048
    rows = []
    for low, middle, high in zip(edges, edges[1:], edges[2:]):
        row = np.maximum(0, np.minimum((bins - low) / (middle - low), (high - bins) / (high - middle)))
        rows.append(row / row.sum())
    return np.stack(rows)


def spectrogram(samples: np.ndarray) -> np.ndarray:
    y = soxr.resample(samples, 16000, 44100, quality="HQ").astype(np.float64)
    y = np.pad(y / np.abs(y).max(), 1024)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(2048) / 2048)
    frames = np.stack([y[i:i + 2048] * window for i in range(0, len(y) - 2047, 1024)])
    power = np.abs(np.fft.rfft(frames)) ** 2
    return np.log10(1 + 1e4 * power @ filters().T) / 9.457798957824707


def features(mel: np.ndarray) -> np.ndarray:
    x = torch.from_numpy(mel)[None, None]
    width = 1
    for block in range(1, 5):
        out = 32 << block
        for half in (1, 2):
            name = f"conv_block{block}."

            def weight(key, *shape):
                return torch.from_numpy(named("teacher/" + name + key, shape)).double()

            x = F.conv2d(x, weight(f"conv{half}.weight", out, width, 3, 3), padding=1)
            x = F.batch_norm(x, weight(f"bn{half}.running_mean", out), weight(f"bn{half}.running_var", out),
                             weight(f"bn{half}.weight", out), weight(f"bn{half}.bias", out), eps=1e-5)
            x = F.relu(x)
            width = out
        if block < 4:
            x = F.max_pool2d(x, 2)
    return x.mean(3)[0].numpy()


def main():
    here = pathlib.Path(__file__).resolve().parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "data/model"
    samples = sound_like("teacher/sound", (1, int(SECONDS * 16000)))[0]
    mel = spectrogram(samples)
    heard = features(mel)
    print("spectrogram", mel.shape, mel.mean(), "features", heard.shape, heard.mean(), (heard > 0).mean())
    save_file({"spectrogram": mel.astype(np.float32), "features": heard.astype(np.float32)},
              out / "teacher.safetensors")


if __name__ == "__main__":
    main()
