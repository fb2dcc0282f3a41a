#include "af2/model/stem_statistics.h"

#include <algorithm>

#include "af2/model/legendre.h"
#include "af2/model/stem_tokens.h"

namespace af2 {
namespace {
constexpr int64_t kParts = 8;  // of a clip, in which turns are told
}  // namespace

StemStatisticsImpl::StemStatisticsImpl(int64_t channels, const StemStatisticsConfig& config)
    : config_(config), size_(channels * config.bands * 2) {
  norm = register_module("norm", BatchNorm(torch::nn::BatchNorm2dOptions(size_).affine(false)));
}

torch::Tensor StemStatisticsImpl::cells(const torch::Tensor& map) const {
  return stem_cells(map, config_.bands, StemStatisticsConfig::kSteps).unsqueeze(2);
}

torch::Tensor StemStatisticsImpl::forward(const torch::Tensor& of_map) {
  const int64_t steps = of_map.size(3), parts = std::min(kParts, steps);
  const torch::Tensor cells =
      of_map.to(torch::kFloat32).squeeze(2).unflatten(2, {parts, steps / parts});  // [B, C * bands, parts, s]
  const torch::Tensor heard = torch::cat({cells.mean(-1), cells.amax(-1)}, 1);     // [B, D, parts]
  const torch::Tensor whole = torch::cat({cells.mean({2, 3}), cells.amax({2, 3})}, 1);  // [B, D]
  std::vector<torch::Tensor> all = {norm->forward(whole.unsqueeze(-1).unsqueeze(-1)).flatten(1)};
  const torch::Tensor deviation = (norm->running_var + norm->options.eps()).sqrt();
  const torch::Tensor place =
      (torch::arange(parts, torch::kFloat64) + 0.5) * (2.0 / static_cast<double>(parts)) - 1;
  for (int k = 1; k <= config_.turns; ++k) all.push_back((heard * legendre(k, place)).mean(-1) / deviation);
  // A value that is left out is left out of its turns too.
  const torch::Tensor kept = torch::dropout(torch::ones_like(whole), config_.dropout, is_training());
  for (torch::Tensor& values : all) values = values * kept;
  return torch::cat(all, 1);
}

}  // namespace af2
