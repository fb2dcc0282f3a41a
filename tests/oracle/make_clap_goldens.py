#!/usr/bin/env python3
"""Makes tests/data/model/clap.safetensors, the goldens of tests/model/clap_test.cpp, and tests/data/text/unigram.model
with its expected ids.

Usage: make_clap_goldens.py    (needs numpy, torch, safetensors, sentencepiece and transformers; seconds)

Weights come from named_weights.py, formulas from reference_clap.py. The fusion path is first compared with the CLAP
audio encoder of `transformers`.
"""
import io
import json
import math
import pathlib

import numpy as np
import torch
from named_weights import ids, mel_like, sound_like, uniform
from reference_clap import T5, embed_audio, embed_text, features, tower
from reference_model import Weights, htsat, mel_filters
from safetensors.numpy import save_file

torch.set_num_threads(1)
DATA = pathlib.Path(__file__).resolve().parents[1] / "data"
PATCH = dict(embed=16, depths=(2, 2, 2), heads=(2, 4, 4), spec=64, patch=4, window=4)
PUBLISHED = dict(embed=8, depths=(2, 1, 1, 2), heads=(1, 2, 4, 4), spec=256, patch=4, window=8)  # width apart
JOINT, WINDOW_S = 24, 0.5
CORPUS = """a dog barks twice and then a door falls shut
rain on a tin roof, thunder far away
two people talk while a kettle whistles
someone plays the piano; a clock ticks
the sound of a bell, a whistle and a helicopter
children laugh, a car starts, birds sing in the trees
water drips into a bucket, a saw cuts wood""".splitlines()
TEXTS = ["a dog barks", "  A dog,  barks!  ", "", "rain and thunder", "ein Hund bellt laut", "caf\u00e9 \u4f60\u597d",
         "bell bell bell", "\t tab\nand newline"]


def named(name, shape):
    return torch.from_numpy(mel_like(name, shape))


def check_with_transformers(mel, w, sizes):
    """mel [4, F, M]."""
    from transformers import ClapAudioConfig, ClapAudioModel
    config = ClapAudioConfig(patch_embeds_hidden_size=sizes["embed"], depths=list(sizes["depths"]),
                             num_attention_heads=list(sizes["heads"]), spec_size=sizes["spec"],
                             patch_size=sizes["patch"], patch_stride=[sizes["patch"]] * 2,
                             window_size=sizes["window"], num_mel_bins=mel.shape[-1],
                             hidden_size=sizes["embed"] << (len(sizes["depths"]) - 1), enable_fusion=True,
                             fusion_type="aff_2d", num_hidden_layers=len(sizes["depths"]), mlp_ratio=4.0,
                             qkv_bias=True, hidden_act="gelu", attn_implementation="eager", aff_block_r=4)
    model = ClapAudioModel(config).double().eval()
    renames = [("audio_encoder.", ""), ("batch_norm", "bn0"), ("layernorm_before", "norm1"),
               ("layernorm_after", "norm2"), ("attention.output.dense", "attn.proj"), ("attention.self.", "attn."),
               ("intermediate.dense", "mlp.fc1"), ("output.dense", "mlp.fc2")]
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if name.endswith(("relative_position_index", "num_batches_tracked")):
                continue
            if "fusion_model" in name or "mel_conv2d" in name:
                name = name.replace("audio_encoder.", "")
            else:
                for old, new in renames:
                    name = name.replace(old, new)
            for k, part in enumerate(("query", "key", "value")):
                if f"attn.{part}" in name:
                    tensor.copy_(w.store[w.prefix + name.replace(part, "qkv")].chunk(3)[k])
                    break
            else:
                tensor.copy_(w.store[w.prefix + name])
        theirs = model(mel.double().unsqueeze(0), is_longer=torch.tensor([[True]])).last_hidden_state
    return theirs.flatten(2).transpose(1, 2)


def f32(x):
    return np.ascontiguousarray(x.detach().numpy() if isinstance(x, torch.Tensor) else x, np.float32)


