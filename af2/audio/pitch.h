// The fundamental frequency of a sound over time: YIN (de Cheveigné and Kawahara, 2002).
//
// For labels of scenes and recordings ("which sound is higher?"), not for music transcription: one voice at a
// time. Thread rule: free functions.
//
//   const PitchTrack track = pitch_track(samples, 16000);
//   if (const auto hz = track.median_hz()) std::printf("%.0f Hz\n", *hz);
#pragma once

#include <optional>
#include <span>
#include <vector>

namespace af2 {

struct PitchOptions {
  double min_hz = 60, max_hz = 2000;
  double hop_s = 0.01;
  double threshold = 0.15;  // of YIN's normalised difference: below it a frame is voiced
  double least_db = -40;    // a frame is heard if it is no further below the loudest one

  template <class V>
  void visit(V& v) {
    v.field("min_hz", min_hz, "lowest fundamental looked for");
    v.field("max_hz", max_hz, "highest fundamental looked for");
    v.field("hop_s", hop_s, "seconds between frames");
    v.field("threshold", threshold, "normalised difference below which a frame is voiced");
    v.field("least_db", least_db, "level under the loudest frame from which one is not heard");
  }
};

struct PitchTrack {
  std::vector<double> hz;  // [frames], 0 where there is no pitch
  double voiced = 0;       // share of the heard frames that have one

  // Over the frames with a pitch; nullopt where fewer than `least_voiced` of those heard have one.
  std::optional<double> median_hz(double least_voiced = 0.5) const;
};

// Throws kUser for a range that does not fit the rate. A clip shorter than a frame (two of the longest
// periods) has no frames.
PitchTrack pitch_track(std::span<const float> samples, double rate_hz, const PitchOptions& options = {});

}  // namespace af2
