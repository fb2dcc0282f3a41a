// text: byte-level BPE against the `tokenizers` library (goldens of tests/oracle/make_text_goldens.py), the
// other ways to load one, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <sstream>
#include <thread>

#include "af2/core/error.h"
#include "af2/text/byte_alphabet.h"
#include "text_test_util.h"

#ifdef AF2_WITH_ICU

namespace af2 {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using text_test::data_json;
using text_test::from_hex;
using text_test::Json;
using text_test::small_tokenizer;

// The small tokenizer with a golden's changes; merges as "a b" strings where asked, as older files have them.
ByteBpe variant(const Json& changes, bool merges_as_strings) {
  Json spec = data_json("small.json");
  spec["pre_tokenizer"] = changes["pre_tokenizer"];
  spec["normalizer"] = changes["normalizer"];
  spec["model"]["ignore_merges"] = changes["ignore_merges"];
  if (merges_as_strings) {
    for (Json& merge : spec["model"]["merges"]) {
      merge = merge[0].get<std::string>() + " " + merge[1].get<std::string>();
    }
  }
  return ByteBpe::from_tokenizer_json_text(spec.dump());
}

std::vector<std::string> torture_strings(const Json& golden) {
  std::vector<std::string> fragments, strings;
  for (const Json& hex : golden["fragments"]) fragments.push_back(from_hex(hex.get<std::string>()));
  std::istringstream lists(golden["strings"].get<std::string>());
  for (std::string list; lists >> list;) {
    std::istringstream items(list);
    std::string text;
    for (std::string item; std::getline(items, item, ',');) text += fragments.at(std::stoul(item));
    strings.push_back(text);
  }
  return strings;
}

std::vector<std::string> long_strings(const Json& golden) {
  std::vector<std::string> strings;
  for (const Json& item : golden["long"]) {
    const std::string fragment = from_hex(item[0].get<std::string>());
    strings.emplace_back();
    for (int i = 0; i < item[1].get<int>(); ++i) strings.back() += fragment;
  }
  return strings;
}

class Torture : public testing::TestWithParam<const char*> {};

TEST_P(Torture, EqualsTheReference) {
  const Json golden = data_json("torture.json");
  const Json& want = golden["variants"][GetParam()];
  const ByteBpe bpe = variant(want, std::string_view(GetParam()) == "smollm");
  const bool parse_special = want["parse_special"].get<bool>();
  for (std::size_t i = 0; i < golden["cases"].size(); ++i) {
    EXPECT_EQ(bpe.encode(golden["cases"][i].get<std::string>(), parse_special),
              want["cases"][i].get<std::vector<int>>())
        << golden["cases"][i];
  }
  const std::string hashes = want["hashes"].get<std::string>();
  const std::vector<std::string> strings = torture_strings(golden), longs = long_strings(golden);
  ASSERT_GE(strings.size(), 2000u);
  const std::size_t block = golden["block"].get<std::size_t>(), blocks = strings.size() / block;
  ASSERT_EQ(hashes.size(), 8 * (blocks + longs.size()));
  const auto check = [&](std::size_t at, std::span<const std::string> texts) {
    std::uint64_t state = text_test::kFnvStart;
    for (const std::string& text : texts) {
      const std::vector<int> ids = bpe.encode(text, parse_special);
      state = text_test::fnv64(bpe.decode(ids), text_test::fnv64(ids, state));
    }
    char hex[17];
    std::snprintf(hex, sizeof hex, "%016llx", static_cast<unsigned long long>(state));
    EXPECT_EQ(std::string_view(hex).substr(0, 8), std::string_view(hashes).substr(8 * at, 8))
        << "block " << at << ": "
        << Json(texts[0].substr(0, 60)).dump(-1, ' ', true, Json::error_handler_t::replace);
  };
  for (std::size_t i = 0; i < blocks; ++i) check(i, std::span(strings).subspan(i * block, block));
  for (std::size_t i = 0; i < longs.size(); ++i) check(blocks + i, std::span(longs).subspan(i, 1));
}

INSTANTIATE_TEST_SUITE_P(PreTokenizers, Torture,
                         testing::Values("gpt-2", "smollm", "digit_runs", "qwen2", "llama-bpe",
                                         "qwen2_untrusted"),
                         [](const auto& param) {
                           std::string name = param.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(PreTokenizer, WordsByHand) {
  const auto words = [](const char* pre, std::string_view text) {
    std::vector<std::string> out;
    for (const std::string_view word : PreTokenizer::named(pre).split(text)) out.emplace_back(word);
    return out;
  };
  EXPECT_THAT(words("qwen2", "It's 12 o'clock"), ElementsAre("It", "'s", " ", "1", "2", " o", "'clock"));
  EXPECT_THAT(words("gpt-2", "It's 12 o'clock"), ElementsAre("It", "'s", " 12", " o", "'", "clock"));
  EXPECT_THAT(words("smollm", "a 12  b"), ElementsAre("a", " ", "1", "2", " ", " b"));
  EXPECT_THAT(words("llama-bpe", "1234567 IT'LL\r\n\n  x"),
              ElementsAre("123", "456", "7", " IT", "'LL", "\r\n\n", " ", " x"));
  EXPECT_THAT(words("gpt-2", "IT'LL \n x  "), ElementsAre("IT", "'", "LL", " \n", " x", "  "));
  EXPECT_THAT(words("qwen2", ""), ElementsAre());
  EXPECT_THROW(PreTokenizer::named("bert"), Error);
}

TEST(ByteBpe, AlphabetIsABijection) {
  for (int b = 0; b < 256; ++b) {
    std::string spelling;
    append_utf8(spelling, byte_alphabet()[static_cast<std::size_t>(b)]);
    EXPECT_EQ(bytes_of_spelling(spelling), std::string(1, static_cast<char>(b)));
  }
  EXPECT_EQ(bytes_of_spelling("\u0120the"), " the");
  EXPECT_EQ(bytes_of_spelling("a b"), std::nullopt);
}

TEST(ByteBpe, ListsAndFilePairGiveTheSameIds) {
  const Json spec = data_json("small.json");
  const Json golden = data_json("torture.json");
  const ByteBpe whole = variant(golden["variants"]["qwen2"], false);
  std::vector<std::string> tokens(594), merges;
  std::vector<int> types(tokens.size(), 1);
  for (const auto& [token, id] : spec["model"]["vocab"].items()) tokens.at(id.get<std::size_t>()) = token;
  std::string merges_txt = "#version: 0.2\n";
  for (const Json& merge : spec["model"]["merges"]) {
    merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
    merges_txt += merges.back() + "\r\n";
  }
  for (const Json& added : spec["added_tokens"]) {
    const std::size_t id = added["id"].get<std::size_t>();
    if (id < 3) types[id] = 3;
    if (id == 594 || id == 595) {
      tokens.push_back(added["content"].get<std::string>());
      types.push_back(id == 594 ? 3 : 4);
    }
  }
  const ByteBpe listed = ByteBpe::from_lists(tokens, merges, types, "qwen2");
  const auto folder = std::filesystem::temp_directory_path();
  const auto vocab_path = folder / "af2_text_vocab.json", merges_path = folder / "af2_text_merges.txt";
  write_file_atomic(vocab_path, spec["model"]["vocab"].dump());
  write_file_atomic(merges_path, merges_txt);
  ByteBpe pair = ByteBpe::from_vocab_and_merges(vocab_path, merges_path, "qwen2");
  std::filesystem::remove(vocab_path);
  std::filesystem::remove(merges_path);
  EXPECT_EQ(pair.size(), 594);
  EXPECT_EQ(pair.add_token("<|im_end|>"), 2);  // there already: keeps its id, becomes special
  EXPECT_EQ(pair.add_token("<audio>"), 594);
  EXPECT_EQ(pair.add_token("<SEP>"), 595);
  EXPECT_EQ(pair.add_token("<SEP>"), 595);
  EXPECT_EQ(pair.size(), 596);
  EXPECT_THROW(pair.add_token(""), Error);
  EXPECT_THROW(pair.add_token("\xff"), Error);
  const std::string text = "<audio>What's e\u0301 12<|im_end|><SEP>\r\n";
  EXPECT_EQ(listed.encode(text), whole.encode(text));
  EXPECT_EQ(pair.encode(text), whole.encode(text));
  EXPECT_TRUE(listed.is_special(594));
  EXPECT_FALSE(listed.is_special(595));  // user defined
  EXPECT_EQ(listed.encode("<SEP>", false), std::vector<int>{595});
  EXPECT_NE(listed.encode("<audio>", false), std::vector<int>{594});
}

TEST(ByteBpe, TokensAndIds) {
  const ByteBpe bpe = small_tokenizer();
  const int the = bpe.id_of("\u0120the").value();
  EXPECT_EQ(bpe.token_bytes(the), " the");
  EXPECT_EQ(bpe.encode(" the"), std::vector<int>{the});
  EXPECT_EQ(bpe.id_of("<\u0144ote>"), 599);
  EXPECT_EQ(bpe.id_of("not there"), std::nullopt);
  EXPECT_EQ(bpe.size(), 601);
  EXPECT_THROW(bpe.token_bytes(-1), Error);
  EXPECT_THROW(bpe.token_bytes(601), Error);
  EXPECT_FALSE(bpe.is_special(601));
  const std::vector<int> ids = bpe.encode("<|im_start|>a b<tool_call>");
  EXPECT_EQ(bpe.decode(ids), "<|im_start|>a b<tool_call>");
  EXPECT_EQ(bpe.decode(ids, true), "a b<tool_call>");
  EXPECT_EQ(bpe.encode(""), std::vector<int>{});
}

TEST(ByteBpe, BytesWithoutATokenGiveNothingOrTheUnknownToken) {
  BpeParts parts{.vocab = {{"a", 0}, {"b", 1}, {"ab", 2}, {"<unk>", 5}}, .merges = {{"a", "b"}}};
  parts.pre = PreTokenizer::named("gpt-2");
  const ByteBpe dropping(parts);
  EXPECT_THAT(dropping.encode("aXXbX"), ElementsAre(2));  // as the reference: neighbours meet
  EXPECT_EQ(dropping.size(), 6);
  EXPECT_EQ(dropping.token_bytes(3), "");
  parts.unk_token = "<unk>";
  EXPECT_THAT(ByteBpe(parts).encode("aXXbX"), ElementsAre(0, 5, 5, 1, 5));
  parts.fuse_unk = true;
  EXPECT_THAT(ByteBpe(parts).encode("aXXbX"), ElementsAre(0, 5, 1, 5));
}

TEST(ByteBpe, LongWordsTakeNoQuadraticTime) {
  const ByteBpe bpe = small_tokenizer();
  std::string text;
  for (int i = 0; i < 100000; ++i) text += "thereand"[i % 8];
  const auto start = std::chrono::steady_clock::now();
  EXPECT_EQ(bpe.decode(bpe.encode(text)), text);
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));  // quadratic: minutes
}

TEST(ByteBpe, ManyThreadsOneTokenizer) {
  const Json golden = data_json("torture.json");
  const ByteBpe bpe = small_tokenizer(), fresh = small_tokenizer();
  const std::vector<std::string> strings = torture_strings(golden);
  std::vector<std::vector<int>> want;
  for (const std::string& text : strings) want.push_back(fresh.encode(text));
  std::vector<int> wrong(4);
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < wrong.size(); ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < strings.size(); ++i) wrong[t] += bpe.encode(strings[i]) != want[i];
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(wrong, testing::Each(0));
}

