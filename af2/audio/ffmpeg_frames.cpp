#ifdef AF2_WITH_FFMPEG
#include "af2/audio/ffmpeg_frames.h"

#include <cstdint>
#include <string_view>

namespace af2::audio_internal {
namespace {

// Samples of any FFmpeg format to interleaved floats.
template <class T, class Convert>
void interleave(const AVFrame& frame, bool planar, int channels, std::vector<float>& out, Convert convert) {
  const auto n = static_cast<std::size_t>(frame.nb_samples), c = static_cast<std::size_t>(channels);
  out.resize(n * c);
  if (planar) {
    for (std::size_t k = 0; k < c; ++k) {
      const T* from = reinterpret_cast<const T*>(frame.extended_data[k]);
      for (std::size_t i = 0; i < n; ++i) out[i * c + k] = convert(from[i]);
    }
  } else {
    const T* from = reinterpret_cast<const T*>(frame.extended_data[0]);
    for (std::size_t i = 0; i < n * c; ++i) out[i] = convert(from[i]);
  }
}

}  // namespace

float to_floats(const AVFrame& frame, int channels, std::vector<float>& out) {
  const auto format = static_cast<AVSampleFormat>(frame.format);
  const bool planar = av_sample_fmt_is_planar(format) != 0;
  switch (av_get_packed_sample_fmt(format)) {
    case AV_SAMPLE_FMT_U8:
      interleave<std::uint8_t>(frame, planar, channels, out, [](std::uint8_t x) {
        return static_cast<float>(static_cast<int>(x) - 128) / 128.0f;
      });
      return 127.0f / 128;
    case AV_SAMPLE_FMT_S16:
      interleave<std::int16_t>(frame, planar, channels, out,
                               [](std::int16_t x) { return static_cast<float>(x) / 32768.0f; });
      break;
    case AV_SAMPLE_FMT_S32:  // also 24 bit, in the upper bits
      interleave<std::int32_t>(frame, planar, channels, out, [](std::int32_t x) {
        return static_cast<float>(static_cast<double>(x) / 2147483648.0);
      });
      break;
    case AV_SAMPLE_FMT_S64:
      interleave<std::int64_t>(frame, planar, channels, out, [](std::int64_t x) {
        return static_cast<float>(static_cast<double>(x) * 0x1p-63);
      });
      break;
    case AV_SAMPLE_FMT_FLT:
      interleave<float>(frame, planar, channels, out, [](float x) { return x; });
      break;
    case AV_SAMPLE_FMT_DBL:
      interleave<double>(frame, planar, channels, out, [](double x) { return static_cast<float>(x); });
      break;
    default:
      return 0;
  }
  return 32767.0f / 32768;
}

bool seeks_exactly(const AVFormatContext& format, AVCodecID codec) {
  const std::string_view name = format.iformat->name;
  const bool pcm = av_get_exact_bits_per_sample(codec) > 0 && codec >= AV_CODEC_ID_FIRST_AUDIO &&
                   codec < AV_CODEC_ID_ADPCM_IMA_QT;
  if (pcm) return name == "wav" || name == "w64" || name == "aiff" || name == "au";
  if (codec == AV_CODEC_ID_FLAC) return name == "flac";
  return name.find("mp4") != name.npos && (codec == AV_CODEC_ID_AAC || codec == AV_CODEC_ID_ALAC);
}

bool forgets(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_MP3:
    case AV_CODEC_ID_MP2:
    case AV_CODEC_ID_AAC:
    case AV_CODEC_ID_OPUS:
    case AV_CODEC_ID_FLAC:
    case AV_CODEC_ID_ALAC:
      return true;
    default:
      return codec >= AV_CODEC_ID_FIRST_AUDIO && codec < AV_CODEC_ID_ADPCM_IMA_QT;  // PCM
  }
}

}  // namespace af2::audio_internal

#endif  // AF2_WITH_FFMPEG
