// Intervals, tests of differences and swaps of clips: the values of docs/spec/evaluation.md section 6.
#include "af2/eval/statistics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <numeric>
#include <set>

#include "af2/core/random.h"
#include "af2/eval/swaps.h"
#include "refused.h"

namespace af2 {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;

TEST(EvalStatistics, BootstrapOfTheSpecification) {
  std::vector<double> values(10);
  std::iota(values.begin(), values.end(), 0.0);
  const ScoreInterval i = bootstrap_mean(values, {}, {.resamples = 1000, .seed = 1});
  EXPECT_DOUBLE_EQ(i.value, 4.5);
  EXPECT_DOUBLE_EQ(i.low, 2.7);
  EXPECT_DOUBLE_EQ(i.high, 6.4);
  EXPECT_EQ(i.n, 10);
  EXPECT_EQ(i.clusters, 10);
  // Another seed draws others: 15 resamples of which the lowest and the highest are taken.
  EXPECT_NE(bootstrap_mean(values, {}, {.resamples = 15, .seed = 2}).high,
            bootstrap_mean(values, {}, {.resamples = 15, .seed = 1}).high);
}

TEST(EvalStatistics, ClustersAreDrawnWhole) {
  // Two clips, one all right, one all wrong: only 0, 1/2 and 1 can come up.
  const std::vector<double> values = {1, 1, 1, 0, 0, 0};
  const std::vector<std::string> clips = {"a", "a", "a", "b", "b", "b"};
  const ScoreInterval whole = bootstrap_mean(values, clips, {.resamples = 500});
  EXPECT_EQ(whole.clusters, 2);
  EXPECT_EQ(whole.low, 0);
  EXPECT_EQ(whole.high, 1);
  const ScoreInterval single = bootstrap_mean(values, {}, {.resamples = 500});
  EXPECT_GT(single.low, 0);
  EXPECT_LT(single.high, 1);
  // The slow way counts the same draws.
  const ScoreInterval weighted =
      bootstrap_weights(6, clips,
                        [&](std::span<const double> w) {
                          return std::inner_product(values.begin(), values.end(), w.begin(), 0.0) /
                                 std::accumulate(w.begin(), w.end(), 0.0);
                        },
                        {.resamples = 500});
  EXPECT_EQ(weighted.low, whole.low);
  EXPECT_EQ(weighted.high, whole.high);
  EXPECT_TRUE(std::isnan(bootstrap_mean({}, {}, {}).value));
  test::refused(ErrorKind::kUser, {"resample"}, [&] { bootstrap_mean(values, clips, {.resamples = 0}); });
}

TEST(EvalStatistics, ThePairedDifferenceIsOfTheSameItems) {
  Random rng("af2/test/eval/paired");
  std::vector<double> a, b;
  for (int i = 0; i < 200; ++i) {
    const double item = rng.uniform();
    a.push_back(item + 0.1);
    b.push_back(item);
  }
  const ScoreInterval d = bootstrap_difference(a, b, {}, {.resamples = 200});
  EXPECT_NEAR(d.low, 0.1, 1e-9);  // what items share does not widen it
  EXPECT_NEAR(d.high, 0.1, 1e-9);
  SumTable left{2, {}}, right{2, {}};
  for (int i = 0; i < 200; ++i) {
    left.rows.push_back({{0, a[static_cast<std::size_t>(i)]}, {1, 1}});
    right.rows.push_back({{0, b[static_cast<std::size_t>(i)]}, {1, 1}});
  }
  const auto mean = [](std::span<const double> s) { return s[0] / s[1]; };
  const ScoreInterval sums = bootstrap_difference(left, right, {}, mean, {.resamples = 200});
  EXPECT_NEAR(sums.value, 0.1, 1e-9);
  EXPECT_NEAR(sums.high, 0.1, 1e-9);
}

TEST(EvalStatistics, Wilson) {
  const auto [low, high] = wilson_interval(624, 1000);
  EXPECT_NEAR(low, .593558, 5e-7);
  EXPECT_NEAR(high, .653493, 5e-7);
  EXPECT_EQ(wilson_interval(0, 10).first, 0);
  EXPECT_NEAR(wilson_interval(0, 10).second, .277533, 5e-7);
  EXPECT_EQ(wilson_interval(10, 10).second, 1);
  EXPECT_EQ(wilson_interval(0, 0).second, 1);
}

TEST(EvalStatistics, McNemar) {
  const McNemar a = mcnemar(60, 40);
  EXPECT_NEAR(a.exact, .056888, 5e-7);
  EXPECT_NEAR(a.mid_p, .046044, 5e-7);
  EXPECT_NEAR(a.chi2, 3.61, 1e-9);
  EXPECT_NEAR(mcnemar(10, 2).exact, .038574, 5e-7);
  EXPECT_NEAR(mcnemar(10, 2).mid_p, .022461, 5e-7);
  EXPECT_NEAR(mcnemar(0, 6).exact, .03125, 1e-9);
  EXPECT_NEAR(mcnemar(0, 6).mid_p, .015625, 1e-9);
  EXPECT_NEAR(mcnemar(121, 59).exact, 4.43e-6, 5e-9);
  EXPECT_NEAR(mcnemar(121, 59).chi2, 20.672, 5e-4);
  EXPECT_EQ(mcnemar(5, 5).exact, 1);
  EXPECT_NEAR(mcnemar(5, 5).mid_p, 1 - 252.0 / 2048, 1e-9);
  EXPECT_EQ(mcnemar(0, 0).exact, 1);
}

TEST(EvalStatistics, HolmAndPower) {
  const std::vector<double> adjusted = holm_adjusted({0.01, 0.04, 0.03, 0.005});
  EXPECT_NEAR(adjusted[0], 0.03, 1e-12);
  EXPECT_NEAR(adjusted[1], 0.06, 1e-12);
  EXPECT_NEAR(adjusted[2], 0.06, 1e-12);
  EXPECT_NEAR(adjusted[3], 0.02, 1e-12);
  // 1.959964 + .841621 times the root of 2 x .624 x .376 / 1000
  EXPECT_NEAR(smallest_difference(1000, .624), .060688, 1e-5);
  EXPECT_NEAR(smallest_paired_difference(1000, .18), .037587, 1e-5);
  EXPECT_THAT(power_note(1000, .624), HasSubstr("6.1 points"));
}

TEST(EvalSwaps, OneCycleInsideADurationBucket) {
  std::vector<SwapClip> clips;
  for (const char* id : {"f", "e", "d", "c", "b", "a"}) clips.push_back({id, 5});
  const auto partner = shuffled_partners(clips, 1);  // of a to f: 4 3 0 2 5 1
  std::string order;
  for (const auto& [id, other] : partner) order += other;
  EXPECT_EQ(order, "edacfb");
  std::set<std::string> seen;
  for (std::string at = "a"; seen.insert(at).second;) at = partner.at(at);
  EXPECT_EQ(seen.size(), 6u);
}

TEST(EvalSwaps, AClipAloneGetsTheNearestInLength) {
  const auto partner = shuffled_partners({{"a", 8}, {"b", 9}, {"c", 200}, {"d", 1000}, {"a", 8}}, 1);
  EXPECT_EQ(partner.at("a"), "b");
  EXPECT_EQ(partner.at("b"), "a");
  EXPECT_EQ(partner.at("c"), "b");
  EXPECT_EQ(partner.at("d"), "c");
  EXPECT_TRUE(shuffled_partners({{"a", 8}}, 1).empty());
  EXPECT_EQ(duration_bucket(10), "10");
  EXPECT_EQ(duration_bucket(10.1), "30");
  EXPECT_EQ(duration_bucket(301), "long");
}

}  // namespace
}  // namespace af2
