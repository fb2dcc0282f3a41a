#include "af2/eval/scoring.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include <fmt/format.h>

#include "af2/core/error.h"
#include "af2/eval/answer_text.h"
#include "af2/eval/scoring_detail.h"

namespace af2 {
namespace scoring_detail {

MetricView MetricView::only(const std::function<bool(std::size_t)>& keep) const {
  MetricView part = *this;
  part.items.clear();
  part.places.clear();
  for (std::size_t i = 0; i < items.size(); ++i)
    if (keep(i)) part.items.push_back(items[i]), part.places.push_back(places[i]);
  return part;
}

std::vector<std::string> MetricView::clusters() const {
  std::vector<std::string> out;
  for (const Scored* s : items) out.push_back(s->item->cluster.empty() ? s->item->id : s->item->cluster);
  return out;
}

MetricValue blank_metric(const MetricView& view, const std::string& name, const std::string& unit) {
  MetricValue metric;
  metric.name = name;
  metric.unit = unit;
  metric.column = view.column;
  const std::vector<std::string> clusters = view.clusters();
  metric.n = static_cast<std::int64_t>(view.items.size());
  metric.clusters = static_cast<std::int64_t>(std::set<std::string>(clusters.begin(), clusters.end()).size());
  return metric;
}

MetricValue unknown_metric(const MetricView& view, const std::string& name, const std::string& why) {
  MetricValue metric = blank_metric(view, name, "");
  metric.value = metric.low = metric.high = std::nan("");
  metric.known = false;
  metric.note = why;
  return metric;
}

void set_interval(MetricValue& metric, const ScoreInterval& interval) {
  metric.value = interval.value;
  metric.low = interval.low;
  metric.high = interval.high;
  metric.clusters = interval.clusters;
  metric.known = !std::isnan(interval.value);
  if (!metric.known) metric.note = "has no value for these items";
}

MetricValue sums_metric(const MetricView& view, const std::string& name, const std::string& unit,
                        const SumTable& table, const FromSums& of_sums) {
  if (view.items.empty()) return unknown_metric(view, name, "no items");
  MetricValue metric = blank_metric(view, name, unit);
  set_interval(metric, bootstrap_sums(table, view.clusters(), of_sums, view.options.resample));
  return metric;
}

MetricValue mean_metric(const MetricView& view, const std::string& name, const std::string& unit,
                        const std::vector<double>& values) {
  if (view.items.empty()) return unknown_metric(view, name, "no items");
  MetricValue metric = blank_metric(view, name, unit);
  set_interval(metric, bootstrap_mean(values, view.clusters(), view.options.resample));
  return metric;
}

std::string gold_class(const MetricView& view, std::size_t i) {
  const EvalItem& item = *view.items[i]->item;
  if (!item.labels.empty()) return item.labels.front();
  if (item.gold_index >= 0) return std::string(1, static_cast<char>('a' + item.gold_index % 26));
  return item.answer();
}

ClassTable class_table(const MetricView& view) {
  ClassTable table;
  std::map<std::string, int> known;
  const auto number = [&](const std::string& text) {
    const auto [found, is_new] = known.emplace(label_answer(text), static_cast<int>(table.names.size()));
    if (is_new) table.names.push_back(text);
    return found->second;
  };
  // Listed labels first, in their order, so that scores by label fit.
  for (const std::string& name : view.labels.list) {
    const int id = number(name);
    known.emplace(label_answer(view.labels.shown(name)), id);
  }
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const EvalItem& item = *view.items[i]->item;
    const Match& match = view.match(i);
    std::vector<int> gold, given;
    if (view.benchmark.task == "multilabel") {
      for (const std::string& label : item.labels) gold.push_back(number(label));
      for (const std::string& label : match.values) given.push_back(number(label));
      if (match.values.empty() && match.parsed && !match.label_scores.empty()) given.push_back(match.option);
    } else {
      gold.push_back(number(gold_class(view, i)));
      // Options differ from item to item: their letters are the classes.
      if (match.parsed && item.labels.empty() && item.gold_index >= 0 && match.option >= 0)
        given.push_back(number(std::string(1, static_cast<char>('a' + match.option % 26))));
      else if (match.parsed)
        given.push_back(match.right ? gold.front() : number(match.value));
    }
    table.gold.push_back(std::move(gold));
    table.predicted.push_back(std::move(given));
  }
  return table;
}

bool is_column_metric(const std::string& name) {
  static const std::set<std::string> others = {
      "judge_mean", "judge_mean_x20", "judge_overall", "axis_means",  "reference_mean",
      "win_rate",   "parse_failures", "weighted_mean", "seconds_cut", "failures"};
  return others.count(name) == 0;
}

}  // namespace scoring_detail

