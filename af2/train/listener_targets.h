// What the audio transformer shall tell of each time step (listener_task.cpp): of scenes of one window, and
// of clips that are several of them, one window after the other.
//
// What a step tells of its label (how often it sounds, its place among the labels, its longest and loudest
// sound) holds for the whole clip: a clip of three windows asks the transformer to look across them. Thread
// rule: free functions.
#pragma once

#include <torch/torch.h>

#include <map>
#include <memory>
#include <vector>

#include "af2/train/scene_tokens.h"

namespace af2 {

inline constexpr int64_t kCounts = 10;     // classes of how often: 1 .. 10 or more
inline constexpr int64_t kPlaces = 6;      // and of the place: 1 .. 6 or later
inline constexpr int64_t kLengths = 6;     // of the seconds of a label's longest sound
inline constexpr int64_t kIgnored = -100;  // a step without such a label

// Of a label in a scene.
struct LabelFacts {
  int count = 0;
  double longest_s = 0;
  double loudest = 0;  // mean square of its loudest sound
};

struct ListenerScene : PooledScene {
  torch::Tensor shares;       // [steps, C+1]: of each label, the last the background's
  std::vector<int> sounding;  // [steps]: the label that stands for the step, or -1
  std::vector<int> labels;    // in order of their first onsets
  std::map<int, LabelFacts> facts;
};

struct ListenerTargets {
  torch::Tensor shares;  // [W*steps, C+1]
  // [W*steps] int64: class, or kIgnored
  torch::Tensor count, from_first, from_last, from_longest, from_loudest, length;
  std::vector<int> sounding, labels;
};

// `scene` still has its events' energies; samples are not looked at. n_classes: labels and background.
std::shared_ptr<ListenerScene> listener_scene(const Scene& scene, const FrameLabels& frames,
                                              int64_t n_classes);

// Of a clip that is these scenes in turn, each a window.
ListenerTargets listener_targets(const std::vector<std::shared_ptr<ListenerScene>>& clip);

}  // namespace af2
