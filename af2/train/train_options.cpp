#include "af2/train/train_options.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "af2/core/error.h"
#include "af2/core/options.h"

namespace af2 {

void TrainOptions::check(const std::string& where) const {
  const auto need = [&](bool ok, const char* key, const char* what) {
    if (!ok) throw user_error(what, where + " key " + key, "correct the recipe");
  };
  need(task == "tower" || task == "listener" || task == "adapter" || task == "clap" || task == "stage",
       "task", "must be tower, listener, adapter, clap or stage");
  need(precision == "fp32" || precision == "bf16" || precision == "auto", "precision",
       "must be fp32, bf16 or auto");
  const auto& s = optimizer.schedule;
  need(s == "constant" || s == "linear" || s == "cosine", "optimizer.schedule",
       "must be constant, linear or cosine");
  need(!model.empty(), "model", "names no model folder");
  need(steps > 0, "steps", "must be at least 1");
  need(batch > 0 && accumulate > 0, "batch", "must be at least 1");
  need(task != "adapter" || batch >= data.most_questions, "batch", "must be at least data.most_questions");
  need(optimizer.lr > 0, "optimizer.lr", "must be above 0");
  need(optimizer.ema >= 0 && optimizer.ema < 1, "optimizer.ema", "must be in 0..1, 1 left out");
  if (task == "stage") stage.check(where + " key stage");
  const int least = task == "stage" ? 0 : 1;
  need(save_every >= least, "save_every", "must be at least 1 (task stage: 0)");
  need(val_every >= least, "val_every", "must be at least 1 (task stage: 0)");
  need(keep_every >= 0, "keep_every", "must not be negative");
  need(architecture.is_object(), "architecture", "must be a table of keys");
  need(task == "stage" || architecture.empty(), "architecture", "is for the stage task alone");
  need(task == "stage" || !strict_init, "strict_init", "is for the stage task alone");
  need(keep > 0, "keep", "must be at least 1");
  need(token_shift >= 0 && std::isfinite(token_shift), "token_shift", "must not be negative");
  need(cell_dropout >= 0 && cell_dropout < 1, "cell_dropout", "must be in 0..1, 1 left out");
  need(scene_pool >= 0, "scene_pool", "must not be negative");
  need(!join_scenes.empty(), "join_scenes", "must name a number of scenes");
  for (const int scenes : join_scenes) {
    need(scenes >= 1 && (scenes == 1 || task == "listener"), "join_scenes",
         "must be of numbers of 1 or more, and of 1 alone but in task listener");
    need(batch % scenes == 0, "batch", "must be a multiple of each number of join_scenes");
  }
  need(scene_pool == 0 || !train_tower, "scene_pool",
       "keeps what the tower hears, so the tower cannot be trained beside it");
  need(tower.onset_weight >= 0 && tower.feature_weight >= 0, "tower.feature_weight",
       "must be 0 or more, like tower.onset_weight");
  need(tower.stem_dropout >= 0 && tower.stem_dropout < 1, "tower.stem_dropout", "must be in 0..1");
  need(clap.objective == "afclap" || clap.objective == "infonce", "clap.objective",
       "must be afclap or infonce");
  need(task == "stage" || !bank.empty() || (!clap.pairs.empty() && !clap.val_pairs.empty()), "bank",
       "is empty, so clap.pairs and clap.val_pairs must name files");
  need(task == "clap" || (clap.pairs.empty() && clap.val_pairs.empty()), "clap.pairs",
       "is for the clap task alone");
  need(clap.captions.positives >= 1 && clap.captions.negatives >= 0, "clap.captions",
       "needs a caption, and no fewer negatives than none");
  need(clap.single_share >= 0 && clap.single_share <= 1, "clap.single_share", "must be in 0..1");
  need(clap.min_single_seconds > 0 && clap.max_single_seconds >= clap.min_single_seconds,
       "clap.min_single_seconds", "must be above 0 and no more than clap.max_single_seconds");
  need(clap.pairs.empty() || (clap.join_share == 0 && clap.quiet_share == 0 && clap.label_weight == 0),
       "clap.pairs",
       "holds clips without labels of sounds: clap.join_share, clap.quiet_share and clap.label_weight must "
       "be 0");
  need(clap.join_share == 0 ||
           (clap.join_share > 0 && clap.join_share <= 1 && tower.freeze_stem && scene_pool > 0),
       "clap.join_share", "must be in 0..1, and above 0 only with tower.freeze_stem and scene_pool");
  need(clap.quiet_share == 0 || (clap.quiet_share > 0 && clap.join_share + clap.quiet_share <= 1 &&
                                 tower.freeze_stem && scene_pool > 0),
       "clap.quiet_share",
       "must be in 0..1 with clap.join_share, and above 0 only with tower.freeze_stem and scene_pool");
  need(clap.recordings >= 0, "clap.recordings", "must not be negative");
  need(clap.recordings == 0 || (clap.label_weight > 0 && clap.pairs.empty()), "clap.recordings",
       "are heard for clap.label_weight alone, which must be above 0 then");
  need(clap.recording_forms >= 1, "clap.recording_forms", "must be at least 1");
  need(clap.edit_weight >= 0 && std::isfinite(clap.edit_weight), "clap.edit_weight", "must be 0 or above");
  need(clap.label_weight >= 0 && std::isfinite(clap.label_weight), "clap.label_weight",
       "must not be negative");
  need(clap.most_pieces >= 1, "clap.most_pieces", "must be at least 1");
  need(clap.val_scenes >= 2, "clap.val_scenes", "must be at least 2");
  need(stop_after >= 0, "stop_after", "must not be negative");
  need(rank_timeout_s > 0 && std::isfinite(rank_timeout_s), "rank_timeout_s", "must be above 0");
  need(workers >= 0 && threads >= 0, "workers", "must not be negative");
}

namespace {

// The recipe's keys on top of those of its `base`, where it names one; null takes a key of the base away.
Json with_base(const std::filesystem::path& path, std::vector<std::filesystem::path> above) {
  Json own = read_config_file(path);
  if (!own.is_object() || !own.contains("base")) return own;
  if (!own["base"].is_string())
    throw user_error("must be the name of a recipe", path.string() + " key base", "correct the recipe");
  const auto place = std::filesystem::weakly_canonical(path);
  if (std::find(above.begin(), above.end(), place) != above.end())
    throw user_error("goes back to a recipe that begins with this one", path.string() + " key base",
                     "let one of them name no base");
  above.push_back(place);
  Json keys = with_base(path.parent_path() / own["base"].get<std::string>(), std::move(above));
  own.erase("base");
  keys.merge_patch(own);
  return keys;
}

}  // namespace

TrainOptions read_train_options(const std::filesystem::path& path) {
  const Json keys = read_recipe_keys(path);
  if (keys.contains("stages"))
    throw user_error("holds several stages", path.string() + " key stages",
                     "choose one with --stage, or all");
  return train_options_from(keys, path.string());
}

Json read_recipe_keys(const std::filesystem::path& path) {
  return with_base(path, {});
}

TrainOptions train_options_from(const Json& keys, const std::string& where) {
  TrainOptions options;
  from_json(keys, options, where);
  if (options.architecture.is_string())
    options.architecture = read_config_file(options.architecture.get<std::string>());
  const TrainOptions unsaid;
  if (options.task == "stage" && (options.steps != unsaid.steps || options.batch != unsaid.batch ||
                                  options.accumulate != unsaid.accumulate))
    throw user_error(
        "has steps, batch or accumulate, which follow from stage.sets, stage.max_windows and "
        "stage.batches_per_step",
        where, "take the key out; stop_after ends a stage early");
  options.check(where);
  return options;
}

double learning_rate(const OptimizerOptions& options, std::int64_t step, std::int64_t steps) {
  const double s = static_cast<double>(step);
  if (step < options.warmup_steps) return options.lr * (s + 1) / options.warmup_steps;
  const double span = std::max(1.0, static_cast<double>(steps - options.warmup_steps));
  const double done = std::min(1.0, (s - options.warmup_steps) / span);
  double share = 1;
  if (options.schedule == "constant") return options.lr;
  if (options.schedule == "linear") share = 1 - done;
  if (options.schedule == "cosine") share = 0.5 * (1 + std::cos(std::numbers::pi * done));
  return options.lr * (options.final_lr_share + (1 - options.final_lr_share) * share);
}

}  // namespace af2
