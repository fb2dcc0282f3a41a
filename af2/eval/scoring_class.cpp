// Metrics of classes, tags and yes-no answers over matched items.
#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>

#include "af2/eval/answer_text.h"
#include "af2/eval/class_metrics.h"
#include "af2/eval/scoring_detail.h"

namespace af2::scoring_detail {
namespace {

constexpr double kWorkOfResampling = 2e9;  // steps that a metric without a fast way may take

std::vector<double> right_values(const MetricView& view) {
  std::vector<double> values;
  for (std::size_t i = 0; i < view.items.size(); ++i) values.push_back(view.match(i).right ? 1 : 0);
  return values;
}

std::vector<std::string> groups_of(const MetricView& view, const std::string& field) {
  std::vector<std::string> groups;
  for (const Scored* s : view.items) groups.push_back(group_of(*s->item, field));
  return groups;
}

MetricValue accuracy_metric(const MetricView& view, const std::string& name) {
  MetricValue metric = mean_metric(view, name, "fraction", right_values(view));
  if (view.items.empty() || metric.clusters != metric.n) return metric;
  const auto right = static_cast<std::int64_t>(std::llround(metric.value * static_cast<double>(metric.n)));
  const auto [low, high] = wilson_interval(right, metric.n);
  metric.note = fmt::format("Wilson {:.2f} to {:.2f} %", 100 * low, 100 * high);
  return metric;
}

// Of items whose right answer is `yes`: share that are right.
MetricValue accuracy_on(const MetricView& view, const std::string& name, bool yes) {
  const MetricView part = view.only(
      [&](std::size_t i) { return first_word_yes_no(gold_class(view, i)) == std::optional<bool>(yes); });
  if (part.items.empty()) return unknown_metric(view, name, "no item has this answer");
  return mean_metric(part, name, "fraction", right_values(part));
}

MetricValue yes_f1(const MetricView& view, const std::string& name) {
  SumTable table{3, {}};
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const bool gold = first_word_yes_no(gold_class(view, i)) == std::optional<bool>(true);
    const bool given = view.match(i).parsed && view.match(i).value == "yes";
    table.rows.push_back({{0, gold && given ? 1.0 : 0.0}, {1, gold ? 1.0 : 0.0}, {2, given ? 1.0 : 0.0}});
  }
  return sums_metric(view, name, "fraction", table, micro_f1);
}

MetricValue average_precision_metric(const MetricView& view, const std::string& name) {
  const ClassTable classes = class_table(view);
  const std::size_t listed = view.labels.list.size();
  std::vector<std::vector<double>> scores;
  bool cosines = false;
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const Scored& s = *view.items[i];
    const std::vector<double>& own = s.label_scores.empty() ? view.match(i).label_scores : s.label_scores;
    cosines = cosines || !own.empty();
    std::vector<double> row = own;
    if (row.empty() && view.match(i).parsed) {
      row.assign(classes.names.size(), 0.0);
      for (const int c : classes.predicted[i]) row[static_cast<std::size_t>(c)] = 1;
    }
    // A right class that is not in the list can have no score: it stands behind all.
    if (!row.empty()) row.resize(classes.names.size(), -2.0);
    scores.push_back(std::move(row));
  }
  if (listed == 0) return unknown_metric(view, name, "there is no label list");
  const MacroPrecision precision(classes.gold, scores, static_cast<int>(classes.names.size()));
  ResampleOptions resample = view.options.resample;
  const double work = static_cast<double>(view.items.size() * classes.names.size());
  resample.resamples =
      std::min(resample.resamples, std::max(100, static_cast<int>(kWorkOfResampling / std::max(work, 1.0))));
  MetricValue metric = blank_metric(view, name, "fraction");
  set_interval(metric,
               bootstrap_weights(
                   view.items.size(), view.clusters(),
                   [&](std::span<const double> weights) { return precision.mean(weights); }, resample));
  metric.note = fmt::format("{} of {} classes have no item{}", precision.without_positive(),
                            classes.names.size(), cosines ? "" : "; scores are 0 and 1");
  return metric;
}

MetricValue approximate_metric(const MetricView& view, const std::string& name) {
  if (!view.options.tools.encode) return unknown_metric(view, name, "needs a text encoder");
  std::vector<double> values;
  for (const Scored* s : view.items) {
    std::vector<std::string> given, known;
    for (const AnswerPiece& piece : answer_pieces(s->output, view.labels)) given.push_back(piece.text);
    for (const std::string& label : s->item->labels) known.push_back(label_answer(view.labels.shown(label)));
    std::vector<std::string> all = given;
    all.insert(all.end(), known.begin(), known.end());
    const auto vectors = all.empty() ? std::vector<std::vector<float>>() : view.options.tools.encode(all);
    std::vector<std::vector<double>> cosines(given.size(), std::vector<double>(known.size()));
    for (std::size_t p = 0; p < given.size(); ++p)
      for (std::size_t k = 0; k < known.size(); ++k)
        for (std::size_t d = 0; d < vectors[p].size(); ++d)
          cosines[p][k] += static_cast<double>(vectors[p][d]) * vectors[given.size() + k][d];
    values.push_back(approximate_f1(cosines, given.size(), known.size()));
  }
  MetricValue metric = mean_metric(view, name, "fraction", values);
  metric.note = "tags match above a cosine of .8 of " + view.options.encoder;
  return metric;
}

