#include "af2/eval/summary_parts.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/file.h"
#include "af2/eval/baselines.h"
#include "af2/eval/class_metrics.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kLengthsS[] = {10, 30, 90, 300};
constexpr std::size_t kMostClasses = 60;

const Match& match_of(const Scored& scored, const std::string& column) {
  return column == "official" ? scored.official : scored.robust;
}

double mean_of(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

Json interval_json(const ScoreInterval& interval) {
  return {{"value", interval.value}, {"low", interval.low}, {"high", interval.high}, {"n", interval.n}};
}

// Score by id of one variant.
std::map<std::string, double> by_item(const ScoredVariant& variant, const std::vector<double>& scores) {
  std::map<std::string, double> map;
  for (std::size_t i = 0; i < variant.items.size(); ++i)
    if (std::isfinite(scores[i])) map[variant.items[i].id] = scores[i];
  return map;
}

}  // namespace

Json run_json(const ScoredRun& run, const fs::path& folder) {
  Json json = Json::object();
  for (const char* key :
       {"model", "model_hash", "prompt", "variants", "answers", "windows", "max_new_tokens", "seed", "limit"})
    if (run.config.contains(key)) json[key] = run.config[key];
  std::error_code ignored;
  if (fs::is_regular_file(folder / "model.json", ignored))
    json["model_facts"] = parse_json(read_file(folder / "model.json"), (folder / "model.json").string());
  const auto& said = run.variants.front()->said;
  if (!said.empty()) json["sample_prompt"] = said.front().prompt;
  json["not_answered"] = run.variants.front()->not_answered;
  return json;
}

Json beside_json(const ScoredVariant& main, const std::vector<double>& scores,
                 const std::set<std::string>& ids, const ResampleOptions& resample) {
  std::vector<double> values;
  std::vector<std::string> clusters;
  for (std::size_t i = 0; i < main.items.size(); ++i) {
    if (!ids.contains(main.items[i].id) || !std::isfinite(scores[i])) continue;
    values.push_back(scores[i]), clusters.push_back(main.items[i].cluster);
  }
  if (values.empty() || values.size() == main.items.size()) return Json();
  return interval_json(bootstrap_mean(values, clusters, resample));
}

Json blind_json(const Benchmark& benchmark, const LabelSet& labels, const ScoredVariant& main,
                const std::vector<double>& scores, const ResampleOptions& resample) {
  Json list = Json::array();
  for (const BlindScore& score : blind_scores(benchmark, labels, main.items)) {
    std::set<std::string> ids;
    for (const std::size_t i : score.items) ids.insert(main.items[i].id);
    list.push_back({{"name", score.name},
                    {"value", score.value},
                    {"n", score.n},
                    {"note", score.note},
                    {"beside", beside_json(main, scores, ids, resample)}});
  }
  return list;
}

Json score_line(const EvalItem& item, const Scored& scored, const Prediction& said, bool texts) {
  const auto match_json = [](const Match& match) {
    return Json{{"value", match.score},
                {"parsed", match.parsed ? Json(match.value) : Json()},
                {"right", match.right},
                {"excluded", match.excluded},
                {"why", match.why}};
  };
  Json line = {{"id", item.id}, {"cluster", item.cluster}};
  if (texts) {
    line["question"] = item.question;
    if (!item.choices.empty()) line["choices"] = item.choices;
    Json gold = Json::array();
    for (const std::string& ref : item.refs.empty() ? item.labels : item.refs) gold.push_back(ref);
    line["gold"] = gold;
    line["prompt"] = said.prompt;
  }
  line["output"] = scored.output;
  line["audio"] = said.audio;
  line["seconds"] = scored.seconds;
  if (item.start > 0) line["start"] = item.start, line["duration"] = item.duration;
  if (!said.reply.error.empty()) line["error"] = said.reply.error;
  if (scored.official.scored) line["official"] = match_json(scored.official);
  if (scored.robust.scored) line["robust"] = match_json(scored.robust);
  if (scored.judge) line["judge"] = *scored.judge;
  if (std::isfinite(scored.logprob_mean)) line["logprob_mean"] = scored.logprob_mean;
  if (!item.groups.empty()) line["groups"] = item.groups;
  return line;
}

