// `af2 train`: runs a recipe.
#include "af2/cli/command.h"
#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/signal.h"
#include "af2/train/stages.h"

namespace af2 {
namespace {

struct TrainFlags {
  std::string config, out, stage = "all";
  bool resume = false;
  int steps = 0, threads = 0;
  std::vector<std::string> allowed_changes;
};

int run(const TrainFlags& flags, bool clap) {
  install_stop_signals();
  const std::vector<TrainOptions> stages = read_train_stages(flags.config);
  if (clap && stages.front().task != "clap")
    throw user_error("is the recipe of another task: " + stages.front().task, flags.config + " key task",
                     "run it with af2 train");
  const TrainResult result = train_stages(stages, flags.stage, flags.out,
                                          {flags.resume, flags.steps, flags.threads, flags.allowed_changes});
  if (result.checkpoint.empty()) {
    notice("nothing to do: all stages are finished");
    return 0;
  }
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
    verb->add_option("--stage", flags->stage,
                     "of a recipe with several: all in a row, or one by its name or number")
        ->capture_default_str();
    verb->add_option("--steps", flags->steps,
                     "optimizer steps, instead of the recipe's (task stage: end after so many)");
    verb->add_option("--allow-change", flags->allowed_changes,
                     "keys of the recipe that may differ from those the run began with");
    verb->add_option("-t,--threads", flags->threads, "threads of the model");
    std::string footer = "example: af2 " + name + " --config " + example + " --resume";
    if (!clap)
      footer +=
          "\nof several stages, each in RUN/stage-NAME: af2 train --config recipes/af2/3b.yaml --out "
          "runs/af2-3b "
          "--stage all --resume";
    verb->footer(footer);
    verb->callback([flags, clap, &runner] { runner = [flags, clap] { return run(*flags, clap); }; });
  };
  add("train", "train a model by a recipe", "recipes/mini/tower.yaml --out runs/tower", false);
  add("clap-train", "train AF-CLAP by a recipe", "recipes/mini/clap.yaml --out runs/clap", true);
}

}  // namespace af2
