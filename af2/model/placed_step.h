// One more token of one answer through a language model that lies on a GPU as a whole: the decode loop's form
// of Af2ModelImpl::forward there.
//
// A token is many small kernels, and giving them to the GPU one by one takes longer than they do. So every
// token runs over the same tensors (the whole of its cache, a mask over what is not filled yet), and the GPU
// replays what it was given for an earlier one. The CPU can stand for the GPU; tests hold this form to the
// forward (tests/model/placed_step_test.cpp). Thread rule: one owner; the network stays constant.
//
//   PlacedStep step(network, context, cache);               // after the prompt
//   while (step.has_room()) logits = step(id);              // [1, vocab] on the CPU, cache grown by one
#pragma once

#include <torch/torch.h>

#include "af2/model/af2_model.h"
#include "af2/model/device.h"

namespace af2 {

class PlacedStep {
 public:
  // Keeps references to all three. The cache is of one answer and holds its prompt; `audio` has no mask.
  PlacedStep(Af2ModelImpl& network, const AudioContext& audio, KvCache& cache);

  // Whether this form fits the network: all layers and the output are placed.
  static bool fits(const Af2ModelImpl& network);
  // Whether the cache has a place for one more token without growing.
  bool has_room() const;
  // Logits of what follows token `id`.
  torch::Tensor operator()(int64_t id);

 private:
  void run();
  torch::Tensor attend(SelfAttentionImpl& attention, const torch::Tensor& states, std::size_t layer) const;

  Af2ModelImpl& network_;
  const AudioContext& audio_;
  KvCache& cache_;
  int64_t capacity_;
  torch::Tensor x_, at_;    // of the token: embedding [1, 1, D] and place [1]
  torch::Tensor places_;    // [1, capacity]: all places
  torch::Tensor bias_;      // [1, capacity]: 0, and -infinity after this place
  torch::Tensor hidden_;    // after the last norm [1, 1, D]
  RotaryTable all_, here_;  // of every place, and of this one
  Replay replay_;
};

}  // namespace af2
