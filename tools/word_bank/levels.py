"""Loudness of short utterances: the level of the parts in which somebody speaks, so that pauses do not count."""

from __future__ import annotations

import numpy as np

RATE_HZ = 16000
TARGET_DB = -26.0  # of full scale, RMS over the active parts
_PEAK_LIMIT = 0.89  # -1 dB
_STEP = RATE_HZ // 50  # 20 ms
_ACTIVE_DB = 25.0  # parts so far under the loudest one are pauses


def active_db(samples: np.ndarray) -> float:
    """RMS of the active parts in dB of full scale; -120 for silence. Parts are 20 ms, the last one may be shorter."""
    if not len(samples):
        return -120.0
    parts = [samples[k : k + _STEP].astype(np.float64) for k in range(0, len(samples), _STEP)]
    power = np.array([np.mean(p**2) for p in parts])
    loudest = power.max()
    if loudest <= 1e-12:
        return -120.0
    active = power[power >= loudest * 10 ** (-_ACTIVE_DB / 10)]
    return 10 * float(np.log10(active.mean()))


def normalise(samples: np.ndarray) -> np.ndarray:
    """Brings the active level to TARGET_DB, or as near as the peak limit allows. Silence stays as it is."""
    level = active_db(samples)
    if level <= -120.0:
        return samples
    gain = 10 ** ((TARGET_DB - level) / 20)
    peak = float(np.abs(samples).max()) * gain
    if peak > _PEAK_LIMIT:
        gain *= _PEAK_LIMIT / peak
    return (samples * np.float32(gain)).astype(np.float32)
