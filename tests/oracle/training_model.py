"""Audio Flamingo 2 in PyTorch, trained as its release trains it (docs/spec/training.md sections 1 and 2): the rival of
bench/train.py.

The network of published_model.py, for batches and with gradients; from a checkpoint in the published layout, or from
the shipped mini, whose tower begins with convolutions (or has tokens made of their statistics, `clap.cells`) and whose
language model is a Llama in a GGUF file, low-rank pairs beside it added to its matrices. As the
release does, a step computes logits at every position and the loss over all of them with labels of -100 where there
is none. Of the language model only the added tokens' embeddings are trained. No dropout. No line is shared with af2/.

    model = TrainingModel.published("checkpoint", SHAPES["0.5b"])    # or TrainingModel.mini("models/mini")
    trained = model.train_parts({"adapter"})
    loss = model.loss(model.hear(windows, clips), ids, labels)       # windows [B * W, samples], ids and labels [B, T]
"""
import json
import math
import pathlib

import torch
import torch.nn.functional as F
from make_selftest import adapter_weights, add_pairs, llama_weights
from published_model import PublishedModel
from published_shapes import ADDED, Shape

PARTS = {"clap": ("clap.nvclap.",),
         "adapter": ("audio_transformer_clap.", "lang_encoder.gated_cross_attn_layers_sound.")}
# Of the published tower: buffers, and layers that AF2 does not use.
NOT_TRAINED = ("running_mean", "running_var", "num_batches_tracked", "melW")


