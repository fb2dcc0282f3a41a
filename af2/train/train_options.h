// The recipe of a training run: every key of a file in recipes/, with its default.
//
// Five tasks share the loop and the checkpoints: `tower` trains the audio tower on the labels of
// rendered scenes, `listener` the audio transformer on how often and in which order they sound, `adapter`
// trains the audio transformer and the gated cross-attention (docs/spec/training.md section 1) on questions
// about them, with the language model frozen, `clap` both towers of AF-CLAP (section 5) on their captions,
// and `stage` any parts of the model on question sets: a stage of the curriculum (stage_options.h). A recipe
// may hold several stages (stages.h). Thread rule: plain values.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/captions.h"
#include "af2/data/questions.h"
#include "af2/train/stage_options.h"

namespace af2 {

struct OptimizerOptions {
  double lr = 1e-4;
  double tower_lr_scale = 0.1;
  double gate_lr_scale = 1;
  double transformer_lr_scale = 1;
  int warmup_steps = 100;
  std::string schedule = "constant";
  double final_lr_share = 0.02;
  double weight_decay = 0.1;
  double beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8;
  double clip_norm = 1.0;
  double ema = 0;

  template <class V>
  void visit(V& v) {
    v.field("lr", lr, "peak learning rate");
    v.field("tower_lr_scale", tower_lr_scale, "of the tower, where it is trained beside the adapter");
    v.field("gate_lr_scale", gate_lr_scale, "of the cross-attention's gates, which begin at 0");
    v.field("transformer_lr_scale", transformer_lr_scale,
            "of the audio transformer: at the rate of the cross-attention its output can become a constant");
    v.field("warmup_steps", warmup_steps, "steps of linear warm-up");
    v.field("schedule", schedule, "after warm-up: constant, linear or cosine");
    v.field("final_lr_share", final_lr_share, "of the peak, where linear and cosine end");
    v.field("weight_decay", weight_decay, "AdamW; norms, biases, gates and added tokens have none");
    v.field("beta1", beta1, "AdamW");
    v.field("beta2", beta2, "AdamW");
    v.field("epsilon", epsilon, "AdamW");
    v.field("clip_norm", clip_norm, "global gradient norm; 0 switches clipping off");
    v.field("ema", ema,
            "a moving average of the trained weights, such as 0.999, becomes the run's model; 0: the weights "
            "themselves");
  }
};

struct TowerTaskOptions {
  double background_weight = 0.3;
  double label_smoothing = 0.05;
  double clip_weight = 0.5;
  int time_stripes = 2, max_time_stripe = 63, mel_stripes = 2, max_mel_stripe = 7;
  double onset_weight = 1;
  bool freeze_stem = false;
  double feature_weight = 3;
  double stem_dropout = 0;

  template <class V>
  void visit(V& v) {
    v.field("background_weight", background_weight, "weight of time steps where nothing sounds");
    v.field("label_smoothing", label_smoothing, "share spread over all classes");
    v.field("clip_weight", clip_weight, "weight of the loss of the whole window's classes");
    v.field("time_stripes", time_stripes, "SpecAugment: masked stretches of frames");
    v.field("max_time_stripe", max_time_stripe, "frames of the longest");
    v.field("mel_stripes", mel_stripes, "SpecAugment: masked groups of mel bands");
    v.field("max_mel_stripe", max_mel_stripe, "bands of the widest");
    v.field("onset_weight", onset_weight, "weight of the loss of how many sounds begin in a time step");
    v.field("freeze_stem", freeze_stem,
            "the stem stays as init gives it; its features at each time step are predicted too, and kept "
            "for the scenes of a pool");
    v.field("feature_weight", feature_weight, "weight of that loss");
    v.field("stem_dropout", stem_dropout,
            "share of a frozen stem's values (task clap: of its channels) that are dropped in training");
  }
};

// AF-CLAP (docs/spec/training.md section 5).
struct ClapTaskOptions {
  std::string objective = "afclap";
  std::vector<std::string> pairs, val_pairs;
  CaptionOptions captions;
  bool symmetric = false;
  bool mask_true = true;
  double edit_weight = 0, label_weight = 0;
  double single_share = 0.3;
  double min_single_seconds = 1, max_single_seconds = 5;
  double join_share = 0;
  int most_pieces = 3;
  double quiet_share = 0;
  int recordings = 0, recording_forms = 3;
  int val_scenes = 200;

