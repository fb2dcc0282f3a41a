// What a training run says of each step, and whether it has begun to diverge.
//
// Loss and gradient norm are told with their z-scores among the last hundred finite steps: a step far out is
// seen before the mean moves. A run diverges when the median loss of the last twenty steps is more than
// `factor` times the lowest such median so far, and half of what was gained since the first is lost; steps
// are compared with those about clips of a length of the same octave. Not the loop (trainer.h), nor what is
// kept of it. Thread rule: one owner.
//
//   StepWatch watch(/*steps=*/1000, /*factor=*/3);
//   const StepSight sight = watch.see({.step = 12, .loss = 0.7, ...});
//   print(sight.line); if (!sight.diverging.empty()) stop();
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>

#include "af2/core/json.h"

namespace af2 {

struct StepFigures {
  std::int64_t step = 0;  // 1-based: after it
  double loss = 0, grad_norm = 0, lr = 0, ms = 0;
  double targets = 0;        // tokens, or what the task counts
  double audio_seconds = 0;  // that were trained on
  std::int64_t skipped = 0;  // steps, of the whole run
  double clip_seconds = 0;   // of the longest clip, in whole windows; 0: all are alike
};

struct StepSight {
  std::string line;  // for people
  Json record;       // for metrics.jsonl: the figures, loss_z, norm_z, audio_rate, target_rate, memory_mb
  std::string diverging;  // why; empty: it does not
};

class StepWatch {
 public:
  // `steps` of the run; `factor` 0: divergence is not looked for.
  StepWatch(std::int64_t steps, double factor);
  StepSight see(const StepFigures& figures);

  // (value - mean) / deviation of the values before; 0 with fewer than ten, or all alike.
  static double z_score(double value, const std::deque<double>& before);

 private:
  struct Alike {
    std::deque<double> losses;            // the last ones
    std::optional<double> first, lowest;  // medians
  };
  std::string divergence(const StepFigures& figures);

  std::int64_t steps_;
  double factor_;
  std::deque<double> losses_, norms_, times_;  // of the last steps, finite ones
  std::map<int, Alike> alike_;                 // by octave of the clips' length
};

// Resident memory of this process in MB, 0 where the system does not tell.
double resident_mb();

}  // namespace af2
