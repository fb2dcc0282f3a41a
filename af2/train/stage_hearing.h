// What a stage's tower hears in a batch of clips: tokens, padded to the longest clip with a mask
// (docs/spec/training.md section 2).
//
// A frozen tower, or the stem of one whose maps above it are trained, hears a few windows at a time without
// gradients; with a store each clip is heard once in all runs. Thread rule: the thread that trains.
//
//   StageHearing hearing(*model.network, options, store);
//   torch::Tensor mask;
//   torch::Tensor tokens = hearing.hear(batch, mask);  // [B, W * S, D]
#pragma once

#include <torch/torch.h>

#include <vector>

#include "af2/model/af2_model.h"
#include "af2/train/stage_batch.h"
#include "af2/train/token_store.h"
#include "af2/train/train_options.h"

namespace af2 {

class StageHearing {
 public:
  // Keeps references; `store` may be null.
  StageHearing(Af2ModelImpl& network, const TrainOptions& options, TokenStore* store)
      : network_(network), options_(options), store_(store) {}

  // [B, W * S, D], with gradients of what the stage trains where they are enabled. `mask` [B, W * S], 0 where
  // a clip has no window, is left undefined where all are as long. Sets batch.known of what it hears, and
  // puts it into the store.
  torch::Tensor hear(StageBatch& batch, torch::Tensor& mask) const;

 private:
  torch::Tensor heard_frozen(const torch::Tensor& windows) const;
  std::vector<torch::Tensor> hear_frozen(StageBatch& batch) const;
  std::vector<torch::Tensor> hear_trained(const StageBatch& batch) const;

  Af2ModelImpl& network_;
  const TrainOptions& options_;
  TokenStore* store_;
};

}  // namespace af2
