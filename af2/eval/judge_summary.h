// What the marks of many answers come to (docs/spec/evaluation.md sections 4 and 5).
//
// Missing marks are out of every mean and counted; answers without a call count with their lowest mark. Not
// intervals (section 6). Thread rule: plain values, free functions.
//
//   const JudgeSummary summary = summarize_marks(judge, cases, marks);
//   if (summary.too_many_unread()) exit_code = 4;
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/eval/judge.h"

namespace af2 {

// Share of marks that cannot be read above which a run ends with exit code 4.
inline constexpr double kMostUnreadMarks = 0.01;

struct MarkMean {
  std::size_t n = 0;  // with a mark
  double mean = 0;
};

struct JudgeSummary {
  std::string judge, rubric, rubric_sha256;
  double low = 0, high = 0;  // scale of the marks
  int repeats = 1;
  std::size_t n = 0, marked = 0, judge_failed = 0;  // judge_failed: not one repeat could be read
  std::size_t lowest = 0;                           // lowest mark without a call
  std::size_t filled_in = 0;                        // of judge_failed: with the official script's mark
  std::optional<double> mean;                       // of marked
  double spread = 0;                                // mean of the spreads of repeats
  std::map<std::string, MarkMean> categories;
  std::optional<double> category_macro_mean;  // unweighted mean of the categories with a mark
  std::map<std::string, double> axis_means;
  std::optional<double> reference_mean, win_rate;  // pairs; a tie is half a win, no answer is a loss
  std::size_t unread = 0;                          // repeats that could not be read
  double unread_share = 0;                         // of n x repeats
  JudgeStats stats;

  bool too_many_unread() const { return unread_share > kMostUnreadMarks; }
};

// `cases` and `marks` of equal length, in one order. Throws kUser where they are not.
JudgeSummary summarize_marks(const Judge& judge, const std::vector<JudgeCase>& cases,
                             const std::vector<JudgeMark>& marks);
Json to_json(const JudgeSummary& summary);

}  // namespace af2