def make_model():
    out = {}
    for name, sizes, shape in (("fused", PATCH, (4, 126, 32)), ("fused_published", PUBLISHED, (4, 1001, 64))):
        w, mel = Weights(f"htsat/{name}/"), named(f"htsat/{name}", shape)
        ours = htsat(w, mel[None], **sizes)
        theirs = check_with_transformers(mel, w, sizes)
        error = float((ours - theirs).norm() / theirs.norm())
        print(f"{name}: relative difference to transformers {error:.1e}")
        assert error < 1e-5
        out[name] = f32(ours)
    filters = mel_filters(n_mels=32)
    w = Weights("clap/")
    for name, n in (("short", 3000), ("window", 8000), ("barely", 8100), ("long", 30001), ("hour", 1_600_000)):
        x = sound_like(f"clap/{name}", (1, n))[0]
        mel, longer = features(x, filters, window_s=WINDOW_S)
        assert longer == (n > 8159), name
        if name != "hour":
            out[f"mel/{name}"] = f32(mel)
        out[f"tokens/{name}"] = f32(tower(w, mel, longer, PATCH))
        out[f"audio/{name}"] = f32(embed_audio(w, mel, longer, PATCH, JOINT))
    for name, n in (("empty", 0), ("few", 7), ("full", 76), ("cut", 120)):
        tokens = ids(f"clap/text/{name}", (n,), T5["vocab"]) if n else []
        out[f"text/{name}"] = f32(embed_text(w, tokens, T5, JOINT))
        out[f"text_only/{name}"] = f32(embed_text(w, tokens, T5, JOINT, "text"))
    from transformers.models.t5.modeling_t5 import T5Attention
    at = torch.arange(-200, 201)
    out["buckets"] = T5Attention._relative_position_bucket(at, True, 32, 128).numpy().astype(np.float32)
    out.update(make_loss())
    save_file(out, DATA / "model/clap.safetensors")


def make_loss():
    """The objective of docs/spec/training.md section 5 by explicit loops, with all gradients. Clip 2 has one caption
    less, clip 1 shares a caption with clip 0 (a text that counts for both and is no rival of either), clip 4 has no
    texts."""
    b, joint = 5, 7
    captions = {0: [0, 1, 2], 1: [0, 3, 4], 2: [5, 6], 3: [7, 8, 9], 4: []}
    negatives = {0: [10, 11], 1: [12, 13], 2: [14], 3: [15, 16], 4: []}
    leaves = {"audio": torch.from_numpy(uniform("clap/loss/audio", b * joint).reshape(b, joint)),
              "text": torch.from_numpy(uniform("clap/loss/text", 17 * joint).reshape(17, joint)),
              "scale": torch.tensor(math.log(1 / 0.07), dtype=torch.float64),
              "scale_t": torch.tensor(2.0, dtype=torch.float64)}
    for leaf in leaves.values():
        leaf.requires_grad_(True)
    out = {}

    def keep(name, loss, used):
        gradients = torch.autograd.grad(loss, [leaves[k] for k in used])
        out[f"loss/{name}"] = f32(loss.detach().reshape(1))
        for key, gradient in zip(used, gradients):
            out[f"loss/{name}/{key}"] = f32(gradient.reshape(-1))

    def unit():
        return (x / x.norm(dim=1, keepdim=True) for x in (leaves["audio"], leaves["text"]))

    audio, text = unit()
    total = 0
    for i in range(b):
        if not captions[i]:
            continue
        z = leaves["scale"].exp() * (text @ audio[i])
        rivals = [u for j in range(b) for u in captions[j] if j == i or u not in captions[i]] + negatives[i]
        total = total - (torch.logsumexp(z[captions[i]], 0) - torch.logsumexp(z[rivals], 0))
    keep("afclap", total, ["audio", "text", "scale"])
    audio, text = unit()
    total = 0
    for u in sorted({u for rows in captions.values() for u in rows}):
        z = leaves["scale"].exp() * (audio @ text[u])
        own = [i for i in range(b) if u in captions[i]]
        total = total - (torch.logsumexp(z[own], 0) - torch.logsumexp(z, 0))
    keep("back", total, ["audio", "text", "scale"])
    audio, text = unit()
    cosines, total = audio @ text[:b].T, 0
    for i in range(b):
        total = total - torch.log_softmax(leaves["scale"].exp() * cosines[i], 0)[i] / 2
        total = total - torch.log_softmax(leaves["scale_t"].exp() * cosines[:, i], 0)[i] / 2
    keep("infonce", total, ["audio", "text", "scale", "scale_t"])
    return out


def make_unigram():
    import sentencepiece
    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS * 3), model_writer=model, vocab_size=90, model_type="unigram", pad_id=0, eos_id=1,
        unk_id=2, bos_id=-1, normalization_rule_name="identity", num_threads=1, minloglevel=2,
        hard_vocab_limit=False)
    (DATA / "text/unigram.model").write_bytes(model.getvalue())
    processor = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    rows = [{"text": text, "ids": processor.encode(text)} for text in TEXTS]
    (DATA / "text/unigram.json").write_text(json.dumps(rows, indent=1) + "\n")
    print(f"unigram.model: {len(model.getvalue())} bytes, {processor.get_piece_size()} pieces")


make_model()
make_unigram()