MetricValue ece_metric(const MetricView& view, const std::string& name) {
  const MetricView sure = view.only([&](std::size_t i) { return !std::isnan(view.items[i]->logprob_mean); });
  if (sure.items.empty()) return unknown_metric(view, name, "no output has probabilities of its tokens");
  std::vector<double> confidence;
  std::vector<char> right;
  for (std::size_t i = 0; i < sure.items.size(); ++i) {
    confidence.push_back(std::exp(sure.items[i]->logprob_mean));
    right.push_back(sure.match(i).right);
  }
  MetricValue metric = sums_metric(sure, name, "fraction", ece_table(confidence, right), ece);
  if (sure.items.size() != view.items.size())
    metric.note = fmt::format("{} of {} items have probabilities", sure.items.size(), view.items.size());
  return metric;
}

MetricValue circular_metric(const MetricView& view, const std::string& name) {
  if (view.options.rotations.empty())
    return unknown_metric(view, name, "needs the baseline choice_shuffle: --baselines all");
  std::vector<double> all_right = right_values(view);
  for (const std::vector<Scored>* rotation : view.options.rotations) {
    std::map<std::string, const Scored*> by_id;
    for (const Scored& s : *rotation) by_id[s.item->id] = &s;
    for (std::size_t i = 0; i < view.items.size(); ++i) {
      const auto found = by_id.find(view.items[i]->item->id);
      const bool right = found != by_id.end() &&
                         (view.column == "robust" ? found->second->robust : found->second->official).right;
      if (!right) all_right[i] = 0;
    }
  }
  MetricValue metric = mean_metric(view, name, "fraction", all_right);
  metric.note = fmt::format("right under {} orders of the options", view.options.rotations.size() + 1);
  return metric;
}

MetricValue qualities_metric(const MetricView& view, const std::string& name) {
  std::map<std::string, int> classes;
  const auto ids = [&](const std::string& text) {
    std::vector<int> out;
    for (const AnswerPiece& piece : answer_pieces(text, {})) {
      std::string label = piece.text;
      std::erase_if(label, [](char c) { return c == '[' || c == ']' || c == '"'; });
      if (!label.empty() && label != "none")
        out.push_back(classes.emplace(label, static_cast<int>(classes.size())).first->second);
    }
    return out;
  };
  std::vector<std::vector<int>> gold, given;
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    const auto known = view.items[i]->item->fields.find("qualities");
    const auto found = view.match(i).fields.find("qualities");
    gold.push_back(known == view.items[i]->item->fields.end() ? std::vector<int>() : ids(known->second));
    given.push_back(found == view.match(i).fields.end() ? std::vector<int>() : ids(found->second));
  }
  const ClassSums sums(gold, given, static_cast<int>(classes.size()));
  return sums_metric(view, name, "fraction", sums.table(), macro_f1);
}

}  // namespace

std::optional<MetricRows> class_metric(const MetricView& view, const std::string& name) {
  const auto of_classes = [&](const FromSums& metric) {
    const ClassTable classes = class_table(view);
    const ClassSums sums(classes.gold, classes.predicted, static_cast<int>(classes.names.size()));
    return MetricRows{sums_metric(view, name, "fraction", sums.table(), metric)};
  };
  if (name == "accuracy" || name == "exact_match") return MetricRows{accuracy_metric(view, "accuracy")};
  if (name == "macro_recall") return of_classes(macro_recall);
  if (name == "macro_f1") return of_classes(macro_f1);
  if (name == "micro_f1") return of_classes(micro_f1);
  if (name == "macro_ap") return MetricRows{average_precision_metric(view, name)};
  if (name == "f1_approx") return MetricRows{approximate_metric(view, name)};
  if (name == "f1_yes") return MetricRows{yes_f1(view, name)};
  if (name == "accuracy_on_yes") return MetricRows{accuracy_on(view, name, true)};
  if (name == "accuracy_on_no") return MetricRows{accuracy_on(view, name, false)};
  if (name == "yes_rate") {
    std::vector<double> values;
    for (std::size_t i = 0; i < view.items.size(); ++i)
      values.push_back(view.match(i).value == "yes" ? 1 : 0);
    return MetricRows{mean_metric(view, name, "fraction", values)};
  }
  if (name == "unmatched_rate" || name == "instruction_following_rate") {
    std::vector<double> values;
    for (std::size_t i = 0; i < view.items.size(); ++i)
      values.push_back(view.match(i).parsed == (name == "unmatched_rate") ? 0 : 1);
    return MetricRows{mean_metric(view, name, "fraction", values)};
  }
  if (name == "task_macro")
    return MetricRows{sums_metric(
        view, name, "fraction", group_table(right_values(view), groups_of(view, "task")), group_macro_mean)};
  if (name == "task_macro_f1") {
    const ClassTable classes = class_table(view);
    std::size_t count = 0;
    const SumTable table =
        group_class_table(classes.gold, classes.predicted, static_cast<int>(classes.names.size()),
                          groups_of(view, "task"), count);
    return MetricRows{sums_metric(view, name, "fraction", table,
                                  [count](std::span<const double> s) { return group_macro_f1(s, count); })};
  }
  if (name == "ece") return MetricRows{ece_metric(view, name)};
  if (name == "circular_accuracy") return MetricRows{circular_metric(view, name)};
  if (name == "qualities_macro_f1") return MetricRows{qualities_metric(view, name)};
  if (name == "field_accuracy" || name == "overlap") {
    std::vector<double> values;
    for (std::size_t i = 0; i < view.items.size(); ++i) values.push_back(view.match(i).score);
    return MetricRows{mean_metric(view, name, "fraction", values)};
  }
  return std::nullopt;
}

}  // namespace af2::scoring_detail
