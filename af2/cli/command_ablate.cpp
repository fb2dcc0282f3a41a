// `af2 ablate`: variants of a recipe, each trained with several seeds, scored, and put into one table.
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <thread>

#include "af2/cli/command.h"
#include "af2/cli/eval_engine.h"
#include "af2/cli/eval_flags.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json_lines.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/eval/ablation.h"
#include "af2/eval/result_cache.h"
#include "af2/eval/run.h"
#include "af2/eval/scored_run.h"
#include "af2/eval/summary.h"
#include "af2/train/export.h"
#include "af2/train/stages.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct AblateFlags {
  std::string config, out, only;
  int batch = 16, resamples = 10000;
  bool dry_run = false;
  ClipFlags clips;  // threads, device, gpu_layers and dtype of the questions
};

// One training of a variant, or what it was after one of its stages.
struct AblationRun {
  const AblationVariant* variant = nullptr;
  std::int64_t seed = 0;
  fs::path folder;                      // recipe.json, base/ (config), run/ (checkpoints), model/, BENCHMARK/
  const AblationVariant* of = nullptr;  // the variant that is trained for it, and its run
  fs::path of_folder = {};

  bool loads() const { return !variant->load.empty(); }
  fs::path model() const { return loads() ? fs::path(variant->load) : folder / "model"; }
};

std::vector<AblationRun> runs_of_plan(const AblationPlan& plan, const AblateFlags& flags) {
  std::vector<AblationRun> runs;
  const std::vector<std::string> only =
      flags.only.empty() ? std::vector<std::string>{} : split(flags.only, ',');
  for (const AblationVariant& variant : plan.variants) {
    if (!only.empty() && std::find(only.begin(), only.end(), variant.name) == only.end()) continue;
    const fs::path folder = fs::path(flags.out) / variant.name;
    if (!variant.load.empty()) {
      runs.push_back({&variant, 0, folder});
      continue;
    }
    const auto other = std::find_if(plan.variants.begin(), plan.variants.end(),
                                    [&](const AblationVariant& one) { return one.name == variant.of; });
    for (const std::int64_t seed : variant.seeds.empty() ? plan.seeds : variant.seeds) {
      const std::string name = "seed-" + std::to_string(seed);
      AblationRun run{&variant, seed, folder / name};
      if (!variant.of.empty()) run.of = &*other, run.of_folder = fs::path(flags.out) / variant.of / name;
      runs.push_back(std::move(run));
    }
  }
  if (runs.empty()) throw user_error("names no variant of the file: " + flags.only, "--only");
  return runs;
}

// Files of the language model and of AF-CLAP, as absolute paths, so that a config may be copied.
Json with_absolute_paths(Json config, const fs::path& folder) {
  for (const char* part : {"lm", "clap"}) {
    if (!config.contains(part) || !config[part].contains("file") || !config[part]["file"].is_string())
      continue;
    const std::string file = config[part]["file"].get<std::string>();
    if (!file.empty()) config[part]["file"] = fs::absolute(folder / file).lexically_normal().string();
  }
  return config;
}

// Config and recipe of a run, written where they are not. A run of another recipe in its folder is refused by
// the trainer.
void write_run_files(const AblationPlan& plan, const AblationRun& run) {
  const fs::path config_file = plan.model / "config.json";
  const AblationVariant& variant = run.of ? *run.of : *run.variant;
  const Json config = config_of(variant, with_absolute_paths(read_config_file(config_file), plan.model),
                                config_file.string());
  for (const char* name : {"base", "model"}) {
    fs::create_directories(run.folder / name);
    write_file_atomic(run.folder / name / "config.json", config.dump(1) + "\n");
  }
  Json recipe = recipe_of(plan, variant, run.seed);
  recipe["base"] = fs::absolute(plan.recipe).lexically_relative(fs::absolute(run.folder)).string();
  recipe["model"] = (run.folder / "base").string();
  write_file_atomic(run.folder / "recipe.json", recipe.dump(1) + "\n");
}

