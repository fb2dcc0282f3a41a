// How sure a score is, and whether two differ: bootstrap of clusters, Wilson, McNemar, Holm, power
// (docs/spec/evaluation.md section 6). Every draw comes from a generator named by the seed, so that one
// score has one interval on every machine.
//
// Not the reports of the data factory's own tests (af2/data/statistics.h). Thread rule: pure functions.
//
//   ScoreInterval i = bootstrap_mean({1, 0, 1, 1}, {"clip1", "clip1", "clip2", "clip3"}, {});
//   i.value, i.low, i.high, i.clusters;  // .75 [..], 3
//   mcnemar(60, 40).exact;               // 0.056888
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace af2 {

struct ResampleOptions {
  int resamples = 10000;
  std::int64_t seed = 1;  // generator af2/eval/boot/1/SEED
  template <class V>
  void visit(V& v) {
    v.field("resamples", resamples, "resamples of the bootstrap");
    v.field("seed", seed, "seed of the resamples");
  }
};

struct ScoreInterval {
  double value = 0, low = 0, high = 0;  // 95 %, percentiles of the resamples
  std::int64_t n = 0, clusters = 0;
  int resamples = 0;
};

// What each item adds to a metric that is a function of sums (a mean, an F1, BLEU): cells of a row that are
// not named are 0.
struct SumCell {
  std::uint32_t column;
  double value;
};
struct SumTable {
  std::size_t columns = 0;
  std::vector<std::vector<SumCell>> rows;  // one an item

  std::vector<double> totals() const;
};
// The metric of column sums; NaN where it has no value for these.
using FromSums = std::function<double(std::span<const double> sums)>;

// `clusters[i]` is the unit of resampling that item i belongs to; empty: every item is its own. Throws
// kInternal when the sizes differ, kUser for fewer than 1 resample. No items: NaN everywhere.
ScoreInterval bootstrap_sums(const SumTable& table, const std::vector<std::string>& clusters,
                             const FromSums& metric, const ResampleOptions& options);
ScoreInterval bootstrap_mean(const std::vector<double>& values, const std::vector<std::string>& clusters,
                             const ResampleOptions& options);
// For metrics that are no function of sums (average precision, medians): `metric` gets how often each item
// was drawn. Slow: the caller may lower options.resamples.
ScoreInterval bootstrap_weights(std::size_t items, const std::vector<std::string>& clusters,
                                const std::function<double(std::span<const double> weights)>& metric,
                                const ResampleOptions& options);
// The paired difference a - b on the same items, resampled together: of means, and of any metric of sums
// (both tables have the same columns).
ScoreInterval bootstrap_difference(const std::vector<double>& a, const std::vector<double>& b,
                                   const std::vector<std::string>& clusters, const ResampleOptions& options);
ScoreInterval bootstrap_difference(const SumTable& a, const SumTable& b,
                                   const std::vector<std::string>& clusters, const FromSums& metric,
                                   const ResampleOptions& options);

// Wilson's 95 % interval of a proportion; {0, 1} for n = 0.
std::pair<double, double> wilson_interval(std::int64_t right, std::int64_t n);

// Items that only one of two models got right.
struct McNemar {
  double exact = 1, mid_p = 1;
  double chi2 = 0;  // with continuity correction; 0 where nothing differs
};
McNemar mcnemar(std::int64_t only_a, std::int64_t only_b);

// Holm's adjusted p values, in the order given.
std::vector<double> holm_adjusted(const std::vector<double>& p_values);

// The smallest difference of two proportions near `p` that n items each show with 80 % power at 5 %
// two-sided; NaN for n < 1.
double smallest_difference(std::int64_t n, double p);
// The same for two models on the same n items of which a share `flips` differs.
double smallest_paired_difference(std::int64_t n, double flips);
// "1000 items: a difference under 6.1 points is missed more often than in 1 of 5 runs".
std::string power_note(std::int64_t n, double p);

}  // namespace af2
