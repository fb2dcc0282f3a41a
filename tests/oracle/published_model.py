"""Audio Flamingo 2 in PyTorch as its release computes it, from a checkpoint in the published layout: one clip, the
language model by `transformers`; in float32, or on a GPU in bfloat16, log-mel and its normalisation in float32 always.

The rival of bench/compare.py and the reference for shapes that reference_model.py (float64, explicit loops) is too
slow for. `recompute`: the cross-attention's keys and values are made again for every token, as the released code
does. Inputs may lie on the CPU, results lie on `device`. No line is shared with af2/.

    model = PublishedModel("checkpoint", SHAPES["0.5b"])
    tokens = model.tower(model.log_mel(windows))          # [W, 64, D]
    memory = model.audio_transformer(tokens.flatten(0, 1)[None])
    ids = model.greedy(prompt_ids, memory, 64)
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from published_shapes import WINDOW, Shape
from reference_model import mel_filters
from safetensors import safe_open


class PublishedModel:
    def __init__(self, folder, shape: Shape, recompute: bool = True, dtype=torch.float32, device="cpu"):
        self.shape, self.recompute, self.dtype, self.device = shape, recompute, dtype, device
        self.w = folder if isinstance(folder, dict) else self._read(pathlib.Path(folder) / "safe_ckpt", dtype, device)
        self.filters = torch.from_numpy(mel_filters(f_max=shape.f_max)).float().to(device)
        self._index = self._relative_index().to(device)
        self.lm = self._language_model(dtype)
        self.memory = None
        self.known = {}  # keys and values of each block, where they are kept

    @staticmethod
    def _read(folder, dtype, device):
        weights = {}
        for chunk in json.loads((folder / "metadata.json").read_text()):
            with safe_open(folder / f"{chunk}.safetensors", "pt") as file:
                for name in file.keys():
                    if "old_decoder_blocks" in name or ".gated_cross_attn_layer_sound" in name:
                        continue
                    kept = torch.float32 if ".bn0." in name else dtype
                    weights[name.replace(".decoder_layer.", ".")] = file.get_tensor(name).to(device, kept)
        return weights

    # ---- sections 1, 2 ----
    def log_mel(self, windows):
        """[W, 160000] -> [W, 1001, 64]."""
        spectrum = torch.stft(windows.to(self.device), 1024, self.shape.hop, window=torch.hann_window(1024, device=self.device),
                              center=True, pad_mode="reflect", return_complex=True)
        return 10 * torch.log10((spectrum.abs().square().transpose(1, 2) @ self.filters).clamp_min(1e-10))

    # ---- section 3 ----
    @staticmethod
    def _relative_index():
        at = torch.stack(torch.meshgrid(torch.arange(WINDOW), torch.arange(WINDOW), indexing="ij")).flatten(1)
        way = at[:, :, None] - at[:, None, :] + WINDOW - 1
        return way[0] * (2 * WINDOW - 1) + way[1]

    def _norm(self, name, x, eps=1e-5):
        return F.layer_norm(x, x.shape[-1:], self.w[name + ".weight"], self.w[name + ".bias"], eps)

    def _linear(self, name, x):
        return F.linear(x, self.w[name + ".weight"], self.w.get(name + ".bias"))

    @staticmethod
    def _windows(x, side):
        b, c = x.shape[0], x.shape[-1]
        x = x.view(b, side // WINDOW, WINDOW, side // WINDOW, WINDOW, c).transpose(2, 3)
        return x.reshape(-1, WINDOW * WINDOW, c)

    def _block(self, at, x, side, heads, odd):
        b, n, c = x.shape[0], WINDOW * WINDOW, x.shape[-1]
        shift = WINDOW // 2 if odd and side > WINDOW else 0
        y = self._norm(at + "norm1", x)
        if shift:
            y = torch.roll(y, (-shift, -shift), (1, 2))
        qkv = self._linear(at + "attn.qkv", self._windows(y, side)).view(-1, n, 3, heads, c // heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        bias = self.w[at + "attn.relative_position_bias_table"][self._index].permute(2, 0, 1)[None]
        if shift:
            zone = torch.zeros(side, device=self.device)
            zone[-WINDOW:], zone[-shift:] = 1, 2
            zones = self._windows((zone[:, None] * 3 + zone[None, :]).view(1, side, side, 1), side).squeeze(-1)
            mask = ((zones[:, None, :] != zones[:, :, None]) * -100.0).to(self.dtype)
            bias = bias + mask.repeat(b, 1, 1)[:, None]
        scores = (q / math.sqrt(c // heads)) @ k.transpose(-1, -2) + bias
        y = self._linear(at + "attn.proj", (scores.softmax(-1) @ v).transpose(1, 2).reshape(-1, n, c))
        y = y.view(b, side // WINDOW, side // WINDOW, WINDOW, WINDOW, c).transpose(2, 3).reshape(b, side, side, c)
        if shift:
            y = torch.roll(y, (shift, shift), (1, 2))
        x = x + y
        return x + self._linear(at + "mlp.fc2", F.gelu(self._linear(at + "mlp.fc1", self._norm(at + "norm2", x))))

    def _normalised(self, mel):
        """[W, F, 64] -> [W, 1, F, 64]."""
        mean, var, weight, bias = (self.w["clap.nvclap.bn0." + n] for n in ("running_mean", "running_var", "weight", "bias"))
        return F.batch_norm(mel.unsqueeze(1).transpose(1, 3), mean, var, weight, bias, False, 0, 1e-5).transpose(1, 3)

    def tower(self, mel):
        """[W, 1001, 64] -> [W, 64, D]."""
        p = "clap.nvclap."
        x = self._norm(p + "patch_embed.norm", self._patches(self._normalised(mel)).permute(0, 2, 3, 1))
        side = x.shape[1]
        for i, depth in enumerate(self.shape.depths):
            for k in range(depth):
                x = self._block(f"{p}layers.{i}.blocks.{k}.", x, side >> i, self.shape.tower_heads[i], k % 2 == 1)
            if i + 1 < len(self.shape.depths):
                x = torch.cat([x[:, 0::2, 0::2], x[:, 1::2, 0::2], x[:, 0::2, 1::2], x[:, 1::2, 1::2]], -1)
                x = self._linear(f"{p}layers.{i}.downsample.reduction",
                                 self._norm(f"{p}layers.{i}.downsample.norm", x))
        x = self._norm(p + "norm", x).permute(0, 3, 1, 2)
        b, d = x.shape[:2]
        return x.reshape(b, d, 4, 2, 8).transpose(2, 3).reshape(b, d, 64).transpose(1, 2)

    def _patches(self, x):
        """Normalised log-mel [W, 1, 1001, 64] -> [W, C, side, side]."""
        p = "clap.nvclap.patch_embed.proj."
        x = F.interpolate(x, (1024, 64), mode="bicubic", align_corners=True).transpose(2, 3)
        x = torch.cat(x.chunk(4, 3), 2).to(self.dtype)
        return F.conv2d(x, self.w[p + "weight"], self.w[p + "bias"], stride=self.shape.patch)

    # ---- section 5 ----
    def audio_transformer(self, tokens):
        """[B, S, D] -> [B, S, D]."""
        p = "audio_transformer_clap."
        b, s, d = tokens.shape
        heads = self.shape.audio_heads
        dh = d // heads
        width = min(max(dh // 2, 32), dh)
        angles = torch.arange(s)[:, None] / 4096.0 ** (torch.arange(0, width, 2) / width)
        cos, sin = (torch.cat([f(angles), f(angles)], -1)[None, None].to(self.device, self.dtype)
                    for f in (torch.cos, torch.sin))

        def turned(t):
            turn, keep = t[..., :width], t[..., width:]
            other = torch.cat([-turn[..., width // 2:], turn[..., :width // 2]], -1)
            return torch.cat([turn * cos + other * sin, keep], -1)

        x = self._norm(p + "layer_norm", tokens * math.sqrt(d), 1e-6)
        for i in range(self.shape.audio_layers):
            a, f = f"{p}layer_stack.{i}.slf_attn.", f"{p}layer_stack.{i}.pos_ffn."
            q, k, v = (self._linear(a + n, x).view(b, s, heads, dh).transpose(1, 2)
                       for n in ("w_qs", "w_ks", "w_vs"))
            scores = (turned(q) / math.sqrt(dh)) @ turned(k).transpose(-1, -2)
            mixed = (scores.softmax(-1) @ v).transpose(1, 2).reshape(b, s, d)
            x = self._norm(a + "layer_norm", self._linear(a + "fc", mixed) + x, 1e-6)
            y = self._linear(f + "w_2", F.relu(self._linear(f + "w_1", x)))
            x = self._norm(f + "layer_norm", y + x, 1e-6)
        return x

    # ---- sections 6, 7 ----
    def _cross(self, i, x):
        """x [B, T, D_l], which enters layer i."""
        if (i + 1) % self.shape.xattn_every:
            return x
        p = f"lang_encoder.gated_cross_attn_layers_sound.{i}."
        b, heads, width = x.shape[0], self.shape.xattn_heads, self.shape.xattn_head_dim
        if self.recompute or i not in self.known:
            both = self._linear(p + "attn.to_kv", self.memory).view(b, -1, 2, heads, width)
            self.known[i] = both.permute(2, 0, 3, 1, 4)
        k, v = self.known[i]
        q = self._linear(p + "attn.to_q", self._norm(p + "attn.norm", x))
        q = q.view(b, -1, heads, width).transpose(1, 2) * width ** -0.5
        mixed = ((q @ k.transpose(-1, -2)).softmax(-1) @ v).transpose(1, 2).reshape(b, x.shape[1], -1)
        x = x + torch.tanh(self.w[p + "attn_gate"]) * self._linear(p + "attn.to_out", mixed)
        hidden = F.gelu(self._linear(p + "ff.1", self._norm(p + "ff.0", x)))
        return x + torch.tanh(self.w[p + "ff_gate"]) * self._linear(p + "ff.3", hidden)

    def _language_model(self, dtype):
        import transformers
        s = self.shape
        family = {"qwen2": "Qwen2", "llama": "Llama"}[s.arch]
        config = getattr(transformers, family + "Config")(
            hidden_size=s.dim, intermediate_size=s.ffn, num_hidden_layers=s.layers, num_attention_heads=s.heads,
            num_key_value_heads=s.kv_heads, vocab_size=s.vocab, rms_norm_eps=s.rms_eps, tie_word_embeddings=True,
            max_position_embeddings=32768, rope_theta=s.rope_theta,
            rope_parameters={"rope_type": "default", "rope_theta": s.rope_theta}, attn_implementation="sdpa")
        with torch.device("meta"):
            lm = getattr(transformers, family + "ForCausalLM")(config)
        prefix = "lang_encoder."
        state = {name[len(prefix):]: tensor for name, tensor in self.w.items()
                 if name.startswith(prefix + "model.")}
        state["lm_head.weight"] = state["model.embed_tokens.weight"]
        lm.load_state_dict(state, strict=True, assign=True)
        rotary = type(lm.model.rotary_emb)(config=config)  # its buffer was made on the meta device
        lm.model.rotary_emb = rotary.to(self.device)  # its angles in float32, its tables in the type of the states
        for i, layer in enumerate(lm.model.layers):
            layer.register_forward_pre_hook(
                lambda module, args, kwargs, i=i: ((self._cross(i, args[0]),) + args[1:], kwargs),
                with_kwargs=True)
        return lm.eval()

    @torch.no_grad()
    def logits(self, ids, memory):
        """ids list -> [T, vocab]."""
        self.memory, self.known = memory, {}
        return self.lm(torch.tensor([ids], device=self.device), use_cache=False).logits[0]

    @torch.no_grad()
    def greedy(self, ids, memory, n, on_token=lambda: None):
        """The next n ids, the end of text taken as any other."""
        self.memory, self.known = memory, {}
        past, step, out = None, torch.tensor([ids], device=self.device), []
        for _ in range(n):
            result = self.lm(step, past_key_values=past, use_cache=True, logits_to_keep=1)
            past = result.past_key_values
            out.append(int(result.logits[0, -1].argmax()))
            step = torch.tensor([[out[-1]]], device=self.device)
            on_token()
        return out
