// ablation_table and ablation_markdown of ablation.h.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "af2/core/error.h"
#include "af2/eval/ablation.h"
#include "af2/eval/statistics.h"

namespace af2 {
namespace {

// An item's mean score over the seeds of a variant, for one column.
struct SeedMeans {
  std::map<std::string, std::pair<std::string, double>> items;  // id to cluster and mean
  std::vector<double> of_seeds;                                 // the column's mean of each seed
};

SeedMeans seed_means(const std::vector<const AblationScores*>& runs, std::size_t column) {
  SeedMeans means;
  std::map<std::string, int> counts;
  for (const AblationScores* run : runs) {
    double sum = 0;
    for (const AblationScores::Item& item : run->columns.at(column)) {
      auto& [cluster, total] = means.items[item.id];
      cluster = item.cluster, total += item.score;
      ++counts[item.id];
      sum += item.score;
    }
    const auto n = static_cast<double>(run->columns[column].size());
    means.of_seeds.push_back(n > 0 ? sum / n : std::nan(""));
  }
  for (auto& [id, one] : means.items) one.second /= counts[id];
  return means;
}

Json cell_json(const SeedMeans& own, const SeedMeans& base, bool is_base, const ResampleOptions& resample) {
  std::vector<double> values, others, paired;
  std::vector<std::string> clusters, paired_clusters;
  for (const auto& [id, one] : own.items) {
    values.push_back(one.second), clusters.push_back(one.first);
    const auto other = base.items.find(id);
    if (is_base || other == base.items.end()) continue;
    paired.push_back(one.second), others.push_back(other->second.second),
        paired_clusters.push_back(one.first);
  }
  if (values.empty()) return {{"n", 0}};
  const ScoreInterval mean = bootstrap_mean(values, clusters, resample);
  Json cell = {{"n", mean.n},
               {"clusters", mean.clusters},
               {"value", mean.value},
               {"low", mean.low},
               {"high", mean.high}};
  cell["seeds"] = own.of_seeds;
  const auto [least, most] = std::minmax_element(own.of_seeds.begin(), own.of_seeds.end());
  cell["seed_spread"] = *most - *least;
  if (!paired.empty()) {
    const ScoreInterval d = bootstrap_difference(paired, others, paired_clusters, resample);
    cell["difference"] = d.value, cell["difference_low"] = d.low, cell["difference_high"] = d.high;
  }
  return cell;
}

std::string cell_text(const Json& cell, double scale) {
  if (!cell.contains("value")) return "-";
  std::string text = fmt::format("{:.1f} ({:.1f}-{:.1f})", scale * cell["value"].get<double>(),
                                 scale * cell["low"].get<double>(), scale * cell["high"].get<double>());
  if (cell["seeds"].size() > 1)
    text += fmt::format(", seeds ±{:.1f}", scale * cell["seed_spread"].get<double>() / 2);
  if (cell.contains("difference"))
    text += fmt::format("; {:+.1f} ({:+.1f}..{:+.1f})", scale * cell["difference"].get<double>(),
                        scale * cell["difference_low"].get<double>(),
                        scale * cell["difference_high"].get<double>());
  return text;
}

}  // namespace

Json ablation_table(const AblationPlan& plan, const std::vector<AblationScores>& scores, int resamples) {
  const ResampleOptions resample{resamples, 1};
  const auto runs_of = [&](const std::string& variant) {
    std::vector<const AblationScores*> runs;
    for (const AblationScores& one : scores)
      if (one.variant == variant) {
        if (one.columns.size() != plan.columns.size())
          throw internal_error("has " + std::to_string(one.columns.size()) + " columns",
                               "ablation " + variant);
        runs.push_back(&one);
      }
    return runs;
  };
  Json table = {
      {"schema", "af2-ablation-table/1"}, {"name", plan.name}, {"compared_with", plan.compared_with}};
  table["columns"] = Json::array();
  for (const AblationColumn& column : plan.columns)
    table["columns"].push_back({{"title", column.title.empty() ? column.benchmark : column.title},
                                {"benchmark", column.benchmark},
                                {"by", column.by},
                                {"value", column.value},
                                {"scale", column.scale.value_or(100)}});
  const std::vector<const AblationScores*> base = runs_of(plan.compared_with);
  table["rows"] = Json::array();
  for (const AblationVariant& variant : plan.variants) {
    const std::vector<const AblationScores*> runs = runs_of(variant.name);
    if (runs.empty()) continue;
    Json row = {{"variant", variant.name},
                {"note", variant.note},
                {"seeds", Json::array()},
                {"cells", Json::array()}};
    double hours = 0;
    for (const AblationScores* run : runs) row["seeds"].push_back(run->seed), hours += run->core_hours;
    row["core_hours"] = hours / static_cast<double>(runs.size());
    for (std::size_t c = 0; c < plan.columns.size(); ++c)
      row["cells"].push_back(
          cell_json(seed_means(runs, c), seed_means(base, c), variant.name == plan.compared_with, resample));
    row["paper"] = plan.paper.contains(variant.name) ? plan.paper[variant.name] : Json();
    table["rows"].push_back(std::move(row));
  }
  return table;
}

std::string ablation_markdown(const Json& table) {
  std::string head = "| variant |", rule = "| --- |";
  for (const Json& column : table.at("columns")) {
    head += " " + column.at("title").get<std::string>() + " |";
    rule += " ---: |";
  }
  std::string text = "# " + table.at("name").get<std::string>() + "\n\n" + head +
                     " seeds | core-hours a run |\n" + rule + " ---: | ---: |\n";
  bool paper = false;
  for (const Json& row : table.at("rows")) {
    text += "| " + row.at("variant").get<std::string>() + " |";
    for (std::size_t c = 0; c < row.at("cells").size(); ++c) {
      text += " " + cell_text(row["cells"][c], table["columns"][c]["scale"].get<double>());
      if (!row.at("paper").is_null() && row["paper"][c].is_number()) {
        text += fmt::format(" [{}]", row["paper"][c].dump());
        paper = true;
      }
      text += " |";
    }
    text += fmt::format(" {} | {:.2f} |\n", row.at("seeds").size(), row.at("core_hours").get<double>());
  }
  text +=
      "\nMean over seeds and items with a 95 % interval by clusters of items; behind the semicolon the "
      "difference to `" +
      table.at("compared_with").get<std::string>() + "` on the same items.";
  text +=
      " An interval with 0 in it allows no word on the difference. The interval is of items, the ± of seeds: "
      "both must "
      "be passed.";
  if (paper) text += " In brackets the paper's figure, of its own model and data.";
  return text + "\n";
}

}  // namespace af2
