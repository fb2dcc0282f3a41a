#include "af2/train/weight_average.h"

#include <algorithm>

namespace af2 {

WeightAverage::WeightAverage(const std::vector<TrainTask::Trained>& items, double ema) : ema_(ema) {
  if (!is_kept()) return;
  items_ = items;
  take();
}

void WeightAverage::take() {
  if (!is_kept()) return;
  kept_.clear();
  for (const auto& item : items_) kept_.push_back(item.tensor.detach().clone());
}

void WeightAverage::update(std::int64_t step) {
  const torch::NoGradGuard no_grad;
  const auto s = static_cast<double>(step);
  const double share = 1 - std::min(ema_, (1 + s) / (10 + s));
  for (std::size_t i = 0; i < items_.size(); ++i) kept_[i].lerp_(items_[i].tensor, share);
}

NamedTensors WeightAverage::weights() const {
  NamedTensors all;
  for (const auto& item : items_) all.emplace_back(item.name, item.tensor);
  return all;
}

// By value: modules and the optimizer hold on to the tensors themselves.
void WeightAverage::exchange() {
  const torch::NoGradGuard no_grad;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    torch::Tensor weight = items_[i].tensor.detach();
    const torch::Tensor before = weight.clone();
    weight.copy_(kept_[i]);
    kept_[i] = before;
  }
}

}  // namespace af2
