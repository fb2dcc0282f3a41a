#include "af2/train/clap_loss.h"

namespace af2 {
namespace {

constexpr double kMostScale = 100;

// LSE over the places where `counts` > 0, each as often as it says, along `axis`.
torch::Tensor counted_lse(const torch::Tensor& logits, const torch::Tensor& counts, int64_t axis) {
  return (logits + counts.log()).logsumexp(axis);
}

}  // namespace

torch::Tensor label_loss(const torch::Tensor& audio, const torch::Tensor& text, const torch::Tensor& heard,
                         const torch::Tensor& absent, const torch::Tensor& scale) {
  const torch::Tensor z = scale * audio.to(torch::kFloat32).matmul(text.to(torch::kFloat32).t());  // [B, L]
  constexpr double kNever = -1e9;
  const torch::Tensor others = z.masked_fill(absent == 0, kNever).logsumexp(1, /*keepdim=*/true);
  const torch::Tensor each = torch::softplus(others - z) * heard;
  return (each.sum(1) / heard.sum(1).clamp_min(1)).sum();
}

torch::Tensor edit_loss(const torch::Tensor& audio, const torch::Tensor& text,
                        const std::vector<CaptionEdit>& edits, const torch::Tensor& scale) {
  if (edits.empty()) return audio.sum() * 0;
  std::vector<int64_t> clips, captions, edited;
  std::vector<float> of_clip(static_cast<std::size_t>(audio.size(0))), weight;
  for (const CaptionEdit& edit : edits) {
    clips.push_back(edit.clip), captions.push_back(edit.caption), edited.push_back(edit.edited);
    ++of_clip[static_cast<std::size_t>(edit.clip)];
  }
  for (const CaptionEdit& edit : edits) weight.push_back(1 / of_clip[static_cast<std::size_t>(edit.clip)]);
  const auto rows = [](const torch::Tensor& x, const std::vector<int64_t>& which) {
    return x.to(torch::kFloat32).index_select(0, torch::tensor(which));
  };
  const torch::Tensor heard = rows(audio, clips);
  const torch::Tensor margin = scale * (heard * (rows(text, edited) - rows(text, captions))).sum(1);
  return (torch::softplus(margin) * torch::tensor(weight)).sum();
}

torch::Tensor logit_scale(const torch::Tensor& logarithm) {
  return logarithm.exp().clamp_max(kMostScale);
}

torch::Tensor afclap_loss(const torch::Tensor& audio, const torch::Tensor& text, const ClapTargets& targets,
                          const torch::Tensor& scale) {
  const torch::Tensor logits =
      scale * audio.to(torch::kFloat32).matmul(text.to(torch::kFloat32).t());  // [B, U]
  const torch::Tensor has = targets.positive.sum(1) > 0;
  const torch::Tensor rows = has.nonzero().flatten();
  if (rows.numel() == 0) return logits.sum() * 0;
  const auto of = [&](const torch::Tensor& x) { return x.index_select(0, rows); };
  return (counted_lse(of(logits), of(targets.rival), 1) - counted_lse(of(logits), of(targets.positive), 1))
      .sum();
}

torch::Tensor text_to_audio_loss(const torch::Tensor& audio, const torch::Tensor& text,
                                 const ClapTargets& targets, const torch::Tensor& scale) {
  const torch::Tensor logits =
      scale * text.to(torch::kFloat32).matmul(audio.to(torch::kFloat32).t());  // [U, B]
  const torch::Tensor own = (targets.positive > 0).to(torch::kFloat32).t(),
                      rival = (targets.rival > 0).to(torch::kFloat32).t();
  const torch::Tensor rows = (own.sum(1) > 0).nonzero().flatten();
  if (rows.numel() == 0) return logits.sum() * 0;
  const auto of = [&](const torch::Tensor& x) { return x.index_select(0, rows); };
  return (counted_lse(of(logits), of(rival), 1) - counted_lse(of(logits), of(own), 1)).sum();
}

torch::Tensor infonce_loss(const torch::Tensor& audio, const torch::Tensor& text,
                           const torch::Tensor& scale_a, const torch::Tensor& scale_t) {
  const torch::Tensor cosines = audio.to(torch::kFloat32).matmul(text.to(torch::kFloat32).t());  // [B, B]
  const torch::Tensor own = torch::arange(cosines.size(0));
  const auto direction = [&](const torch::Tensor& logits) {
    return torch::nn::functional::cross_entropy(
        logits, own, torch::nn::functional::CrossEntropyFuncOptions().reduction(torch::kSum));
  };
  return (direction(scale_a * cosines) + direction(scale_t * cosines.t())) / 2;
}

}  // namespace af2
