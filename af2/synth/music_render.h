// Makes a piece sound: FluidSynth with a soundfont (docs/spec/data.md section 5).
//
// A fresh synthesiser for every piece, single-threaded, with fixed settings, at 48 kHz; other rates are
// resampled. Notes begin on its blocks, so that onsets are exact. The same plan, soundfont and build give the
// same samples, whatever was rendered before. Not a MIDI player. Thread rule: one renderer per thread.
//
//   MusicRenderer renderer("/usr/share/sounds/sf2/TimGM6mb.sf2");
//   write_wav("a.wav", renderer.render(plan, {.rate_hz = 16000}));
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "af2/synth/music_plan.h"

namespace af2 {

struct MusicSound {
  int rate_hz = 16000;
  int channels = 1;  // 1 or 2, interleaved
};

// Takes the samples in pieces, in order.
using MusicSink = std::function<void(std::span<const float>)>;

class MusicRenderer {
 public:
  // Loads the soundfont once. Throws kData (not there, no soundfont), kResource in a build without
  // FluidSynth.
  explicit MusicRenderer(const std::filesystem::path& soundfont);
  MusicRenderer(MusicRenderer&&) noexcept;
  MusicRenderer& operator=(MusicRenderer&&) noexcept;
  ~MusicRenderer();

  // round(plan.seconds() * rate) frames at a time-invariant gain; the last 50 ms fade out. Peaks of dense
  // pieces may lie above 1: the caller scales. Memory does not grow with the piece. Throws kData where the
  // soundfont lacks a program, kUser for rates outside 8 to 96 kHz or without soxr for others than 48 kHz.
  void render(const MusicPlan& plan, const MusicSound& sound, const MusicSink& sink) const;
  std::vector<float> render(const MusicPlan& plan, const MusicSound& sound) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Scales all samples so that the highest is at most `peak`; returns the factor (1: nothing was done).
float limit_peak(std::vector<float>& samples, float peak = 0.98f);

}  // namespace af2
