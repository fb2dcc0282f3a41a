// data: scoring of answer texts, and statistics over them.
#include "af2/data/answers.h"

#include <gtest/gtest.h>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/data/statistics.h"
#include "data_tone_bank.h"

namespace af2 {
namespace {

TEST(MatchOption, Table) {
  const std::vector<std::string> options = {"a dog barking", "a bell ringing", "a church bell ringing",
                                            "rain"};
  const std::vector<std::pair<std::string, int>> table = {
      {"(B) a bell ringing", 1},
      {"(b) a bell ringing", 1},
      {"B", 1},
      {"B.", 1},
      {"B) a bell", 1},
      {"C: a church bell ringing", 2},
      {"  (D)  ", 3},
      {"The answer is (A).", 0},
      {"The answer is B", 1},
      {"I would choose option D because of the drops", 3},
      {"a dog barking", 0},
      {"A dog barking", 0},  // the article, not the letter
      {"It is a dog barking.", 0},
      {"I hear a church bell ringing", 2},  // not the bell inside it
      {"Rain", 3},
      {"dog barking", 0},
      {"training", -1},  // whole words only
      {"a dog barking and a bell ringing", -1},
      {"(A) or (B)", 0},  // begins with a letter
      {"either (A) or (B)", -1},
      {"not a dog barking, but rain", 3},
      {"(E) a cat", -1},
      {"a cat", -1},
      {"", -1},
      {"(", -1},
  };
  for (const auto& [text, index] : table) EXPECT_EQ(match_option(text, options), index) << text;
  EXPECT_EQ(match_option("A", {}), -1);
}

TEST(ParseYesNo, Table) {
  const std::vector<std::pair<std::string, std::optional<bool>>> table = {
      {"yes", true},
      {"Yes, a dog barks", true},
      {"no", false},
      {"No.", false},
      {"Not at all", false},
      {"There is no dog", false},
      {"I don't hear it", false},
      {"I would say yes", true},
      {"a dog", std::nullopt},
      {"maybe yes, maybe no", std::nullopt},
      {"noise", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, value] : table) EXPECT_EQ(parse_yes_no(text), value) << text;
}

TEST(ParseCount, Table) {
  const std::vector<std::pair<std::string, std::optional<int>>> table = {
      {"3", 3},
      {"3.", 3},
      {"three times", 3},
      {"It barks Twice.", 2},
      {"once", 1},
      {"I hear it 5 times, five barks", 5},
      {"3x", 3},
      {"none", 0},
      {"twenty", 20},
      {"2 or 3", std::nullopt},
      {"3.5", std::nullopt},
      {"99999999999999999999", std::nullopt},
      {"a few", std::nullopt},
      {"1st", std::nullopt},
      {"", std::nullopt},
  };
  for (const auto& [text, value] : table) EXPECT_EQ(parse_count(text), value) << text;
}

TEST(NamesLabel, Table) {
  struct Row {
    const char* text;
    const char* label;
    int most;
    bool right;
  };
  const std::vector<Row> table = {
      {"a dog sounding", "dog", 1, true},
      {"Dogs!", "dog", 1, true},
      {"hounds barking", "dog", 1, true},  // two words for one thing
      {"a puppy dog", "dog", 1, true},
      {"a dogma", "dog", 1, false},
      {"no dog", "dog", 1, false},
      {"I cannot hear a dog", "dog", 1, false},
      {"There isn't any dog here, only a cow", "dog", 1, false},
      {"There isn't any dog here, only a cow", "cow", 1, true},
      {"no cow or dog", "dog", 1, false},
      {"not only a dog but a cow", "dog", 2, true},
      {"without any bell, a dog", "dog", 1, true},
      {"a dog and a cow", "dog", 1, false},
      {"a dog and a cow", "dog", 2, true},
      {"a feline", "cat", 1, true},
      {"a feline", "lion", 1, true},
      {"a wooden accordion", "wooden accordion", 1, true},
      {"a dog, a cow, a bell, a cat, a horn", "dog", 2, false},
      {"", "dog", 1, false},
      {"something", "dog", 1, false},
  };
  for (const Row& row : table)
    EXPECT_EQ(names_label(row.text, test::shared_tone_bank(), test::shared_tone_bank().label_id(row.label),
                          row.most),
              row.right)
        << row.text << " / " << row.label;
}

TEST(IsRight, FollowsTheType) {
  AnswerKey key{"order_first", "a dog sounding", {"a cow sounding", "a dog sounding"}, 1, "dog", 2};
  EXPECT_TRUE(is_right("a dog sounding", key, test::shared_tone_bank()));
  EXPECT_TRUE(is_right("(B)", key, test::shared_tone_bank()));
  EXPECT_TRUE(is_right("The hound.", key, test::shared_tone_bank()));
  EXPECT_FALSE(is_right("the cow", key, test::shared_tone_bank()));
  EXPECT_FALSE(is_right("the dog, then the cow", key, test::shared_tone_bank()));
  key = {"count", "3", {}, -1, "dog", 1};
  EXPECT_TRUE(is_right("three", key, test::shared_tone_bank()));
  EXPECT_FALSE(is_right("4", key, test::shared_tone_bank()));
  key = {"presence", "no", {"yes", "no"}, 1, "dog", 1};
  EXPECT_TRUE(is_right("no", key, test::shared_tone_bank()));
  EXPECT_FALSE(is_right("yes, a dog sounds", key, test::shared_tone_bank()));
  EXPECT_FALSE(is_right("", key, test::shared_tone_bank()));
  key.type = "caption";
  EXPECT_THROW(is_right("x", key, test::shared_tone_bank()), Error);
}

TEST(IsRight, NeverFallsOverOnRandomBytes) {
  Random rng("af2/test/answers/fuzz");
  const std::string alphabet = "()ABCDabc .,:;'-nodgtyesnobell0123456789 \n\t\x80\xff";
  const AnswerKey keys[] = {{"what_mc", "(A) x", {"a dog sounding", "a"}, 0, "dog", 1},
                            {"what_open", "a dog", {}, -1, "dog", 1},
                            {"count", "2", {}, -1, "dog", 1},
                            {"presence", "no", {"yes", "no"}, 1, "dog", 1}};
  for (int i = 0; i < 3000; ++i) {
    std::string text(rng.below(40), ' ');
    for (char& c : text) c = alphabet[rng.below(alphabet.size())];
    for (const AnswerKey& key : keys) EXPECT_NO_THROW(is_right(text, key, test::shared_tone_bank()));
  }
}

TEST(Statistics, IntervalIsThatOfTheBinomialForIndependentAnswers) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 400; ++i) outcomes.push_back({i % 4 == 0 ? 0.0 : 1.0, "c" + std::to_string(i), "g"});
  const Estimate e = accuracy(outcomes);
  EXPECT_DOUBLE_EQ(e.value, 0.75);
  EXPECT_EQ(e.n, 400u);
  EXPECT_EQ(e.clusters, 400u);
  const double half = 1.96 * std::sqrt(0.75 * 0.25 / 400);
  EXPECT_NEAR(e.low, 0.75 - half, 0.006);
  EXPECT_NEAR(e.high, 0.75 + half, 0.006);
  EXPECT_EQ(accuracy(outcomes).low, e.low);
}