namespace {

using scoring_detail::MetricRows;
using scoring_detail::MetricView;

MetricValue cut_seconds(const MetricView& view) {
  MetricValue metric = scoring_detail::blank_metric(view, "seconds_cut", "seconds");
  double all = 0;
  std::int64_t items = 0;
  for (const Scored* s : view.items) {
    metric.value += s->seconds_cut;
    all += s->seconds;
    items += s->seconds_cut > 0;
  }
  metric.low = metric.high = std::nan("");
  metric.note = fmt::format("of {:.0f} s, in {} of {} items", all, items, view.items.size());
  return metric;
}

MetricValue failed_items(const MetricView& view) {
  MetricValue metric = scoring_detail::blank_metric(view, "failures", "count");
  for (const Scored* s : view.items) metric.value += s->failed;
  metric.low = metric.high = std::nan("");
  return metric;
}

MetricRows rows_of(const MetricView& view, const std::string& name) {
  if (name == "seconds_cut") return {cut_seconds(view)};
  for (const auto of_family :
       {scoring_detail::class_metric, scoring_detail::number_metric, scoring_detail::judge_metric,
        scoring_detail::caption_metric, scoring_detail::retrieval_metric})
    if (auto rows = of_family(view, name)) return *rows;
  throw user_error("unknown metric \"" + name + "\"", view.benchmark.path.string());
}

// A file's official rule can be `judge` on a scale of 0 and 1: then the mark is right or wrong.
bool judged_right_or_wrong(const Benchmark& benchmark) {
  return benchmark.official && benchmark.official->rule == "judge" && benchmark.judge &&
         benchmark.judge->low == 0 && benchmark.judge->high == 1;
}

// In a mixed set, items whose instruction is checked have a rate of their own and no part in other shares.
MetricView without_mixing(const MetricView& all, const std::string& name) {
  const auto checked = [&](std::size_t i) { return all.items[i]->item->task == "constraint"; };
  const MetricView part = all.only([&](std::size_t i) { return checked(i) == (name == "constraint_rate"); });
  return part.items.empty() ? all : part;
}

// The items of a column: those that its rule scores, without those that it excludes.
MetricRows column_rows(const MetricView& all, const std::string& name, const std::string& column) {
  MetricView view = without_mixing(all, name);
  view.column = column;
  if (column == "official" && name == "accuracy" && judged_right_or_wrong(view.benchmark)) {
    MetricRows rows = rows_of(view, "judge_mean");
    for (MetricValue& row : rows) row.name = name, row.unit = row.known ? "fraction" : "";
    return rows;
  }
  // What the rule cannot score (a judge's items in a mixed set) is not of this column. Failed ones are.
  const MetricView scored = view.only([&](std::size_t i) { return view.match(i).scored; });
  if (scored.items.empty()) {
    const std::string why = view.items.empty() ? "no items" : view.match(0).why;
    return {scoring_detail::unknown_metric(view, name, why)};
  }
  // Excluded are outputs that were not understood, as the file's rule says; never items without an output.
  const MetricView kept = scored.only([&](std::size_t i) {
    return name == "unmatched_rate" || name == "instruction_following_rate" || !scored.match(i).excluded ||
           scored.items[i]->failed;
  });
  MetricRows rows = rows_of(kept, name);
  const auto append = [](std::string& note, const std::string& more) {
    note += (note.empty() ? "" : "; ") + more;
  };
  for (MetricValue& row : rows) {
    if (scored.items.size() != view.items.size())
      append(
          row.note,
          fmt::format("{} of {} items {}", view.items.size() - scored.items.size(), view.items.size(),
                      name == "constraint_rate" ? "name a check that is not known here" : "are for a judge"));
    if (kept.items.size() != scored.items.size())
      append(row.note, fmt::format("{} answers that were not understood are left out",
                                   scored.items.size() - kept.items.size()));
  }
  if (name == "accuracy" && kept.items.size() != scored.items.size()) {
    MetricRows whole = rows_of(scored, name);
    whole.front().name = "accuracy_all_items";
    append(whole.front().note, "answers that were not understood are wrong");
    rows.push_back(whole.front());
  }
  return rows;
}

bool rule_has_matches(const std::optional<MatchRule>& rule) {
  return rule && rule->rule != "none";
}

// Both columns of a metric of matches, or its one form.
MetricRows all_columns(const MetricView& view, const std::string& name) {
  static const std::set<std::string> texts = {"cider_d",  "bleu",      "rouge_l",        "vocab",
                                              "token_f1", "bleu_char", "rouge_l_recall", "clap_sim"};
  const bool is_text =
      texts.count(name) > 0 || view.benchmark.task == "retrieval" ||
      std::count(view.benchmark.metrics.external.begin(), view.benchmark.metrics.external.end(), name) > 0;
  const bool is_mark = name == "category_macro_mean" && view.benchmark.task == "judge";
  if (is_text || is_mark || !scoring_detail::is_column_metric(name)) {
    MetricView plain = view;
    plain.column = name == "weighted_mean" || name == "judge_overall" ? "robust" : "official";
    MetricRows rows = rows_of(plain, name);
    for (MetricValue& row : rows) row.column.clear();
    return rows;
  }
  MetricRows rows;
  const bool zero_shot = !view.benchmark.official && !view.benchmark.robust;
  if (rule_has_matches(view.benchmark.official) || zero_shot)
    for (MetricValue& row : column_rows(view, name, "official")) rows.push_back(std::move(row));
  if (rule_has_matches(view.benchmark.robust))
    for (MetricValue& row : column_rows(view, name, "robust")) rows.push_back(std::move(row));
  if (rows.empty()) rows.push_back(scoring_detail::unknown_metric(view, name, "the file has no rule for it"));
  return rows;
}

// What a group is scored by: means over groups make no sense inside one.
std::string metric_inside_group(const Benchmark& benchmark) {
  const std::string& primary = benchmark.metrics.primary;
  if (primary == "category_macro_mean") return benchmark.task == "judge" ? "judge_mean" : "accuracy";
  if (primary == "task_macro_f1") return "macro_f1";
  if (primary == "task_macro" || primary == "weighted_mean") return "accuracy";
  return primary;
}

// Zero-shot by cosines alone: the label with the highest is the answer.
void take_highest(const LabelSet& labels, Scored& s) {
  s.official = Match();
  s.official.why = "no scores";
  if (s.failed || s.label_scores.empty()) return;
  const auto best = std::max_element(s.label_scores.begin(), s.label_scores.end());
  s.official.option = static_cast<int>(best - s.label_scores.begin());
  s.official.value = labels.list.at(static_cast<std::size_t>(s.official.option));
  s.official.parsed = true;
  s.official.why = "highest cosine";
  s.official.right = std::any_of(s.item->labels.begin(), s.item->labels.end(), [&](const std::string& label) {
    return label_answer(label) == label_answer(s.official.value) ||
           label_answer(label) == label_answer(labels.shown(s.official.value));
  });
  s.official.score = s.official.right ? 1 : 0;
}

}  // namespace

