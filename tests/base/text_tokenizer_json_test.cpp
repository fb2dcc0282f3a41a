// tokenizer.json files made of a GGUF's lists.
#include "af2/text/tokenizer_json.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "af2/text/byte_alphabet.h"

namespace af2 {
namespace {

// All bytes, a few merges, a special and a user's token, and two that only pad.
TokenizerLists tiny_lists(const std::string& pre) {
  TokenizerLists lists;
  lists.pre = pre;
  for (const char32_t c : byte_alphabet()) {
    if (c < 0x80)
      lists.tokens.push_back(std::string(1, static_cast<char>(c)));
    else
      lists.tokens.push_back({static_cast<char>(0xc0 | (c >> 6)), static_cast<char>(0x80 | (c & 0x3f))});
  }
  lists.merges = {"a n", "\u0120 a", "an d", "1 2"};
  for (const char* token : {"an", "\u0120a", "and", "12", "<|endoftext|>", "<tool>"})
    lists.tokens.push_back(token);
  lists.types.assign(lists.tokens.size(), kPlainToken);
  lists.types[lists.tokens.size() - 2] = kControlToken;
  lists.types[lists.tokens.size() - 1] = kUserToken;
  return lists;
}

TEST(TokenizerJson, GivesTheIdsOfTheLists) {
#ifndef AF2_WITH_ICU
  GTEST_SKIP() << "this build has no ICU";
#endif
  for (const char* pre : {"smollm", "gpt-2", "qwen2", "llama-bpe"}) {
    TokenizerLists lists = tiny_lists(pre);
    const ByteBpe wanted = ByteBpe::from_lists(lists.tokens, lists.merges, lists.types, pre);
    const std::size_t n = lists.tokens.size();
    lists.tokens.insert(lists.tokens.end(), {"[PAD0]", "[PAD1]"});
    lists.types.insert(lists.types.end(), 2, kUnusedToken);
    const std::optional<std::string> json = tokenizer_json_of(lists, "");
    ASSERT_TRUE(json) << pre;
    const ByteBpe made = ByteBpe::from_tokenizer_json_text(*json);
    EXPECT_EQ(made.size(), static_cast<int>(n)) << pre;
    for (const char* text :
         {"and an 12 bells, 3412!", " a\n\n an", "x<|endoftext|>and<tool>\u00e9e\u0301", "I'll"}) {
      EXPECT_EQ(made.encode(text), wanted.encode(text)) << pre << ": " << text;
      EXPECT_EQ(made.encode(text, false), wanted.encode(text, false)) << pre << ": " << text;
    }
    EXPECT_TRUE(made.is_special(static_cast<int>(n) - 2));
    EXPECT_FALSE(made.is_special(static_cast<int>(n) - 1));
  }
}

TEST(TokenizerJson, PutsTheBeginningWhereAsked) {
  const auto json = tokenizer_json_of(tiny_lists("llama-bpe"), "<|endoftext|>");
  ASSERT_TRUE(json);
  const auto processor = nlohmann::json::parse(*json)["post_processor"];
  EXPECT_EQ(processor["single"][0]["SpecialToken"]["id"], "<|endoftext|>");
  EXPECT_EQ(processor["special_tokens"]["<|endoftext|>"]["ids"][0], 260);
  EXPECT_EQ(read_tokenizer_json_text(*json).begin, "<|endoftext|>");
  EXPECT_EQ(read_tokenizer_json_text(*tokenizer_json_of(tiny_lists("llama-bpe"), "")).begin, "");
  EXPECT_FALSE(tokenizer_json_of(tiny_lists("llama-bpe"), "<|begin|>"));
}

TEST(TokenizerJson, NoneWhereItWouldNotSayTheSame) {
  TokenizerLists lists = tiny_lists("deepseek-llm");
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
  lists = tiny_lists("smollm");
  lists.types[5] = 6;  // a byte of SentencePiece
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
  lists = tiny_lists("smollm");
  lists.tokens[300 % lists.tokens.size()] = lists.tokens[7];
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
  lists = tiny_lists("smollm");
  lists.tokens[258] = "\xff";
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
  lists = tiny_lists("smollm");
  lists.types.pop_back();
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
  lists = tiny_lists("smollm");
  lists.merges.push_back("z z");  // of a token that is not there
  EXPECT_FALSE(tokenizer_json_of(lists, ""));
}

}  // namespace
}  // namespace af2
