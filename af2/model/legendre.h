// Legendre polynomials of places in time or text: with them the mean over a sequence tells its order.
//
// Thread rule: free function.
//
//   torch::Tensor early_less_late = (hidden * legendre(1, places).unsqueeze(-1)).mean(1);
#pragma once

#include <torch/torch.h>

#include <cstdint>

namespace af2 {

// P_k, k >= 1, of places between -1 (the beginning) and 1 (the end): the shape of `place`, in float32,
// computed in float64.
inline torch::Tensor legendre(std::int64_t k, const torch::Tensor& place) {
  const torch::Tensor x = place.to(torch::kFloat64);
  torch::Tensor before = torch::ones_like(x), p = x;
  for (std::int64_t n = 1; n < k; ++n) {
    const torch::Tensor next = ((2 * n + 1) * x * p - n * before) / (n + 1);
    before = p, p = next;
  }
  return p.to(torch::kFloat32);
}

}  // namespace af2
