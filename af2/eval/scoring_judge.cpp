// Metrics of a judge's marks, and of suites that mix marks and matches.
#include <algorithm>
#include <set>

#include <fmt/format.h>

#include "af2/eval/class_metrics.h"
#include "af2/eval/scoring_detail.h"

namespace af2::scoring_detail {
namespace {

const JudgeSpec& judge_of(const MetricView& view) {
  static const JudgeSpec kNone;
  return view.benchmark.judge ? *view.benchmark.judge : kNone;
}

const char* kNoJudge = "no judge was asked: --judge-url";

// Means of what `value` gives; items without it are out of the mean and counted in the note.
MetricValue mean_of_marks(const MetricView& view, const std::string& name, const std::string& unit,
                          const std::function<std::optional<double>(std::size_t)>& value) {
  const MetricView marked = view.only([&](std::size_t i) { return value(i).has_value(); });
  if (marked.items.empty()) return unknown_metric(view, name, kNoJudge);
  std::vector<double> values;
  for (std::size_t i = 0; i < view.items.size(); ++i)
    if (const auto mark = value(i)) values.push_back(*mark);
  MetricValue metric = mean_metric(marked, name, unit, values);
  if (marked.items.size() != view.items.size())
    metric.note = fmt::format("{} of {} items have no mark and are out of the mean",
                              view.items.size() - marked.items.size(), view.items.size());
  return metric;
}

std::optional<double> axis_of(const MetricView& view, std::size_t i, const std::string& axis) {
  const Scored& s = *view.items[i];
  if (const auto found = s.axes.find(axis); found != s.axes.end()) return found->second;
  return s.failed ? std::optional<double>(judge_of(view).low) : std::nullopt;
}

MetricValue pairs_won(const MetricView& view, const std::string& name) {
  const MetricView pairs = view.only([&](std::size_t i) {
    return view.items[i]->axes.count("reference") > 0 && mark_of(view, i).has_value();
  });
  if (pairs.items.empty()) return unknown_metric(view, name, kNoJudge);
  std::vector<double> wins;
  for (std::size_t i = 0; i < pairs.items.size(); ++i)
    wins.push_back(win_rate({*mark_of(pairs, i)}, {pairs.items[i]->axes.at("reference")}));
  return mean_metric(pairs, name, "fraction", wins);
}

// Score of an item as a share of the most that it could have: a match, else a mark on its scale.
std::optional<double> part_score(const MetricView& view, std::size_t i) {
  const Match& robust = view.items[i]->robust;
  const Match& match = view.match(i).scored ? view.match(i) : robust;
  if (match.scored) return match.right ? 1.0 : 0.0;
  const JudgeSpec& judge = judge_of(view);
  auto mark = axis_of(view, i, "overall");
  if (!mark) mark = mark_of(view, i);
  if (mark && judge.high > 0) return *mark / judge.high;
  return std::nullopt;
}

MetricValue weighted_parts(const MetricView& view, const std::string& name) {
  std::vector<double> values;
  std::set<std::string> missing;
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const auto score = part_score(view, i);
    if (score)
      values.push_back(*score);
    else
      missing.insert(view.items[i]->item->task);
  }
  if (!missing.empty())
    return unknown_metric(
        view, name,
        fmt::format("items of the part \"{}\" have no score: no judge was asked", *missing.begin()));
  // Parts weighted by their number of items are the mean over items.
  return mean_metric(view, name, "fraction", values);
}

}  // namespace

bool has_marks(const MetricView& view) {
  return std::any_of(view.items.begin(), view.items.end(),
                     [](const Scored* s) { return s->judge.has_value(); });
}

std::optional<double> mark_of(const MetricView& view, std::size_t i) {
  const Scored& s = *view.items[i];
  if (s.judge) return s.judge;
  return s.failed && view.benchmark.judge ? std::optional<double>(judge_of(view).low) : std::nullopt;
}

