"""Samples in, samples out: decode with ffmpeg, trim, cut long recordings, write FLAC.

Everything is float32, mono, at RATE_HZ.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import soundfile

from errors import BankError

RATE_HZ = 16000
LONGEST_S = 30.0
SEGMENT_S = 10.0
_EDGE_DB = -55.0  # edges quieter than this against the peak are cut
_FADE_S = 0.01


def decode(path: Path) -> np.ndarray:
    """Any file ffmpeg reads, as mono at RATE_HZ, resampled by soxr."""
    command = ["ffmpeg", "-v", "error", "-nostdin", "-i", str(path), "-map", "0:a:0", "-ac", "1",
               "-af", f"aresample={RATE_HZ}:resampler=soxr", "-f", "f32le", "-"]
    done = subprocess.run(command, capture_output=True)
    if done.returncode or not done.stdout:
        text = done.stderr.decode(errors="replace").strip().splitlines()
        raise BankError(f"ffmpeg cannot decode ({text[-1] if text else 'no samples'})", str(path),
                        "drop the file from sounds.tsv or delete it from the cache and run again")
    return np.frombuffer(done.stdout, dtype="<f4").copy()


def envelope(samples: np.ndarray, step: int = RATE_HZ // 100) -> np.ndarray:
    """Peak of every 10 ms."""
    n = -(-len(samples) // step)
    padded = np.zeros(n * step, np.float32)
    padded[: len(samples)] = np.abs(samples)
    return padded.reshape(n, step).max(axis=1)


def trim(samples: np.ndarray) -> np.ndarray:
    """Cuts silence from both ends, leaving 20 ms of it."""
    if not len(samples):
        return samples
    samples = samples - np.float32(samples.mean())
    levels = envelope(samples)
    loud = np.flatnonzero(levels > max(levels.max() * 10 ** (_EDGE_DB / 20), 1e-4))
    if not len(loud):
        return samples[:0]
    step = RATE_HZ // 100
    return samples[max(0, loud[0] - 2) * step : (loud[-1] + 3) * step]


def shorten(samples: np.ndarray) -> np.ndarray:
    """Recordings over LONGEST_S become three pieces of SEGMENT_S from start, middle and end, in one file."""
    if len(samples) <= LONGEST_S * RATE_HZ:
        return samples
    n = int(SEGMENT_S * RATE_HZ)
    starts = (0, (len(samples) - n) // 2, len(samples) - n)
    return np.concatenate([fade(samples[s : s + n].copy()) for s in starts])


def fade(samples: np.ndarray) -> np.ndarray:
    n = min(int(_FADE_S * RATE_HZ), len(samples) // 2)
    if n:
        ramp = np.linspace(0, 1, n, dtype=np.float32)
        samples[:n] *= ramp
        samples[-n:] *= ramp[::-1]
    return samples


def peak_db(samples: np.ndarray) -> float:
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return 20 * float(np.log10(max(peak, 1e-9)))


def prepare(samples: np.ndarray) -> np.ndarray:
    samples = shorten(trim(samples))
    peak = float(np.abs(samples).max()) if len(samples) else 0.0
    return samples * np.float32(0.99 / peak) if peak > 0.99 else samples


def write_flac(path: Path, samples: np.ndarray) -> None:
    """Written beside its name first, so a broken run leaves no half file."""
    part = path.with_suffix(".part")
    soundfile.write(part, samples, RATE_HZ, format="FLAC", subtype="PCM_16")
    part.replace(path)


def read_flac(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="float32")[0]
