// How likely each label is in a stretch of a clip, and thresholds that labelled clips choose for it.
//
// A score is the share of a label beside texts that stand for nothing in particular ("silence", "background
// noise"), so that labels do not compete with each other. Cosines are AF-CLAP's (generate/clap_engine.h).
// Thread rule: free functions.
//
//   std::vector<double> scores = label_scores(label_cosines, background_cosines, clap.logit_scale());
//   double threshold = best_threshold({{0.9, true}, {0.4, false}}, 0.5);   // 0.65
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "af2/events/timeline.h"

namespace af2 {

// 1 / (1 + sum over backgrounds of exp(scale * (background - label))), in (0, 1).
std::vector<double> label_scores(std::span<const float> labels, std::span<const float> backgrounds,
                                 double scale);

// The threshold with the best F1 of (score, whether the label sounds there): half way between the scores that
// it parts, the highest of equally good ones. Without a stretch in which it sounds: half way from the highest
// score to 1, but no lower than `otherwise`; without any stretch `otherwise`.
double best_threshold(std::vector<std::pair<double, bool>> stretches, double otherwise);

// Thresholds of all labels from stretches of clips whose events are known: a label sounds in a stretch if
// one of its events covers the stretch's middle.
struct LabelledStretches {
  std::vector<StretchScores> stretches;
  std::vector<TimedEvent> events;
};
std::vector<double> calibrated_thresholds(const std::vector<LabelledStretches>& clips,
                                          const std::vector<std::string>& labels, double otherwise);

}  // namespace af2
