// The drawings of report.html: plain SVG whose colours are the page's, each with a name for screen readers.
//
// Beside every drawing the page puts a table of the same figures, and nothing is told by colour alone: marks
// differ in shape, classes in pattern. Labels are escaped here. Thread rule: pure functions.
//
//   std::string svg = interval_chart({{.label = "this run", .value = 62.4, .low = 59.4, .high = 65.3}},
//   "score");
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace af2 {

// A value with its interval on a line of its own. Marks: 'o' this run (a disc), 'd' another (a diamond),
// 's' a baseline (a square).
struct ChartRow {
  std::string label, shown;  // name; the value as it is printed
  std::optional<double> value, low, high;
  char mark = 'o';
};
// `aria`: what the drawing shows, in words. The axis reaches from the smallest to the largest number, with a
// dashed line at zero where differences lie on both sides of it; the interval of a first row that is of this
// run is a band through all rows.
std::string interval_chart(const std::vector<ChartRow>& rows, const std::string& aria);

// Two counts for each name, side by side.
struct PairRow {
  std::string label;
  double first = 0, second = 0;
};
std::string pair_chart(const std::vector<PairRow>& rows, const std::string& aria);

struct CalibrationPoint {
  double confidence = 0, accuracy = 0, n = 0;  // shares; items of the bin
};
std::string calibration_chart(const std::vector<CalibrationPoint>& points, const std::string& aria);

// counts[gold][answered]; a row may have one more column, for answers that are none of the labels.
std::string confusion_chart(const std::vector<std::string>& labels,
                            const std::vector<std::vector<double>>& counts, const std::string& aria);

}  // namespace af2
