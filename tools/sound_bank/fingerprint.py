"""Finds recordings that hold the same sound, whatever their level, container or first milliseconds.

Step 1: a log-mel picture of the first 1.5 s after the onset, made free of level, compared by cosine over all pairs.
Step 2: pairs above a threshold are compared as waveforms (peak of the normalised cross-correlation), which keeps
two hits of one drum apart from two copies of one hit.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import audio

FRAME, HOP = 512, 160
_FRAMES, _BANDS = 150, 24
_LIKE_PICTURE, _LIKE_WAVE = 0.80, 0.80


def stft(samples: np.ndarray) -> np.ndarray:
    """Frames x (FRAME / 2 + 1), Hann window."""
    if len(samples) < FRAME:
        samples = np.pad(samples, (0, FRAME - len(samples)))
    frames = np.lib.stride_tricks.sliding_window_view(samples, FRAME)[::HOP]
    return np.fft.rfft(frames * np.hanning(FRAME).astype(np.float32), axis=1)


def _filters(bands: int) -> np.ndarray:
    """Triangles evenly spaced on the mel scale, (FRAME / 2 + 1) x bands."""
    top = 2595 * np.log10(1 + audio.RATE_HZ / 2 / 700)
    edges = 700 * (10 ** (np.linspace(2595 * np.log10(1 + 40 / 700), top, bands + 2) / 2595) - 1)
    hz = np.linspace(0, audio.RATE_HZ / 2, FRAME // 2 + 1)[:, None]
    rise = (hz - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz) / (edges[2:] - edges[1:-1])
    weights = np.maximum(0, np.minimum(rise, fall))
    nearest = np.abs(hz - edges[1:-1]).argmin(0)  # a triangle narrower than a bin still gets one
    weights[nearest, np.arange(bands)] = np.maximum(weights[nearest, np.arange(bands)], 0.3)
    return weights


def log_mel(samples: np.ndarray, bands: int = _BANDS) -> np.ndarray:
    power = np.abs(stft(samples)) ** 2
    return np.log10(power @ _filters(bands) + 1e-8)


def picture(samples: np.ndarray) -> np.ndarray:
    levels = audio.envelope(samples)
    onset = int(np.argmax(levels > 0.1 * levels.max())) * (audio.RATE_HZ // 100)
    mel = log_mel(samples[onset : onset + _FRAMES * HOP])[:_FRAMES]
    mel = np.maximum(mel, mel.max() - 5)
    out = np.full((_FRAMES, _BANDS), mel.min(), np.float32)
    out[: len(mel)] = mel
    out = out.reshape(_FRAMES // 3, 3, _BANDS).mean(1)
    out -= out.mean()
    return (out / (np.linalg.norm(out) + 1e-9)).ravel()


def same_wave(a: np.ndarray, b: np.ndarray) -> float:
    """Peak of the cross-correlation of the two, against the energy of the stretch where both sound."""
    n = int(2.0 * audio.RATE_HZ)
    a, b = a[:n], b[:n]
    size = 1 << (len(a) + len(b)).bit_length()
    cross = np.fft.irfft(np.fft.rfft(a, size) * np.conj(np.fft.rfft(b, size)), size)
    return float(np.abs(cross).max() / (np.linalg.norm(a) * np.linalg.norm(b) + 1e-9))


def duplicates(rows: list[dict[str, str]], bank: Path) -> list[tuple[dict, dict, float]]:
    """(row, row, score) for every pair that is the same sound; synthetic pairs of one recipe family are skipped."""
    waves = [audio.read_flac(bank / r["path"])[: int(2.5 * audio.RATE_HZ)] for r in rows]
    pictures = np.stack([picture(w) for w in waves])
    like = pictures @ pictures.T
    out = []
    for i, j in zip(*np.nonzero(np.triu(like, 1) > _LIKE_PICTURE)):
        a, b = rows[i], rows[j]
        if a["kind"] == b["kind"] == "synthetic" and a["group"] == b["group"]:
            continue
        score = same_wave(waves[i], waves[j])
        if score > _LIKE_WAVE:
            out.append((a, b, score))
    return sorted(out, key=lambda t: -t[2])
