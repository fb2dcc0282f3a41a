// Metrics of classes, tags, numbers and yes-no answers (docs/spec/evaluation.md section 4).
//
// Not from outputs to answers (match.h), captions (caption_metrics.h) or retrieval (retrieval_metrics.h).
// Thread rule: pure functions.
//
//   const ClassSums sums({{0}, {0}, {1}}, {{0}, {1}, {}}, 2);   // gold and predicted classes of three items
//   macro_f1(sums.table().totals());                            // by class: 2/3, 0
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

#include "af2/eval/statistics.h"

namespace af2 {

// Counts of classes as sums over items: columns 3c, 3c + 1, 3c + 2 are right, gold, predicted of class c.
class ClassSums {
 public:
  // Sets of classes of each item, at most one for a classification; no predicted class: unmatched.
  ClassSums(const std::vector<std::vector<int>>& gold, const std::vector<std::vector<int>>& predicted,
            int classes);
  const SumTable& table() const { return table_; }

 private:
  SumTable table_;
};
// Of the sums of such a table. macro_recall: mean over classes that are in gold. macro_f1: mean over classes
// in gold or predicted. micro_f1: over all decisions. NaN where there is no class to speak of.
double macro_recall(std::span<const double> sums);
double macro_f1(std::span<const double> sums);
double micro_f1(std::span<const double> sums);

// F1 of yes over yes-no answers: columns right yes, gold yes, predicted yes.
double f1_from_counts(double right, double gold, double predicted);

// Average precision: sum of (R_k - R_{k-1}) P_k over distinct scores, ties in one step; each item counts
// `weights[i]` times (empty: once). NaN without a positive.
double average_precision(const std::vector<char>& positive, const std::vector<double>& scores,
                         std::span<const double> weights = {});
// Mean over the classes that have a positive, and how many have none. `scores[item][class]`; an item without
// scores (failed) stands behind all others.
class MacroPrecision {
 public:
  MacroPrecision(const std::vector<std::vector<int>>& gold, const std::vector<std::vector<double>>& scores,
                 int classes);
  double mean(std::span<const double> weights = {}) const;
  int without_positive() const { return without_positive_; }

 private:
  struct Step {
    std::uint32_t item;
    bool positive, last_of_tie;
  };
  std::vector<std::vector<Step>> classes_;  // from the highest score
  int without_positive_ = 0;
};

// Calibration error over 10 equal bins: sum of |accuracy - confidence| weighted by the bins' items. Sums of
// a table with columns 3b, 3b + 1, 3b + 2: items, confidence, right of bin b.
SumTable ece_table(const std::vector<double>& confidence, const std::vector<char>& right);
double ece(std::span<const double> sums);

// Unweighted mean over groups of each group's mean; columns 2g and 2g + 1: sum and items of group g.
SumTable group_table(const std::vector<double>& values, const std::vector<std::string>& groups);
double group_macro_mean(std::span<const double> sums);
// Mean over groups of macro F1 in each; `table` of gold and predicted as in ClassSums, a block of columns per
// group.
SumTable group_class_table(const std::vector<std::vector<int>>& gold,
                           const std::vector<std::vector<int>>& predicted, int classes,
                           const std::vector<std::string>& groups, std::size_t& group_count);
double group_macro_f1(std::span<const double> sums, std::size_t group_count);

// Parts by their number of items.
double weighted_mean(const std::vector<std::pair<double, std::int64_t>>& parts);
// Share of pairs in which a mark is above the other, ties half.
double win_rate(const std::vector<double>& marks, const std::vector<double>& others);
// Items right under every rotation of their options; rows are rotations. NaN without rotations.
double circular_accuracy(const std::vector<std::vector<char>>& right_by_rotation);

// F1 of tags that match approximately: one to one, greedily from the highest cosine that is above `least`.
// Rows are predicted, columns known.
double approximate_f1(const std::vector<std::vector<double>>& cosines, std::size_t predicted,
                      std::size_t known, double least = 0.8);

}  // namespace af2
