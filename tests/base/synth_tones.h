// A sound library of the tone bank (data_tone_bank.h), and a scene rendered with its stems.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "af2/synth/scene_mix.h"
#include "af2/synth/scene_plan.h"
#include "af2/synth/scene_render.h"
#include "data_tone_bank.h"

namespace af2::test {

// Scenes are measured: in a build without libebur128 there are none.
class MeasuredTest : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef AF2_WITH_EBUR128
    GTEST_SKIP() << "built without libebur128";
#endif
  }
};

inline const SoundLibrary& tone_library() {
  static const std::unique_ptr<SoundLibrary> library = [] {
    auto made = std::make_unique<SoundLibrary>(16000);
    made->add_bank(shared_tone_bank());
    return made;
  }();
  return *library;
}

struct Rendered {
  std::vector<float> mix;                 // interleaved
  std::vector<std::vector<float>> stems;  // [events], each as long as the scene
  std::vector<float> background;
};

inline Rendered render_stems(const SoundLibrary& library, const ScenePlan& plan, std::int64_t block = 0) {
  Rendered r;
  r.stems.assign(plan.events.size(), std::vector<float>(static_cast<std::size_t>(plan.length), 0.0f));
  StemSinks stems;
  stems.event = [&](int event, std::int64_t at, std::span<const float> x) {
    std::copy(x.begin(), x.end(), r.stems[static_cast<std::size_t>(event)].begin() + at);
  };
  stems.background = [&](std::span<const float> x) {
    r.background.insert(r.background.end(), x.begin(), x.end());
  };
  render_scene(
      library, plan, [&](std::span<const float> x) { r.mix.insert(r.mix.end(), x.begin(), x.end()); }, stems,
      block);
  return r;
}

// The part of a stem that the event's label names.
inline std::span<const float> labelled(const std::vector<float>& stem, const PlanEvent& e) {
  return std::span(stem).subspan(static_cast<std::size_t>(e.onset), static_cast<std::size_t>(e.length));
}

inline EventSpec event_of(std::string name, std::vector<std::string> labels) {
  EventSpec e;
  e.name = std::move(name), e.labels = std::move(labels);
  return e;
}

// 8 s, pink noise, no events yet.
inline SceneSpec plain_spec() {
  SceneSpec spec;
  spec.duration = Distribution::constant(8);
  spec.background.kinds = {"pink"};
  return spec;
}

}  // namespace af2::test
