#include "af2/train/scene_tokens.h"

namespace af2 {

torch::Tensor tokens_of(Af2ModelImpl& network, const std::vector<torch::Tensor>& windows,
                        const std::vector<std::shared_ptr<PooledScene>>& pooled, std::mutex& pool_mutex,
                        double dropout) {
  if (!pooled.front()) return network.tokens_of(network.hear(torch::stack(windows)), dropout);
  std::vector<torch::Tensor> rows;
  for (std::size_t i = 0; i < windows.size(); ++i) {
    PooledScene& scene = *pooled[i];
    if (!windows[i].defined()) {
      rows.push_back(scene.tokens.to(torch::kFloat32));
      continue;
    }
    // Alone: last bits may differ in other company, and a resumed run hears other scenes together.
    const torch::Tensor kept = network.hear(windows[i].unsqueeze(0))[0].to(torch::kBFloat16).clone();
    if (!scene.known) {
      const std::lock_guard lock(pool_mutex);
      scene.tokens = kept;
      scene.known = true;
    }
    rows.push_back(kept.to(torch::kFloat32));
  }
  return network.tokens_of(torch::stack(rows), dropout);
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
