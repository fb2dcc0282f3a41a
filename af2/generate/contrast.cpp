#include "af2/generate/contrast.h"

#include <cmath>

namespace af2 {
namespace {

constexpr double kFarBelow = 1e4;  // finite: a grammar may leave nothing else to write

}  // namespace

torch::Tensor contrasted(const torch::Tensor& heard, const torch::Tensor& unheard, double contrast) {
  const torch::Tensor ears = heard.to(torch::kFloat32).log_softmax(-1);
  const torch::Tensor none = unheard.to(torch::kFloat32).log_softmax(-1);
  const torch::Tensor least = std::get<0>(ears.max(-1, /*keepdim=*/true)) + std::log(kPlausibleShare);
  return torch::where(ears < least, ears - kFarBelow, (1 + contrast) * ears - contrast * none);
}

}  // namespace af2
