// Runs a recipe: the loop, AdamW, checkpoints that resume bit for bit, the log.
//
// A run folder holds config.json (the recipe as used), metrics.jsonl (one object per step and validation),
// run.html (a plot that an open browser renews), TensorBoard's event files, log lines on stderr, and step-N/
// checkpoints with DONE (af2/io/checkpoint.h): model.safetensors, optimizer.safetensors, state.json; and
// finished.json once all steps are done. A run that diverges leaves divergence-STEP.json: why, the last
// steps, and the norms of every trained tensor and its gradient. Thread rule: one run at a time in a process.
//
//   TrainOptions options = read_train_options("recipes/mini/tower.yaml");
//   TrainResult result = train(options, "runs/tower", /*resume=*/true);
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "af2/train/train_options.h"

namespace af2 {

class Ranks;

struct TrainResult {
  std::int64_t steps = 0;  // done, of the whole run
  bool finished = false;   // false: stopped by a signal, resumable
  int signal = 0;
  std::filesystem::path checkpoint;  // the last one written
};

// Throws kUser (recipe, changed keys on resume, run folder in use), kData (bank), kModel (weights),
// kResource, kInternal when the run diverges (TrainOptions::divergence) or ten steps in a row had no finite
// loss.
// `allowed_changes`: keys ("optimizer.lr", "manifests") that may differ from those the run began with.
// `ranks`: of several runs in a row; empty: those of the environment (ranks.h).
TrainResult train(const TrainOptions& options, const std::filesystem::path& run, bool resume,
                  const std::vector<std::string>& allowed_changes = {},
                  std::shared_ptr<Ranks> ranks = nullptr);

// Whether the run has done all its steps, or stop_after of them. Throws kUser where its recipe was another.
bool is_finished(const TrainOptions& options, const std::filesystem::path& run,
                 const std::vector<std::string>& allowed_changes = {});

}  // namespace af2
