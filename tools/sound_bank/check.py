#!/usr/bin/env python3
"""Looks at a built bank: statistics per file, near-duplicates, and spectrogram sheets for the eye.

    check.py --bank bank                          table of level, duration, silence, centroid, clipping
    check.py --bank bank --duplicates             pairs of files that hold the same sound
    check.py --bank bank --sheet out.png --labels dog,cat,cow   one row of spectrograms per label (needs Pillow)
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import audio  # noqa: E402
import fingerprint  # noqa: E402
import table  # noqa: E402

CELL_W, CELL_H, TEXT_H, COLUMNS = 150, 88, 22, 12
_SHEET_S = 6.0  # seconds of a recording that a sheet shows


def statistics(samples: np.ndarray) -> dict[str, float]:
    levels = audio.envelope(samples)
    power = np.abs(fingerprint.stft(samples)) ** 2
    hz = np.linspace(0, audio.RATE_HZ / 2, power.shape[1])
    return {
        "seconds": len(samples) / audio.RATE_HZ,
        "peak_db": audio.peak_db(samples),
        "rms_db": 10 * float(np.log10(np.mean(samples**2) + 1e-12)),
        "silent": float(np.mean(levels < max(levels.max() * 0.003, 1e-4))),
        "centroid_hz": float((power.mean(0) * hz).sum() / (power.mean() * power.shape[1] + 1e-12)),
        "clipped": float(np.mean(np.abs(samples) >= 0.985)),
    }


def doubts(s: dict[str, float]) -> str:
    """What a person should look at."""
    out = []
    if s["peak_db"] < -30:
        out.append("quiet")
    if s["silent"] > 0.6:
        out.append("mostly silent")
    if s["clipped"] > 0.01:
        out.append("clipped")
    if s["seconds"] < 0.1:
        out.append("very short")
    if s["centroid_hz"] < 60:
        out.append("rumble only")
    return ", ".join(out)


def print_statistics(rows: list[dict[str, str]], bank: Path) -> None:
    print("id\tlabel\tseconds\tpeak_db\trms_db\tsilent\tcentroid_hz\tclipped\tdoubts")
    for row in rows:
        s = statistics(audio.read_flac(bank / row["path"]))
        print(f"{row['id']}\t{row['label']}\t{s['seconds']:.2f}\t{s['peak_db']:.1f}\t{s['rms_db']:.1f}\t{s['silent']:.2f}"
              f"\t{s['centroid_hz']:.0f}\t{s['clipped']:.4f}\t{doubts(s)}")


def picture(samples: np.ndarray) -> np.ndarray:
    """A log spectrogram as CELL_H x CELL_W bytes, low frequencies at the bottom, frequency axis warped like mel."""
    mel = fingerprint.log_mel(samples[: int(_SHEET_S * audio.RATE_HZ)], bands=CELL_H)
    mel = np.clip((mel - mel.max() + 8.0) / 8.0, 0, 1)
    columns = np.minimum(np.arange(CELL_W) * len(mel) // CELL_W, len(mel) - 1)
    return (mel[columns].T[::-1] * 255).astype(np.uint8)


def write_sheet(rows: list[dict[str, str]], bank: Path, out: Path, labels: list[str]) -> None:
    try:
        from PIL import Image, ImageDraw
    except ImportError:
        sys.exit("check.py: sheets need Pillow; what to do: pip install pillow")
    lines: list[list[dict[str, str]]] = []
    for label in labels:
        mine = [r for r in rows if r["label"] == label]
        lines += [mine[k : k + COLUMNS] for k in range(0, len(mine), COLUMNS)]
    sheet = Image.new("L", (COLUMNS * CELL_W, max(1, len(lines)) * (CELL_H + TEXT_H)), 30)
    draw = ImageDraw.Draw(sheet)
    for y, line in enumerate(lines):
        for x, row in enumerate(line):
            at = (x * CELL_W, y * (CELL_H + TEXT_H) + TEXT_H)
            samples = audio.read_flac(bank / row["path"])
            sheet.paste(Image.fromarray(picture(samples)[:, : CELL_W - 3]), at)
            draw.text((at[0], at[1] - TEXT_H), f"{row['label'][:14]} {float(row['seconds']):.1f}s {row['split']}", fill=255)
            draw.text((at[0], at[1] - TEXT_H + 10), row["id"][-24:], fill=200)
    sheet.save(out)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bank", type=Path, required=True)
    parser.add_argument("--duplicates", action="store_true")
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--labels", default="", help="comma-separated; all by default")
    parser.add_argument("--packages", default="", help="comma-separated; all by default")
    options = parser.parse_args()
    rows = table.read(options.bank / "bank.tsv", table.BANK_COLUMNS)
    labels = options.labels.split(",") if options.labels else sorted({r["label"] for r in rows})
    wanted = options.packages.split(",") if options.packages else None
    rows = [r for r in rows if r["label"] in labels and (wanted is None or r["package"] in wanted)]
    if options.sheet:
        write_sheet(rows, options.bank, options.sheet, labels)
    elif options.duplicates:
        for a, b, score in fingerprint.duplicates(rows, options.bank):
            print(f"{score:.2f}\t{a['id']}\t{a['label']}\t{a['group']}\t{a['split']}\t{b['id']}\t{b['label']}\t{b['group']}\t{b['split']}")
    else:
        print_statistics(rows, options.bank)
    return 0


if __name__ == "__main__":
    sys.exit(main())
