// Metrics of classes, tags, numbers and retrieval: the values of docs/spec/evaluation.md section 4.
#include "af2/eval/class_metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "af2/core/random.h"
#include "af2/eval/retrieval_metrics.h"
#include "af2/eval/spans.h"
#include "refused.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;

TEST(EvalClassMetrics, SixItemsOfTheSpecification) {
  // gold a a b c c c, predicted a b b c c none
  const std::vector<std::vector<int>> gold = {{0}, {0}, {1}, {2}, {2}, {2}};
  const std::vector<std::vector<int>> given = {{0}, {1}, {1}, {2}, {2}, {}};
  const std::vector<double> sums = ClassSums(gold, given, 3).table().totals();
  EXPECT_NEAR(macro_f1(sums), .711111, 5e-7);
  EXPECT_NEAR(macro_recall(sums), .722222, 5e-7);
  // A class of neither side is left out of macro F1, and of macro recall one without gold.
  const std::vector<double> wider = ClassSums(gold, given, 7).table().totals();
  EXPECT_NEAR(macro_f1(wider), .711111, 5e-7);
  std::vector<std::vector<int>> other = given;
  other[5] = {3};  // a class without gold is wrong, and counts in macro F1 only
  const std::vector<double> with_other = ClassSums(gold, other, 4).table().totals();
  EXPECT_NEAR(macro_recall(with_other), .722222, 5e-7);
  EXPECT_NEAR(macro_f1(with_other), .711111 * 3 / 4, 5e-7);
  EXPECT_TRUE(std::isnan(macro_f1(ClassSums({}, {}, 2).table().totals())));
}

TEST(EvalClassMetrics, TagsAndPairs) {
  const std::vector<double> sums = ClassSums({{0, 1}, {2}}, {{0}, {1, 2}}, 3).table().totals();
  EXPECT_NEAR(micro_f1(sums), 2.0 * 2 / (3 + 3), 1e-12);
  EXPECT_NEAR(f1_from_counts(1, 2, 2), 0.5, 1e-12);
  EXPECT_NEAR(win_rate({5, 3, 4}, {4, 3, 6}), 0.5, 1e-12);
  EXPECT_NEAR(weighted_mean({{0.5, 100}, {1.0, 300}}), 0.875, 1e-12);
  EXPECT_NEAR(circular_accuracy({{1, 1, 0}, {1, 0, 1}}), 1.0 / 3, 1e-12);
  // Greedy by cosine: .95 takes both its tags, so that .9 finds none.
  EXPECT_NEAR(approximate_f1({{.95, .9}, {.85, .2}}, 2, 2), 0.5, 1e-12);
  EXPECT_NEAR(approximate_f1({{.95, .9}, {.2, .85}}, 2, 2), 1, 1e-12);
  EXPECT_EQ(approximate_f1({{.8}}, 1, 1), 0);  // above .8, not at it
  EXPECT_EQ(approximate_f1({}, 0, 0), 1);
}

TEST(EvalClassMetrics, AveragePrecision) {
  EXPECT_NEAR(average_precision({0, 0, 1, 1}, {.1, .4, .35, .8}), .833333, 5e-7);
  EXPECT_NEAR(average_precision({1, 0, 1, 0, 1}, {.9, .8, .8, .3, .2}), .755556, 5e-7);
  EXPECT_TRUE(std::isnan(average_precision({0, 0}, {.1, .2})));
  // A weight is how often an item is there.
  const std::vector<double> twice = {2, 1, 1, 0};
  EXPECT_NEAR(average_precision({0, 0, 1, 1}, {.1, .4, .35, .8}, twice),
              average_precision({0, 0, 0, 1}, {.1, .1, .4, .35}), 1e-12);
  const MacroPrecision two({{0}, {1}, {}}, {{.9, .1, .2}, {.8, .7, .1}, {}}, 3);
  EXPECT_EQ(two.without_positive(), 1);
  EXPECT_NEAR(two.mean(), 1, 1e-12);
  // An item without scores stands behind all.
  EXPECT_NEAR(MacroPrecision({{0}, {}}, {{}, {.1}}, 1).mean(), 0.5, 1e-12);
}

