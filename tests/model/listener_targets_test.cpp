// What a time step of a clip of several scenes tells: counts, places, lengths and levels of the whole clip.
#include "af2/train/listener_targets.h"

#include <gtest/gtest.h>

namespace af2 {
namespace {

constexpr int64_t kClasses = 5;  // four labels and the background

// A scene of four steps in which each label of `events` sounds once for a second, as loud as told, label i in
// step i.
std::shared_ptr<ListenerScene> scene_of(const std::vector<std::pair<int, float>>& events,
                                        double seconds = 1) {
  Scene scene;
  FrameLabels frames;
  frames.steps.resize(4), frames.background.assign(4, 0.1f);
  for (std::size_t i = 0; i < events.size(); ++i) {
    SceneEvent event;
    event.label = events[i].first, event.onset_s = static_cast<double>(i),
    event.offset_s = event.onset_s + seconds;
    scene.events.push_back(event);
    EnergyTrack track;
    track.energy.assign(10, events[i].second);
    scene.event_energy.push_back(track);
    frames.steps[i].push_back({events[i].first, 0.9f});
  }
  return listener_scene(scene, frames, kClasses);
}

std::vector<int64_t> numbers(const torch::Tensor& tensor) {
  return {tensor.data_ptr<int64_t>(), tensor.data_ptr<int64_t>() + tensor.numel()};
}

TEST(ListenerTargets, OfASceneAlone) {
  const auto scene = scene_of({{2, 1.0f}, {0, 4.0f}, {2, 1.0f}});
  const ListenerTargets targets = listener_targets({scene});
  EXPECT_EQ(targets.labels, (std::vector<int>{2, 0}));
  EXPECT_EQ(targets.sounding, (std::vector<int>{2, 0, 2, -1}));
  EXPECT_EQ(numbers(targets.count), (std::vector<int64_t>{1, 0, 1, kIgnored}));  // twice, once
  EXPECT_EQ(numbers(targets.from_first), (std::vector<int64_t>{0, 1, 0, kIgnored}));
  EXPECT_EQ(numbers(targets.from_last), (std::vector<int64_t>{1, 0, 1, kIgnored}));
  EXPECT_EQ(numbers(targets.from_loudest), (std::vector<int64_t>{1, 0, 1, kIgnored}));
  EXPECT_EQ(numbers(targets.from_longest), (std::vector<int64_t>{0, 0, 0, kIgnored}));  // alike
  EXPECT_FLOAT_EQ(targets.shares[0][2].item<float>(), 0.9f);
  EXPECT_FLOAT_EQ(targets.shares[3][kClasses - 1].item<float>(), 0.1f);
}

TEST(ListenerTargets, OfScenesInTurn) {
  const auto first = scene_of({{2, 1.0f}, {0, 4.0f}}),
             second = scene_of({{3, 9.0f}, {2, 1.0f}, {2, 1.0f}}, 3);
  const ListenerTargets targets = listener_targets({first, second});
  EXPECT_EQ(targets.labels, (std::vector<int>{2, 0, 3}));
  EXPECT_EQ(targets.sounding, (std::vector<int>{2, 0, -1, -1, 3, 2, 2, -1}));
  EXPECT_EQ(targets.shares.sizes(), (torch::IntArrayRef{8, kClasses}));
  // Label 2 sounds once in the first and twice in the second: three times wherever it is heard.
  EXPECT_EQ(numbers(targets.count), (std::vector<int64_t>{2, 0, kIgnored, kIgnored, 0, 2, 2, kIgnored}));
  EXPECT_EQ(numbers(targets.from_first), (std::vector<int64_t>{0, 1, kIgnored, kIgnored, 2, 0, 0, kIgnored}));
  EXPECT_EQ(numbers(targets.from_last), (std::vector<int64_t>{2, 1, kIgnored, kIgnored, 0, 2, 2, kIgnored}));
  EXPECT_EQ(numbers(targets.from_longest),
            (std::vector<int64_t>{0, 2, kIgnored, kIgnored, 0, 0, 0, kIgnored}));
  // Mean squares are over the sounds' frames: those of the second are a third of what is told.
  EXPECT_EQ(numbers(targets.from_loudest),
            (std::vector<int64_t>{2, 0, kIgnored, kIgnored, 1, 2, 2, kIgnored}));
  EXPECT_EQ(numbers(targets.length)[0], numbers(targets.length)[5]);  // of its longest sound, wherever
  EXPECT_LT(numbers(targets.length)[1], numbers(targets.length)[4]);
}

}  // namespace
}  // namespace af2
