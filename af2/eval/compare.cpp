// compare_runs of summary.h.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json_lines.h"
#include "af2/eval/statistics.h"
#include "af2/eval/summary.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kMostFlipped = 500;

struct RunScores {
  Json summary;
  struct Item {
    double score = 0;
    std::string cluster, output;
    std::map<std::string, std::string> groups;
  };
  std::map<std::string, Item> items;
};

RunScores read_run_scores(const fs::path& folder) {
  std::error_code ignored;
  for (const char* name : {"summary.json", "scores.jsonl"})
    if (!fs::is_regular_file(folder / name, ignored))
      throw user_error(std::string("has no ") + name, folder.string(), "score the run first: af2 eval score");
  RunScores run;
  run.summary = parse_json(read_file(folder / "summary.json"), (folder / "summary.json").string());
  each_json_line(folder / "scores.jsonl", [&](const Json& line, const std::string&) {
    if (!line.contains("score") || !line["score"].is_number()) return;  // no judge could mark it
    RunScores::Item item;
    item.score = line["score"].get<double>();
    item.cluster = line.value("cluster", std::string()), item.output = line.value("output", std::string());
    if (line.contains("groups")) item.groups = line["groups"].get<std::map<std::string, std::string>>();
    run.items.emplace(line.at("id").get<std::string>(), std::move(item));
  });
  return run;
}

// Items that both runs have, one beside the other.
struct PairedItems {
  std::vector<std::string> ids, clusters;
  std::vector<double> a, b;
};

Json difference_json(const PairedItems& pairs, const ResampleOptions& resample) {
  const ScoreInterval d = bootstrap_difference(pairs.b, pairs.a, pairs.clusters, resample);
  return {{"n", d.n}, {"difference", d.value}, {"low", d.low}, {"high", d.high}};
}

double mean_score(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) sum += value;
  return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

bool right_or_wrong(const PairedItems& pairs) {
  const auto whole = [](double x) { return x == 0 || x == 1; };
  return std::all_of(pairs.a.begin(), pairs.a.end(), whole) &&
         std::all_of(pairs.b.begin(), pairs.b.end(), whole);
}

}  // namespace

Json compare_runs(const fs::path& folder_a, const fs::path& folder_b, int resamples, std::int64_t seed,
                  bool other_data) {
  const RunScores a = read_run_scores(folder_a), b = read_run_scores(folder_b);
  const auto benchmark = [](const RunScores& run) {
    return run.summary.at("benchmark").at("id").get<std::string>();
  };
  if (benchmark(a) != benchmark(b))
    throw user_error("is a run of " + benchmark(b) + ", the other one of " + benchmark(a), folder_b.string(),
                     "compare runs of one benchmark");
  const auto data = [](const RunScores& run) {
    return run.summary.at("data").at("sha256").get<std::string>();
  };
  if (!other_data && data(a) != data(b))
    throw user_error("was run on other data than " + folder_a.string(), folder_b.string(),
                     "compare runs on the same files, or give --other-data where they differ on purpose");
  const ResampleOptions resample{resamples, seed};
  PairedItems all;
  std::map<std::string, std::map<std::string, PairedItems>> groups;
  std::int64_t only_a = 0, wins = 0, losses = 0;
  Json flipped = Json::array();
  for (const auto& [id, item] : a.items) {
    const auto other = b.items.find(id);
    if (other == b.items.end()) {
      ++only_a;
      continue;
    }
    const auto put = [&, &item = item, &id = id](PairedItems& pairs) {
      pairs.ids.push_back(id), pairs.clusters.push_back(item.cluster);
      pairs.a.push_back(item.score), pairs.b.push_back(other->second.score);
    };
    put(all);
    for (const auto& [by, value] : item.groups) put(groups[by][value]);
    const double change = other->second.score - item.score;
    wins += change > 0, losses += change < 0;
    if (change != 0 && flipped.size() < kMostFlipped)
      flipped.push_back({{"id", id},
                         {"a", item.score},
                         {"b", other->second.score},
                         {"output_a", item.output},
                         {"output_b", other->second.output}});
  }
  if (all.ids.empty())
    throw user_error("have no items in common", folder_a.string() + " and " + folder_b.string());
  const auto named = [](const RunScores& run, const fs::path& folder) {
    return Json{{"name", folder.filename().string()},
                {"model", run.summary.at("run").value("model", std::string())},
                {"prompt", run.summary.at("run").value("prompt", std::string())}};
  };
  Json json = {{"schema", "af2-eval-compare/1"},
               {"benchmark", benchmark(a)},
               {"a", named(a, folder_a)},
               {"b", named(b, folder_b)},
               {"score", a.summary.value("item_score", std::string())},
               {"value_a", mean_score(all.a)},
               {"value_b", mean_score(all.b)}};
  json.update(difference_json(all, resample));
  json["wins"] = wins, json["losses"] = losses;
  json["ties"] = static_cast<std::int64_t>(all.ids.size()) - wins - losses;
  json["only_a"] = only_a;
  json["only_b"] = static_cast<std::int64_t>(b.items.size() - all.ids.size());
  std::set<std::string> clusters(all.clusters.begin(), all.clusters.end());
  json["clusters"] = clusters.size();
  if (right_or_wrong(all)) {
    const McNemar test = mcnemar(losses, wins);
    json["mcnemar"] = {{"only_a", losses},
                       {"only_b", wins},
                       {"exact", test.exact},
                       {"mid_p", test.mid_p},
                       {"chi2", test.chi2}};
    if (clusters.size() < all.ids.size())
      json["note"] = "several items share a clip: the interval by clips counts, not the test of single items";
  }
  json["groups"] = Json::object();
  for (const auto& [by, values] : groups) {
    json["groups"][by] = Json::array();
    for (const auto& [value, pairs] : values) {
      Json one = {{"value", value}};
      one.update(difference_json(pairs, resample));
      one["value_a"] = mean_score(pairs.a), one["value_b"] = mean_score(pairs.b);
      json["groups"][by].push_back(one);
    }
  }
  json["flipped"] = flipped;
  return json;
}

}  // namespace af2