int threads_of(const TrainOptions& options) {
  return options.threads > 0 ? options.threads : static_cast<int>(std::thread::hardware_concurrency());
}

// What a stage trained, as the run's model: low-rank pairs beside the base's language model, rather than a
// copy of it for every run.
void export_stage(const AblationPlan& plan, const TrainOptions& stage, const fs::path& trained,
                  const AblationRun& run) {
  export_model({trained}, run.folder / "model",
               {.dtype = plan.dtype, .keep_pairs = stage.stage.trains_low_rank()});
}

// Trains and exports; false: stopped by a signal. Core-hours of all sittings stand in core_hours.json.
bool train_run(const AblationPlan& plan, const AblationRun& run) {
  const fs::path weights = run.folder / "model/adapter.safetensors";
  if (fs::exists(weights)) return true;
  const std::vector<TrainOptions> stages = read_train_stages(run.folder / "recipe.json");
  const TrainOptions& options = stages.front();
  const double began = steady_seconds();
  StagesRun how;
  how.resume = true;
  const TrainResult result = train_stages(stages, "all", run.folder / "run", how);
  double hours = (steady_seconds() - began) / 3600 * threads_of(options);
  const fs::path file = run.folder / "core_hours.json";
  if (fs::exists(file)) hours += parse_json(read_file(file), file.string()).at("core_hours").get<double>();
  write_file_atomic(file, Json{{"core_hours", hours}}.dump() + "\n");
  if (!result.finished) return false;
  export_stage(plan, stages.back(), last_stage_folder(stages, run.folder / "run"), run);
  return true;
}

// Exports what another variant's run was after a stage, which is trained first where it is not. Core-hours
// are those of the stages up to it. False: stopped by a signal.
bool take_stage(const AblationPlan& plan, const AblationRun& run) {
  const AblationRun other{run.of, run.seed, run.of_folder};
  write_run_files(plan, other);
  if (!train_run(plan, other)) return false;
  if (fs::exists(run.folder / "model/adapter.safetensors")) return true;
  const std::vector<TrainOptions> stages = read_train_stages(other.folder / "recipe.json");
  double hours = 0;
  for (const TrainOptions& stage : stages) {
    const fs::path folder = named_stage_folder(stages, stage.stage.name, other.folder / "run");
    each_json_line(folder / "metrics.jsonl", [&](const Json& line, const std::string&) {
      hours += line.value("ms", 0.0) / 3.6e6 * threads_of(stage);
    });
    if (stage.stage.name != run.variant->after) continue;
    write_file_atomic(run.folder / "core_hours.json", Json{{"core_hours", hours}}.dump() + "\n");
    export_stage(plan, stage, folder, run);
    break;
  }
  return true;
}

// The scores of a scored run that a column is of.
std::vector<AblationScores::Item> items_of_column(const fs::path& folder, const AblationColumn& column) {
  std::vector<AblationScores::Item> items;
  each_json_line(folder / "scores.jsonl", [&](const Json& line, const std::string&) {
    if (!line.contains("score") || !line["score"].is_number()) return;
    if (!column.by.empty()) {
      const Json groups = line.value("groups", Json::object());
      if (groups.value(column.by, std::string()) != column.value) return;
    }
    items.push_back({line.at("id").get<std::string>(), line.value("cluster", std::string()),
                     line["score"].get<double>()});
  });
  return items;
}

