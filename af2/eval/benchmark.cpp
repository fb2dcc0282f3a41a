#include "af2/eval/benchmark.h"

#include <algorithm>
#include <set>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"
#include "af2/eval/benchmark_rules.h"
#include "af2/eval/benchmark_shape.h"
#include "af2/eval/template_text.h"
#include "af2/text/unicode.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// Optional keys of a value that has passed the shape check.
template <class T>
void take_key(const Json& from, const char* key, T& to) {
  if (from.contains(key)) to = from.at(key).get<T>();
}

BenchmarkText read_text(const fs::path& file) {
  BenchmarkText text;
  text.file = file.string();
  std::string bytes = read_file(file);
  text.sha256 = sha256_hex(std::as_bytes(std::span(bytes)));
  if (starts_with(bytes, "\xEF\xBB\xBF")) bytes.erase(0, 3);
  text.json = parse_plain_yaml(bytes, text.file, text.lines);
  check_benchmark_shape(text.json, text.lines, text.file);
  const std::string stem = file.stem().string();
  if (text.json.at("id") != stem)
    throw user_error("the id " + text.json.at("id").dump() + " is not the file's name", text.place("/id"),
                     "call the one like the other: \"" + stem + "\"");
  return text;
}

// Maps are merged key by key; everything else that `over` gives stands for what was there.
void merge_over(Json& base, const Json& over) {
  if (!base.is_object() || !over.is_object()) {
    base = over;
    return;
  }
  for (const auto& [key, value] : over.items()) merge_over(base[key], value);
}

PromptForm form_from(const Json& json, const PromptForm& base) {
  PromptForm form = base;
  if (json.is_string()) {
    form.text = json.get<std::string>();
    return form;
  }
  take_key(json, "text", form.text);
  take_key(json, "case", form.letter_case);
  take_key(json, "drop_suffix", form.drop_suffix);
  if (json.contains("options")) {
    form.missing.clear();
    take_key(json.at("options"), "style", form.style);
    take_key(json.at("options"), "join", form.join);
    take_key(json.at("options"), "missing", form.missing);
  }
  return form;
}

void take_prompt(const Json& json, Benchmark& benchmark) {
  PromptForm form = form_from(json, {});
  form.text = json.at("default").get<std::string>();
  benchmark.prompts["default"] = form;
  if (json.contains("alt"))
    for (const auto& [name, alt] : json.at("alt").items()) benchmark.prompts[name] = form_from(alt, form);
  if (json.contains("shot"))
    for (auto& [name, one] : benchmark.prompts)
      one.text = with_replaced(one.text, "{shot}", json.at("shot").get<std::string>());
  take_key(json, "replace", benchmark.prompt_replace);
  take_key(json, "ours", benchmark.prompt_ours);
}

void take_decoding(const Json& json, DecodingSpec& decoding) {
  take_key(json, "max_new_tokens", decoding.max_new_tokens);
  take_key(json, "temperature", decoding.temperature);
  take_key(json, "beams", decoding.beams);
  take_key(json, "windows", decoding.windows);
  take_key(json, "stop", decoding.stop);
}

MatchRule match_from(const Json& json) {
  MatchRule match;
  for (const auto& [key, value] : json.items()) {
    if (key == "rule")
      match.rule = value.get<std::string>();
    else if (key == "before")
      match.before = value.get<std::vector<std::string>>();
    else if (key == "unparsed")
      match.unparsed = value.get<std::string>();
    else
      match.more[key] = value;
  }
  return match;
}

JudgeSpec judge_from(const Json& json) {
  JudgeSpec judge;
  take_key(json, "rubric", judge.rubric);
  take_key(json, "model", judge.model);
  take_key(json, "temperature", judge.temperature);
  if (json.contains("top_p")) judge.top_p = json.at("top_p").get<double>();
  if (json.contains("seed")) judge.seed = json.at("seed").get<std::int64_t>();
  take_key(json, "repeats", judge.repeats);
  judge.low = json.at("scale")[0].get<double>();
  judge.high = json.at("scale")[1].get<double>();
  take_key(json, "axes", judge.axes);
  take_key(json, "inputs", judge.inputs);
  take_key(json, "variant_inputs", judge.variant_inputs);
  take_key(json, "swap", judge.swap);
  take_key(json, "optional", judge.optional);
  judge.parse = json.at("parse");
  if (json.contains("official_missing")) judge.official_missing = json.at("official_missing").get<double>();
  take_key(json, "aggregate", judge.aggregate);
  return judge;
}

LabelSet labels_from(const Json& json) {
  LabelSet labels;
  take_key(json, "list", labels.list);
  take_key(json, "display", labels.display);
  take_key(json, "display_rule", labels.display_rule);
  take_key(json, "synonyms", labels.synonyms);
  take_key(json, "template", labels.text_template);
  take_key(json, "alt_templates", labels.alt_templates);
  take_key(json, "empty", labels.empty);
  if (json.contains("range")) labels.range = {json.at("range")[0].get<int>(), json.at("range")[1].get<int>()};
  return labels;
}

