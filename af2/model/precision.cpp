#include "af2/model/precision.h"

#include <ATen/autocast_mode.h>
#include <ATen/core/dispatch/Dispatcher.h>

#include <mutex>

#include "af2/core/log.h"
#include "af2/model/linear.h"

namespace af2 {

bool has_fast_bf16() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx512bf16") != 0;
#else
  return false;
#endif
}

bool has_bf16() {
  static const bool yes = [] {
    const auto asked = c10::Dispatcher::singleton().findSchema({"mkldnn::_is_mkldnn_bf16_supported", ""});
    if (!asked) return false;
    torch::jit::Stack stack;
    asked->callBoxed(stack);
    return stack.back().toBool();
  }();
  return yes;
}

bool wants_bf16(const std::string& precision) {
  if (precision == "auto") return has_fast_bf16();
  if (precision != "bf16") return false;
  if (!has_bf16()) {
    static std::once_flag told;
    std::call_once(told,
                   [] { notice("this processor has no products in bfloat16: they are done in float32"); });
  }
  return has_bf16();
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
  for (const auto& part : module.modules())
    if (auto* linear = part->as<Linear>()) linear->weight.set_data(linear->weight.to(torch::kBFloat16));
}

}  // namespace af2
