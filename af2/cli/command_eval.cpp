// `af2 eval`: benchmarks listed and checked, a model run on them, its answers scored.
#include <algorithm>
#include <cstdlib>
#include <memory>

#include "af2/cli/command.h"
#include "af2/cli/eval_engine.h"
#include "af2/cli/eval_flags.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/eval/benchmark_texts.h"
#include "af2/eval/result_cache.h"
#include "af2/eval/run.h"
#include "af2/eval/scored_run.h"
#include "af2/eval/summary.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

void add_eval_list(CLI::App& eval, CommandRunner& runner) {
  struct Flags {
    std::string folder;
    bool json = false, own = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = eval.add_subcommand("list", "the benchmarks that af2 knows, with the state of each");
  verb->add_option("--benchmarks", flags->folder, "folder of benchmark files; without it those of af2");
  verb->add_flag("--own", flags->own, "the project's own sets instead");
  verb->add_flag("--json", flags->json, "as JSON");
  verb->callback([flags, &runner] {
    runner = [flags] {
      const fs::path folder = benchmark_folder(flags->folder);
      const std::vector<Benchmark> all = read_benchmarks(flags->own ? folder / "own" : folder);
      print_raw(flags->json ? benchmark_list_json(all).dump(1) + "\n" : benchmark_list_text(all));
      return 0;
    };
  });
}

void add_eval_info(CLI::App& eval, CommandRunner& runner) {
  struct Flags {
    BenchmarkFlags benchmark;
    bool json = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = eval.add_subcommand("info", "what a benchmark is, where its data comes from, its traps");
  verb->add_option("benchmark", flags->benchmark.id, "id of a benchmark, or its file")->required();
  verb->add_option("--benchmarks", flags->benchmark.folder,
                   "folder of benchmark files; without it those of af2");
  verb->add_flag("--json", flags->json, "as JSON");
  verb->callback([flags, &runner] {
    runner = [flags] {
      const Benchmark benchmark = named_benchmark(flags->benchmark);
      print_raw(flags->json ? benchmark_info_json(benchmark).dump(1) + "\n" : benchmark_info_text(benchmark));
      return 0;
    };
  });
}

void add_eval_check(CLI::App& eval, CommandRunner& runner) {
  struct Flags {
    BenchmarkFlags benchmark;
    bool json = false, open = false;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = eval.add_subcommand(
      "check", "whether a benchmark's data is there and whole: counts, clips, a sample prompt");
  add_benchmark_flags(*verb, flags->benchmark);
  verb->add_flag("--open", flags->open, "decode every clip too");
  verb->add_flag("--json", flags->json, "as JSON");
  verb->callback([flags, &runner] {
    runner = [flags] {
      const Benchmark benchmark = named_benchmark(flags->benchmark);
      const fs::path root = root_of(flags->benchmark, benchmark);
      ReadItemsOptions options;
      options.allow_partial = true;  // all of it is told
      options.open_audio = flags->open;
      const BenchmarkItems items = read_items(benchmark, root, options);
      print_raw(flags->json ? benchmark_check_json(benchmark, root, items).dump(1) + "\n"
                            : benchmark_check_text(benchmark, root, items));
      return is_complete(items) || flags->benchmark.allow_partial ? 0 : static_cast<int>(ErrorKind::kData);
    };
  });
}

struct EvalRunFlags {
  BenchmarkFlags benchmark;
  ClapFlags clap;
  EndpointOptions endpoint;
  RunOptions run;
  std::string out, baselines = "all", windows, cache;
  bool no_cache = false;
  int text_form = 0;
  double keep_s = kHeardSeconds;
};

// What `--baselines` names: all that a model can be asked beside the score, none, or a list.
std::vector<std::string> named_baselines(const EvalRunFlags& flags, const Benchmark& benchmark) {
  if (flags.baselines == "none") return {};
  if (flags.baselines != "all") return split(flags.baselines, ',');
  std::vector<std::string> names;
  const bool endpoint = !flags.endpoint.url.empty();
  for (const std::string& name : model_baselines()) {
    const bool listed =
        std::find(benchmark.baselines.begin(), benchmark.baselines.end(), name) != benchmark.baselines.end();
    const bool long_only = name == "first_window_only" || name == "cascade";
    if (long_only && !listed) continue;
    if (endpoint && (name == "silence" || long_only)) continue;
    if (endpoint && flags.endpoint.sound == "none" && (name == "audio_off" || name == "shuffled_audio"))
      continue;
    names.push_back(name);
  }
  return names;
}

Json windows_of(const std::string& flag) {
  if (flag.empty()) return Json();
  if (flag == "auto" || flag == "all" || flag == "scan") return flag;
  const int n = std::atoi(flag.c_str());
  if (n < 1 || std::to_string(n) != flag)
    throw user_error("must be auto, all, scan or a number above 0", "--windows");
  return n;
}

// The cap of the engine: 0 its own.
int window_cap(const Json& windows) {
  constexpr int kAllWindows = 1 << 20;
  if (windows.is_number()) return windows.get<int>();
  return windows == "all" ? kAllWindows : 0;
}

int run_eval(EvalRunFlags flags) {
  install_stop_signals();
  const Benchmark benchmark = named_benchmark(flags.benchmark);
  const BenchmarkItems items = items_of(flags.benchmark, benchmark);
  flags.run.out = flags.out, flags.run.root = flags.benchmark.root,
  flags.run.windows = windows_of(flags.windows);
  const std::string sha256 = data_sha256(items);
  std::unique_ptr<ResultCache> cache;
  const auto open_cache = [&](const std::string& hash) {
    if (flags.no_cache) return;
    cache = std::make_unique<ResultCache>(
        flags.cache.empty() ? default_cache_folder() : fs::path(flags.cache), hash);
    flags.run.cache = cache.get();
  };
  RunResult result;
  Json facts;
  if (compares_vectors(benchmark)) {
    VectorModel model = vector_model(flags.clap);
    open_cache(model.hash), facts = model.facts;
    result = run_vectors(benchmark, items.labels, items.items, sha256, model, flags.run, flags.text_form);
  } else {
    flags.run.baselines = named_baselines(flags, benchmark);
    if (!flags.endpoint.url.empty() && flags.clap.clips.contrast)
      throw user_error("needs a model that is not behind an endpoint", "--contrast");
    const Json windows = flags.run.windows.is_null() ? benchmark.decoding.windows : flags.run.windows;
    EvalModel model = flags.endpoint.url.empty()
                          ? engine_model(flags.clap.clips, window_cap(windows), flags.keep_s)
                          : endpoint_eval_model(flags.endpoint);
    open_cache(model.hash), facts = model.facts;
    result = run_benchmark(benchmark, items.labels, items.items, sha256, model, flags.run);
  }
  write_file_atomic(flags.run.out / "model.json", facts.dump(1) + "\n");
  notice("{}: {} answers about {} items, {} from the cache, {} failed, {:.0f} s", benchmark.id, result.asks,
         result.items, result.cached, result.failed, result.seconds);
  if (!result.stopped.empty()) {
    notice("stopped: {}; the same command goes on", result.stopped);
    return stop_signal() ? 128 + stop_signal() : static_cast<int>(ErrorKind::kRemote);
  }
  print_line(flags.out);
  return result.failed > 0 ? 4 : 0;
}

void add_eval_run(CLI::App& eval, CommandRunner& runner) {
  auto flags = std::make_shared<EvalRunFlags>();
  CLI::App* verb = eval.add_subcommand("run", "a model answers every item of a benchmark");
  add_benchmark_flags(*verb, flags->benchmark);
  verb->add_option("-o,--out", flags->out, "run folder; the same command goes on where it was cut")
      ->required();
  add_clap_model_flags(*verb, flags->clap);
  verb->add_option("--endpoint", flags->endpoint.url,
                   "an OpenAI-compatible endpoint in place of a model here; key in AF2_API_KEY");
  verb->add_option("--endpoint-model", flags->endpoint.model, "the model's name there");
  verb->add_option("--endpoint-sound", flags->endpoint.sound,
                   "what goes there of the clip: input_audio, or none")
      ->check(CLI::IsMember({"input_audio", "none"}));
  verb->add_option("--endpoint-parallel", flags->endpoint.parallel, "calls at once");
  verb->add_option("--endpoint-timeout", flags->endpoint.timeout_s, "seconds a reply may take");
  verb->add_option("--endpoint-tries", flags->endpoint.tries, "tries of a call");
  verb->add_option("--endpoint-max-seconds", flags->endpoint.max_seconds,
                   "of sound that is sent; 0: all of it");
  verb->add_option("--prompt-name", flags->run.prompt, "which of the benchmark's prompts");
  verb->add_option(
      "--baselines", flags->baselines,
      "all (what a model can be asked beside the score), none, or some of: " + join(model_baselines(), ", "));
  verb->add_flag("--likeliest", flags->run.likeliest,
                 "items with options: the likeliest of them, nothing is written");
  add_contrast_flag(*verb, flags->clap.clips);
  verb->add_option("-b,--batch", flags->run.batch, "questions answered together")->check(CLI::Range(1, 1024));
  verb->add_option(
          "--keep-heard", flags->keep_s,
          "seconds of sound that stay heard while questions about them follow; 0: each question hears "
          "its clip anew")
      ->check(CLI::NonNegativeNumber);
  verb->add_option("-n,--max-tokens", flags->run.max_new_tokens,
                   "new tokens at most; without it as the benchmark says");
  verb->add_option(
      "--windows", flags->windows,
      "cap of 10 s windows: auto (the model's), all, or a number; scan: longer clips are heard stretch by "
      "stretch, and the answers combined (af2 ask --long scan)");
  verb->add_option("--limit", flags->run.limit, "the first so many items")->check(CLI::NonNegativeNumber);
  verb->add_option("--seed", flags->run.seed, "of which clip stands for which in shuffled_audio");
  verb->add_option("--template", flags->text_form,
                   "zero-shot: 0 the usual template, 1 and on its alternatives");
  verb->add_option("--cache", flags->cache,
                   "folder of kept replies; without it AF2_CACHE_DIR/eval or ~/.cache/af2/eval");
  verb->add_flag("--no-cache", flags->no_cache, "ask everything, keep nothing");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 eval run esc50 --root /data/ESC-50 -o runs/esc50\n"
      "  af2 eval run mmau_mini --root /data/mmau --endpoint http://127.0.0.1:8000/v1 --endpoint-model "
      "qwen2-audio -o "
      "runs/qwen");
  verb->callback([flags, &runner] { runner = [flags] { return run_eval(*flags); }; });
}

void add_eval_score(CLI::App& eval, CommandRunner& runner) {
  struct Flags {
    BenchmarkFlags benchmark;
    std::string run, model, predictions;
    bool no_tower = false, json = false;
    int threads = 0;
    ScoreOptions options;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb =
      eval.add_subcommand("score", "what a run is worth: metrics with intervals, baselines beside them");
  verb->add_option("run", flags->run, "folder of the run")->required();
  add_benchmark_flags(*verb, flags->benchmark);
  verb->add_option("--predictions", flags->predictions, "of another program in place of the run's own");
  verb->add_option("-m,--model", flags->model,
                   "model whose AF-CLAP compares texts; without it the bundled one");
  verb->add_flag("--no-tower", flags->no_tower, "rules and metrics that compare texts by a model stay open");
  verb->add_option("--resamples", flags->options.resamples, "of the intervals")
      ->check(CLI::Range(100, 1000000));
  verb->add_option("--seed", flags->options.seed, "of the resamples");
  verb->add_option("-t,--threads", flags->threads, "threads; 0: all cores");
  verb->add_flag("--json", flags->json, "print summary.json");
  verb->callback([flags, &runner] {
    runner = [flags] {
      const Benchmark benchmark = named_benchmark(flags->benchmark);
      const BenchmarkItems items = items_of(flags->benchmark, benchmark);
      flags->options.foreign = flags->predictions;
      if (!flags->no_tower) flags->options.tools = text_tower(flags->model, flags->threads);
      const Json summary = score_run(flags->run, benchmark, items, flags->options);
      if (flags->json) {
        print_line(summary.dump());
        return 0;
      }
      print_raw(summary_text(summary));
      return 0;
    };
  });
}

}  // namespace

void add_eval(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  CLI::App* eval =
      app.add_subcommand("eval", "scores a model on benchmarks, and says what the score is worth");
  eval->require_subcommand(1);
  add_eval_list(*eval, runner);
  add_eval_info(*eval, runner);
  add_eval_check(*eval, runner);
  add_eval_run(*eval, runner);
  add_eval_score(*eval, runner);
  add_eval_judge(*eval, runner);
  add_eval_reports(*eval, runner);
}

}  // namespace af2
