// A picture of a sound for people: its log-mel spectrogram as a small PNG.
//
// Not what the model hears (model/logmel has that, with torch): here a hop as long as the picture needs, and
// levels down to 70 dB below the loudest place. Thread rule: pure functions.
//
//   const Clip clip = decode_file("rain.wav");
//   std::string png = spectrogram_png(clip.samples, clip.rate_hz);   // 240 x 64 pixels at most
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace af2 {

inline constexpr int kSpectrogramColumns = 240, kSpectrogramBands = 64;

struct Spectrogram {
  int columns = 0, bands = kSpectrogramBands;
  std::vector<std::uint8_t> levels;  // [columns, bands], low bands first: 0 at -70 dB and below, 255 loudest
  double low_hz = 0, high_hz = 0;
};
// samples: mono at rate_hz, one window at least is seen (zeros are put behind fewer). Power of Hann windows
// of 1024 samples, triangles on the HTK mel scale (2595 log10(1 + f / 700)) from 40 Hz to half the rate.
// Nothing or silence gives zeros.
Spectrogram spectrogram_of(std::span<const float> samples, int rate_hz);

// An indexed PNG, time to the right, low bands at the bottom. Its rows are stored, not compressed: 16 kB.
std::string spectrogram_png(std::span<const float> samples, int rate_hz);

// Any picture of palette indices, rows from the top; `palette`: three bytes for each of at most 256 colours.
std::string indexed_png(int width, int height, std::span<const std::uint8_t> pixels,
                        std::span<const std::uint8_t> palette);

}  // namespace af2
