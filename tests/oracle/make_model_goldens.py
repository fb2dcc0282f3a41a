#!/usr/bin/env python3
"""Makes tests/data/model/{logmel,htsat,memory,decoder,whole}.safetensors, the goldens of
tests/model/parity_test.cpp.

Usage: make_model_goldens.py [OUT_DIR]    (default tests/data/model; needs numpy, torch, safetensors and
transformers 4.57 or later; about a minute on one core)

Weights come from named_weights.py, formulas from reference_model.py in float64. Where `transformers` has the same
block (CLAP audio encoder, Llama, Qwen2) the formulas are first compared with it.
"""
import pathlib
import sys

import numpy as np
import torch
from named_weights import ids, mel_like, named, sound_like, uniform
from reference_model import (Weights, audio_transformer, decoder, gated_cross_attention, htsat, log_mel,
                             mel_filters)
from safetensors.numpy import save_file

torch.set_num_threads(1)

LLAMA = dict(arch="llama", n_layers=3, dim=64, n_heads=4, n_kv_heads=2, head_dim=16, ffn_dim=96, vocab=80,
             rope_theta=10000.0, rms_eps=1e-5, tied=True)
QWEN2 = dict(arch="qwen2", n_layers=2, dim=96, n_heads=6, n_kv_heads=2, head_dim=16, ffn_dim=64, vocab=75,
             rope_theta=1e6, rms_eps=1e-6, tied=False)
PATCH = dict(embed=16, depths=(2, 2, 2), heads=(2, 4, 4), spec=64, patch=4, window=4)
WIDE = dict(embed=16, depths=(2, 2, 2), heads=(2, 4, 4), spec=128, patch=4, window=4)
STEM = dict(embed=16, depths=(1, 2), heads=(2, 4), spec=64, patch=8, window=4,
            stem=((8, 2), (12, 1), (12, 2), (16, 2)))
POOLED = dict(embed=16, depths=(1, 2), heads=(2, 4), spec=64, patch=8, window=4,
              stem=((8, 1, 2, 2), (12, 2), (20, 1, 2, 1)), frames=64, log1p=True)
PUBLISHED = dict(embed=8, depths=(2, 1, 1, 2), heads=(1, 2, 4, 4), spec=256, patch=4, window=8)  # width apart


def check(ours, theirs, what):
    error = float((ours - theirs).norm() / theirs.norm())
    print(f"{what}: relative difference to transformers {error:.1e}")
    assert error < 1e-5, what


def transformers_clap(mel, w, *, embed, depths, heads, spec, patch, window):
    from transformers import ClapAudioConfig, ClapAudioModel
    config = ClapAudioConfig(patch_embeds_hidden_size=embed, depths=list(depths), num_attention_heads=list(heads),
                             spec_size=spec, patch_size=patch, patch_stride=[patch, patch], window_size=window,
                             num_mel_bins=mel.shape[2], hidden_size=embed << (len(depths) - 1),
                             enable_fusion=False, num_hidden_layers=len(depths), mlp_ratio=4.0, qkv_bias=True,
                             hidden_act="gelu", attn_implementation="eager")
    model = ClapAudioModel(config).double().eval()
    renames = [("audio_encoder.", ""), ("batch_norm", "bn0"), ("layernorm_before", "norm1"),
               ("layernorm_after", "norm2"), ("attention.output.dense", "attn.proj"), ("attention.self.", "attn."),
               ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")]
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("relative_position_index", "num_batches_tracked")):
                continue
            for old, new in renames:
                name = name.replace(old, new)
            for k, part in enumerate(("query", "key", "value")):
                if f"attn.{part}" in name:
                    whole = w.store[w.prefix + name.replace(part, "qkv")]
                    tensor.copy_(whole.chunk(3)[k])
                    break
            else:
                tensor.copy_(w.store[w.prefix + name])
        return model(mel.double().unsqueeze(1)).last_hidden_state.flatten(2).transpose(1, 2)


