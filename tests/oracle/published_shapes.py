"""Names and shapes of every tensor of Audio Flamingo 2 (docs/spec/model.md sections 3, 5-7), at published sizes
and at a reduced one.

    for name, shape in tensors(SHAPES["0.5b"]):   # canonical names, each once
        ...
"""
from dataclasses import dataclass

XATTN_HEADS, XATTN_HEAD_DIM, FF_MULT, AUDIO_HEADS, WINDOW, ADDED = 8, 64, 4, 8, 8, 4


@dataclass(frozen=True)
class Shape:
    """Sizes of one model: language model, tower, audio transformer, cross-attention."""

    dim: int
    layers: int
    heads: int
    kv_heads: int
    ffn: int
    embed: int = 256
    depths: tuple = (2, 2, 12, 2)
    tower_heads: tuple = (4, 8, 16, 32)
    audio_layers: int = 3
    vocab: int = 151669  # with the four added tokens
    f_max: float = 8000.0
    # The same in all published models; others, like the shipped mini, differ.
    arch: str = "qwen2"  # or llama: no biases
    rope_theta: float = 1e6
    rms_eps: float = 1e-6
    hop: int = 160
    patch: int = 4
    audio_heads: int = AUDIO_HEADS
    xattn_heads: int = XATTN_HEADS
    xattn_head_dim: int = XATTN_HEAD_DIM
    xattn_every: int = 1

    @property
    def head_dim(self) -> int:
        return self.dim // self.heads

    @property
    def width(self) -> int:
        """Of audio tokens."""
        return self.embed << (len(self.depths) - 1)


SHAPES = {
    "tiny": Shape(dim=128, layers=2, heads=2, kv_heads=1, ffn=256, embed=16, depths=(2, 1, 2, 1),
                  tower_heads=(1, 2, 4, 4), audio_layers=2),
    "0.5b": Shape(dim=896, layers=24, heads=14, kv_heads=2, ffn=4864),
    "1.5b": Shape(dim=1536, layers=28, heads=12, kv_heads=2, ffn=8960),
    "3b": Shape(dim=2048, layers=36, heads=16, kv_heads=2, ffn=11008),
}


def tower(s: Shape):
    yield from (("bn0." + n, (64,)) for n in ("weight", "bias", "running_mean", "running_var"))
    yield "patch_embed.proj.weight", (s.embed, 1, 4, 4)
    yield from (("patch_embed." + n, (s.embed,)) for n in ("proj.bias", "norm.weight", "norm.bias"))
    for i, depth in enumerate(s.depths):
        c, heads = s.embed << i, s.tower_heads[i]
        for k in range(depth):
            at = f"layers.{i}.blocks.{k}."
            for norm in ("norm1", "norm2"):
                yield at + norm + ".weight", (c,)
                yield at + norm + ".bias", (c,)
            yield at + "attn.relative_position_bias_table", ((2 * WINDOW - 1) ** 2, heads)
            for name, out, inner in (("attn.qkv", 3 * c, c), ("attn.proj", c, c), ("mlp.fc1", 4 * c, c),
                                     ("mlp.fc2", c, 4 * c)):
                yield at + name + ".weight", (out, inner)
                yield at + name + ".bias", (out,)
        if i + 1 < len(s.depths):
            yield f"layers.{i}.downsample.norm.weight", (4 * c,)
            yield f"layers.{i}.downsample.norm.bias", (4 * c,)
            yield f"layers.{i}.downsample.reduction.weight", (2 * c, 4 * c)
    yield "norm.weight", (s.width,)
    yield "norm.bias", (s.width,)


def audio_transformer(s: Shape):
    d = s.width
    yield "layer_norm.weight", (d,)
    yield "layer_norm.bias", (d,)
    for i in range(s.audio_layers):
        at = f"layer_stack.{i}."
        yield from ((at + f"slf_attn.{n}.weight", (d, d)) for n in ("w_qs", "w_ks", "w_vs", "fc"))
        for n in ("w_1", "w_2"):
            yield at + f"pos_ffn.{n}.weight", (d, d)
            yield at + f"pos_ffn.{n}.bias", (d,)
        for n in ("slf_attn", "pos_ffn"):
            yield at + n + ".layer_norm.weight", (d,)
            yield at + n + ".layer_norm.bias", (d,)


def cross_attention(s: Shape):
    inner, d = XATTN_HEADS * XATTN_HEAD_DIM, s.dim
    for n in ("attn.norm", "ff.0"):
        yield n + ".weight", (d,)
        yield n + ".bias", (d,)
    yield "attn.to_q.weight", (inner, d)
    yield "attn.to_kv.weight", (2 * inner, s.width)
    yield "attn.to_out.weight", (d, inner)
    yield "ff.1.weight", (FF_MULT * d, d)
    yield "ff.3.weight", (d, FF_MULT * d)
    yield "attn_gate", (1,)
    yield "ff_gate", (1,)


def decoder_layer(s: Shape):
    q, kv = s.heads * s.head_dim, s.kv_heads * s.head_dim
    for n in ("input_layernorm", "post_attention_layernorm"):
        yield n + ".weight", (s.dim,)
    for n, out in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
        yield f"self_attn.{n}.weight", (out, s.dim)
        yield f"self_attn.{n}.bias", (out,)
    yield "self_attn.o_proj.weight", (s.dim, q)
    yield "mlp.gate_proj.weight", (s.ffn, s.dim)
    yield "mlp.up_proj.weight", (s.ffn, s.dim)
    yield "mlp.down_proj.weight", (s.dim, s.ffn)


def tensors(s: Shape):
    """(canonical name, shape) of all that the model uses; the embedding with its added rows."""
    yield from (("clap.nvclap." + n, shape) for n, shape in tower(s))
    yield from (("audio_transformer_clap." + n, shape) for n, shape in audio_transformer(s))
    yield "lang_encoder.model.embed_tokens.weight", (s.vocab, s.dim)
    for i in range(s.layers):
        yield from ((f"lang_encoder.model.layers.{i}.{n}", shape) for n, shape in decoder_layer(s))
        yield from ((f"lang_encoder.gated_cross_attn_layers_sound.{i}.{n}", shape)
                    for n, shape in cross_attention(s))
    yield "lang_encoder.model.norm.weight", (s.dim,)
