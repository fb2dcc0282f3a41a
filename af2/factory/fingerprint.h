// Fingerprints of sounds by pairs of spectral peaks: what is left when a recording is cropped, made louder,
// encoded anew or reduced to 8 kHz (docs/spec/data.md section 7, overlap).
//
// Peaks of the spectrogram at 8 kHz (128 ms windows, 32 ms apart), and of its rises, are paired with the next
// few behind them; a pair's two frequencies and distance in time make a number. Two sounds that have many
// such numbers at one and the same offset are the same recording. One steady tone alone has too few to be
// told from another. Not for likeness of different recordings. Thread rule: free functions.
//
//   const std::vector<Landmark> marks = landmarks(clip.samples);   // 16 kHz mono
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace af2 {

struct Landmark {
  std::uint32_t hash = 0;   // peak or rise, f1, f2 - f1, distance in time: 24 bits
  std::uint32_t frame = 0;  // of the first peak
};

inline constexpr double kLandmarkFrameSeconds = 0.032;
// A sound may begin anywhere between two frames: it is looked for at this many beginnings.
inline constexpr int kLandmarkShifts = 4;

// `samples`: [n] 16 kHz mono. `shift`: of kLandmarkShifts, by so many quarters of a frame the first one
// begins later. Sorted by frame, then hash. Silence has none. Throws kUser without AF2_WITH_SOXR.
std::vector<Landmark> landmarks(std::span<const float> samples, int shift = 0);

}  // namespace af2
