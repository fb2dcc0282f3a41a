#include "af2/train/stages.h"

#include <fmt/format.h>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/train/ranks.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

fs::path folder_of_stage(const fs::path& run, const TrainOptions& options) {
  return run / ("stage-" + options.stage.name);
}

// Places of the chosen ones.
std::vector<std::size_t> chosen_stages(const std::vector<TrainOptions>& stages, const std::string& which) {
  std::vector<std::size_t> chosen;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < stages.size(); ++i) {
    const std::string& name = stages[i].stage.name;
    names.push_back(name);
    if (which == "all" || which == name) chosen.push_back(i);
  }
  for (std::size_t i = 0; chosen.empty() && i < stages.size(); ++i)
    if (which == std::to_string(i + 1)) chosen.push_back(i);
  if (chosen.empty())
    throw user_error("is no stage of the recipe", "--stage " + which,
                     "give all, or one of " + join(names, ", "));
  return chosen;
}

}  // namespace

std::vector<TrainOptions> read_train_stages(const fs::path& recipe) {
  Json keys = read_recipe_keys(recipe);
  if (!keys.contains("stages")) return {train_options_from(keys, recipe.string())};
  const Json list = keys["stages"];
  keys.erase("stages");
  if (!list.is_array() || list.empty())
    throw user_error("must be a list of stages", recipe.string() + " key stages", "correct the recipe");
  std::vector<TrainOptions> stages;
  std::string lm_trained_by;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("{} key stages[{}]", recipe.string(), i);
    if (!list[i].is_object()) throw user_error("must be a table of keys", where, "correct the recipe");
    Json own = keys;
    if (i > 0) own.erase("init");  // the recipe's is where the first one starts
    own.merge_patch(list[i]);
    TrainOptions options = train_options_from(own, where);
    if (options.stage.name.empty()) options.stage.name = std::to_string(i + 1);
    for (const TrainOptions& before : stages)
      if (before.stage.name == options.stage.name)
        throw user_error("is the name of two stages: " + options.stage.name, where + ".stage.name",
                         "name each its own way");
    options.stage.lm_trained_before = options.stage.lm_trained_before || !lm_trained_by.empty();
    if (options.stage.trains("lm") || options.stage.train_embeddings == "all")
      lm_trained_by = options.stage.name;
    stages.push_back(std::move(options));
  }
  return stages;
}

TrainResult train_stages(std::vector<TrainOptions> stages, const std::string& which, const fs::path& run,
                         const StagesRun& how) {
  for (TrainOptions& options : stages) {
    if (how.stop_after > 0) (options.task == "stage" ? options.stop_after : options.steps) = how.stop_after;
    if (how.threads > 0) options.threads = how.threads;
  }
  if (stages.size() == 1) {
    if (which != "all") chosen_stages(stages, which);
    return train(stages.front(), run, how.resume, how.allowed_changes);
  }
  for (std::size_t i = 1; i < stages.size(); ++i) {
    if (!stages[i].init.empty()) continue;  // it says itself where it starts
    stages[i].init = folder_of_stage(run, stages[i - 1]).string();
    stages[i].strict_init = stages[i].task == "stage" && stages[i - 1].task == "stage";
  }
  // One meeting of the ranks for all stages.
  const std::shared_ptr<Ranks> ranks = Ranks::from_environment(stages.front().rank_timeout_s);
  TrainResult result;
  for (const std::size_t i : chosen_stages(stages, which)) {
    const TrainOptions& options = stages[i];
    const fs::path folder = folder_of_stage(run, options);
    if (how.resume && is_finished(options, folder, how.allowed_changes)) {
      notice("stage {} is finished: {}", options.stage.name, folder.string());
      result.finished = true;
      continue;
    }
    if (i > 0 && stages[i].init == folder_of_stage(run, stages[i - 1]).string() &&
        !is_finished(stages[i - 1], folder_of_stage(run, stages[i - 1]), how.allowed_changes))
      throw user_error("has not finished", "stage " + stages[i - 1].stage.name,
                       "train it first, or all stages in a row with --stage all");
    notice("stage {} of {}: {}", i + 1, stages.size(), options.stage.name);
    result = train(options, folder, how.resume, how.allowed_changes, ranks);
    if (!result.finished) break;
  }
  return result;
}

fs::path named_stage_folder(const std::vector<TrainOptions>& stages, const std::string& name,
                            const fs::path& run) {
  std::vector<std::string> names;
  for (const TrainOptions& stage : stages) {
    if (stage.stage.name == name) return stages.size() == 1 ? run : folder_of_stage(run, stage);
    names.push_back(stage.stage.name);
  }
  throw user_error("is no stage of the recipe: " + name, run.string(), "one of: " + join(names, ", "));
}

fs::path last_stage_folder(const std::vector<TrainOptions>& stages, const fs::path& run) {
  return stages.size() == 1 ? run : folder_of_stage(run, stages.back());
}

}  // namespace af2
