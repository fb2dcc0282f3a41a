"""A small AF-CLAP checkpoint in the published layout, made from names, with the formulas of tests/oracle/reference_clap.py
beside it. Needs torch and sentencepiece.

    clap = TinyClap(folder)
    clap.of_audio(samples), clap.of_text("a dog")    # what the program must give
    clap.write()                                     # after both were used: a tensor is made when it is first asked for
"""
import io
import pathlib
import sys

import sentencepiece
import torch

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "oracle")]
from reference_clap import T5, embed_audio, embed_text, features  # noqa: E402
from reference_model import Weights, mel_filters  # noqa: E402

JOINT = 24
SIZES = dict(embed=8, depths=(2, 1, 1, 2), heads=(1, 2, 4, 4), spec=256, patch=4, window=8)
CORPUS = """a dog barks twice and then a door falls shut
rain on a tin roof, thunder far away
two people talk while a kettle whistles
someone plays the piano; a clock ticks
the sound of a bell, a whistle and a helicopter""".splitlines()


def write_checkpoint(path, weights):
    """All tensors that the formulas used, as LAION-CLAP's trainer stores them, and some that nothing uses."""
    state = {f"module.{name}": tensor.float() for name, tensor in weights.items()}
    state["module.text_branch.encoder.embed_tokens.weight"] = state["module.text_branch.shared.weight"]
    state["module.text_transform.sequential.0.weight"] = torch.zeros(4, 4)
    state["module.audio_branch.head.bias"] = torch.zeros(527)
    torch.save({"epoch": 16, "name": "af-clap", "state_dict": state}, path)


class TinyClap:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        (self.folder / "clap_ckpt").mkdir(parents=True)
        model = io.BytesIO()
        sentencepiece.SentencePieceTrainer.train(
            sentence_iterator=iter(CORPUS * 3), model_writer=model, vocab_size=90, model_type="unigram", pad_id=0,
            eos_id=1, unk_id=2, bos_id=-1, normalization_rule_name="nmt_nfkc", num_threads=1, minloglevel=2,
            hard_vocab_limit=False)
        (self.folder / "spiece.model").write_bytes(model.getvalue())
        self.words = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
        self.weights = Weights()
        self.filters = mel_filters()

    def of_audio(self, samples):
        with torch.no_grad():
            return embed_audio(self.weights, *features(samples, self.filters), SIZES, JOINT)

    def of_text(self, text):
        with torch.no_grad():
            return embed_text(self.weights, self.words.encode(text), dict(T5, vocab=100), JOINT)

    def write(self):
        for name in ("logit_scale_a", "logit_scale_t"):
            self.weights.store[name] = torch.tensor(2.5, dtype=torch.float64)
        write_checkpoint(self.folder / "clap_ckpt/epoch_16.pt", self.weights.store)
