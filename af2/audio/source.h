// The seam between decode.cpp and its readers (FFmpeg, own WAV, NumPy arrays): blocks of interleaved float
// samples.
//
// Internal to af2/audio. Thread rule: none shared; a reader runs on the caller's thread.
//
//   read_with_ffmpeg({bytes, nullptr, "a.mp3"}, 30.0, [&](const PcmBlock& block) { return sink(block); });
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "af2/core/file.h"

namespace af2::audio_internal {

struct Input {
  std::span<const std::byte> bytes;
  const MappedFile* map = nullptr;  // when the bytes are a mapping: pages already read are given back
  std::string name;                 // for errors
};

struct PcmBlock {
  const float* samples = nullptr;  // [frames, channels]
  std::size_t frames = 0;
  int channels = 0;
  int rate_hz = 0;
  float full_scale = 1;       // the largest value of the file's sample format
  std::int64_t position = 0;  // of the first frame, counted at rate_hz from the file's first sample
};

// Returns false when it has enough.
using BlockFn = std::function<bool(const PcmBlock&)>;

struct SourceResult {
  std::string container, codec;
  double declared_s = -1;      // the length that the container states; negative: it states none
  double estimated_s = -1;     // a guess from the bit rate
  bool at_end = false;         // read to the end of the file
  std::int64_t end_frame = 0;  // frames from the file's start to the end of what was read
  int rate_hz = 0;
  int channels = 0;
  int n_frames = 0;  // codec frames that decoded
  int n_errors = 0;  // packets that did not
  std::string first_error;
  std::vector<std::string> log;
};

// Reads from `start_s` or somewhat before it (block.position tells) to the end or until `sink` returns false.
SourceResult read_with_ffmpeg(const Input& input, double start_s, const BlockFn& sink);
SourceResult read_wav(const Input& input, double start_s, const BlockFn& sink);

// NumPy arrays (float32, float64, int16; samples, or channels by samples) count as sound at 16 kHz.
bool is_npy(std::span<const std::byte> bytes);
SourceResult read_npy(const Input& input, double start_s, const BlockFn& sink);

// `not a sound file (starts with "<!DOCTYPE")`: the first bytes as text where they are, else in hex.
std::string not_a_sound_file(std::span<const std::byte> bytes);

}  // namespace af2::audio_internal
