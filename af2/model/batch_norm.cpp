#include "af2/model/batch_norm.h"

#include "af2/core/error.h"

namespace af2 {
namespace {

SumOverRanks& sum_over_ranks() {
  static SumOverRanks sum;
  return sum;
}

}  // namespace

void set_batch_norm_sum(SumOverRanks sum) {
  sum_over_ranks() = std::move(sum);
}

torch::Tensor BatchNormImpl::forward(const torch::Tensor& x) {
  const SumOverRanks& sum = sum_over_ranks();
  if (!is_training() || !sum) return torch::nn::BatchNorm2dImpl::forward(x);
  const torch::Tensor wide = x.to(torch::kFloat32);
  const int64_t c = x.size(1);
  const auto shaped = [&](const torch::Tensor& values) { return values.view({1, c, 1, 1}); };
  const torch::Tensor places = torch::full({1}, static_cast<double>(x.numel() / c), wide.options());
  const torch::Tensor sums = sum(torch::cat({wide.sum({0, 2, 3}), places}));
  const torch::Tensor n = sums[c].detach();
  const torch::Tensor mean = sums.narrow(0, 0, c) / n;
  const torch::Tensor centred = wide - shaped(mean);
  const torch::Tensor variance = sum(centred.square().sum({0, 2, 3})) / n;
  {
    torch::NoGradGuard no_grad;
    if (!options.momentum()) throw internal_error("batch norm with a cumulative average", "BatchNorm");
    const double share = *options.momentum();
    running_mean.lerp_(mean.to(running_mean.scalar_type()), share);
    running_var.lerp_((variance * (n / (n - 1))).to(running_var.scalar_type()), share);
    num_batches_tracked.add_(1);
  }
  const torch::Tensor y = centred * shaped(weight * torch::rsqrt(variance + options.eps())) + shaped(bias);
  return y.to(x.scalar_type());
}

}  // namespace af2
