#include "af2/train/adamw.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace af2 {

std::vector<int> shard_owners(const std::vector<TrainTask::Trained>& items, int ranks) {
  std::vector<std::size_t> order(items.size());
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return items[a].tensor.numel() > items[b].tensor.numel();
  });
  std::vector<std::int64_t> held(static_cast<std::size_t>(ranks));
  std::vector<int> owners(items.size());
  for (const std::size_t i : order) {
    const auto least = std::min_element(held.begin(), held.end());
    *least += items[i].tensor.numel();
    owners[i] = static_cast<int>(least - held.begin());
  }
  return owners;
}

AdamW::AdamW(std::vector<TrainTask::Trained> items, const OptimizerOptions& options, std::vector<int> owners,
             int rank)
    : items_(std::move(items)), options_(options), owners_(std::move(owners)), rank_(rank) {
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const bool own = owns(i);
    average_.push_back(own ? torch::zeros_like(items_[i].tensor, torch::kFloat32) : torch::Tensor());
    square_.push_back(own ? torch::zeros_like(items_[i].tensor, torch::kFloat32) : torch::Tensor());
  }
}

void AdamW::zero_grad() {
  for (auto& item : items_) item.tensor.mutable_grad() = torch::Tensor();
}

double AdamW::scale_and_clip(double factor, const std::function<double(double)>& total) {
  torch::NoGradGuard no_grad;
  double square = 0;
  for (auto& item : items_)
    if (const torch::Tensor& grad = item.tensor.grad(); grad.defined()) {
      const auto norm = torch::linalg_vector_norm(grad, 2).item<double>();
      square += norm * norm;
    }
  const double norm = std::sqrt(total ? total(square * factor * factor) : square * factor * factor);
  if (options_.clip_norm > 0 && norm > options_.clip_norm) factor *= options_.clip_norm / (norm + 1e-6);
  if (factor != 1.0)
    for (auto& item : items_)
      if (item.tensor.grad().defined()) item.tensor.mutable_grad().mul_(factor);
  return norm;
}

void AdamW::step(double lr) {
  torch::NoGradGuard no_grad;
  ++updates_;
  const torch::Tensor done = torch::tensor(static_cast<float>(updates_));
  for (std::size_t i = 0; i < items_.size(); ++i) {
    const auto& item = items_[i];
    if (!owns(i) || !item.tensor.grad().defined()) continue;
    at::_fused_adamw_({item.tensor}, {item.tensor.grad()}, {average_[i]}, {square_[i]}, {}, {done},
                      lr * item.lr_scale, options_.beta1, options_.beta2,
                      item.decay ? options_.weight_decay : 0, options_.epsilon, /*amsgrad=*/false,
                      /*maximize=*/false);
  }
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    if (!owns(i)) continue;
    state.emplace_back(items_[i].name + ".exp_avg", average_[i]);
    state.emplace_back(items_[i].name + ".exp_avg_sq", square_[i]);
  }
  return state;
}

}  // namespace af2