void match_scored(const Benchmark& benchmark, const LabelSet& labels, Scored& s, const MatchTools& tools) {
  const std::string output = s.failed ? std::string() : s.output;
  if (!benchmark.official && !benchmark.robust) {
    if (benchmark.task != "retrieval") take_highest(labels, s);
    return;
  }
  if (benchmark.official)
    s.official = match_output(*benchmark.official, benchmark, labels, *s.item, output, tools);
  if (benchmark.robust) s.robust = match_output(*benchmark.robust, benchmark, labels, *s.item, output, tools);
  if (!s.failed) return;
  for (Match* match : {&s.official, &s.robust})
    if (match->scored) {
      match->why = "failed";
      // Nothing at all can keep to an instruction: "No Commas".
      match->excluded = match->right = false;
      match->score = 0;
    }
}

void match_all(const Benchmark& benchmark, const LabelSet& labels, std::vector<Scored>& scored,
               const MatchTools& tools) {
  const MatchTools kept = remembering(tools);
  if (kept.encode) {
    std::set<std::string> texts;
    for (const auto* rule : {&benchmark.official, &benchmark.robust})
      if (*rule)
        for (const Scored& s : scored)
          if (!s.failed)
            for (std::string& text : texts_to_encode(**rule, labels, s.output)) texts.insert(std::move(text));
    if (!texts.empty()) kept.encode({texts.begin(), texts.end()});
  }
  for (Scored& s : scored) match_scored(benchmark, labels, s, kept);
}

