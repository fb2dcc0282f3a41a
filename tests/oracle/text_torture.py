"""Torture strings for tokenizers, and the reference tokenizers themselves. Shared by the text oracles."""
import json
import random
import unicodedata

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

# Written as code points or bytes, so that no editor can normalise them away. bytes: not valid UTF-8 on its own.
FRAGMENTS = [
    # words, contractions, quotes
    "the", " The", "hello", " world", "What", "is", "heard", "?", "!", "...", " a", "I", "'s", "'t", "'re", "'ve",
    "'m", "'ll", "'d", "'S", "'T", "'RE", "'Ve", "'LL", "'lL", "'\u017f", "'x", "'", "''", "\u2019s", "don't",
    "CAN'T", "it's", "o'clock", "x' d", "'D'", "'r", "'v", "'l", "'re've",
    # white space: every kind and run
    " ", "  ", "   ", "     ", "\t", "\t\t", " \t ", "\n", "\n\n", "\n\n\n", "\r", "\r\n", "\r\n\r\n", "\n\r", " \n",
    "\n ", "\n  ", "  \n  ", " \r\n \t", "\u00a0", "\u00a0\u00a0", "\u2003", "\u3000", "\u2028", "\u2029", "\u0085",
    "\x0b", "\x0c", "\x1c", "\u1680", "\u202f", "\u205f", "\u180e", "\u200b", "\ufeff", " \u00a0 ", "\u3000\n",
    # digits of all sorts
    "0", "7", "12", "123", "1234", "12345678901", " 42", "3.14", "1,000", "2nd", "x86", "\u0661\u0662\u0663\u0664",
    "\u0967\u0968", "\u00bd", "\u00b2", "\u2167", "\u2460", "\uff11\uff12", "\u3007", "\U0001d7d8\U0001d7d9",
    "\U00010107", "\u4e00\u4e8c\u4e09",
    # punctuation and symbols
    ".", ",", ";", ":", "-", "--", "\u2014", "(", ")", "(A)", "[", "]", "{", "}", "<", ">", "</", "<|", "|>", "/", "\\",
    "@", "#", "$", "%", "^", "&", "*", "_", "__", "+", "=", "==", "~", "`", "\"", "\u201c", "\u201d", "\u20ac", "\u00a3",
    "\u2192", "\u221e", "\u00b0C", "!?\n", ".\n\n", ").\r\n", " ...", " --", " (", "\u00b7", "\u00a7",
    # Latin with marks, composed and not
    "\u00e9", "e\u0301", "\u00c5", "A\u030a", "\u212b", "n\u0303", "\u1ec7", "e\u0323\u0302", "e\u0302\u0323", "\u00df",
    "\u0130", "i\u0307", "\ufb01", "\u01c4", "o\u0308\u0304", "na\u00efve", "Stra\u00dfe", "a\u0300\u0301\u0302\u0303",
    "\u0301", " \u0301", "\u0345\u0301", "\u2126", "\u0958", "\u0f73", "q\u0307\u0323",
    # other scripts
    "\u03a3\u03af\u03c3\u03c5\u03c6\u03bf\u03c2", "\u041f\u0440\u0438\u0432\u0435\u0442", " \u043c\u0438\u0440",
    "\u05e9\u05dc\u05d5\u05dd", "\u05e9\u05b8\u05dc\u05d5\u05b9\u05dd", "\u0645\u0631\u062d\u0628\u0627",
    "\u0627\u0644\u0639\u064e\u0631\u064e\u0628\u0650\u064a\u0651\u0629", "\u0640", "\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35",
    "\u0e01\u0e33\u0e25\u0e31\u0e07", "\u0928\u092e\u0938\u094d\u0924\u0947", "\u0ba4\u0bae\u0bbf\u0bb4\u0bcd",
    "\u4f60\u597d", "\u4e16\u754c", "\u3053\u3093\u306b\u3061\u306f", "\u30ab\u3099", "\u30ac", "\uff76\uff9e",
    "\uc548\ub155", "\u110b\u1161\u11ab", "\u3002", "\uff0c", "\u300c", "\U00020000", "\uf900", "\U0002f800",
    "\u1780\u17d2\u1798", "\u10d0\u10d1", "\u13a0", "\u1e9e", "\U00010400", "\u16a0", "\u0531",
    # emoji and joiners
    "\U0001f600", "\U0001f468\u200d\U0001f469\u200d\U0001f467", "\U0001f44d\U0001f3fd", "\U0001f1e9\U0001f1ea",
    "\u2764\ufe0f", "\u2764", "\U0001f3f4\U000e0067\U000e0062\U000e007f", "\u200d", "\ufe0f", "1\ufe0f\u20e3", "\u00a9",
    # controls, private use, the replacement character, characters of planes 4 and 15
    "\x00", "\x01", "\x04", "\x7f", "\x1b[0m", "\ue000", "\ufffd", "\U00040000", "\U000f0000", "\U0010fffd", "\uffff",
    # special and added tokens, whole, broken and nested
    "<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|im_start|>user\n", "<|im_start", "im_end|>", "<|<|im_end|>",
    "<audio>", "<AUDIO>", "<SEP>", "<sep>", "<|endofchunk|>", "<|begin_of_text|>", "<|eot_id|>", "<|fim_prefix|>",
    "<tool_call>", "</tool_call>", "<repo_name>", "<|end_of_text|>", "<mask>", " <mask> ", "<end>", "<end>  ", "whole",
    "awhole", " whole ", "<\u0144ote>", "<n\u0301ote>", "<|endoftext", "<|reserved_special_token_12|>",
    # code
    "def f(x):\n    return x\n", "for (int i = 0; i < n; ++i) {\n\t", "https://example.org/a?b=1&c=%20", "foo_bar",
    "camelCaseWord", "\tif (a) {\r\n", "#include <x>", "SELECT * FROM t;", "AAAAAAAAAAAAAAAA", "=========",
    # invalid UTF-8
    b"\x80", b"\xff", b"\xc3", b"\xc3(", b"\xe2\x82", b"\xe2\x28\xa1", b"\xf0\x9f\x98", b"\xf0\x9f", b"\xf0\x80\x80\x80",
    b"\xed\xa0\x80", b"\xed\xb0\x80", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80",
    b"\xfe\xff", b"caf\xe9 ", b"\xef\xbf", b"\xe4\xbd\xa0\xe5", b"\xbf\xbf\xbf",
]
# Long ones: (fragment, times).
LONG = [("a", 10000), ("ab", 5000), ("1", 10000), (" ", 10000), ("\n", 10000), ("\u4f60\u597d", 1700), ("!", 10000),
        ("the quick brown fox ", 500), ("A\u030a", 3400), ("\U0001f600", 2500), ("'s", 5000), (" \t", 5000),
        ("<|im_end|>", 1000), ("<", 10000), ("\u0e2a\u0e27\u0e31\u0e2a\u0e14\u0e35", 560), (b"\xff", 10000),
        ("hello1 ", 1400), ("\u00a0", 5000), ("_", 10000), ("aB\u00e93\u4e16", 1100)]


