#include "af2/factory/selection/selection.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <span>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/threads.h"
#include "af2/factory/selection/matrix.h"
#include "af2/factory/selection/point_process.h"

namespace af2 {
namespace {

void check(const SelectionOptions& options) {
  if (options.random < 0 || options.dpp < 0 || options.random + options.dpp == 0)
    throw user_error("must not be negative, and one of them above 0", "random and dpp of the selection");
  if (!(options.share >= 0 && options.share <= 1))
    throw user_error("must lie between 0 and 1", "share of the selection");
  if (options.cap < 0 || options.exact_limit < 0)
    throw user_error("must not be negative", "cap and exact_limit of the selection");
  if (options.method != "greedy" && options.method != "sample")
    throw user_error("is `" + options.method + "`", "method of the selection", "give greedy or sample");
}

class ClusterChoice {
 public:
  ClusterChoice(const Embeddings& vectors, const SelectionOptions& options, int cluster,
                const std::vector<std::size_t>& rows)
      : vectors_(vectors), options_(options), cluster_(cluster), rows_(rows) {}

  std::vector<SelectedItem> run(ClusterFacts& facts) {
    std::tie(facts.wanted_random, facts.wanted_dpp) =
        wanted_of(options_, static_cast<std::int64_t>(rows_.size()));
    const std::string name = "af2/factory/select/1/" + std::to_string(options_.k_means.seed) + "/" +
                             std::to_string(cluster_) + "/";
    std::vector<std::size_t> mixed = rows_;
    Random random(name + "random");
    random.shuffle(mixed);
    const auto middle = mixed.begin() + facts.wanted_random;
    const std::vector<std::size_t> drawn(mixed.begin(), middle);
    std::vector<std::size_t> rest(middle, mixed.end());
    std::sort(rest.begin(), rest.end());
    std::vector<std::size_t> diverse;
    if (facts.wanted_dpp > 0) {
      const bool sample =
          options_.method == "sample" && rest.size() <= static_cast<std::size_t>(options_.exact_limit);
      facts.method = sample ? "sample" : "greedy";
      Random rng(name + "dpp");
      for (const int place :
           sample ? by_sample(rest, facts.wanted_dpp, rng) : by_greedy(rest, facts.wanted_dpp))
        diverse.push_back(rest[static_cast<std::size_t>(place)]);
    }
    facts.random = static_cast<int>(drawn.size()), facts.dpp = static_cast<int>(diverse.size());
    facts.similarity = mean_cosine(rows_);
    facts.random_similarity = mean_cosine(drawn), facts.dpp_similarity = mean_cosine(diverse);
    std::vector<SelectedItem> items;
    for (std::size_t i = 0; i < drawn.size(); ++i)
      items.push_back({drawn[i], cluster_, false, static_cast<int>(i) + 1});
    for (std::size_t i = 0; i < diverse.size(); ++i)
      items.push_back({diverse[i], cluster_, true, static_cast<int>(i) + 1});
    return items;
  }

 private:
  double quality(std::size_t row) const { return vectors_.items()[row].quality; }

  // Row j of the kernel over `rows`: quality(j) * cosine * quality(i).
  void kernel_row(const std::vector<std::size_t>& rows, std::size_t j, std::span<double> out) const {
    std::vector<double> one(vectors_.dim()), other(vectors_.dim());
    vectors_.row(rows[j], one);
    const double scale = quality(rows[j]) / vectors_.length(rows[j]);
    for (std::size_t i = 0; i < rows.size(); ++i) {
      vectors_.row(rows[i], other);
      out[i] = scale * dot(one, other) * quality(rows[i]) / vectors_.length(rows[i]);
    }
  }

  std::vector<int> by_greedy(const std::vector<std::size_t>& rows, int count) const {
    std::vector<double> diagonal;
    for (const std::size_t row : rows) diagonal.push_back(quality(row) * quality(row));
    return greedy_map(
        diagonal, [&](std::size_t j, std::span<double> out) { kernel_row(rows, j, out); }, count);
  }

  std::vector<int> by_sample(const std::vector<std::size_t>& rows, int count, Random& rng) const {
    const std::size_t n = rows.size();
    std::vector<double> kernel(n * n);
    for (std::size_t j = 0; j < n; ++j) kernel_row(rows, j, std::span(kernel).subspan(j * n, n));
    // Rounding parts L(i, j) from L(j, i).
    for (std::size_t j = 0; j < n; ++j)
      for (std::size_t i = 0; i < j; ++i) kernel[i * n + j] = kernel[j * n + i];
    return sample_k_dpp(kernel, n, count, rng);
  }

  // Over all pairs, from the sum of the unit vectors.
  double mean_cosine(const std::vector<std::size_t>& rows) const {
    if (rows.size() < 2) return std::numeric_limits<double>::quiet_NaN();
    std::vector<double> row(vectors_.dim()), sum(vectors_.dim(), 0);
    for (const std::size_t i : rows) {
      vectors_.row(i, row);
      for (std::size_t j = 0; j < row.size(); ++j) sum[j] += row[j] / vectors_.length(i);
    }
    const auto n = static_cast<double>(rows.size());
    return (dot(sum, sum) - n) / (n * (n - 1));
  }

  const Embeddings& vectors_;
  const SelectionOptions& options_;
  int cluster_;
  const std::vector<std::size_t>& rows_;
};

}  // namespace

std::pair<int, int> wanted_of(const SelectionOptions& options, std::int64_t size) {
  std::int64_t random = options.random, dpp = options.dpp;
  const auto part = [&](std::int64_t total) {
    const double share =
        static_cast<double>(options.random) / static_cast<double>(options.random + options.dpp);
    random = std::llround(static_cast<double>(total) * share);
    dpp = total - random;
  };
  if (options.share > 0 && size > 0)
    part(std::clamp<std::int64_t>(std::llround(options.share * static_cast<double>(size)), 1, size));
  const std::int64_t most = options.cap > 0 ? std::min<std::int64_t>(options.cap, size) : size;
  if (random + dpp > most) part(most);
  return {static_cast<int>(random), static_cast<int>(dpp)};
}

Selection select_items(const Embeddings& vectors, const SelectionOptions& options) {
  check(options);
  for (std::size_t i = 0; i < vectors.size(); ++i)
    if (vectors.length(i) == 0)
      throw data_error("row " + std::to_string(i) + " (" + vectors.items()[i].id + ") is all zeros",
                       "selection", "leave it out");
  Selection selection;
  selection.k_means = k_means(vectors, options.k_means);
  const auto k = static_cast<std::size_t>(options.k_means.k);
  std::vector<std::vector<std::size_t>> members(k);
  selection.clusters.resize(k);
  for (std::size_t i = 0; i < vectors.size(); ++i) {
    const auto c = static_cast<std::size_t>(selection.k_means.cluster[i]);
    members[c].push_back(i);
    ++selection.clusters[c].size;
    selection.clusters[c].inertia += selection.k_means.distance2[i];
  }
  std::vector<std::vector<SelectedItem>> chosen(k);
  parallel_for(0, static_cast<std::int64_t>(k), 1, [&](std::int64_t begin, std::int64_t end) {
    for (auto c = static_cast<std::size_t>(begin); c < static_cast<std::size_t>(end); ++c)
      if (!members[c].empty())
        chosen[c] =
            ClusterChoice(vectors, options, static_cast<int>(c), members[c]).run(selection.clusters[c]);
  });
  for (const auto& items : chosen) selection.items.insert(selection.items.end(), items.begin(), items.end());
  return selection;
}

}  // namespace af2
