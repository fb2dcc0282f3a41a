// Batch norm whose statistics, in training, are those of the batches of all ranks together.
//
// torch::nn::BatchNorm2d in every other respect: same names, same eval, and the same training on one rank.
// The C++ side of libtorch has no SyncBatchNorm. Thread rule: set_batch_norm_sum() before training begins.
#pragma once

#include <torch/torch.h>

#include <functional>

namespace af2 {

// The sum of a tensor over all ranks, through which gradients flow (train/ranks.h); empty: this rank alone.
using SumOverRanks = std::function<torch::Tensor(const torch::Tensor&)>;
void set_batch_norm_sum(SumOverRanks sum);

struct BatchNormImpl : torch::nn::BatchNorm2dImpl {
  using torch::nn::BatchNorm2dImpl::BatchNorm2dImpl;
  // [B, C, h, w] -> same. Every rank must hold a part of the batch.
  torch::Tensor forward(const torch::Tensor& x);
};
TORCH_MODULE(BatchNorm);

}  // namespace af2
