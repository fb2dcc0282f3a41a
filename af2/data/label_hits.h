// How well scores of all labels find a recording's own: at first, among the first five, among four.
//
// Labels that one word may name as well are no rivals; a tie is no hit. Thread rule: one owner.
//
//   LabelHits hits(bank);
//   hits.add(scores, recording.label);
//   Json figures = hits.figures();   // {"n": 1, "labels": 1, "top1": 1, "top5": 1, "of_four": 1}
#pragma once

#include <array>
#include <map>
#include <span>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/bank.h"

namespace af2 {

class LabelHits {
 public:
  explicit LabelHits(const SoundBank& bank) : bank_(bank) {}

  // Scores of the bank's labels, in their order. 1 or 0 for the first place and for the first five; the
  // chance that none of three labels drawn from the others scores as high.
  static std::array<double, 3> of(const SoundBank& bank, std::span<const float> scores, int label);
  void add(std::span<const float> scores, int label) { by_label_[label].push_back(of(bank_, scores, label)); }
  // Means over labels of the means over their recordings.
  Json figures() const;

 private:
  const SoundBank& bank_;
  std::map<int, std::vector<std::array<double, 3>>> by_label_;
};

}  // namespace af2
