// Prompts and answers as one padded tensor, and which positions are targets (docs/spec/training.md section
// 2).
#pragma once

#include <torch/torch.h>

#include <vector>

namespace af2 {

struct TokenItem {
  std::vector<int> prompt;  // `<audio>` ... `<SEP>`
  std::vector<int> answer;  // answer, `<|endofchunk|>`, eos: all targets
};

struct TokenBatch {
  torch::Tensor ids;        // [B, T], padded on the right
  torch::Tensor rows;       // [R] rows of [B*T] that are no padding
  torch::Tensor positions;  // [N] places among these rows whose next token is a target
  torch::Tensor labels;     // [N] that next token
  torch::Tensor item_of;    // [N] the item it belongs to
};

// The last target needs no input position of its own: T is the longest item less one.
TokenBatch make_token_batch(const std::vector<TokenItem>& items, int pad_id);

}  // namespace af2
