// Agreement of two raters against scipy and scikit-learn.
#include "af2/eval/agreement.h"

#include <gtest/gtest.h>

#include <cmath>

#include "af2/core/random.h"
#include "refused.h"

namespace af2 {
namespace {

struct AgreementGolden {
  std::vector<double> first, second;
  double low, high;
  double pearson, spearman, kendall, kappa;
};

// scipy 1.17.1 and scikit-learn: pearsonr(x, y)[0], spearmanr(x, y)[0], kendalltau(x, y)[0],
// cohen_kappa_score(x, y, weights="quadratic", labels=range(low, high + 1)), each printed with %.9f.
const AgreementGolden kAgreementGoldens[] = {
    {{1, 2, 3, 5, 4, 4, 2, 1, 5, 3, 3, 2},
     {2, 2, 3, 4, 4, 5, 2, 1, 5, 1, 3, 3},
     1,
     5,
     0.808764940,
     0.805454545,
     0.701754386,
     0.808764940},
    {{7, 7, 8, 10, 2, 5, 5, 6, 9, 1},
     {6, 8, 8, 9, 3, 5, 4, 6, 10, 2},
     1,
     10,
     0.952735119,
     0.969325153,
     0.906976744,
     0.948905109},
    {{10, 9, 8, 7, 1}, {1, 2, 3, 4, 10}, 1, 10, -1, -1, -1, -0.689655172},
};

TEST(Agreement, IsThatOfScipyAndScikitLearn) {
  for (const auto& golden : kAgreementGoldens) {
    const Agreement a = agreement(golden.first, golden.second, golden.low, golden.high);
    EXPECT_EQ(a.n, golden.first.size());
    EXPECT_NEAR(a.pearson.value(), golden.pearson, 1e-8);
    EXPECT_NEAR(a.spearman.value(), golden.spearman, 1e-8);
    EXPECT_NEAR(a.kendall.value(), golden.kendall, 1e-8);
    EXPECT_NEAR(a.kappa.value(), golden.kappa, 1e-8);
  }
  // Marks between whole ones, by the same lines (kappa takes whole ones alone).
  const Agreement halves = agreement({1, 2.5, 3, 4.5, 2, 3.5}, {1.5, 2, 3, 4, 2, 4.5}, 1, 5);
  EXPECT_NEAR(halves.pearson.value(), 0.883856238, 1e-8);
  EXPECT_NEAR(halves.spearman.value(), 0.927633657, 1e-8);
  EXPECT_NEAR(halves.kendall.value(), 0.828078671, 1e-8);
}

TEST(Agreement, CountsWhatIsEqualAndNear) {
  const Agreement a = agreement({1, 2, 3, 4, 5}, {1, 3, 3, 2, 5}, 1, 5);
  EXPECT_DOUBLE_EQ(a.equal, 0.6);
  EXPECT_DOUBLE_EQ(a.within_1, 0.8);
  EXPECT_DOUBLE_EQ(a.mean_difference, 0.6);
  EXPECT_DOUBLE_EQ(a.bias, -0.2);
}

TEST(Agreement, OfOneRaterWithItselfIsWhole) {
  const std::vector<double> marks = {1, 4, 4, 2, 5};
  const Agreement a = agreement(marks, marks, 1, 5);
  EXPECT_DOUBLE_EQ(a.pearson.value(), 1);
  EXPECT_DOUBLE_EQ(a.spearman.value(), 1);
  EXPECT_DOUBLE_EQ(a.kendall.value(), 1);
  EXPECT_DOUBLE_EQ(a.kappa.value(), 1);
  EXPECT_EQ(a.mean_difference, 0);
}

TEST(Agreement, SaysNothingWhereOneRaterAlwaysSaysTheSame) {
  const Agreement one = agreement({3, 3, 3}, {1, 2, 3}, 1, 5);
  EXPECT_FALSE(one.pearson || one.spearman || one.kendall);
  EXPECT_NEAR(one.kappa.value(), 0, 1e-12);  // no better than chance
  const Agreement both = agreement({3, 3, 3}, {3, 3, 3}, 1, 5);
  EXPECT_FALSE(both.kappa);
  EXPECT_EQ(both.equal, 1);
  EXPECT_TRUE(to_json(both)["pearson"].is_null());
}

TEST(Agreement, TakesItemsThatBothHaveMarked) {
  const Agreement a = agreement_of_marked({1, std::nullopt, 3, 5}, {2, 4, std::nullopt, 5}, 1, 5);
  EXPECT_EQ(a.n, 2u);
  EXPECT_DOUBLE_EQ(a.mean_difference, 0.5);
}

TEST(Agreement, RefusesWhatCannotBeCompared) {
  test::refused(ErrorKind::kUser, {"2 and 1 marks"}, [] { agreement({1, 2}, {1}, 1, 5); });
  test::refused(ErrorKind::kUser, {"no item"}, [] { agreement({}, {}, 1, 5); });
  test::refused(ErrorKind::kUser, {"outside"}, [] { agreement({1, 6}, {1, 2}, 1, 5); });
  test::refused(ErrorKind::kUser, {"outside"}, [] { agreement({1, std::nan("")}, {1, 2}, 1, 5); });
}

// Tau-b by its definition, over all pairs.
double tau_by_pairs(const std::vector<double>& x, const std::vector<double>& y) {
  double sum = 0, nx = 0, ny = 0;
  const auto sign = [](double d) { return d > 0 ? 1 : (d < 0 ? -1 : 0); };
  for (std::size_t i = 0; i < x.size(); ++i)
    for (std::size_t k = 0; k < i; ++k) {
      const int a = sign(x[i] - x[k]), b = sign(y[i] - y[k]);
      sum += a * b, nx += a * a, ny += b * b;
    }
  return sum / std::sqrt(nx * ny);
}

TEST(Agreement, KendallIsItsDefinitionForManyTies) {
  Random random("tests/agreement");
  for (int round = 0; round < 40; ++round) {
    std::vector<double> x, y;
    for (int i = 0, n = random.range(5, 60); i < n; ++i)
      x.push_back(random.range(1, 5)), y.push_back(random.range(1, 3));
    const auto tau = agreement(x, y, 1, 5).kendall;
    ASSERT_TRUE(tau.has_value());
    EXPECT_NEAR(*tau, tau_by_pairs(x, y), 1e-12);
  }
}

TEST(Agreement, TiesHaveTheMeanOfTheirPlaces) {
  // scipy.stats.rankdata([3, 1, 3, 2, 3])
  EXPECT_EQ(average_ranks({3, 1, 3, 2, 3}), (std::vector<double>{4, 1, 4, 2, 4}));
}

}  // namespace
}  // namespace af2
