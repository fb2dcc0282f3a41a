// Any sound file to one mono float clip: containers and codecs by FFmpeg, decided by bytes, never by name.
//
// For reading what users and data sets give (wav, flac, mp3, ogg, opus, m4a, the sound of a video ...). Not
// for windows and peak normalisation (af2/audio/windows.h). Without AF2_WITH_FFMPEG only PCM WAV and .npy are
// read. Thread rule: calls are independent and may run in parallel. The first one installs a log callback in
// FFmpeg for the whole process: its messages go to Clip::log instead of stderr.
//
//   DecodeOptions options;
//   options.start_s = 30;
//   options.duration_s = 10;
//   const Clip clip = decode_file("talk.mp3", options);
//   model.listen(clip.samples);  // 16 kHz mono, clip.seconds long
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// docs/spec/model.md section 1: the released code takes channel 0 of WAV and FLAC; the mean is our default.
enum class Channels { kMean, kFirst };

struct DecodeOptions {
  double start_s = 0;     // from the first decoded sample; exact to the sample at the file's own rate
  double duration_s = 0;  // 0: to the end
  Channels channels = Channels::kMean;
  int rate_hz = 16000;     // of the result; 0: the file's own rate
  double max_seconds = 0;  // stop decoding after this many seconds (of the result); 0: no limit
};

struct Clip {
  std::vector<float> samples;  // mono at rate_hz; integers scaled to [-1, 1), floats kept as they are
  int rate_hz = 0;
  int source_rate_hz = 0;
  int source_channels = 0;
  double file_seconds = 0;  // of the whole file: declared, else decoded, else estimated from the bit rate
  double start_s = 0;
  double seconds = 0;  // of samples
  double wanted_seconds =
      0;  // what the file has for start_s and duration_s; above seconds if max_seconds cut it
  // Words of docs/spec/interfaces.md section 1: truncated, downmixed, clipped, silent, low_rate.
  std::vector<std::string> warnings;
  std::vector<std::string> notes;  // what lies behind a warning, one sentence each, for people
  std::vector<std::string> log;    // what FFmpeg said, at most 32 lines, for -v
  std::string container, codec;    // FFmpeg's short names, e.g. "mov,mp4,m4a,3gp,3g2,mj2" and "aac"

  bool warned(std::string_view word) const;
};

// The first audio stream of `path` (also of a video), cut as `options` say, mixed, then resampled by soxr HQ.
// Integer samples are scaled as libsndfile does (int16 / 2^15, 24 bit / 2^23, unsigned 8 bit around 128).
// Throws kData: missing file, folder, empty file, not a sound file, no audio stream, no samples, NaN or
// infinite samples, less than 95 % of the declared length, start past the end; kUser: nonsense options, or
// another rate without AF2_WITH_SOXR.
Clip decode_file(const std::filesystem::path& path, const DecodeOptions& options = {});

// The same from bytes in memory; `name` stands for the path in errors.
Clip decode_bytes(std::span<const std::byte> bytes, std::string_view name, const DecodeOptions& options = {});

}  // namespace af2
