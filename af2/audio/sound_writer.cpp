#include "af2/audio/sound_writer.h"

#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <utility>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/io/atomic_file.h"

#ifdef AF2_WITH_FFMPEG
extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
}
#endif

namespace af2 {

struct SoundWriter::Sink {
  virtual ~Sink() = default;
  virtual void write(std::span<const float> samples) = 0;
  virtual void finish() = 0;
};

namespace {

static_assert(std::endian::native == std::endian::little, "WAV is written as memory has it");

std::int16_t to_int16(float x) {
  if (std::isnan(x)) return 0;
  return static_cast<std::int16_t>(std::clamp(std::nearbyint(x * 32768.0f), -32768.0f, 32767.0f));
}

class WavSink : public SoundWriter::Sink {
 public:
  WavSink(const std::filesystem::path& path, const SoundWriterOptions& o)
      : file_(path), is_float_(o.format == "wav_float") {
    const std::uint16_t width = is_float_ ? 4 : 2, block = static_cast<std::uint16_t>(width * o.channels);
    const auto bytes = static_cast<std::uint64_t>(o.frames) * block;
    constexpr std::uint32_t kElsewhere = 0xffffffffu;  // the size stands in the chunk ds64
    const bool large = bytes > 0xffffff00u;
    put("RIFF", large ? "RF64" : nullptr);
    put_value(large ? kElsewhere : static_cast<std::uint32_t>(36 + bytes));
    put("WAVE");
    if (large) {
      put("ds64");
      put_value(std::uint32_t{28});
      put_value(std::uint64_t{72 + bytes});
      put_value(bytes);
      put_value(static_cast<std::uint64_t>(o.frames));
      put_value(std::uint32_t{0});
    }
    put("fmt ");
    put_value(std::uint32_t{16});
    put_value(static_cast<std::uint16_t>(is_float_ ? 3 : 1));
    put_value(static_cast<std::uint16_t>(o.channels));
    put_value(static_cast<std::uint32_t>(o.rate_hz));
    put_value(static_cast<std::uint32_t>(o.rate_hz) * block);
    put_value(block);
    put_value(static_cast<std::uint16_t>(8 * width));
    put("data");
    put_value(large ? kElsewhere : static_cast<std::uint32_t>(bytes));
  }
  void write(std::span<const float> samples) override {
    if (is_float_) return file_.write(std::as_bytes(samples));
    ints_.resize(samples.size());
    std::transform(samples.begin(), samples.end(), ints_.begin(), to_int16);
    file_.write(std::as_bytes(std::span(ints_)));
  }
  void finish() override { file_.commit(); }

