// Where a sound is audible, how loud it is while it sounds, and how many bursts it has.
//
// For placing recordings into scenes with exact labels (docs/spec/data.md section 5). Not a perceptual
// loudness meter: levels are root mean squares in dB of full scale. Thread rule: free functions, no state.
//
//   const SampleSpan span = audible_span(samples);       // [begin, end) in samples
//   const double level_db = active_level_db(samples);    // RMS of the loud parts
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace af2 {

// Everything in af2/data runs at this rate.
inline constexpr int kBankRateHz = 16000;

// Half-open range of sample indices.
struct SampleSpan {
  std::size_t begin = 0, end = 0;
  std::size_t size() const { return end - begin; }
};

// Mean square of each whole or partial frame of `frame` samples. [ceil(n / frame)]
std::vector<float> frame_energy(std::span<const float> samples, std::size_t frame);

// The audible part: from the first to the last 2.5 ms frame within 45 dB of the loudest one; where the
// recording has a quiet noise floor (10th percentile over 25 dB under the loudest frame), frames must also be
// 6 dB over that floor. Empty for digital silence. [ours: data.md says 60 dB, which keeps room noise]
SampleSpan audible_span(std::span<const float> samples);

// RMS in dB of full scale over the 10 ms frames within 20 dB of the loudest; -120 for silence.
double active_level_db(std::span<const float> samples);

// Bursts: runs of 20 ms frames within 15 dB of the loudest, parted by at least 60 ms more than 20 dB under
// it.
int count_bursts(std::span<const float> samples);

}  // namespace af2
