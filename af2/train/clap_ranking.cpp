#include "af2/train/clap_ranking.h"

#include <set>

namespace af2 {

ClipsToRank scenes_to_rank(const SoundBank& bank, const CaptionWriter& writer, Split split,
                           const TrainOptions& options) {
  ClipsToRank of;
  of.wrong_name = "order";
  std::set<std::string> seen;
  const int most = options.clap.val_scenes;
  for (int k = 0; static_cast<int>(of.clips.size()) < most && k < 4 * most; ++k) {
    Random rng("af2/clap/val/1/" + std::to_string(options.seed) + "/" + std::to_string(k));
    Scene scene = make_scene(bank, split, rng, options.data.scene);
    CaptionOptions wanted;
    wanted.positives = 1, wanted.negatives = 4;
    const ClapTexts texts = writer.texts(scene, rng, wanted);
    if (texts.captions.empty() || !seen.insert(texts.captions[0]).second) continue;
    for (const auto& negative : texts.negatives[0]) {
      if (negative.kind != "order") continue;
      of.with_wrong.push_back(static_cast<std::int64_t>(of.clips.size()));
      of.wrong.push_back(negative.text);
      break;
    }
    of.captions.push_back(texts.captions[0]);
    of.clips.push_back(std::move(scene.samples));
  }
  return of;
}

Json ranking_figures(const ClipsToRank& of, const torch::Tensor& audio, const torch::Tensor& text,
                     const torch::Tensor& wrong) {
  const torch::Tensor scores = audio.matmul(text.t());  // [N, N]
  Json figures = {{"scenes", of.clips.size()}};
  const auto recall = [&](const torch::Tensor& rows, const std::string& way) {
    const torch::Tensor rank = (rows > rows.diagonal().unsqueeze(1)).sum(1);
    for (const int k : {1, 5, 10})
      figures[way + "_r" + std::to_string(k)] = (rank < k).to(torch::kFloat64).mean().item<double>();
  };
  recall(scores, "audio_to_text");
  recall(scores.t(), "text_to_audio");
  if (!of.wrong.empty()) {
    const torch::Tensor places = torch::tensor(of.with_wrong);
    const torch::Tensor right = scores.diagonal().index_select(0, places);
    const torch::Tensor false_ones = (audio.index_select(0, places) * wrong).sum(1);
    figures[of.wrong_name] = (right > false_ones).to(torch::kFloat64).mean().item<double>();
    figures[of.wrong_name + "_n"] = of.wrong.size();
  }
  return figures;
}

}  // namespace af2
