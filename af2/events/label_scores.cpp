#include "af2/events/label_scores.h"

#include <algorithm>
#include <cmath>

namespace af2 {

std::vector<double> label_scores(std::span<const float> labels, std::span<const float> backgrounds,
                                 double logit_scale, LabelScoring scoring) {
  const bool competing = scoring == LabelScoring::kCompeting;
  const double scale = competing ? kCompetingSharpness * logit_scale : logit_scale;
  std::vector<double> scores;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    const auto part = [&](float other) {
      return std::exp(scale * (static_cast<double>(other) - static_cast<double>(labels[i])));
    };
    double all = 1;
    for (const float nothing : backgrounds) all += part(nothing);
    for (std::size_t j = 0; competing && j < labels.size(); ++j)
      if (j != i) all += part(labels[j]);
    scores.push_back(1 / all);
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

namespace {

// How many stretches reach a score, and in how many of those the label sounds.
class Reached {
 public:
  explicit Reached(std::vector<std::pair<double, bool>> stretches) {
    std::sort(stretches.begin(), stretches.end());
    sounding_.push_back(0);
    for (const auto& [score, sounds] : stretches) {
      scores_.push_back(score);
      sounding_.push_back(sounding_.back() + sounds);
    }
  }
  double all(double threshold) const { return static_cast<double>(scores_.size() - below(threshold)); }
  double sounding(double threshold) const {
    return static_cast<double>(sounding_.back() - sounding_[below(threshold)]);
  }
  double sounding() const { return static_cast<double>(sounding_.back()); }
  const std::vector<double>& scores() const { return scores_; }

 private:
  std::size_t below(double threshold) const {
    return static_cast<std::size_t>(std::lower_bound(scores_.begin(), scores_.end(), threshold) -
                                    scores_.begin());
  }
  std::vector<double> scores_;
  std::vector<std::size_t> sounding_;
};

}  // namespace

std::vector<double> calibrated_thresholds(const std::vector<LabelledStretches>& clips,
                                          const std::vector<std::string>& labels, double otherwise) {
  std::vector<std::vector<std::pair<double, bool>>> own(labels.size());
  std::vector<std::pair<double, bool>> together;
  for (std::size_t label = 0; label < labels.size(); ++label)
    for (const LabelledStretches& clip : clips)
      for (const StretchScores& stretch : clip.stretches) {
        const double middle = (stretch.start_s + stretch.end_s) / 2;
        const bool sounds = std::any_of(clip.events.begin(), clip.events.end(), [&](const TimedEvent& event) {
          return event.label == labels[label] && event.onset_s <= middle && middle < event.offset_s;
        });
        own[label].emplace_back(stretch.scores.at(label), sounds);
        together.push_back(own[label].back());
      }
  const double common = best_threshold(together, otherwise);
  const Reached all(std::move(together));
  if (all.sounding() == 0) return std::vector<double>(labels.size(), common);
  const double weight = kPooledStretches / all.sounding();
  std::vector<double> thresholds;
  for (auto& stretches : own) {
    const Reached these(std::move(stretches));
    const auto f1 = [&](double threshold) {
      return 2 * (these.sounding(threshold) + weight * all.sounding(threshold)) /
             (these.all(threshold) + these.sounding() + weight * (all.all(threshold) + all.sounding()));
    };
    double threshold = common, best = f1(common);
    const auto& scores = these.scores();
    for (std::size_t i = 0; i < scores.size(); ++i) {
      const double candidate = i == 0 ? scores[0] / 2 : (scores[i - 1] + scores[i]) / 2;
      if (f1(candidate) <= best) continue;
      best = f1(candidate);
      threshold = candidate;
    }
    thresholds.push_back(threshold);
  }
  return thresholds;
}

}  // namespace af2
