// What the files of scoring.h share: the items of one metric and the column it is of.
//
// Not API. Thread rule: plain values.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "af2/eval/scoring.h"

namespace af2::scoring_detail {

struct MetricView {
  const Benchmark& benchmark;
  const LabelSet& labels;
  const MetricOptions& options;
  std::vector<const Scored*> items;  // in the total, failed ones included
  std::vector<std::size_t> places;   // of each in the whole list: for external scores
  std::string column;                // official or robust
  const CiderFrequencies* frequencies = nullptr;

  const Match& match(std::size_t i) const {
    return column == "robust" ? items[i]->robust : items[i]->official;
  }
  // Those for which `keep` holds.
  MetricView only(const std::function<bool(std::size_t)>& keep) const;
  std::vector<std::string> clusters() const;
};

// Ready for name and column; n and clusters from the view.
MetricValue blank_metric(const MetricView& view, const std::string& name, const std::string& unit);
MetricValue unknown_metric(const MetricView& view, const std::string& name, const std::string& why);
MetricValue mean_metric(const MetricView& view, const std::string& name, const std::string& unit,
                        const std::vector<double>& values);
MetricValue sums_metric(const MetricView& view, const std::string& name, const std::string& unit,
                        const SumTable& table, const FromSums& metric);
void set_interval(MetricValue& metric, const ScoreInterval& interval);

// Gold and predicted classes of each item as numbers.
struct ClassTable {
  std::vector<std::vector<int>> gold, predicted;
  std::vector<std::string> names;
};
ClassTable class_table(const MetricView& view);
// The right answer as one text: label, letter of the right choice, or the reference.
std::string gold_class(const MetricView& view, std::size_t i);
bool has_marks(const MetricView& view);
// A mark of an item; a failed answer has the scale's lowest. Nothing: the judge failed.
std::optional<double> mark_of(const MetricView& view, std::size_t i);

// Each returns the values for one name, or nothing if the name is none of its own.
using MetricRows = std::vector<MetricValue>;
std::optional<MetricRows> class_metric(const MetricView& view, const std::string& name);
std::optional<MetricRows> number_metric(const MetricView& view, const std::string& name);
std::optional<MetricRows> judge_metric(const MetricView& view, const std::string& name);
std::optional<MetricRows> caption_metric(const MetricView& view, const std::string& name);
std::optional<MetricRows> retrieval_metric(const MetricView& view, const std::string& name);

// Whether a metric is of matches, so that it has an official and a robust column.
bool is_column_metric(const std::string& name);

}  // namespace af2::scoring_detail
