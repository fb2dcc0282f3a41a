// What a frozen stem hears in rendered scenes, kept for the scenes of a pool, and SpecAugment on it.
//
// For tasks that train what lies above a frozen stem (tower, AF-CLAP); what the whole frozen tower hears is
// kept by scene_tokens.h. `Scene` has two tensors: `samples`, a window, and `map`, what the stem hears in it.
// Thread rule: find() may be called from any thread, maps_of() from the one that trains.
//
//   ScenePool<TowerScene> pool(options.scene_pool > 0);
//   const auto hear = [&](const torch::Tensor& windows) { return stem(windows); };  // [1, samples]
//   const std::vector<torch::Tensor> maps = pool.maps_of(numbers, scenes, hear);
#pragma once

#include <torch/torch.h>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

template <class Scene>
class ScenePool {
 public:
  explicit ScenePool(bool keeps) : keeps_(keeps) {}

  // A scene whose map is known; else null.
  std::shared_ptr<Scene> find(std::int64_t number) const {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(number);
    return found == known_.end() ? nullptr : found->second;
  }

  // Maps [C, m, t] of scenes, bfloat16; what is not known is heard, one window at a time, and kept so and
  // used so the first time too: a resumed run, which hears other scenes together, sees the same values.
  std::vector<torch::Tensor> maps_of(const std::vector<std::int64_t>& numbers,
                                     const std::vector<std::shared_ptr<Scene>>& scenes,
                                     const std::function<torch::Tensor(const torch::Tensor& windows)>& hear) {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> rows(scenes.size());
    for (std::size_t i = 0; i < scenes.size(); ++i) {
      rows[i] = scenes[i]->map;
      if (rows[i].defined()) continue;
      rows[i] = hear(scenes[i]->samples.unsqueeze(0))[0].to(torch::kBFloat16).clone();
      if (!keeps_) continue;
      auto known = std::make_shared<Scene>(*scenes[i]);
      known->samples = torch::Tensor();
      known->map = rows[i];
      const std::lock_guard lock(mutex_);
      known_.emplace(numbers[i], std::move(known));
    }
    return rows;
  }

 private:
  bool keeps_;
  mutable std::mutex mutex_;
  std::map<std::int64_t, std::shared_ptr<Scene>> known_;
};

// Sets up to `n` stripes of up to `widest` places along `axis` of a mask to 0 (docs/spec/training.md section
// 4).
inline void mask_stripes(const torch::Tensor& keep, std::int64_t axis, int n, int widest, Random& rng) {
  for (int i = 0; i < n; ++i) {
    const std::int64_t width = rng.range(0, widest);
    const auto first =
        static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(keep.size(axis) - width)));
    keep.narrow(axis, first, width).zero_();
  }
}

}  // namespace af2
