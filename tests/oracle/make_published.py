#!/usr/bin/env python3
"""Writes a whole checkpoint in the layout that Audio Flamingo 2 is published in, with weights made from names.

Usage: make_published.py --shape tiny|0.5b|1.5b|3b --out DIR --tokenizer tokenizer.json [--dtype f32|bf16] [--single]

  DIR/safe_ckpt/metadata.json, model_chunk_{k}.safetensors   every tensor, and its second and third name unless
                                                             --single; separate lm_head; 151,669 rows
  DIR/Qwen2.5-SHAPE/config.json, tokenizer.json              the base language model without weights

The filters of the tower's spectrogram, which tell the generation, are the real ones (f_max 8000). The 0.5b shape
takes 6 GB on disk with duplicates, 3b in bf16 with --single 9 GB. Nothing of it is a trained weight.
"""
import argparse
import collections
import concurrent.futures
import json
import os
import pathlib
import shutil

import numpy as np
from named_weights import named, uniform
from published_shapes import ADDED, SHAPES, tensors
from reference_model import mel_filters

CHUNK_BYTES = 1 << 30
FINAL_NORM = "lang_encoder.model.norm.weight"


def value(name: str, shape) -> np.ndarray:
    """The signs of the final norm are mixed, or every token would be followed by itself (the head is tied)."""
    x = named(name, shape)
    return x * np.where(uniform(name + "/sign", x.size) < 0, -1, 1).astype(np.float32) if name == FINAL_NORM else x


def to_bytes(x: np.ndarray, dtype: str) -> bytes:
    if dtype == "f32":
        return x.tobytes()
    bits = x.view(np.uint32)
    return ((bits + np.uint32(0x7FFF) + ((bits >> np.uint32(16)) & np.uint32(1))) >> np.uint32(16)).astype(
        np.uint16).tobytes()


def made(shape, dtype: str):
    """(name, dims, bytes) of every tensor in order; several are computed at once, a few ahead of the one taken."""
    workers = min(16, os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        ahead = collections.deque()
        for name, dims in tensors(shape):
            ahead.append((name, dims, pool.submit(lambda name, dims: to_bytes(value(name, dims), dtype), name, dims)))
            if len(ahead) > 2 * workers:
                name, dims, data = ahead.popleft()
                yield name, dims, data.result()
        for name, dims, data in ahead:
            yield name, dims, data.result()


def other_names(name: str):
    """The further names under which the published state dict holds a tensor (model.md section 9)."""
    layers, blocks = "lang_encoder.model.layers.", "lang_encoder.gated_cross_attn_layers_sound."
    if name.startswith(layers):
        yield "lang_encoder.old_decoder_blocks." + name[len(layers):]
    if name.startswith(blocks):
        number, rest = name[len(blocks):].split(".", 1)
        yield f"{layers}{number}.gated_cross_attn_layer_sound.{rest}"


def published_name(name: str) -> str:
    layers = "lang_encoder.model.layers."
    if not name.startswith(layers):
        return name
    number, rest = name[len(layers):].split(".", 1)
    return f"{layers}{number}.decoder_layer.{rest}"


class ChunkWriter:
    """safetensors files of about a gigabyte, each tensor written as it is made."""

    def __init__(self, folder: pathlib.Path):
        self.folder, self.chunks, self.pending, self.size = folder, {}, [], 0

    def add(self, name: str, dtype: str, shape, data: bytes):
        self.pending.append((name, dtype, list(shape), data))
        self.size += len(data)
        if self.size >= CHUNK_BYTES:
            self.flush()

    def flush(self):
        if not self.pending:
            return
        header, at = {"__metadata__": {"format": "pt"}}, 0
        for name, dtype, shape, data in self.pending:
            header[name] = {"dtype": dtype.upper(), "shape": shape, "data_offsets": [at, at + len(data)]}
            at += len(data)
        text = json.dumps(header).encode()
        text += b" " * (-len(text) % 8)
        chunk = f"model_chunk_{len(self.chunks)}"
        with open(self.folder / f"{chunk}.safetensors", "wb") as file:
            file.write(len(text).to_bytes(8, "little") + text)
            for *_, data in self.pending:
                file.write(data)
        self.chunks[chunk] = [name for name, *_ in self.pending]
        self.pending, self.size = [], 0


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--shape", choices=SHAPES, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--tokenizer", type=pathlib.Path, required=True)
    parser.add_argument("--dtype", choices=("f32", "bf16"), default="f32")
    parser.add_argument("--single", action="store_true", help="each tensor under one name")
    args = parser.parse_args()
    shape = SHAPES[args.shape]
    folder = args.out / "safe_ckpt"
    folder.mkdir(parents=True)
    writer = ChunkWriter(folder)
    for name, dims, data in made(shape, args.dtype):
        writer.add(published_name(name), args.dtype, dims, data)
        if not args.single:
            for other in other_names(name):
                writer.add(other, args.dtype, dims, data)
        if name.endswith("embed_tokens.weight"):
            writer.add("lang_encoder.lm_head.weight", args.dtype, dims, data)
    filters = mel_filters(f_max=shape.f_max).astype(np.float32)
    writer.add("clap.nvclap.logmel_extractor.melW", "f32", filters.shape, filters.tobytes())
    writer.flush()
    (folder / "metadata.json").write_text(json.dumps(writer.chunks))
    base = args.out / f"Qwen2.5-{args.shape}"
    base.mkdir()
    (base / "config.json").write_text(json.dumps({
        "model_type": "qwen2", "num_hidden_layers": shape.layers, "hidden_size": shape.dim,
        "num_attention_heads": shape.heads, "num_key_value_heads": shape.kv_heads,
        "intermediate_size": shape.ffn, "vocab_size": 151936, "max_position_embeddings": 32768,
        "rope_theta": 1e6, "rms_norm_eps": 1e-6, "tie_word_embeddings": True}))
    shutil.copyfile(args.tokenizer, base / "tokenizer.json")
    n = sum(int(np.prod(dims)) for _, dims in tensors(shape))
    print(f"{n / 1e6:.1f} M parameters ({ADDED} added tokens among the {shape.vocab} rows) in {args.out}")


if __name__ == "__main__":
    main()
