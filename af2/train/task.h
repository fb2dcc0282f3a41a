// What the training loop trains: one of four tasks behind the same few calls.
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
// that any split into micro-batches gives the same gradient. On several ranks the sums of all ranks add up to
// the micro-batch's, and `count` is the whole micro-batch's on each.
struct MicroBatchLoss {
  torch::Tensor sum;
  double count = 0;
  double audio_seconds = 0;
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
  // What else fixes the run, for its record: sums of data files. A resumed run must have the same.
  virtual void note(Json& record) const { (void)record; }
};

std::unique_ptr<TrainTask> make_tower_task(const TrainOptions& options);
std::unique_ptr<TrainTask> make_listener_task(const TrainOptions& options);
std::unique_ptr<TrainTask> make_clap_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks);
std::unique_ptr<TrainTask> make_adapter_task(const TrainOptions& options);

}  // namespace af2
