#include <algorithm>
#include <cmath>

#include "af2/audio/source.h"
#include "af2/core/error.h"
#include "af2/io/npy.h"

namespace af2::audio_internal {
namespace {

constexpr int kRateHz = 16000, kMostChannels = 64;
constexpr std::size_t kBlock = 1 << 15;

}  // namespace

bool is_npy(std::span<const std::byte> bytes) {
  constexpr unsigned char kMagic[] = {0x93, 'N', 'U', 'M', 'P', 'Y'};
  return bytes.size() >= sizeof kMagic &&
         std::equal(std::begin(kMagic), std::end(kMagic), bytes.begin(),
                    [](unsigned char a, std::byte b) { return std::byte{a} == b; });
}

SourceResult read_npy(const Input& input, double start_s, const BlockFn& sink) {
  const TensorView view = parse_npy(input.bytes, input.name);
  const std::size_t axes = view.shape.size();
  const bool known = view.dtype == DType::kF32 || view.dtype == DType::kF64 || view.dtype == DType::kI16;
  if (!known || axes < 1 || axes > 2 || (axes == 2 && (view.shape[0] < 1 || view.shape[0] > kMostChannels)))
    throw data_error("is no array of sound", input.name,
                     "give float32, float64 or int16 of shape (samples) or (channels, samples) at 16 kHz");
  const std::size_t channels = axes == 2 ? static_cast<std::size_t>(view.shape[0]) : 1;
  const auto n = static_cast<std::size_t>(view.shape.back());
  std::vector<float> values = npy_to_float(view);
  if (view.dtype == DType::kI16)
    for (float& value : values) value /= 32768;

  SourceResult result;
  result.container = "npy";
  result.codec = view.dtype == DType::kI16   ? "pcm_s16le"
                 : view.dtype == DType::kF32 ? "pcm_f32le"
                                             : "pcm_f64le";
  result.rate_hz = kRateHz;
  result.channels = static_cast<int>(channels);
  result.declared_s = static_cast<double>(n) / kRateHz;
  std::size_t at = std::min(n, static_cast<std::size_t>(std::floor(start_s * kRateHz)));
  std::vector<float> block;
  while (at < n) {
    const std::size_t frames = std::min(kBlock, n - at);
    block.resize(frames * channels);
    for (std::size_t i = 0; i < frames; ++i)
      for (std::size_t c = 0; c < channels; ++c) block[i * channels + c] = values[c * n + at + i];
    PcmBlock out;
    out.samples = block.data();
    out.frames = frames;
    out.channels = result.channels;
    out.rate_hz = kRateHz;
    out.full_scale = 32767.0f / 32768;
    out.position = static_cast<std::int64_t>(at);
    at += frames;
    ++result.n_frames;
    if (!sink(out)) {
      result.end_frame = static_cast<std::int64_t>(at);
      return result;
    }
  }
  result.n_frames = std::max(result.n_frames, 1);
  result.at_end = true;
  result.end_frame = static_cast<std::int64_t>(at);
  return result;
}

}  // namespace af2::audio_internal
