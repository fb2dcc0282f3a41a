#include "af2/eval/statistics.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

constexpr double kNoEstimate = std::numeric_limits<double>::quiet_NaN();
constexpr double kZ95 = 1.959963984540054;  // 97.5 % of the normal distribution
constexpr double kZ80 = 0.8416212335729143;

// The cluster of each item as a number, in order of first appearance.
struct ClusterIds {
  std::vector<std::uint32_t> of;
  std::size_t count = 0;
};
ClusterIds cluster_ids(std::size_t items, const std::vector<std::string>& clusters) {
  ClusterIds ids;
  ids.of.resize(items);
  if (clusters.empty()) {
    std::iota(ids.of.begin(), ids.of.end(), 0u);
    ids.count = items;
    return ids;
  }
  if (clusters.size() != items) throw internal_error("bootstrap: as many clusters as items are needed");
  std::unordered_map<std::string, std::uint32_t> known;
  for (std::size_t i = 0; i < items; ++i)
    ids.of[i] = known.emplace(clusters[i], static_cast<std::uint32_t>(known.size())).first->second;
  ids.count = known.size();
  return ids;
}

// Runs the resamples: `draw(counts)` turns how often each cluster was drawn into the metric.
ScoreInterval run_resamples(double value, std::size_t items, std::size_t clusters,
                            const ResampleOptions& options,
                            const std::function<double(const std::vector<std::uint32_t>&)>& of_draw) {
  if (options.resamples < 1) throw user_error("the bootstrap needs at least 1 resample");
  ScoreInterval out{
      value, kNoEstimate, kNoEstimate, static_cast<std::int64_t>(items), static_cast<std::int64_t>(clusters),
      0};
  if (items == 0) return out;
  Random rng("af2/eval/boot/1/" + std::to_string(options.seed));
  std::vector<double> values;
  values.reserve(static_cast<std::size_t>(options.resamples));
  std::vector<std::uint32_t> drawn(clusters);
  for (int b = 0; b < options.resamples; ++b) {
    for (std::uint32_t& cluster : drawn) cluster = static_cast<std::uint32_t>(rng.below(clusters));
    const double resampled = of_draw(drawn);
    if (!std::isnan(resampled)) values.push_back(resampled);
  }
  if (values.empty()) return out;
  std::sort(values.begin(), values.end());
  const auto b = static_cast<double>(values.size());
  out.low = values[static_cast<std::size_t>(std::floor(0.025 * b))];
  // .975 B is not exact in binary: 9750.000000000001 must not become the next rank.
  out.high = values[static_cast<std::size_t>(std::ceil(0.975 * b - 1e-6)) - 1];
  out.resamples = static_cast<int>(values.size());
  return out;
}

// The clusters' rows in one piece of memory, as the draws jump about in them; where there are few columns and
// all are used (means, BLEU), without the columns' numbers.
class ClusterSums {
 public:
  ClusterSums(const std::vector<std::vector<SumCell>>& rows, std::size_t columns) : columns_(columns) {
    std::size_t cells = 0;
    for (const auto& row : rows) cells += row.size();
    dense_ = 2 * cells >= rows.size() * columns;
    if (dense_) {
      values_.assign(rows.size() * columns, 0.0);
      for (std::size_t r = 0; r < rows.size(); ++r)
        for (const SumCell& cell : rows[r]) values_[r * columns + cell.column] = cell.value;
      return;
    }
    cells_.reserve(cells);
    begins_.push_back(0);
    for (const auto& row : rows) {
      cells_.insert(cells_.end(), row.begin(), row.end());
      begins_.push_back(cells_.size());
    }
  }

  // Sets `sums` to the column sums of the drawn rows.
  void add(const std::vector<std::uint32_t>& drawn, std::vector<double>& sums) const {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (const std::uint32_t row : drawn) {
      if (dense_) {
        const double* values = values_.data() + row * columns_;
        for (std::size_t c = 0; c < columns_; ++c) sums[c] += values[c];
      } else {
        for (std::size_t k = begins_[row]; k < begins_[row + 1]; ++k)
          sums[cells_[k].column] += cells_[k].value;
      }
    }
  }

 private:
  std::size_t columns_;
  bool dense_ = false;
  std::vector<double> values_;
  std::vector<SumCell> cells_;
  std::vector<std::size_t> begins_;
};

SumTable mean_table(const std::vector<double>& values) {
  SumTable table{2, {}};
  table.rows.reserve(values.size());
  for (const double value : values) table.rows.push_back({{0, value}, {1, 1.0}});
  return table;
}

double mean_of_sums(std::span<const double> sums) {
  return sums[1] > 0 ? sums[0] / sums[1] : kNoEstimate;
}

// ln C(n, k) + ln 2^-n
double log_half_binomial(std::int64_t n, std::int64_t k) {
  const auto real = [](std::int64_t x) { return static_cast<double>(x); };
  return std::lgamma(real(n) + 1) - std::lgamma(real(k) + 1) - std::lgamma(real(n - k) + 1) -
         real(n) * std::log(2.0);
}

}  // namespace

std::vector<double> SumTable::totals() const {
  std::vector<double> sums(columns, 0);
  for (const auto& row : rows)
    for (const SumCell& cell : row) sums[cell.column] += cell.value;
  return sums;
}

