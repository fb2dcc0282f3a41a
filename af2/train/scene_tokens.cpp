#include "af2/train/scene_tokens.h"

namespace af2 {

torch::Tensor tokens_of(Af2ModelImpl& network, const std::vector<torch::Tensor>& windows,
                        const std::vector<std::shared_ptr<PooledScene>>& pooled, std::mutex& pool_mutex) {
  std::vector<torch::Tensor> fresh;
  for (const auto& window : windows)
    if (window.defined()) fresh.push_back(window);
  torch::Tensor encoded;
  if (!fresh.empty()) encoded = network.encode(torch::stack(fresh));
  if (fresh.size() == windows.size() && !pooled.front()) return encoded;
  std::vector<torch::Tensor> rows;
  int64_t next = 0;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    PooledScene& scene = *pooled[i];
    if (!windows[i].defined()) {
      rows.push_back(scene.tokens.to(torch::kFloat32));
      continue;
    }
    const torch::Tensor kept = encoded[next++].to(torch::kBFloat16).clone();
    if (!scene.known) {
      const std::lock_guard lock(pool_mutex);
      scene.tokens = kept;
      scene.known = true;
    }
    rows.push_back(kept.to(torch::kFloat32));
  }
  return torch::stack(rows);
}

torch::Tensor shifted_tokens(const torch::Tensor& tokens, double share) {
  const int64_t g = tokens.size(0);
  if (share <= 0 || g < 2) return tokens;
  const torch::Tensor means = tokens.mean(1, /*keepdim=*/true);
  const torch::Tensor way =
      means.index_select(0, (torch::arange(g) + 1 + torch::randint(g - 1, {1})) % g) - means;
  return tokens + torch::rand({g, 1, 1}) * share * way;
}

}  // namespace af2
