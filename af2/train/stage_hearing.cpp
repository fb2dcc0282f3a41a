#include "af2/train/stage_hearing.h"

#include <algorithm>

namespace af2 {
namespace {

constexpr int64_t kTowerChunk = 8;  // windows of a frozen tower at once

// Consecutive windows of `all`, one part a sound.
std::vector<torch::Tensor> per_sound(const torch::Tensor& all, const std::vector<torch::Tensor>& sounds) {
  std::vector<torch::Tensor> clips;
  for (int64_t at = 0; const torch::Tensor& sound : sounds) {
    clips.push_back(all.narrow(0, at, sound.size(0)));
    at += sound.size(0);
  }
  return clips;
}

}  // namespace

torch::Tensor StageHearing::hear(StageBatch& batch, torch::Tensor& mask) const {
  std::vector<torch::Tensor> clips = options_.stage.trains_stem() ? hear_trained(batch) : hear_frozen(batch);
  int64_t longest = 0;
  for (const torch::Tensor& clip : clips) longest = std::max(longest, clip.size(0));
  const auto is_shorter = [&](const torch::Tensor& clip) { return clip.size(0) < longest; };
  if (std::any_of(clips.begin(), clips.end(), is_shorter))
    mask = torch::ones({static_cast<int64_t>(clips.size()), longest * clips.front().size(1)});
  for (std::size_t i = 0; i < clips.size(); ++i) {
    torch::Tensor& row = clips[i];
    const int64_t n = row.size(0), tokens = row.size(1);
    if (n < longest) {
      row = torch::cat({row, torch::zeros({longest - n, tokens, row.size(2)})});
      mask[static_cast<int64_t>(i)].narrow(0, n * tokens, (longest - n) * tokens).zero_();
    }
    row = row.flatten(0, 1);
  }
  return torch::stack(clips);
}

// What nothing trained has a part in.
torch::Tensor StageHearing::heard_frozen(const torch::Tensor& windows) const {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> parts;
  for (int64_t at = 0; at < windows.size(0); at += kTowerChunk)
    parts.push_back(network_.hear(windows.narrow(0, at, std::min(kTowerChunk, windows.size(0) - at))));
  return torch::cat(parts);
}

// Clip by clip where they are kept (their last bits may differ in other company) or have channels left out,
// else all together.
std::vector<torch::Tensor> StageHearing::hear_frozen(StageBatch& batch) const {
  const double dropout = torch::GradMode::is_enabled() ? options_.cell_dropout : 0;
  const torch::AutoGradMode grad(torch::GradMode::is_enabled() && options_.stage.trains("clap"));
  if (!store_ && dropout <= 0)
    return per_sound(network_.tokens_of(heard_frozen(torch::cat(batch.sounds))), batch.sounds);
  std::vector<torch::Tensor> clips(batch.sounds.size());
  for (std::size_t i = 0; i < clips.size(); ++i) {
    torch::Tensor& known = batch.known[i];
    if (!known.defined()) {
      known = heard_frozen(batch.sounds[i]);
      if (store_) known = known.to(torch::kBFloat16), store_->put(batch.keys[i], known);
    }
    clips[i] = network_.tokens_of(known.to(torch::kFloat32), dropout, /*one_clip=*/true);
  }
  return clips;
}

std::vector<torch::Tensor> StageHearing::hear_trained(const StageBatch& batch) const {
  torch::Tensor keep;
  if (!batch.keep_mel.empty() && torch::GradMode::is_enabled()) keep = torch::cat(batch.keep_mel);
  return per_sound(network_.encode(torch::cat(batch.sounds), keep), batch.sounds);
}

}  // namespace af2
