// How likely each label is in a stretch of a clip, and thresholds that labelled clips choose for it.
//
// A score is the share of a label beside texts that stand for nothing in particular ("silence", "background
// noise") and, where labels compete, beside all other labels. Cosines are AF-CLAP's (generate/clap_engine.h).
// Thread rule: free functions.
//
//   std::vector<double> scores =
//       label_scores(label_cosines, background_cosines, clap.logit_scale(), LabelScoring::kCompeting);
//   double threshold = best_threshold({{0.9, true}, {0.4, false}}, 0.5);   // 0.65
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "af2/events/timeline.h"

namespace af2 {

enum class LabelScoring {
  kCompeting,    // softmax over labels and backgrounds: one sound seldom passes for several labels
  kIndependent,  // each label beside the backgrounds alone: for labels that sound at the same time
};

// Competing labels share at this part of AF-CLAP's logit scale: at the whole of it the better of two sounds
// that overlap leaves next to nothing to the other. [ours: chosen on validation scenes]
inline constexpr double kCompetingSharpness = 0.5;

// exp(s label) / sum of exp(s other) over the backgrounds, the label itself and, where they compete, all
// other labels, in (0, 1); s is `logit_scale`, and kCompetingSharpness of it where they compete.
std::vector<double> label_scores(std::span<const float> labels, std::span<const float> backgrounds,
                                 double logit_scale, LabelScoring scoring);

// The threshold with the best F1 of (score, whether the label sounds there): half way between the scores that
// it parts, the highest of equally good ones. Without a stretch in which it sounds: half way from the highest
// score to 1, but no lower than `otherwise`; without any stretch `otherwise`.
double best_threshold(std::vector<std::pair<double, bool>> stretches, double otherwise);

// Thresholds of all labels from stretches of clips whose events are known: a label sounds in a stretch if
// one of its events covers the stretch's middle. Each is the one with the best F1 over the label's own
// stretches together with those of all labels, which count as kPooledStretches of sound do: a label that
// sounds nowhere or seldom gets about the threshold that is best for all of them.
inline constexpr double kPooledStretches = 200;
struct LabelledStretches {
  std::vector<StretchScores> stretches;
  std::vector<TimedEvent> events;
};
std::vector<double> calibrated_thresholds(const std::vector<LabelledStretches>& clips,
                                          const std::vector<std::string>& labels, double otherwise);

}  // namespace af2