Json hearing_gain_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores,
                       const ResampleOptions& resample) {
  Json best;
  double highest = -1;
  const std::map<std::string, double> main = by_item(*run.variants[0], scores[0]);
  for (std::size_t v = 1; v < run.variants.size(); ++v) {
    const ScoredVariant& other = *run.variants[v];
    if (other.variant.name != "audio_off" && other.variant.name != "shuffled_audio") continue;
    std::vector<double> heard, deaf;
    std::vector<std::string> clusters;
    for (std::size_t i = 0; i < other.items.size(); ++i) {
      const auto found = main.find(other.items[i].id);
      if (found == main.end() || !std::isfinite(scores[v][i])) continue;
      heard.push_back(found->second), deaf.push_back(scores[v][i]);
      clusters.push_back(other.items[i].cluster);
    }
    if (heard.empty() || mean_of(deaf) <= highest) continue;
    highest = mean_of(deaf);
    best = interval_json(bootstrap_difference(heard, deaf, clusters, resample));
    best["over"] = other.variant.name;
    best["with_sound"] = mean_of(heard), best["without"] = highest;
  }
  return best;
}

Json rotations_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores,
                    const ResampleOptions& resample) {
  std::vector<std::size_t> orders = {0};
  for (std::size_t v = 1; v < run.variants.size(); ++v)
    if (run.variants[v]->variant.rotation > 0) orders.push_back(v);
  if (orders.size() == 1) return Json();
  std::map<std::string, std::vector<double>> of_item;
  std::map<std::string, std::string> cluster;
  for (const std::size_t v : orders)
    for (std::size_t i = 0; i < run.variants[v]->items.size(); ++i) {
      const EvalItem& item = run.variants[v]->items[i];
      if (item.choices.size() < 2 || !std::isfinite(scores[v][i])) continue;
      of_item[item.id].push_back(scores[v][i]);
      cluster[item.id] = item.cluster;
    }
  std::vector<double> means;
  std::vector<std::string> clusters;
  double all_right = 0;
  for (const auto& [id, list] : of_item) {
    means.push_back(mean_of(list)), clusters.push_back(cluster[id]);
    all_right += std::all_of(list.begin(), list.end(), [](double x) { return x >= 1; }) ? 1 : 0;
  }
  if (means.empty()) return Json();
  Json by_order = Json::array();
  double low = 1, high = 0;
  for (const std::size_t v : orders) {
    std::vector<double> list;
    for (std::size_t i = 0; i < run.variants[v]->items.size(); ++i)
      if (run.variants[v]->items[i].choices.size() >= 2 && std::isfinite(scores[v][i]))
        list.push_back(scores[v][i]);
    low = std::min(low, mean_of(list)), high = std::max(high, mean_of(list));
    by_order.push_back(
        {{"rotation", run.variants[v]->variant.rotation}, {"value", mean_of(list)}, {"n", list.size()}});
  }
  const ScoreInterval interval = bootstrap_mean(means, clusters, resample);
  return {{"n", interval.n},      {"mean", interval.value},
          {"low", interval.low},  {"high", interval.high},
          {"spread", high - low}, {"circular_accuracy", all_right / static_cast<double>(means.size())},
          {"orders", by_order}};
}

Json prompts_json(const ScoredRun& run, const std::vector<std::vector<double>>& scores) {
  Json names = Json::array();
  std::vector<double> means;
  for (std::size_t v = 0; v < run.variants.size(); ++v) {
    const Variant& variant = run.variants[v]->variant;
    if (v > 0 && !variant.name.starts_with("prompt-")) continue;
    std::vector<double> list;
    for (const double score : scores[v])
      if (std::isfinite(score)) list.push_back(score);
    means.push_back(mean_of(list));
    names.push_back({{"name", variant.prompt_name}, {"value", means.back()}});
  }
  if (means.size() < 2) return Json();
  double square = 0;
  for (const double value : means) square += std::pow(value - mean_of(means), 2);
  return {{"names", names},
          {"mean", mean_of(means)},
          {"spread",
           *std::max_element(means.begin(), means.end()) - *std::min_element(means.begin(), means.end())},
          {"deviation", std::sqrt(square / static_cast<double>(means.size() - 1))}};
}

Json calibration_json(const ScoredVariant& main, const std::string& column) {
  std::vector<double> confidence;
  std::vector<char> right;
  for (const Scored& one : main.scored) {
    const Match& match = match_of(one, column);
    if (one.failed || !match.scored || !std::isfinite(one.logprob_mean)) continue;
    confidence.push_back(std::min(1.0, std::exp(one.logprob_mean)));
    right.push_back(match.right ? 1 : 0);
  }
  if (confidence.empty()) return Json();
  const std::vector<double> sums = ece_table(confidence, right).totals();
  Json bins = Json::array();
  for (std::size_t b = 0; b < 10; ++b) {
    const double n = sums[3 * b];
    bins.push_back({{"low", static_cast<double>(b) / 10},
                    {"high", static_cast<double>(b + 1) / 10},
                    {"n", static_cast<std::int64_t>(n)},
                    {"confidence", n > 0 ? Json(sums[3 * b + 1] / n) : Json()},
                    {"accuracy", n > 0 ? Json(sums[3 * b + 2] / n) : Json()}});
  }
  return {{"ece", ece(sums)}, {"bins", bins}};
}