std::vector<MetricValue> metrics_of(const Benchmark& benchmark, const LabelSet& labels,
                                    const std::vector<Scored>& scored, const MetricOptions& options) {
  MetricView view{benchmark, labels, options, {}, {}, "", options.frequencies};
  for (std::size_t i = 0; i < scored.size(); ++i) {
    if (!scored[i].item) throw internal_error("an output without its item");
    view.items.push_back(&scored[i]);
    view.places.push_back(i);
  }
  // Groups are scored by the idf of the whole set.
  std::optional<CiderFrequencies> own;
  const MetricSpec& spec = benchmark.metrics;
  std::vector<std::string> names = {spec.primary};
  names.insert(names.end(), spec.also.begin(), spec.also.end());
  names.insert(names.end(), spec.external.begin(), spec.external.end());
  if (!view.frequencies && std::find(names.begin(), names.end(), "cider_d") != names.end() &&
      !scored.empty()) {
    std::vector<std::vector<CaptionTokens>> references;
    std::vector<std::string> none;
    std::vector<std::vector<std::string>> texts;
    for (const Scored& s : scored)
      if (!s.item->refs.empty()) texts.push_back(s.item->refs);
    none.resize(texts.size());
    own.emplace(caption_set(none, texts, options.tokeniser).references);
    view.frequencies = &*own;
  }
  std::vector<MetricValue> out;
  const auto add = [&](const std::string& name) {
    for (MetricValue& row : all_columns(view, name)) out.push_back(std::move(row));
  };
  for (const std::string& name : names)
    if (!name.empty() && name != "none") add(name);
  const bool matched = rule_has_matches(benchmark.official) || rule_has_matches(benchmark.robust);
  if (matched && std::find(names.begin(), names.end(), "unmatched_rate") == names.end())
    add("unmatched_rate");
  if (std::find(names.begin(), names.end(), "seconds_cut") == names.end()) out.push_back(cut_seconds(view));
  out.push_back(failed_items(view));
  if (spec.primary.empty() || spec.primary == "none" || benchmark.task == "retrieval") return out;

  const std::string inside = metric_inside_group(benchmark);
  for (const std::string& by : benchmark.by) {
    std::map<std::string, std::set<const Scored*>> groups;
    for (const Scored& s : scored)
      if (const std::string group = group_of(*s.item, by); !group.empty()) groups[group].insert(&s);
    for (const auto& [group, members] : groups) {
      const MetricView part = view.only([&](std::size_t i) { return members.count(view.items[i]) > 0; });
      MetricRows rows = all_columns(part, inside);
      const std::string column = head_column(rows, inside);
      for (MetricValue& row : rows) {
        if (row.column != column || (row.name != inside && rows.size() > 1)) continue;
        row.by = by;
        row.group = group;
        out.push_back(row);
        break;
      }
    }
  }
  return out;
}

std::string head_column(const std::vector<MetricValue>& metrics, const std::string& name) {
  std::string column;
  for (const MetricValue& metric : metrics) {
    if (metric.name != name || !metric.by.empty()) continue;
    if (metric.known) return metric.column;
    if (column.empty()) column = metric.column;
  }
  return column;
}

std::string metric_text(const MetricValue& metric) {
  if (!metric.known) return "- (" + metric.note + ")";
  constexpr std::int64_t kFewItems = 20;
  if (metric.unit == "count") return fmt::format("{:.0f}", metric.value);
  if (metric.unit == "fraction") {
    const double right = metric.value * static_cast<double>(metric.n);
    if (metric.n < kFewItems && std::abs(right - std::round(right)) < 1e-6)
      return fmt::format("{:.0f} of {}", right, metric.n);
    if (metric.n < kFewItems) return fmt::format("{:.3f} ({} items)", metric.value, metric.n);
    return fmt::format("{:.1f} % [{:.1f}, {:.1f}] ({})", 100 * metric.value, 100 * metric.low,
                       100 * metric.high, metric.n);
  }
  if (std::isnan(metric.low)) return fmt::format("{:.3f} {} ({})", metric.value, metric.unit, metric.n);
  return fmt::format("{:.3f} [{:.3f}, {:.3f}] {} ({})", metric.value, metric.low, metric.high, metric.unit,
                     metric.n);
}

std::string group_of(const EvalItem& item, const std::string& field) {
  if (const auto found = item.groups.find(field); found != item.groups.end()) return found->second;
  if (const auto found = item.fields.find(field); found != item.fields.end()) return found->second;
  if ((field == "label" || field == "gold") && !item.labels.empty()) return item.labels.front();
  if (field == "category")
    if (const auto found = item.groups.find("skill"); found != item.groups.end()) return found->second;
  return field == "task" || field == "category" ? item.task : std::string();
}

}  // namespace af2
