#!/usr/bin/env python3
"""Writes tests/data/benchmarks: look-alikes of the data of every benchmark, and what must be read from them.

Usage: make_benchmark_fixtures.py FOLDER

Each benchmark's rows are invented here and laid out as its owners publish theirs: the same columns, keys,
quotes and file names. FOLDER/expected/ID.json holds the items that must come out, written from the same
invented rows and not from the files. Sounds are made by the tests. A folder whose data are the names of its
sounds has them in names.txt.
"""
import csv
import io
import json
import pathlib
import sys

ROOT = pathlib.Path(sys.argv[1])
EXPECTED = {}
AQA_REQUEST = " Output the answer with <SUMMARY>, <CAPTION>, <REASONING>, and <CONCLUSION> tags."
MASK = (1 << 64) - 1


def shuffled(name, count):
    """Fisher-Yates from the end; xoshiro256**, seeded by SplitMix64 of the name's FNV-1a-64."""
    seed = 0xCBF29CE484222325
    for byte in name.encode():
        seed = (seed ^ byte) * 0x100000001B3 & MASK
    state = []
    for _ in range(4):
        seed = (seed + 0x9E3779B97F4A7C15) & MASK
        z = seed
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & MASK
        state.append(z ^ z >> 31)

    def rotated(x, k):
        return (x << k | x >> 64 - k) & MASK

    def below(n):
        while True:
            u = rotated(state[1] * 5 & MASK, 7) * 9 & MASK
            t = state[1] << 17 & MASK
            state[2] ^= state[0]
            state[3] ^= state[1]
            state[1] ^= state[2]
            state[0] ^= state[3]
            state[2] ^= t
            state[3] = rotated(state[3], 45)
            if u < (1 << 64) - (1 << 64) % n:
                return u % n

    order = list(range(count))
    for i in range(count, 1, -1):
        j = below(i)
        order[i - 1], order[j] = order[j], order[i - 1]
    return order


assert shuffled("af2/eval/choices/1/1/item7", 4) == [0, 2, 1, 3]  # docs/spec/evaluation.md section 6


def put(folder, name, text):
    path = ROOT / folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else text.encode())


