#include "af2/audio/wav.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {
namespace {

static_assert(std::endian::native == std::endian::little, "WAV values are copied as they lie");

template <class T>
T load(const std::byte* p) {
  T value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

bool has_tag(std::span<const std::byte> bytes, std::size_t at, const char* tag) {
  return bytes.size() >= at + 4 && std::memcmp(bytes.data() + at, tag, 4) == 0;
}

void read_format(std::span<const std::byte> chunk, WavInfo& info, const std::string& name) {
  if (chunk.size() < 16) throw data_error("WAV header is cut: fmt chunk too short", name, "copy it again");
  info.format = load<std::uint16_t>(chunk.data());
  info.channels = load<std::uint16_t>(chunk.data() + 2);
  const auto rate = load<std::uint32_t>(chunk.data() + 4);
  info.block_bytes = load<std::uint16_t>(chunk.data() + 12);
  info.bits = load<std::uint16_t>(chunk.data() + 14);
  if (info.format == 0xfffe && chunk.size() >= 26) info.format = load<std::uint16_t>(chunk.data() + 24);
  if (info.channels < 1 || rate < 1 || rate > 10'000'000)
    throw data_error("WAV header is damaged: " + std::to_string(info.channels) + " channels at " +
                         std::to_string(rate) + " Hz",
                     name);
  info.rate_hz = static_cast<int>(rate);
  const bool known = info.format == 1   ? info.bits >= 8 && info.bits <= 32 && info.bits % 8 == 0
                     : info.format == 3 ? info.bits == 32 || info.bits == 64
                                        : true;
  if (!known)
    throw data_error("WAV with " + std::to_string(info.bits) + " bits a sample is not supported", name,
                     "convert it to 16 bit");
  if (info.plain() && info.block_bytes != static_cast<std::size_t>(info.channels) * (info.bits / 8))
    throw data_error("WAV header is damaged: " + std::to_string(info.block_bytes) + " bytes a frame for " +
                         std::to_string(info.channels) + " channels of " + std::to_string(info.bits) +
                         " bits",
                     name);
}

}  // namespace

bool is_wav(std::span<const std::byte> bytes) {
  return (has_tag(bytes, 0, "RIFF") || has_tag(bytes, 0, "RF64")) && has_tag(bytes, 8, "WAVE");
}

WavInfo wav_info(std::span<const std::byte> bytes, std::string_view name_view) {
  const std::string name(name_view);
  if (!is_wav(bytes)) throw data_error("not a WAV file", name, "give a PCM WAV file");
  WavInfo info;
  std::optional<std::uint64_t> long_size;  // RF64 states it in a ds64 chunk
  for (std::size_t at = 12; bytes.size() - at >= 8;) {
    const std::uint64_t size = load<std::uint32_t>(bytes.data() + at + 4);
    const std::size_t body = at + 8, there = bytes.size() - body;
    if (has_tag(bytes, at, "data")) {
      if (info.channels == 0) throw data_error("WAV file has no fmt chunk before its data", name);
      const bool unknown = size == 0 || size >= 0x7fff0000;
      info.data_offset = body;
      if (long_size)
        info.declared_bytes = long_size;
      else if (!unknown || size <= there)
        if (size != 0) info.declared_bytes = size;
      info.data_bytes = info.declared_bytes ? std::min<std::uint64_t>(*info.declared_bytes, there) : there;
      if (info.plain()) info.n_frames = static_cast<std::size_t>(info.data_bytes / info.block_bytes);
      return info;
    }
    const std::size_t kept = static_cast<std::size_t>(std::min<std::uint64_t>(size, there));
    if (has_tag(bytes, at, "fmt ")) read_format(bytes.subspan(body, kept), info, name);
    if (has_tag(bytes, at, "ds64") && kept >= 16) {
      const auto stated = load<std::uint64_t>(bytes.data() + body + 8);
      if (stated != 0 && stated != ~std::uint64_t{0}) long_size = stated;
    }
    if (size >= there) break;
    at = std::min(body + static_cast<std::size_t>(size + (size & 1)), bytes.size());
  }
  throw data_error("WAV file has no data chunk", name, "the file is cut or damaged: copy it again");
}

std::vector<float> wav_samples(std::span<const std::byte> bytes, const WavInfo& info, std::size_t first,
                               std::size_t n) {
  if (!info.plain())
    throw data_error("WAV format " + std::to_string(info.format) + " is not PCM", "",
                     "build with AF2_WITH_FFMPEG=ON, or convert it to 16 bit PCM");
  first = std::min(first, info.n_frames);
  n = std::min(n, info.n_frames - first);
  const std::size_t width = static_cast<std::size_t>(info.bits) / 8;
  const std::byte* p = bytes.data() + info.data_offset + first * info.block_bytes;
  std::vector<float> out(n * static_cast<std::size_t>(info.channels));
  for (float& value : out) {
    if (info.format == 3) {
      value = width == 4 ? load<float>(p) : static_cast<float>(load<double>(p));
    } else if (width == 1) {
      value = static_cast<float>(std::to_integer<int>(*p) - 128) / 128.0f;
    } else {  // little-endian two's complement, moved to the top of 32 bits
      std::uint32_t word = 0;
      for (std::size_t i = 0; i < width; ++i)
        word |= std::to_integer<std::uint32_t>(p[i]) << (8 * (4 - width + i));
      value = static_cast<float>(static_cast<double>(static_cast<std::int32_t>(word)) / 2147483648.0);
    }
    p += width;
  }
  return out;
}

std::string wav_bytes(std::span<const float> samples, const WavOptions& options, std::string_view name) {
  if (options.channels < 1 || options.rate_hz < 1 ||
      samples.size() % static_cast<std::size_t>(options.channels) != 0)
    throw user_error("cannot write " + std::to_string(samples.size()) + " samples as " +
                         std::to_string(options.channels) + " channels",
                     std::string(name));
  const bool is_float = options.format == WavFormat::kFloat32;
  const std::uint32_t width = is_float ? 4 : 2;
  if (samples.size() * std::size_t{width} > 0xffffff00u)
    throw user_error("more than 4 GB of samples do not fit in a WAV file", std::string(name),
                     "write several files");
  const auto data_bytes = static_cast<std::uint32_t>(samples.size() * width);
  std::string file;
  file.reserve(44 + data_bytes);
  const auto put = [&file](auto value) {
    char raw[sizeof value];
    std::memcpy(raw, &value, sizeof value);
    file.append(raw, sizeof value);
  };
  const auto channels = static_cast<std::uint16_t>(options.channels);
  const auto rate = static_cast<std::uint32_t>(options.rate_hz);
  file += "RIFF";
  put(static_cast<std::uint32_t>(36 + data_bytes));
  file += "WAVEfmt ";
  put(std::uint32_t{16});
  put(static_cast<std::uint16_t>(is_float ? 3 : 1));
  put(channels);
  put(rate);
  put(static_cast<std::uint32_t>(rate * channels * width));
  put(static_cast<std::uint16_t>(channels * width));
  put(static_cast<std::uint16_t>(8 * width));
  file += "data";
  put(data_bytes);
  for (const float x : samples) {
    if (is_float)
      put(x);
    else  // NaN becomes 0
      put(static_cast<std::int16_t>(
          std::isnan(x) ? 0 : std::clamp(std::nearbyint(x * 32768.0f), -32768.0f, 32767.0f)));
  }
  return file;
}

void write_wav(const std::filesystem::path& path, std::span<const float> samples, const WavOptions& options) {
  write_file_atomic(path, wav_bytes(samples, options, path.string()));
}

}  // namespace af2
