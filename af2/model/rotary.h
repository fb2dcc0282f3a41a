// Rotary position embedding, half-split form: pair i is (x[i], x[i + d/2]).
#pragma once

#include <torch/torch.h>

namespace af2 {

// Turn of each pair from one position to the next: [dim / 2].
torch::Tensor rotary_frequencies(int64_t dim, double base, torch::Device device);

// Cosines and sines for positions [first, first + n): two tensors [n, dim], angles repeated for both halves.
struct RotaryTable {
  torch::Tensor cos, sin;
};
RotaryTable rotary_table(int64_t first, int64_t n, int64_t dim, double base, torch::Device device);

// Rotates the first `table.cos.size(1)` entries of the last axis; x [..., n, d].
torch::Tensor apply_rotary(const torch::Tensor& x, const RotaryTable& table);

}  // namespace af2
