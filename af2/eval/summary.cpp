#include "af2/eval/summary.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/eval/baselines.h"
#include "af2/eval/class_metrics.h"
#include "af2/eval/item_score.h"
#include "af2/eval/scored_run.h"
#include "af2/eval/statistics.h"
#include "af2/eval/summary_parts.h"
#include "af2/io/atomic_file.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kShownItems = 200, kShownBest = 50;

Json number_or_null(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

Json metric_json(const MetricValue& metric) {
  Json json = {{"name", metric.name}, {"matcher", metric.column}};
  json["value"] = metric.known ? number_or_null(metric.value) : Json();
  json["low"] = metric.known ? number_or_null(metric.low) : Json();
  json["high"] = metric.known ? number_or_null(metric.high) : Json();
  json["unit"] = metric.unit, json["n"] = metric.n, json["clusters"] = metric.clusters;
  json["known"] = metric.known, json["note"] = metric.note;
  return json;
}

Json benchmark_json(const Benchmark& b) {
  return {
      {"id", b.id},
      {"name", b.name},
      {"version", b.version},
      {"task", b.task},
      {"kind", b.kind},
      {"primary", b.metrics.primary},
      {"unit", b.published.unit},
      {"sha256", b.sha256},
      {"layout", b.layout},
      {"licence", b.source.is_object() ? b.source.value("licence", std::string()) : std::string()},
      {"redistribute", b.source.is_object() ? b.source.value("redistribute", std::string("none")) : "none"},
      {"traps", b.traps},
      {"contamination", b.contamination}};
}

Json published_json(const PublishedSpec& published) {
  Json rows = Json::array();
  for (const PublishedRow& row : published.rows)
    rows.push_back({{"role", row.role},
                    {"model", row.model},
                    {"value", row.value ? Json(*row.value) : Json()},
                    {"source", row.source},
                    {"metric", row.metric},
                    {"note", row.note},
                    {"parts", row.parts}});
  return {{"metric", published.metric}, {"unit", published.unit}, {"rows", rows}};
}

Json data_json(const BenchmarkItems& items, std::int64_t failed) {
  return {{"sha256", data_sha256(items)},
          {"items", items.items.size()},
          {"failed", failed},
          {"mismatches", items.mismatches},
          {"missing_audio", items.missing.size()}};
}

// Whether the owner lets questions and answers stand in what is passed on.
bool may_pass_texts(const Benchmark& benchmark) {
  return benchmark.source.is_object() && benchmark.source.value("redistribute", "none") != "none";
}

bool empty_output(const Scored& scored) {
  return !scored.failed && scored.output.find_first_not_of(" \t\r\n") == std::string::npos;
}

Json counts_json(const ScoredVariant& main, const std::string& column) {
  std::int64_t failed = 0, unmatched = 0, length = 0, empty = 0;
  for (std::size_t i = 0; i < main.scored.size(); ++i) {
    const Scored& one = main.scored[i];
    const Match& match = column == "official" ? one.official : one.robust;
    failed += one.failed, empty += empty_output(one);
    unmatched += !one.failed && match.scored && !match.parsed;
    length += main.said[i].reply.finish == "length";
  }
  return {{"n", main.scored.size()},
          {"failed", failed},
          {"unmatched", unmatched},
          {"length", length},
          {"empty", empty}};
}

Json seconds_json(const ScoredVariant& main) {
  double heard = 0, used = 0, cut = 0;
  for (const Prediction& said : main.said)
    for (const HeardSound& sound : said.reply.heard)
      heard += sound.seconds, used += sound.seconds_used, cut += sound.seconds_cut;
  return {{"heard", heard}, {"used", used}, {"cut", cut}};
}

// The metrics of main, and of its groups by field.
void put_metrics(Json& summary, const std::vector<MetricValue>& metrics) {
  summary["metrics"] = Json::array();
  summary["groups"] = Json::object();
  for (const MetricValue& metric : metrics) {
    if (metric.by.empty()) {
      summary["metrics"].push_back(metric_json(metric));
      continue;
    }
    Json& list = summary["groups"][metric.by];
    if (list.is_null()) list = Json::array();
    auto found =
        std::find_if(list.begin(), list.end(), [&](const Json& one) { return one["value"] == metric.group; });
    if (found == list.end()) {
      list.push_back({{"value", metric.group}, {"n", metric.n}, {"metrics", Json::array()}});
      found = list.end() - 1;
    }
    (*found)["metrics"].push_back(metric_json(metric));
  }
}

// The file's primary metric; nothing where it cannot be computed.
const MetricValue* primary_of(const std::vector<MetricValue>& metrics, const std::string& name,
                              const std::string& column) {
  for (const MetricValue& metric : metrics)
    if (metric.name == name && metric.by.empty() && metric.known &&
        (metric.column.empty() || metric.column == column))
      return &metric;
  return nullptr;
}

// The primary metric alone, of all items: what is told of a baseline.
Benchmark primary_alone(Benchmark benchmark) {
  benchmark.metrics.also.clear(), benchmark.metrics.external.clear();
  benchmark.by.clear();
  return benchmark;
}

Json baseline_json(const std::string& name, const Benchmark& benchmark, const LabelSet& labels,
                   const std::vector<Scored>& scored, const MetricOptions& options,
                   const std::string& column) {
  Json json = {{"name", name}, {"n", scored.size()}};
  const std::vector<MetricValue> metrics = metrics_of(benchmark, labels, scored, options);
  if (const MetricValue* value = primary_of(metrics, benchmark.metrics.primary, column)) {
    json["value"] = number_or_null(value->value);
    json["low"] = number_or_null(value->low), json["high"] = number_or_null(value->high);
  }
  return json;
}

// One caption for all clips; null where it cannot be scored.
Json constant_caption_json(const Benchmark& benchmark, const LabelSet& labels, const ScoredVariant& main,
                           const MetricOptions& options, const std::string& column) {
  const std::string caption = constant_caption(main.items);
  if (benchmark.task != "captioning" || caption.empty()) return Json();
  std::vector<Scored> said;
  for (const EvalItem& item : main.items) {
    Scored& one = said.emplace_back();
    one.item = &item, one.output = caption;
  }
  match_all(benchmark, labels, said, options.tools);
  Json json = baseline_json("constant_caption", benchmark, labels, said, options, column);
  if (!json.contains("value")) return Json();
  if (may_pass_texts(benchmark)) json["note"] = caption;
  return json;
}

// Of each rotation the items of main, in their order; one with too few options to be rotated so stays as it
// was asked.
std::vector<std::vector<Scored>> rotated_scored(const ScoredRun& run) {
  std::vector<std::vector<Scored>> all;
  for (const auto& one : run.variants) {
    if (one->variant.rotation == 0) continue;
    std::map<std::string, const Scored*> by_id;
    for (const Scored& scored : one->scored) by_id[scored.item->id] = &scored;
    std::vector<Scored>& list = all.emplace_back();
    for (const Scored& scored : run.variants.front()->scored) {
      const auto found = by_id.find(scored.item->id);
      list.push_back(found == by_id.end() ? scored : *found->second);
    }
  }
  return all;
}

void write_scores(const fs::path& file, const ScoredRun& run, const Benchmark& benchmark,
                  const std::vector<std::vector<double>>& scores) {
  const ScoredVariant& main = *run.variants.front();
  const bool texts = may_pass_texts(benchmark);
  std::vector<std::map<std::string, double>> others(run.variants.size());
  for (std::size_t v = 1; v < run.variants.size(); ++v)
    for (std::size_t i = 0; i < run.variants[v]->items.size(); ++i)
      others[v][run.variants[v]->items[i].id] = scores[v][i];
  AtomicFile out(file);
  for (std::size_t i = 0; i < main.items.size(); ++i) {
    Json line = score_line(main.items[i], main.scored[i], main.said[i], texts);
    line["score"] = number_or_null(scores[0][i]);
    for (std::size_t v = 1; v < run.variants.size(); ++v)
      if (const auto found = others[v].find(main.items[i].id); found != others[v].end())
        line["variants"][run.variants[v]->variant.name] = number_or_null(found->second);
    out.write(line.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n");
  }
  out.commit();
}

// Ids by score, the worst first; ties by what the model was surest of.
Json shown_items(const ScoredVariant& main, const std::vector<double>& scores) {
  std::vector<std::size_t> order(main.items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto sure = [&](std::size_t i) {
    const double p = main.scored[i].logprob_mean;
    return std::isfinite(p) ? p : -1e9;
  };
  std::erase_if(order, [&](std::size_t i) { return !std::isfinite(scores[i]); });
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] < scores[b] : sure(a) > sure(b);
  });
  Json worst = Json::array(), best = Json::array();
  for (std::size_t k = 0; k < std::min(kShownItems, order.size()); ++k)
    if (scores[order[k]] < 1) worst.push_back(main.items[order[k]].id);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return scores[a] != scores[b] ? scores[a] > scores[b] : sure(a) > sure(b);
  });
  for (std::size_t k = 0; k < std::min(kShownBest, order.size()); ++k)
    if (scores[order[k]] > 0) best.push_back(main.items[order[k]].id);
  return {{"worst", worst}, {"best", best}};
}

}  // namespace

