// Gradients of several ranks become their sums while the backward pass still runs (docs/spec/training.md
// section 9).
//
// Tensors are put into buckets of some 25 MiB, the last of the network first: that is how a backward pass
// comes by. In the step's last pass a bucket leaves as soon as each of its gradients is whole, always in the
// order of buckets, so that all ranks say the same thing at the same time. Where the optimizer is sharded, a
// bucket goes to the rank that owns its tensors. With one rank nothing happens. Thread rule: the thread that
// trains, and the backward pass that it starts.
//
//   GradientSum sums(ranks, optimizer.items(), optimizer.owners());
//   sums.last_pass();  loss.backward();  sums.finish();
#pragma once

#include <torch/torch.h>

#include <memory>
#include <vector>

#include "af2/train/ranks.h"
#include "af2/train/task.h"

namespace af2 {

class GradientSum {
 public:
  // `owners` [items]: the rank that needs each tensor's sum; empty: all do.
  GradientSum(std::shared_ptr<Ranks> ranks, const std::vector<TrainTask::Trained>& items,
              const std::vector<int>& owners);
  GradientSum(const GradientSum&) = delete;
  GradientSum& operator=(const GradientSum&) = delete;

  // The backward pass that follows is the step's last on this rank.
  void last_pass();
  // After it, or after none: every bucket has left and come back. A tensor without a gradient counts as 0.
  // Throws kRemote as Ranks.
  void finish();
  // Of the buckets of the last step: how many left before the backward pass had ended.
  std::size_t left_early() const { return left_early_; }
  std::size_t buckets() const { return buckets_.size(); }

 private:
  struct Bucket {
    std::vector<std::size_t> items;
    int owner = -1;  // -1: all
    std::size_t missing = 0;
    torch::Tensor flat;
    std::unique_ptr<Ranks::Exchange> exchange;
  };
  void ready(std::size_t item);
  void leave(Bucket& bucket);

  std::shared_ptr<Ranks> ranks_;
  std::vector<torch::Tensor> tensors_;
  std::vector<Bucket> buckets_;
  std::vector<std::size_t> bucket_of_;
  std::vector<bool> counted_;
  std::vector<std::shared_ptr<void>> hooks_;  // each is taken away when it goes
  bool last_ = false;
  std::size_t next_ = 0, left_early_ = 0;
};

}  // namespace af2
