"""The computations of docs/spec/model.md, written a second time as plain functions of a dictionary of weights.

float64 throughout, so that the goldens' own rounding is nothing beside the float32 of what they check. No line
is shared with af2/. Used by make_model_goldens.py and make_training_goldens.py.
"""
import math

import numpy as np
import torch
import torch.nn.functional as F
from named_weights import named


class Weights:
    """Named tensors on demand: w("layers.0.norm1.weight", dim). Remembers what was asked for."""

    def __init__(self, prefix: str = "", store: dict | None = None):
        self.prefix, self.store = prefix, {} if store is None else store

    def __call__(self, name: str, *shape: int) -> torch.Tensor:
        full = self.prefix + name
        if full not in self.store:
            self.store[full] = torch.from_numpy(named(full, shape)).double()
        assert tuple(self.store[full].shape) == shape, (full, shape)
        return self.store[full]

    def below(self, name: str) -> "Weights":
        return Weights(self.prefix + name + ".", self.store)


# ---- section 2 ----

def mel_filters(rate=16000, n_fft=1024, n_mels=64, f_min=50.0, f_max=8000.0) -> np.ndarray:
    def hz_to_mel(f):
        return 2595.0 * math.log10(1.0 + f / 700.0)

    edges = [700.0 * (10.0 ** (m / 2595.0) - 1.0)
             for m in np.linspace(hz_to_mel(f_min), hz_to_mel(f_max), n_mels + 2)]
    filters = np.zeros((n_fft // 2 + 1, n_mels))
    for k in range(n_fft // 2 + 1):
        f = k * (rate / 2) / (n_fft // 2)
        for m in range(n_mels):
            low, mid, high = edges[m:m + 3]
            filters[k, m] = max(0.0, min((f - low) / (mid - low), (high - f) / (high - mid)))
    return filters


def log_mel(x: np.ndarray, filters: np.ndarray, n_fft=1024, hop=160) -> np.ndarray:
    """x [N, samples] -> [N, frames, mels] in dB."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(n_fft) / n_fft)
    out = []
    for row in x.astype(np.float64):
        padded = np.pad(row, n_fft // 2, mode="reflect")
        frames = np.stack([padded[s:s + n_fft] for s in range(0, len(padded) - n_fft + 1, hop)])
        power = np.abs(np.fft.rfft(frames * hann, axis=1)) ** 2
        out.append(10 * np.log10(np.maximum(power @ filters, 1e-10)))
    return np.stack(out)


# ---- section 3 ----

def layer_norm(w, x, eps=1e-5):
    d = x.shape[-1]
    return F.layer_norm(x, (d,), w("weight", d), w("bias", d), eps)


def linear(w, x, out, bias=True):
    return F.linear(x, w("weight", out, x.shape[-1]), w("bias", out) if bias else None)


def batch_norm(w, x, eps=1e-5):
    c = x.shape[1]
    return F.batch_norm(x, w("running_mean", c), w("running_var", c), w("weight", c), w("bias", c), False, 0, eps)


def swin_block(w, x, side, window, heads, odd, mlp_ratio):
    """x [B, side, side, C]; attention by explicit loops over windows and pairs of positions."""
    b, c = x.shape[0], x.shape[-1]
    window = min(window, side)
    shift = window // 2 if odd and side > window else 0
    n, dh = window * window, c // heads
    y = layer_norm(w.below("norm1"), x)
    table = w.below("attn")("relative_position_bias_table", (2 * window - 1) ** 2, heads)
    place = [(r, q) for r in range(window) for q in range(window)]
    bias = torch.stack([torch.stack([table[(r1 - r2 + window - 1) * (2 * window - 1) + (q1 - q2 + window - 1)]
                                     for r2, q2 in place]) for r1, q1 in place]).permute(2, 0, 1)  # [H, n, n]
    out = torch.zeros_like(y)
    for top in range(0, side, window):
        for left in range(0, side, window):
            # Window of the rolled grid: rolled (i, j) is position (i + shift, j + shift) modulo the side.
            rows = [(top + r + shift) % side for r, _ in place]
            columns = [(left + q + shift) % side for _, q in place]
            # Positions that wrapped around an edge do not see those that did not.
            wrapped = [(top + r + shift >= side, left + q + shift >= side) for r, q in place]
            mask = torch.tensor([[0.0 if a == d else -100.0 for d in wrapped] for a in wrapped],
                                dtype=torch.float64)
            tokens = y[:, rows, columns]  # [B, n, C]
            q, k, v = linear(w.below("attn.qkv"), tokens, 3 * c).split(c, dim=-1)
            q, k, v = (t.reshape(b, n, heads, dh).transpose(1, 2) for t in (q, k, v))
            scores = q @ k.transpose(-1, -2) / math.sqrt(dh) + bias + mask
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, n, c)
            out[:, rows, columns] = linear(w.below("attn.proj"), mixed, c)
    x = x + out
    hidden = linear(w.below("mlp.fc1"), layer_norm(w.below("norm2"), x), int(c * mlp_ratio))
    return x + linear(w.below("mlp.fc2"), F.gelu(hidden), c)


def feature_fusion(w, x, y):
    """Attentional feature fusion of x and y [B, C, h, w], reduction 4."""
    c = x.shape[1]

    def conv(at, z, out):
        return F.conv2d(z, at("weight", out, z.shape[1], 1, 1), at("bias", out))

    def branch(at, z, first):
        z = F.relu(batch_norm(at.below(str(first + 1)), conv(at.below(str(first)), z, c // 4)))
        return batch_norm(at.below(str(first + 4)), conv(at.below(str(first + 3)), z, c))

    both = x + y
    near = branch(w.below("local_att"), both, 0)
    far = branch(w.below("global_att"), both.mean((2, 3), keepdim=True), 1)
    gate = 1 / (1 + torch.exp(-(near + far)))
    return 2 * x * gate + 2 * y * (1 - gate)


def htsat(w, mel, *, embed, depths, heads, spec, patch, window, mlp_ratio=4, stem=(),
          frames=0, log1p=False, cells=None):
    """log-mel [B, F, M], or [B, 4, F, M] through the fusion path -> audio tokens [B, S, D]."""
    b, m = mel.shape[0], mel.shape[-1]
    folds = spec // m
    mel = mel.double() if mel.dim() == 4 else mel.double().unsqueeze(1)
    x = batch_norm(w.below("bn0"), mel.permute(0, 3, 2, 1)).permute(0, 3, 2, 1)
    if log1p:
        x = torch.log1p(x.exp())
    x = F.interpolate(x, (frames or spec * folds, m), mode="bicubic", align_corners=True)

    def fold(image):  # [B, C, m, folds * t] -> [B, C, folds * m, t]
        return torch.cat(image.chunk(folds, dim=3), dim=2)

    x = x.permute(0, 1, 3, 2)
    pe = w.below("patch_embed")
    if x.shape[1] > 1:
        image, grid = fold(x), spec // patch
        whole = F.conv2d(image[:, :1], pe("proj.weight", embed, 1, patch, patch), pe("proj.bias", embed), stride=patch)
        crops = torch.zeros_like(whole)
        for i in range(1, x.shape[1]):
            crop = F.conv2d(image[:, i:i + 1], pe("mel_conv2d.weight", embed, 1, patch, 3 * patch),
                            pe("mel_conv2d.bias", embed), stride=(patch, 3 * patch))
            at = (i - 1) * crop.shape[3]
            crops[:, :, :, at:at + crop.shape[3]] = crop[:, :, :, :grid - at]
        x = feature_fusion(pe.below("fusion_model"), whole, crops)
    elif not stem:
        x = F.conv2d(fold(x), pe("proj.weight", embed, 1, patch, patch), pe("proj.bias", embed), stride=patch)
    else:
        for i, (channels, stride, *pool) in enumerate(stem):
            x = F.conv2d(x, pe(f"stem.{2 * i}.weight", channels, x.shape[1], 3, 3), None, stride, 1)
            x = F.relu(batch_norm(pe.below(f"stem.{2 * i + 1}"), x))
            if pool:
                x = F.max_pool2d(x, pool)
        if cells:
            return layer_norm(w.below("norm"), stem_tokens(w.below("stem_tokens"), x, **cells))
        x = fold(x)
        if x.shape[1] != embed:
            x = F.conv2d(x, pe("proj.weight", embed, x.shape[1], 1, 1), pe("proj.bias", embed))
    x = layer_norm(pe.below("norm"), x.permute(0, 2, 3, 1))  # [B, side, side, C]
    for s, depth in enumerate(depths):
        stage, side = w.below(f"layers.{s}"), spec // patch >> s
        for i in range(depth):
            x = swin_block(stage.below(f"blocks.{i}"), x, side, window, heads[s], i % 2 == 1, mlp_ratio)
        if s + 1 < len(depths):
            parts = [x[:, r::2, q::2] for r, q in ((0, 0), (1, 0), (0, 1), (1, 1))]
            x = layer_norm(stage.below("downsample.norm"), torch.cat(parts, -1))
            x = linear(stage.below("downsample.reduction"), x, x.shape[-1] // 2, bias=False)
    x = layer_norm(w.below("norm"), x).permute(0, 3, 1, 2)  # [B, D, g, g]
    g, d = x.shape[-1], x.shape[1]
    x = x.reshape(b, d, folds, g // folds, g).permute(0, 1, 3, 2, 4).reshape(b, d, g // folds, folds * g)
    return x.flatten(2).transpose(1, 2)


def stem_tokens(w, x, *, bands, steps, span, context, moment):
    """The stem's map [B, C, m, t] -> tokens [B, steps, context + moment] (interfaces.md section 2, `clap.cells`)."""
    b, c, m, t = x.shape
    n = c * bands
    cells = torch.sqrt(x.reshape(b, c, bands, m // bands, steps, t // steps).mean((3, 5)) + 1e-3).reshape(b, n, steps)
    mean, deviation = w("norm.running_mean", 2 * n), torch.sqrt(w("norm.running_var", 2 * n) + 1e-5)
    around = []
    for i in range(steps):
        near = cells[:, :, max(0, i - span // 2):i + span // 2 + 1]
        around.append((torch.cat([near.mean(2), near.amax(2)], 1) - mean) / deviation)
    named = linear(w.below("context"), torch.stack(around, 1), context)
    named = named / named.norm(dim=-1, keepdim=True) * math.sqrt(context)
    alone = (cells.transpose(1, 2) - mean[:n]) / deviation[:n]
    return torch.cat([named, linear(w.below("moment"), alone, moment)], -1)


# ---- section 5 ----

def rotate(x, positions, width, base):
    """Half-split rotary on the first `width` of the last axis; positions broadcast over x.shape[:-1]."""
    out = x.clone()
    half = width // 2
    for j in range(half):
        angle = positions * base ** (-2.0 * j / width)
        a, c = x[..., j], x[..., j + half]
        out[..., j] = a * torch.cos(angle) - c * torch.sin(angle)
        out[..., j + half] = c * torch.cos(angle) + a * torch.sin(angle)
    return out


def audio_transformer(w, tokens, mask, *, layers, heads, rotary):
    """tokens [B, S, D], mask [B, S] or None; rotary "on", "off", or "heads" (the March 2025 code's axis)."""
    b, s, d = tokens.shape
    dh = d // heads
    width = min(max(dh // 2, 32), dh)
    x = layer_norm(w.below("layer_norm"), tokens * math.sqrt(d), 1e-6)
    for i in range(layers):
        a = w.below(f"layer_stack.{i}.slf_attn")
        q, k, v = (linear(a.below(n), x, d, False).reshape(b, s, heads, dh) for n in ("w_qs", "w_ks", "w_vs"))
        if rotary != "off":
            along = torch.arange(s).reshape(1, s, 1) if rotary == "on" else torch.arange(heads).reshape(1, 1, -1)
            q, k = (rotate(t, along.double(), width, 4096.0) for t in (q, k))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(dh)
        if mask is not None:
            scores = scores.masked_fill(mask[:, None, None, :] == 0, -1e9)
        mixed = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(b, s, d)
        x = layer_norm(a.below("layer_norm"), linear(a.below("fc"), mixed, d, False) + x, 1e-6)
        f = w.below(f"layer_stack.{i}.pos_ffn")
        y = linear(f.below("w_2"), F.relu(linear(f.below("w_1"), x, d)), d)
        x = layer_norm(f.below("layer_norm"), y + x, 1e-6)
    return x


# ---- section 6 ----

def gated_cross_attention(w, x, memory, mask, *, heads, dim_head, ff_mult):
    b, t, d = x.shape
    inner = heads * dim_head
    q = linear(w.below("attn.to_q"), layer_norm(w.below("attn.norm"), x), inner, False) * dim_head ** -0.5
    k, v = linear(w.below("attn.to_kv"), memory, 2 * inner, False).chunk(2, -1)
    q, k, v = (y.reshape(b, -1, heads, dim_head) for y in (q, k, v))
    scores = torch.einsum("bihd,bjhd->bhij", q, k)
    if mask is not None:
        scores = scores.masked_fill(mask[:, None, None, :] == 0, -torch.finfo(torch.float32).max)
    mixed = torch.einsum("bhij,bjhd->bihd", scores.softmax(-1), v).reshape(b, t, inner)
    x = x + torch.tanh(w("attn_gate", 1)) * linear(w.below("attn.to_out"), mixed, d, False)
    hidden = F.gelu(linear(w.below("ff.1"), layer_norm(w.below("ff.0"), x), round(d * ff_mult), False))
    return x + torch.tanh(w("ff_gate", 1)) * linear(w.below("ff.3"), hidden, d, False)


# ---- section 7 ----

def rms_norm(w, x, eps):
    return x / torch.sqrt((x * x).mean(-1, keepdim=True) + eps) * w("weight", x.shape[-1])


def decoder(w, ids, lm, n_added, cross=None):
    """ids [B, T] -> logits [B, T, vocab + n_added]. cross(i, x): what precedes layer i."""
    b, t = ids.shape
    d, h, kv, dh = lm["dim"], lm["n_heads"], lm["n_kv_heads"], lm["head_dim"]
    table = torch.cat([w("embed_tokens.weight", lm["vocab"], d), w("added_embeddings", n_added, d)])
    x = table[ids]
    at = torch.arange(t).double().reshape(1, t, 1)
    causal = torch.ones(t, t, dtype=torch.bool).triu(1)
    bias = lm["arch"] == "qwen2"
    for i in range(lm["n_layers"]):
        if cross is not None:
            x = cross(i, x)
        layer = w.below(f"layers.{i}")
        a = layer.below("self_attn")
        y = rms_norm(layer.below("input_layernorm"), x, lm["rms_eps"])
        q = rotate(linear(a.below("q_proj"), y, h * dh, bias).reshape(b, t, h, dh), at, dh, lm["rope_theta"])
        k = rotate(linear(a.below("k_proj"), y, kv * dh, bias).reshape(b, t, kv, dh), at, dh, lm["rope_theta"])
        v = linear(a.below("v_proj"), y, kv * dh, bias).reshape(b, t, kv, dh)
        k, v = (z.repeat_interleave(h // kv, dim=2) for z in (k, v))
        scores = torch.einsum("bihd,bjhd->bhij", q, k) / math.sqrt(dh)
        mixed = torch.einsum("bhij,bjhd->bihd", scores.masked_fill(causal, -math.inf).softmax(-1), v)
        x = x + linear(a.below("o_proj"), mixed.reshape(b, t, h * dh), d, False)
        y = rms_norm(layer.below("post_attention_layernorm"), x, lm["rms_eps"])
        m = layer.below("mlp")
        gated = F.silu(linear(m.below("gate_proj"), y, lm["ffn_dim"], False)) * linear(
            m.below("up_proj"), y, lm["ffn_dim"], False)
        x = x + linear(m.below("down_proj"), gated, d, False)
    x = rms_norm(w.below("norm"), x, lm["rms_eps"])
    head = table if lm["tied"] else torch.cat([w("lm_head.weight", lm["vocab"], d), table[lm["vocab"]:]])
    return x @ head.T