def put_json(folder, name, value):
    put(folder, name, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def put_lines(folder, name, rows):
    put(folder, name, "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))


def table(rows, quoting=csv.QUOTE_MINIMAL, end="\n"):
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator=end).writerows(rows)
    return out.getvalue()


def put_table(folder, name, header, rows, **how):
    put(folder, name, table([header] + rows, **how))


def lettered(options, style="({}) {}.", join=" "):
    return join.join(style.format(chr(65 + i), text) for i, text in enumerate(options))


def expect(benchmark, items):
    assert len(items) >= 5, benchmark
    EXPECTED[benchmark] = items


SOUNDS = ["a dog barking", "rain on a roof", "a bell ringing", "a saw cutting wood", "waves on a beach"]
OPTIONS = [["a dog barking", "a cat", "the sea", "two dogs"], ["snow", "rain on a roof", "a tap", "applause"],
           ["a drum", "a horn", "a bell ringing", "an alarm"], ["a drill", "a file", "a hammer", "a saw cutting wood"],
           ["waves on a beach", "wind", "traffic", "a waterfall"]]
GOLDS = [0, 1, 2, 3, 0]
QUESTIONS = ["What is heard first?", "What falls?", "Which sound, \"high\" or low, rings?", "What is at work?",
             "Was ist zu hören, nachts?"]


def captions(i, n=5):
    return [f"{SOUNDS[i % 5]}, take {k + 1}" + (' "close"' if k == 1 else "") for k in range(n)]


# --- sound -------------------------------------------------------------------------------------------------
def reasoning():
    def item(part, key, name, question, options, gold):
        text = f"{question} {lettered(options)}{AQA_REQUEST}"
        row = {"name": name, "prompt": text, "output": f"({chr(65 + gold)}) {options[gold]}", "duration": 9.5}
        return (key, row), {
            "id": f"{part}/{key}", "audio": [name], "cluster": name, "question": text, "choices": options,
            "gold": gold, "refs": [row["output"]], "groups": {"part": part}, "prompt": text.lower(),
            "prompts": {"plain": text.removesuffix(AQA_REQUEST).lower()}}

    mcq = [item("AQA_MCQ", str(i), f"clip {i}.wav", QUESTIONS[i], OPTIONS[i], GOLDS[i]) for i in range(3)]
    yes = [item("AQA_Yes_No", str(i), f"yes {i}.wav", f"Does it bark {i} times?", ["yes", "no"], i) for i in range(2)]
    for name, rows in (("AQA_MCQ.json", mcq), ("AQA_Yes_No.json", yes)):
        put_json("af_reasoning_aqa", name, {"split": "test", "split_path": "x", "flamingo_task": "AQA",
                                            "total_num": len(rows), "data": dict(row for row, _ in rows)})
    expect("af_reasoning_aqa", [{**e, "audio": ["Clotho-AQA/audio_files/" + e["audio"][0]]} for _, e in mcq + yes])
    names = [["coin (dropping)", "tap (water)", "key"], ["bark", "meow (cat)"], ["rain", "wind", "St. Vitus bell"],
             ["a.b", "c"], ["drum kit", "snare drum", "hi-hat"]]
    cls = [item("Classification_full", str(10 + i), f"{i}.wav", "Which class?", names[i], i % 2) for i in range(5)]
    cls[2] = item("Classification_full", "12", "2.wav", "Which class?", names[2], 2)
    put_json("af_reasoning_cls", "Classification_full.json", {"data": dict(row for row, _ in cls)})
    expect("af_reasoning_cls", [{**e, "audio": ["FSD50k/eval/" + e["audio"][0]]} for _, e in cls])


def airbench():
    rows, items = [], []
    for i in range(5):
        meta = f"sound: {SOUNDS[i]}" if i else {"sound": SOUNDS[0]}
        rows.append({"uniq_id": i, "path": f"{i}.wav", "task_name": "sound_QA", "dataset_name": "Clotho",
                     "meta_info": meta, "question": QUESTIONS[i], "answer_gt": SOUNDS[i] + "."})
        items.append({"id": str(i), "audio": [f"sound_QA_Clotho/{i}.wav"], "cluster": f"Clotho/{i}.wav",
                      "question": QUESTIONS[i], "refs": [SOUNDS[i] + "."], "groups": {"task_name": "sound_QA"},
                      "context": meta if i else '{"sound":"a dog barking"}', "prompt": QUESTIONS[i].lower()})
    put_json("airbench_chat", "Chat_meta.json", rows)
    expect("airbench_chat", items)
    rows, items = [], []
    for i in range(5):
        options = OPTIONS[i][:2] if i in (0, 1) else OPTIONS[i]
        task = "Audio_Grounding" if i == 1 else "Sound_AQA"
        row = {"uniq_id": f"f{i}", "path": f"{i}.wav", "task_name": task, "dataset_name": "avqa",
               "question": QUESTIONS[i], "answer_gt": options[GOLDS[i]]}
        for k, text in enumerate(options):
            row["choice_" + "abcd"[k]] = text
        if i == 1:  # absent, and null, and the empty text are one thing
            row["choice_c"], row["choice_d"] = None, ""
        rows.append(row)
        full = options + [""] * (4 - len(options))
        printed = lettered([text or "None" for text in full], "{}. {}", "\n")
        items.append({"id": f"f{i}", "audio": [f"{task}_avqa/{i}." + ("flac" if i == 1 else "wav")],
                      "cluster": f"avqa/{i}.wav", "choices": full, "gold": GOLDS[i], "refs": [options[GOLDS[i]]],
                      "groups": {"task_name": task, "dataset_name": "avqa"},
                      "prompt": "Choose the most suitable answer from options A, B, C, and D to respond the "
                                "question in next line, you may only choose A or B or C or D.\n"
                                f"{QUESTIONS[i]}\n{printed}",
                      "prompts": {"inline": f"{QUESTIONS[i]} {lettered(options)}".lower()}})
    put_json("airbench_foundation", "Foundation_meta.json", rows)
    expect("airbench_foundation", items)


def entailment():
    for name, file, root in (("audio_entailment_audiocaps", "audiocaps_entailment_test.csv", "test"),
                             ("audio_entailment_clotho", "clotho_entailment_evaluation.csv", "evaluation")):
        rows, items = [], []
        kinds = ["Entailment", "Neutral", "Contradiction"]
        for i in range(2):
            said = [f"Something like {SOUNDS[i]}", "It is morning, perhaps", f"No {SOUNDS[i]}"]
            rows.append(["Clotho", f"c {i}.wav", str([SOUNDS[i], "it's loud"])] + said)
            for kind, hypothesis in zip(kinds, said):
                items.append({"id": f"{i:06}/{kind}", "audio": [f"{root}/c {i}.wav"], "cluster": f"c {i}.wav",
                              "hypothesis": hypothesis, "labels": [kind.lower()], "refs": [kind.lower()],
                              "choices": [k.lower() for k in kinds], "gold": kinds.index(kind),
                              "groups": {"gold": kind},
                              "prompt": "does the audio entail, contradict or stay neutral to this hypothesis: "
                                        f'"{hypothesis.lower()}"? (a) entailment. (b) neutral. (c) contradiction.'})
        put_table(name, file, ["Dataset", "Audio file", "Caption"] + kinds, rows)
        expect(name, items)


def yes_no():
    items = []
    for split in ("random", "popular", "adversarial"):
        rows = [{"youtube_id": f"y{i}", "question": f"Is there {SOUNDS[i]}?", "answer": ["Yes", "no"][i]}
                for i in range(2)]
        put_lines("audio_hallucination", split + ".jsonl", rows)
        items += [{"id": f"{split}/{i:06}", "audio": [f"test/y{i}.wav"], "cluster": f"y{i}", "choices": ["yes", "no"],
                   "gold": i, "labels": [["yes", "no"][i]], "refs": [rows[i]["answer"]], "groups": {"split": split},
                   "prompt": f"is there {SOUNDS[i]}?"} for i in range(2)]
    # Files are read in the order that the benchmark names them.
    expect("audio_hallucination", items)
    rows, items = [], []
    for i in range(7):
        question = f"Did you hear {SOUNDS[i % 5]} in the audio? Answer with yes or no."
        sub = "audio-language" if i < 5 else "visual-language"
        rows.append({"category": "over-reliance_unimodal_priors", "sub_category": sub, "modality": "audio",
                     "granularity": "object-level", "correlation_type": "language", "video_path": None,
                     "audio_path": f"./raw/{i}.wav", "question": question, "answer": ["yes", "no"][i % 2]})
        if i < 5:
            items.append({"id": f"{i:06}", "audio": [f"raw/{i}.wav"], "cluster": f"./raw/{i}.wav",
                          "labels": [["yes", "no"][i % 2]], "choices": ["yes", "no"], "gold": i % 2,
                          "refs": [["yes", "no"][i % 2]], "prompt": question.lower(),
                          "groups": {"sub_category": sub, "category": "over-reliance_unimodal_priors"}})
    put_lines("cmm_audio_language", "cmm.json", rows)
    expect("cmm_audio_language", items)


def caption_sets():
    rows, items = [], []
    for i in range(5):
        name = ["-aB_0", "c1", "d2", "e3", "f4"][i]
        rows += [[str(100 * i + k), name, "30", text] for k, text in enumerate(captions(i))]
        items.append({"id": name, "audio": [f"test/{name}.wav"], "refs": captions(i)})
    rows.sort(key=lambda row: int(row[0]) % 100)  # captions of a clip do not stand together
    put_table("audiocaps", "test.csv", ["audiocap_id", "youtube_id", "start_time", "caption"], rows, end="\r\n")
    expect("audiocaps", [{**item, "prompt": "generate audio caption",
                          "prompts": {"af2": "describe the sounds in the audio."}} for item in items])
    expect("clap_retrieval_audiocaps", items)
    names = ["Café, am Platz.wav", "two  blanks.wav", "Vögel (früh).wav", "a+b #1.wav", "日本.wav"]
    rows = [[names[i]] + captions(i) for i in range(5)]
    header = ["file_name"] + [f"caption_{k}" for k in range(1, 6)]
    put("clotho_v2", "clotho_captions_evaluation.csv", b"\xef\xbb\xbf" + table([header] + rows).encode())
    items = [{"id": names[i], "audio": ["evaluation/" + names[i]], "refs": captions(i)} for i in range(5)]
    expect("clotho_v2", [{**item, "prompt": "generate audio caption",
                          "prompts": {"ltu": "close-ended question: write an audio caption describing the sound."}}
                         for item in items])
    expect("clap_retrieval_clotho", items)
    rows = [[f"m{i}", "30", "40", "/m/04rlf", "['slow, sad', \"it's\"]", "['slow']", captions(i, 1)[0], "4",
             "False", str(i < 5)] for i in range(6)]
    put_table("musiccaps", "musiccaps-public.csv",
              ["ytid", "start_s", "end_s", "audioset_positive_labels", "aspect_list", "x", "caption", "author_id",
               "is_balanced_subset", "is_audioset_eval"], rows)
    expect("musiccaps", [{"id": f"m{i}", "audio": [f"audio/m{i}.wav"], "refs": captions(i, 1),
                          "prompt": "generate audio caption"} for i in range(5)])
    rows = [{"fname": f"{i}", "ytid": f"l{i}", "caption_writing": captions(i)[0], "caption_summary": captions(i)[1],
             "caption_paraphrase": captions(i)[2]} for i in range(5)]
    put_lines("lp_musiccaps_mc", "test.jsonl", rows)
    expect("lp_musiccaps_mc", [{"id": f"l{i}", "audio": [f"audio/l{i}.wav"], "refs": captions(i)[:3],
                                "prompt": "generate audio caption"} for i in range(5)])
    rows = [{"key": f"k{i // 2}", "path": f"wav/k{i // 2}.flac", "view": ["short", "music"][i % 2],
             "caption": captions(i % 5)[:1 + i % 3]} for i in range(6)]
    put_lines("mecat_caption", "test.jsonl", rows)
    expect("mecat_caption", [{"id": f"{row['key']}/{row['view']}", "audio": [row["path"]], "cluster": row["key"],
                              "refs": row["caption"], "fields": {"view": row["view"]},
                              "groups": {"view": row["view"]}, "prompt": "generate audio caption"} for row in rows])
    rows = [[f"{10 * i + k}", str(700 + i), captions(i)[k], f"0{i}/{700 + i}.2min.mp3"]
            for i in range(5) for k in range(2)]
    put_table("song_describer", "song_describer.csv", ["caption_id", "track_id", "caption", "path"], rows)
    expect("song_describer", [{"id": str(700 + i), "audio": [f"audio/0{i}/{700 + i}.2min.mp3"],
                               "refs": captions(i)[:2], "prompts": {"af2": "describe the music in the audio."},
                               "prompt": "generate audio caption"} for i in range(5)])


def clotho_aqa():
    asked = [("a.wav", "Is it raining?", ["yes", "yes", "yes"]), ("a.wav", "Is it night?", ["yes", "no", "yes"]),
             ("b, c.wav", "Does it bark?", ["no", "no", "no"]), ("b, c.wav", "What barks?", ["dog", "hound", "dog"]),
             ("d.wav", "Who talks?", ["man", "person", "nobody"]), ("d.wav", "Is it loud?", ["yes", "yes", "yes"]),
             ("e.wav", "Where?", ["street", "street", "road"]), ("e.wav", "Cars?", ["yes", "no", "many"]),
             ("f.wav", "Is it \"music\"?", ["no", "no", "no"]), ("f.wav", "How many?", ["two", "2", "two"]),
             ("g.wav", "A bird?", ["yes", "yes", "yes"]), ("g.wav", "Which?", ["owl", "owl", "owl"])]
    rows, place = [], {}
    for file, question, answers in asked:
        place[(file, question)] = len(rows)
        rows += [[file, question, answer, "yes"] for answer in answers]
    put_table("clotho_aqa", "clotho_aqa_test.csv", ["file_name", "QuestionText", "answer", "confidence"], rows)

    def item(file, question, refs, **more):
        return {"id": f"{place[(file, question)]:06}", "audio": ["audio_files/" + file], "cluster": file,
                "question": question, "refs": refs, "prompt": f"question: {question.lower()}",
                "prompts": {"one_word": f"{question.lower()}\nanswer the question using a single word only."}, **more}

    words = [row for row in asked if not {"yes", "no"} & set(row[2])]
    expect("clotho_aqa_nonbinary", [item(file, question, answers) for file, question, answers in words])
    same = [row for row in asked if len(set(row[2])) == 1 and row[2][0] in ("yes", "no")]
    expect("clotho_aqa_unanimous", [item(file, question, answers[:1], labels=answers[:1])
                                    for file, question, answers in same])


def labelled():
    """Tables of clips with one label."""
    def item(name, audio, label, shown=None, **more):
        return {"id": name, "audio": [audio], "labels": [label], "refs": [shown or label], **more}

    classes = [("dog", "dog"), ("sea_waves", "sea waves"), ("crackling_fire", "crackling fire"), ("rain", "rain"),
               ("hand_saw", "hand saw")]
    rows = [[f"{1 + i % 5}-{100 + i}-A-{i}.wav", str(1 + i % 5), str(i), classes[i][0], "True", str(100 + i // 2), "A"]
            for i in range(5)]
    put_table("esc50", "meta/esc50.csv", ["filename", "fold", "target", "category", "esc10", "src_file", "take"], rows)
    items = [item(rows[i][0], "audio/" + rows[i][0], classes[i][1], cluster=str(100 + i // 2),
                  groups={"fold": rows[i][1], "label": classes[i][1]}) for i in range(5)]
    expect("esc50", [{**e, "prompt": "classify this sound."} for e in items])
    expect("clap_zeroshot_esc50", [{k: v for k, v in e.items() if k != "groups"} for e in items])

    classes = [("air_conditioner", "air conditioner"), ("dog_bark", "dog bark"), ("gun_shot", "gun shot"),
               ("siren", "siren"), ("street_music", "street music")]
    rows = [[f"{200 + i}-0-0-{i}.wav", str(900 + i // 2), "0.0", "4.0", "1", str(1 + i), str(i), classes[i][0]]
            for i in range(5)]
    put_table("us8k", "metadata/UrbanSound8K.csv",
              ["slice_file_name", "fsID", "start", "end", "salience", "fold", "classID", "class"], rows)
    items = [item(rows[i][0], f"audio/fold{1 + i}/{rows[i][0]}", classes[i][1], cluster=str(900 + i // 2))
             for i in range(5)]
    expect("us8k", [{**e, "prompt": "this is a sound of", "groups": {"salience": "1"}} for e in items])
    expect("clap_zeroshot_us8k", items)

    scenes = [("cafe/restaurant", "cafe/restaurant"), ("city_center", "city center"), ("home", "home"),
              ("residential_area", "residential area"), ("tram", "tram")]
    put("tut2017", "evaluation_setup/evaluate.txt",
        "".join(f"audio/{i}.wav\t{scenes[i][0]}\n" for i in range(5)))
    items = [item(f"audio/{i}.wav", f"audio/{i}.wav", scenes[i][1]) for i in range(5)]
    expect("tut2017", [{**e, "prompt": "this acoustic scene is"} for e in items])
    expect("clap_zeroshot_tut2017", items)

    labels = ["bird chirping, tweeting", "bird chirping, tweeting", "people sneezing", "car \"honk\"", "train horning"]
    rows = [[f"v{i}", str(i * 30), labels[i % 5], "test" if i < 5 else "train"] for i in range(7)]
    put("clap_zeroshot_vggsound", "vggsound.csv", table(rows))
    expect("clap_zeroshot_vggsound", [item(f"v{i}", f"audio/v{i}_{30 * i:06}.wav", labels[i]) for i in range(5)])

    names = ["Breath", "cough ", "Crying", "laugh", "Yawn"]
    rows = [[f"t {i}.wav", "x", str(i), "0", names[i], "a", "b", "c, d"] for i in range(5)]
    put_table("nonspeech7k", "metadata of test set.csv",
              ["File Name", "Source", "ID", "Class ID", "Classname", "e", "f", "g"], rows)
    expect("nonspeech7k", [item(f"t {i}.wav", f"test/t {i}.wav", names[i].strip().lower(), prompt="this is a sound of")
                           for i in range(5)])

    names = ["angry", "happy", "neutral", "sad", "angry"]
    put_table("iemocap4", "iemocap_val.csv", ["file", "emotion"], [[f"Ses05/{i}.wav", names[i]] for i in range(5)])
    expect("iemocap4", [item(f"Ses05/{i}.wav", f"Ses05/{i}.wav", names[i], prompt="this emotion is")
                        for i in range(5)])

    names = ["clarinet", "distorted electric guitar", "female singer", "flute", "violin"]
    rows = [["test" if i < 5 else "training", names[i % 5], str(i % 5), str(40 + i // 2), f"uuid-{i}"]
            for i in range(7)]
    put_table("medley_solos", "Medley-solos-DB_metadata.csv",
              ["subset", "instrument", "instrument_id", "song_id", "uuid4"], rows)
    expect("medley_solos", [item(f"uuid-{i}", f"Medley-solos-DB_test-{i}_uuid-{i}.wav", names[i],
                                 cluster=str(40 + i // 2), prompt="this music note is produced by")
                            for i in range(5)])

    names = ["neutral", "joy", "sadness", "anger", "surprise"]
    rows = [[str(i), f"\"No, no,\" he said {i}", "Ann", names[i], "positive", str(i // 2), str(i % 2), "1", "2"]
            for i in range(5)]
    put_table("meld_emotion", "test_sent_emo.csv",
              ["Sr No.", "Utterance", "Speaker", "Emotion", "Sentiment", "Dialogue_ID", "Utterance_ID", "Season",
               "Episode"], rows)
    expect("meld_emotion", [item(f"{i:06}", f"test/dia{i // 2}_utt{i % 2}.wav", names[i], cluster=str(i // 2),
                                 prompt="this emotion is") for i in range(5)])


def named():
    """Layouts whose labels stand in the names of files."""
    def tree(folder, names, more=()):
        put(folder, "names.txt", "".join(name + "\n" for name in sorted([*names, *more])))

    kinds = {"Bus": "bus", "CrowdedIndoor": "crowdedindoor", "Park": "park", "ResidentialArea": "residentialarea",
             "Subway": "subway"}
    files = {f"Test/{kind}/{kind}_user0001_14_001.wav": label for kind, label in kinds.items()}
    tree("cochlscene", files, ["Train/Bus/Bus_user0002_14_001.wav"])
    shown = {"crowdedindoor": "crowded indoor", "residentialarea": "residential area"}
    expect("cochlscene", [{"id": name.split("/")[-1], "audio": [name], "labels": [label],
                           "refs": [shown.get(label, label)], "prompt": "this acoustic scene is"}
                          for name, label in sorted(files.items())])

    codes = {"ANG": "angry", "DIS": "disgusted", "FEA": "fearful", "HAP": "happy", "NEU": "neutral"}
    files = {f"AudioWAV/{1001 + i // 2}_IEO_{code}_HI.wav": (label, str(1001 + i // 2))
             for i, (code, label) in enumerate(codes.items())}
    tree("crema_d", files)
    expect("crema_d", [{"id": name, "audio": [name], "labels": [label], "refs": [label], "cluster": actor,
                        "groups": {"level": "HI", "label": label}, "prompt": "this emotion is",
                        "prompts": {"af2": "what is the emotion of the utterance?"}}
                       for name, (label, actor) in sorted(files.items())])

    files = {f"genres_original/{kind}/{kind}.{i:05}.wav": kind
             for i, kind in enumerate(["blues", "hiphop", "jazz", "pop", "rock"])}
    tree("gtzan", files, ["genres_original/jazz/jazz.00054.wav"])
    expect("gtzan", [{"id": name, "audio": [name], "labels": [kind],
                      "refs": ["hip hop" if kind == "hiphop" else kind],
                      "prompt": "what is the genre of this music?"} for name, kind in sorted(files.items())])

    moods = ["neutral", "calm", "happy", "sad", "angry"]
    files = {f"Actor_{1 + i:02}/03-01-{1 + i:02}-01-02-01-{1 + i:02}.wav": (mood, f"{1 + i:02}")
             for i, mood in enumerate(moods)}
    tree("ravdess", files, ["Actor_01/03-02-01-01-02-01-01.wav"])
    expect("ravdess", [{"id": name, "audio": [name], "labels": [mood], "refs": [mood], "cluster": actor,
                        "groups": {"intensity": "01"}, "prompt": "this emotion is"}
                       for name, (mood, actor) in sorted(files.items())])

    kinds = ["laughter", "sigh", "cough", "throatclearing", "sneeze"]
    files = {f"audio_16k/f{i:04}_0_{kind}.wav": kind for i, kind in enumerate(kinds)}
    tree("vocalsound", files, ["audio_16k/m0009_0_sniff.wav"])  # of another split
    put_json("vocalsound", "datafiles/te.json",
             {"data": [{"wav": "/data/vs/" + name, "labels": "/m/0" + str(i)} for i, name in enumerate(files)]})
    expect("vocalsound", [{"id": name, "audio": [name], "cluster": name[10:15],
                           "labels": ["throat clearing" if kind == "throatclearing" else kind],
                           "refs": ["throat clearing" if kind == "throatclearing" else kind],
                           "prompt": "this vocal sound is"} for name, kind in sorted(files.items())])


def tagged():
    mids = [("/m/09x0r", "Speech"), ("/m/05zppz", "Male speech, man speaking"), ("/m/0bt9lr", "Dog"),
            ("/t/dd00088", "Gush"), ("/m/06mb1", "Rain")]
    put("clap_zeroshot_audioset", "class_labels_indices.csv",
        "index,mid,display_name\n" + "".join(f'{i},{mid},"{name}"\n' for i, (mid, name) in enumerate(mids)))
    picks = [[0, 1], [2], [3, 4], [4], [0, 2, 4]]
    lines = "".join(f'{"-" if i == 0 else ""}a{i}, {10 * i}.000, {10 * i + 10}.000, '
                    f'"{",".join(mids[k][0] for k in picks[i])}"\n' for i in range(5))
    put("clap_zeroshot_audioset", "eval_segments.csv",
        "# Segments csv created\n# num_ytids=5, num_segs=5\n# YTID, start_seconds, end_seconds, positive_labels\n" + lines)
    items = []
    for i, pick in enumerate(picks):
        name, labels = ("-" if i == 0 else "") + f"a{i}", [mids[k][1] for k in pick]
        items.append({"id": name, "audio": [f"eval/{name}.wav"], "labels": labels, "refs": [", ".join(labels)]})
    expect("clap_zeroshot_audioset", items)

    names = ["Accelerating_and_revving_and_vroom", "Bark", "Coin_(dropping)", "Wind_chime", "Water"]
    put("fsd50k", "FSD50K.ground_truth/vocabulary.csv",
        "".join(f"{i},{name},/m/{i}\n" for i, name in enumerate(names)))
    rows = [[str(37 + i), ",".join(names[k] for k in picks[i]), ",".join(f"/m/{k}" for k in picks[i])]
            for i in range(5)]
    put_table("fsd50k", "FSD50K.ground_truth/eval.csv", ["fname", "labels", "mids"], rows)
    items = []
    for i, pick in enumerate(picks):
        labels = [names[k] for k in pick]
        items.append({"id": str(37 + i), "audio": [f"FSD50K.eval_audio/{37 + i}.wav"], "labels": labels,
                      "refs": [", ".join(label.lower().replace("_", " ") for label in labels)]})
    expect("fsd50k", [{**e, "prompt": "this is a sound of"} for e in items])
    expect("clap_zeroshot_fsd50k", items)

    labels = [["car"], ["train horn", "train"], ["ambulance (siren)"], ["car passing by", "bus"], ["skateboard"]]
    put_table("dcase17_task4", "testing_set.csv", ["file", "labels"],
              [[f"Y{i}_1.wav", ", ".join(labels[i])] for i in range(5)])
    expect("dcase17_task4", [{"id": f"Y{i}_1.wav", "audio": [f"testing/Y{i}_1.wav"], "labels": labels[i],
                              "refs": [", ".join(labels[i])], "prompt": "this acoustic scene is"} for i in range(5)])


# --- music -------------------------------------------------------------------------------------------------
def nsynth():
    notes, rows = {}, []
    family = ["bass", "synth_lead", "vocal", "reed", "mallet"]
    source = ["electronic", "synthetic", "acoustic", "acoustic", "electronic"]
    qualities = [["dark"], ["bright", "long_release"], [], ["tempo-synced"], ["percussive", "fast_decay"]]
    velocity = [25, 50, 75, 100, 127]
    for i in range(5):
        note = f"{family[i]}_{source[i]}_{i:03}-{60 + i:03}-{velocity[i]:03}"
        notes[note] = {"note_str": note, "instrument_family_str": family[i], "instrument_source_str": source[i],
                       "pitch": 60 + i, "velocity": velocity[i], "qualities_str": qualities[i], "sample_rate": 16000}
        rows.append({"id": note, "audio": [f"nsynth-test/audio/{note}.wav"]})
    put_json("nsynth", "nsynth-test/examples.json", notes)
    shown = [name.replace("_", " ") for name in family]
    instrument = [{**rows[i], "labels": [family[i]], "refs": [shown[i]]} for i in range(5)]
    expect("nsynth_instrument", [{**e, "prompt": "this music note is produced by",
                                  "groups": {"velocity": str(velocity[i]), "instrument_source_str": source[i]}}
                                 for i, e in enumerate(instrument)])
    expect("clap_zeroshot_nsynth", instrument)
    expect("nsynth_source", [{**rows[i], "labels": [source[i]], "refs": [source[i]],
                              "prompt": "this music note has sonic source"} for i in range(5)])
    expect("nsynth_pitch", [{**rows[i], "refs": [str(60 + i)], "prompt": "this music note has pitch"}
                            for i in range(5)])
    expect("nsynth_velocity", [{**rows[i], "labels": [str(velocity[i])], "refs": [str(velocity[i])],
                                "prompt": "this music note has velocity"} for i in range(5)])
    expect("nsynth_qualities", [{**rows[i], "labels": qualities[i],
                                 "refs": [", ".join(q.replace("_", " ") for q in qualities[i]) or "none"],
                                 "prompt": "this music note has sonic qualities"} for i in range(5)])
    expect("nsynth_mir", [
        {**rows[i], "prompt": "this music note is",
         "fields": {"instrument": family[i], "pitch": str(60 + i), "qualities": ", ".join(qualities[i])},
         "refs": [f"produced by {family[i]}, pitch {60 + i}, velocity {velocity[i]}, source {source[i]}, "
                  f"qualities like {', '.join(qualities[i])}"]} for i in range(5)])


def music_questions():
    rows, items = [], []
    for i in range(5):
        wrong = [text for k, text in enumerate(OPTIONS[i]) if k != GOLDS[i]]
        options = [OPTIONS[i][GOLDS[i]]] + wrong
        rows.append([QUESTIONS[i], *options, ["sdd", "musiccaps"][i % 2], f"{70 + i // 2}", "rock, pop",
                     "['mood']", "['instrumentation', \"genre's\"]"])
        order = shuffled(f"af2/eval/choices/1/1/{i:06}", 4)
        choices = [options[k] for k in order]
        items.append({"id": f"{i:06}", "audio": [f"{['sdd', 'musiccaps'][i % 2]}/{70 + i // 2}.wav"],
                      "cluster": f"{70 + i // 2}", "choices": choices, "gold": order.index(0), "refs": [options[0]],
                      "groups": {"music_knowledge": "instrumentation, genre's", "music_reasoning": "mood"},
                      "fields": {"choice_order": " ".join(map(str, order))},
                      "prompt": f"{QUESTIONS[i]} {lettered(choices)}".lower(),
                      "prompts": {"official": (
                          "question: which voice opens the song?\n options: (a) a bass (b) a child (c) a choir (d) none"
                          f" \n the correct answer is: (c) a choir\n\nquestion: {QUESTIONS[i]}\n options: "
                          f"{lettered(choices, '({}) {}')} \n the correct answer is:").lower()}})
    put_table("muchomusic", "muchomusic.csv",
              ["question", "correct_answer", "distractor_1_answer", "distractor_2_answer", "distractor_3_answer",
               "dataset", "dataset_identifier", "genre", "music_reasoning", "music_knowledge"], rows,
              quoting=csv.QUOTE_ALL)
    expect("muchomusic", items)

    asked = [("How many types of <Object> sound?", ["acoustic_guitar"], "Counting", "two"),
             ("Is the <Object> louder than the <Object>？", ["piano", "congas"], "Comparative", "yes"),
             ("Does a <Object> play longer?", ["flute"], "Comparative", "no"),
             ("How many instruments are there?", [], "Counting", "more than ten"),
             ("Is the <Object> heard?", ["pipa"], "Comparative", "no")]
    rows, items = [], []
    for i, (question, values, kind, answer) in enumerate(asked):
        rows.append({"video_id": f"0000{i // 2}", "question_id": i, "type": json.dumps(["Audio", kind]),
                     "question_content": question, "templ_values": str(values), "anser": answer,
                     "question_deleted": 0})
        full = question
        for value in values:
            full = full.replace("<Object>", value, 1)
        items.append({"id": str(i), "audio": [f"audio/0000{i // 2}.wav"], "cluster": f"0000{i // 2}",
                      "question": full, "labels": [answer], "refs": [answer], "groups": {"type[1]": kind},
                      "prompt": "question: " + full.lower().replace("？", "?")})
    rows.append({"video_id": "9", "question_id": 9, "type": json.dumps(["Visual", "Location"]),
                 "question_content": "Where?", "templ_values": "[]", "anser": "left", "question_deleted": 0})
    put_json("music_avqa_audio", "avqa-test.json", rows)
    expect("music_avqa_audio", items)

    for length in ("long", "short"):
        rows = [{"ytid": f"i{i}", "question": QUESTIONS[i % 5], "answer": f"A {length} answer, no. {i}.",
                 "is_audioset_eval": i < 5} for i in range(7)]
        put_json("musicinstruct", f"music_instruct_{length}.json", {"QA": rows})
        expect(f"musicinstruct_{length}", [
            {"id": f"{i:06}", "audio": [f"audio/i{i}.wav"], "cluster": f"i{i}", "question": QUESTIONS[i],
             "refs": [f"A {length} answer, no. {i}."], "prompt": "question: " + QUESTIONS[i].lower()}
            for i in range(5)])
    asked = ["Describe the audio", "What is it?", "Who plays .", "Say more!", "Tempo"]
    rows = [{"audio_name": f"{i}.mp3", "conversation": [{"from": "human", "value": asked[i]},
                                                       {"from": "gpt", "value": SOUNDS[i]}]} for i in range(5)]
    put_json("musicqa", "EvalMusicQA.json", rows)
    marked = ["describe the audio.", "what is it?", "who plays .", "say more!", "tempo."]
    expect("musicqa", [{"id": f"{i:06}", "audio": [f"audios/{i}.mp3"], "cluster": f"{i}.mp3", "question": asked[i], "refs": [SOUNDS[i]],
                        "prompt": "question: " + marked[i]} for i in range(5)])


# --- questions with options --------------------------------------------------------------------------------
def choice_sets():
    rows, items = [], []
    for i in range(6):
        options, gold, faults = OPTIONS[i % 5], GOLDS[i % 5], []
        answer = options[gold]
        if i == 1:  # two equal options, one of them the gold
            options, gold, faults = ["rain", "rain on a roof", "snow", "rain on a roof"], 1, ["options 2 and 4 are equal"]
        if i == 3:  # a gold that is none of them, and an empty one
            options, gold, answer = ["a drill", "", "a hammer"], -1, "a plane"
            faults = ["the right answer is not among the options: a plane", "option 2 is empty"]
        if i == 4:
            options, gold, answer = ["C", "A", "B", "D"], 1, "A"
        rows.append({"id": f"u{i}", "audio_id": f"./test-mini-audios/u{i}.wav", "question": QUESTIONS[i % 5],
                     "choices": options, "answer": answer, "task": ["sound", "music", "speech"][i % 3],
                     "category": "['Reasoning']" if i == 2 else "Perception", "difficulty": "easy",
                     "sub-category": "Acoustic Source Inference"})
        printed = [f"({chr(65 + k)}) {text}." for k, text in enumerate(options) if text]
        items.append({"id": f"u{i}", "audio": [f"test-mini-audios/u{i}.wav"],
                      "cluster": f"./test-mini-audios/u{i}.wav", "choices": options, "gold": gold, "refs": [answer],
                      "faults": faults, "prompt": f"{QUESTIONS[i % 5]} {' '.join(printed)}".lower(),
                      "groups": {"task": ["sound", "music", "speech"][i % 3], "difficulty": "easy",
                                 "category": "Reasoning" if i == 2 else "Perception"}})
    put_json("mmau", "mmau-test-mini.json", rows)
    expect("mmau_mini", items)
    expect("mmau_legacy", items)
    put_json("mmau_test", "mmau-test.json", [{k: v for k, v in row.items() if k != "answer"} for row in rows[:5]])
    expect("mmau_test", [{**item, "gold": -1, "refs": [], "groups": {},
                          "faults": [f for f in item["faults"] if "right answer" not in f]} for item in items[:5]])

    rows, items, rubrics = [], [], []
    for i in range(5):
        rows.append({"id": f"r{i}", "audio_path": f"./audio/r{i}.wav", "question": QUESTIONS[i],
                     "choices": OPTIONS[i], "answer": OPTIONS[i][GOLDS[i]], "modality": "mix-sound-music",
                     "category": "Perception Layer", "sub-category": "Temporal", "language": "en",
                     "rubric": [{"item": f"names {SOUNDS[i]}", "points": [0, 1]}]})
        body = (f"{QUESTIONS[i]} Choose the correct option from the following options:\n"
                f"{lettered(OPTIONS[i], '({}) {}', chr(10))}")
        item = {"id": f"r{i}", "audio": [f"audio/r{i}.wav"], "cluster": f"./audio/r{i}.wav", "choices": OPTIONS[i], "gold": GOLDS[i],
                "refs": [OPTIONS[i][GOLDS[i]]], "groups": {"modality": "mix-sound-music"}, "prompt": body.lower()}
        items.append({**item, "prompts": {"inline": f"{QUESTIONS[i]} {lettered(OPTIONS[i])}".lower()}})
        rubrics.append({**item, "prompt": (body + AQA_REQUEST).lower(),
                        "fields": {"rubric": json.dumps(rows[i]["rubric"], separators=(",", ":"))}})
    put_json("mmar", "MMAR-meta.jsonl", rows)  # the published file is one list in spite of its name
    expect("mmar", items)
    expect("mmar_rubrics", rubrics)

    rows, items = [], []
    for i in range(5):
        open_ended = i == 3
        constraint = i == 4
        rows.append({"id": f"p{i}", "audio_path": [f"p{i}.wav", f"p{i}b.wav"][:1 + (i == 2)],
                     "question": QUESTIONS[i], "choices": None if open_ended or constraint else OPTIONS[i],
                     "answer": OPTIONS[i][GOLDS[i]], "task_name": "t",
                     "task_identifier": "Number Words (at most)" if constraint else None,
                     "kwargs": {"N": 5, "keywords": None} if constraint else None,
                     "category": "open" if open_ended else "instruction following" if constraint else "sound"})
        plain = open_ended or constraint
        items.append({"id": f"p{i}", "audio": ["data/" + name for name in rows[i]["audio_path"]],
                      "task": "open_qa" if open_ended else "constraint" if constraint else "mcq",
                      "choices": [] if plain else OPTIONS[i], "gold": -1 if plain else GOLDS[i],
                      "refs": [OPTIONS[i][GOLDS[i]]], "groups": {"category": rows[i]["category"]},
                      "fields": {"constraint": "Number Words (at most)" if constraint else "",
                                 "arguments": '{"N":5,"keywords":null}' if constraint else ""},
                      "prompt": (QUESTIONS[i] if plain else f"{QUESTIONS[i]} {lettered(OPTIONS[i])}").lower()})
    put_lines("mmau_pro", "test.jsonl", rows)
    expect("mmau_pro", items)

    rows, items = [], []
    for i in range(5):
        row = {"id": f"s{i}", "audio_path": f"audio/s{i}.wav", "question": QUESTIONS[i], "task_name": "stress",
               "category": "Perception", "sub-category": "Phonology", "answer_gt": OPTIONS[i][GOLDS[i]]}
        row.update({"choice_" + "abcd"[k]: text for k, text in enumerate(OPTIONS[i])})
        rows.append(row)
        items.append({"id": f"s{i}", "audio": [f"audio/s{i}.wav"], "choices": OPTIONS[i], "gold": GOLDS[i],
                      "refs": [OPTIONS[i][GOLDS[i]]], "groups": {"sub-category": "Phonology"},
                      "prompt": "Choose the most suitable answer from options A, B, C, and D to respond the question "
                                "in next line, **you should only choose A or B or C or D.** Do not provide any "
                                f"additional explanations or content.\n\nQuestion: {QUESTIONS[i]}\n\n"
                                f"{lettered(OPTIONS[i], '{}. {}', chr(10))}",
                      "prompts": {"inline": f"{QUESTIONS[i]} {lettered(OPTIONS[i])}".lower()}})
    put_lines("mmsu", "mmsu.jsonl", rows)
    expect("mmsu", items)

    items = []
    for part, indices in (("GTZAN/gtzan.json", [0, 1, 2]), ("HAD/had_real_fake.json", [3, 4])):
        rows = []
        for n, i in enumerate(indices):
            row = {"path": f"{part[:3].strip('/')}/{i}.wav", "question": QUESTIONS[i]}
            options = OPTIONS[i][:2] if i == 1 else OPTIONS[i]
            row.update({"choice_" + "abcd"[k]: text for k, text in enumerate(options)})
            row["answer_gt"] = chr(65 + GOLDS[i]) if i % 2 else options[GOLDS[i]]
            rows.append(row)
            name = pathlib.Path(part).stem
            items.append({"id": f"{name}/{n:06}", "audio": [row["path"]], "choices": options, "gold": GOLDS[i],
                          "refs": [row["answer_gt"]], "groups": {"task": name},
                          "prompt": f"{QUESTIONS[i]}\n{lettered(options, '({}) {}', chr(10))}".lower()})
        put_json("audiomarathon", part, rows)
    expect("audiomarathon", items)

    for name, key in (("rul_muchomusic", "rul_muchomusic.jsonl"), ("trea", "trea.jsonl")):
        put_lines(name, key, [{"audio_path": f"a/{i}.wav", "question": QUESTIONS[i], "choices": OPTIONS[i],
                               "answer": f"({chr(65 + GOLDS[i])})" if name == "trea" else OPTIONS[i][GOLDS[i]],
                               "task": "order"} for i in range(5)])
        expect(name, [{"id": f"{i:06}", "audio": [f"a/{i}.wav"], "choices": OPTIONS[i], "gold": GOLDS[i],
                       "prompt": f"{QUESTIONS[i]} {lettered(OPTIONS[i])}".lower(),
                       "refs": [f"({chr(65 + GOLDS[i])})" if name == "trea" else OPTIONS[i][GOLDS[i]]],
                       "groups": {"task": "order"} if name == "trea" else {}} for i in range(5)])

    items = []
    for track in ("Animal", "Emotion", "Gender", "Language"):
        rows = {}
        for n in range(1):
            audio = f"data/{track}/audio/{n}.wav"
            options = ["dog", "cat", "frog (tree)"]
            body = "Which is heard? (a) dog (b) cat (c) frog (tree)"
            more = "What does it eat? (a) bones (b) fish (c) flies"
            rows[audio] = {"single_instruction": body, "single_answer": "(c) frog (tree)",
                           "multi_instruction": more, "multi_answer": "(a) bones", "attribute_label": "x"}
            for hop, text, choices, gold, answer in (("single", body, options, 2, "(c) frog (tree)"),
                                                     ("multi", more, ["bones", "fish", "flies"], 0, "(a) bones")):
                items.append({"id": f"{track}/{n:06}/{hop}", "audio": [audio], "cluster": audio, "question": text,
                              "choices": choices, "gold": gold, "refs": [answer],
                              "groups": {"track": track, "hop": hop}, "prompt": text.lower()})
        put_json("sakura", f"data/{track}/metadata.json", rows)
    expect("sakura", items)


# --- free answers ------------------------------------------------------------------------------------------
def open_sets():
    rows, items = [], []
    for clip in range(2):
        turns = [{"instruction": f"Why {k}, at {clip}?", "output": f"Because of {SOUNDS[k]}."} for k in range(3)]
        rows.append({"audio_id": f"Y{clip}.wav", "instruction_output": turns})
        items += [{"id": f"{3 * clip + k:06}", "audio": [f"Y{clip}.wav"], "cluster": f"Y{clip}.wav",
                   "question": turn["instruction"], "refs": [turn["output"]], "prompt": turn["instruction"].lower()}
                  for k, turn in enumerate(turns)]
    put_json("compa_r_test", "CompA-R-test.json", rows)
    expect("compa_r_test", items)
    put_json("openaqa", "open_as_gpt3.json",
             [{"audio_id": f"/o/{i}.wav"[1:], "instruction": QUESTIONS[i], "output": SOUNDS[i]} for i in range(5)])
    expect("openaqa", [{"id": f"{i:06}", "audio": [f"o/{i}.wav"], "cluster": f"o/{i}.wav", "question": QUESTIONS[i],
                        "refs": [SOUNDS[i]], "prompt": QUESTIONS[i].lower()} for i in range(5)])

    kinds = ["captioning", "general", "needle", "temporal", "plot"]
    seconds = [30.0, 61.5, 299.0, 301.0, 1200]
    buckets = ["30", "90", "300", "long", "long"]
    put_json("longaudiobench", "longaudiobench.json", {"data": {
        str(i): {"name": f"v/{i}.mp3", "prompt": QUESTIONS[i], "output": SOUNDS[i], "task": kinds[i],
                 "duration": seconds[i]} for i in range(5)}})
    expect("longaudiobench", [{"id": str(i), "audio": [f"v/{i}.mp3"], "cluster": f"v/{i}.mp3", "refs": [SOUNDS[i]],
                               "groups": {"category": kinds[i], "duration_bucket": buckets[i]},
                               "prompt": QUESTIONS[i].lower()} for i in range(5)])

    names = ["word_localization", "named_entity_localization", "advertisement_localization",
             "speaker_number_estimation", "event_duration", "entire_duration", "emotion_reasoning",
             "emotion_ranking"]
    items = []
    for i, name in enumerate(names):
        truth = [{"word": "rain", "start": 1.5, "end": 2}] if i < 3 else i if i == 3 else f"{i} seconds"
        put_json("blab", name + ".json", [{"audio": f"{i}.wav", "question": QUESTIONS[i % 5], "groundtruth": truth}])
        items.append({"id": f"{name}/000000", "audio": [f"audio/{i}.wav"], "cluster": f"{i}.wav",
                      "refs": ['{"word":"rain","start":1.5,"end":2}' if i < 3 else str(truth)],
                      "groups": {"task": name}, "prompt": QUESTIONS[i % 5].lower()})
    expect("blab", items)

    for name, question, answer, group in (("cmi_bench", "instruction", "output", "task"),
                                          ("dynamic_superb2", "instruction", "label", "task"),
                                          ("audiobench", "question", "answer", "set")):
        items = []
        for part, indices in (("key_b", [0, 1, 2]), ("tempo", [3, 4])):  # files of a glob come sorted
            put_lines(name, part + ".jsonl", [{"audio": f"{part}/{i}.wav", question: QUESTIONS[i], answer: SOUNDS[i]}
                                              for i in indices])
            items += [{"id": f"{part}/{n:06}", "audio": [f"{part}/{i}.wav"], "question": QUESTIONS[i],
                       "refs": [SOUNDS[i]], "groups": {group: part}, "prompt": QUESTIONS[i].lower()}
                      for n, i in enumerate(indices)]
        expect(name, items)


for make in (reasoning, airbench, entailment, yes_no, caption_sets, clotho_aqa, labelled, named, tagged, nsynth,
             music_questions, choice_sets, open_sets):
    make()
FOLDERS = {"clap_retrieval_audiocaps": "audiocaps", "clap_retrieval_clotho": "clotho_v2", "mmau_mini": "mmau",
           "mmau_legacy": "mmau", "mmar_rubrics": "mmar", "clotho_aqa_unanimous": "clotho_aqa",
           "clotho_aqa_nonbinary": "clotho_aqa", "musicinstruct_long": "musicinstruct",
           "musicinstruct_short": "musicinstruct", "clap_zeroshot_nsynth": "nsynth"}
for benchmark, items in EXPECTED.items():
    folder = FOLDERS.get(benchmark, benchmark)
    if benchmark.startswith("nsynth_"):
        folder = "nsynth"
    if benchmark.startswith("clap_zeroshot_") and not (ROOT / folder).exists():
        folder = benchmark.removeprefix("clap_zeroshot_")
    put_json("expected", benchmark + ".json", {"folder": folder, "items": items})
print(len(EXPECTED), "benchmarks,", sum(map(len, EXPECTED.values())), "items")