TEST(Statistics, ClustersWidenTheInterval) {
  std::vector<Outcome> outcomes;  // ten answers a recording, all right or all wrong
  for (int i = 0; i < 400; ++i)
    outcomes.push_back({i / 10 % 4 == 0 ? 0.0 : 1.0, "c" + std::to_string(i / 10), "g"});
  const Estimate e = accuracy(outcomes);
  EXPECT_EQ(e.clusters, 40u);
  EXPECT_NEAR(e.high - e.low, 2 * 1.96 * std::sqrt(0.75 * 0.25 / 40), 0.04);
}

TEST(Statistics, MacroAverageWeighsClassesAlike) {
  std::vector<Outcome> outcomes;
  for (int i = 0; i < 90; ++i) outcomes.push_back({1, "a" + std::to_string(i), "many"});
  for (int i = 0; i < 10; ++i) outcomes.push_back({0, "b" + std::to_string(i), "few"});
  EXPECT_DOUBLE_EQ(accuracy(outcomes).value, 0.9);
  const Estimate macro = macro_accuracy(outcomes);
  EXPECT_DOUBLE_EQ(macro.value, 0.5);
  EXPECT_EQ(macro.groups, 2u);
  EXPECT_THROW(accuracy({}), Error);
  EXPECT_THROW(accuracy(outcomes, {.resamples = 0}), Error);
}

}  // namespace
}  // namespace af2
