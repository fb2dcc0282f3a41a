// Pitch and length of a sound, each without the other, by SoundTouch (docs/spec/data.md section 5).
//
// For variants of takes in scenes. Thread rule: a free function.
//
//   std::vector<float> y = shift_and_stretch(x, 16000, 2, 0.9);   // two semitones up, a tenth shorter
#pragma once

#include <span>
#include <vector>

namespace af2 {

// `semitones` up; the length becomes round(x.size() * stretch). 0 and 1 give x itself. Throws kResource in a
// build without SoundTouch.
std::vector<float> shift_and_stretch(std::span<const float> x, int rate_hz, double semitones, double stretch);

}  // namespace af2
