// One more token of one or several answers through the language model, without tensors in between: the decode
// loop's form of Af2ModelImpl::forward.
//
// A token of a small model is a few hundred products of a matrix with one vector; tensor calls around them
// cost more than the products. This second form of the same arithmetic is held to the first by
// tests/model/decode_step_test.cpp. Several answers, each with its own clip and its own length so far, read
// the weights once; what one of them gives does not depend on the others, bit for bit. Float32 on the CPU, no
// gradients; weights float or low-bit. Not for prefill. Thread rule: one owner (it holds scratch space); the
// network stays constant.
//
//   DecodeStep step(network);
//   torch::Tensor hidden = step({{id, &context, &cache}});   // [1, 1, D], cache grown by one position
//   torch::Tensor logits = step.logits(hidden);              // [1, vocab]
#pragma once

#include <torch/torch.h>

#include <utility>
#include <vector>

#include "af2/model/af2_model.h"

namespace af2 {

// Token `id` follows what `cache` (of one answer, batch 1) holds; `audio` is its clip.
struct NextToken {
  int64_t id = 0;
  const AudioContext* audio = nullptr;
  KvCache* cache = nullptr;
};

class DecodeStep {
 public:
  // Keeps a reference to `network`.
  explicit DecodeStep(Af2ModelImpl& network);

  // Whether this form fits the network: all of the language model on the CPU in float32, and none placed.
  static bool fits(const Af2ModelImpl& network);

  // The hidden states after the last norm [B, 1, D] of B tokens; each cache grows by one position. Either all
  // of the clips have cross-attention blocks or none has. A clip's prefix is in the cache already: it came
  // with the prompt, which the forward took.
  torch::Tensor operator()(const std::vector<NextToken>& tokens);
  // [B, 1, D] -> [B, vocab + added]
  torch::Tensor logits(const torch::Tensor& hidden);

 private:
  // One head's query beside its keys and values [n, dh] and the place of its sum.
  struct Head {
    const float *q, *keys, *values;
    int64_t n;
    const int64_t* mask;  // [n] or null
    float* mixed;
  };

  void hear(GatedCrossAttentionImpl& block, std::size_t number, const std::vector<NextToken>& tokens);
  void attend(SelfAttentionImpl& attention, const std::vector<RotaryTable>& tables,
              const std::vector<NextToken>& tokens, std::size_t layer);
  void feed_forward(SwiGluImpl& mlp);
  // y [B, out] of x [B, in]
  void product(const LinearImpl& layer, const std::vector<float>& x, std::vector<float>& y);
  // Of several layers with the same x.
  void products(const std::vector<std::pair<const LinearImpl*, std::vector<float>*>>& all,
                const std::vector<float>& x);
  // Each head's softmax(q . keys) . values.
  static void mix(const std::vector<Head>& heads, int64_t dh);

  Af2ModelImpl& network_;
  int64_t n_ = 0;  // tokens at once
  std::vector<float> x_, normed_, q_, k_, v_, mixed_, gate_, up_, out_;
  std::vector<Head> heads_;
};

}  // namespace af2
