#include "af2/model/stem_tokens.h"

#include <algorithm>
#include <cmath>

namespace af2 {
namespace {
constexpr double kRootFloor = 1e-3;
}

torch::Tensor stem_cells(const torch::Tensor& map, int bands, int64_t steps) {
  steps = std::min(steps, map.size(3));
  const torch::Tensor means =
      torch::avg_pool2d(map.to(torch::kFloat32), {map.size(2) / bands, map.size(3) / steps});
  // Roots of rectified values are nearer to a normal distribution.
  return (means + kRootFloor).sqrt().flatten(1, 2);
}

StemTokensImpl::StemTokensImpl(int64_t channels, const StemTokensConfig& config) : config_(config) {
  const int64_t cells = channels * config.bands;
  norm = register_module("norm", BatchNorm(torch::nn::BatchNorm2dOptions(2 * cells).affine(false)));
  context = register_module("context", drawn_linear(2 * cells, config.context, true));
  moment = register_module("moment", drawn_linear(cells, config.moment, true));
}

torch::Tensor StemTokensImpl::cells(const torch::Tensor& map) const {
  return stem_cells(map, config_.bands, config_.steps).transpose(1, 2);
}

torch::Tensor StemTokensImpl::of_cells(const torch::Tensor& of_map, double dropout, bool one_clip) {
  const torch::Tensor cells = of_map.to(torch::kFloat32).transpose(1, 2);  // [B, c, s]
  const int64_t span = config_.span, beside = span / 2;
  const torch::Tensor means =
      torch::avg_pool1d(cells, span, /*stride=*/1, beside, /*ceil_mode=*/false, /*count_include_pad=*/false);
  const torch::Tensor maxima = torch::max_pool1d(cells, span, /*stride=*/1, beside);
  const torch::Tensor mean = norm->running_mean.unsqueeze(-1);  // [2c, 1]
  const torch::Tensor scale = torch::rsqrt(norm->running_var + norm->options.eps()).unsqueeze(-1);
  const int64_t c = cells.size(1);
  torch::Tensor around = ((torch::cat({means, maxima}, 1) - mean) * scale).transpose(1, 2);
  torch::Tensor alone = ((cells - mean.narrow(0, 0, c)) * scale.narrow(0, 0, c)).transpose(1, 2);
  if (dropout > 0) {
    const torch::Tensor kept =
        torch::dropout(torch::ones({one_clip ? 1 : cells.size(0), 1, 2 * c}), dropout, /*train=*/true);
    around = around * kept;
    alone = alone * kept.narrow(2, 0, c);
  }
  // Of deviation 1, as the rest of a token is.
  const torch::Tensor named =
      torch::nn::functional::normalize(context->forward(around).to(torch::kFloat32),
                                       torch::nn::functional::NormalizeFuncOptions().dim(-1)) *
      std::sqrt(static_cast<double>(config_.context));
  return torch::cat({named, moment->forward(alone).to(torch::kFloat32)}, -1);
}

}  // namespace af2