class TrainingModel(PublishedModel):
    def __init__(self, weights, shape: Shape, clap: dict):
        super().__init__(weights, shape)
        self.w.pop("lang_encoder.lm_head.weight", None)  # the table again: the head is tied
        self.clap = clap
        self.hears_with_gradients = False
        table = self.w["lang_encoder.model.embed_tokens.weight"]
        self.added = table[-ADDED:].clone()
        self.table = table[:-ADDED]
        self.lm.requires_grad_(False)

    @classmethod
    def published(cls, folder, shape: Shape):
        return cls(folder, shape, {})

    @classmethod
    def mini(cls, folder):
        folder = pathlib.Path(folder)
        config = json.loads((folder / "config.json").read_text())
        clap, x = config["clap"], config["xattn"]
        weights = {name: tensor.float() for name, tensor in adapter_weights(folder).items()}
        language, lm = llama_weights(folder / config["lm"]["file"])
        add_pairs(language, weights)
        weights = {name: tensor for name, tensor in weights.items() if ".lora." not in name}
        weights.update({"lang_encoder.model." + name: tensor.float() for name, tensor in language.items()})
        name = "lang_encoder.model.embed_tokens.weight"
        weights[name] = torch.cat([weights[name], weights.pop("added_embeddings")])
        shape = Shape(
            dim=lm["dim"], layers=lm["n_layers"], heads=lm["n_heads"], kv_heads=lm["n_kv_heads"], ffn=lm["ffn_dim"],
            embed=clap["embed_dim"], depths=tuple(clap["depths"]), tower_heads=tuple(clap["heads"]),
            audio_layers=config["audio_transformer"]["layers"], vocab=len(weights[name]),
            f_max=config["audio"]["f_max"], arch="llama", rope_theta=lm["rope_theta"], rms_eps=lm["rms_eps"],
            hop=config["audio"]["hop"], patch=clap["patch"], audio_heads=config["audio_transformer"]["heads"],
            xattn_heads=x["heads"], xattn_head_dim=x["dim_head"], xattn_every=x["every"])
        return cls(weights, shape, clap)

    def train_parts(self, parts):
        """[(name, tensor)] of what is trained: parts of PARTS, and always the added embeddings."""
        prefixes = tuple(prefix for part in parts for prefix in PARTS[part])
        self.hears_with_gradients = "clap" in parts
        trained = [(name, tensor) for name, tensor in self.w.items()
                   if name.startswith(prefixes) and not name.endswith(NOT_TRAINED)]
        trained.append(("added_embeddings", self.added))
        for _, tensor in trained:
            tensor.requires_grad_(True)
        return trained

    def hear(self, windows, clips):
        """Audio tokens [B, W * 64, D] of clips of as many windows each; without gradients where the tower is frozen."""
        with torch.set_grad_enabled(self.hears_with_gradients):
            with torch.autocast("cpu", enabled=False):
                mel = self.log_mel(windows)
            return self.tower(mel).float().reshape(clips, -1, self.shape.width)

    def loss(self, heard, ids, labels, targets_only=False):
        """Mean cross-entropy over the labels that are not -100; targets_only: logits are made for these alone."""
        self.memory, self.known = self.audio_transformer(heard), {}
        first = len(self.table)
        x = F.embedding(ids.clamp(max=first - 1), self.table)
        is_added = ids >= first
        x = torch.where(is_added[..., None], F.embedding((ids - first).clamp(min=0), self.added), x)
        hidden = self.lm.model(inputs_embeds=x, use_cache=False).last_hidden_state[:, :-1]
        wanted = labels[:, 1:]
        if targets_only:
            hidden, wanted = hidden[wanted != -100], wanted[wanted != -100]
        logits = torch.cat([hidden @ self.table.T, hidden @ self.added.T], -1)
        return F.cross_entropy(logits.flatten(0, -2).float(), wanted.flatten(), ignore_index=-100)

    def tower(self, mel):
        if not self.clap.get("cells"):
            return super().tower(mel)
        return self._norm("clap.nvclap.norm", self._stem_tokens(self._stem(self._normalised(mel))))

    def _patches(self, x):
        """The mini's tower: 3 x 3 convolutions with pooling before the image is folded."""
        if not self.clap.get("stem"):
            return super()._patches(x)
        p = "clap.nvclap.patch_embed."
        x = torch.cat(self._stem(x).chunk(4, 3), 2)
        return F.conv2d(x, self.w[p + "proj.weight"], self.w[p + "proj.bias"])

    def _stem(self, x):
        """Normalised log-mel [W, 1, 1001, 64] -> [W, C, m, t]."""
        p = "clap.nvclap.patch_embed."
        if self.clap.get("stem_input") == "log1p":
            x = torch.log1p(x.exp())
        x = F.interpolate(x, (self.clap["stem_frames"], 64), mode="bicubic", align_corners=True).transpose(2, 3)
        for i, layer in enumerate(self.clap["stem"]):
            x = F.conv2d(x, self.w[f"{p}stem.{2 * i}.weight"], None, layer["stride"], 1)
            mean, var, weight, bias = (self.w[f"{p}stem.{2 * i + 1}.{n}"]
                                       for n in ("running_mean", "running_var", "weight", "bias"))
            x = F.relu(F.batch_norm(x, mean, var, weight, bias, False, 0, 1e-5))
            pool = (layer.get("pool_mel", 1), layer.get("pool_time", 1))
            if pool != (1, 1):
                x = F.max_pool2d(x, pool)
        return x

    def _stem_tokens(self, x):
        """The stem's map [W, C, m, t] -> tokens [W, steps, context + moment]: statistics around each step, and the step alone."""
        p, c = "clap.nvclap.stem_tokens.", self.clap["cells"]
        b, channels, m, t = x.shape
        pooled = F.avg_pool2d(x.float(), (m // c["bands"], t // c["steps"]))
        cells = torch.sqrt(pooled + 1e-3).reshape(b, channels * c["bands"], c["steps"])
        mean = self.w[p + "norm.running_mean"][:, None]
        deviation = torch.sqrt(self.w[p + "norm.running_var"] + 1e-5)[:, None]
        n, span = cells.shape[1], c["span"]
        near = torch.cat([F.avg_pool1d(cells, span, 1, span // 2, count_include_pad=False),
                          F.max_pool1d(cells, span, 1, span // 2)], 1)
        named = self._linear(p + "context", ((near - mean) / deviation).transpose(1, 2))
        alone = self._linear(p + "moment", ((cells - mean[:n]) / deviation[:n]).transpose(1, 2))
        return torch.cat([F.normalize(named.float(), dim=-1) * math.sqrt(c["context"]), alone.float()], -1)