ScoreInterval bootstrap_sums(const SumTable& table, const std::vector<std::string>& clusters,
                             const FromSums& metric, const ResampleOptions& options) {
  const ClusterIds ids = cluster_ids(table.rows.size(), clusters);
  // Rows of one cluster always come together, so they are added up once.
  std::vector<std::vector<SumCell>> rows(ids.count);
  for (std::size_t i = 0; i < table.rows.size(); ++i) {
    auto& row = rows[ids.of[i]];
    for (const SumCell& cell : table.rows[i]) {
      const auto same = std::find_if(row.begin(), row.end(),
                                     [&](const SumCell& known) { return known.column == cell.column; });
      if (same == row.end())
        row.push_back(cell);
      else
        same->value += cell.value;
    }
  }
  const ClusterSums drawn_sums(rows, table.columns);
  const std::vector<double> totals = table.totals();
  std::vector<double> sums(table.columns);
  return run_resamples(table.rows.empty() ? kNoEstimate : metric(totals), table.rows.size(), ids.count,
                       options, [&](const std::vector<std::uint32_t>& drawn) {
                         drawn_sums.add(drawn, sums);
                         return metric(sums);
                       });
}

ScoreInterval bootstrap_mean(const std::vector<double>& values, const std::vector<std::string>& clusters,
                             const ResampleOptions& options) {
  return bootstrap_sums(mean_table(values), clusters, mean_of_sums, options);
}

ScoreInterval bootstrap_weights(std::size_t items, const std::vector<std::string>& clusters,
                                const std::function<double(std::span<const double>)>& metric,
                                const ResampleOptions& options) {
  const ClusterIds ids = cluster_ids(items, clusters);
  std::vector<double> weights(items, 1.0), of_cluster(ids.count);
  const double value = items == 0 ? kNoEstimate : metric(weights);
  return run_resamples(value, items, ids.count, options, [&](const std::vector<std::uint32_t>& drawn) {
    std::fill(of_cluster.begin(), of_cluster.end(), 0.0);
    for (const std::uint32_t cluster : drawn) of_cluster[cluster] += 1;
    for (std::size_t i = 0; i < items; ++i) weights[i] = of_cluster[ids.of[i]];
    return metric(weights);
  });
}

ScoreInterval bootstrap_difference(const std::vector<double>& a, const std::vector<double>& b,
                                   const std::vector<std::string>& clusters, const ResampleOptions& options) {
  if (a.size() != b.size()) throw internal_error("a paired difference needs the same items");
  std::vector<double> difference(a.size());
  for (std::size_t i = 0; i < a.size(); ++i) difference[i] = a[i] - b[i];
  return bootstrap_mean(difference, clusters, options);
}

ScoreInterval bootstrap_difference(const SumTable& a, const SumTable& b,
                                   const std::vector<std::string>& clusters, const FromSums& metric,
                                   const ResampleOptions& options) {
  if (a.rows.size() != b.rows.size() || a.columns != b.columns)
    throw internal_error("a paired difference needs the same items and columns");
  SumTable both{2 * a.columns, a.rows};
  for (std::size_t i = 0; i < b.rows.size(); ++i)
    for (const SumCell& cell : b.rows[i])
      both.rows[i].push_back({cell.column + static_cast<std::uint32_t>(a.columns), cell.value});
  const std::size_t half = a.columns;
  return bootstrap_sums(
      both, clusters,
      [&](std::span<const double> sums) { return metric(sums.first(half)) - metric(sums.subspan(half)); },
      options);
}

std::pair<double, double> wilson_interval(std::int64_t right, std::int64_t n) {
  if (n <= 0) return {0, 1};
  const double count = static_cast<double>(n), p = static_cast<double>(right) / count, z2 = kZ95 * kZ95;
  const double middle = (p + z2 / (2 * count)) / (1 + z2 / count);
  const double half = kZ95 / (1 + z2 / count) * std::sqrt(p * (1 - p) / count + z2 / (4 * count * count));
  return {right == 0 ? 0 : std::max(0.0, middle - half), right == n ? 1 : std::min(1.0, middle + half)};
}

McNemar mcnemar(std::int64_t only_a, std::int64_t only_b) {
  if (only_a < 0 || only_b < 0) throw internal_error("mcnemar: counts below 0");
  const std::int64_t n = only_a + only_b, few = std::min(only_a, only_b);
  McNemar out;
  if (n == 0) return out;
  double tail = 0;
  for (std::int64_t i = 0; i <= few; ++i) tail += std::exp(log_half_binomial(n, i));
  const double at_few = std::exp(log_half_binomial(n, few));
  out.exact = std::min(1.0, 2 * tail);
  out.mid_p = only_a == only_b ? 1 - at_few / 2 : out.exact - at_few;
  const double gap = std::abs(static_cast<double>(only_a - only_b)) - 1;
  out.chi2 = only_a == only_b ? 0 : gap * gap / static_cast<double>(n);
  return out;
}

std::vector<double> holm_adjusted(const std::vector<double>& p_values) {
  std::vector<std::size_t> order(p_values.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return p_values[a] < p_values[b]; });
  std::vector<double> adjusted(p_values.size());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, static_cast<double>(order.size() - k) * p_values[order[k]]);
    adjusted[order[k]] = std::min(1.0, largest);
  }
  return adjusted;
}

double smallest_difference(std::int64_t n, double p) {
  if (n < 1) return kNoEstimate;
  return (kZ95 + kZ80) * std::sqrt(2 * p * (1 - p) / static_cast<double>(n));
}

double smallest_paired_difference(std::int64_t n, double flips) {
  if (n < 1) return kNoEstimate;
  return (kZ95 + kZ80) * std::sqrt(flips / static_cast<double>(n));
}

std::string power_note(std::int64_t n, double p) {
  return fmt::format("{} items: a difference under {:.1f} points is missed more often than in 1 of 5 runs", n,
                     100 * smallest_difference(n, p));
}

}  // namespace af2