// The error that loading `spec` gives.
Error refused(const Json& spec) {
  try {
    ByteBpe::from_tokenizer_json_text(spec.dump(), "x/tokenizer.json");
  } catch (const Error& error) {
    return error;
  }
  return internal_error("was accepted: " + spec.dump().substr(0, 200));
}

TEST(TokenizerJson, RefusesWhatItCannotDoExactly) {
  const Json good = data_json("small.json");
  const auto with = [&](const char* pointer, Json value) {
    Json spec = good;
    spec[Json::json_pointer(pointer)] = std::move(value);
    return spec;
  };
  const Json pattern = {{"type", "Split"}, {"pattern", {{"Regex", "\\w+|\\s"}}}, {"behavior", "Isolated"}};
  const Json bytes = {{"type", "ByteLevel"}, {"add_prefix_space", false}, {"use_regex", false}};
  const Error unknown =
      refused(with("/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {pattern, bytes}}}));
  EXPECT_EQ(unknown.kind(), ErrorKind::kModel);
  EXPECT_THAT(unknown.what(), HasSubstr("\\w+|\\s"));
  EXPECT_THAT(unknown.what(), HasSubstr("x/tokenizer.json"));
  const std::pair<const char*, Json> unsupported[] = {
      {"/model/type", "WordPiece"},
      {"/model/byte_fallback", true},
      {"/model/dropout", 0.1},
      {"/model/end_of_word_suffix", "</w>"},
      {"/model/continuing_subword_prefix", "##"},
      {"/model/unk_token", "<nowhere>"},
      {"/normalizer", {{"type", "NFKC"}}},
      {"/normalizer", {{"type", "Sequence"}, {"normalizers", {{{"type", "Lowercase"}}}}}},
      {"/pre_tokenizer", nullptr},
      {"/pre_tokenizer", {{"type", "Metaspace"}}},
      {"/pre_tokenizer", {{"type", "ByteLevel"}, {"add_prefix_space", true}}},
      {"/pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", {bytes, bytes}}}},
      {"/model/vocab/new", 2000000000},
      {"/model/vocab/new", 5},
      {"/model/merges/0", {"a", "nowhere"}},
      {"/added_tokens/0/id", 77},
      {"/added_tokens/4/id", 594},
  };
  for (const auto& [pointer, value] : unsupported) {
    const Error error = refused(with(pointer, value));
    EXPECT_EQ(error.kind(), ErrorKind::kModel) << pointer << " " << value << ": " << error.what();
  }
  const std::pair<const char*, Json> malformed[] = {
      {"/model", nullptr},
      {"/model/vocab", Json::array()},
      {"/model/vocab/new", -1},
      {"/model/vocab/new", 18446744073709551615ull},
      {"/model/vocab/new", 1.5},
      {"/model/merges", "a b"},
      {"/model/merges/0", "ab"},
      {"/model/merges/0", "a b c"},
      {"/model/merges/0", " a"},
      {"/model/merges/0", {"a"}},
      {"/model/merges/0", {"a", 1}},
      {"/model/type", 7},
      {"/added_tokens", 3},
      {"/added_tokens/0", "x"},
      {"/added_tokens/0/id", "0"},
      {"/added_tokens/0/special", 1},
      {"/pre_tokenizer", "x"},
      {"/pre_tokenizer", {{"type", "Sequence"}}},
      {"/normalizer", 1},
  };
  for (const auto& [pointer, value] : malformed) {
    const Error error = refused(with(pointer, value));
    EXPECT_EQ(error.kind(), ErrorKind::kData) << pointer << " " << value << ": " << error.what();
  }
  Json nested = bytes;
  for (int i = 0; i < 60; ++i) nested = {{"type", "Sequence"}, {"pretokenizers", {nested}}};
  EXPECT_EQ(refused(with("/pre_tokenizer", nested)).kind(), ErrorKind::kModel);
}

