// Sample-rate conversion by soxr, quality HQ: what librosa.resample(res_type="soxr_hq") gives.
//
// For analysis audio. Not for pitch and speed effects (af2/audio/augment.h). Thread rule: one Resampler per
// owner; resample() is free of shared state.
//
//   std::vector<float> y = resample(x, 44100, 16000);
//   Resampler stream(44100, 16000);          // the same values in pieces
//   stream.push(block, y);  stream.finish(y);
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace af2 {

// Number of samples after conversion: ceil(n * to / from), computed in integers (librosa's rule, without its
// rounding slips at exact multiples).
std::int64_t resampled_length(std::int64_t n, int from_hz, int to_hz);

// Mono x at from_hz to to_hz; resampled_length() samples (soxr's last sample is followed by a zero where soxr
// rounds down, as librosa's fix_length does). Equal rates copy. Throws kUser without AF2_WITH_SOXR when the
// rates differ, or when a rate is not in [1, 10^7].
std::vector<float> resample(std::span<const float> x, int from_hz, int to_hz);

// The same as a stream. push() and finish() append to `out`; what they append in total equals resample().
class Resampler {
 public:
  Resampler(int from_hz, int to_hz);
  ~Resampler();
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;

  void push(std::span<const float> x, std::vector<float>& out);
  void finish(std::vector<float>& out);  // once, after the last push

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace af2