AblationScores score_ablation(const AblationPlan& plan, const AblationRun& run, const AblateFlags& flags) {
  AblationScores scores{run.variant->name, run.seed, 0, {}};
  const fs::path hours = run.folder / "core_hours.json";
  if (fs::exists(hours))
    scores.core_hours = parse_json(read_file(hours), hours.string()).at("core_hours").get<double>();
  for (const AblationBenchmark& bench : plan.benchmarks) {
    const Benchmark benchmark = read_benchmark(bench.file);
    BenchmarkItems items = read_items(benchmark, bench.root, {.allow_partial = true});
    keep_where(bench, items.items);
    ClipFlags clips = flags.clips;
    clips.model = run.model().string();
    EvalModel model = engine_model(
        clips, benchmark.decoding.windows.is_number() ? benchmark.decoding.windows.get<int>() : 0);
    RunOptions options;
    options.out = run.folder / benchmark.id, options.root = bench.root, options.baselines = bench.baselines;
    options.batch = flags.batch, options.limit = bench.limit, options.likeliest = bench.likeliest;
    const RunResult result =
        run_benchmark(benchmark, items.labels, items.items, data_sha256(items), model, options);
    if (!result.stopped.empty()) throw Stopped{result.stopped};
    ScoreOptions score;
    score.resamples = flags.resamples;
    score_run(options.out, benchmark, items, score);
  }
  for (const AblationColumn& column : plan.columns)
    scores.columns.push_back(items_of_column(run.folder / column.benchmark, column));
  return scores;
}

int run_ablate(const AblateFlags& flags) {
  install_stop_signals();
  const AblationPlan plan = read_ablation_plan(flags.config);
  const std::vector<AblationRun> runs = runs_of_plan(plan, flags);
  // All recipes are read before the first is trained.
  for (const AblationRun& run : runs) {
    if (run.loads()) continue;
    write_run_files(plan, run);
    const std::vector<TrainOptions> stages = read_train_stages(run.folder / "recipe.json");
    if (run.of) named_stage_folder(stages, run.variant->after, run.folder);
  }
  for (const AblationBenchmark& bench : plan.benchmarks) read_benchmark(bench.file);
  notice("{}: {} runs of {} variants", plan.name, runs.size(), plan.variants.size());
  if (flags.dry_run) {
    for (const AblationRun& run : runs) print_line(run.folder.string());
    return 0;
  }
  std::vector<AblationScores> scores;
  try {
    for (const AblationRun& run : runs) {
      notice("{}{}", run.variant->name, run.loads() ? "" : fmt::format(", seed {}", run.seed));
      if (!run.loads() && !(run.of ? take_stage(plan, run) : train_run(plan, run))) throw Stopped{"signal"};
      scores.push_back(score_ablation(plan, run, flags));
    }
  } catch (const Stopped& stopped) {
    notice("stopped: {}; the same command goes on", stopped.reason);
    return 128 + stop_signal();
  }
  const Json table = ablation_table(plan, scores, flags.resamples);
  write_file_atomic(fs::path(flags.out) / "table.json", table.dump(1) + "\n");
  const std::string text = ablation_markdown(table);
  write_file_atomic(fs::path(flags.out) / "table.md", text);
  print_raw(text);
  return 0;
}

}  // namespace

void add_ablate(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<AblateFlags>();
  CLI::App* verb =
      app.add_subcommand("ablate", "variants of a recipe: each trained, scored, one table with intervals");
  verb->add_option("--config", flags->config,
                   "file of variants, seeds, benchmarks and columns (recipes/ablations)")
      ->required();
  verb->add_option("-o,--out", flags->out,
                   "folder: VARIANT/seed-N, table.json, table.md; the same command goes on")
      ->required();
  verb->add_option("--only", flags->only, "variants, with commas between them");
  verb->add_option("-b,--batch", flags->batch, "questions answered together")->check(CLI::Range(1, 1024));
  verb->add_option("--resamples", flags->resamples, "of the intervals")->check(CLI::Range(100, 1000000));
  verb->add_option("-t,--threads", flags->clips.threads,
                   "of the questions; 0: all cores (of training: key threads of the recipe)");
  add_device_flags(*verb, flags->clips);
  verb->add_flag("--dry-run", flags->dry_run,
                 "check the file and every recipe, list the runs, train nothing");
  verb->footer("example: af2 ablate --config recipes/ablations/toy.yaml -o runs/ablations-toy");
  verb->callback([flags, &runner] { runner = [flags] { return run_ablate(*flags); }; });
}

}  // namespace af2