TEST(TokenizerJson, CutAnywhereOrWithAWrongByteIsAnErrorOrATokenizer) {
  const std::string good = read_file(text_test::data_path("small.json"));
  for (std::size_t cut = 0; cut + 2 < good.size(); cut += cut < 300 ? 1 : 97) {
    try {
      ByteBpe::from_tokenizer_json_text(good.substr(0, cut));
      ADD_FAILURE() << "accepted " << cut << " bytes";
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
  }
  int refusals = 0;
  for (std::size_t at = 0; at < good.size(); at += 41) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 0x15);
    try {
      ByteBpe::from_tokenizer_json_text(bad).encode("the dog 12");
    } catch (const Error& error) {
      EXPECT_TRUE(error.kind() == ErrorKind::kData || error.kind() == ErrorKind::kModel);
      ++refusals;
    }
  }
  EXPECT_GT(refusals, 100);
  EXPECT_THROW(ByteBpe::from_tokenizer_json("/nowhere/tokenizer.json"), Error);
  EXPECT_THROW(ByteBpe::from_tokenizer_json_text(std::string(200000, '[')), Error);
}

TEST(ByteBpe, ListsThatDoNotFitAreRefused) {
  const auto kind = [](std::vector<std::string> tokens, std::vector<std::string> merges,
                       std::vector<int> types, const char* pre) {
    try {
      ByteBpe::from_lists(tokens, merges, types, pre);
    } catch (const Error& error) {
      return error.kind();
    }
    return ErrorKind::kInternal;
  };
  EXPECT_EQ(kind({}, {}, {}, "gpt-2"), ErrorKind::kModel);
  EXPECT_EQ(kind({"a", "b"}, {}, {1}, "gpt-2"), ErrorKind::kModel);
  EXPECT_EQ(kind({"a", "a"}, {}, {}, "gpt-2"), ErrorKind::kModel);
  EXPECT_EQ(kind({"a", "b"}, {"a b"}, {}, "gpt-2"), ErrorKind::kModel);
  EXPECT_EQ(kind({"a", "b"}, {"a"}, {}, "gpt-2"), ErrorKind::kData);
  EXPECT_EQ(kind({"a", "b"}, {}, {}, "falcon"), ErrorKind::kModel);
  // Bytes that are no UTF-8 in a control token: no crash, and text never matches half a character.
  const ByteBpe odd = ByteBpe::from_lists({"a", "\xff\xfe", ""}, {}, {1, 3, 4}, "gpt-2");
  EXPECT_EQ(odd.encode("a\xff\xfe"
                       "a"),
            (std::vector<int>{0, 0}));
  EXPECT_EQ(odd.decode(std::vector<int>{0, 1}), "a\uFFFD\uFFFD");
}

}  // namespace
}  // namespace af2

#else  // a build without ICU

namespace af2 {
namespace {

TEST(ByteBpe, SaysThatThisBuildHasNoIcu) {
  try {
    text_test::small_tokenizer();
    FAIL() << "a tokenizer without ICU";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_THAT(error.what(), testing::HasSubstr("ICU"));
    EXPECT_THAT(error.what(), testing::HasSubstr("token ids"));
  }
}

}  // namespace
}  // namespace af2

#endif
