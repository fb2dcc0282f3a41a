// Metrics of captions and long answers, of the user's own scorers, and of retrieval.
#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include <fmt/format.h>

#include "af2/eval/caption_tokens.h"
#include "af2/eval/retrieval_metrics.h"
#include "af2/eval/scoring_detail.h"

namespace af2::scoring_detail {
namespace {

const std::set<std::string>& own_caption_metrics() {
  static const std::set<std::string> names = {"cider_d",  "bleu",      "rouge_l",        "vocab",
                                              "token_f1", "bleu_char", "rouge_l_recall", "clap_sim"};
  return names;
}
const std::set<std::string>& external_metrics() {
  static const std::set<std::string> names = {"meteor",      "spice",       "spider",      "spider_fl",
                                              "fense",       "bertscore",   "bertscore_f", "bertscore_r",
                                              "bertscore_p", "meteor_nltk", "date"};
  return names;
}

// Words of failed answers are none: they have the lowest score and stay in the mean.
CaptionSet captions_of(const MetricView& view) {
  std::vector<std::string> candidates;
  std::vector<std::vector<std::string>> references;
  for (const Scored* s : view.items) {
    candidates.push_back(s->failed ? "" : s->output);
    references.push_back(s->item->refs);
  }
  return caption_set(candidates, references, view.options.tokeniser);
}

MetricRows bleu_rows(const MetricView& view, const std::string& prefix, const CaptionSet& set) {
  const SumTable table = bleu_table(set);
  MetricRows rows;
  for (int n = 4; n >= 1; --n)
    rows.push_back(sums_metric(view, prefix + "_" + std::to_string(n), "fraction", table,
                               [n](std::span<const double> sums) { return bleu_of_sums(sums, n); }));
  return rows;
}

CaptionSet characters_of(const MetricView& view) {
  CaptionSet set;
  for (const Scored* s : view.items) {
    set.candidates.push_back(character_tokens(s->failed ? "" : s->output));
    for (const auto& reference : set.references.emplace_back(), s->item->refs)
      set.references.back().push_back(character_tokens(reference));
  }
  return set;
}

MetricValue tower_similarity(const MetricView& view, const std::string& name) {
  if (!view.options.tools.encode) return unknown_metric(view, name, "needs a text encoder");
  std::vector<double> values;
  for (const Scored* s : view.items) {
    if (s->failed || s->output.empty()) {
      values.push_back(0);
      continue;
    }
    std::vector<std::string> texts = s->item->refs;
    texts.push_back(s->output);
    const auto vectors = view.options.tools.encode(texts);
    double sum = 0;
    for (std::size_t r = 0; r + 1 < vectors.size(); ++r)
      sum += std::inner_product(vectors[r].begin(), vectors[r].end(), vectors.back().begin(), 0.0);
    values.push_back(s->item->refs.empty() ? 0 : sum / static_cast<double>(s->item->refs.size()));
  }
  MetricValue metric = mean_metric(view, name, "cosine", values);
  metric.note = "text tower of " + view.options.encoder + ", which is also the model's ear";
  return metric;
}

std::vector<double> cider_values(const MetricView& view, const CaptionSet& set) {
  return view.frequencies ? cider_d(set, *view.frequencies) : cider_d(set);
}

// An external program's scores of these items; empty: not given.
std::vector<double> external_values(const MetricView& view, const std::string& name) {
  const auto found = view.options.external.find(name);
  if (found == view.options.external.end()) return {};
  std::vector<double> values;
  for (const std::size_t place : view.places) values.push_back(found->second.at(place));
  return values;
}

MetricValue external_metric(const MetricView& view, const std::string& name) {
  std::vector<double> values = external_values(view, name);
  std::string missing = name;
  if (values.empty() && (name == "spider" || name == "spider_fl")) {
    const std::vector<double> spice = external_values(view, "spice");
    const std::vector<double> errors = external_values(view, "fense_error");
    missing = spice.empty() ? "spice" : "fense_error";
    if (!spice.empty() && (name == "spider" || !errors.empty())) {
      const std::vector<double> cider = cider_values(view, captions_of(view));
      for (std::size_t i = 0; i < spice.size(); ++i) {
        const double both = spider(cider[i], spice[i]);
        values.push_back(name == "spider" ? both : spider_fl(both, errors[i]));
      }
    }
  }
  if (values.empty())
    return unknown_metric(view, name, "needs the scores of an external program: " + missing);
  return mean_metric(view, name, "fraction", values);
}

// "t2a_r5" as {"t2a", "r5"}.
std::pair<std::string, std::string> direction_and_rest(const std::string& name) {
  if (name.size() < 5 || (name.compare(0, 4, "t2a_") != 0 && name.compare(0, 4, "a2t_") != 0)) return {};
  return {name.substr(0, 3), name.substr(4)};
}

MetricValue retrieval_value(const MetricView& view, const std::string& name) {
  std::vector<std::vector<double>> cosines;
  std::vector<int> clip_of;
  bool any = false;
  for (std::size_t i = 0; i < view.items.size(); ++i) {
    cosines.push_back(view.items[i]->label_scores);
    any = any || !cosines.back().empty();
    clip_of.insert(clip_of.end(), view.items[i]->item->refs.size(), static_cast<int>(i));
  }
  if (!any) return unknown_metric(view, name, "no clip has cosines: needs the two towers");
  const RetrievalRanks ranks = retrieval_ranks(cosines, clip_of);
  if (name == "median_rank") {
    std::vector<std::string> clusters;
    const std::vector<std::string> of_items = view.clusters();
    for (const int clip : clip_of) clusters.push_back(of_items[static_cast<std::size_t>(clip)]);
    MetricValue metric = blank_metric(view, name, "rank");
    set_interval(metric, bootstrap_weights(
                             ranks.text_to_audio.size(), clusters,
                             [&](std::span<const double> w) { return median_rank(ranks.text_to_audio, w); },
                             view.options.resample));
    metric.n = static_cast<std::int64_t>(view.items.size());
    return metric;
  }
  const auto [direction, what] = direction_and_rest(name);
  const int denominator =
      view.benchmark.retrieval.is_object() ? view.benchmark.retrieval.value("map_denominator", 0) : 0;
  const int k = what.size() > 1 && what[0] == 'r' ? std::stoi(what.substr(1)) : 0;
  const auto of_caption = [&](double rank) {
    if (name == "mean_rank") return rank + 1;
    return k > 0 ? (rank < k ? 1.0 : 0.0) : reciprocal_in_ten(rank);
  };
  SumTable table{2, std::vector<std::vector<SumCell>>(view.items.size(), {{0, 0.0}, {1, 0.0}})};
  if (direction == "a2t") {
    for (std::size_t i = 0; i < view.items.size(); ++i)
      table.rows[i] = {{0, k > 0 ? (ranks.best_audio_to_text[i] < k ? 1.0 : 0.0)
                                 : precision_in_ten(ranks.of_captions[i], denominator)},
                       {1, 1.0}};
  } else {
    for (std::size_t t = 0; t < clip_of.size(); ++t) {
      auto& row = table.rows[static_cast<std::size_t>(clip_of[t])];
      row[0].value += of_caption(ranks.text_to_audio[t]);
      row[1].value += 1;
    }
  }
  MetricValue metric = sums_metric(view, name, name == "mean_rank" ? "rank" : "fraction", table,
                                   [](std::span<const double> sums) { return sums[0] / sums[1]; });
  if (direction == "t2a" && k > 0)
    metric.note = fmt::format("by chance {:.2f} %", 100 * random_recall(k, metric.n));
  return metric;
}

}  // namespace

std::optional<MetricRows> caption_metric(const MetricView& all, const std::string& name) {
  if (external_metrics().count(name) > 0) return MetricRows{external_metric(all, name)};
  if (own_caption_metrics().count(name) == 0) return std::nullopt;
  const MetricView view = all.only([&](std::size_t i) { return !all.items[i]->item->refs.empty(); });
  if (view.items.empty()) return MetricRows{unknown_metric(all, name, "no item has a reference text")};
  if (name == "clap_sim") return MetricRows{tower_similarity(view, name)};
  if (name == "bleu_char") return bleu_rows(view, name, characters_of(view));
  const CaptionSet set = captions_of(view);
  MetricRows rows;
  if (name == "bleu") {
    rows = bleu_rows(view, name, set);
  } else if (name == "vocab") {
    MetricValue metric = blank_metric(view, name, "count");
    metric.value = static_cast<double>(vocabulary_size(set));
    metric.low = metric.high = std::nan("");
    rows = {metric};
  } else if (name == "cider_d") {
    rows = {mean_metric(view, name, "cider_d", cider_values(view, set))};
  } else if (name == "rouge_l") {
    rows = {mean_metric(view, name, "fraction", rouge_l(set))};
  } else if (name == "rouge_l_recall") {
    rows = {mean_metric(view, name, "fraction", rouge_l_recall(set))};
  } else {
    rows = {mean_metric(view, name, "fraction", token_f1(set))};
  }
  for (MetricValue& row : rows) row.note = "tokeniser " + view.options.tokeniser;
  return rows;
}

std::optional<MetricRows> retrieval_metric(const MetricView& view, const std::string& name) {
  const auto what = direction_and_rest(name).second;
  const bool known = name == "median_rank" || name == "mean_rank" || what == "r1" || what == "r5" ||
                     what == "r10" || what == "map10";
  if (!known) return std::nullopt;
  return MetricRows{retrieval_value(view, name)};
}

}  // namespace af2::scoring_detail