def transformers_lm(tokens, w, lm, n_added):
    from transformers import LlamaConfig, LlamaForCausalLM, Qwen2Config, Qwen2ForCausalLM
    kind, config_kind = ((LlamaForCausalLM, LlamaConfig) if lm["arch"] == "llama" else
                         (Qwen2ForCausalLM, Qwen2Config))
    config = config_kind(
        hidden_size=lm["dim"], intermediate_size=lm["ffn_dim"], num_hidden_layers=lm["n_layers"],
        num_attention_heads=lm["n_heads"], num_key_value_heads=lm["n_kv_heads"], head_dim=lm["head_dim"],
        vocab_size=lm["vocab"] + n_added, rms_norm_eps=lm["rms_eps"], tie_word_embeddings=lm["tied"],
        rope_parameters={"rope_type": "default", "rope_theta": lm["rope_theta"]}, rope_theta=lm["rope_theta"],
        max_position_embeddings=256, attn_implementation="eager")
    model = kind(config).double().eval()
    added = w.store[w.prefix + "added_embeddings"]
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            key = w.prefix + name.removeprefix("model.")
            if name == "lm_head.weight" and lm["tied"]:
                key = w.prefix + "embed_tokens.weight"
            value = w.store[key]
            if name in ("model.embed_tokens.weight", "lm_head.weight"):
                value = torch.cat([value, added])
            assert tensor.shape == value.shape, name
            tensor.copy_(value)
        return model(tokens).logits


def f32(tensor):
    array = tensor.detach().numpy() if isinstance(tensor, torch.Tensor) else tensor
    return np.ascontiguousarray(array, np.float32)


def make_logmel():
    tiny = log_mel(sound_like("logmel/tiny", (2, 8000)), mel_filters(n_mels=32))
    full = log_mel(sound_like("logmel/full", (1, 160000)), mel_filters())
    assert full.shape == (1, 1001, 64)
    at = ids("logmel/places", (200,), full.size)
    return {"tiny": f32(tiny), "full_at_places": f32(full.reshape(-1)[at]),
            "filters": f32(mel_filters()[::16])}


def make_htsat():
    out = {}
    for name, config, shape in (("patch", PATCH, (2, 126, 32)), ("wide", WIDE, (1, 250, 64)),
                                ("published", PUBLISHED, (1, 1001, 64)), ("stem", STEM, (2, 126, 32)),
                                ("pooled", POOLED, (2, 63, 32))):
        w = Weights(f"htsat/{name}/")
        mel = torch.from_numpy(mel_like(f"htsat/{name}", shape))
        tokens = htsat(w, mel, **config)
        if "stem" not in config:
            check(tokens, transformers_clap(mel, w, **config), f"htsat {name}")
        out[name] = f32(tokens)
    return out


def make_memory():
    out, w = {}, Weights("memory/")
    tokens = torch.from_numpy(uniform("memory/tokens", 2 * 48 * 128).reshape(2, 48, 128))
    mask = torch.tensor([[1] * 48, [1] * 32 + [0] * 16])
    options = dict(layers=2, heads=2)
    out["on"] = f32(audio_transformer(w, tokens, mask, rotary="on", **options))
    off = audio_transformer(w, tokens, mask, rotary="off", **options)
    heads = audio_transformer(w, tokens, mask, rotary="heads", **options)
    check(heads, off, "rotary over heads against none (no transformers here)")
    out["heads_noop"] = f32(heads[:, ::3])
    out["one_window"] = f32(audio_transformer(w, tokens[:, :16], None, rotary="on", **options))
    # As published, 64 tokens a window: 12 and 30 windows, the last one padding.
    for windows in (12, 30):
        n = windows * 64
        long = torch.from_numpy(uniform(f"memory/long{windows}", n * 64).reshape(1, n, 64))
        mask = torch.tensor([[1] * (n - 64) + [0] * 64])
        memory = audio_transformer(Weights("memory/long/"), long, mask, rotary="on", **options)
        out[f"windows_{windows}"] = f32(memory[:, ::301])
    x = torch.from_numpy(uniform("memory/x", 2 * 7 * 48).reshape(2, 7, 48))
    media = torch.from_numpy(uniform("memory/media", 2 * 24 * 40).reshape(2, 24, 40))
    mask = torch.tensor([[1] * 24, [1] * 16 + [0] * 8])
    for ff_mult in (4, 1.5):
        for masked in (False, True):
            y = gated_cross_attention(Weights(f"xattn/{ff_mult:g}/"), x, media, mask if masked else None, heads=3,
                                      dim_head=16, ff_mult=ff_mult)
            out[f"xattn_{ff_mult:g}{'_masked' if masked else ''}"] = f32(y)
    return out


