// Prompts: options in their style, names of labels, letter case, turned options; the wordings of the
// repository are held against goldens by eval_items_test.cpp.
#include "af2/eval/prompts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "af2/eval/item_fields.h"
#include "af2/eval/item_maker.h"
#include "af2/text/prompt.h"
#include "eval_benchmark_testing.h"
#include "refused.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

EvalItem asked_item() {
  EvalItem item;
  item.id = "x", item.question = "Which One?";
  item.choices = {"A dog", "a cat", "", "Two dogs."};
  item.gold_index = 1;
  return item;
}

TEST(EvalPrompts, OptionsAreInTheStyleOfTheForm) {
  PromptForm form;
  EXPECT_EQ(printed_options(form, {"a dog", "rain"}), "(A) a dog. (B) rain.");
  form.style = "{L}. {text}", form.join = "\n";
  EXPECT_EQ(printed_options(form, {"a dog", "", "rain"}), "A. a dog\nC. rain");
  form.missing = "None";
  EXPECT_EQ(printed_options(form, {"a dog", "", "rain"}), "A. a dog\nB. None\nC. rain");
  form.style = "({l}) {text.}", form.join = " ";
  EXPECT_EQ(printed_options(form, {"a dog.", "rain"}), "(a) a dog. (b) rain.");
  EXPECT_EQ(printed_options(form, {}), "");
  EXPECT_THAT(printed_options(form, std::vector<std::string>(26, "x")), HasSubstr("(z) x."));
  test::refused(ErrorKind::kData, {"27 options", "26"},
                [&] { printed_options(form, std::vector<std::string>(27, "x")); });
}

TEST(EvalPrompts, StyleWithOneFullStopIsThatOfTraining) {
  PromptForm form;
  form.style = "({L}) {text.}";
  const std::vector<std::string> options = {"a dog.", "rain", "x?"};
  EXPECT_EQ("what? " + printed_options(form, options), with_choices("what?", options));
}

TEST(EvalPrompts, CaseSuffixAndReplacements) {
  Benchmark benchmark = test::repository_benchmark("mmau_mini");
  const LabelSet none;
  const EvalItem item = asked_item();
  EXPECT_EQ(prompt_for(benchmark, none, item), "which one? (a) a dog. (b) a cat. (d) two dogs..");
  EXPECT_EQ(prompt_for(benchmark, none, item, "letter"),
            "which one?\na. a dog\nb. a cat\nd. two dogs.\nanswer with the option's letter from the given "
            "choices directly.");
  benchmark.prompts["default"].letter_case = "keep";
  EXPECT_EQ(prompt_for(benchmark, none, item), "Which One? (A) A dog. (B) a cat. (D) Two dogs..");
  benchmark.prompts["default"].drop_suffix = " One?";
  benchmark.prompt_replace = {{"Which", "What"}, {". (", "; ("}};
  EXPECT_EQ(prompt_for(benchmark, none, item), "What (A) A dog; (B) a cat; (D) Two dogs..");
  test::refused(ErrorKind::kUser, {"no prompt \"best\"", "af3, default, letter"},
                [&] { prompt_for(benchmark, none, item, "best"); });
  const Benchmark encoder = test::repository_benchmark("clap_zeroshot_esc50");
  test::refused(ErrorKind::kUser, {"asks nothing", "clap_zeroshot_esc50"},
                [&] { prompt_for(encoder, none, item); });
}

TEST(EvalPrompts, LabelsAreListedOneALine) {
  const Benchmark scenes = test::repository_benchmark("cochlscene");
  const std::string prompt = prompt_for(scenes, scenes.labels, asked_item(), "af1");
  EXPECT_THAT(prompt,
              ::testing::StartsWith("the task is scene classification. classify this sound.\noptions:\n"
                                    "bus.\ncafe.\ncar.\ncrowdedindoor.\n"));
  EXPECT_THAT(prompt, ::testing::EndsWith("subwaystation.\nanswer:"));
}

