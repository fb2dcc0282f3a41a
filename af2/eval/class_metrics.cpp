#include "af2/eval/class_metrics.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <set>
#include <tuple>
#include <unordered_map>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kNoScore = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t kEceBins = 10;

std::vector<std::uint32_t> group_numbers(const std::vector<std::string>& groups, std::size_t& count) {
  std::unordered_map<std::string, std::uint32_t> known;
  std::vector<std::uint32_t> numbers;
  for (const std::string& group : groups)
    numbers.push_back(known.emplace(group, static_cast<std::uint32_t>(known.size())).first->second);
  count = known.size();
  return numbers;
}

// Cells of one item; a class named twice counts once.
std::vector<SumCell> class_cells(const std::vector<int>& gold, const std::vector<int>& predicted,
                                 std::uint32_t offset) {
  std::vector<SumCell> row;
  const std::set<int> known(gold.begin(), gold.end()), found(predicted.begin(), predicted.end());
  for (const int c : known) row.push_back({offset + 3 * static_cast<std::uint32_t>(c) + 1, 1});
  for (const int c : found) {
    row.push_back({offset + 3 * static_cast<std::uint32_t>(c) + 2, 1});
    if (known.count(c) > 0) row.push_back({offset + 3 * static_cast<std::uint32_t>(c), 1});
  }
  return row;
}

}  // namespace

ClassSums::ClassSums(const std::vector<std::vector<int>>& gold,
                     const std::vector<std::vector<int>>& predicted, int classes) {
  if (gold.size() != predicted.size())
    throw internal_error("class metrics: gold and predicted differ in size");
  table_.columns = 3 * static_cast<std::size_t>(classes);
  for (std::size_t i = 0; i < gold.size(); ++i) table_.rows.push_back(class_cells(gold[i], predicted[i], 0));
}

double f1_from_counts(double right, double gold, double predicted) {
  return gold + predicted > 0 ? 2 * right / (gold + predicted) : kNoScore;
}

double macro_recall(std::span<const double> sums) {
  double total = 0, classes = 0;
  for (std::size_t c = 0; c + 2 < sums.size(); c += 3) {
    if (sums[c + 1] <= 0) continue;
    total += sums[c] / sums[c + 1];
    classes += 1;
  }
  return classes > 0 ? total / classes : kNoScore;
}

double macro_f1(std::span<const double> sums) {
  double total = 0, classes = 0;
  for (std::size_t c = 0; c + 2 < sums.size(); c += 3) {
    if (sums[c + 1] + sums[c + 2] <= 0) continue;
    total += f1_from_counts(sums[c], sums[c + 1], sums[c + 2]);
    classes += 1;
  }
  return classes > 0 ? total / classes : kNoScore;
}

double micro_f1(std::span<const double> sums) {
  double right = 0, gold = 0, predicted = 0;
  for (std::size_t c = 0; c + 2 < sums.size(); c += 3)
    right += sums[c], gold += sums[c + 1], predicted += sums[c + 2];
  return f1_from_counts(right, gold, predicted);
}

double average_precision(const std::vector<char>& positive, const std::vector<double>& scores,
                         std::span<const double> weights) {
  std::vector<std::vector<int>> gold(positive.size());
  std::vector<std::vector<double>> of_item(positive.size());
  for (std::size_t i = 0; i < positive.size(); ++i) {
    if (positive[i]) gold[i] = {0};
    of_item[i] = {scores.at(i)};
  }
  return MacroPrecision(gold, of_item, 1).mean(weights);
}

MacroPrecision::MacroPrecision(const std::vector<std::vector<int>>& gold,
                               const std::vector<std::vector<double>>& scores, int classes) {
  if (gold.size() != scores.size()) throw internal_error("average precision: gold and scores differ in size");
  std::vector<std::vector<char>> positive(static_cast<std::size_t>(classes),
                                          std::vector<char>(gold.size(), 0));
  for (std::size_t i = 0; i < gold.size(); ++i)
    for (const int c : gold[i]) positive.at(static_cast<std::size_t>(c))[i] = 1;
  const double behind_all = -std::numeric_limits<double>::infinity();
  for (std::size_t c = 0; c < positive.size(); ++c) {
    if (std::find(positive[c].begin(), positive[c].end(), 1) == positive[c].end()) {
      ++without_positive_;
      continue;
    }
    const auto score = [&](std::size_t i) { return scores[i].empty() ? behind_all : scores[i].at(c); };
    std::vector<std::size_t> order(gold.size());
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::stable_sort(order.begin(), order.end(),
                     [&](std::size_t a, std::size_t b) { return score(a) > score(b); });
    std::vector<Step> steps;
    for (std::size_t k = 0; k < order.size(); ++k)
      steps.push_back({static_cast<std::uint32_t>(order[k]), positive[c][order[k]] != 0,
                       k + 1 == order.size() || score(order[k]) != score(order[k + 1])});
    classes_.push_back(std::move(steps));
  }
}

double MacroPrecision::mean(std::span<const double> weights) const {
  double total = 0, classes = 0;
  for (const std::vector<Step>& steps : classes_) {
    double right = 0, seen = 0, right_before = 0, sum = 0;
    for (const Step& step : steps) {
      const double weight = weights.empty() ? 1 : weights[step.item];
      seen += weight;
      if (step.positive) right += weight;
      if (!step.last_of_tie || right == right_before) continue;
      sum += (right - right_before) * right / seen;
      right_before = right;
    }
    if (right <= 0) continue;  // a resample may hold no positive
    total += sum / right;
    classes += 1;
  }
  return classes > 0 ? total / classes : kNoScore;
}

