// Published values beside a run's own (report_figures.h): the same metric in the same unit, or no comparison.
#include <fmt/format.h>

#include <cstdlib>

#include "af2/eval/report_figures.h"

namespace af2 {
namespace {

// "judge_mean/5*100" is judge_mean times 20; what is no such formula is a name.
struct PublishedMetric {
  std::string name;
  double factor = 1;
};
PublishedMetric parse_published_metric(const std::string& text) {
  PublishedMetric metric;
  std::size_t at = text.find_first_of("/*");
  metric.name = text.substr(0, at);
  while (at < text.size()) {
    const char* const begin = text.c_str() + at + 1;
    char* end = nullptr;
    const double number = std::strtod(begin, &end);
    if (end == begin || number <= 0) return {text, 1};
    metric.factor = text[at] == '*' ? metric.factor * number : metric.factor / number;
    at += 1 + static_cast<std::size_t>(end - begin);
    if (at < text.size() && text[at] != '/' && text[at] != '*') return {text, 1};
  }
  return metric;
}

// From the run's unit to the published one; 0: there is no way.
double to_published_unit(const std::string& own, const std::string& published) {
  if (published == "percent") return is_share(own) ? 100 : 0;
  if (published == "bertscore100") return is_share(own) || own == "bertscore" ? 100 : 0;
  if (published == "fraction") return is_share(own) ? 1 : 0;
  return 1;  // the metric's own scale, with the formula's factor
}

std::string published_text(double value, const std::string& unit) {
  return fmt::format("{:.6g}", value) + (unit == "percent" ? " %" : "");
}

}  // namespace

const PublishedLine* PublishedView::first(std::string_view role) const {
  for (const PublishedLine& line : rows)
    if (line.role == role && line.value) return &line;
  return nullptr;
}

PublishedView published_view(const Json& summary) {
  PublishedView view;
  const Json& published = part_at(summary, "published");
  view.metric = text_at(published, "metric");
  view.unit = text_at(published, "unit");
  const PublishedMetric metric = parse_published_metric(view.metric);
  // The published script's own rule where there is one: that is what the values were made with.
  const Headline head = headline_of(summary);
  std::optional<ReportFigure> found;
  if (head.main.name == metric.name) found = head.main;
  for (const char* matcher : {"official", "", "robust"})
    if (!found || !found->value)
      if (auto other = find_figure(part_at(summary, "metrics"), metric.name, matcher))
        found = std::move(other);
  const double factor = found ? metric.factor * to_published_unit(found->unit, view.unit) : 0;
  const std::int64_t limit = count_at(part_at(summary, "run"), "limit");
  if (!found)
    view.why_not = "this run has no metric " + view.metric;
  else if (!found->value)
    view.why_not = found->title() + " was not computed" + (found->note.empty() ? "" : ": " + found->note);
  else if (factor == 0)
    view.why_not = found->title() + " has another unit (" + found->unit + ")";
  if (view.why_not.empty()) {
    for (auto* number : {&found->value, &found->low, &found->high})
      if (*number) **number *= factor;
    found->unit = view.unit;
    view.ours = std::move(found);
  }
  const Json& rows = part_at(published, "rows");
  if (!rows.is_array()) return view;
  for (const Json& row : rows) {
    PublishedLine line;
    line.role = text_at(row, "role"), line.model = text_at(row, "model");
    line.source = text_at(row, "source"), line.note = text_at(row, "note");
    line.value = number_at(row, "value");
    line.value_shown = line.value ? published_text(*line.value, view.unit) : "not printed";
    if (const std::string other = text_at(row, "metric"); !other.empty()) {
      line.note += (line.note.empty() ? "" : "; ") + other;
      line.verdict = "another metric: not compared";
    } else if (!line.value || !view.ours) {
      line.verdict = "not compared";
    } else if (limit > 0) {
      line.verdict = "not compared: a part of the items";
    } else if (!view.ours->low || !view.ours->high) {
      line.verdict = "no interval: no word";
    } else {
      line.verdict = *line.value < *view.ours->low    ? "this run is above, outside its interval"
                     : *line.value > *view.ours->high ? "this run is below, outside its interval"
                                                      : "inside the interval: no difference can be told";
    }
    view.rows.push_back(std::move(line));
  }
  return view;
}

std::string published_part(const Json& summary, std::string_view group) {
  const Json& published = part_at(summary, "published");
  const Json& rows = part_at(published, "rows");
  if (!rows.is_array()) return "";
  for (const Json& row : rows)
    if (text_at(row, "role") == "af2")
      if (const auto value = number_at(part_at(row, "parts"), std::string(group).c_str()))
        return published_text(*value, text_at(published, "unit"));
  return "";
}

}  // namespace af2
