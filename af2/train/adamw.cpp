#include "af2/train/adamw.h"

#include <cmath>

namespace af2 {

AdamW::AdamW(std::vector<TrainTask::Trained> items, const OptimizerOptions& options)
    : items_(std::move(items)), options_(options) {
  for (const auto& item : items_) {
    average_.push_back(torch::zeros_like(item.tensor, torch::kFloat32));
    square_.push_back(torch::zeros_like(item.tensor, torch::kFloat32));
  }
}

void AdamW::zero_grad() {
  for (auto& item : items_) item.tensor.mutable_grad() = torch::Tensor();
}

double AdamW::scale_and_clip(double factor) {
  torch::NoGradGuard no_grad;
  double square = 0;
  for (auto& item : items_) {
    torch::Tensor& grad = item.tensor.mutable_grad();
    if (!grad.defined()) continue;
    if (factor != 1.0) grad.mul_(factor);
    square += grad.square().sum().item<double>();
  }
  const double norm = std::sqrt(square);
  if (options_.clip_norm > 0 && norm > options_.clip_norm)
    for (auto& item : items_)
      if (item.tensor.grad().defined()) item.tensor.mutable_grad().mul_(options_.clip_norm / (norm + 1e-6));
  return norm;
}

void AdamW::step(double lr) {
  torch::NoGradGuard no_grad;
  ++updates_;
  const double t = static_cast<double>(updates_);
  const double bias1 = 1 - std::pow(options_.beta1, t), bias2 = 1 - std::pow(options_.beta2, t);
  for (std::size_t i = 0; i < items_.size(); ++i) {
    auto& item = items_[i];
    const torch::Tensor grad = item.tensor.grad();
    if (!grad.defined()) continue;
    const double rate = lr * item.lr_scale;
    if (item.decay && options_.weight_decay > 0) item.tensor.mul_(1 - rate * options_.weight_decay);
    average_[i].lerp_(grad, 1 - options_.beta1);
    square_[i].mul_(options_.beta2).addcmul_(grad, grad, 1 - options_.beta2);
    const torch::Tensor denominator = (square_[i].sqrt() / std::sqrt(bias2)).add_(options_.epsilon);
    item.tensor.addcdiv_(average_[i], denominator, -rate / bias1);
  }
}

NamedTensors AdamW::state() const {
  NamedTensors state;
  for (std::size_t i = 0; i < items_.size(); ++i) {
    state.emplace_back(items_[i].name + ".exp_avg", average_[i]);
    state.emplace_back(items_[i].name + ".exp_avg_sq", square_[i]);
  }
  return state;
}

}  // namespace af2
