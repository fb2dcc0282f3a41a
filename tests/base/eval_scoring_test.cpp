// A benchmark's scores from outputs: columns, failures, groups, and what cannot be computed.
#include "af2/eval/scoring.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>

#include "refused.h"

namespace af2 {
namespace {
using ::testing::HasSubstr;

MatchRule scoring_rule(const std::string& name, const std::string& unparsed = "wrong") {
  MatchRule rule;
  rule.rule = name;
  rule.unparsed = unparsed;
  return rule;
}

struct ScoringCase {
  Benchmark benchmark;
  LabelSet labels;
  std::vector<EvalItem> items;
  std::vector<Scored> scored;
  MetricOptions options;

  ScoringCase() { options.resample.resamples = 200; }
  void add(EvalItem item, const std::string& output, const std::string& cluster = "") {
    item.id = "q" + std::to_string(items.size());
    item.cluster = cluster.empty() ? item.id : cluster;
    items.push_back(std::move(item));
    Scored s;
    s.output = output;
    scored.push_back(s);
  }
  std::vector<MetricValue> metrics() {
    for (std::size_t i = 0; i < items.size(); ++i) scored[i].item = &items[i];
    match_all(benchmark, labels, scored, options.tools);
    return metrics_of(benchmark, labels, scored, options);
  }
};

const MetricValue& metric_in(const std::vector<MetricValue>& metrics, const std::string& name,
                             const std::string& column = "", const std::string& group = "") {
  for (const MetricValue& m : metrics)
    if (m.name == name && m.column == column && m.group == group) return m;
  throw std::runtime_error("no metric " + name + " " + column + " " + group);
}

EvalItem question(const std::string& task, int gold) {
  EvalItem item;
  item.task = task;
  item.groups["task"] = task;
  item.choices = {"a dog", "a cat", "rain"};
  item.gold_index = gold;
  item.refs = {item.choices[static_cast<std::size_t>(gold)]};
  return item;
}

ScoringCase choices() {
  ScoringCase c;
  c.benchmark.task = "mcq";
  c.benchmark.official = scoring_rule("letter_first_or_second_last", "exclude");
  c.benchmark.robust = scoring_rule("option_cascade");
  c.benchmark.metrics = {"accuracy", {"task_macro", "task_macro_f1", "circular_accuracy", "ece"}, {}};
  c.benchmark.by = {"task"};
  c.add(question("sound", 0), "A");
  c.add(question("sound", 1), "a cat");  // official: not understood
  c.add(question("sound", 2), "B");      // wrong
  c.add(question("music", 2), "");
  c.scored.back().failed = true;
  return c;
}

TEST(EvalScoring, FailedItemsStayAndExclusionIsShown) {
  ScoringCase c = choices();
  const std::vector<MetricValue> m = c.metrics();
  const MetricValue& official = metric_in(m, "accuracy", "official");
  EXPECT_EQ(official.n, 3);  // without the one that the rule leaves out; the failed one is in
  EXPECT_NEAR(official.value, 1.0 / 3, 1e-12);
  EXPECT_THAT(official.note, HasSubstr("1 answers"));
  EXPECT_NEAR(metric_in(m, "accuracy_all_items", "official").value, 0.25, 1e-12);
  EXPECT_NEAR(metric_in(m, "accuracy", "robust").value, 0.5, 1e-12);
  EXPECT_EQ(metric_in(m, "accuracy", "robust").n, 4);
  EXPECT_NEAR(metric_in(m, "task_macro", "robust").value, (2.0 / 3 + 0) / 2, 1e-12);
  // sound: gold a b c, given a b b: F1 1, 2/3, 0; music: gold c, none: 0.
  EXPECT_NEAR(metric_in(m, "task_macro_f1", "robust").value, ((1 + 2.0 / 3 + 0) / 3 + 0) / 2, 1e-12);
  EXPECT_NEAR(metric_in(m, "unmatched_rate", "official").value, 0.5, 1e-12);
  EXPECT_NEAR(metric_in(m, "unmatched_rate", "robust").value, 0.25, 1e-12);
  EXPECT_EQ(metric_in(m, "failures").value, 1);
  EXPECT_EQ(c.scored[3].robust.why, "failed");
  const MetricValue& sound = metric_in(m, "accuracy", "official", "sound");
  EXPECT_EQ(sound.by, "task");
  EXPECT_EQ(sound.n, 2);
  EXPECT_EQ(metric_text(sound), "1 of 2");
  EXPECT_EQ(metric_in(m, "accuracy", "official", "music").value, 0);
}

TEST(EvalScoring, WhatIsMissingIsSaid) {
  ScoringCase c = choices();
  const std::vector<MetricValue> m = c.metrics();
  EXPECT_FALSE(metric_in(m, "ece", "robust").known);
  EXPECT_THAT(metric_in(m, "ece", "robust").note, HasSubstr("probabilities"));
  EXPECT_FALSE(metric_in(m, "circular_accuracy", "robust").known);
  EXPECT_THAT(metric_text(metric_in(m, "circular_accuracy", "robust")), HasSubstr("choice_shuffle"));
  ScoringCase turned = choices();
  turned.scored[0].output = "rain";
  turned.metrics();
  c.options.rotations = {&turned.scored};
  c.scored[0].logprob_mean = std::log(.95);
  c.scored[2].logprob_mean = std::log(.75);
  const std::vector<MetricValue> again = c.metrics();
  EXPECT_NEAR(metric_in(again, "circular_accuracy", "robust").value, 0.25, 1e-12);
  EXPECT_NEAR(metric_in(again, "ece", "robust").value, (.05 + .75) / 2, 1e-9);
  c.benchmark.metrics.also = {"acuracy"};
  test::refused(ErrorKind::kUser, {"acuracy"}, [&] { c.metrics(); });
}

TEST(EvalScoring, ClassesAndTheirTower) {
  ScoringCase c;
  c.benchmark.task = "classification";
  c.benchmark.official = scoring_rule("text_nearest");
  c.benchmark.official->more = {{"encoder", "afclap"}};
  c.benchmark.robust = scoring_rule("label_cascade");
  c.benchmark.metrics = {"accuracy", {"macro_recall", "macro_f1"}, {}};
  c.benchmark.by = {"label"};
  c.labels.list = {"a", "b", "c"};
  const char* given[] = {"a", "b", "b", "c", "c", "none"};
  for (int i = 0; i < 6; ++i) {
    EvalItem item;
    item.labels = {std::string(1, "aabccc"[i])};
    c.add(item, given[i]);
  }
  const std::vector<MetricValue> m = c.metrics();
  EXPECT_FALSE(metric_in(m, "accuracy", "official").known);
  EXPECT_THAT(metric_in(m, "accuracy", "official").note, HasSubstr("afclap"));
  EXPECT_NEAR(metric_in(m, "accuracy", "robust").value, .666667, 5e-7);
  EXPECT_NEAR(metric_in(m, "macro_recall", "robust").value, .722222, 5e-7);
  EXPECT_NEAR(metric_in(m, "macro_f1", "robust").value, .711111, 5e-7);
  EXPECT_EQ(head_column(m, "accuracy"), "robust");
  EXPECT_EQ(metric_text(metric_in(m, "accuracy", "robust", "c")), "2 of 3");
  EXPECT_GT(metric_in(m, "macro_f1", "robust").high, metric_in(m, "macro_f1", "robust").low);
}

TEST(EvalScoring, TagsHaveBothF1) {
  ScoringCase c;
  c.benchmark.task = "multilabel";
  c.benchmark.official = scoring_rule("split_labels");
  c.benchmark.metrics = {"micro_f1", {"macro_f1", "macro_ap", "f1_approx"}, {}};
  c.labels.list = {"bright", "dark", "fast_decay"};
  c.labels.display = {{"fast_decay", "fast decay"}};
  c.labels.empty = "none";
  EvalItem one, two, empty;
  one.labels = {"bright", "fast_decay"};
  two.labels = {"dark"};
  c.add(one, "fast decay");
  c.add(two, "bright, dark");
  c.add(empty, "none");
  const std::vector<MetricValue> m = c.metrics();
  EXPECT_NEAR(metric_in(m, "micro_f1", "official").value, 2.0 * 2 / (3 + 3), 1e-12);
  EXPECT_NEAR(metric_in(m, "macro_f1", "official").value, (0 + 1 + 1) / 3.0, 1e-12);
  // bright: the wrong item first: 1/3; dark and fast decay: 1.
  EXPECT_NEAR(metric_in(m, "macro_ap", "official").value, (1.0 / 3 + 1 + 1) / 3, 1e-12);
  EXPECT_EQ(metric_in(m, "unmatched_rate", "official").value, 0);
  EXPECT_FALSE(metric_in(m, "f1_approx", "official").known);
}

TEST(EvalScoring, YesNoAndNumbers) {
  ScoringCase c;
  c.benchmark.task = "mcq";
  c.benchmark.official = scoring_rule("yes_no");
  c.benchmark.metrics = {"accuracy", {"f1_yes", "yes_rate", "accuracy_on_yes", "accuracy_on_no"}, {}};
  const std::pair<const char*, const char*> answers[] = {
      {"yes", "Yes"}, {"yes", "no"}, {"no", "yes"}, {"no", "hm"}};
  for (const auto& [gold, given] : answers) {
    EvalItem item;
    item.refs = {gold};
    c.add(item, given);
  }
  std::vector<MetricValue> m = c.metrics();
  EXPECT_NEAR(metric_in(m, "accuracy", "official").value, .25, 1e-12);
  EXPECT_NEAR(metric_in(m, "f1_yes", "official").value, .5, 1e-12);
  EXPECT_NEAR(metric_in(m, "yes_rate", "official").value, .5, 1e-12);
  EXPECT_NEAR(metric_in(m, "accuracy_on_yes", "official").value, .5, 1e-12);
  EXPECT_NEAR(metric_in(m, "accuracy_on_no", "official").value, 0, 1e-12);

  ScoringCase pitch;
  pitch.benchmark.task = "classification";
  pitch.benchmark.official = scoring_rule("first_int");
  pitch.benchmark.metrics = {"accuracy", {"chroma_accuracy", "within_1", "mae"}, {}};
  for (const char* given : {"60", "72", "61", "loud"}) {
    EvalItem item;
    item.refs = {"60"};
    pitch.add(item, given);
  }
  m = pitch.metrics();
  EXPECT_NEAR(metric_in(m, "accuracy", "official").value, .25, 1e-12);
  EXPECT_NEAR(metric_in(m, "chroma_accuracy", "official").value, .5, 1e-12);
  EXPECT_NEAR(metric_in(m, "within_1", "official").value, .5, 1e-12);
  EXPECT_NEAR(metric_in(m, "mae", "official").value, 13.0 / 3, 1e-12);
  EXPECT_THAT(metric_in(m, "mae", "official").note, HasSubstr("3 of 4"));
}

TEST(EvalScoring, Captions) {
  ScoringCase c;
  c.benchmark.task = "captioning";
  c.benchmark.official = scoring_rule("none");
  c.benchmark.metrics = {"cider_d", {"bleu", "rouge_l", "vocab", "clap_sim"}, {"spider", "meteor"}};
  EvalItem man, rain;
  man.refs = {"A man speaks.", "someone speaks",
              "a man is speaking while a bird is chirping in the background"};
  rain.refs = {"rain is falling hard on a surface"};
  c.add(man, "a man is speaking");
  c.add(rain, "Rain falls.");
  std::vector<MetricValue> m = c.metrics();
  EXPECT_NEAR(metric_in(m, "cider_d").value, .961355, 2e-6);
  EXPECT_EQ(metric_in(m, "cider_d").unit, "cider_d");
  EXPECT_NEAR(metric_in(m, "bleu_4").value, .456500, 5e-7);
  EXPECT_NEAR(metric_in(m, "bleu_1").value, .427848, 5e-7);
  EXPECT_NEAR(metric_in(m, "rouge_l").value, .487069, 1e-6);
  EXPECT_EQ(metric_in(m, "vocab").value, 6);
  EXPECT_FALSE(metric_in(m, "clap_sim").known);
  EXPECT_THAT(metric_in(m, "spider").note, HasSubstr("spice"));
  c.options.external["spice"] = {0.2, 0.4};
  c.options.tools.encode = [](const std::vector<std::string>& texts) {
    std::vector<std::vector<float>> out;
    for (const std::string& text : texts)
      out.push_back(text.size() > 20 ? std::vector<float>{0, 1} : std::vector<float>{1, 0});
    return out;
  };
  m = c.metrics();
  EXPECT_NEAR(metric_in(m, "spider").value, (.961355 + .3) / 2, 2e-6);
  EXPECT_NEAR(metric_in(m, "clap_sim").value, (2.0 / 3 + 0) / 2, 1e-6);
  EXPECT_FALSE(metric_in(m, "meteor").known);
}

TEST(EvalScoring, JudgesMarks) {
  ScoringCase c;
  c.benchmark.task = "judge";
  c.benchmark.official = scoring_rule("judge");
  c.benchmark.robust = scoring_rule("reference_overlap");
  c.benchmark.judge = JudgeSpec();
  c.benchmark.metrics = {
      "category_macro_mean",
      {"judge_mean", "parse_failures", "reference_mean", "win_rate", "axis_means", "seconds_cut"},
      {}};
  c.benchmark.by = {"category"};
  const std::pair<const char*, std::optional<double>> marks[] = {
      {"plot", 8}, {"plot", 6}, {"plot", std::nullopt}, {"needle", 4}, {"needle", std::nullopt}};
  for (const auto& [category, mark] : marks) {
    EvalItem item;
    item.groups["category"] = category;
    item.refs = {"a dog"};
    c.add(item, "a dog");
  }
  std::vector<MetricValue> m = c.metrics();
  EXPECT_FALSE(metric_in(m, "category_macro_mean").known);
  EXPECT_THAT(metric_in(m, "judge_mean").note, HasSubstr("--judge-url"));
  for (std::size_t i = 0; i < 5; ++i) c.scored[i].judge = marks[i].second;
  c.scored[4].failed = true;  // counts as the lowest mark
  c.scored[0].axes = {{"reference", 5}, {"clarity", 9}};
  c.scored[1].axes = {{"reference", 6}};
  c.scored[0].seconds = 300, c.scored[0].seconds_cut = 180;
  m = c.metrics();
  EXPECT_NEAR(metric_in(m, "judge_mean").value, (8 + 6 + 4 + 1) / 4.0, 1e-12);
  EXPECT_THAT(metric_in(m, "judge_mean").note, HasSubstr("1 of 5"));
  EXPECT_NEAR(metric_in(m, "category_macro_mean").value, (7 + 2.5) / 2, 1e-12);
  EXPECT_NEAR(metric_in(m, "parse_failures").value, .2, 1e-12);
  EXPECT_NEAR(metric_in(m, "win_rate").value, .75, 1e-12);
  EXPECT_NEAR(metric_in(m, "axis_means/clarity").value, 5, 1e-12);  // 9 and, of the failed one, 1
  EXPECT_EQ(metric_in(m, "seconds_cut").value, 180);
  EXPECT_NEAR(metric_in(m, "judge_mean", "", "plot").value, 7, 1e-12);
}

TEST(EvalScoring, RetrievalAndZeroShot) {
  ScoringCase c;
  c.benchmark.task = "retrieval";
  c.benchmark.retrieval = {{"map_denominator", 2}};
  c.benchmark.metrics = {"t2a_r1", {"t2a_map10", "a2t_r1", "a2t_map10", "median_rank", "mean_rank"}, {}};
  EvalItem clip;
  clip.refs = {"x", "y"};
  c.add(clip, "");
  c.add(clip, "");
  EXPECT_FALSE(metric_in(c.metrics(), "t2a_r1").known);
  c.scored[0].label_scores = {.9, .3, .4, .2};
  c.scored[1].label_scores = {.5, .6, .7, .3};
  std::vector<MetricValue> m = c.metrics();
  EXPECT_NEAR(metric_in(m, "t2a_r1").value, .75, 1e-12);
  EXPECT_NEAR(metric_in(m, "t2a_map10").value, .875, 1e-12);
  EXPECT_NEAR(metric_in(m, "a2t_r1").value, 1, 1e-12);
  EXPECT_NEAR(metric_in(m, "a2t_map10").value, .791667, 5e-7);
  EXPECT_EQ(metric_in(m, "median_rank").value, 1);
  EXPECT_NEAR(metric_in(m, "mean_rank").value, 1.25, 1e-12);

  ScoringCase zero;
  zero.benchmark.task = "classification";
  zero.benchmark.metrics = {"accuracy", {"macro_recall"}, {}};
  zero.labels.list = {"dog", "cat"};
  for (const char* label : {"dog", "cat", "cat"}) {
    EvalItem item;
    item.labels = {label};
    zero.add(item, "");
  }
  zero.scored[0].label_scores = {.5, .2};
  zero.scored[1].label_scores = {.5, .2};
  zero.scored[2].failed = true;
  m = zero.metrics();
  EXPECT_NEAR(metric_in(m, "accuracy", "official").value, 1.0 / 3, 1e-12);
  EXPECT_NEAR(metric_in(m, "macro_recall", "official").value, .5, 1e-12);
}

TEST(EvalScoring, EveryMetricOfTheFilesIsKnown) {
  std::size_t files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(std::string(AF2_SOURCE_DIR) + "/benchmarks")) {
    if (entry.path().extension() != ".yaml") continue;
    const Json json = read_config_file(entry.path());
    if (!json.contains("metrics")) continue;
    Benchmark benchmark;
    benchmark.path = entry.path();
    benchmark.task = json.at("task").get<std::string>();
    const Json& metrics = json.at("metrics");
    benchmark.metrics.primary = metrics.value("primary", std::string());
    benchmark.metrics.also = metrics.value("also", std::vector<std::string>());
    benchmark.metrics.external = metrics.value("external", std::vector<std::string>());
    for (const char* column : {"official", "robust"}) {
      if (!json.contains("match") || !json.at("match").contains(column)) continue;
      (std::string(column) == "official" ? benchmark.official : benchmark.robust) =
          scoring_rule(json.at("match").at(column).at("rule").get<std::string>());
    }
    // No items: every metric is there, and says that it is not known.
    for (const MetricValue& m : metrics_of(benchmark, {}, {}, {}))
      EXPECT_TRUE(!m.known || m.name == "failures" || m.name == "seconds_cut") << entry.path() << m.name;
    ++files;
  }
  EXPECT_GE(files, 60u);
}

TEST(EvalScoring, ClustersWidenTheInterval) {
  ScoringCase c;
  c.benchmark.task = "mcq";
  c.benchmark.robust = scoring_rule("option_cascade");
  c.benchmark.metrics = {"accuracy", {}, {}};
  for (int i = 0; i < 60; ++i)
    c.add(question("sound", 0), i % 6 < 3 ? "a" : "b", "clip" + std::to_string(i / 3));
  const MetricValue clustered = metric_in(c.metrics(), "accuracy", "robust");
  EXPECT_EQ(clustered.clusters, 20);
  for (EvalItem& item : c.items) item.cluster = item.id;
  const MetricValue single = metric_in(c.metrics(), "accuracy", "robust");
  EXPECT_GT(clustered.high - clustered.low, 1.3 * (single.high - single.low));
  EXPECT_THAT(single.note, HasSubstr("Wilson"));
  EXPECT_THAT(metric_text(single), HasSubstr("50.0 % ["));
}

}  // namespace
}  // namespace af2
