"""Tensor values as a function of their name: the same lines as tests/model/named_weights.h.

Element i of tensor NAME is u = SplitMix64(FNV-1a-64(NAME) + i), its top 24 bits as a number in [-1, 1), scaled
by the tensor's role. Not for training: only for checks that need no weight files.

    weights = named("decoder.norm.weight", (48,))     # float32, in [0.9, 1.1)
"""
import numpy as np

MASK = (1 << 64) - 1


def fnv1a64(text: str) -> int:
    value = 0xCBF29CE484222325
    for byte in text.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def uniform(name: str, count: int) -> np.ndarray:
    """[count] float64 in [-1, 1), each exact in float32."""
    with np.errstate(over="ignore"):
        z = np.arange(count, dtype=np.uint64) + np.uint64(fnv1a64(name)) + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
    return (z >> np.uint64(40)).astype(np.float64) * 2.0**-23 - 1.0


def named(name: str, shape) -> np.ndarray:
    """float32 values of a weight; the role is read from name and shape."""
    u = uniform(name, int(np.prod(shape)))
    if name.endswith("bn0.running_mean"):  # of decibels
        x = -30 + 5 * u
    elif name.endswith("bn0.running_var"):
        x = 200 * (1 + 0.5 * np.abs(u))
    elif name.endswith("running_mean"):
        x = 0.1 * u
    elif name.endswith("running_var"):
        x = 1 + 0.5 * np.abs(u)
    elif name.endswith("_gate"):
        x = 0.5 + 0.1 * u
    elif name.endswith("relative_position_bias_table"):
        x = 0.5 * u
    elif name.endswith("embed_tokens.weight") or name.endswith("added_embeddings"):
        x = u
    elif name.endswith("SelfAttention.q.weight"):  # T5 does not scale q.k: docs/spec/model.md section 10
        x = u * (1.5 / np.sqrt(float(np.prod(shape[1:])))) / 8
    elif len(shape) >= 2:
        x = u * (1.5 / np.sqrt(float(np.prod(shape[1:]))))
    elif name.endswith("weight"):
        x = 1 + 0.1 * u
    else:
        x = 0.1 * u
    return x.astype(np.float32).reshape(shape)


def mel_like(name: str, shape) -> np.ndarray:
    """A log-mel input: -30 dB plus or minus 20, with slow structure along time."""
    slow = 10 * uniform(name + "/slow", shape[0] * shape[2]).reshape(shape[0], 1, shape[2])
    wave = np.cos(np.arange(shape[1]) * 0.05).reshape(1, -1, 1)
    return (-30 + 10 * uniform(name, int(np.prod(shape))).reshape(shape) + slow * wave).astype(np.float32)


def sound_like(name: str, shape) -> np.ndarray:
    """Waveforms [N, samples]: two tones per row and noise, peak below 1."""
    t = np.arange(shape[1], dtype=np.float64) / 16000
    rows = []
    for r in range(shape[0]):
        tones = 0.3 * np.sin(2 * np.pi * (300 + 170 * r) * t) + 0.2 * np.sin(2 * np.pi * (2500 - 211 * r) * t)
        rows.append(tones + 0.1 * uniform(f"{name}/{r}", shape[1]))
    return np.stack(rows).astype(np.float32)


def ids(name: str, shape, bound: int) -> np.ndarray:
    """int64 token ids below `bound`."""
    return np.floor((uniform(name, int(np.prod(shape))) + 1) * 0.5 * bound).astype(np.int64).reshape(shape)