  template <class V>
  void visit(V& v) {
    v.field("objective", objective,
            "afclap: positives summed inside the logarithm, own negatives; infonce: pairs, both directions");
    v.field(
        "pairs", pairs,
        "files of clips and texts (af2 data clap; .jsonl, or .tar shards) to train on in place of scenes of "
        "the bank");
    v.field("val_pairs", val_pairs, "the same for validation; with both, bank may be empty");
    v.field("captions", captions, "texts of a clip");
    v.field("symmetric", symmetric, "afclap: also each caption among the clips");
    v.field("mask_true", mask_true,
            "captions of other clips that the labels show to be true of this one are no rivals; false: only "
            "equal ones");
    v.field("edit_weight", edit_weight,
            "weight of a loss of each caption against each of its own negatives alone (objective afclap)");
    v.field("label_weight", label_weight,
            "weight of a loss of each sound's name, among the names of the sounds that a clip lacks");
    v.field("single_share", single_share, "share of clips that are one sound alone");
    v.field("min_single_seconds", min_single_seconds, "shortest of them");
    v.field("max_single_seconds", max_single_seconds, "longest of them");
    v.field("join_share", join_share,
            "share of clips that are joined from stretches of the pool's scenes; needs tower.freeze_stem");
    v.field("quiet_share", quiet_share,
            "share of clips that are stretches of the pool's scenes without their sounds: silence, noise");
    v.field("most_pieces", most_pieces, "stretches of such a clip, one at least");
    v.field("recordings", recordings,
            "recordings of the bank heard beside the clips of each batch, without captions: for label_weight "
            "alone");
    v.field("recording_forms", recording_forms,
            "in how many forms each of them is heard: as it is, and augmented");
    v.field("val_scenes", val_scenes, "scenes of the retrieval validation");
  }
};

struct TrainOptions {
  std::string task = "adapter";
  std::string model;
  Json architecture = Json::object();
  std::string init;
  std::string bank = "bank";
  std::string train_split = "train", val_split = "val";
  QaSourceOptions data;
  OptimizerOptions optimizer;
  TowerTaskOptions tower;
  ClapTaskOptions clap;
  StageOptions stage;
  bool strict_init = false;
  bool train_tower = false;
  double token_shift = 0;
  double cell_dropout = 0;
  int scene_pool = 0;
  std::vector<int> join_scenes = {1};
  int steps = 1000;
  int stop_after = 0;
  int batch = 16;
  int accumulate = 1;
  std::string precision = "fp32";
  int seed = 42;
  int threads = 0;
  int workers = 1;
  int save_every = 500;
  double save_minutes = 10;
  int keep = 2;
  int keep_every = 0;
  int val_every = 500;
  int val_items = 200;
  double rank_timeout_s = 600;
  double divergence = 3;
  bool shard_optimizer = false;
  bool deterministic = false;

