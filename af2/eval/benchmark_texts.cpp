#include "af2/eval/benchmark_texts.h"

#include <fmt/format.h>

#include <algorithm>

#include "af2/core/text_util.h"
#include "af2/eval/prompts.h"
#include "af2/eval/row_list.h"

namespace af2 {
namespace {

constexpr std::size_t kNamed = 20;  // of what is missing or odd, in texts for people

std::string expected_items(const Benchmark& benchmark) {
  return value_text(value_at(benchmark.data.at("expect"), "items"));
}

const PublishedRow* row_of_af2(const Benchmark& benchmark) {
  for (const PublishedRow& row : benchmark.published.rows)
    if (row.role == "af2") return &row;
  return nullptr;
}

std::string number_text(double value) {
  return fmt::format("{:g}", value);
}

std::string indented(const std::string& text, const std::string& indent) {
  std::string out;
  for (const std::string& line : split(text, '\n')) out += indent + line + "\n";
  return out;
}

// "key: value" of everything in a table, lists by commas.
std::string table_text(const Json& table) {
  std::vector<std::string> parts;
  for (const auto& [key, value] : table.items()) {
    std::string text = value_text(value);
    if (value.is_array()) {
      std::vector<std::string> list;
      for (const Json& each : value) list.push_back(value_text(each));
      text = join(list, ", ");
    } else if (value.is_object()) {
      text = table_text(value);
    }
    parts.push_back(key + " " + text);
  }
  return join(parts, "; ");
}

Json rows_json(const PublishedSpec& published) {
  Json rows = Json::array();
  for (const PublishedRow& row : published.rows) {
    Json json = {{"role", row.role}, {"model", row.model}};
    json["value"] = row.value ? Json(*row.value) : Json(nullptr);
    json["source"] = row.source;
    if (!row.metric.empty()) json["metric"] = row.metric;
    if (!row.parts.empty()) json["parts"] = row.parts;
    if (!row.note.empty()) json["note"] = row.note;
    rows.push_back(std::move(json));
  }
  return rows;
}

std::string rule_text(const MatchRule& match) {
  return match.rule + (match.before.empty() ? "" : ", before it " + join(match.before, ", ")) +
         (match.unparsed == "wrong" ? "" : ", unparsed answers left out") +
         (match.more.empty() ? "" : " (" + table_text(match.more) + ")");
}

Json rule_json(const std::optional<MatchRule>& match) {
  if (!match) return nullptr;
  return {
      {"rule", match->rule}, {"before", match->before}, {"unparsed", match->unparsed}, {"more", match->more}};
}

const EvalItem* sample_item(const BenchmarkItems& read) {
  for (const EvalItem& item : read.items)
    if (item.faults.empty()) return &item;
  return read.items.empty() ? nullptr : &read.items.front();
}

Json clips_json(const std::vector<ClipFault>& clips) {
  Json list = Json::array();
  for (const ClipFault& clip : clips)
    list.push_back({{"item", clip.item}, {"path", clip.path}, {"problem", clip.problem}});
  return list;
}

std::string clips_text(const std::string& title, const std::vector<ClipFault>& clips) {
  std::string text = fmt::format("{}: {}\n", title, clips.size());
  for (std::size_t i = 0; i < clips.size() && i < kNamed; ++i)
    text += fmt::format("  {} ({}): {}\n", clips[i].path.empty() ? "-" : clips[i].path, clips[i].item,
                        clips[i].problem);
  if (clips.size() > kNamed) text += fmt::format("  and {} more\n", clips.size() - kNamed);
  return text;
}

}  // namespace

std::string benchmark_list_text(const std::vector<Benchmark>& benchmarks) {
  std::string text = fmt::format("{:<26} {:<14} {:<10} {:>6} {:<19} {:>14}  {}\n", "id", "task", "layout",
                                 "items", "metric", "AF2", "name");
  std::size_t with_value = 0;
  for (const Benchmark& benchmark : benchmarks) {
    const PublishedRow* row = row_of_af2(benchmark);
    const std::string value =
        row && row->value ? number_text(*row->value) + " " + benchmark.published.unit : std::string("-");
    with_value += row && row->value;
    const std::string items = expected_items(benchmark);
    text += fmt::format("{:<26} {:<14} {:<10} {:>6} {:<19} {:>14}  {}\n", benchmark.id, benchmark.task,
                        benchmark.layout, items.empty() ? "?" : items, benchmark.metrics.primary, value,
                        benchmark.name);
  }
  return text +
         fmt::format("{} benchmarks, {} with a value published for AF2\n", benchmarks.size(), with_value);
}

Json benchmark_list_json(const std::vector<Benchmark>& benchmarks) {
  Json list = Json::array();
  for (const Benchmark& benchmark : benchmarks) {
    const PublishedRow* row = row_of_af2(benchmark);
    const Json items = value_at(benchmark.data.at("expect"), "items");
    list.push_back({{"id", benchmark.id},
                    {"name", benchmark.name},
                    {"task", benchmark.task},
                    {"kind", benchmark.kind},
                    {"layout", benchmark.layout},
                    {"items", items},
                    {"metric", benchmark.metrics.primary},
                    {"af2", row && row->value ? Json(*row->value) : Json(nullptr)},
                    {"unit", benchmark.published.unit}});
  }
  return {{"benchmarks", list}, {"count", benchmarks.size()}};
}

std::string benchmark_info_text(const Benchmark& benchmark) {
  const std::string items = expected_items(benchmark);
  std::string text = fmt::format("{}: {}{}\n", benchmark.id, benchmark.name,
                                 benchmark.version.empty() ? "" : " (" + benchmark.version + ")");
  const auto line = [&](const std::string& name, const std::string& value) {
    if (!value.empty()) text += fmt::format("{:<14} {}\n", name, value);
  };
  line("task", benchmark.task + ", " + benchmark.kind + "; " + join(benchmark.domain, ", "));
  line("layout", benchmark.layout == "verified"     ? "verified: counted on the public files"
                 : benchmark.layout == "documented" ? "documented: from its code or page, not counted here"
                                                    : "unverified: the names are ours, check them first");
  line("paper", table_text(benchmark.paper));
  line("from", value_text(value_at(benchmark.source, "origin")));
  line("licence", value_text(value_at(benchmark.source, "licence")));
  line("redistribute", value_text(value_at(benchmark.source, "redistribute")));
  line("splits", table_text(benchmark.splits));
  line("items", items.empty() ? "not known" : items);
  Json data = benchmark.data;
  data.erase("expect");
  line("data", table_text(data));
  line("expected", table_text(benchmark.data.at("expect")));
  line("audio", table_text(benchmark.audio));
  line("fields", table_text(benchmark.fields));
  for (const auto& [name, form] : benchmark.prompts)
    line("prompt " + name, Json(form.text).dump(-1, ' ', false) +
                               (form.letter_case == "lower" ? ", lower case" : ", as written"));
  if (benchmark.prompt_ours) line("", "the default wording is ours: none is published");
  if (benchmark.official) line("official", rule_text(*benchmark.official));
  if (benchmark.robust) line("robust", rule_text(*benchmark.robust));
  if (benchmark.judge)
    line("judge", fmt::format("{} by {}, {:g} to {:g}", benchmark.judge->rubric, benchmark.judge->model,
                              benchmark.judge->low, benchmark.judge->high));
  line("metrics", benchmark.metrics.primary +
                      (benchmark.metrics.also.empty() ? "" : "; also " + join(benchmark.metrics.also, ", ")) +
                      (benchmark.metrics.external.empty()
                           ? ""
                           : "; by your own programs " + join(benchmark.metrics.external, ", ")));
  line("by", join(benchmark.by, ", "));
  line("baselines", join(benchmark.baselines, ", "));
  line("beware", benchmark.contamination);
  text += fmt::format("published      {} in {}{}\n", benchmark.published.metric, benchmark.published.unit,
                      benchmark.published.rows.empty() ? ": nothing" : "");
  for (const PublishedRow& row : benchmark.published.rows)
    text += fmt::format("  {:>8}  {:<10} {} ({}{}{})\n", row.value ? number_text(*row.value) : "-", row.role,
                        row.model, row.source, row.parts.empty() ? "" : "; " + table_text(row.parts),
                        row.note.empty() ? "" : "; " + row.note);
  if (!benchmark.traps.empty()) text += "traps\n";
  for (const std::string& trap : benchmark.traps) text += "  - " + trap + "\n";
  return text;
}

Json benchmark_info_json(const Benchmark& benchmark) {
  Json json = {
      {"id", benchmark.id},         {"name", benchmark.name},          {"version", benchmark.version},
      {"task", benchmark.task},     {"kind", benchmark.kind},          {"domain", benchmark.domain},
      {"layout", benchmark.layout}, {"paper", benchmark.paper},        {"source", benchmark.source},
      {"splits", benchmark.splits}, {"data", benchmark.data},          {"audio", benchmark.audio},
      {"fields", benchmark.fields}, {"labels", benchmark.label_source}};
  json["prompts"] = Json::object();
  for (const auto& [name, form] : benchmark.prompts)
    json["prompts"][name] = {{"text", form.text},        {"style", form.style},
                             {"join", form.join},        {"missing", form.missing},
                             {"case", form.letter_case}, {"drop_suffix", form.drop_suffix}};
  json["prompt_ours"] = benchmark.prompt_ours;
  json["official"] = rule_json(benchmark.official);
  json["robust"] = rule_json(benchmark.robust);
  json["judge"] = benchmark.judge ? Json({{"rubric", benchmark.judge->rubric},
                                          {"model", benchmark.judge->model},
                                          {"scale", {benchmark.judge->low, benchmark.judge->high}}})
                                  : Json(nullptr);
  json["metrics"] = {{"primary", benchmark.metrics.primary},
                     {"also", benchmark.metrics.also},
                     {"external", benchmark.metrics.external}};
  json["by"] = benchmark.by;
  json["baselines"] = benchmark.baselines;
  json["contamination"] = benchmark.contamination;
  json["published"] = {{"metric", benchmark.published.metric},
                       {"unit", benchmark.published.unit},
                       {"rows", rows_json(benchmark.published)}};
  json["traps"] = benchmark.traps;
  json["sha256"] = benchmark.sha256;
  return json;
}

bool is_complete(const BenchmarkItems& read) {
  return read.mismatches.empty() && read.missing.empty() && read.unreadable.empty();
}

std::string benchmark_check_text(const Benchmark& benchmark, const std::filesystem::path& root,
                                 const BenchmarkItems& read) {
  std::string text = fmt::format("{} in {}\nfiles\n", benchmark.id, root.string());
  for (const auto& [name, hash] : read.sha256) text += fmt::format("  {}  {}\n", hash.substr(0, 16), name);
  text += fmt::format("counts: {} rows, {} items, {} clips", read.n_rows, read.n_items, read.n_clips);
  if (read.n_tasks > 0) text += fmt::format(", {} tasks", read.n_tasks);
  if (!read.labels.list.empty()) text += fmt::format(", {} labels", read.labels.list.size());
  text += fmt::format(", {} to {} references an item\n", read.fewest_refs, read.most_refs);
  const std::string expected = table_text(benchmark.data.at("expect"));
  text += "expected: " + (expected.empty() ? std::string("no counts are published") : expected) + "\n";
  for (const std::string& mismatch : read.mismatches) text += "  differs: " + mismatch + "\n";
  text += clips_text("missing clips", read.missing);
  text += clips_text("unreadable clips", read.unreadable);
  std::size_t odd = 0;
  std::string faults;
  for (const EvalItem& item : read.items) {
    if (item.faults.empty()) continue;
    if (odd++ < kNamed) faults += "  " + item.id + ": " + join(item.faults, "; ") + "\n";
  }
  text += fmt::format("items with a fault: {}\n{}", odd, faults);
  if (odd > kNamed) text += fmt::format("  and {} more\n", odd - kNamed);
  for (std::size_t i = 0; i < read.notices.size() && i < kNamed; ++i)
    text += "notice: " + read.notices[i] + "\n";
  if (read.notices.size() > kNamed)
    text += fmt::format("and {} more notices\n", read.notices.size() - kNamed);
  if (const EvalItem* item = sample_item(read)) {
    text += fmt::format("sample: item {} ({})\n", item->id, item->where);
    text += "  clip:   " + (item->audio.empty() ? std::string("none") : join(item->audio, ", ")) + "\n";
    if (!benchmark.prompts.empty()) text += indented(prompt_for(benchmark, read.labels, *item), "  > ");
    text += "  answer: " + (item->refs.empty() ? std::string("withheld") : join(item->refs, " | ")) + "\n";
  }
  return text + (is_complete(read) ? "complete: ready to run\n" : "not complete\n");
}

Json benchmark_check_json(const Benchmark& benchmark, const std::filesystem::path& root,
                          const BenchmarkItems& read) {
  Json json = {{"id", benchmark.id}, {"root", root.string()}, {"complete", is_complete(read)}};
  json["files"] = Json::object();
  for (const auto& [name, hash] : read.sha256) json["files"][name] = hash;
  json["counts"] = {{"rows", read.n_rows},
                    {"items", read.n_items},
                    {"clips", read.n_clips},
                    {"tasks", read.n_tasks},
                    {"labels", read.labels.list.size()},
                    {"fewest_refs", read.fewest_refs},
                    {"most_refs", read.most_refs}};
  json["expected"] = benchmark.data.at("expect");
  json["mismatches"] = read.mismatches;
  json["missing"] = clips_json(read.missing);
  json["unreadable"] = clips_json(read.unreadable);
  json["items_without_audio"] = read.n_without_audio;
  json["faults"] = Json::array();
  for (const EvalItem& item : read.items)
    if (!item.faults.empty()) json["faults"].push_back({{"item", item.id}, {"faults", item.faults}});
  json["notices"] = read.notices;
  json["sample"] = nullptr;
  if (const EvalItem* item = sample_item(read)) {
    json["sample"] = {{"id", item->id}, {"audio", item->audio}, {"refs", item->refs}};
    if (!benchmark.prompts.empty()) json["sample"]["prompt"] = prompt_for(benchmark, read.labels, *item);
  }
  return json;
}

}  // namespace af2