std::optional<MetricRows> judge_metric(const MetricView& view, const std::string& name) {
  const bool of_marks = name == "judge_mean" || name == "judge_mean_x20" || name == "judge_overall" ||
                        name == "reference_mean" || name == "win_rate" || name == "parse_failures" ||
                        name == "axis_means";
  if (name == "weighted_mean") return MetricRows{weighted_parts(view, name)};
  if (name == "constraint_rate") {
    const MetricView part = view.only(
        [&](std::size_t i) { return view.items[i]->item->task == "constraint" && view.match(i).scored; });
    if (part.items.empty())
      return MetricRows{
          unknown_metric(view, name, "the constraint checks of these items are not known here")};
    std::vector<double> values;
    for (std::size_t i = 0; i < part.items.size(); ++i) values.push_back(part.match(i).right ? 1 : 0);
    return MetricRows{mean_metric(part, name, "fraction", values)};
  }
  if (name == "category_macro_mean") {
    const bool judged = view.benchmark.task == "judge";
    if (judged && !has_marks(view)) return MetricRows{unknown_metric(view, name, kNoJudge)};
    const MetricView marked =
        view.only([&](std::size_t i) { return !judged || mark_of(view, i).has_value(); });
    std::vector<double> values;
    std::vector<std::string> groups;
    for (std::size_t i = 0; i < marked.items.size(); ++i) {
      values.push_back(judged ? *mark_of(marked, i) : marked.match(i).right ? 1 : 0);
      groups.push_back(group_of(*marked.items[i]->item, "category"));
    }
    MetricValue metric = sums_metric(marked, name, judged ? "mark" : "fraction", group_table(values, groups),
                                     group_macro_mean);
    metric.note = fmt::format("unweighted mean of {} categories",
                              std::set<std::string>(groups.begin(), groups.end()).size());
    return MetricRows{metric};
  }
  if (!of_marks) return std::nullopt;
  if (!has_marks(view)) return MetricRows{unknown_metric(view, name, kNoJudge)};
  const auto mark = [&](std::size_t i) { return mark_of(view, i); };
  if (name == "judge_mean") return MetricRows{mean_of_marks(view, name, "mark", mark)};
  if (name == "judge_mean_x20")
    return MetricRows{mean_of_marks(view, name, "score100", [&](std::size_t i) {
      const auto m = mark_of(view, i);
      return m ? std::optional<double>(20 * *m) : m;
    })};
  if (name == "judge_overall")
    return MetricRows{mean_of_marks(view, name, "mark", [&](std::size_t i) {
      const auto overall = axis_of(view, i, "overall");
      return overall || view.match(i).scored ? overall : mark_of(view, i);
    })};
  if (name == "reference_mean")
    return MetricRows{
        mean_of_marks(view, name, "mark", [&](std::size_t i) { return axis_of(view, i, "reference"); })};
  if (name == "win_rate") return MetricRows{pairs_won(view, name)};
  if (name == "axis_means") {
    std::set<std::string> axes(judge_of(view).axes.begin(), judge_of(view).axes.end());
    for (const Scored* s : view.items)
      for (const auto& [axis, value] : s->axes) axes.insert(axis);
    MetricRows rows;
    for (const std::string& axis : axes)
      rows.push_back(mean_of_marks(view, "axis_means/" + axis, "mark",
                                   [&](std::size_t i) { return axis_of(view, i, axis); }));
    if (rows.empty()) rows.push_back(unknown_metric(view, name, "the marks have no axes"));
    return rows;
  }
  // parse_failures: answers that the judge gave no mark.
  std::vector<double> values;
  for (std::size_t i = 0; i < view.items.size(); ++i) values.push_back(mark_of(view, i) ? 0 : 1);
  MetricValue metric = mean_metric(view, name, "fraction", values);
  metric.note = fmt::format("{} items", std::count(values.begin(), values.end(), 1.0));
  return MetricRows{metric};
}

}  // namespace af2::scoring_detail
