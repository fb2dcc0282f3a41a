#include "af2/train/listener_targets.h"

#include <algorithm>
#include <numeric>

namespace af2 {
namespace {

constexpr double kLengths_s[] = {0.35, 0.7, 1.4, 2.8, 5.6};  // edges of the classes of length
constexpr float kAudibleShare = 0.25f;  // of a step's energy: the label that has it stands for the step
constexpr double kSampleRate = 16000;   // of scenes

int64_t length_class(double seconds) {
  return std::upper_bound(std::begin(kLengths_s), std::end(kLengths_s), seconds) - std::begin(kLengths_s);
}

// How many labels have more of it, as a class.
int64_t place_of(int label, const std::map<int, LabelFacts>& facts, double LabelFacts::*of) {
  int64_t more = 0;
  for (const auto& [other, one] : facts) more += one.*of > facts.at(label).*of;
  return std::min(more, kPlaces - 1);
}

}  // namespace

std::shared_ptr<ListenerScene> listener_scene(const Scene& scene, const FrameLabels& frames,
                                              int64_t n_classes) {
  auto made = std::make_shared<ListenerScene>();
  made->labels = scene.labels();
  for (const int label : made->labels) made->facts[label].count = scene.count(label);
  for (std::size_t i = 0; i < scene.events.size(); ++i) {
    const SceneEvent& event = scene.events[i];
    const auto& energy = scene.event_energy[i].energy;
    const double seconds = event.offset_s - event.onset_s;
    const double in_frames = std::max(1.0, seconds * kSampleRate / static_cast<double>(kEnergyFrame));
    LabelFacts& facts = made->facts[event.label];
    facts.longest_s = std::max(facts.longest_s, seconds);
    facts.loudest = std::max(facts.loudest, std::accumulate(energy.begin(), energy.end(), 0.0) / in_frames);
  }
  const auto steps = static_cast<int64_t>(frames.steps.size());
  made->shares = torch::zeros({steps, n_classes});
  auto shares = made->shares.accessor<float, 2>();
  for (int64_t step = 0; step < steps; ++step) {
    int strongest = -1;
    float most = kAudibleShare;
    for (const auto& [label, share] : frames.steps[static_cast<std::size_t>(step)]) {
      shares[step][label] = share;
      if (share > most) most = share, strongest = label;
    }
    shares[step][n_classes - 1] = frames.background[static_cast<std::size_t>(step)];
    made->sounding.push_back(strongest);
  }
  return made;
}

ListenerTargets listener_targets(const std::vector<std::shared_ptr<ListenerScene>>& clip) {
  ListenerTargets made;
  std::map<int, LabelFacts> facts;
  std::vector<torch::Tensor> shares;
  for (const auto& scene : clip) {
    shares.push_back(scene->shares);
    made.sounding.insert(made.sounding.end(), scene->sounding.begin(), scene->sounding.end());
    for (const int label : scene->labels)
      if (std::find(made.labels.begin(), made.labels.end(), label) == made.labels.end())
        made.labels.push_back(label);
    for (const auto& [label, of_scene] : scene->facts) {
      LabelFacts& whole = facts[label];
      whole.count += of_scene.count;
      whole.longest_s = std::max(whole.longest_s, of_scene.longest_s);
      whole.loudest = std::max(whole.loudest, of_scene.loudest);
    }
  }
  made.shares = torch::cat(shares);
  const auto steps = static_cast<int64_t>(made.sounding.size());
  for (torch::Tensor* target :
       {&made.count, &made.from_first, &made.from_last, &made.from_longest, &made.from_loudest, &made.length})
    *target = torch::full({steps}, kIgnored, torch::kInt64);
  for (int64_t step = 0; step < steps; ++step) {
    const int label = made.sounding[static_cast<std::size_t>(step)];
    if (label < 0) continue;
    const auto place = std::find(made.labels.begin(), made.labels.end(), label) - made.labels.begin();
    const auto after = static_cast<int64_t>(made.labels.size()) - 1 - place;
    made.count[step] = std::min<int64_t>(facts.at(label).count, kCounts) - 1;
    made.from_first[step] = std::min<int64_t>(place, kPlaces - 1);
    made.from_last[step] = std::min<int64_t>(after, kPlaces - 1);
    made.from_longest[step] = place_of(label, facts, &LabelFacts::longest_s);
    made.from_loudest[step] = place_of(label, facts, &LabelFacts::loudest);
    made.length[step] = length_class(facts.at(label).longest_s);
  }
  return made;
}

}  // namespace af2
