// What the audio tests share: paths, golden files, the formula signals of tests/oracle/make_audio_goldens.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <numbers>
#include <span>
#include <string>
#include <vector>

#include "af2/core/file.h"

namespace af2::audio_testing {

inline std::string clip_path(const std::string& name) {
  return std::string(AF2_SOURCE_DIR) + "/tests/data/audio/" + name;
}

inline std::vector<float> golden(const std::string& name) {
  const std::string bytes = read_file(clip_path(name));
  std::vector<float> values(bytes.size() / sizeof(float));
  std::memcpy(values.data(), bytes.data(), values.size() * sizeof(float));
  return values;
}

// White noise in [-1, 1): a hash of the index.
inline std::vector<float> hashed(std::size_t n, std::uint32_t seed) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i) {
    std::uint32_t x = static_cast<std::uint32_t>(i) * 2654435761u + seed;
    x ^= x >> 16;
    x *= 0x85EBCA6Bu;
    x ^= x >> 13;
    x *= 0xC2B2AE35u;
    x ^= x >> 16;
    out[i] = static_cast<float>(static_cast<double>(x) / 2147483648.0 - 1);
  }
  return out;
}

// The source signal of the compressed clips.
inline std::vector<double> tone(double seconds, int rate_hz) {
  std::vector<double> out(static_cast<std::size_t>(std::lround(seconds * rate_hz)));
  for (std::size_t i = 0; i < out.size(); ++i) {
    const double t = static_cast<double>(i) / rate_hz, turn = 2 * std::numbers::pi;
    out[i] = 0.5 * std::sin(turn * (300 * t + 180 * t * t)) * (0.6 + 0.4 * std::cos(turn * 2 * t));
  }
  return out;
}

inline std::vector<float> sine(std::size_t n, double hz, double rate_hz = 16000, double amplitude = 0.5) {
  std::vector<float> out(n);
  for (std::size_t i = 0; i < n; ++i)
    out[i] = static_cast<float>(amplitude *
                                std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate_hz));
  return out;
}

}  // namespace af2::audio_testing
