// Writes sound piece by piece: 16-bit WAV (RF64 above 4 GB), 32-bit float WAV, or 16-bit FLAC.
//
// For sounds that are made in blocks; write_wav() of af2/audio/wav.h takes whole ones. The file is put in
// place when all is there: readers see the whole of it or nothing. The same samples give the same bytes.
// Thread rule: one owner.
//
//   SoundWriter writer("scene.flac", {.format = "flac", .rate_hz = 16000, .frames = 160000});
//   writer.write(block);   // interleaved
//   writer.finish();
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace af2 {

struct SoundWriterOptions {
  std::string format = "wav";  // wav, wav_float, flac
  int rate_hz = 16000;
  int channels = 1;
  std::int64_t frames = 0;  // samples per channel that will be written
};

class SoundWriter {
 public:
  // Throws kUser for another format, or FLAC in a build without FFmpeg; kResource.
  SoundWriter(std::filesystem::path path, const SoundWriterOptions& options);
  // Without finish() nothing is left behind.
  ~SoundWriter();
  SoundWriter(const SoundWriter&) = delete;
  SoundWriter& operator=(const SoundWriter&) = delete;

  // Interleaved samples: x * 32768 rounded to nearest, clamped.
  void write(std::span<const float> samples);
  // Throws kInternal when less or more was written than announced; kResource.
  void finish();

  struct Sink;

 private:
  std::unique_ptr<Sink> sink_;
  std::string where_;
  int channels_;
  std::int64_t announced_, written_ = 0;
};

}  // namespace af2
