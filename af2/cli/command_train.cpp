// `af2 train`: runs a recipe.
#include "af2/cli/command.h"
#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/signal.h"
#include "af2/train/trainer.h"

namespace af2 {
namespace {

struct TrainFlags {
  std::string config, out;
  bool resume = false;
  int steps = 0, threads = 0;
};

int run(const TrainFlags& flags, bool clap) {
  install_stop_signals();
  TrainOptions options = read_train_options(flags.config);
  if (clap && options.task != "clap")
    throw user_error("is the recipe of another task: " + options.task, flags.config + " key task",
                     "run it with af2 train");
  if (flags.steps > 0) options.steps = flags.steps;
  if (flags.threads > 0) options.threads = flags.threads;
  const TrainResult result = train(options, flags.out, flags.resume);
  notice("{} after {} steps; checkpoint {}", result.finished ? "finished" : "stopped", result.steps,
         result.checkpoint.string());
  return result.finished ? 0 : 128 + result.signal;
}

}  // namespace

void add_train(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  const auto add = [&](const std::string& name, const std::string& what, const std::string& example,
                       bool clap) {
    auto flags = std::make_shared<TrainFlags>();
    CLI::App* verb = app.add_subcommand(name, what + "; stops at SIGTERM with a checkpoint");
    verb->add_option("--config", flags->config, "recipe (recipes/…, YAML or JSON)")->required();
    verb->add_option("--out", flags->out,
                     "run folder: checkpoints, metrics.jsonl, config.json, run.html to watch it")
        ->required();
    verb->add_flag("--resume", flags->resume, "go on from the run folder's last checkpoint");
    verb->add_option("--steps", flags->steps, "optimizer steps, instead of the recipe's");
    verb->add_option("-t,--threads", flags->threads, "threads of the model");
    verb->footer("example: af2 " + name + " --config " + example + " --resume");
    verb->callback([flags, clap, &runner] { runner = [flags, clap] { return run(*flags, clap); }; });
  };
  add("train", "train a model by a recipe", "recipes/mini/tower.yaml --out runs/tower", false);
  add("clap-train", "train AF-CLAP by a recipe", "recipes/mini/clap.yaml --out runs/clap", true);
}

}  // namespace af2
