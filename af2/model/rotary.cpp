#include "af2/model/rotary.h"

#include "af2/model/train_kernels.h"

namespace af2 {

torch::Tensor rotary_frequencies(int64_t dim, double base, torch::Device device) {
  const auto f32 = torch::TensorOptions(torch::kFloat32).device(device);
  return 1.0 / torch::pow(base, torch::arange(0, dim, 2, f32) / static_cast<double>(dim));  // [dim/2]
}

RotaryTable rotary_table(int64_t first, int64_t n, int64_t dim, double base, torch::Device device) {
  const auto f32 = torch::TensorOptions(torch::kFloat32).device(device);
  const torch::Tensor inverse = rotary_frequencies(dim, base, device);                       // [dim/2]
  const torch::Tensor angles = torch::arange(first, first + n, f32).unsqueeze(1) * inverse;  // [n, dim/2]
  const torch::Tensor both = torch::cat({angles, angles}, 1);                                // [n, dim]
  return {both.cos(), both.sin()};
}

torch::Tensor apply_rotary(const torch::Tensor& x, const RotaryTable& table) {
  if (x.dim() == 4 && can_train_fused(x)) return trained_rotary(x, table);
  const int64_t dim = table.cos.size(1), half = dim / 2, whole = x.size(-1);
  const torch::Tensor turned = x.narrow(-1, 0, dim);
  const torch::Tensor swapped = torch::cat({-turned.narrow(-1, half, half), turned.narrow(-1, 0, half)}, -1);
  const torch::Tensor result = turned * table.cos.to(x.dtype()) + swapped * table.sin.to(x.dtype());
  return dim == whole ? result : torch::cat({result, x.narrow(-1, dim, whole - dim)}, -1);
}

}  // namespace af2
