#include "af2/factory/selection/point_process.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "af2/factory/selection/matrix.h"

namespace af2 {
namespace {

constexpr double kNothingLeft = 1e-9;  // of an own square, and of the largest eigenvalue

// What each member would add to the determinant of the chosen set: its square less what the chosen ones
// explain, by a Cholesky factor that grows by one column with every choice.
class Remaining {
 public:
  explicit Remaining(std::span<const double> diagonal) : left_(diagonal.begin(), diagonal.end()) {}

  double left(std::size_t i) const { return left_[i]; }

  // `row`: the kernel's row j.
  void take(std::size_t j, std::span<const double> row) {
    const double root = std::sqrt(left_[j]);
    std::vector<double> column(left_.size());
    for (std::size_t i = 0; i < left_.size(); ++i) {
      double value = row[i];
      for (const auto& earlier : columns_) value -= earlier[j] * earlier[i];
      column[i] = value / root;
      left_[i] = std::max(0.0, left_[i] - column[i] * column[i]);
    }
    left_[j] = 0;
    columns_.push_back(std::move(column));
  }

 private:
  std::vector<double> left_;
  std::vector<std::vector<double>> columns_;
};

// log(e^a + e^b)
double log_sum(double a, double b) {
  const double high = std::max(a, b), low = std::min(a, b);
  return std::isinf(high) ? high : high + std::log1p(std::exp(low - high));
}

// Which k eigenvectors: a set of them is drawn by the product of its values. Elementary symmetric
// polynomials in logarithms: they leave the range of double.
std::vector<std::size_t> draw_vectors(const std::vector<double>& logs, std::size_t k, Random& rng) {
  const std::size_t n = logs.size();
  const double none = -std::numeric_limits<double>::infinity();
  // sums[l][m]: of all products of l among the first m values.
  std::vector<std::vector<double>> sums(k + 1, std::vector<double>(n + 1, none));
  std::fill(sums[0].begin(), sums[0].end(), 0.0);
  for (std::size_t l = 1; l <= k; ++l)
    for (std::size_t m = 1; m <= n; ++m)
      sums[l][m] = log_sum(sums[l][m - 1], logs[m - 1] + sums[l - 1][m - 1]);
  std::vector<std::size_t> chosen;
  std::size_t l = k;
  for (std::size_t m = n; m > 0 && l > 0; --m) {
    const double share = std::exp(logs[m - 1] + sums[l - 1][m - 1] - sums[l][m]);
    if (m == l || rng.uniform() < share) {
      chosen.push_back(m - 1);
      --l;
    }
  }
  return chosen;
}

}  // namespace

std::vector<int> greedy_map(std::span<const double> diagonal, const KernelRow& fill, int k) {
  Remaining remaining(diagonal);
  std::vector<double> row(diagonal.size());
  std::vector<int> chosen;
  while (static_cast<int>(chosen.size()) < k) {
    std::size_t best = diagonal.size();
    for (std::size_t i = 0; i < diagonal.size(); ++i) {
      if (!(remaining.left(i) > kNothingLeft * diagonal[i])) continue;
      if (best == diagonal.size() || remaining.left(i) > remaining.left(best)) best = i;
    }
    if (best == diagonal.size()) break;
    chosen.push_back(static_cast<int>(best));
    fill(best, row);
    remaining.take(best, row);
  }
  return chosen;
}

std::vector<int> sample_k_dpp(std::span<const double> kernel, std::size_t n, int k, Random& rng) {
  if (k <= 0) return {};
  const EigenPairs pairs = symmetric_eigen(kernel, n);
  const double floor = kNothingLeft * pairs.values.back();
  std::vector<double> logs;
  std::vector<std::size_t> vectors;
  for (std::size_t v = 0; v < n; ++v)
    if (pairs.values[v] > floor && pairs.values[v] > 0) {
      vectors.push_back(v);
      logs.push_back(std::log(pairs.values[v] / pairs.values.back()));
    }
  const std::size_t size = std::min(static_cast<std::size_t>(k), vectors.size());
  std::vector<std::size_t> basis;
  for (const std::size_t m : draw_vectors(logs, size, rng)) basis.push_back(vectors[m]);

  // A process whose kernel projects onto the drawn vectors: its members come one by one, each by what it
  // adds; together they add up to the number that is missing.
  const auto product = [&](std::size_t i, std::size_t j) {
    double sum = 0;
    for (const std::size_t v : basis) sum += pairs.vectors[i * n + v] * pairs.vectors[j * n + v];
    return sum;
  };
  std::vector<double> diagonal(n), row(n);
  for (std::size_t i = 0; i < n; ++i) diagonal[i] = product(i, i);
  Remaining remaining(diagonal);
  std::vector<int> chosen;
  while (chosen.size() < size) {
    double total = 0;
    for (std::size_t i = 0; i < n; ++i) total += remaining.left(i);
    const double draw = rng.uniform() * total;
    double sum = 0;
    std::size_t taken = n;
    for (std::size_t i = 0; i < n; ++i) {
      if (!(remaining.left(i) > 0)) continue;
      taken = i;  // the last one with a share, should rounding leave the draw past the sum
      sum += remaining.left(i);
      if (sum > draw) break;
    }
    if (taken == n) break;
    chosen.push_back(static_cast<int>(taken));
    for (std::size_t i = 0; i < n; ++i) row[i] = product(taken, i);
    remaining.take(taken, row);
  }
  return chosen;
}

}  // namespace af2
