#include "af2/model/stem_statistics.h"

#include <algorithm>

#include "af2/model/legendre.h"

namespace af2 {
namespace {
constexpr double kRootFloor = 1e-3;
}  // namespace

StemStatisticsImpl::StemStatisticsImpl(int64_t channels, const StemStatisticsConfig& config)
    : config_(config), size_(channels * config.bands * (2 + config.turns)) {
  norm = register_module("norm", BatchNorm(torch::nn::BatchNorm2dOptions(size_).affine(false)));
}

torch::Tensor StemStatisticsImpl::forward(const torch::Tensor& map) {
  const int64_t steps = std::min<int64_t>(StemStatisticsConfig::kSteps, map.size(3));
  // Roots of rectified values are nearer to a normal distribution.
  const torch::Tensor cells =
      (torch::avg_pool2d(map.to(torch::kFloat32), {map.size(2) / config_.bands, map.size(3) / steps}) +
       kRootFloor)
          .sqrt()
          .flatten(1, 2);  // [B, C * bands, steps]
  std::vector<torch::Tensor> parts = {cells.mean(-1), cells.amax(-1)};
  const torch::Tensor time =
      (torch::arange(steps, torch::kFloat64) + 0.5) * (2.0 / static_cast<double>(steps)) - 1;
  for (int k = 1; k <= config_.turns; ++k)
    parts.push_back((cells * legendre(k, time).to(torch::kFloat32)).mean(-1));
  const torch::Tensor all = norm->forward(torch::cat(parts, 1).unsqueeze(-1).unsqueeze(-1)).flatten(1);
  return torch::dropout(all, config_.dropout, is_training());
}

}  // namespace af2