  template <class V>
  void visit(V& v) {
    v.field("task", task, "tower, listener, adapter, clap or stage");
    v.field("model", model, "folder with config.json and lm.gguf (tower, clap: config.json is enough)");
    v.field(
        "architecture", architecture,
        "task stage: keys of config.json, or a file of them (recipes/encoders), that make another network "
        "around the same language model, from fresh values: {xattn: {every: 3}}");
    v.field("init", init,
            "run, checkpoint, model folder or safetensors file whose tensors are taken where names agree");
    v.field("bank", bank, "sound bank (tools/sound_bank)");
    v.field("train_split", train_split, "split of the bank to train on");
    v.field("val_split", val_split, "split for tuning");
    v.field("data", data, "scenes and questions");
    v.field("optimizer", optimizer, "AdamW and its schedule");
    v.field("tower", tower, "losses of the tower task; its masks and its frozen stem in the clap task too");
    v.field("clap", clap, "objective and texts of the clap task");
    v.field("stage", stage, "what the stage task trains, and on which sets");
    v.field("strict_init", strict_init, "task stage: init must hold every tensor of the model and no other");
    v.field("train_tower", train_tower, "adapter task: train the tower too");
    v.field(
        "token_shift", token_shift,
        "listener and adapter: audio tokens move by up to this share of the way from their scene's mean to "
        "another's, "
        "so that they are as unsure as those of recordings the tower never saw");
    v.field("cell_dropout", cell_dropout,
            "listener, adapter and stage, of a model with clap.cells: share of what a frozen stem hears that "
            "is left "
            "out of a clip in training, so that nothing leans on a few of its channels");
    v.field("scene_pool", scene_pool,
            "scenes in all, used again after the last (adapter: with other questions); 0: always new ones");
    v.field(
        "join_scenes", join_scenes,
        "listener: scenes of a clip, a window each, in the steps in turn ([1, 2, 3]); batch is in scenes");
    v.field("steps", steps,
            "optimizer steps, over which the schedule runs; task stage: follow from its sets");
    v.field("stop_after", stop_after, "end after this many of them; 0: after all");
    v.field("batch", batch, "scenes (tower, listener) or questions (adapter) of a micro-batch");
    v.field("accumulate", accumulate, "micro-batches of a step; task stage: see stage.batches_per_step");
    v.field("precision", precision, "fp32, bf16 autocast, or auto: bf16 where the processor has it");
    v.field("seed", seed, "every draw is named by it");
    v.field("threads", threads, "of the model; 0: all cores");
    v.field("workers", workers, "threads that render scenes ahead");
    v.field("save_every", save_every, "steps between checkpoints; 0, task stage: at the end of each slice");
    v.field("save_minutes", save_minutes, "minutes between checkpoints");
    v.field("keep", keep, "checkpoints that stay, the newest ones");
    v.field("keep_every", keep_every, "of the checkpoints every so many stays for good; 0: none does");
    v.field("val_every", val_every,
            "steps between validations; 0, task stage: at the end of every fifth slice");
    v.field("val_items", val_items, "recordings or questions of a validation; task stage: of each set");
    v.field("rank_timeout_s", rank_timeout_s, "several ranks: how long they wait for each other, seconds");
    v.field("divergence", divergence,
            "the run ends, with a dump, where the median loss of 20 steps is so many times the lowest before "
            "and half of "
            "what was gained is lost; 0: never");
    v.field("shard_optimizer", shard_optimizer,
            "several ranks: each keeps the optimizer's moments of its share of the tensors alone (ZeRO-1)");
    v.field("deterministic", deterministic, "bit-equal resume: one thread per product where needed");
  }

  // Throws kUser, naming the key.
  void check(const std::string& where) const;
};

// Reads a recipe (YAML or JSON). Key `base` names another one beside it, whose keys hold wherever this one
// has none of its own. Throws kUser with file and key: unknown keys, values out of range, a base that leads
// back to itself, several stages (stages.h); kData or kUser where a file cannot be read.
TrainOptions read_train_options(const std::filesystem::path& path);
// Its keys, with those of its bases below.
Json read_recipe_keys(const std::filesystem::path& path);
// Options of such keys, checked; `where` names them in errors.
TrainOptions train_options_from(const Json& keys, const std::string& where);

// Learning rate of optimizer step `step` (0-based, of `steps`): linear warm-up, then the schedule.
double learning_rate(const OptimizerOptions& options, std::int64_t step, std::int64_t steps);

}  // namespace af2
