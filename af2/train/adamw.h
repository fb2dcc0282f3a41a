// AdamW whose whole state is named tensors, so that a checkpoint restores it bit for bit.
//
// Update of Loshchilov and Hutter (decoupled decay), in the order of torch.optim.AdamW; float32 moments.
// libtorch's own keeps its state behind serialisation by position, which a changed list would misread.
// Thread rule: one owner.
#pragma once

#include <vector>

#include "af2/train/task.h"

namespace af2 {

class AdamW {
 public:
  AdamW(std::vector<TrainTask::Trained> items, const OptimizerOptions& options);

  const std::vector<TrainTask::Trained>& items() const { return items_; }
  void zero_grad();
  // Multiplies all gradients by `factor`, then clips their global norm; returns the norm before clipping.
  double scale_and_clip(double factor);
  void step(double lr);
  // Moments: "NAME.exp_avg" and "NAME.exp_avg_sq".
  NamedTensors state() const;
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  std::vector<TrainTask::Trained> items_;
  OptimizerOptions options_;
  std::vector<torch::Tensor> average_, square_;
  std::int64_t updates_ = 0;
};

}  // namespace af2
