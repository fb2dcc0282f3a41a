#include "af2/data/statistics.h"

#include <algorithm>
#include <cmath>
#include <map>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

struct Sum {
  double score = 0, n = 0;
};

// What one cluster adds to each group (a handful of them).
using Cluster = std::vector<std::pair<std::size_t, Sum>>;

double mean_of_groups(const std::vector<Sum>& groups) {
  double total = 0, present = 0;
  for (const Sum& g : groups) {
    if (g.n == 0) continue;
    total += g.score / g.n;
    present += 1;
  }
  return total / std::max(present, 1.0);
}

// Sorted values; linear between neighbours.
double quantile(const std::vector<double>& values, double q) {
  const double at = q * static_cast<double>(values.size() - 1);
  const auto low = static_cast<std::size_t>(at);
  const std::size_t high = std::min(low + 1, values.size() - 1);
  return values[low] + (at - static_cast<double>(low)) * (values[high] - values[low]);
}

Estimate estimate(const std::vector<Outcome>& outcomes, const BootstrapOptions& options, bool by_group) {
  if (outcomes.empty()) throw data_error("no answers to average");
  if (options.resamples < 1) throw user_error("a bootstrap needs at least one resample");
  std::map<std::string, std::size_t> group_ids;
  std::map<std::string, Cluster> by_cluster;
  for (const Outcome& o : outcomes) {
    const std::size_t group = group_ids.emplace(by_group ? o.group : "", group_ids.size()).first->second;
    Cluster& cluster = by_cluster[o.cluster];
    auto part = std::find_if(cluster.begin(), cluster.end(), [&](const auto& p) { return p.first == group; });
    if (part == cluster.end()) part = cluster.insert(cluster.end(), {group, Sum{}});
    part->second.score += o.score;
    part->second.n += 1;
  }
  std::vector<const Cluster*> clusters;
  std::vector<Sum> sums(group_ids.size());
  const auto add = [&sums](const Cluster& cluster) {
    for (const auto& [group, sum] : cluster) {
      sums[group].score += sum.score;
      sums[group].n += sum.n;
    }
  };
  for (const auto& [name, cluster] : by_cluster) {
    clusters.push_back(&cluster);
    add(cluster);
  }
  Estimate result;
  result.n = outcomes.size();
  result.clusters = clusters.size();
  result.groups = by_group ? group_ids.size() : 0;
  result.value = mean_of_groups(sums);
  Random rng(options.name);
  std::vector<double> values(static_cast<std::size_t>(options.resamples));
  for (double& value : values) {
    std::fill(sums.begin(), sums.end(), Sum{});
    for (std::size_t i = 0; i < clusters.size(); ++i) add(*clusters[rng.below(clusters.size())]);
    value = mean_of_groups(sums);
  }
  std::sort(values.begin(), values.end());
  result.low = quantile(values, 0.025);
  result.high = quantile(values, 0.975);
  return result;
}

}  // namespace

Estimate accuracy(const std::vector<Outcome>& outcomes, const BootstrapOptions& options) {
  return estimate(outcomes, options, false);
}

Estimate macro_accuracy(const std::vector<Outcome>& outcomes, const BootstrapOptions& options) {
  return estimate(outcomes, options, true);
}

}  // namespace af2
