"""AF-CLAP as docs/spec/model.md sections 2-4 compute it, a second time: front end for clips of any length, towers,
projections. float64; the text tower by `transformers`. No line is shared with af2/.

    mel, longer = features(samples, mel_filters())            # [1 or 4, F, M]
    audio = embed_audio(Weights(), mel, longer, sizes)        # [joint]
    text = embed_text(Weights(), ids, sizes)
"""
import numpy as np
import torch
import torch.nn.functional as F
from reference_model import htsat, log_mel

T5 = dict(vocab=200, layers=3, dim=48, heads=3, dim_head=16, ffn_dim=40, max_tokens=77)


def quantised(x):
    x = np.clip(np.asarray(x, np.float32), -1, 1)
    return (x * np.float32(32767)).astype(np.int16).astype(np.float32) / np.float32(32767)


def features(samples, filters, rate=16000, window_s=10.0, hop=160, crops=None):
    """float32 samples -> [C, F, M], longer. `crops`: three starts, default the middle of each third."""
    window, x = int(window_s * rate), quantised(samples)
    frames = window // hop + 1
    if len(x) <= window:
        x = np.tile(x, max(1, window // len(x)))
        x = np.pad(x, (0, window - len(x)))
    mel = log_mel(x[None], filters, hop=hop)[0]
    if len(mel) <= frames:
        return mel[None], False
    whole = F.interpolate(torch.from_numpy(mel).float()[None, None], (frames, mel.shape[1]), mode="bilinear",
                          align_corners=False, antialias=False)[0, 0].double().numpy()
    if crops is None:
        parts = np.array_split(list(range(0, len(mel) - frames + 1)), 3)
        crops = [int(part[len(part) // 2]) if len(part) else 0 for part in parts]
    return np.stack([whole] + [mel[c:c + frames] for c in crops]), True


def tower(w, mel, longer, sizes):
    mel = torch.from_numpy(np.asarray(mel))
    return htsat(w.below("audio_branch"), mel[None] if longer else mel[:1], **sizes)[0]


def project(w, x, joint):
    x = F.relu(F.linear(x, w("0.weight", joint, x.shape[-1]), w("0.bias", joint)))
    x = F.linear(x, w("2.weight", joint, joint), w("2.bias", joint))
    return x / x.norm(dim=-1, keepdim=True)


def embed_audio(w, mel, longer, sizes, joint):
    return project(w.below("audio_projection"), tower(w, mel, longer, sizes).mean(0), joint)


def t5_encoder(w, t5):
    from transformers import T5Config, T5EncoderModel
    config = T5Config(vocab_size=t5["vocab"], d_model=t5["dim"], d_kv=t5["dim_head"], d_ff=t5["ffn_dim"],
                      num_layers=t5["layers"], num_heads=t5["heads"], feed_forward_proj="gated-gelu",
                      relative_attention_num_buckets=32, relative_attention_max_distance=128,
                      layer_norm_epsilon=1e-6, dropout_rate=0.0)
    model = T5EncoderModel(config).double().eval()
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            key = "shared.weight" if name == "encoder.embed_tokens.weight" else name
            tensor.copy_(w(key, *tensor.shape))
    return model


def embed_text(w, ids, t5, joint, pooling="all"):
    ids = list(ids)[:t5["max_tokens"] - 1] + [1]
    n = len(ids)
    padded = torch.tensor([ids + [0] * (t5["max_tokens"] - n)])
    mask = torch.tensor([[1] * n + [0] * (t5["max_tokens"] - n)])
    with torch.no_grad():
        hidden = t5_encoder(w.below("text_branch"), t5)(input_ids=padded, attention_mask=mask).last_hidden_state[0]
    hidden = hidden if pooling == "all" else hidden[:n]
    return project(w.below("text_projection"), hidden.mean(0), joint)
