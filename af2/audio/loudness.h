// Loudness of mono sound by ITU-R BS.1770 (libebur128), in LKFS (the same as LUFS).
//
// For labels of scenes ("which sound is louder?") and levels of mixes. Not a level meter of streams. Thread
// rule: free functions.
//
//   const double lkfs = loudness_lkfs(samples, 16000);   // -23.0: as loud as television should be
#pragma once

#include <span>

namespace af2 {

inline constexpr double kSilenceLkfs = -70;  // what the standard's gate takes for silence

// Integrated over the clip, kSilenceLkfs of silence or nothing. A clip shorter than the standard's block of
// 0.4 s is measured as such a block of its own energy. Throws kResource in a build without libebur128.
double loudness_lkfs(std::span<const float> samples, int rate_hz);

}  // namespace af2
