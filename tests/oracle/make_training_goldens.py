#!/usr/bin/env python3
"""Makes tests/data/model/{training,gradients_first,gradients_last}.safetensors, the goldens of
tests/model/trainer_test.cpp: ten steps of the adapter's training on name-seeded data.

Usage: make_training_goldens.py [OUT_DIR]    (default tests/data/model; needs numpy, torch, safetensors)

docs/spec/training.md sections 1 and 2 in float64 PyTorch: answer-only cross-entropy with labels of -100 over the
shifted full sequence, two micro-batches a step, autograd, clip_grad_norm_, torch.optim.AdamW in two groups. The
language model is frozen. Stored: losses and gradient norms of all steps; of every trained tensor and step the
gradient's norm and its product with a name-seeded direction; all gradients of the first and the last step, before
clipping.
"""
import pathlib
import sys

import numpy as np
import torch
import torch.nn.functional as F
from named_weights import ids, uniform
from reference_model import Weights, audio_transformer, decoder, gated_cross_attention
from safetensors.numpy import save_file

torch.set_num_threads(1)
STEPS, MICRO, PAD = 10, 2, 39
LM = dict(arch="llama", n_layers=2, dim=32, n_heads=2, n_kv_heads=1, head_dim=16, ffn_dim=48, vocab=40,
          rope_theta=10000.0, rms_eps=1e-5, tied=True)
PROMPTS, ANSWERS, SCENE_OF = (5, 3, 7), (3, 4, 2), (0, 1, 1)


def logits_of(w, heard, mask, tokens):
    memory = audio_transformer(w.below("audio_transformer_clap"), heard, mask, layers=1, heads=2, rotary="on")
    rows = list(SCENE_OF)

    def cross(i, x):
        block = w.below(f"lang_encoder.gated_cross_attn_layers_sound.{i}")
        return gated_cross_attention(block, x, memory[rows], mask[rows], heads=2, dim_head=8, ff_mult=1)

    return decoder(w.below("lang_encoder.model"), tokens, LM, 4, cross)


def micro_batch(w, name):
    """Sum of the losses and number of targets."""
    heard = torch.from_numpy(uniform(f"{name}/heard", 2 * 32 * 32).reshape(2, 32, 32))
    mask = torch.tensor([[1] * 32, [1] * 16 + [0] * 16])
    length = max(p + a for p, a in zip(PROMPTS, ANSWERS))
    tokens, labels = torch.full((3, length), PAD), torch.full((3, length), -100)
    for i, (p, a) in enumerate(zip(PROMPTS, ANSWERS)):
        tokens[i, :p] = torch.from_numpy(ids(f"{name}/prompt/{i}", (p,), LM["vocab"] + 4))
        tokens[i, p:p + a] = torch.from_numpy(ids(f"{name}/answer/{i}", (a,), LM["vocab"] + 4))
        labels[i, p:p + a] = tokens[i, p:p + a]
    logits = logits_of(w, heard, mask, tokens)
    return F.cross_entropy(logits[:, :-1].flatten(0, 1), labels[:, 1:].flatten(), reduction="sum"), sum(ANSWERS)


def learning_rate(step, steps=20, peak=3e-3, warmup=4, final=0.02):
    if step < warmup:
        return peak * (step + 1) / warmup
    return peak * (final + (1 - final) * (1 - (step - warmup) / (steps - warmup)))


def main():
    here = pathlib.Path(__file__).resolve().parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "data/model"
    w = Weights("training/")
    micro_batch(w, "training/none")  # names every weight
    trained = {name: tensor.requires_grad_() for name, tensor in w.store.items()
               if "lang_encoder.model." not in name or name.endswith("added_embeddings")}
    names = sorted(trained)
    decayed = [n for n in names if trained[n].dim() >= 2 and not n.endswith("added_embeddings")]
    plain = [n for n in names if n not in decayed]
    optimizer = torch.optim.AdamW([
        {"params": [trained[n] for n in decayed], "weight_decay": 0.1},
        {"params": [trained[n] for n in plain], "weight_decay": 0.0}], betas=(0.9, 0.999), eps=1e-8)
    losses, norms, products, sizes = [], [], [], []
    for step in range(STEPS):
        optimizer.zero_grad()
        parts = [micro_batch(w, f"training/{step}/{m}") for m in range(MICRO)]
        loss = sum(p[0] for p in parts) / sum(p[1] for p in parts)
        loss.backward()
        losses.append(loss.item())
        grads = {n: trained[n].grad.clone() for n in names}
        sizes.append([float(grads[n].norm()) for n in names])
        products.append([float(grads[n].flatten() @ torch.from_numpy(uniform(n + "/direction", grads[n].numel())))
                         for n in names])
        if step in (0, STEPS - 1):
            arrays = {n.removeprefix("training/"): np.ascontiguousarray(g.numpy(), np.float32) for n, g in grads.items()}
            save_file(arrays, out / f"gradients_{'first' if step == 0 else 'last'}.safetensors")
        norms.append(float(torch.nn.utils.clip_grad_norm_(list(trained.values()), 1.0)))
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
    print("losses", losses, "\nnorms", norms, "\ntensors", len(names))
    columns = {"losses": losses, "norms": norms, "gradient_norms": sizes, "gradient_products": products}
    save_file({k: np.asarray(v, np.float32) for k, v in columns.items()}, out / "training.safetensors")
    for path in sorted(out.glob("*.safetensors")):
        assert path.stat().st_size < 100_000, path
        print(path.name, path.stat().st_size)


if __name__ == "__main__":
    main()
