// Metrics of numbers and stretches of time over matched items.
#include <cmath>

#include <fmt/format.h>

#include "af2/eval/class_metrics.h"
#include "af2/eval/scoring_detail.h"

namespace af2::scoring_detail {
namespace {

std::optional<double> number_in_match(const Match& match, const char* name) {
  const auto found = match.numbers.find(name);
  return found == match.numbers.end() ? std::nullopt : std::optional<double>(found->second);
}

// |given - gold|, nothing where no number was understood.
std::optional<double> distance(const Match& match) {
  if (!match.parsed) return std::nullopt;
  if (const auto known = number_in_match(match, "difference")) return known;
  const auto given = number_in_match(match, "given"), gold = number_in_match(match, "gold");
  return given && gold ? std::optional<double>(std::abs(*given - *gold)) : std::nullopt;
}

MetricValue share_where(const MetricView& view, const std::string& name,
                        const std::function<bool(const Match&)>& holds) {
  std::vector<double> values;
  for (std::size_t i = 0; i < view.items.size(); ++i)
    values.push_back(view.match(i).parsed && holds(view.match(i)) ? 1 : 0);
  return mean_metric(view, name, "fraction", values);
}

bool is_of_spans(const Match& match) {
  return match.numbers.count("known") > 0;
}

MetricRows span_metrics(const MetricView& all, const std::string& name) {
  const MetricView view = all.only([&](std::size_t i) { return is_of_spans(all.match(i)); });
  if (view.items.empty()) return {unknown_metric(all, name, "no item asks for stretches of time")};
  SumTable table{4, {}};
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const auto get = [&](const char* key) { return number_in_match(view.match(i), key).value_or(0); };
    table.rows.push_back(
        {{0, get("matched")}, {1, get("known")}, {2, get("found")}, {3, get("onset_error_s")}});
  }
  MetricRows rows = {sums_metric(view, name, "fraction", table, [](std::span<const double> sums) {
    return f1_from_counts(sums[0], sums[1], sums[2]);
  })};
  rows.push_back(sums_metric(view, "span_onset_error", "seconds", table, [](std::span<const double> sums) {
    return sums[0] > 0 ? sums[3] / sums[0] : std::nan("");
  }));
  return rows;
}

}  // namespace

std::optional<MetricRows> number_metric(const MetricView& view, const std::string& name) {
  if (name == "within_1")
    return MetricRows{share_where(view, name, [](const Match& m) { return distance(m).value_or(9) <= 1; })};
  if (name == "chroma_accuracy")
    return MetricRows{share_where(view, name, [](const Match& m) {
      const auto gap = distance(m);
      return gap && std::fmod(*gap, 12) == 0;
    })};
  if (name == "mae") {
    const MetricView numbers = view.only([&](std::size_t i) { return distance(view.match(i)).has_value(); });
    if (numbers.items.empty()) return MetricRows{unknown_metric(view, name, "no answer is a number")};
    std::vector<double> values;
    for (std::size_t i = 0; i < numbers.items.size(); ++i) values.push_back(*distance(numbers.match(i)));
    MetricValue metric = mean_metric(numbers, name, "steps", values);
    metric.note =
        fmt::format("over the {} of {} answers that are numbers", numbers.items.size(), view.items.size());
    return MetricRows{metric};
  }
  if (name == "span_f1") return span_metrics(view, name);
  if (name == "exact" || name == "within_tolerance") {
    const MetricView others = view.only([&](std::size_t i) { return !is_of_spans(view.match(i)); });
    if (others.items.empty()) return MetricRows{unknown_metric(view, name, "every item asks for stretches")};
    return MetricRows{share_where(others, name, [&](const Match& m) {
      return name == "within_tolerance" ? m.right : number_in_match(m, "exact").value_or(0) > 0;
    })};
  }
  return std::nullopt;
}

}  // namespace af2::scoring_detail