Json confusion_json(const Benchmark& benchmark, const LabelSet& labels, const ScoredVariant& main,
                    const std::string& column) {
  if (benchmark.task != "classification" || labels.list.size() < 2 || labels.list.size() > kMostClasses)
    return Json();
  std::vector<std::vector<std::int64_t>> counts(labels.list.size(),
                                                std::vector<std::int64_t>(labels.list.size() + 1, 0));
  Json names = Json::array();
  std::map<std::string, std::size_t> place;
  std::size_t number = 0;
  for (const std::string& label : labels.list) place[label] = number++, names.push_back(labels.shown(label));
  for (const Scored& one : main.scored) {
    if (one.item->labels.size() != 1 || !place.contains(one.item->labels.front())) continue;
    const auto said = place.find(match_of(one, column).value);
    counts[place[one.item->labels.front()]][said == place.end() ? labels.list.size() : said->second] += 1;
  }
  return {{"labels", names}, {"counts", counts}};
}

Json lengths_json(const ScoredVariant& main, const std::vector<double>& scores,
                  const ResampleOptions& resample) {
  constexpr std::size_t kBuckets = std::size(kLengthsS) + 1;
  std::vector<std::vector<double>> values(kBuckets);
  std::vector<std::vector<std::string>> clusters(kBuckets);
  for (std::size_t i = 0; i < main.items.size(); ++i) {
    const double seconds = main.scored[i].seconds > 0 ? main.scored[i].seconds : main.items[i].duration;
    if (!std::isfinite(scores[i]) || seconds <= 0) continue;
    const auto bucket = static_cast<std::size_t>(
        std::lower_bound(std::begin(kLengthsS), std::end(kLengthsS), seconds) - std::begin(kLengthsS));
    values[bucket].push_back(scores[i]), clusters[bucket].push_back(main.items[i].cluster);
  }
  Json list = Json::array();
  for (std::size_t b = 0; b < kBuckets; ++b) {
    if (values[b].empty()) continue;
    Json json = interval_json(bootstrap_mean(values[b], clusters[b], resample));
    json["from"] = b == 0 ? 0.0 : kLengthsS[b - 1];
    json["to"] = b < std::size(kLengthsS) ? Json(kLengthsS[b]) : Json();
    list.push_back(json);
  }
  return list;
}

Json letters_json(const ScoredVariant& main, const std::string& column) {
  std::vector<std::int64_t> gold, answered;
  for (const Scored& one : main.scored) {
    const std::size_t n = one.item->choices.size();
    if (n < 2) continue;
    if (gold.size() < n) gold.resize(n), answered.resize(n);
    if (one.item->gold_index >= 0) ++gold[static_cast<std::size_t>(one.item->gold_index)];
    const int option = (one.robust.scored ? one.robust : match_of(one, column)).option;
    if (option >= 0 && static_cast<std::size_t>(option) < n) ++answered[static_cast<std::size_t>(option)];
  }
  if (gold.empty()) return Json();
  return {{"gold", gold}, {"answered", answered}};
}

Json power_json(const ScoredVariant& main, const std::vector<double>& scores) {
  std::vector<double> known;
  std::set<std::string> clusters;
  for (std::size_t i = 0; i < scores.size(); ++i)
    if (std::isfinite(scores[i])) known.push_back(scores[i]), clusters.insert(main.items[i].cluster);
  const auto n = static_cast<std::int64_t>(clusters.size());
  const double p = mean_of(known);
  const auto [low, high] =
      wilson_interval(static_cast<std::int64_t>(std::llround(p * static_cast<double>(known.size()))),
                      static_cast<std::int64_t>(known.size()));
  const double detectable = smallest_difference(n, p);
  return {{"n", known.size()},
          {"clusters", n},
          {"wilson_low", low},
          {"wilson_high", high},
          {"detectable", std::isfinite(detectable) ? Json(detectable) : Json()},
          {"note", power_note(n, p)}};
}

Json judge_json(const fs::path& folder) {
  std::error_code ignored;
  const fs::path file = folder / "judge.json";
  if (!fs::is_regular_file(file, ignored)) return Json();
  return parse_json(read_file(file), file.string());
}

}  // namespace af2
