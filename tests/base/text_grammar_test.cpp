// text: grammars. What a grammar takes, byte by byte and token by token, and what is refused.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/text/grammar.h"
#include "af2/text/grammar_match.h"
#include "af2/text/utf8.h"
#include "text_test_util.h"

namespace af2 {
namespace {

using testing::HasSubstr;

std::shared_ptr<const Grammar> grammar(const std::string& text) {
  return std::make_shared<const Grammar>(Grammar::parse(text, "g.gbnf"));
}

// Whether the whole of `text` is a sentence of the grammar, taken byte by byte.
bool takes(const std::shared_ptr<const Grammar>& rules, const std::string& text) {
  GrammarMatcher matcher(rules);
  for (const char byte : text) {
    const bool may = matcher.allows({&byte, 1});
    EXPECT_EQ(matcher.accept(byte), may);
    if (!may) return false;
  }
  GrammarMatcher whole(rules);
  EXPECT_TRUE(whole.accept(text));
  EXPECT_EQ(whole.can_end(), matcher.can_end());
  return matcher.can_end();
}

void expect_sentences(const std::string& text, const std::vector<std::string>& good,
                      const std::vector<std::string>& bad) {
  const auto rules = grammar(text);
  for (const auto& sentence : good) EXPECT_TRUE(takes(rules, sentence)) << text << "\n" << sentence;
  for (const auto& sentence : bad) EXPECT_FALSE(takes(rules, sentence)) << text << "\n" << sentence;
}

void expect_refused(const std::string& text, const std::vector<std::string>& words) {
  try {
    Grammar::parse(text, "g.gbnf");
    ADD_FAILURE() << "taken: " << text.substr(0, 200);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_THAT(error.what(), HasSubstr("g.gbnf"));
    for (const auto& word : words) EXPECT_THAT(error.what(), HasSubstr(word));
  }
}

std::string repeat(const std::string& text, std::size_t n) {
  std::string all;
  for (std::size_t i = 0; i < n; ++i) all += text;
  return all;
}

TEST(Grammar, LiteralsAlternativesAndRules) {
  expect_sentences("root ::= \"yes\" | \"no\"", {"yes", "no"}, {"", "y", "yesno", "Yes", "yes "});
  expect_sentences(
      "# what is heard\nroot ::= animal \" \" verb # the whole\nanimal ::= \"dog\" |\n  \"cat\"\n\nverb ::= "
      "(\n  \"barks\"\n  | \"sleeps\"\n)\n",
      {"dog barks", "cat sleeps"}, {"dog", "dog cat", "barks"});
  expect_sentences("root ::= a \"\" b\na ::= \"x\"\r\nb ::= | \"y\"", {"x", "xy"}, {"y", ""});
  expect_sentences("root ::= rule-2 Rule_3\nrule-2 ::= \"2\"\nRule_3 ::= \"3\"", {"23"}, {"32"});
  expect_sentences(R"(root ::= "\"\\\[\]\t\r\n\x41\u00e9\U0001F600")", {"\"\\[]\t\r\nA\u00e9\U0001F600"},
                   {"A"});
}

TEST(Grammar, ClassesOfCharacters) {
  expect_sentences("root ::= [a-cx\\]-]", {"a", "b", "c", "x", "]", "-"}, {"d", "ab", "", "["});
  expect_sentences("root ::= [^a-y\\n]", {"z", "A", "\u00e9", "\u20ac", "\U0001F600", std::string(1, '\0')},
                   {"a", "y", "\n", "\xC3", "\xFF", "zz", "\xED\xA0\x80", "\xC0\x80"});
  expect_sentences("root ::= [\u00e0-\u00e9\u20ac]", {"\u00e0", "\u00e5", "\u20ac"},
                   {"\u00df", "\u00ea", "\u20ad", "e"});
  expect_sentences("root ::= .", {"a", "\n", "\u00e9", "\U0010FFFF"}, {"", "ab", "\xF4\x90\x80\x80", "\x80"});
  expect_sentences("root ::= [\\x00-\\x1F]", {std::string(1, '\0'), "\t"}, {" "});
}