TEST(EvalPrompts, TurnedOptionsKeepTheirGold) {
  const Benchmark benchmark = test::repository_benchmark("mmau_mini");
  EvalItem item = asked_item();
  item.choices = {"a", "b", "c", "d"};
  for (std::size_t k = 0; k < 9; ++k) {
    const EvalItem turned = rotated_options(benchmark, item, k);
    EXPECT_EQ(turned.choices.at(static_cast<std::size_t>(turned.gold_index)), "b") << k;
    EXPECT_EQ(turned.choices.front(), item.choices[k % 4]) << k;
  }
  EXPECT_THAT(rotated_options(benchmark, item, 1).choices, ElementsAre("b", "c", "d", "a"));
  item.gold_index = -1;
  EXPECT_EQ(rotated_options(benchmark, item, 1).gold_index, -1);
  item.choices.clear();
  EXPECT_EQ(rotated_options(benchmark, item, 3).choices.size(), 0u);
}

TEST(EvalPrompts, OptionsInsideAQuestionTurnThere) {
  const Benchmark benchmark = test::repository_benchmark("sakura");
  EvalItem item;
  item.question = "Which? (a) dog (b) a cat (c) frog (tree)";
  for (const InlineOption& option : inline_options(benchmark, item.question))
    item.choices.push_back(item.question.substr(option.begin, option.end - option.begin));
  ASSERT_THAT(item.choices, ElementsAre("dog", "a cat", "frog (tree)"));
  item.gold_index = 2;
  const EvalItem turned = rotated_options(benchmark, item, 2);
  EXPECT_EQ(turned.question, "Which? (a) frog (tree) (b) dog (c) a cat");
  EXPECT_EQ(turned.gold_index, 0);
}

TEST(EvalPrompts, OptionsInsideAQuestionAreFoundByTheirMarks) {
  const auto texts = [](const std::string& question, const std::vector<std::string>& endings) {
    std::vector<std::string> found;
    for (const InlineOption& option : inline_options(question, "({L}) {text}.", endings))
      found.push_back(question.substr(option.begin, option.end - option.begin));
    return found;
  };
  EXPECT_THAT(texts("Q? (A) coin (dropping). (B) St. Mary bell. (C) x. Please answer.", {" Please answer."}),
              ElementsAre("coin (dropping)", "St. Mary bell", "x"));
  EXPECT_THAT(texts("Q? (A) a. (B) b. Then say why.", {}), ElementsAre("a", "b"));
  EXPECT_THAT(texts("Q? (A) a. (B) b", {}), ElementsAre("a", "b"));
  EXPECT_THAT(texts("Q? (A) alone.", {}), ElementsAre());
  EXPECT_THAT(texts("Is (B) before (A) here?", {}), ElementsAre());
}

TEST(EvalPrompts, OrderOfOptionsIsDrawnByName) {
  // docs/spec/evaluation.md section 6.
  EXPECT_THAT(shuffled_options(1, "item7", 4), ElementsAre(0, 2, 1, 3));
  std::set<std::vector<std::size_t>> orders;
  for (int i = 0; i < 200; ++i) orders.insert(shuffled_options(1, std::to_string(i), 4));
  EXPECT_EQ(orders.size(), 24u);
  EXPECT_NE(shuffled_options(2, "item7", 4), shuffled_options(1, "item7", 4));
}

TEST(EvalPrompts, GoldsAreTextsWithAndWithoutLetters) {
  const std::vector<std::string> options = {"dog", "Cat", "a. b", "C", "a bird"};
  EXPECT_EQ(gold_among(options, "dog"), 0);
  EXPECT_EQ(gold_among(options, " dog "), 0);
  EXPECT_EQ(gold_among(options, "cat"), 1);
  EXPECT_EQ(gold_among(options, "(e) a bird"), 4);
  EXPECT_EQ(gold_among(options, "E. a bird"), 4);
  EXPECT_EQ(gold_among(options, "B"), 1);
  EXPECT_EQ(gold_among(options, "(B)"), 1);
  EXPECT_EQ(gold_among(options, "C"), 3);  // a text first
  EXPECT_EQ(gold_among(options, "a. b"), 2);
  EXPECT_EQ(gold_among(options, "F"), -1);
  EXPECT_EQ(gold_among(options, "(A) fox"), -1);
  EXPECT_EQ(gold_among(options, ""), -1);
  EXPECT_EQ(gold_among({"x", "", "y"}, ""), -1);
}

}  // namespace
}  // namespace af2
