// Which batch a rank trains on when, of one stage: sets, blend and steps together, and the plan that is told
// before anything is trained (docs/spec/training.md sections 3, 4 and 8).
//
// A step has `batches_per_step` batches on all ranks together; batch k is micro-batch k / ranks of rank
// k % ranks. Which clips share a batch, and which batches a step, is the same for any number of ranks. No
// torch here. Thread rule: batch() may be called by any thread, with indices that ascend but for as many as
// there are threads.
//
//   StagePlan plan(options, tokens, {.window_s = 10}, /*seed=*/42, /*rank=*/0, /*ranks=*/1);
//   plan.start_at(0);
//   const PlannedBatch first = plan.batch(0);
#pragma once

#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/blend.h"
#include "af2/data/length_batches.h"
#include "af2/train/stage_options.h"

namespace af2 {

struct PlannedBatch {
  std::int64_t step = 0, slice = 0;
  std::int64_t place = 0;  // of the step's batches on all ranks: names its draws
  LengthBatch batch;       // without items where the run's last step has no more
};

class StagePlan {
 public:
  // Throws as read_train_sets, Blend and StepPlan; kUser where the ranks do not divide the batches of a step.
  StagePlan(const StageOptions& options, const TrainTokens& tokens, const TrainWindows& windows,
            std::uint64_t seed, int rank, int ranks);

  const std::vector<TrainSet>& sets() const { return sets_; }
  const TrainItem& item(const BlendItem& one) const { return sets_[one.set].items[one.item]; }
  std::int64_t steps() { return steps_.steps(); }
  // Micro-batches of a step, of this rank.
  std::int64_t per_step() const { return per_step_; }
  // How many steps are done at the end of each slice.
  const std::vector<std::int64_t>& slice_ends() { return steps_.slice_ends(); }
  // Items of a slice.
  std::int64_t slice_items(std::int64_t slice) const { return blend_.count(slice); }

  // The next batch asked for is micro-batch 0 of step `step`.
  void start_at(std::int64_t step);
  // Micro-batch `index` (step * per_step + micro) of this rank.
  PlannedBatch batch(std::int64_t index);

  // {sets, blend, steps, batches_per_step, padding}: for the run's record; and some lines for people.
  Json json();
  std::vector<std::string> lines();

 private:
  std::vector<TrainSet> sets_;
  Blend blend_;
  StepPlan steps_;
  std::int64_t rank_, ranks_, per_step_;
  std::mutex mutex_;
  std::deque<TrainStep> ahead_;
  std::int64_t first_ahead_ = 0;  // step of ahead_.front()
};

}  // namespace af2