// Every code point is taken exactly when it lies in the class, for ranges with edges of every kind.
TEST(Grammar, ClassesHoldTheirCodePointsAndNoOthers) {
  const std::vector<std::pair<char32_t, char32_t>> ranges = {
      {0x41, 0x41}, {0x7F, 0x80}, {0x7FE, 0x801}, {0xD7FE, 0xE001}, {0xFFFE, 0x10001}, {0x2345, 0x45678}};
  for (const bool negated : {false, true}) {
    std::string text = negated ? "root ::= [^" : "root ::= [";
    for (const auto& [low, high] : ranges) {
      char both[32];
      std::snprintf(both, sizeof both, "\\U%08X-\\U%08X", static_cast<unsigned>(low),
                    static_cast<unsigned>(high));
      text += both;
    }
    GrammarMatcher matcher(grammar(text + "]"));
    for (char32_t c = 0; c <= 0x10FFFF; ++c) {
      if (c == 0xD800) c = 0xE000;
      if (c > 0x46000 && c % 61 != 0) continue;
      std::string bytes;
      append_utf8(bytes, c);
      bool inside = false;
      for (const auto& [low, high] : ranges) inside = inside || (c >= low && c <= high);
      ASSERT_EQ(matcher.allows(bytes), inside != negated) << static_cast<unsigned>(c);
    }
  }
}

TEST(Grammar, Repeats) {
  expect_sentences("root ::= \"a\"* \"b\"", {"b", "ab", "aaaab"}, {"a", "ba"});
  expect_sentences("root ::= [ab]+", {"a", "abba"}, {""});
  expect_sentences("root ::= \"ab\"? \"c\"", {"c", "abc"}, {"ac", "ababc"});
  expect_sentences("root ::= \"ab\"{2}", {"abab"}, {"ab", "ababab", ""});
  expect_sentences("root ::= \"a\"{2,}", {"aa", "aaaaa"}, {"a"});
  expect_sentences("root ::= (\"a\" | \"bc\"){1,3}", {"a", "bca", "bcbcbc", "aaa"}, {"", "aaaa", "b"});
  expect_sentences("root ::= \"a\"{0,2} \"b\"{ 1 , 2 }", {"b", "aabb", "ab"}, {"aab\xff", "aaab", "a"});
  expect_sentences("root ::= \"a\"{0}", {""}, {"a"});
  expect_sentences("root ::= (\"a\"?)* (\"\" | \"b\"*)*", {"", "a", "aab", "bbb"}, {"ba"});
  expect_sentences("root ::= ((\"a\"{2}){3}){2}", {repeat("a", 12)}, {repeat("a", 11), repeat("a", 13)});
}

TEST(Grammar, RulesMayHoldThemselves) {
  const std::string text = "root ::= value\nvalue ::= \"[\" (value (\",\" value)*)? \"]\" | [0-9]+\n";
  expect_sentences(text, {"[]", "7", "[1,[2,[]],33]", repeat("[", 3000) + repeat("]", 3000)},
                   {"[", "[1,]", "]", "[[]", "1,2"});
  expect_sentences("root ::= \"a\" root? \"b\"", {"ab", "aabb"}, {"aab", "abb"});
}

TEST(Grammar, EndsAndCompletes) {
  GrammarMatcher matcher(grammar("root ::= \"no\" \"body\"? | \"yes\""));
  EXPECT_FALSE(matcher.can_end());
  EXPECT_TRUE(matcher.accept("no"));
  EXPECT_TRUE(matcher.can_end());
  EXPECT_FALSE(matcher.complete());
  EXPECT_FALSE(matcher.accept("bx"));  // changes nothing
  EXPECT_TRUE(matcher.accept("bod"));
  EXPECT_FALSE(matcher.can_end());
  EXPECT_TRUE(matcher.accept('y'));
  EXPECT_TRUE(matcher.complete());
  EXPECT_FALSE(matcher.allows("s"));
  EXPECT_TRUE(matcher.allows(""));
  matcher.reset();
  EXPECT_TRUE(matcher.accept("yes"));
  EXPECT_TRUE(matcher.complete());
}

TEST(Grammar, NeverEndsWithinACharacter) {
  GrammarMatcher matcher(grammar("root ::= [^x]*"));
  for (const char* part : {"\xF0", "\x9F\x98", "\x80"}) {
    EXPECT_TRUE(matcher.can_end());
    ASSERT_TRUE(matcher.accept("\xF0"));
    EXPECT_FALSE(matcher.can_end()) << part;
    EXPECT_FALSE(matcher.allows("a"));
    EXPECT_FALSE(matcher.allows("\x80"));  // an overlong form
    ASSERT_TRUE(matcher.accept("\x9F\x98"));
    EXPECT_FALSE(matcher.can_end());
    ASSERT_TRUE(matcher.accept("\x80"));
  }
  EXPECT_TRUE(matcher.can_end());
}

