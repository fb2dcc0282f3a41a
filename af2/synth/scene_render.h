// A planned scene as sound, in blocks: memory does not grow with its length (docs/spec/data.md section 5).
//
// Nothing is drawn here. Thread rule: free functions; the sinks are called from the caller's thread, in
// order.
//
//   SoundWriter writer("scene.wav", {.rate_hz = plan.rate_hz, .channels = plan.channels, ...});
//   render_scene(library, plan, [&](std::span<const float> block) { writer.write(block); });
#pragma once

#include <filesystem>
#include <functional>
#include <span>

#include "af2/synth/scene_plan.h"

namespace af2 {

// Interleaved samples [n, channels] in [-1, 1].
using SceneSink = std::function<void(std::span<const float>)>;

struct StemSinks {
  // Mono samples of an event (its place among plan.events) from sample `at` of the scene on: in one run from
  // its onset to the end of its tail. Panned with pan_gains() they add up to the scene.
  std::function<void(int event, std::int64_t at, std::span<const float>)> event;
  std::function<void(std::span<const float>)> background;  // mono, all of it
};

// `block` samples at a time; the result does not depend on it.
void render_scene(const SoundLibrary& library, const ScenePlan& plan, const SceneSink& sink,
                  const StemSinks& stems = {}, std::int64_t block = 0);  // 0: a second

// [plan.length, channels]: of short scenes.
std::vector<float> render_whole(const SoundLibrary& library, const ScenePlan& plan);

}  // namespace af2
