#include "af2/factory/report.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/factory/balance.h"
#include "af2/factory/set_counts.h"

namespace af2 {

Json set_report(const std::vector<Item>& items, const ReportInputs& inputs) {
  SetCounts counts;
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> types;
  for (std::size_t i = 0; i < items.size(); ++i) {
    counts.add(items[i]);
    types[{or_none(skill_key(items[i])), items[i].type}].push_back(i);
  }
  Json report = {{"name", inputs.name}};
  const Json figures = counts.json();
  for (const auto& [key, value] : figures.items())
    if (key != "records") report[key] = value;
  report["samples"] = Json::array();
  for (const auto& [key, places] : types) {
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    for (const std::size_t i : places)
      order.emplace_back(
          Random("af2/factory/sample/1/" + std::to_string(inputs.seed) + "/" + items[i].id).next(), i);
    std::sort(order.begin(), order.end());
    Json samples = Json::array();
    for (int k = 0; k < inputs.samples && k < static_cast<int>(order.size()); ++k)
      samples.push_back(Json::parse(item_line(items[order[static_cast<std::size_t>(k)].second])));
    report["samples"].push_back({{"skill", key.first}, {"type", key.second}, {"items", samples}});
  }
  report["dropped"] = Json::array();
  for (const auto& [reason, n] : inputs.dropped.dropped) {
    const auto first = inputs.dropped.first.find(reason);
    report["dropped"].push_back({{"reason", reason},
                                 {"items", n},
                                 {"first", first == inputs.dropped.first.end() ? "" : first->second}});
  }
  report["solvers"] = Json::array();
  for (SolverScore score : inputs.solvers) report["solvers"].push_back(to_json(score));
  report["overlaps"] = Json::object();
  for (const auto& [set, n] : inputs.overlaps) report["overlaps"][set] = n;
  report["looked_at"] = inputs.looked_at;
  report["cost"] = inputs.cost;
  return report;
}

void write_report_inputs(const std::filesystem::path& folder, const ReportInputs& inputs) {
  const Json all = set_report({}, inputs);
  Json json = Json::object();
  for (const char* key : {"dropped", "solvers", "overlaps", "looked_at", "cost"}) json[key] = all.at(key);
  write_file_atomic(folder / "checks.json", json.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
}

ReportInputs read_report_inputs(const std::filesystem::path& folder) {
  ReportInputs inputs;
  const std::filesystem::path file = folder / "checks.json";
  std::error_code ignored;
  if (!std::filesystem::exists(file, ignored)) return inputs;
  const Json json = parse_json(read_file(file), file.string());
  try {
    for (const Json& drop : json.at("dropped")) {
      inputs.dropped.dropped[drop.at("reason")] = drop.at("items");
      inputs.dropped.first[drop.at("reason")] = drop.at("first");
    }
    for (const Json& score : json.at("solvers"))
      from_json(score, inputs.solvers.emplace_back(), file.string());
    for (const auto& [set, n] : json.at("overlaps").items()) inputs.overlaps[set] = n;
    for (const Json& set : json.at("looked_at")) inputs.looked_at.push_back(set);
    inputs.cost = json.at("cost");
  } catch (const Json::exception& error) {
    throw data_error(std::string("has another form: ") + error.what(), file.string(),
                     "`af2 data check --out` writes it");
  } catch (const Error& error) {
    throw data_error(error.problem(), error.where(), error.hint());
  }
  return inputs;
}

}  // namespace af2
