#include "af2/factory/selection/k_means.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <numeric>
#include <span>
#include <string>
#include <tuple>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/signal.h"
#include "af2/core/threads.h"
#include "af2/factory/selection/matrix.h"

namespace af2 {
namespace {

constexpr std::size_t kBlockRows = 256;

double distance2(std::span<const double> a, std::span<const double> b) {
  double sums[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= a.size(); i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += (a[i + j] - b[i + j]) * (a[i + j] - b[i + j]);
  for (; i < a.size(); ++i) sums[0] += (a[i] - b[i]) * (a[i] - b[i]);
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

void for_rows(std::size_t n, std::size_t grain,
              const std::function<void(std::size_t begin, std::size_t end)>& body) {
  parallel_for(0, static_cast<std::int64_t>(n), static_cast<std::int64_t>(grain),
               [&](std::int64_t begin, std::int64_t end) {
                 body(static_cast<std::size_t>(begin), static_cast<std::size_t>(end));
               });
}

class Start {
 public:
  Start(const Embeddings& vectors, const KMeansOptions& options, double variance, int number)
      : vectors_(vectors),
        options_(options),
        n_(vectors.size()),
        d_(vectors.dim()),
        k_(static_cast<std::size_t>(options.k)),
        variance_(variance),
        rng_("af2/factory/k_means/1/" + std::to_string(options.seed) + "/" + std::to_string(number)),
        centres_(k_ * d_),
        cluster_(n_, -1),
        distance2_(n_, std::numeric_limits<double>::infinity()) {}

  void run() {
    seed();
    std::vector<int> before;
    bool stable = false;
    while (state_.iterations < options_.max_iterations && !state_.converged) {
      throw_if_stopped();
      ++state_.iterations;
      before = cluster_;
      assign();
      const int reseeded = reseed();
      stable = reseeded == 0 && before == cluster_;
      state_.converged = stable;
      if (stable) break;
      state_.converged = move_centres() <= options_.tolerance * variance_ && reseeded == 0;
    }
    if (!stable) assign();  // so that the clusters fit the centres
    state_.inertia = std::accumulate(distance2_.begin(), distance2_.end(), 0.0);
  }

  KMeansRun state_;

 private:
  static void throw_if_stopped() {
    if (stop_signal() != 0)
      throw resource_error("stopped by a signal", "k-means", "nothing was written; run it again");
  }
  std::span<double> centre(std::size_t c) { return std::span(centres_).subspan(c * d_, d_); }

  // Each further centre is a row, drawn by the square of its distance to the nearest one so far.
  void seed() {
    std::size_t chosen = rng_.below(n_);
    for (std::size_t c = 0;; ++c) {
      throw_if_stopped();
      vectors_.row(chosen, centre(c));
      if (c + 1 == k_) break;
      for_rows(n_, kBlockRows, [&](std::size_t begin, std::size_t end) {
        std::vector<double> row(d_);
        for (std::size_t i = begin; i < end; ++i) {
          vectors_.row(i, row);
          distance2_[i] = std::min(distance2_[i], distance2(row, centre(c)));
        }
      });
      const double total = std::accumulate(distance2_.begin(), distance2_.end(), 0.0);
      const double draw = rng_.uniform() * total;
      double sum = 0;
      chosen = n_;
      std::size_t last = 0;  // with a distance, should rounding leave the draw past the sum
      for (std::size_t i = 0; i < n_; ++i) {
        if (distance2_[i] <= 0) continue;
        last = i;
        sum += distance2_[i];
        if (sum > draw) {
          chosen = i;
          break;
        }
      }
      // No row differs from the centres: fewer different rows than clusters, some will stay empty.
      if (chosen == n_) chosen = last;
    }
  }

  void assign() {
    std::vector<float> centres(centres_.begin(), centres_.end());
    std::vector<double> squares(k_), lengths(k_);
    for (std::size_t c = 0; c < k_; ++c) {
      squares[c] = dot(centre(c), centre(c));
      lengths[c] = std::sqrt(squares[c]);
    }
    // A float32 sum of d products, in any order, of factors that were rounded once: Higham 2002, section 3.1.
    const double unit = static_cast<double>(d_ + 4) * std::ldexp(1.0, -24);
    const double relative = 2 * unit / (1 - unit);
    for_rows(n_, kBlockRows, [&](std::size_t begin, std::size_t end) {
      std::vector<float> block, products;
      std::vector<double> row(d_);
      for (std::size_t first = begin; first < end; first += kBlockRows) {
        const std::size_t rows = std::min(kBlockRows, end - first);
        block.resize(rows * d_), products.resize(rows * k_);
        vectors_.block(first, block);
        multiply_rows(block, centres, d_, products);
        for (std::size_t r = 0; r < rows; ++r) {
          const std::size_t i = first + r;
          const auto product = std::span(products).subspan(r * k_, k_);
          const double error = relative * vectors_.length(i);
          double bound = std::numeric_limits<double>::infinity();
          for (std::size_t c = 0; c < k_; ++c)
            bound = std::min(bound, squares[c] - 2.0 * product[c] + 1.01 * error * lengths[c]);
          vectors_.row(i, row);
          double best = std::numeric_limits<double>::infinity();
          for (std::size_t c = 0; c < k_; ++c) {
            if (squares[c] - 2.0 * product[c] - 1.01 * error * lengths[c] > bound) continue;
            const double distance = distance2(row, centre(c));
            if (distance < best) best = distance, cluster_[i] = static_cast<int>(c);
          }
          distance2_[i] = best;
        }
      }
    });
  }

  // An empty cluster gets the row farthest from its centre, out of a cluster that keeps others.
  int reseed() {
    std::vector<std::size_t> sizes(k_, 0);
    for (const int c : cluster_) ++sizes[static_cast<std::size_t>(c)];
    int count = 0;
    for (std::size_t c = 0; c < k_; ++c) {
      if (sizes[c] > 0) continue;
      std::size_t farthest = n_;
      for (std::size_t i = 0; i < n_; ++i)
        if (distance2_[i] > 0 && sizes[static_cast<std::size_t>(cluster_[i])] > 1 &&
            (farthest == n_ || distance2_[i] > distance2_[farthest]))
          farthest = i;
      if (farthest == n_) break;
      --sizes[static_cast<std::size_t>(cluster_[farthest])];
      cluster_[farthest] = static_cast<int>(c);
      distance2_[farthest] = 0;
      sizes[c] = 1;
      ++count;
    }
    state_.reseeded += count;
    return count;
  }

  // Means, each summed in the order of the rows. Returns the sum of squares by which centres moved.
  double move_centres() {
    std::vector<std::vector<std::size_t>> members(k_);
    for (std::size_t i = 0; i < n_; ++i) members[static_cast<std::size_t>(cluster_[i])].push_back(i);
    std::vector<double> moved(k_, 0);
    for_rows(k_, 1, [&](std::size_t begin, std::size_t end) {
      std::vector<double> row(d_), sum(d_);
      for (std::size_t c = begin; c < end; ++c) {
        if (members[c].empty()) continue;
        std::fill(sum.begin(), sum.end(), 0.0);
        for (const std::size_t i : members[c]) {
          vectors_.row(i, row);
          for (std::size_t j = 0; j < d_; ++j) sum[j] += row[j];
        }
        for (double& value : sum) value /= static_cast<double>(members[c].size());
        moved[c] = distance2(sum, centre(c));
        std::copy(sum.begin(), sum.end(), centre(c).begin());
      }
    });
    return std::accumulate(moved.begin(), moved.end(), 0.0);
  }

  const Embeddings& vectors_;
  const KMeansOptions& options_;
  std::size_t n_, d_, k_;
  double variance_;
  Random rng_;

 public:
  std::vector<double> centres_;  // [k, d]
  std::vector<int> cluster_;     // [n]
  std::vector<double> distance2_;
};

// Mean over columns of the variance.
double mean_variance(const Embeddings& vectors) {
  const std::size_t n = vectors.size(), d = vectors.dim();
  std::vector<double> row(d), mean(d, 0), sum(d, 0);
  for (std::size_t i = 0; i < n; ++i) {
    vectors.row(i, row);
    for (std::size_t j = 0; j < d; ++j) mean[j] += row[j];
  }
  for (double& value : mean) value /= static_cast<double>(n);
  for (std::size_t i = 0; i < n; ++i) {
    vectors.row(i, row);
    for (std::size_t j = 0; j < d; ++j) sum[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
  }
  return std::accumulate(sum.begin(), sum.end(), 0.0) / static_cast<double>(n * d);
}

}  // namespace

KMeansResult k_means(const Embeddings& vectors, const KMeansOptions& options) {
  if (options.k < 1) throw user_error("must be at least 1", "k of k-means");
  if (options.starts < 1) throw user_error("must be at least 1", "starts of k-means");
  if (options.max_iterations < 1) throw user_error("must be at least 1", "max_iterations of k-means");
  if (static_cast<std::size_t>(options.k) > vectors.size())
    throw user_error(
        "is " + std::to_string(options.k) + ", more than the " + std::to_string(vectors.size()) + " rows",
        "k of k-means", "give fewer clusters");
  const double variance = mean_variance(vectors);
  KMeansResult result;
  for (int s = 0; s < options.starts; ++s) {
    Start start(vectors, options, variance, s);
    start.run();
    if (s == 0 || start.state_.inertia < result.inertia) {
      result.inertia = start.state_.inertia, result.best = s;
      result.cluster = std::move(start.cluster_);
      result.distance2 = std::move(start.distance2_);
      result.centres = std::move(start.centres_);
    }
    result.runs.push_back(start.state_);
  }
  // The largest cluster is 0; of two of one size the one that an earlier row lies in.
  const auto k = static_cast<std::size_t>(options.k), d = vectors.dim();
  std::vector<std::int64_t> sizes(k, 0);
  std::vector<std::size_t> first(k, vectors.size()), order(k), place(k);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto c = static_cast<std::size_t>(result.cluster[i]);
    if (sizes[c]++ == 0) first[c] = i;
  }
  std::iota(order.begin(), order.end(), 0u);
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return std::tuple(-sizes[a], first[a], a) < std::tuple(-sizes[b], first[b], b);
  });
  std::vector<double> centres(k * d);
  for (std::size_t c = 0; c < k; ++c) {
    place[order[c]] = c;
    result.sizes.push_back(sizes[order[c]]);
    std::copy_n(result.centres.begin() + static_cast<std::ptrdiff_t>(order[c] * d), d,
                centres.begin() + static_cast<std::ptrdiff_t>(c * d));
  }
  for (int& c : result.cluster) c = static_cast<int>(place[static_cast<std::size_t>(c)]);
  result.centres = std::move(centres);
  return result;
}

}  // namespace af2
