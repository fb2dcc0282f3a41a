// RIFF/WAVE without a library: PCM 8, 16, 24, 32 bit, float 32 and 64, plain or extensible, RF64; a writer.
//
// For builds without FFmpeg, for the declared length of a cut file, and for writing clips. Not for compressed
// WAV. Thread rule: free functions without shared state.
//
//   const WavInfo info = wav_info(bytes, "a.wav");
//   std::vector<float> x = wav_samples(bytes, info, 0, info.n_frames);   // [n_frames, channels]
//   write_wav("b.wav", x, {.rate_hz = 16000});
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

struct WavInfo {
  int format = 0;  // 1 PCM, 3 float, else a code of mmreg.h
  int channels = 0;
  int rate_hz = 0;
  int bits = 0;  // of the container of one sample
  std::size_t block_bytes = 0;
  std::size_t data_offset = 0;
  std::uint64_t data_bytes = 0;  // there
  // What the header states; nullopt: unknown (0, or one of the values that writers to a pipe leave).
  std::optional<std::uint64_t> declared_bytes;
  std::size_t n_frames = 0;  // whole frames there, of PCM and float only

  bool plain() const { return format == 1 || format == 3; }
};

bool is_wav(std::span<const std::byte> bytes);

// Reads the header. Throws kData when it is not WAV, has no fmt or data chunk or contradicts itself.
WavInfo wav_info(std::span<const std::byte> bytes, std::string_view name);

// Frames [first, first + n), cut at the end, as interleaved floats: integers scaled by 2^(bits-1), 8 bit
// around 128, floats as they are. Throws kData for another format than PCM and float.
std::vector<float> wav_samples(std::span<const std::byte> bytes, const WavInfo& info, std::size_t first,
                               std::size_t n);

enum class WavFormat { kInt16, kFloat32 };

struct WavOptions {
  int rate_hz = 16000;
  int channels = 1;
  WavFormat format = WavFormat::kInt16;
};

// A file of interleaved samples, in memory; `name` stands for it in errors. kInt16: x * 32768 rounded to
// nearest, clamped, so that files read from 16 bit come back bit for bit. Throws kUser when the count is no
// multiple of the channels.
std::string wav_bytes(std::span<const float> samples, const WavOptions& options = {},
                      std::string_view name = "a sound");

// The same, written atomically; also throws kResource.
void write_wav(const std::filesystem::path& path, std::span<const float> samples,
               const WavOptions& options = {});

}  // namespace af2
