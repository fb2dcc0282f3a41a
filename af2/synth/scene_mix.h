// The signals of a planned scene: one event's, its background's, and their sum.
//
// What planning measures and what rendering writes comes from here, so that both hear the same. Internal to
// af2/synth. Thread rule: a SceneMixer belongs to one thread, and so do its blocks' order: begins must grow.
//
//   SceneMixer mixer(library, plan);
//   mixer.mix(0, 16000, block);
#pragma once

#include <functional>
#include <list>
#include <memory>
#include <span>
#include <vector>

#include "af2/synth/scene_plan.h"

namespace af2 {

using Signal = std::shared_ptr<const std::vector<float>>;

// The part of a take that an event plays, stretched and shifted, before fades; what is not audible at its
// ends is cut away where it was stretched or shifted.
std::vector<float> event_source(const SoundLibrary& library, const PlanEvent& event);
// [length + tail] with fades, ramp and room, before its gain.
std::vector<float> event_signal(const SoundLibrary& library, const ScenePlan& plan, const PlanEvent& event);
// Whether its signal is the take's audible span, faded as usual, and nothing else.
bool is_plain(const SoundLibrary& library, const PlanEvent& event);

// A looped take, read from any place.
class LoopReader {
 public:
  LoopReader(TakeSamples samples, std::int64_t crossfade);
  // Adds gain * x to out[i] for the loop's samples from `begin` on.
  void add(std::int64_t begin, double gain, std::span<double> out) const;
  std::int64_t period() const { return period_; }

 private:
  float at(std::int64_t place) const;
  TakeSamples samples_;
  std::int64_t crossfade_, period_;
};

class SceneMixer {
 public:
  // Signals of events that are known already (plan.events; null where not).
  SceneMixer(const SoundLibrary& library, const ScenePlan& plan, std::vector<Signal> known = {});

  // Adds the backgrounds' samples from `begin` on, mono, their gains included.
  void add_background(std::int64_t begin, std::span<double> out) const;

  // Called with an event's mono signal, gain included, where it sounds in the block.
  using EventFn = std::function<void(int event, std::int64_t at, std::span<const float>)>;
  // Writes the samples from `begin` on, interleaved [n, channels].
  void mix(std::int64_t begin, std::span<float> out, const EventFn& each = {},
           std::span<float> background = {});

 private:
  struct Active {
    int event;
    Signal signal;
  };
  const SoundLibrary& library_;
  const ScenePlan& plan_;
  std::vector<Signal> known_;
  std::vector<LoopReader> loops_;
  std::size_t next_ = 0;
  std::list<Active> active_;
  std::vector<double> mono_, sum_;
  std::vector<float> piece_;
};

// Gains of the channels for a place from -1 (left) to 1 (right): their squares sum to 1.
std::pair<double, double> pan_gains(double pan);

}  // namespace af2
