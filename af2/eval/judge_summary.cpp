#include "af2/eval/judge_summary.h"

#include "af2/core/error.h"

namespace af2 {
namespace {

void count_mark(MarkMean& mean, double mark) {
  ++mean.n;
  mean.mean += (mark - mean.mean) / static_cast<double>(mean.n);
}

std::optional<double> mark_mean_if_any(const MarkMean& mean) {
  if (mean.n == 0) return std::nullopt;
  return mean.mean;
}

Json mark_or_null(const std::optional<double>& value) {
  return value ? Json(*value) : Json(nullptr);
}

}  // namespace

JudgeSummary summarize_marks(const Judge& judge, const std::vector<JudgeCase>& cases,
                             const std::vector<JudgeMark>& marks) {
  if (cases.size() != marks.size())
    throw user_error("there are " + std::to_string(marks.size()) + " marks of " +
                         std::to_string(cases.size()) + " answers",
                     "marks of a judge", "give one mark for each answer");
  JudgeSummary sum;
  sum.judge = judge.name();
  sum.rubric = judge.rubric().id, sum.rubric_sha256 = judge.rubric().sha256;
  // The rule's shares are on no judge's scale.
  const bool rule = judge.is_rule();
  sum.low = rule ? 0 : judge.spec().low, sum.high = rule ? 1 : judge.spec().high;
  sum.repeats = rule ? 1 : judge.repeats();
  sum.stats = judge.stats();
  MarkMean all, reference, wins, spread;
  std::map<std::string, MarkMean> axes;
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const JudgeMark& one = marks[i];
    ++sum.n;
    sum.unread += static_cast<std::size_t>(one.unread);
    if (one.repeats == 0) ++sum.judge_failed;
    if (one.without_call && !rule) ++sum.lowest;
    if (!one.mark) continue;
    if (one.repeats == 0) ++sum.filled_in;
    ++sum.marked;
    count_mark(all, *one.mark);
    count_mark(spread, one.spread);
    if (!cases[i].category.empty()) count_mark(sum.categories[cases[i].category], *one.mark);
    for (const auto& [axis, value] : one.axes) count_mark(axes[axis], value);
    if (one.reference) count_mark(reference, *one.reference);
    const double against = one.reference.value_or(judge.spec().high);
    if (judge.compares_pairs())
      count_mark(wins, *one.mark > against ? 1 : (one.reference && *one.mark == against ? 0.5 : 0));
  }
  sum.mean = mark_mean_if_any(all);
  sum.spread = spread.mean;
  for (const auto& axis : judge.spec().axes)
    if (axes.contains(axis)) sum.axis_means[axis] = axes[axis].mean;
  MarkMean macro;
  for (const auto& [name, mean] : sum.categories) count_mark(macro, mean.mean);
  sum.category_macro_mean = mark_mean_if_any(macro);
  sum.reference_mean = mark_mean_if_any(reference);
  sum.win_rate = mark_mean_if_any(wins);
  if (sum.n > 0)
    sum.unread_share = static_cast<double>(sum.unread) / (static_cast<double>(sum.n) * sum.repeats);
  return sum;
}

Json to_json(const JudgeSummary& sum) {
  Json json = {{"judge", sum.judge},
               {"rubric", sum.rubric},
               {"rubric_sha256", sum.rubric_sha256},
               {"scale", {sum.low, sum.high}},
               {"repeats", sum.repeats},
               {"n", sum.n},
               {"marked", sum.marked},
               {"judge_failed", sum.judge_failed},
               {"lowest_without_call", sum.lowest},
               {"filled_in", sum.filled_in},
               {"unread", sum.unread},
               {"unread_share", sum.unread_share},
               {"too_many_unread", sum.too_many_unread()},
               {"mean", mark_or_null(sum.mean)},
               {"spread", sum.spread},
               {"category_macro_mean", mark_or_null(sum.category_macro_mean)}};
  json["categories"] = Json::object();
  for (const auto& [name, mean] : sum.categories)
    json["categories"][name] = {{"n", mean.n}, {"mean", mean.mean}};
  json["axis_means"] = Json(sum.axis_means);
  json["reference_mean"] = mark_or_null(sum.reference_mean);
  json["win_rate"] = mark_or_null(sum.win_rate);
  const JudgeStats& stats = sum.stats;
  json["calls"] = {{"sent", stats.calls},
                   {"replies", stats.replies},
                   {"cached", stats.cached},
                   {"retries", stats.retries},
                   {"repairs", stats.repairs},
                   {"tokens_in", stats.tokens_in},
                   {"tokens_out", stats.tokens_out},
                   {"cost", stats.cost},
                   {"spent_before", stats.spent_before}};
  return json;
}

}  // namespace af2
