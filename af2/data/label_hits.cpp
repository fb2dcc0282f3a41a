#include "af2/data/label_hits.h"

#include <algorithm>

namespace af2 {

std::array<double, 3> LabelHits::of(const SoundBank& bank, std::span<const float> scores, int label) {
  int above = 0, others = 0;
  for (int c = 0; c < static_cast<int>(bank.labels().size()); ++c) {
    if (c == label || bank.confusable(c, label)) continue;
    ++others;
    above += !(scores[static_cast<std::size_t>(c)] < scores[static_cast<std::size_t>(label)]);
  }
  double four = 1;
  for (int k = 0; k < 3; ++k)
    four *= std::max(0.0, static_cast<double>(others - above - k) / std::max(1, others - k));
  return {above < 1 ? 1.0 : 0.0, above < 5 ? 1.0 : 0.0, four};
}

Json LabelHits::figures() const {
  std::array<double, 3> mean = {};
  std::size_t n = 0;
  for (const auto& [label, hits] : by_label_) {
    n += hits.size();
    for (const auto& hit : hits)
      for (std::size_t k = 0; k < hit.size(); ++k)
        mean[k] += hit[k] / static_cast<double>(hits.size()) / static_cast<double>(by_label_.size());
  }
  return {{"n", n}, {"labels", by_label_.size()}, {"top1", mean[0]}, {"top5", mean[1]}, {"of_four", mean[2]}};
}

}  // namespace af2
