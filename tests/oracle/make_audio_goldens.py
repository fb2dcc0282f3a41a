#!/usr/bin/env python3
"""Makes tests/data/audio: tiny synthetic clips in many formats, and goldens of resampling and windows.

Needs the ffmpeg program, numpy and soxr (pip install numpy soxr). Usage: make_audio_goldens.py [OUT_DIR].
The signals are formulas (tones, sweeps, name-seeded noise): no recording, no licence question. Goldens are
float32 little-endian, written from docs/spec/model.md section 1 with NumPy, apart from the C++ code.
Compressed clips depend on the encoder's version: the tests compare decodings with each other, and lossy ones
with the source signal within the codec's error only.
"""
import pathlib
import struct
import subprocess
import sys

import numpy as np
import soxr

OUT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parents[1] / "data/audio")


def tone(seconds: float, rate: int, right: bool = False) -> np.ndarray:
    """A tone whose pitch rises, with a slow beat; the second channel has another pitch and level."""
    t = np.arange(round(seconds * rate)) / rate
    if right:
        return 0.3 * np.sin(2 * np.pi * 660 * t) * np.cos(2 * np.pi * 1.5 * t)
    return 0.5 * np.sin(2 * np.pi * (300 * t + 180 * t * t)) * (0.6 + 0.4 * np.cos(2 * np.pi * 2 * t))


def hashed(index: np.ndarray, seed: int) -> np.ndarray:
    """White noise in [-1, 1): a hash of the index, the same in the C++ test (32-bit arithmetic)."""
    x = (index.astype(np.uint64) * 2654435761 + seed) & 0xFFFFFFFF
    x ^= x >> 16
    x = (x * 0x85EBCA6B) & 0xFFFFFFFF
    x ^= x >> 13
    x = (x * 0xC2B2AE35) & 0xFFFFFFFF
    x ^= x >> 16
    return (x.astype(np.float64) / 2**31 - 1).astype(np.float32)


def ffmpeg(*args: str) -> None:
    subprocess.run(["ffmpeg", "-y", "-v", "error", *args], check=True)


def raw(samples: np.ndarray) -> str:
    path = OUT / "source.f32"
    samples.astype("<f4").tofile(path)
    return str(path)


def encode(name: str, samples: np.ndarray, rate: int, channels: int, *args: str) -> None:
    ffmpeg("-f", "f32le", "-ar", str(rate), "-ac", str(channels), "-i", raw(samples), "-map_metadata", "-1",
           "-fflags", "+bitexact", "-flags:a", "+bitexact", *args, str(OUT / name))


