// Elementwise functions with the same bits at any number of threads.
//
// Torch computes what whole vectors leave over at the end of a thread's part by another formula of exp, tanh
// and the like, and where parts end depends on the number of threads. Thread rule: a free function.
//
//   torch::Tensor share = steady(x, [](const torch::Tensor& part) { return torch::sigmoid(part); });
#pragma once

#include <ATen/Parallel.h>
#include <torch/torch.h>

#include <algorithm>

namespace af2 {

// op(x), an elementwise function that keeps the type, in parts whose bounds depend on the shape of x alone:
// rows of the last dimension, so that a row's values do not depend on the other rows either. As it is where
// gradients are kept or x is not on the CPU.
template <class Op>
torch::Tensor steady(const torch::Tensor& x, const Op& op) {
  constexpr int64_t kVectors = 64;       // values that torch takes at once, of the narrowest type
  constexpr int64_t kPartValues = 8192;  // enough that a call costs little
  if (torch::GradMode::is_enabled() || !x.device().is_cpu() || x.dim() == 0 || x.numel() == 0) return op(x);
  const int64_t columns = x.size(-1), n = x.numel() / columns;
  if (columns % kVectors == 0 && x.numel() <= kPartValues) return op(x);
  const int64_t rows = columns % kVectors == 0 ? std::max<int64_t>(1, kPartValues / columns) : 1;
  const torch::Tensor from = x.reshape({n, columns});
  const torch::Tensor to = torch::empty(from.sizes(), from.options());
  at::parallel_for(0, (n + rows - 1) / rows, 1, [&](int64_t begin, int64_t end) {
    const torch::InferenceMode inference;  // this is another thread
    for (int64_t part = begin; part < end; ++part) {
      const int64_t count = std::min(rows, n - part * rows);
      to.narrow(0, part * rows, count).copy_(op(from.narrow(0, part * rows, count)));
    }
  });
  return to.view(x.sizes());
}

}  // namespace af2
