#include "af2/eval/scored_run.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json_lines.h"
#include "af2/data/job_folder.h"
#include "af2/eval/run.h"
#include "af2/io/npy.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

Json config_of_run(const fs::path& folder, const Benchmark& benchmark, const BenchmarkItems& items) {
  std::error_code ignored;
  if (!fs::is_regular_file(folder / "config.json", ignored))
    throw user_error("holds no run", folder.string(), "make one by af2 eval run");
  Json config = parse_json(read_file(folder / "config.json"), (folder / "config.json").string());
  const auto same = [&](const char* key, const std::string& now, const std::string& what) {
    const std::string then = config.value(key, std::string());
    if (then != now)
      throw user_error(what, folder.string() + " key " + key,
                       "score it with the files that it was run with, or run it again elsewhere");
  };
  same("benchmark", benchmark.id,
       "is a run of another benchmark: " + config.value("benchmark", std::string()));
  same("data_sha256", data_sha256(items), "is a run on other data than lies at the root now");
  return config;
}

// Marks of `af2 eval judge`, by id.
std::map<std::string, Json> marks_of_run(const fs::path& folder) {
  std::map<std::string, Json> marks;
  std::error_code ignored;
  const fs::path file = folder / "marks.jsonl";
  if (!fs::is_regular_file(file, ignored)) return marks;
  each_json_line(file, [&](Json mark, const std::string&) {
    const std::string id = mark.at("id").get<std::string>();
    marks.emplace(id, std::move(mark));
  });
  return marks;
}

void take_mark(const Json& mark, Scored& scored) {
  if (mark.contains("mark") && mark["mark"].is_number()) scored.judge = mark["mark"].get<double>();
  if (mark.contains("axes"))
    for (const auto& [name, value] : mark["axes"].items()) scored.axes[name] = value.get<double>();
}

// label_scores.npy, whose rows are the items by id. A clip that failed has none.
void take_label_scores(const fs::path& folder, ScoredVariant& main) {
  const NpyArray array = NpyArray::open(folder / "label_scores.npy");
  const auto rows = static_cast<std::int64_t>(main.scored.size());
  if (array.shape().size() != 2 || array.shape()[0] != rows)
    throw data_error("does not have a row for each of " + std::to_string(rows) + " items",
                     (folder / "label_scores.npy").string(), "run it again");
  const std::vector<float> values = array.to_float();
  const auto columns = static_cast<std::size_t>(array.shape()[1]);
  for (std::size_t i = 0; i < main.scored.size(); ++i)
    if (!main.scored[i].failed)
      main.scored[i].label_scores.assign(values.begin() + static_cast<std::ptrdiff_t>(i * columns),
                                         values.begin() + static_cast<std::ptrdiff_t>((i + 1) * columns));
}

std::unique_ptr<ScoredVariant> scored_variant(const Benchmark& benchmark, const Variant& variant,
                                              const BenchmarkItems& items,
                                              const std::map<std::string, Prediction>& said) {
  auto made = std::make_unique<ScoredVariant>();
  made->variant = variant;
  for (const EvalItem& item : items.items)
    if (takes_part(variant, item)) made->items.push_back(varied(benchmark, variant, item));
  std::sort(made->items.begin(), made->items.end(),
            [](const EvalItem& a, const EvalItem& b) { return a.id < b.id; });
  for (const EvalItem& item : made->items) {
    Scored scored;
    scored.item = &item;
    const auto found = said.find(item.id);
    Prediction prediction;
    if (found == said.end()) {
      ++made->not_answered;
      prediction.id = item.id;
      prediction.reply.error = "was not answered";
    } else {
      prediction = found->second;
    }
    const Reply& reply = prediction.reply;
    scored.output = reply.text;
    scored.failed = !reply.error.empty();
    if (reply.logprob_mean) scored.logprob_mean = *reply.logprob_mean;
    for (const HeardSound& heard : reply.heard) {
      scored.windows += heard.windows;
      scored.seconds += heard.seconds, scored.seconds_cut += heard.seconds_cut;
    }
    made->scored.push_back(std::move(scored));
    made->said.push_back(std::move(prediction));
  }
  return made;
}

}  // namespace

std::string data_sha256(const BenchmarkItems& items) {
  std::string all;
  for (const auto& [path, hash] : items.sha256) all += path + " " + hash + "\n";
  return sha256_hex(std::as_bytes(std::span(all)));
}

const ScoredVariant* ScoredRun::find(const std::string& name) const {
  for (const auto& one : variants)
    if (one->variant.name == name) return one.get();
  return nullptr;
}

ScoredRun open_scored_run(const fs::path& folder, const Benchmark& benchmark, const BenchmarkItems& all,
                          const MatchTools& tools, const fs::path& foreign) {
  std::error_code ignored;
  // Predictions that no run of ours made: the folder becomes theirs.
  if (!foreign.empty() && !fs::exists(folder / "config.json", ignored))
    open_job_folder(folder, {{"benchmark", benchmark.id},
                             {"benchmark_sha256", benchmark.sha256},
                             {"data_sha256", data_sha256(all)},
                             {"model", foreign.filename().string()},
                             {"prompt", "default"},
                             {"variants", {"main"}},
                             {"answers", "of another program"}});
  ScoredRun run;
  run.config = config_of_run(folder, benchmark, all);
  BenchmarkItems items = all;
  const auto limit = run.config.value("limit", std::int64_t{0});
  if (limit > 0 && items.items.size() > static_cast<std::size_t>(limit))
    items.items.resize(static_cast<std::size_t>(limit));
  const std::map<std::string, Json> marks = marks_of_run(folder);
  for (const Json& name : run.config.at("variants")) {
    const Variant variant = variant_by_name(name.get<std::string>(), run.config.value("prompt", "default"));
    const bool main = variant.name == "main";
    const auto said = main && !foreign.empty() ? read_foreign_predictions(foreign)
                                               : read_predictions(folder / variant.file());
    auto scored = scored_variant(benchmark, variant, items, said);
    if (main)
      for (Scored& one : scored->scored)
        if (const auto mark = marks.find(one.item->id); mark != marks.end()) take_mark(mark->second, one);
    if (main && run.config.value("answers", std::string()) == "vectors") take_label_scores(folder, *scored);
    match_all(benchmark, items.labels, scored->scored, tools);
    run.variants.push_back(std::move(scored));
  }
  return run;
}

}  // namespace af2
