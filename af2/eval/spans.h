// Stretches of time in answers: which found ones agree with known ones, and how well their beginnings do
// (docs/spec/evaluation.md section 4, span_f1; BLAB).
//
// Not for events with labels of a timeline (af2/events/event_score.h). Thread rule: pure functions.
//
//   SpanCounts n = match_spans({{1, 2}}, {{1.1, 2}}, 0.5);   // of one item; counts of items add up
//   n.f1();                                                  // 1
#pragma once

#include <cstdint>
#include <vector>

namespace af2 {

struct TimeSpan {
  double begin = 0, end = 0;  // seconds
};

struct SpanCounts {
  std::int64_t known = 0, found = 0, matched = 0;
  double onset_error_s = 0;  // sum over the matched of |beginning - beginning|
  double f1() const;         // 2 matched / (known + found); 1 where nothing is known and nothing found
};

// Pairs with the largest overlap first, one to one, at intersection over union of at least `least`.
SpanCounts match_spans(const std::vector<TimeSpan>& known, const std::vector<TimeSpan>& found, double least);
// Beats and the like: matched within `tolerance_s`, one to one, the nearest first.
SpanCounts match_times(const std::vector<double>& known, const std::vector<double>& found,
                       double tolerance_s);

}  // namespace af2
