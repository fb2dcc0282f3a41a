// How well two raters agree: two judges, two repeats of one, or a judge and people.
//
// Numbers alone, on any scale; not whether either is right. Thread rule: pure functions.
//
//   const Agreement a = agreement({1, 2, 3, 5}, {2, 2, 3, 4}, 1, 5);
//   a.kappa;  // quadratic weights
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct Agreement {
  std::size_t n = 0;
  // Nothing where one rater always says the same, so that there is nothing to correlate.
  std::optional<double> pearson, spearman, kendall;  // Spearman: average ranks; Kendall: tau-b
  std::optional<double> kappa;     // Cohen's, quadratic weights, of whole marks (halves rounded up)
  double mean_difference = 0;      // absolute, of the marks as they are
  double bias = 0;                 // mean of second - first
  double equal = 0, within_1 = 0;  // shares: of equal marks, of those at most 1 apart
};

// One mark of each rater an item, in one order. `low`, `high`: the scale, for kappa. Throws kUser for lists
// of different length, no item, a mark that is no number or outside of the scale.
Agreement agreement(const std::vector<double>& first, const std::vector<double>& second, double low,
                    double high);
// The same over items that both have a mark of; throws as above for what is left.
Agreement agreement_of_marked(const std::vector<std::optional<double>>& first,
                              const std::vector<std::optional<double>>& second, double low, double high);
Json to_json(const Agreement& agreement);

// Ranks from 1, ties with the mean of their places.
std::vector<double> average_ranks(const std::vector<double>& values);

}  // namespace af2
