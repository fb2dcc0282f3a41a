#!/usr/bin/env python3
"""Makes the golden files of tests/base/io_*_test.cpp with the Python libraries that own the formats.

Usage: make_io_goldens.py [OUT_DIR]    (default tests/data/io; needs numpy, safetensors 0.8 or later, gguf 0.19)
Values come from a seeded generator: the same versions give the same bytes.
"""
import pathlib
import sys

import gguf
import numpy as np
import safetensors

FORMATS = {  # GGML type -> (elements, bytes) of a block
    "Q8_0": (32, 34), "Q4_0": (32, 18), "Q4_1": (32, 20), "Q4_K": (256, 144), "Q6_K": (256, 210),
}
HALVES = {"Q4_K": (0, 2), "Q6_K": (208,)}  # offsets of the half-precision scales in a block


def source_rows(rng: np.random.Generator) -> np.ndarray:
    """8 x 256 floats: normal, tiny, huge, constant, zero, one spike, halfway values, ramp."""
    x = rng.normal(size=(8, 256)).astype(np.float32)
    x[1] *= np.float32(1e-7)
    x[2] *= np.float32(2e4)
    x[3] = np.float32(-0.7)
    x[4] = 0
    x[5, 10::32] = np.float32(-50)
    x[6] = (np.arange(256) % 31 - 15) * np.float32(0.5)
    x[7] = np.arange(256, dtype=np.float32) / 256
    return x


def serialized(tensors: dict, metadata: dict | None = None) -> bytes:
    """The file of these {name: (dtype, array)}; the library takes addresses, so the arrays stay alive here."""
    arrays = {name: np.ascontiguousarray(array) for name, (_, array) in tensors.items()}
    specs = {
        name: safetensors.TensorSpec(dtype=dtype, shape=list(array.shape), data_ptr=arrays[name].ctypes.data,
                                     data_len=arrays[name].nbytes)
        for name, (dtype, array) in tensors.items()
    }
    return bytes(safetensors.serialize(specs, metadata=metadata))


def safetensors_file(out: pathlib.Path) -> None:
    def entry(dtype: str, array: np.ndarray) -> tuple:
        return dtype, array

    tensors = {
        "b.weight": entry("float32", np.arange(6, dtype="<f4").reshape(2, 3) / 4),
        "a.weight": entry("float32", np.arange(4, dtype="<f4")),
        "ids": entry("int64", np.array([1, -2, 2**40], dtype="<i8")),
        "half": entry("float16", np.array([1, -0.5, 65504, 2**-24], dtype="<f2")),
        "brain": entry("bfloat16", np.array([0x3F80, 0xC000], dtype="<u2")),
        "bytes": entry("uint8", np.arange(5, dtype="u1")),
        "small": entry("int8", np.array([-1, 1, -128], dtype="i1")),
        "flags": entry("bool", np.array([True, False, True])),
        "int": entry("int32", np.array([[7], [-7]], dtype="<i4")),
        "scalar": entry("float32", np.array(2.5, dtype="<f4")),
        "empty": entry("float32", np.zeros((0, 4), dtype="<f4")),
        'odd "name" \u00e9\n': entry("float64", np.array([0.1], dtype="<f8")),
    }
    (out / "python.safetensors").write_bytes(serialized(tensors, {"format": "pt"}))


def gguf_files(out: pathlib.Path, rng: np.random.Generator) -> None:
    source = source_rows(rng)
    writer = gguf.GGUFWriter(out / "python.gguf", "llama")
    writer.add_uint8("t.uint8", 200)
    writer.add_int8("t.int8", -100)
    writer.add_uint16("t.uint16", 60000)
    writer.add_int16("t.int16", -30000)
    writer.add_uint32("t.uint32", 4000000000)
    writer.add_int32("t.int32", -2000000000)
    writer.add_float32("t.float32", 0.1)
    writer.add_bool("t.bool", True)
    writer.add_string("t.string", "caf\u00e9 \u2603")
    writer.add_uint64("t.uint64", 2**63 + 1)
    writer.add_int64("t.int64", -(2**62))
    writer.add_float64("t.float64", 0.1)
    writer.add_array("t.strings", ["a", "", "\u0120the"])
    writer.add_array("t.ints", [1, -2, 3])
    writer.add_array("t.floats", [0.5, -1.25])
    writer.add_array("t.bools", [True, False])

    expected = {"source": source}
    writer.add_tensor("f32", source[:2, :5].copy())
    writer.add_tensor("f16", source[:3].astype(np.float16))
    bf16 = gguf.quantize(source, gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("bf16", bf16, raw_dtype=gguf.GGMLQuantizationType.BF16)
    expected["f16"] = source[:3].astype(np.float16).astype(np.float32)
    expected["bf16"] = gguf.dequantize(bf16, gguf.GGMLQuantizationType.BF16)
    writer.add_tensor("i32", np.arange(6, dtype=np.int32).reshape(1, 2, 3))
    for name, (elements, size) in FORMATS.items():
        kind = gguf.GGMLQuantizationType[name]
        if name in HALVES:  # the package has no quantiser for these: any bytes are a block if the scales are finite
            blocks = rng.integers(0, 256, size=(4, size), dtype=np.uint8)
            for at in HALVES[name]:
                scales = (rng.normal(size=4) * 0.01).astype("<f2")
                scales[3] = np.float16(2**-20)  # a denormal half
                blocks[:, at : at + 2] = scales.view(np.uint8).reshape(4, 2)
        else:
            blocks = gguf.quantize(source, kind)
        key = name.lower()
        writer.add_tensor(key, blocks, raw_dtype=kind)
        expected[key] = gguf.dequantize(blocks, kind).astype(np.float32)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()

    entries = {name: ("float32", array) for name, array in expected.items()}
    (out / "dequantized.safetensors").write_bytes(serialized(entries))


def npy_files(out: pathlib.Path) -> None:
    base = np.arange(-3, 3).reshape(2, 3)
    for code in ("f4", "f8", "i2", "i4", "i8"):
        np.save(out / f"{code}.npy", (base / 4 if code[0] == "f" else base).astype("<" + code))
    np.save(out / "u1.npy", np.array([0, 127, 255], dtype="u1"))
    np.save(out / "scalar.npy", np.float32(1.5))
    np.save(out / "empty.npy", np.zeros((0, 7), dtype="<f4"))
    with open(out / "version2.npy", "wb") as file:
        np.lib.format.write_array(file, base.astype("<f4"), version=(2, 0))
    np.save(out / "fortran.npy", np.asfortranarray(base.astype("<f4")))
    np.save(out / "bigendian.npy", base.astype(">f4"))


def main() -> None:
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "io"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    out.mkdir(parents=True, exist_ok=True)
    safetensors_file(out)
    gguf_files(out, np.random.default_rng(20250301))
    npy_files(out)


if __name__ == "__main__":
    main()