def raw(fragment):
    return fragment if isinstance(fragment, bytes) else fragment.encode("utf-8")


def compositions(count, seed=20250305):
    """`count` lists of indices into FRAGMENTS: each fragment alone, then random concatenations."""
    rng = random.Random(seed)
    lists = [[i] for i in range(len(FRAGMENTS))]
    while len(lists) < count:
        lists.append([rng.randrange(len(FRAGMENTS)) for _ in range(rng.choice((2, 2, 3, 4, 5, 7, 10)))])
    return lists


def composed(indices):
    return b"".join(raw(FRAGMENTS[i]) for i in indices)


def code_point_strings():
    """Assigned code points in changing company: all but ordinary letters of large blocks, of which one in 16."""
    points = []
    for c in range(0x110000):
        category = unicodedata.category(chr(c))
        if category in ("Cs", "Cn", "Co") or (category == "Lo" and c % 16):
            continue
        points.append(chr(c))
    company = ("", " ", "a", "1", "\n", "'", "  ", ".", "e\u0301", "B ")
    strings, now = [], []
    for number, c in enumerate(points):
        now.append(company[number * 7 % 10] + c)
        if len(now) == 24:
            strings.append("".join(now).encode("utf-8"))
            now = []
    return strings + ["".join(now).encode("utf-8")]


def smollm_tokenizer(lists):
    """The reference for a GGUF's lists, with the pre-tokeniser that SmolLM2 was published with."""
    vocab = {token: i for i, token in enumerate(lists["tokens"])}
    merges = [tuple(merge.split(" ")) for merge in lists["merges"]]
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
        pre_tokenizers.Digits(individual_digits=True),
        pre_tokenizers.ByteLevel(add_prefix_space=False, trim_offsets=True, use_regex=True)])
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([t for t, kind in zip(lists["tokens"], lists["token_types"]) if kind == 3])
    return tokenizer


def fnv64(data, state=0xCBF29CE484222325):
    for byte in data:
        state = (state ^ byte) * 0x100000001B3 & 0xFFFFFFFFFFFFFFFF
    return state


def encode(tokenizer, data, parse_special=True):
    tokenizer.encode_special_tokens = not parse_special
    return tokenizer.encode(data.decode("utf-8", "replace"), add_special_tokens=False).ids


def decode(tokenizer, ids, skip_special=False):
    return tokenizer.decode(ids, skip_special_tokens=skip_special).encode("utf-8")


def variant(base, changes):
    """A tokenizer from the dict of a tokenizer.json with the changes {pre_tokenizer, normalizer, ignore_merges}."""
    spec = json.loads(json.dumps(base))
    spec["pre_tokenizer"] = changes["pre_tokenizer"]
    spec["normalizer"] = changes["normalizer"]
    spec["model"]["ignore_merges"] = changes["ignore_merges"]
    return Tokenizer.from_str(json.dumps(spec))