Json score_run(const fs::path& folder, const Benchmark& benchmark, const BenchmarkItems& items,
               const ScoreOptions& options) {
  const MatchTools tools = options.tools.encode ? remembering(options.tools) : options.tools;
  const ScoredRun run = open_scored_run(folder, benchmark, items, tools, options.foreign);
  const ScoredVariant& main = *run.variants.front();
  MetricOptions metric_options;
  metric_options.resample = {options.resamples, options.seed};
  metric_options.tools = tools;
  const std::vector<std::vector<Scored>> rotations = rotated_scored(run);
  for (const std::vector<Scored>& one : rotations) metric_options.rotations.push_back(&one);
  const std::vector<MetricValue> metrics = metrics_of(benchmark, items.labels, main.scored, metric_options);
  const std::string column = head_column(metrics, benchmark.metrics.primary);

  std::vector<std::vector<double>> scores;
  for (const auto& one : run.variants) scores.push_back(item_scores(benchmark, one->scored, column));

  Json summary = {{"schema", "af2-eval/1"}};
  summary["benchmark"] = benchmark_json(benchmark);
  const Json counts = counts_json(main, column);
  summary["data"] = data_json(items, counts["failed"].get<std::int64_t>());
  // What `af2 eval overlap` found.
  std::error_code ignored;
  if (fs::is_regular_file(folder / "overlap.json", ignored))
    summary["data"]["overlap"] =
        parse_json(read_file(folder / "overlap.json"), (folder / "overlap.json").string()).at("shared");
  summary["run"] = run_json(run, folder);
  summary["seconds"] = seconds_json(main);
  summary["counts"] = counts;
  summary["item_score"] = item_score_name(benchmark);
  summary["matcher"] = column;
  put_metrics(summary, metrics);
  const ResampleOptions resample{options.resamples, options.seed};
  summary["blind"] = blind_json(benchmark, items.labels, main, scores[0], resample);
  MetricOptions short_options = metric_options;
  short_options.rotations.clear();
  const Benchmark head = primary_alone(benchmark);
  summary["variants"] = Json::array();
  for (std::size_t v = 1; v < run.variants.size(); ++v) {
    const ScoredVariant& variant = *run.variants[v];
    Json json =
        baseline_json(variant.variant.name, head, items.labels, variant.scored, short_options, column);
    json["not_answered"] = variant.not_answered;
    std::set<std::string> ids;
    for (const EvalItem& item : variant.items) ids.insert(item.id);
    json["beside"] = beside_json(main, scores[0], ids, resample);
    summary["variants"].push_back(json);
  }
  const Json constant = constant_caption_json(head, items.labels, main, short_options, column);
  if (!constant.is_null()) summary["variants"].push_back(constant);
  summary["hearing_gain"] = hearing_gain_json(run, scores, resample);
  summary["rotations"] = rotations_json(run, scores, resample);
  summary["prompts"] = prompts_json(run, scores);
  summary["calibration"] = calibration_json(main, column);
  summary["confusion"] = confusion_json(benchmark, items.labels, main, column);
  summary["lengths"] = lengths_json(main, scores[0], resample);
  summary["letters"] = letters_json(main, column);
  summary["power"] = power_json(main, scores[0]);
  summary["judge"] = judge_json(folder);
  summary["published"] = published_json(benchmark.published);
  summary["items"] = shown_items(main, scores[0]);
  write_scores(folder / "scores.jsonl", run, benchmark, scores);
  write_file_atomic(folder / "summary.json",
                    summary.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  return summary;
}

}  // namespace af2