TEST(EvalClassMetrics, Calibration) {
  // Bins .9-1: two items, mean .95, half right: gap .45; .2-.3: one, .2, wrong: gap .2.
  const SumTable table = ece_table({.92, .98, .2, 1.0}, {1, 0, 0, 1});
  EXPECT_NEAR(ece(table.totals()), (std::abs(.92 + .98 + 1.0 - 2) + .2) / 4, 1e-12);
  EXPECT_NEAR(ece(ece_table({1, 1}, {1, 1}).totals()), 0, 1e-12);
}

TEST(EvalClassMetrics, MeansOverGroups) {
  EXPECT_NEAR(group_macro_mean(group_table({1, 1, 1, 0}, {"x", "x", "x", "y"}).totals()), 0.5, 1e-12);
  std::size_t groups = 0;
  const SumTable table = group_class_table({{0}, {1}, {0}}, {{0}, {1}, {1}}, 2, {"x", "x", "y"}, groups);
  EXPECT_EQ(groups, 2u);
  EXPECT_NEAR(group_macro_f1(table.totals(), groups), 0.5, 1e-12);  // 1 in x, 0 in y
}

TEST(EvalSpans, OverlapAndOnsets) {
  const SpanCounts n = match_spans({{0, 10}, {20, 30}}, {{1, 10}, {0, 9}, {24, 30}, {50, 60}}, 0.5);
  EXPECT_EQ(n.matched, 2);
  EXPECT_NEAR(n.f1(), 4.0 / 6, 1e-12);
  EXPECT_NEAR(n.onset_error_s, 1 + 4, 1e-9);  // of equal overlaps the first found one
  EXPECT_EQ(match_spans({{0, 10}}, {{0, 4.9}}, 0.5).matched, 0);
  EXPECT_EQ(match_spans({{0, 10}}, {{0, 5}}, 0.5).matched, 1);
  EXPECT_EQ(match_spans({}, {}, 0.5).f1(), 1);
  EXPECT_EQ(match_times({1, 2, 3}, {1.05, 1.06, 2.2, 3}, 0.07).matched, 2);
}

TEST(EvalRetrieval, TwoClipsOfTheSpecification) {
  const RetrievalRanks r = retrieval_ranks({{.9, .3, .4, .2}, {.5, .6, .7, .3}}, {0, 0, 1, 1});
  EXPECT_NEAR(recall_at(r.text_to_audio, 1), .75, 1e-12);
  double map10 = 0;
  for (const double rank : r.text_to_audio) map10 += reciprocal_in_ten(rank) / 4;
  EXPECT_NEAR(map10, .875, 1e-12);
  EXPECT_NEAR(recall_at(r.best_audio_to_text, 1), 1, 1e-12);
  EXPECT_NEAR(audio_to_text_map10(r, 0), .791667, 5e-7);
  EXPECT_NEAR(audio_to_text_map10(r, 5), .791667 * 2 / 5, 5e-7);
  EXPECT_NEAR(median_rank(r.text_to_audio), 1, 1e-12);
  EXPECT_NEAR(mean_rank(r.text_to_audio), 1.25, 1e-12);
}

TEST(EvalRetrieval, TiesFailuresAndMedians) {
  // Three clips with one caption each, all cosines equal: everyone's rank is the middle one.
  const std::vector<std::vector<double>> same(3, std::vector<double>(3, 0.5));
  EXPECT_THAT(retrieval_ranks(same, {0, 1, 2}).text_to_audio, ElementsAre(1, 1, 1));
  // A clip that failed is last, whatever the others are.
  const RetrievalRanks r = retrieval_ranks({{-.9, -.5}, {}}, {0, 1});
  EXPECT_THAT(r.text_to_audio, ElementsAre(0, 1));
  EXPECT_THAT(r.best_audio_to_text, ElementsAre(1, 1));
  EXPECT_EQ(median_rank(std::vector<double>{0, 3, 8}), 4);
  EXPECT_EQ(median_rank(std::vector<double>{0, 3, 6, 8}), 5);  // floor(4.5) + 1
  EXPECT_EQ(median_rank(std::vector<double>{0, 3, 8}, std::vector<double>{3, 1, 1}), 1);
  EXPECT_EQ(random_recall(5, 1000), .005);
  EXPECT_EQ(random_recall(5, 2), 1);
  test::refused(ErrorKind::kData, {"clip 1", "caption"}, [] { retrieval_ranks({{1.0}, {.5}}, {0}); });
  test::refused(ErrorKind::kInternal, {"cosines"}, [] { retrieval_ranks({{1.0, 2.0}}, {0}); });
}

}  // namespace
}  // namespace af2
