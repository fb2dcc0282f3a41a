#include <algorithm>
#include <cmath>
#include <cstdio>

#include "af2/audio/source.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"

namespace af2::audio_internal {

SourceResult read_wav(const Input& input, double start_s, const BlockFn& sink) {
  if (!is_wav(input.bytes))
    throw data_error(not_a_sound_file(input.bytes) +
                         ", and only PCM WAV and .npy are read: built with AF2_WITH_FFMPEG=OFF",
                     input.name, "build with AF2_WITH_FFMPEG=ON, or convert it to WAV");
  const WavInfo info = wav_info(input.bytes, input.name);
  if (!info.plain())
    throw data_error(
        "WAV format " + std::to_string(info.format) + " is not PCM: built with AF2_WITH_FFMPEG=OFF",
        input.name, "build with AF2_WITH_FFMPEG=ON, or convert it to 16 bit PCM");
  SourceResult result;
  result.container = "wav";
  result.codec = (info.format == 3 ? "pcm_f"
                  : info.bits == 8 ? "pcm_u"
                                   : "pcm_s") +
                 std::to_string(info.bits);
  if (info.bits > 8) result.codec += "le";
  result.rate_hz = info.rate_hz;
  result.channels = info.channels;
  if (info.declared_bytes && info.block_bytes > 0)
    result.declared_s = static_cast<double>(*info.declared_bytes / info.block_bytes) / info.rate_hz;
  constexpr std::size_t kBlock = 1 << 15;
  std::size_t at = std::min(info.n_frames, static_cast<std::size_t>(std::floor(start_s * info.rate_hz)));
  for (;;) {
    const std::vector<float> block = wav_samples(input.bytes, info, at, kBlock);
    const std::size_t n = block.size() / static_cast<std::size_t>(info.channels);
    if (n == 0) break;
    PcmBlock out;
    out.samples = block.data();
    out.frames = n;
    out.channels = info.channels;
    out.rate_hz = info.rate_hz;
    out.full_scale = info.bits == 8 ? 127.0f / 128 : 32767.0f / 32768;
    out.position = static_cast<std::int64_t>(at);
    at += n;
    ++result.n_frames;
    if (!sink(out)) {
      result.end_frame = static_cast<std::int64_t>(at);
      return result;
    }
  }
  result.at_end = true;
  result.end_frame = static_cast<std::int64_t>(at);
  return result;
}

std::string not_a_sound_file(std::span<const std::byte> bytes) {
  std::string text;
  bool printable = true;
  for (const std::byte b : bytes.first(std::min<std::size_t>(bytes.size(), 24))) {
    const char c = static_cast<char>(b);
    if (c == '\n' || c == '\r') {
      if (text.empty()) continue;
      break;
    }
    if ((c < 0x20 && c != '\t') || c == 0x7f) printable = false;
    text += c;
  }
  // The first word, if it is not too short to tell anything.
  if (const auto space = text.find_first_of(" \t"); space != std::string::npos && space >= 5)
    text.resize(space);
  bool high = false;
  for (const char c : text) high = high || static_cast<unsigned char>(c) >= 0x80;
  if (!printable || high || text.empty()) {
    text = "bytes";
    for (const std::byte b : bytes.first(std::min<std::size_t>(bytes.size(), 8))) {
      char hex[4];
      std::snprintf(hex, sizeof hex, " %02x", std::to_integer<unsigned>(b));
      text += hex;
    }
    return "not a sound file (starts with " + text + ")";
  }
  std::string quoted = "not a sound file (starts with \"";
  for (const char c : text) {
    if (c == '"') quoted += '\\';
    quoted += c;
  }
  return quoted.append("\")");
}

}  // namespace af2::audio_internal
