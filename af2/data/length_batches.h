// Batches of clips of about a length, and which of them make one step (docs/spec/training.md section 4).
//
// A batch costs its number of clips times the windows of the longest: what is computed, padding with it. The
// items of a slice are batched bucket by bucket in the slice's order; batches of near-equal cost make a step,
// one for each rank and micro-batch; steps are shuffled. What does not fill a step moves to the next slice;
// at the run's end it is a smaller step. All of it is a function of the plan: how many ranks share a step
// changes nothing. Thread rule: free functions and plain values; StepPlan has one owner.
//
//   StepPlan plan(blend, {.max_windows = 64, .max_clips = 32}, /*batches_per_step=*/8);
//   while (std::optional<TrainStep> step = plan.next()) train(step->batches);
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "af2/data/blend.h"

namespace af2 {

struct BatchLimits {
  std::int64_t max_windows = 0;  // of a batch: clips x windows of the longest
  std::int64_t max_clips = 0;    // of a batch
  std::int64_t multiple = 2;     // batches have fewer clips than this, or a multiple of it, where they can
};

// [first, end) of each batch over items in their order, `windows` of each. Throws kUser for limits below 1
// and for an item that passes max_windows alone, naming it by its place.
std::vector<std::pair<std::size_t, std::size_t>> batch_ranges(std::span<const std::int32_t> windows,
                                                              const BatchLimits& limits);

struct LengthBatch {
  std::vector<BlendItem> items;
  std::int32_t windows = 0;  // of the longest
  std::int64_t cost() const { return static_cast<std::int64_t>(items.size()) * windows; }
  bool operator==(const LengthBatch&) const = default;
};

// The batches of items in the order of a slice: by bucket, the shortest first.
std::vector<LengthBatch> length_batches(const std::vector<BlendItem>& items, const BatchLimits& limits);

struct TrainStep {
  std::int64_t slice = 0, index = 0;  // index: of the slice
  // batches_per_step of them, fewer in the run's last: batch k is micro-batch k / ranks of rank k % ranks.
  std::vector<LengthBatch> batches;
};

// What of a batch is padding, over many.
struct PaddingShare {
  std::int64_t windows = 0, computed = 0;
  double share() const {
    return computed > 0 ? 1 - static_cast<double>(windows) / static_cast<double>(computed) : 0;
  }
  void add(const LengthBatch& batch);
};

class StepPlan {
 public:
  // Keeps a reference to `blend`. Throws kUser as batch_ranges, and for fewer than one batch a step.
  StepPlan(const Blend& blend, BatchLimits limits, std::int64_t batches_per_step);

  // The next step; nothing after the last.
  std::optional<TrainStep> next();
  // Goes on after so many steps, as after as many calls of next() from the beginning.
  void start_at(std::int64_t steps);
  // Steps of the run, and what of all that they compute is padding. Walks the whole plan once.
  std::int64_t steps();
  const PaddingShare& padding();
  // How many steps are done at the end of each slice that ends one, ascending.
  const std::vector<std::int64_t>& slice_ends();

 private:
  void fill();   // steps_ from the next slice
  void count();  // total_, padding_ and slice_ends_

  const Blend& blend_;
  BatchLimits limits_;
  std::size_t per_step_;
  std::int64_t slice_ = 0, done_ = 0, total_ = -1;
  std::size_t at_ = 0;              // in steps_
  std::vector<TrainStep> steps_;    // of the slice at hand
  std::vector<LengthBatch> moved_;  // that no step was full of
  PaddingShare padding_;
  std::vector<std::int64_t> slice_ends_;
};

}  // namespace af2