def clips() -> None:
    mono = tone(1.5, 16000)
    encode("s16_16k.wav", mono, 16000, 1, "-c:a", "pcm_s16le")
    encode("u8_16k.wav", mono, 16000, 1, "-c:a", "pcm_u8")
    encode("s24_16k.wav", mono, 16000, 1, "-c:a", "pcm_s24le")
    encode("s32_8k.wav", tone(0.5, 8000), 8000, 1, "-c:a", "pcm_s32le")
    encode("f32_16k.wav", 2.5 * tone(1.0, 16000), 16000, 1, "-c:a", "pcm_f32le")  # beyond +-1
    encode("f64_16k.wav", tone(0.25, 16000), 16000, 1, "-c:a", "pcm_f64le")
    stereo = np.stack([tone(0.5, 48000), tone(0.5, 48000, right=True)], axis=1)
    encode("stereo_48k.wav", stereo, 48000, 2, "-c:a", "pcm_s16le")
    encode("be_44k.aiff", tone(0.5, 44100), 44100, 1, "-c:a", "pcm_s16be")
    encode("adpcm_16k.wav", mono, 16000, 1, "-c:a", "adpcm_ima_wav")
    encode("s16_16k.flac", tone(4.0, 16000), 16000, 1, "-c:a", "flac", "-sample_fmt", "s16", "-frame_size", "1024")
    long = tone(6.0, 44100)
    long_stereo = np.stack([long, tone(6.0, 44100, right=True)], axis=1)
    encode("tone.mp3", long_stereo, 44100, 2, "-c:a", "libmp3lame", "-b:a", "64k")
    encode("no_xing.mp3", long, 44100, 1, "-c:a", "libmp3lame", "-b:a", "32k", "-write_xing", "0", "-id3v2_version", "0")
    encode("tone.ogg", long, 44100, 1, "-c:a", "libvorbis", "-q:a", "1")
    encode("tone.opus", long, 44100, 1, "-c:a", "libopus", "-b:a", "24k")
    encode("tone.m4a", long, 44100, 1, "-c:a", "aac", "-b:a", "48k")
    encode("faststart.m4a", long, 44100, 1, "-c:a", "aac", "-b:a", "48k", "-movflags", "+faststart")
    encode("tone.mkv", long, 44100, 1, "-c:a", "libvorbis", "-q:a", "1")
    picture = ["-f", "lavfi", "-i", "testsrc2=size=64x48:rate=5:duration=2"]
    ffmpeg("-f", "f32le", "-ar", "32000", "-ac", "1", "-i", raw(tone(2.0, 32000)), *picture, "-map", "1:v", "-map",
           "0:a", "-c:v", "mpeg4", "-b:v", "40k", "-c:a", "aac", "-b:a", "48k", "-map_metadata", "-1", "-fflags",
           "+bitexact", str(OUT / "video.mp4"))
    ffmpeg(*picture, "-c:v", "mpeg4", "-b:v", "40k", "-fflags", "+bitexact", str(OUT / "no_sound.mp4"))
    encode("tenth.wav", tone(0.1, 16000), 16000, 1, "-c:a", "pcm_s16le")
    encode("one_sample.wav", np.array([0.25]), 16000, 1, "-c:a", "pcm_s16le")
    encode("silence.flac", np.zeros(8000), 16000, 1, "-c:a", "flac", "-sample_fmt", "s16")
    encode("clipped.wav", np.clip(4 * tone(0.5, 16000), -1, 1), 16000, 1, "-c:a", "pcm_s16le")
    bad = tone(0.1, 16000).astype("<f4")
    bad[700] = np.nan
    encode("nan.wav", bad, 16000, 1, "-c:a", "pcm_f32le")
    def cut(name: str, new: str, share: float) -> None:
        data = (OUT / name).read_bytes()
        (OUT / new).write_bytes(data[: int(len(data) * share)])

    cut("s16_16k.flac", "half.flac", 0.5)
    cut("s16_16k.flac", "nearly.flac", 0.985)
    cut("tone.mp3", "half.mp3", 0.5)
    cut("faststart.m4a", "half.m4a", 0.5)
    cut("tone.m4a", "no_moov.m4a", 0.5)
    cut("s16_16k.wav", "half.wav", 0.5)
    (OUT / "page.html").write_text('<!DOCTYPE html>\n<html><body><p>not "sound"</p></body></html>\n')
    (OUT / "playlist.m3u8").write_text("#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:1.5,\ns16_16k.wav\n#EXT-X-ENDLIST\n")
    (OUT / "empty.wav").write_bytes(b"")
    header_only = (OUT / "s16_16k.wav").read_bytes()[:40] + struct.pack("<I", 0)
    (OUT / "no_samples.wav").write_bytes(header_only)
    (OUT / "source.f32").unlink()


def goldens() -> None:
    for from_hz, to_hz, n in [(44100, 16000, 12000), (48000, 16000, 9001), (8000, 16000, 3000), (22050, 16000, 5000)]:
        x = hashed(np.arange(n), from_hz)
        y = soxr.resample(x, from_hz, to_hz, quality="HQ")
        y.astype("<f4").tofile(OUT / f"resample_{from_hz}_{to_hz}.f32")
    # Windows of 0.05 s (800 samples) at 16 kHz, at most 3: name, samples.
    cases = {
        "short": 0.37 * hashed(np.arange(500), 1),
        "exact": 0.9 * hashed(np.arange(1600), 2),
        "cut": 3.1 * hashed(np.arange(3000), 3),
        "positive": np.abs(0.2 * hashed(np.arange(1000), 4)),
        "silence": np.zeros(900, dtype=np.float32),
    }
    for name, x in cases.items():
        x = x.astype(np.float32).astype(np.float64)[: 3 * 800]
        if np.abs(x).max() > 0:
            x = 2 * x / abs(x.max()) - 1.0 if x.min() >= 0 else x / max(abs(x.max()), abs(x.min()))
        windows = 1 if len(x) <= 800 else 1 + int(np.ceil((len(x) - 800) / 800))
        x = np.concatenate([x, np.zeros(windows * 800 - len(x))])
        for _ in range(2):  # the released code rounds twice
            x = (np.clip(x, -1.0, 1.0) * 32767.0).astype(np.int16) / 32767.0
        x.astype("<f4").tofile(OUT / f"windows_{name}.f32")


if __name__ == "__main__":
    OUT.mkdir(parents=True, exist_ok=True)
    clips()
    goldens()
    for path in sorted(OUT.iterdir()):
        assert path.stat().st_size < 100_000, path
        print(f"{path.stat().st_size:7d}  {path.name}")
