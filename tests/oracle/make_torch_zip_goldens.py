#!/usr/bin/env python3
"""Makes the golden files of tests/base/io_torch_zip_test.cpp: archives of torch.save, and what torch holds in them.

Usage: make_torch_zip_goldens.py [OUT_DIR]    (default tests/data/io; needs torch 2.13, numpy 2.4, safetensors 0.8)
Writes torch_*.pt and torch_expected.safetensors, whose names are FILE/PATH. Values come from formulas or a seed: the
same versions give the same bytes.
"""
import argparse
import collections
import pathlib
import sys

import numpy as np
import safetensors.torch
import torch
from torch import nn


def ramp(*shape: int) -> torch.Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape) / 4 - 1


def flat(value, path: str = "") -> dict:
    """{dotted path: tensor} of nested dicts, lists and tuples."""
    if isinstance(value, torch.Tensor):
        return {path: value.detach()}
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, (list, tuple)) else ()
    found = {}
    for key, inner in items:
        found |= flat(inner, f"{path}.{key}" if path else str(key))
    return found


def training() -> dict:
    """The layout of the published training code, after one step."""
    torch.manual_seed(3)
    model = nn.Sequential(collections.OrderedDict(
        norm=nn.LayerNorm(4), proj=nn.Linear(4, 3, bias=False), bn=nn.BatchNorm1d(3)))
    optimizer = torch.optim.AdamW([{"params": [model.proj.weight], "weight_decay": 0.1},
                                   {"params": [*model.norm.parameters(), *model.bn.parameters()], "weight_decay": 0.0}],
                                  lr=1e-3)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 10))
    model(ramp(2, 4)).square().sum().backward()
    optimizer.step()
    scheduler.step()
    return {"epoch": 9, "model_state_dict": model.state_dict(), "optimizer_state_dict": optimizer.state_dict(),
            "lr_scheduler_state_dict": scheduler.state_dict()}


def clap() -> dict:
    """The layout of LAION's CLAP training, whose names come from DistributedDataParallel."""
    state = collections.OrderedDict()
    state["module.logit_scale_a"] = torch.tensor(2.6593)
    state["module.audio_branch.bn0.weight"] = ramp(64)
    state["module.audio_branch.bn0.num_batches_tracked"] = torch.tensor(12345)
    state["module.audio_branch.layers.0.blocks.0.attn.qkv.weight"] = ramp(6, 2)
    state["module.audio_branch.layers.0.blocks.0.attn.relative_position_index"] = torch.arange(9).reshape(3, 3)
    return {"epoch": 16, "name": "2023_04_05-model_HTSAT-large", "state_dict": state,
            "scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 7}}


def types() -> dict:
    base = ramp(4, 6)
    numbers = [0, 1, 2, 100]
    named = {str(dtype).removeprefix("torch."): torch.tensor(numbers).to(dtype) for dtype in (
        torch.float64, torch.float32, torch.float16, torch.bfloat16, torch.float8_e4m3fn, torch.float8_e5m2,
        torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8, torch.uint16, torch.uint32, torch.uint64,
        torch.bool)}
    parameter = nn.Parameter(ramp(2, 2))
    parameter.note = "an attribute set from Python"
    return {
        "types": named,
        "scalar": torch.tensor(2.5),
        "empty": torch.zeros(0, 4),
        "empty_strided": torch.zeros(4, 0).t(),
        "base": base,
        "same": base,
        "rows": base[1:3],
        "row": base[2],
        "element": base[3, 5],
        "column_of_one": base[:1, :].t()[:, :],  # [6, 1] with strides [1, 6]
        "narrow": base[3:, 2:5],
        "flat": base.view(-1),
        "expanded_one": torch.tensor([1.0, 2.0]).reshape(1, 2).expand(1, 2),
        "parameter": nn.Parameter(ramp(3)),
        "frozen": nn.Parameter(ramp(2), requires_grad=False),
        "with_state": parameter,
        "list": [ramp(1), {"deep": (ramp(2), ramp(3))}],
        7: ramp(1),
    }


def plain() -> dict:
    """Everything that is no tensor."""
    return {
        "int": 1, "negative": -5, "byte": 255, "short": 65535, "wide": 2**40, "least": -(2**63), "most": 2**63 - 1,
        "float": 0.1, "infinity": float("inf"), "yes": True, "no": False, "nothing": None,
        "text": "caf\u00e9 \u2603", "": "no name", "long text": "x" * 300, "bytes": b"\x00\xff", "no bytes": b"",
        "bytearray": bytearray(b"\x80a"),
        "list": [1, 2.5, "three", None, [True]], "tuple": (), "pair": (1, (2, 3)), "set": {42},
        "frozen": frozenset({43}), "dict": {0: "zero", -1: "minus", True: "one", None: "none", 0.5: "half"},
        "dotted.key": {"inner.key": 3},
        "namespace": argparse.Namespace(lr=1e-4, batch=32, nested=argparse.Namespace(name="inner"), none=None),
        "empty_namespace": argparse.Namespace(),
        "size": torch.Size([2, 3]), "type": torch.float32,
        "numpy": {"f8": np.float64(1.5), "f4": np.float32(0.25), "f2": np.float16(-0.5), "i8": np.int64(-(2**50)),
                  "i4": np.int32(-7), "i2": np.int16(-300), "i1": np.int8(-1), "u8": np.uint64(2**62),
                  "u4": np.uint32(2**32 - 1), "u2": np.uint16(65535), "u1": np.uint8(200), "yes": np.bool_(True),
                  "type": np.dtype("f4")},
        "ordered": collections.OrderedDict(b=1, a=2),
    }


def refused() -> dict:
    """File ending -> what the reader does not take."""
    negative = torch._neg_view(ramp(2))
    return {
        "transposed": {"a": ramp(2), "model": {"w.t": ramp(3, 4).t()}},
        "sliced": {"w": ramp(3, 4)[:, :2]},
        "expanded": {"w": torch.ones(1).expand(3)},
        "complex": {"a": {"c": torch.complex(ramp(2), ramp(2))}},
        "complex_half": {"c": torch.complex(ramp(2), ramp(2)).to(torch.complex32)},
        "negative": {"n": negative},
        "sparse": {"s": ramp(2, 2).to_sparse()},
        "numpy_array": {"array": np.arange(3)},
        "module": {"net": nn.Linear(1, 1)},
        "attributes": {"b": nn.Buffer(ramp(2))},
        "big_number": {"seed": 2**63},
        "two_paths": {"a.b": 1, "a": {"b": 2}},
        "tuple_key": {"x": {(1, 2): 3}},
        "device": {"where": torch.device("cpu")},
    }


def main() -> None:
    default = pathlib.Path(__file__).resolve().parent.parent / "data" / "io"
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else default
    out.mkdir(parents=True, exist_ok=True)
    expected = {}

    def save(name: str, value, **options) -> None:
        torch.save(value, out / f"torch_{name}.pt", **options)
        expected.update({f"{name}/{path}": tensor.clone().contiguous() for path, tensor in flat(value).items()})

    save("training", training())
    save("clap", clap())
    save("types", types())
    save("types_protocol4", types(), pickle_protocol=4)
    save("types_protocol5", types(), pickle_protocol=5)
    save("plain", plain())
    save("plain_protocol4", plain(), pickle_protocol=4)
    save("bare_tensor", ramp(2, 3))
    safetensors.torch.save_file(expected, out / "torch_expected.safetensors")
    for name, value in refused().items():
        torch.save(value, out / f"torch_refused_{name}.pt")


if __name__ == "__main__":
    main()
