// text: the published tokenizers of SmolLM2, Qwen2.5 and Llama 3.1 against the `tokenizers` library.
//
// The files are large and fetched (tools/fetch_test_data.py). tests/oracle/run_tokenizer_parity.py writes
// what the reference makes of the torture strings, then runs these tests with AF2_TOKENIZER_DIR; alone they
// skip.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>

#include "text_test_util.h"

namespace af2 {
namespace {

using text_test::from_hex;
using text_test::Json;

ByteBpe load(const std::filesystem::path& folder) {
  if (!std::filesystem::exists(folder / "lists.json")) {
    return ByteBpe::from_tokenizer_json(folder / "tokenizer.json");
  }
  const Json lists = Json::parse(read_file(folder / "lists.json"));  // as GGUF metadata has them
  return ByteBpe::from_lists(lists["tokens"].get<std::vector<std::string>>(),
                             lists["merges"].get<std::vector<std::string>>(),
                             lists["token_types"].get<std::vector<int>>(), lists["pre"].get<std::string>());
}

class TextRealTokenizers : public testing::TestWithParam<const char*> {};

TEST_P(TextRealTokenizers, EqualTheReference) {
  const char* root = std::getenv("AF2_TOKENIZER_DIR");
  if (!root) GTEST_SKIP() << "AF2_TOKENIZER_DIR is not set";
  const std::filesystem::path folder = std::filesystem::path(root) / GetParam();
  if (!std::filesystem::exists(folder / "parity.jsonl")) GTEST_SKIP() << "no " << (folder / "parity.jsonl");
  const ByteBpe bpe = load(folder);
  std::ifstream lines(folder / "parity.jsonl");
  int strings = 0, tokens = 0, wrong = 0;
  for (std::string line; std::getline(lines, line);) {
    const Json want = Json::parse(line);
    const std::string text = from_hex(want["hex"].get<std::string>());
    const std::vector<int> ids = bpe.encode(text, want["special"].get<bool>());
    const std::string shown = bpe.decode(want["ids"].get<std::vector<int>>(), want["skip"].get<bool>());
    ++strings;
    tokens += static_cast<int>(ids.size());
    if (ids == want["ids"].get<std::vector<int>>() && shown == from_hex(want["decoded"].get<std::string>()))
      continue;
    if (++wrong <= 10)
      ADD_FAILURE() << line.substr(0, 2000) << "\nours: " << Json(ids).dump().substr(0, 1000);
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_GE(strings, 2000);
  std::printf("%s: %d strings, %d tokens, %d wrong\n", GetParam(), strings, tokens, wrong);
}

INSTANTIATE_TEST_SUITE_P(Published, TextRealTokenizers, testing::Values("smollm2", "qwen2_5", "llama3_1"),
                         [](const auto& param) { return std::string(param.param); });

}  // namespace
}  // namespace af2