PublishedSpec published_from(const Json& json) {
  PublishedSpec published;
  take_key(json, "metric", published.metric);
  take_key(json, "unit", published.unit);
  take_key(json, "note", published.note);
  for (const Json& each : json.at("rows")) {
    PublishedRow row;
    take_key(each, "role", row.role);
    take_key(each, "model", row.model);
    take_key(each, "source", row.source);
    take_key(each, "note", row.note);
    take_key(each, "metric", row.metric);
    if (each.contains("value")) row.value = each.at("value").get<double>();
    take_key(each, "parts", row.parts);
    for (const char* way : {"t2a", "a2t"})
      if (each.contains(way)) row.parts[way] = each.at(way);
    published.rows.push_back(std::move(row));
  }
  return published;
}

// What `use` takes from the file beside it.
void take_used(BenchmarkText& text, const fs::path& file) {
  const std::string name = text.json.at("use").get<std::string>();
  const fs::path other = file.parent_path() / (name + ".yaml");
  if (name.find('/') != std::string::npos || !fs::is_regular_file(other))
    throw user_error("there is no benchmark \"" + printable(name) + "\" beside this file", text.place("/use"),
                     "name a file of " + file.parent_path().string() + " without its ending");
  const BenchmarkText used = read_text(other);
  if (used.json.contains("use"))
    throw user_error("\"" + name + "\" uses another file itself", text.place("/use"), "use that one");
  for (const char* key : {"splits", "data", "audio", "fields", "labels"}) {
    if (!used.json.contains(key)) continue;
    Json merged = used.json.at(key);
    if (text.json.contains(key)) merge_over(merged, text.json.at(key));
    text.json[key] = std::move(merged);
  }
  text.used_file = used.file;
  text.used_lines = used.lines;
  const std::string both = text.sha256 + used.sha256;
  text.sha256 = sha256_hex(std::as_bytes(std::span(both)));
}

}  // namespace

std::string LabelSet::shown(const std::string& name) const {
  if (const auto found = display.find(name); found != display.end()) return found->second;
  if (display_rule.empty()) return name;
  const std::string blank = with_replaced(name, "_", " ");
  return display_rule == "lower_us2sp" ? lower_case(blank) : blank;
}

Benchmark read_benchmark(const fs::path& file) {
  BenchmarkText text = read_text(file);
  if (text.json.contains("use")) take_used(text, file);
  check_benchmark_rules(text);
  const Json& json = text.json;
  Benchmark benchmark;
  take_key(json, "id", benchmark.id);
  take_key(json, "name", benchmark.name);
  take_key(json, "version", benchmark.version);
  take_key(json, "task", benchmark.task);
  take_key(json, "kind", benchmark.kind);
  take_key(json, "layout", benchmark.layout);
  take_key(json, "domain", benchmark.domain);
  for (const auto& [key, to] :
       std::initializer_list<std::pair<const char*, Json*>>{{"paper", &benchmark.paper},
                                                            {"source", &benchmark.source},
                                                            {"splits", &benchmark.splits},
                                                            {"data", &benchmark.data},
                                                            {"audio", &benchmark.audio},
                                                            {"fields", &benchmark.fields},
                                                            {"labels", &benchmark.label_source},
                                                            {"retrieval", &benchmark.retrieval}})
    *to = json.contains(key) ? json.at(key) : Json::object();
  benchmark.labels = labels_from(benchmark.label_source);
  if (json.contains("prompt")) take_prompt(json.at("prompt"), benchmark);
  if (json.contains("decoding")) take_decoding(json.at("decoding"), benchmark.decoding);
  if (json.contains("match")) {
    benchmark.official = match_from(json.at("match").at("official"));
    if (json.at("match").contains("robust")) benchmark.robust = match_from(json.at("match").at("robust"));
  }
  if (json.contains("judge")) benchmark.judge = judge_from(json.at("judge"));
  take_key(json.at("metrics"), "primary", benchmark.metrics.primary);
  take_key(json.at("metrics"), "also", benchmark.metrics.also);
  take_key(json.at("metrics"), "external", benchmark.metrics.external);
  take_key(json, "by", benchmark.by);
  take_key(json, "baselines", benchmark.baselines);
  take_key(json, "contamination", benchmark.contamination);
  benchmark.published = published_from(json.at("published"));
  take_key(json, "traps", benchmark.traps);
  benchmark.path = file;
  benchmark.sha256 = text.sha256;
  return benchmark;
}

std::vector<Benchmark> read_benchmarks(const fs::path& folder) {
  if (!fs::is_directory(folder))
    throw user_error("there is no such folder", folder.string(), "give the folder of the benchmark files");
  std::vector<fs::path> files;
  for (const auto& entry : fs::directory_iterator(folder))
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  if (files.empty())
    throw user_error("holds no *.yaml", folder.string(), "give the folder of the benchmark files");
  std::sort(files.begin(), files.end());
  std::vector<Benchmark> benchmarks;
  for (const fs::path& file : files) benchmarks.push_back(read_benchmark(file));
  return benchmarks;
}

}  // namespace af2