def make_decoder():
    out = {}
    for name, lm in (("llama", LLAMA), ("qwen2", QWEN2)):
        w = Weights(f"lm/{name}/")
        tokens = torch.from_numpy(ids(f"lm/{name}", (2, 19), lm["vocab"] + 4))
        logits = decoder(w, tokens, lm, 4)
        check(logits, transformers_lm(tokens, w, lm, 4), name)
        out[name] = f32(logits)
    return out


def whole(w, windows, window_mask, tokens, *, clap, layers, audio_heads, lm, every, ff_mult):
    """windows [B, W, samples] -> tower tokens, memory, logits."""
    b, n, samples = windows.shape
    mel = log_mel(windows.reshape(b * n, samples), mel_filters(n_mels=32))
    heard = htsat(w.below("clap.nvclap"), torch.from_numpy(mel), **clap)
    heard = heard.reshape(b, -1, heard.shape[-1])
    mask = window_mask.repeat_interleave(heard.shape[1] // n, dim=1)
    memory = audio_transformer(w.below("audio_transformer_clap"), heard, mask, layers=layers, heads=audio_heads,
                               rotary="on")

    def cross(i, x):
        if (i + 1) % every:
            return x
        block = w.below(f"lang_encoder.gated_cross_attn_layers_sound.{i}")
        return gated_cross_attention(block, x, memory, mask, heads=2, dim_head=16, ff_mult=ff_mult)

    return heard, memory, decoder(w.below("lang_encoder.model"), tokens, lm, 4, cross)


def greedy(logits_of, tokens, n):
    """The n likeliest next tokens, one after the other, none of the last 16 again (such weights would repeat one
    for ever), and the smallest lead of one over the second."""
    lead = float("inf")
    start = tokens.shape[1]
    for _ in range(n):
        logits = logits_of(tokens)[0, -1]
        logits[tokens[0, -16:]] = -torch.inf
        best = logits.topk(2)
        lead = min(lead, float(best.values[0] - best.values[1]))
        tokens = torch.cat([tokens, best.indices[:1].reshape(1, 1)], 1)
    return tokens[0, start:], lead


def make_whole():
    out = {}
    windows = sound_like("whole", (6, 20000)).reshape(2, 3, 20000)
    mask = torch.tensor([[1, 1, 1], [1, 1, 0]])
    for name, lm, clap, every, ff_mult in (("every", LLAMA, PATCH, 1, 2), ("second", QWEN2, STEM, 2, 4)):
        tokens = torch.from_numpy(ids(f"whole/{name}", (2, 11), lm["vocab"] + 4))
        w, sizes = Weights(f"whole/{name}/"), dict(clap=clap, layers=2, audio_heads=1, lm=lm, every=every,
                                                   ff_mult=ff_mult)
        heard, memory, logits = whole(w, windows, mask, tokens, **sizes)
        answer, lead = greedy(lambda t: whole(w, windows[:1, :1], mask[:1, :1], t, **sizes)[2], tokens[:1], 64)
        print(f"{name}: 64 greedy tokens, smallest lead {lead:.4f}, {len(set(answer.tolist()))} different")
        assert lead > 4e-3, "too close to tell"
        out |= {f"{name}_tokens": f32(heard[:, ::4]), f"{name}_memory": f32(memory[:, ::4]),
                f"{name}_logits": f32(logits), f"{name}_greedy": f32(answer)}
    return out


def main():
    here = pathlib.Path(__file__).resolve().parent
    out = pathlib.Path(sys.argv[1]) if len(sys.argv) > 1 else here.parent / "data/model"
    out.mkdir(parents=True, exist_ok=True)
    assert named("x.weight", (2, 3)).dtype == np.float32
    with torch.no_grad():
        for name, make in (("logmel", make_logmel), ("htsat", make_htsat), ("memory", make_memory),
                           ("decoder", make_decoder), ("whole", make_whole)):
            arrays = make()
            save_file(arrays, out / f"{name}.safetensors")
            size = (out / f"{name}.safetensors").stat().st_size
            print(name, {k: v.shape for k, v in arrays.items()}, size)
            assert size < 100_000, "a golden stays below 100 kB"


if __name__ == "__main__":
    main()
