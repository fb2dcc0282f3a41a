#include "af2/eval/spans.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace af2 {
namespace {

// Takes pairs (badness, known, found) from the best, each side once.
std::vector<std::pair<std::size_t, std::size_t>> greedy_pairs(
    std::vector<std::tuple<double, std::size_t, std::size_t>> pairs, std::size_t known, std::size_t found) {
  std::sort(pairs.begin(), pairs.end());
  std::vector<char> known_taken(known, 0), found_taken(found, 0);
  std::vector<std::pair<std::size_t, std::size_t>> out;
  for (const auto& [badness, k, f] : pairs) {
    if (known_taken[k] || found_taken[f]) continue;
    known_taken[k] = found_taken[f] = 1;
    out.emplace_back(k, f);
  }
  return out;
}

}  // namespace

double SpanCounts::f1() const {
  if (known + found == 0) return 1;
  return 2.0 * static_cast<double>(matched) / static_cast<double>(known + found);
}

SpanCounts match_spans(const std::vector<TimeSpan>& known, const std::vector<TimeSpan>& found, double least) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
  for (std::size_t k = 0; k < known.size(); ++k)
    for (std::size_t f = 0; f < found.size(); ++f) {
      const double both = std::min(known[k].end, found[f].end) - std::max(known[k].begin, found[f].begin);
      const double either = std::max(known[k].end, found[f].end) - std::min(known[k].begin, found[f].begin);
      if (both > 0 && either > 0 && both / either >= least) pairs.emplace_back(-both / either, k, f);
    }
  SpanCounts counts{static_cast<std::int64_t>(known.size()), static_cast<std::int64_t>(found.size()), 0, 0};
  for (const auto& [k, f] : greedy_pairs(std::move(pairs), known.size(), found.size())) {
    ++counts.matched;
    counts.onset_error_s += std::abs(known[k].begin - found[f].begin);
  }
  return counts;
}

SpanCounts match_times(const std::vector<double>& known, const std::vector<double>& found,
                       double tolerance_s) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
  for (std::size_t k = 0; k < known.size(); ++k)
    for (std::size_t f = 0; f < found.size(); ++f)
      if (std::abs(known[k] - found[f]) <= tolerance_s)
        pairs.emplace_back(std::abs(known[k] - found[f]), k, f);
  SpanCounts counts{static_cast<std::int64_t>(known.size()), static_cast<std::int64_t>(found.size()), 0, 0};
  for (const auto& [k, f] : greedy_pairs(std::move(pairs), known.size(), found.size())) {
    ++counts.matched;
    counts.onset_error_s += std::abs(known[k] - found[f]);
  }
  return counts;
}

}  // namespace af2