TEST(Grammar, MistakesAreNamedWithTheirPlace) {
  expect_refused("", {"root"});
  expect_refused("answer ::= \"x\"", {"no rule `root`"});
  expect_refused("root ::= anwser\nanswer ::= \"x\"", {"g.gbnf:1:10", "no rule is called anwser", "answer"});
  expect_refused("root ::= \"x\"\nroot ::= \"y\"", {"g.gbnf:2:1", "twice"});
  expect_refused("root = \"x\"", {"::="});
  expect_refused("::= \"x\"", {"name"});
  expect_refused("root ::= \"x", {"g.gbnf:1:10", "not closed"});
  expect_refused("root ::= \"x\n\"", {"not closed"});
  expect_refused("root ::= [ab", {"not closed"});
  expect_refused("root ::= []", {"no character"});
  expect_refused("root ::= [^\\x00-\\U0010FFFF]", {"no character"});
  expect_refused("root ::= [z-a]", {"backwards"});
  expect_refused("root ::= (\"a\"", {"parenthesis"});
  expect_refused("root ::= \"a\")", {"unexpected )"});
  expect_refused("root ::= * \"a\"", {"unexpected *"});
  expect_refused("root ::= \"\\q\"", {"unknown escape"});
  expect_refused("root ::= \"\\x4\"", {"too few"});
  expect_refused("root ::= \"\\uD800\"", {"no character"});
  expect_refused("root ::= \"\\U00110000\"", {"no character"});
  expect_refused("root ::= \"a\"{", {"number"});
  expect_refused("root ::= \"a\"{,3}", {"number"});
  expect_refused("root ::= \"a\"{1", {"{m}"});
  expect_refused("root ::= \"a\"{3,2}", {"below"});
  expect_refused("root ::= <think>", {"tokens"});
  expect_refused("root ::= a b ::= \"x\"", {"own line"});
  expect_refused("root ::= \"\xff\"", {"UTF-8"});
}

TEST(Grammar, LeftRecursionAndEndlessRulesAreRefused) {
  expect_refused("root ::= root \"a\" | \"b\"", {"rule root begins with itself"});
  expect_refused("root ::= a\na ::= b \"x\" | \"y\"\nb ::= a \"z\"", {"begins with itself"});
  expect_refused("root ::= e root \"x\" | \"y\"\ne ::= \"\" | \"e\"", {"rule root begins with itself"});
  expect_refused("root ::= \"a\" root", {"rule root can never be finished"});
  expect_refused("root ::= \"x\" | a\na ::= \"y\" b\nb ::= a", {"can never be finished"});
  expect_refused("root ::= root", {"can never be finished"});
  // Loops that eat nothing but do not grow are no harm.
  expect_sentences("root ::= a\na ::= b | \"x\"\nb ::= a | \"y\"", {"x", "y"}, {"", "xy"});
}

// Hostile grammars end in an error or work, and soon.
TEST(Grammar, HostileOnesAreRefusedOrHarmless) {
  expect_refused("root ::= \"a\"{100001}", {"100,000"});
  expect_refused("root ::= \"a\"{99999999999999999999999}", {"100,000"});
  expect_refused("root ::= " + repeat("(\"a\"{0,100000})", 9), {"too large"});
  expect_refused("root ::= " + repeat("(", 100000) + "\"a\"" + repeat(")", 100000), {"too deeply"});
  expect_refused("root ::= \"" + repeat("a", 5 << 20) + "\"", {"4 MB"});
  expect_refused(repeat("root ::= (", 1), {"parenthesis"});
  // Chains of rules of any length are checked without recursion.
  std::string chain = "root ::= r0\n";
  for (int i = 0; i < 60000; ++i)
    chain += "r" + std::to_string(i) + " ::= r" + std::to_string(i + 1) + " | \"\"\n";
  expect_sentences(chain + "r60000 ::= \"x\"", {"x", ""}, {"xx"});
  expect_refused(chain + "r60000 ::= r0 \"x\"", {"begins with itself"});
  // 1000^3 repeats are not written out.
  const auto rules = grammar("root ::= ((\"a\"{1000}){1000}){1000}");
  GrammarMatcher matcher(rules);
  for (int i = 0; i < 5000; ++i) ASSERT_TRUE(matcher.accept('a'));
  EXPECT_FALSE(matcher.can_end());
}

