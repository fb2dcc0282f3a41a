// What the training loop trains: one of five tasks behind the same few calls.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/json.h"
#include "af2/train/ranks.h"
#include "af2/train/train_options.h"

namespace af2 {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

// Sum of losses over `count` targets (tokens, or weighted time steps): the loop divides once per step, so
// that any split into micro-batches gives the same gradient. On several ranks both are this rank's part: the
// loop adds up those of all ranks.
struct MicroBatchLoss {
  torch::Tensor sum;  // undefined where the rank has nothing to do
  double count = 0;
  double audio_seconds = 0;
  double targets = -1;  // that are told; below 0: `count`
  // Of the longest clip, in whole windows: losses of short and of long clips may lie far apart. 0: clips are
  // all alike.
  double clip_seconds = 0;
};

class TrainTask {
 public:
  virtual ~TrainTask() = default;
  // Parameters that are trained, with the factor of their learning rate.
  struct Trained {
    std::string name;
    torch::Tensor tensor;
    double lr_scale = 1;
    bool decay = true;
  };
  virtual std::vector<Trained> trained() = 0;
  // What a checkpoint holds: trained tensors and the statistics that go with them.
  virtual NamedTensors stored() = 0;
  // Forward of micro-batch `index` (consecutive, from the run's first).
  virtual MicroBatchLoss loss(std::int64_t index) = 0;
  // The loop's order of micro-batches starts at `index` (after a resume).
  virtual void start_at(std::int64_t index) = 0;
  // Figures on the validation split, in eval mode.
  virtual Json validate() = 0;
  virtual void set_training(bool on) = 0;
  // What of the run follows from the data: how many steps there are, and how many micro-batches a step has.
  // Before anything else is asked.
  virtual void settle(TrainOptions& options) { (void)options; }
  // How many steps are done at the end of each part of the run after which a checkpoint is due; empty: the
  // recipe tells.
  virtual std::vector<std::int64_t> marks() { return {}; }
  // Every rank has done its part of a step: what they counted in it becomes what all of them know.
  virtual void end_step() {}
  // What a checkpoint keeps beside tensors, and is told with every step: counts of the whole run.
  virtual Json counters() const { return Json::object(); }
  virtual void set_counters(const Json& counters) { (void)counters; }
  // Throws kInternal where a part that is not trained has changed since the run began.
  virtual void check_frozen() {}
  // What else fixes the run, for its record: sums of data files. A resumed run must have the same.
  virtual void note(Json& record) const { (void)record; }
};

std::unique_ptr<TrainTask> make_tower_task(const TrainOptions& options);
std::unique_ptr<TrainTask> make_listener_task(const TrainOptions& options);
std::unique_ptr<TrainTask> make_clap_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks);
std::unique_ptr<TrainTask> make_adapter_task(const TrainOptions& options);
std::unique_ptr<TrainTask> make_stage_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks);

}  // namespace af2
