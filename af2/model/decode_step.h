// One more token through the language model, without tensors in between: the decode loop's form of
// Af2ModelImpl::forward for one clip.
//
// A token of a small model is a few hundred products of a matrix with one vector; tensor calls around them
// cost more than the products. This second form of the same arithmetic is held to the first by
// tests/model/decode_step_test.cpp. Float32 on the CPU, batch 1, no gradients; weights float or low-bit.
// Not for prefill. Thread rule: one owner (it holds scratch space); the network stays constant.
//
//   DecodeStep step(network);
//   torch::Tensor hidden = step(id, context, cache);   // [1, 1, D], cache grown by one position
#pragma once

#include <torch/torch.h>

#include <vector>

#include "af2/model/af2_model.h"

namespace af2 {

class DecodeStep {
 public:
  // Keeps a reference to `network`.
  explicit DecodeStep(Af2ModelImpl& network);

  // Whether this form fits the network: all of it on the CPU in float32.
  static bool fits(const Af2ModelImpl& network);

  // The hidden state after the last norm [1, 1, D] of token `id`, which follows the cache's positions.
  torch::Tensor operator()(int64_t id, const AudioContext& audio, KvCache& cache);

 private:
  void hear(GatedCrossAttentionImpl& block, const AudioKeyValues& audio, const torch::Tensor& key_mask);
  void attend(SelfAttentionImpl& attention, const RotaryTable& table, KvCache& cache, std::size_t layer);
  void feed_forward(SwiGluImpl& mlp);
  // mixed_[0, dh) = sum over s of softmax(q . keys[s]) values[s]
  void mix(const float* q, const float* keys, const float* values, int64_t n, int64_t dh, const int64_t* mask,
           float* mixed);

  Af2ModelImpl& network_;
  std::vector<float> x_, normed_, q_, k_, v_, mixed_, gate_, up_, out_, scores_;
};

}  // namespace af2