SumTable ece_table(const std::vector<double>& confidence, const std::vector<char>& right) {
  SumTable table{3 * kEceBins, {}};
  for (std::size_t i = 0; i < confidence.size(); ++i) {
    const auto bin = static_cast<std::uint32_t>(
        std::clamp(std::floor(confidence[i] * kEceBins), 0.0, static_cast<double>(kEceBins - 1)));
    table.rows.push_back(
        {{3 * bin, 1}, {3 * bin + 1, confidence[i]}, {3 * bin + 2, right.at(i) ? 1.0 : 0.0}});
  }
  return table;
}

double ece(std::span<const double> sums) {
  double gap = 0, items = 0;
  for (std::size_t b = 0; b + 2 < sums.size(); b += 3) {
    gap += std::abs(sums[b + 1] - sums[b + 2]);  // |mean - mean| times the bin's items
    items += sums[b];
  }
  return items > 0 ? gap / items : kNoScore;
}

SumTable group_table(const std::vector<double>& values, const std::vector<std::string>& groups) {
  std::size_t count = 0;
  const std::vector<std::uint32_t> numbers = group_numbers(groups, count);
  SumTable table{2 * count, {}};
  for (std::size_t i = 0; i < values.size(); ++i)
    table.rows.push_back({{2 * numbers.at(i), values[i]}, {2 * numbers[i] + 1, 1}});
  return table;
}

double group_macro_mean(std::span<const double> sums) {
  double total = 0, groups = 0;
  for (std::size_t g = 0; g + 1 < sums.size(); g += 2) {
    if (sums[g + 1] <= 0) continue;
    total += sums[g] / sums[g + 1];
    groups += 1;
  }
  return groups > 0 ? total / groups : kNoScore;
}

SumTable group_class_table(const std::vector<std::vector<int>>& gold,
                           const std::vector<std::vector<int>>& predicted, int classes,
                           const std::vector<std::string>& groups, std::size_t& group_count) {
  const std::vector<std::uint32_t> numbers = group_numbers(groups, group_count);
  const auto block = 3 * static_cast<std::uint32_t>(classes);
  SumTable table{block * group_count, {}};
  for (std::size_t i = 0; i < gold.size(); ++i)
    table.rows.push_back(class_cells(gold[i], predicted.at(i), block * numbers.at(i)));
  return table;
}

double group_macro_f1(std::span<const double> sums, std::size_t group_count) {
  if (group_count == 0) return kNoScore;
  const std::size_t block = sums.size() / group_count;
  double total = 0, groups = 0;
  for (std::size_t g = 0; g < group_count; ++g) {
    const double f1 = macro_f1(sums.subspan(g * block, block));
    if (std::isnan(f1)) continue;
    total += f1;
    groups += 1;
  }
  return groups > 0 ? total / groups : kNoScore;
}

double weighted_mean(const std::vector<std::pair<double, std::int64_t>>& parts) {
  double total = 0, items = 0;
  for (const auto& [value, n] : parts) {
    total += value * static_cast<double>(n);
    items += static_cast<double>(n);
  }
  return items > 0 ? total / items : kNoScore;
}

double win_rate(const std::vector<double>& marks, const std::vector<double>& others) {
  if (marks.size() != others.size()) throw internal_error("win rate: marks are not in pairs");
  double wins = 0;
  for (std::size_t i = 0; i < marks.size(); ++i)
    wins += marks[i] > others[i] ? 1 : marks[i] == others[i] ? 0.5 : 0;
  return marks.empty() ? kNoScore : wins / static_cast<double>(marks.size());
}

double circular_accuracy(const std::vector<std::vector<char>>& right_by_rotation) {
  if (right_by_rotation.empty() || right_by_rotation.front().empty()) return kNoScore;
  const std::size_t items = right_by_rotation.front().size();
  std::size_t right = 0;
  for (std::size_t i = 0; i < items; ++i)
    right += std::all_of(right_by_rotation.begin(), right_by_rotation.end(),
                         [&](const std::vector<char>& rotation) { return rotation.at(i) != 0; });
  return static_cast<double>(right) / static_cast<double>(items);
}

double approximate_f1(const std::vector<std::vector<double>>& cosines, std::size_t predicted,
                      std::size_t known, double least) {
  std::vector<std::tuple<double, std::size_t, std::size_t>> pairs;
  for (std::size_t p = 0; p < predicted; ++p)
    for (std::size_t k = 0; k < known; ++k)
      if (cosines.at(p).at(k) > least) pairs.emplace_back(-cosines[p][k], p, k);
  std::sort(pairs.begin(), pairs.end());
  std::set<std::size_t> taken_p, taken_k;
  for (const auto& [cosine, p, k] : pairs)
    if (taken_p.count(p) == 0 && taken_k.count(k) == 0) taken_p.insert(p), taken_k.insert(k);
  // Nothing to name and nothing named is right.
  if (predicted + known == 0) return 1;
  return f1_from_counts(static_cast<double>(taken_p.size()), static_cast<double>(known),
                        static_cast<double>(predicted));
}

}  // namespace af2
