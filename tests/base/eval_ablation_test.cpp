// Files of variants, the recipes and configs that they come to, and the table of their scores; what a
// benchmark gives away without a model.
#include <gtest/gtest.h>

#include "../scratch.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/eval/ablation.h"
#include "af2/eval/baselines.h"
#include "refused.h"

namespace af2 {
namespace {

constexpr const char* kPlan = R"(
name: Small
recipe: recipes/some.yaml
model: models/some
seeds: [1, 2]
variants:
  full: {}
  no_count: {recipe: {data.count: 0, optimizer.lr: 1.0e-4}, seeds: [7], note: never counts}
  every_2: {config: {xattn.every: 2}}
  shipped: {load: models/some}
benchmarks:
  - {file: benchmarks/own/skills_val.yaml, root: sets/skills-val, limit: 10}
columns:
  - {title: all, benchmark: skills_val}
  - {title: counting, benchmark: skills_val, by: skill, value: counting}
paper:
  full: [62.4, null]
)";

AblationPlan plan_of(const test::Scratch& scratch, const std::string& text) {
  write_file_atomic(scratch / "plan.yaml", text);
  return read_ablation_plan(scratch / "plan.yaml");
}

std::string with_change(const std::string& from, const std::string& to) {
  std::string text = kPlan;
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(EvalAblation, AFileOfVariantsBecomesRecipesAndConfigs) {
  const test::Scratch scratch;
  const AblationPlan plan = plan_of(scratch, kPlan);
  ASSERT_EQ(plan.variants.size(), 4u);
  EXPECT_EQ(plan.compared_with, "full");
  EXPECT_EQ(plan.variants[1].seeds, std::vector<std::int64_t>{7});
  const Json recipe = recipe_of(plan, plan.variants[1], 7);
  EXPECT_EQ(recipe["data"]["count"], 0);
  EXPECT_EQ(recipe["optimizer"]["lr"], 1e-4);
  EXPECT_EQ(recipe["seed"], 7);
  EXPECT_TRUE(std::filesystem::path(recipe["base"].get<std::string>()).is_absolute());
  const Json config = {{"xattn", {{"every", 4}, {"heads", 8}}}};
  EXPECT_EQ(config_of(plan.variants[2], config, "c"), Json::parse(R"({"xattn":{"every":2,"heads":8}})"));
  test::refused(ErrorKind::kUser, {"xattn.every", "every_2"},
                [&] { config_of(plan.variants[2], Json::object(), "config.json"); });
}

TEST(EvalAblation, AVariantMayBeAnotherAfterAStage) {
  const test::Scratch scratch;
  const auto with = [&](const std::string& keys) {
    return plan_of(scratch,
                   with_change("  full: {}\n", "  early: {" + keys + "}\n  full: {seeds: [4, 5]}\n"));
  };
  const AblationPlan plan = with("of: full, after: first");
  EXPECT_EQ(plan.variants[0].of, "full");
  EXPECT_EQ(plan.variants[0].after, "first");
  EXPECT_EQ(plan.variants[0].seeds, (std::vector<std::int64_t>{4, 5}));
  for (const auto& [keys, word] :
       std::vector<std::pair<std::string, std::string>>{{"of: full", "after"},
                                                        {"after: first", "after"},
                                                        {"of: none, after: first", "none"},
                                                        {"of: early, after: first", "early"},
                                                        {"of: shipped, after: first", "shipped"},
                                                        {"of: full, after: first, seeds: [1]", "of"},
                                                        {"of: full, after: first, load: x", "of"}})
    test::refused(ErrorKind::kUser, {word}, [&] { with(keys); });
}

TEST(EvalAblation, WrongFilesAreRefused) {
  const test::Scratch scratch;
  const auto refuse = [&](const std::string& from, const std::string& to, std::vector<std::string> words) {
    test::refused(ErrorKind::kUser, words, [&] { plan_of(scratch, with_change(from, to)); });
  };
  refuse("seeds: [1, 2]", "seed: [1, 2]", {"seed"});
  refuse("seeds: [1, 2]", "seeds: []", {"seeds"});
  refuse("benchmark: skills_val}\n  - {title: counting", "benchmark: skills_vl}\n  - {title: counting",
         {"skills_vl", "skills_val"});
  refuse("{load: models/some}", "{load: models/some, recipe: {steps: 1}}", {"load"});
  refuse("full: [62.4, null]", "full: [62.4]", {"paper.full"});
  refuse("full: [62.4, null]", "ful: [62.4, null]", {"ful"});
  refuse("no_count:", "no/count:", {"no/count"});
  refuse("recipe: recipes/some.yaml\n", "", {"recipe"});
}

TEST(EvalAblation, ItemsMayBeThoseOfOneGroup) {
  const test::Scratch scratch;
  const AblationPlan plan =
      plan_of(scratch, with_change("limit: 10}", "where: {form: choice, skill: counting}}"));
  std::vector<EvalItem> items(4);
  const std::vector<std::pair<std::string, std::string>> of = {
      {"choice", "counting"}, {"open", "counting"}, {"choice", "temporal"}, {"choice", "counting"}};
  for (std::size_t i = 0; i < items.size(); ++i)
    items[i].id = std::to_string(i), items[i].groups = {{"form", of[i].first}, {"skill", of[i].second}};
  keep_where(plan.benchmarks[0], items);
  ASSERT_EQ(items.size(), 2u);
  EXPECT_EQ(items[0].id + items[1].id, "03");
  items.resize(1), items[0].groups["form"] = "open";
  test::refused(ErrorKind::kUser, {"form: choice", "skill: counting", "skills_val"},
                [&] { keep_where(plan.benchmarks[0], items); });
  test::refused(ErrorKind::kUser, {"where.form"},
                [&] { plan_of(scratch, with_change("limit: 10}", "where: {form: 2}}")); });
}

TEST(EvalAblation, TheTableHasMeansOverSeedsAndPairedDifferences) {
  const test::Scratch scratch;
  const AblationPlan plan = plan_of(scratch, kPlan);
  const auto scores = [](const std::string& variant, std::int64_t seed, std::vector<double> values) {
    AblationScores one{variant, seed, 0.5, {{}, {}}};
    for (std::size_t i = 0; i < values.size(); ++i)
      one.columns[0].push_back({"item" + std::to_string(i), "clip" + std::to_string(i / 2), values[i]});
    one.columns[1] = {one.columns[0][0]};
    return one;
  };
  const Json table = ablation_table(
      plan,
      {scores("full", 1, {1, 1, 0, 0}), scores("full", 2, {1, 1, 1, 0}), scores("shipped", 0, {0, 0, 0, 0})},
      500);
  ASSERT_EQ(table["rows"].size(), 2u);  // of those that were run
  const Json& full = table["rows"][0]["cells"][0];
  EXPECT_DOUBLE_EQ(full["value"].get<double>(), 0.625);
  EXPECT_DOUBLE_EQ(full["seed_spread"].get<double>(), 0.25);
  EXPECT_EQ(full["clusters"], 2);
  EXPECT_FALSE(full.contains("difference"));
  const Json& shipped = table["rows"][1]["cells"][0];
  EXPECT_DOUBLE_EQ(shipped["difference"].get<double>(), -0.625);
  EXPECT_LE(shipped["difference_low"].get<double>(), -0.625);
  EXPECT_EQ(table["rows"][1]["cells"][1]["n"], 1);
  const std::string text = ablation_markdown(table);
  EXPECT_NE(text.find("62.5"), std::string::npos);
  EXPECT_NE(text.find("[62.4]"), std::string::npos);
  EXPECT_NE(text.find("-62.5"), std::string::npos);
}

TEST(EvalBaselines, WhatNeedsNoModel) {
  Benchmark benchmark;
  benchmark.task = "mcq";
  std::vector<EvalItem> items(4);
  const std::vector<int> gold = {0, 0, 1, 2};
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].choices = {"a", "bbbb", "cc", "dddd"};
    items[i].gold_index = gold[i];
  }
  items[3].choices.resize(3);
  const std::vector<BlindScore> scores = blind_scores(benchmark, {}, items);
  const auto value = [&](const std::string& name) { return blind_score(scores, name)->value; };
  EXPECT_DOUBLE_EQ(value("chance"), (3 * 0.25 + 1.0 / 3) / 4);
  EXPECT_DOUBLE_EQ(value("always_first"), 0.5);
  EXPECT_DOUBLE_EQ(value("best_letter"), 0.5);
  EXPECT_EQ(blind_score(scores, "best_letter")->note, "A");
  EXPECT_EQ(blind_score(scores, "chance")->items, (std::vector<std::size_t>{0, 1, 2, 3}));
  EXPECT_DOUBLE_EQ(value("longest_option"), 0.5 / 4);  // the third item, shared by two
  std::vector<EvalItem> yes(3);
  for (EvalItem& item : yes) item.refs = {"yes"};
  yes[2].refs = {"No"};
  const std::vector<BlindScore> of_yes = blind_scores(benchmark, {}, yes);
  EXPECT_DOUBLE_EQ(blind_score(of_yes, "chance")->value, 0.5);
  EXPECT_EQ(blind_score(of_yes, "always_first"), nullptr);
}

TEST(EvalBaselines, OneCaptionForAllIsTheMostUsual) {
  std::vector<EvalItem> items(4);
  items[0].refs = {"a cat meows", "a cat"};
  items[1].refs = {"a dog barks twice"};
  items[2].refs = {"a dog barks"};
  items[3].refs = {"the dog barks"};
  EXPECT_EQ(constant_caption(items), "a dog barks");
  EXPECT_EQ(constant_caption({}), "");
  EXPECT_EQ(constant_caption({EvalItem()}), "");
}

}  // namespace
}  // namespace af2
