#include "af2/model/precision.h"

#include <ATen/autocast_mode.h>

#include "af2/model/linear.h"

namespace af2 {

bool has_fast_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

bool wants_bf16(const std::string& precision) {
  return precision == "auto" ? has_fast_bf16() : precision == "bf16";
}

Bf16Products::Bf16Products(bool on) : before_(active()) {
  at::autocast::set_autocast_dtype(at::kCPU, at::kBFloat16);
  at::autocast::set_autocast_enabled(at::kCPU, on);
}

Bf16Products::~Bf16Products() {
  if (!before_) at::autocast::clear_cache();
  at::autocast::set_autocast_enabled(at::kCPU, before_);
}

bool Bf16Products::active() {
  return at::autocast::is_autocast_enabled(at::kCPU);
}

torch::Tensor narrowed(const torch::Tensor& x) {
  return Bf16Products::active() && !torch::GradMode::is_enabled() ? x.to(torch::kBFloat16) : x;
}

void narrow_weights(torch::nn::Module& module) {
  torch::NoGradGuard no_grad;
  const auto narrow = [](torch::Tensor& weight) { weight.set_data(weight.to(torch::kBFloat16)); };
  for (const auto& part : module.modules()) {
    if (auto* linear = part->as<Linear>()) narrow(linear->weight);
    if (auto* convolution = part->as<torch::nn::Conv2d>()) narrow(convolution->weight);
  }
}

}  // namespace af2
