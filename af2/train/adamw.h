// AdamW whose whole state is named tensors, so that a checkpoint restores it bit for bit.
//
// Update of Loshchilov and Hutter (decoupled decay), in the order of torch.optim.AdamW; float32 moments.
// libtorch's own keeps its state behind serialisation by position, which a changed list would misread. On
// several ranks it may be sharded (ZeRO-1): each keeps the moments of its own tensors, and changes those
// alone. Thread rule: one owner.
#pragma once

#include <functional>
#include <vector>

#include "af2/train/task.h"

namespace af2 {

// Which rank keeps which tensor's moments: the largest first, each to the rank that has least, the same on
// all.
std::vector<int> shard_owners(const std::vector<TrainTask::Trained>& items, int ranks);

class AdamW {
 public:
  // `owners` [items] of ranks, and which of them this is; empty: all tensors are this one's.
  AdamW(std::vector<TrainTask::Trained> items, const OptimizerOptions& options, std::vector<int> owners = {},
        int rank = 0);

  const std::vector<TrainTask::Trained>& items() const { return items_; }
  void zero_grad();
  // Multiplies all gradients by `factor`, then clips their global norm; returns the norm before clipping.
  // `total` makes this rank's sum of squares that of all ranks, where the optimizer is sharded.
  double scale_and_clip(double factor, const std::function<double(double)>& total = {});
  void step(double lr);
  // Moments: "NAME.exp_avg" and "NAME.exp_avg_sq", of this rank's tensors.
  NamedTensors state() const;
  const std::vector<int>& owners() const { return owners_; }
  bool owns(std::size_t item) const { return owners_.empty() || owners_[item] == rank_; }
  std::int64_t updates() const { return updates_; }
  void set_updates(std::int64_t updates) { updates_ = updates; }

 private:
  std::vector<TrainTask::Trained> items_;
  OptimizerOptions options_;
  std::vector<int> owners_;
  int rank_ = 0;
  std::vector<torch::Tensor> average_, square_;
  std::int64_t updates_ = 0;
};

}  // namespace af2
