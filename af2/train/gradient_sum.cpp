#include "af2/train/gradient_sum.h"

#include <torch/csrc/autograd/utils/lambda_post_hook.h>
#include <torch/csrc/autograd/variable.h>

namespace af2 {
namespace {

constexpr std::int64_t kBucketOfGradients = 25 << 18;  // values: 25 MiB of float32

}  // namespace

GradientSum::GradientSum(std::shared_ptr<Ranks> ranks, const std::vector<TrainTask::Trained>& items,
                         const std::vector<int>& owners)
    : ranks_(std::move(ranks)), bucket_of_(items.size()), counted_(items.size()) {
  for (const auto& item : items) tensors_.push_back(item.tensor);
  if (ranks_->size() == 1) return;
  std::int64_t values = 0;
  for (std::size_t i = items.size(); i-- > 0;) {
    const int owner = owners.empty() ? -1 : owners[i];
    const std::int64_t n = tensors_[i].numel();
    if (buckets_.empty() || buckets_.back().owner != owner || values + n > kBucketOfGradients) {
      buckets_.emplace_back().owner = owner;
      values = 0;
    }
    buckets_.back().items.push_back(i);
    bucket_of_[i] = buckets_.size() - 1;
    values += n;
  }
  for (std::size_t i = 0; i < tensors_.size(); ++i) {
    const auto accumulator = torch::autograd::impl::grad_accumulator(tensors_[i]);
    const auto key = accumulator->add_post_hook(std::make_unique<torch::autograd::utils::LambdaPostHook>(
        [this, i](const torch::autograd::variable_list& outputs, const torch::autograd::variable_list&) {
          ready(i);
          return outputs;
        }));
    hooks_.emplace_back(nullptr, [accumulator, key](void*) { accumulator->del_post_hook(key); });
  }
}

void GradientSum::last_pass() {
  last_ = true;
  next_ = left_early_ = 0;
  counted_.assign(tensors_.size(), false);
  for (Bucket& bucket : buckets_) bucket.missing = bucket.items.size();
}

// The gradient of one tensor is whole.
void GradientSum::ready(std::size_t item) {
  if (!last_ || counted_[item]) return;
  counted_[item] = true;
  --buckets_[bucket_of_[item]].missing;
  while (next_ < buckets_.size() && buckets_[next_].missing == 0) {
    leave(buckets_[next_++]);
    ++left_early_;
  }
}

void GradientSum::leave(Bucket& bucket) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (const std::size_t i : bucket.items) {
    torch::Tensor& gradient = tensors_[i].mutable_grad();
    // What this rank's part did not pass through may have a gradient elsewhere.
    if (!gradient.defined()) gradient = torch::zeros_like(tensors_[i]);
    parts.push_back(gradient.reshape(-1));
  }
  bucket.flat = torch::cat(parts);
  bucket.exchange = ranks_->start_sum(bucket.flat, bucket.owner);
}

void GradientSum::finish() {
  if (buckets_.empty()) return;
  torch::NoGradGuard no_grad;
  if (!last_) last_pass();
  last_ = false;
  for (; next_ < buckets_.size(); ++next_) leave(buckets_[next_]);
  for (Bucket& bucket : buckets_) {
    bucket.exchange->wait();
    std::int64_t at = 0;
    for (const std::size_t i : bucket.items) {
      torch::Tensor& gradient = tensors_[i].mutable_grad();
      if (bucket.owner >= 0 && bucket.owner != ranks_->rank())
        gradient = torch::Tensor();  // its sum lies with its owner
      else
        gradient.copy_(bucket.flat.narrow(0, at, gradient.numel()).view(gradient.sizes()));
      at += tensors_[i].numel();
    }
    bucket.exchange.reset();
    bucket.flat = torch::Tensor();
  }
}

}  // namespace af2
