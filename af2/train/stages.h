// A curriculum: the stages of one recipe, trained in a row (docs/spec/training.md sections 1 and 10).
//
// A recipe's `stages` is a list; each entry's keys hold over the recipe's own (so lists replace lists), and
// each stage is a run of its own in RUN/stage-NAME. A stage starts from the weights that the one before ended
// with, all of them and no other; optimizer and schedule are fresh. The recipe's `init` is the first one's. A
// recipe without `stages` is one run in RUN itself. Thread rule: one run at a time in a process.
//
//   const auto stages = read_train_stages("recipes/mini/curriculum.yaml");
//   const TrainResult result = train_stages(stages, "all", "runs/mini", {.resume = true});
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/train/trainer.h"

namespace af2 {

// Options of each stage, in order; stage.name is filled ("1", "2" … where the recipe gives none). Throws as
// read_train_options; kUser for an empty list or a name twice.
std::vector<TrainOptions> read_train_stages(const std::filesystem::path& recipe);

struct StagesRun {
  bool resume = false;
  int stop_after = 0;  // steps of each stage, instead of the recipe's; 0: as there
  int threads = 0;     // instead of the recipe's; 0: as there
  std::vector<std::string> allowed_changes = {};
};

// `which`: "all", a name, or a number from 1. With `resume`, stages that are finished are passed over. Ends
// with the first stage that a signal stopped. Throws as train(); kUser for a stage that is not there, or
// whose predecessor has not finished.
TrainResult train_stages(std::vector<TrainOptions> stages, const std::string& which,
                         const std::filesystem::path& run, const StagesRun& how);

// The folder that the stage named `name` trains in. Throws kUser for a stage that is not there.
std::filesystem::path named_stage_folder(const std::vector<TrainOptions>& stages, const std::string& name,
                                         const std::filesystem::path& run);
// The folder that the last stage trains in: what is exported.
std::filesystem::path last_stage_folder(const std::vector<TrainOptions>& stages,
                                        const std::filesystem::path& run);

}  // namespace af2
