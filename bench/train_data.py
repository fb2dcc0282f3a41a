"""What bench/train.py trains both sides on, in a folder of its own: clips and their manifest, a model folder without dropout,
and for the rival, which has neither af2's front end nor its tokenizer, waveforms and token ids of the same batch.
"""
import json
import pathlib
import subprocess
import wave

SECONDS, WINDOWS, RATE = 30, 3, 44100
QWEN = pathlib.Path(__file__).resolve().parents[1] / ".cache/tokenizers/qwen2_5/tokenizer.json"
TEXTS = [
    ("listen to the whole recording and describe in one or two sentences which sounds you can hear, in the order in which "
     "they begin.", "a steady hum is heard first, then a tone that rises slowly while hiss goes on behind it."),
    ("which of the sounds in this recording lasts longest, and is it louder or softer than the noise that can be heard in "
     "the background?", "the low tone lasts longest, and it is much louder than the noise in the background."),
    ("what kind of place could this have been recorded in, and what in the sound makes you think that it was there and "
     "not elsewhere?", "probably in a laboratory, since there are only a pure tone and noise and no echo at all."),
    ("how many different sounds are there in the recording, and does any of them stop before the end or come back a second "
     "time?", "there are two of them, a tone and a hiss, and both of them go on without a break to the end."),
]


def write_clip(path, number, seconds=SECONDS):
    """44.1 kHz stereo: a tone that rises, and noise."""
    import numpy as np
    t = np.arange(seconds * RATE) / RATE
    noise = np.random.default_rng(number).standard_normal((2, len(t)))
    x = 0.3 * np.sin(2 * np.pi * (220 + 60 * number + 5 * t) * t) + 0.05 * noise
    with wave.open(str(path), "wb") as out:
        out.setnchannels(2)
        out.setsampwidth(2)
        out.setframerate(RATE)
        out.writeframes((x.clip(-1, 1).T * 32767).astype("<i2").tobytes())


def write_data(work, n):
    """Clips and a manifest of them; each gives one item."""
    lines, clips = [], []
    for i in range(n):
        clips.append(work / f"clip{i}.wav")
        write_clip(clips[-1], i)
        prompt, output = TEXTS[i % len(TEXTS)]
        lines.append({"audio": str(clips[-1]), "prompt": prompt, "output": output, "duration": SECONDS})
    (work / "items.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return clips


def write_model(work, folder):
    """The model folder again, without dropout and drop path."""
    model = work / "model"
    model.mkdir()
    for file in folder.iterdir():
        if file.name != "config.json":
            (model / file.name).symlink_to(file.resolve())
    config = json.loads((folder / "config.json").read_text())
    config.setdefault("audio_transformer", {})["dropout"] = 0
    config.setdefault("clap", {})["drop_path"] = 0
    (model / "config.json").write_text(json.dumps(config))
    return model


def write_waveforms(af2, work, model, clips):
    """Windows [n * 3, 160000] as af2 hears them, for the rival."""
    import numpy as np
    windows = []
    for clip in clips:
        subprocess.run([af2, "features", "-q", "-m", model, "--windows", str(WINDOWS), "--layer", "waveform", "-o",
                        work / "clip.npy", clip], check=True)
        windows.append(np.load(work / "clip.npy"))
    np.save(work / "waveforms.npy", np.concatenate(windows))


def write_ids(shape, work, n):
    """What a batch reads, in the ids of the model: question, answer, and -100 where there is no target."""
    if shape == "mini":
        from make_selftest import tokenizer_of
        tokenizer = tokenizer_of()
        added, eos = tokenizer.get_vocab_size(), 0  # <|endoftext|> is SmolLM2's first token
    else:
        from tokenizers import Tokenizer
        tokenizer = Tokenizer.from_file(str(QWEN))
        added, eos = 151665, 151643
    audio, end_of_chunk, sep = added, added + 1, added + 3

    def encode(text):
        return tokenizer.encode(text, add_special_tokens=False).ids

    rows = []
    for i in range(n):
        prompt, output = TEXTS[i % len(TEXTS)]
        rows.append(([audio, *encode(prompt), sep], [*encode(output), end_of_chunk, eos]))
    longest = max(len(p) + len(a) for p, a in rows)
    ids = [p + a + [eos] * (longest - len(p) - len(a)) for p, a in rows]
    labels = [[-100] * len(p) + a + [-100] * (longest - len(p) - len(a)) for p, a in rows]
    (work / "ids.json").write_text(json.dumps([ids, labels]))
    prompts, answers = [len(p) for p, _ in rows], [len(a) for _, a in rows]
    return f"{min(prompts)} to {max(prompts)} tokens of question, {min(answers)} to {max(answers)} of answer"


def write_batch(af2, shape, folder, work, n):
    """All of it; gives the model folder, and how long the texts are, in words."""
    model, clips = write_model(work, folder), write_data(work, n)
    write_waveforms(af2, work, model, clips)
    return model, write_ids(shape, work, n)
