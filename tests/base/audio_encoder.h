// Sounds in the formats of the world, by FFmpeg's encoders, for tests of what must survive them.
#pragma once

#ifdef AF2_WITH_FFMPEG
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/channel_layout.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/audio/resample.h"

namespace af2::test {

// Writes mono `samples` (at 16 kHz) by the encoder of that name at about `bits` a second, resampled to
// `rate`. False where FFmpeg was built without it.
inline bool encode_file(const std::filesystem::path& path, const std::vector<float>& samples,
                        const char* encoder, int rate, int bits) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder);
  if (!codec) return false;
  const std::vector<float> x = resample(samples, 16000, rate);
  AVFormatContext* out = nullptr;
  avformat_alloc_output_context2(&out, nullptr, nullptr, path.c_str());
  if (!out) return false;
  AVStream* stream = avformat_new_stream(out, codec);
  AVCodecContext* context = avcodec_alloc_context3(codec);
  context->bit_rate = bits, context->sample_rate = rate;
  context->sample_fmt = codec->sample_fmts[0];
  av_channel_layout_default(&context->ch_layout, 1);
  context->time_base = {1, rate};
  if (out->oformat->flags & AVFMT_GLOBALHEADER) context->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
  bool good = avcodec_open2(context, codec, nullptr) >= 0 &&
              avcodec_parameters_from_context(stream->codecpar, context) >= 0 &&
              avio_open(&out->pb, path.c_str(), AVIO_FLAG_WRITE) >= 0 &&
              avformat_write_header(out, nullptr) >= 0;
  AVFrame* frame = av_frame_alloc();
  AVPacket* packet = av_packet_alloc();
  const auto drain = [&] {
    while (good && avcodec_receive_packet(context, packet) == 0) {
      av_packet_rescale_ts(packet, context->time_base, stream->time_base);
      packet->stream_index = stream->index;
      good = av_interleaved_write_frame(out, packet) >= 0;
    }
  };
  const std::size_t size = context->frame_size > 0 ? static_cast<std::size_t>(context->frame_size) : 1024;
  for (std::size_t at = 0; good && at < x.size(); at += size) {
    frame->nb_samples = static_cast<int>(std::min(size, x.size() - at));
    frame->format = context->sample_fmt, frame->sample_rate = rate,
    frame->pts = static_cast<std::int64_t>(at);
    av_channel_layout_copy(&frame->ch_layout, &context->ch_layout);
    av_frame_get_buffer(frame, 0);
    for (int i = 0; i < frame->nb_samples; ++i) {
      const float value = std::clamp(x[at + static_cast<std::size_t>(i)], -1.0f, 1.0f);
      switch (context->sample_fmt) {
        case AV_SAMPLE_FMT_FLT:
        case AV_SAMPLE_FMT_FLTP:
          reinterpret_cast<float*>(frame->data[0])[i] = value;
          break;
        case AV_SAMPLE_FMT_S32:
        case AV_SAMPLE_FMT_S32P:
          reinterpret_cast<std::int32_t*>(frame->data[0])[i] =
              static_cast<std::int32_t>(value * 2147483000.0f);
          break;
        case AV_SAMPLE_FMT_S16:
        case AV_SAMPLE_FMT_S16P:
          reinterpret_cast<std::int16_t*>(frame->data[0])[i] = static_cast<std::int16_t>(value * 32767);
          break;
        default:
          good = false;
      }
    }
    good = good && avcodec_send_frame(context, frame) >= 0;
    drain();
    av_frame_unref(frame);
  }
  if (good) avcodec_send_frame(context, nullptr), drain(), av_write_trailer(out);
  av_packet_free(&packet);
  av_frame_free(&frame);
  avcodec_free_context(&context);
  if (out->pb) avio_closep(&out->pb);
  avformat_free_context(out);
  return good;
}

}  // namespace af2::test
#endif