TEST(Grammar, TooManyOpenWaysAreAnError) {
  // After n times "a" there are 2^n stacks of b and c.
  GrammarMatcher matcher(grammar("root ::= \"a\" (root \"b\" | root \"c\")?"));
  const auto go_on = [&] {
    for (int i = 0; i < 100; ++i) matcher.accept('a');
  };
  try {
    go_on();
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
    EXPECT_THAT(error.what(), HasSubstr("too many ways"));
  }
  std::string text = "root ::= s0\n";
  for (int i = 0; i < 40; ++i) {
    const std::string next = "s" + std::to_string(i + 1);
    text += "s" + std::to_string(i) + " ::= " + next + " \"x\" | " + next + " \"y\"\n";
  }
  EXPECT_THROW(GrammarMatcher(grammar(text + "s40 ::= \"z\"")), Error);
  EXPECT_THROW(GrammarMatcher(grammar("root ::= (\"a\"?){100000}")), Error);
}

// What is kept of a long text stays small, and dropping it changes nothing.
TEST(Grammar, LongTextsKeepLittle) {
  GrammarMatcher matcher(grammar("root ::= \"(\" root* \")\" | \".\" [a-z]{1,40000}"));
  const std::string word = repeat("abcdefghij", 1000);
  ASSERT_TRUE(matcher.accept(repeat("(", 30000) + "."));
  for (int i = 0; i < 4; ++i) ASSERT_TRUE(matcher.accept(word));
  EXPECT_LT(matcher.n_states(), 50000u);
  EXPECT_TRUE(matcher.accept(repeat(")", 29999)));
  EXPECT_FALSE(matcher.can_end());
  EXPECT_TRUE(matcher.accept(")"));
  EXPECT_TRUE(matcher.complete());
}

TEST(TokenTrie, HoldsEveryTokenOnce) {
  const std::vector<std::string> bytes = {"b", "", "ab", "a", "abc", "b", "ac", "\xC3\xA9", "\xC3"};
  const TokenTrie trie(bytes);
  EXPECT_EQ(trie.size, 9);
  EXPECT_EQ(trie.depth, 3);
  std::vector<int> met;
  std::string path;
  for (std::size_t i = 0; i + 1 < trie.nodes.size(); ++i) {
    path.resize(trie.nodes[i].depth - 1u);
    path += static_cast<char>(trie.nodes[i].byte);
    for (std::uint32_t t = trie.nodes[i].first; t < trie.nodes[i + 1].first; ++t) {
      EXPECT_EQ(bytes[static_cast<std::size_t>(trie.tokens[t])], path);
      met.push_back(trie.tokens[t]);
    }
    EXPECT_GT(trie.nodes[i].skip, i);
    EXPECT_LE(trie.nodes[trie.nodes[i].skip].depth, trie.nodes[i].depth);
  }
  EXPECT_THAT(met, testing::UnorderedElementsAre(0, 2, 3, 4, 5, 6, 7, 8));
}

// The set of allowed tokens is that of asking for each one alone, all along random texts.
TEST(GrammarTokens, AreThoseWhoseBytesAreAllowed) {
#ifndef AF2_WITH_ICU
  GTEST_SKIP() << "this build has no ICU";
#endif
  const ByteBpe bpe = text_test::small_tokenizer();
  const auto vocabulary = std::make_shared<const TokenTrie>(bpe);
  const auto rules = grammar(
      "root ::= line+\nline ::= word (\" \" word){0,3} [.!?\u00e9\u20ac] \"\\n\"?\nword ::= "
      "[a-z\u0900-\u097F]{1,12} | [0-9]+ | \"<SEP>\"");
  std::uint32_t state = 1;
  for (int round = 0; round < 30; ++round) {
    GrammarMatcher matcher(rules, vocabulary);
    std::string text;
    for (int n = 0; n < 20; ++n) {
      const TokenSet set = matcher.allowed();
      std::vector<int> ids;
      for (int id = 0; id < bpe.size(); ++id) {
        const std::string& bytes = bpe.token_bytes(id);
        const bool may = !bytes.empty() && !bpe.is_special(id) && matcher.allows(bytes);
        ASSERT_EQ(set.has(id), may) << id << " after " << text;
        if (may) ids.push_back(id);
      }
      ASSERT_FALSE(set.has(bpe.size() + 70));
      ASSERT_EQ(set.any, !ids.empty());
      state = state * 1664525u + 1013904223u;
      const int id = ids[(state >> 8) % ids.size()];
      ASSERT_TRUE(matcher.accept(bpe.token_bytes(id)));
      text += bpe.token_bytes(id);
    }
    EXPECT_TRUE(GrammarMatcher(rules).accept(text));
  }
}

}  // namespace
}  // namespace af2
