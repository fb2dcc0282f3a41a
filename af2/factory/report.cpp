#include "af2/factory/report.h"

#include <algorithm>
#include <cmath>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/data/answers.h"
#include "af2/data/text_terms.h"
#include "af2/factory/balance.h"
#include "af2/factory/checks.h"

namespace af2 {
namespace {

constexpr int kDurationBins = 10;  // of 30 s, and one for what is longer

using Counts = std::map<std::string, std::int64_t>;

Json json_of(const Counts& counts) {
  Json json = Json::object();
  for (const auto& [key, n] : counts) json[key] = n;
  return json;
}

// Items, clips and hours of a part of the set.
struct Part {
  std::int64_t items = 0;
  std::map<std::string, double> clips;  // key to seconds

  void add(const Item& item, const std::string& clip) { ++items, clips.emplace(clip, item.duration); }
  double hours() const {
    double seconds = 0;
    for (const auto& [clip, s] : clips) seconds += s;
    return seconds / 3600;
  }
};

// Words of texts: how many have how many, and the mean.
struct Lengths {
  std::map<int, std::int64_t> n;

  Json json() const {
    Json list = Json::array();
    double sum = 0, all = 0;
    for (const auto& [words, times] : n) {
      list.push_back({{"words", words}, {"items", times}});
      sum += static_cast<double>(words * times), all += static_cast<double>(times);
    }
    return {{"mean", all > 0 ? sum / all : 0}, {"counts", list}};
  }
};

std::string or_none(const std::string& text) {
  return text.empty() ? "none" : text;
}

}  // namespace

Json set_report(const std::vector<Item>& items, const ReportInputs& inputs) {
  Part all;
  std::set<std::string> files, groups;
  std::map<std::string, Part> skills;
  std::map<std::pair<std::string, std::string>, std::vector<std::size_t>> types;
  Counts levels, forms, splits, licences, numbers;
  std::map<std::string, Counts> letters, sequences, yes_no;
  std::vector<std::int64_t> duration_items(kDurationBins + 1, 0), duration_clips(kDurationBins + 1, 0);
  Lengths question_words, answer_words;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const Item& item = items[i];
    const std::string skill = skill_key(item), clip = clip_key(item);
    const auto bin =
        static_cast<std::size_t>(std::clamp(item.duration / 30, 0.0, static_cast<double>(kDurationBins)));
    ++duration_items[bin];
    if (!all.clips.contains(clip)) ++duration_clips[bin];
    all.add(item, clip), skills[skill].add(item, clip);
    files.insert(item.audio), groups.insert(item.group);
    types[{skill, item.type}].push_back(i);
    ++levels[or_none(item.level)], ++forms[or_none(item.form)], ++splits[or_none(item.split)],
        ++licences[or_none(item.licence)];
    ++question_words.n[word_count(item.question)], ++answer_words.n[word_count(item.answer)];
    if (!item.options.empty() && item.answer_index >= 0)
      ++letters[skill][std::string(1, static_cast<char>('A' + item.answer_index))];
    if (!letter_sequence(item.answer).empty()) ++sequences[skill][item.answer];
    if (item.form == "short")
      if (const auto number = parse_count(item.answer); number && word_count(item.answer) == 1)
        ++numbers[std::to_string(*number)];
    if (item.form == "yes_no")
      if (const auto yes = parse_yes_no(item.answer)) ++yes_no[skill + "." + item.type][*yes ? "yes" : "no"];
  }
  Json report = {{"name", inputs.name},   {"items", items.size()},   {"clips", all.clips.size()},
                 {"files", files.size()}, {"groups", groups.size()}, {"hours", all.hours()}};
  report["skills"] = Json::array();
  for (const auto& [skill, part] : skills)
    report["skills"].push_back(
        {{"skill", skill}, {"items", part.items}, {"clips", part.clips.size()}, {"hours", part.hours()}});
  report["types"] = Json::array();
  report["samples"] = Json::array();
  for (const auto& [key, places] : types) {
    Counts of_level, of_form;
    std::vector<std::pair<std::uint64_t, std::size_t>> order;
    for (const std::size_t i : places) {
      ++of_level[or_none(items[i].level)], ++of_form[or_none(items[i].form)];
      order.emplace_back(
          Random("af2/factory/sample/1/" + std::to_string(inputs.seed) + "/" + items[i].id).next(), i);
    }
    report["types"].push_back({{"skill", key.first},
                               {"type", key.second},
                               {"items", places.size()},
                               {"levels", json_of(of_level)},
                               {"forms", json_of(of_form)}});
    std::sort(order.begin(), order.end());
    Json samples = Json::array();
    for (int k = 0; k < inputs.samples && k < static_cast<int>(order.size()); ++k)
      samples.push_back(Json::parse(item_line(items[order[static_cast<std::size_t>(k)].second])));
    report["samples"].push_back({{"skill", key.first}, {"type", key.second}, {"items", samples}});
  }
  report["levels"] = json_of(levels), report["forms"] = json_of(forms), report["splits"] = json_of(splits);
  report["licences"] = json_of(licences);
  for (const auto& [name, table] :
       {std::pair("letters", &letters), std::pair("sequences", &sequences), std::pair("yes_no", &yes_no)}) {
    report[name] = Json::object();
    for (const auto& [key, counts] : *table) report[name][key] = json_of(counts);
  }
  report["numbers"] = json_of(numbers);
  report["durations"] = Json::array();
  for (int b = 0; b <= kDurationBins; ++b) {
    Json bin = {{"from", 30 * b}};
    if (b < kDurationBins) bin["to"] = 30 * (b + 1);
    bin["items"] = duration_items[static_cast<std::size_t>(b)],
    bin["clips"] = duration_clips[static_cast<std::size_t>(b)];
    report["durations"].push_back(bin);
  }
  report["question_words"] = question_words.json(), report["answer_words"] = answer_words.json();
  report["dropped"] = Json::array();
  for (const auto& [reason, n] : inputs.dropped.dropped) {
    const auto first = inputs.dropped.first.find(reason);
    report["dropped"].push_back({{"reason", reason},
                                 {"items", n},
                                 {"first", first == inputs.dropped.first.end() ? "" : first->second}});
  }
  report["solvers"] = Json::array();
  for (SolverScore score : inputs.solvers) report["solvers"].push_back(to_json(score));
  report["overlaps"] = json_of(inputs.overlaps);
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