 private:
  void put(const char* name, const char* instead = nullptr) {
    file_.write(std::string_view(instead ? instead : name));
  }
  template <class T>
  void put_value(T value) {
    file_.write(std::as_bytes(std::span(&value, 1)));
  }
  AtomicFile file_;
  bool is_float_;
  std::vector<std::int16_t> ints_;
};

#ifdef AF2_WITH_FFMPEG

// FFmpeg's FLAC encoder. Its container has the encoder's name left out, so that bytes do not depend on it.
class FlacSink : public SoundWriter::Sink {
 public:
  FlacSink(std::filesystem::path path, const SoundWriterOptions& o)
      : path_(std::move(path)), temporary_(path_.string() + ".tmp" + std::to_string(::getpid())) {
    const AVCodec* codec = avcodec_find_encoder(AV_CODEC_ID_FLAC);
    if (!codec) fail("this FFmpeg has no FLAC encoder", "write wav");
    check(avformat_alloc_output_context2(&format_, nullptr, "flac", temporary_.c_str()), "cannot begin");
    format_->flags |= AVFMT_FLAG_BITEXACT;
    AVStream* stream = avformat_new_stream(format_, nullptr);
    context_ = avcodec_alloc_context3(codec);
    frame_ = av_frame_alloc();
    packet_ = av_packet_alloc();
    if (!stream || !context_ || !frame_ || !packet_) fail("no memory", "");
    context_->sample_rate = o.rate_hz, context_->sample_fmt = AV_SAMPLE_FMT_S16;
    av_channel_layout_default(&context_->ch_layout, o.channels);
    context_->time_base = {1, o.rate_hz};
    context_->flags |= AV_CODEC_FLAG_BITEXACT;
    context_->thread_count = 1;
    check(avcodec_open2(context_, codec, nullptr), "the encoder refuses the format");
    check(avcodec_parameters_from_context(stream->codecpar, context_), "cannot begin");
    stream->time_base = context_->time_base;
    check(avio_open(&format_->pb, temporary_.c_str(), AVIO_FLAG_WRITE), "cannot create");
    opened_ = true;
    check(avformat_write_header(format_, nullptr), "cannot write");
    channels_ = static_cast<std::size_t>(o.channels);
    size_ = static_cast<std::size_t>(context_->frame_size) * channels_;
  }
  ~FlacSink() override {
    if (opened_) avio_closep(&format_->pb);
    av_packet_free(&packet_);
    av_frame_free(&frame_);
    avcodec_free_context(&context_);
    avformat_free_context(format_);
    if (!done_) {
      std::error_code ignored;
      std::filesystem::remove(temporary_, ignored);
    }
  }
  void write(std::span<const float> samples) override {
    for (const float x : samples) {
      waiting_.push_back(to_int16(x));
      if (waiting_.size() == size_) encode();
    }
  }
  void finish() override {
    if (!waiting_.empty()) encode();
    check(avcodec_send_frame(context_, nullptr), "cannot encode");
    take_packets();
    check(av_write_trailer(format_), "cannot write");
    opened_ = false;
    check(avio_closep(&format_->pb), "cannot write");
    sync_path(temporary_);
    std::error_code code;
    std::filesystem::rename(temporary_, path_, code);
    if (code) throw resource_error("cannot rename: " + code.message(), path_.string());
    done_ = true;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const char* hint) const {
    throw resource_error(what, path_.string(), hint);
  }
  void check(int code, const char* what) const {
    if (code >= 0) return;
    char text[AV_ERROR_MAX_STRING_SIZE] = {};
    av_strerror(code, text, sizeof text);
    fail(std::string(what) + ": " + text, "check the folder and the space on its disk");
  }
  void encode() {
    av_frame_unref(frame_);
    frame_->nb_samples = static_cast<int>(waiting_.size() / channels_);
    frame_->format = AV_SAMPLE_FMT_S16, frame_->sample_rate = context_->sample_rate;
    check(av_channel_layout_copy(&frame_->ch_layout, &context_->ch_layout), "cannot encode");
    check(av_frame_get_buffer(frame_, 0), "cannot encode");
    std::memcpy(frame_->data[0], waiting_.data(), waiting_.size() * sizeof(std::int16_t));
    frame_->pts = position_;
    position_ += frame_->nb_samples;
    waiting_.clear();
    check(avcodec_send_frame(context_, frame_), "cannot encode");
    take_packets();
  }
  void take_packets() {
    for (;;) {
      const int code = avcodec_receive_packet(context_, packet_);
      if (code == AVERROR(EAGAIN) || code == AVERROR_EOF) return;
      check(code, "cannot encode");
      check(av_interleaved_write_frame(format_, packet_), "cannot write");
    }
  }

  std::filesystem::path path_, temporary_;
  AVFormatContext* format_ = nullptr;
  AVCodecContext* context_ = nullptr;
  AVFrame* frame_ = nullptr;
  AVPacket* packet_ = nullptr;
  bool opened_ = false, done_ = false;
  std::size_t channels_ = 1, size_ = 0;
  std::int64_t position_ = 0;
  std::vector<std::int16_t> waiting_;
};

#endif  // AF2_WITH_FFMPEG

std::unique_ptr<SoundWriter::Sink> sink_for(const std::filesystem::path& path, const SoundWriterOptions& o) {
  if (o.channels < 1 || o.rate_hz < 1 || o.frames < 0)
    throw user_error(
        "cannot write " + std::to_string(o.channels) + " channels at " + std::to_string(o.rate_hz) + " Hz",
        path.string());
  if (o.format == "wav" || o.format == "wav_float") return std::make_unique<WavSink>(path, o);
  if (o.format != "flac") throw user_error("unknown format `" + o.format + "`", path.string(), "wav or flac");
#ifdef AF2_WITH_FFMPEG
  return std::make_unique<FlacSink>(path, o);
#else
  throw user_error("this af2 was built without FFmpeg, which writes FLAC", path.string(), "write wav");
#endif
}

}  // namespace

SoundWriter::SoundWriter(std::filesystem::path path, const SoundWriterOptions& options)
    : sink_(sink_for(path, options)),
      where_(path.string()),
      channels_(options.channels),
      announced_(options.frames) {}
SoundWriter::~SoundWriter() = default;

void SoundWriter::write(std::span<const float> samples) {
  written_ += static_cast<std::int64_t>(samples.size());
  sink_->write(samples);
}

void SoundWriter::finish() {
  if (written_ != announced_ * channels_)
    throw internal_error("wrote " + std::to_string(written_) + " samples where " +
                             std::to_string(announced_ * channels_) + " were announced",
                         where_);
  sink_->finish();
}

}  // namespace af2
