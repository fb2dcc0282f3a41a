#include "af2/events/label_scores.h"

#include <algorithm>
#include <cmath>

namespace af2 {

std::vector<double> label_scores(std::span<const float> labels, std::span<const float> backgrounds,
                                 double scale) {
  std::vector<double> scores;
  for (const float label : labels) {
    double others = 0;
    for (const float nothing : backgrounds)
      others += std::exp(scale * (static_cast<double>(nothing) - static_cast<double>(label)));
    scores.push_back(1 / (1 + others));
  }
  return scores;
}

double best_threshold(std::vector<std::pair<double, bool>> stretches, double otherwise) {
  if (stretches.empty()) return otherwise;
  std::sort(stretches.begin(), stretches.end(),
            [](const auto& a, const auto& b) { return a.first > b.first; });
  const auto sounding =
      std::count_if(stretches.begin(), stretches.end(), [](const auto& s) { return s.second; });
  if (sounding == 0) return std::max(otherwise, (stretches.front().first + 1) / 2);
  double best = -1, threshold = otherwise;
  std::ptrdiff_t right = 0;
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    right += stretches[i].second;
    const bool parted = i + 1 == stretches.size() || stretches[i + 1].first < stretches[i].first;
    if (!parted) continue;
    const double f1 =
        2.0 * static_cast<double>(right) / static_cast<double>(static_cast<std::ptrdiff_t>(i + 1) + sounding);
    if (f1 <= best) continue;
    best = f1;
    const double below = i + 1 == stretches.size() ? 0 : stretches[i + 1].first;
    threshold = (stretches[i].first + below) / 2;
  }
  return threshold;
}

std::vector<double> calibrated_thresholds(const std::vector<LabelledStretches>& clips,
                                          const std::vector<std::string>& labels, double otherwise) {
  std::vector<double> thresholds;
  for (std::size_t label = 0; label < labels.size(); ++label) {
    std::vector<std::pair<double, bool>> all;
    for (const LabelledStretches& clip : clips)
      for (const StretchScores& stretch : clip.stretches) {
        const double middle = (stretch.start_s + stretch.end_s) / 2;
        const bool sounds = std::any_of(clip.events.begin(), clip.events.end(), [&](const TimedEvent& event) {
          return event.label == labels[label] && event.onset_s <= middle && middle < event.offset_s;
        });
        all.emplace_back(stretch.scores.at(label), sounds);
      }
    thresholds.push_back(best_threshold(std::move(all), otherwise));
  }
  return thresholds;
}

}  // namespace af2
