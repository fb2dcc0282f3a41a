// FFmpeg behind af2/audio/source.h. Only bytes in memory are given to it: no protocol, no second file and no
// network address named inside a hostile file is ever opened.
#ifdef AF2_WITH_FFMPEG

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/log.h>
#include <libavutil/opt.h>
}

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdarg>
#include <cstring>
#include <memory>
#include <mutex>

#include "af2/audio/ffmpeg_frames.h"
#include "af2/audio/source.h"
#include "af2/core/error.h"

namespace af2::audio_internal {
namespace {

// FFmpeg has one log callback for the process; each thread collects what its own decoding says.
thread_local std::vector<std::string>* current_log = nullptr;

void collect_log(void* object, int level, const char* format, va_list args) {
  if (!current_log || level > AV_LOG_WARNING || current_log->size() >= 32) return;
  char line[512];
  int print_prefix = 1;
  av_log_format_line2(object, level, format, args, line, sizeof line, &print_prefix);
  std::string text(line);
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (!text.empty()) current_log->push_back(std::move(text));
}

class LogScope {
 public:
  explicit LogScope(std::vector<std::string>* log) : before_(current_log) {
    static std::once_flag once;
    std::call_once(once, [] { av_log_set_callback(collect_log); });
    current_log = log;
  }
  ~LogScope() { current_log = before_; }
  LogScope(const LogScope&) = delete;
  LogScope& operator=(const LogScope&) = delete;

 private:
  std::vector<std::string>* before_;
};

std::string reason(int error) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(error, text.data(), text.size());
  return text.data();
}

// The bytes as FFmpeg reads them.
struct Cursor {
  const Input* input;
  std::size_t at = 0;
  std::size_t released = 0;

  static int read(void* opaque, std::uint8_t* buffer, int size) {
    auto& self = *static_cast<Cursor*>(opaque);
    const auto bytes = self.input->bytes;
    const std::size_t n = std::min(static_cast<std::size_t>(size), bytes.size() - self.at);
    if (n == 0) return AVERROR_EOF;
    std::memcpy(buffer, bytes.data() + self.at, n);
    self.at += n;
    constexpr std::size_t kStep = 16u
                                  << 20;  // pages read are given back, so that an hour of WAV costs no memory
    if (self.input->map && self.at >= self.released + kStep) {
      self.input->map->release(self.released, self.at - self.released);
      self.released = self.at;
    }
    return static_cast<int>(n);
  }

  static std::int64_t seek(void* opaque, std::int64_t offset, int whence) {
    auto& self = *static_cast<Cursor*>(opaque);
    const auto size = static_cast<std::int64_t>(self.input->bytes.size());
    whence &= ~AVSEEK_FORCE;
    if (whence == AVSEEK_SIZE) return size;
    const auto here = static_cast<std::int64_t>(self.at);
    std::int64_t target = whence == SEEK_SET ? offset : whence == SEEK_CUR ? here + offset : size + offset;
    if (target < 0) return AVERROR(EINVAL);
    target = std::min(target, size);
    self.at = static_cast<std::size_t>(target);
    self.released = std::min(self.released, self.at);
    return target;
  }
};

struct Free {
  void operator()(AVFormatContext* p) const { avformat_close_input(&p); }
  void operator()(AVCodecContext* p) const { avcodec_free_context(&p); }
  void operator()(AVPacket* p) const { av_packet_free(&p); }
  void operator()(AVFrame* p) const { av_frame_free(&p); }
  void operator()(AVIOContext* p) const {
    if (p) av_freep(&p->buffer);
    avio_context_free(&p);
  }
};

template <class T>
T* need(T* p) {
  if (!p) throw resource_error("out of memory in FFmpeg");
  return p;
}

constexpr double kPrerollS = 0.5;

class Reader {
 public:
  Reader(const Input& input, SourceResult& result, const std::vector<std::string>& log, const BlockFn& sink)
      : input_(input), cursor_{&input}, result_(result), log_(log), sink_(sink) {}

  // Reads from the start, or from a jump to shortly before start_s.
  void run(double start_s) {
    open();
    open_decoder();
    // A jump is worth it beyond the first seconds, where timestamps count whole samples.
    const AVRational tb = stream_->time_base;
    const bool exact_times =
        tb.num > 0 && tb.den % tb.num == 0 && result_.rate_hz > 0 && (tb.den / tb.num) % result_.rate_hz == 0;
    jump_to_s_ = exact_times && start_s > 2 * kPrerollS ? start_s - kPrerollS : -1;
    bool more = true;
    while (more) {
      const int error = av_read_frame(format_.get(), packet_.get());
      if (error < 0) {
        if (error != AVERROR_EOF) note_error(error);
        break;
      }
      struct Unref {
        AVPacket* p;
        ~Unref() { av_packet_unref(p); }
      } unref{packet_.get()};
      if (packet_->stream_index != stream_->index) continue;
      if (skipping_ && packet_->pts != AV_NOPTS_VALUE) {
        const std::int64_t end = packet_->pts + std::max<std::int64_t>(packet_->duration, 0);
        if (end <= jump_pts_) continue;
        skipping_ = false;
      }
      more = decode(packet_.get());
    }
    if (more) more = decode(nullptr);
    result_.at_end = more;
    result_.end_frame = position_;
    lost_ = lost_ || jumped_;  // the end came before a frame that tells the time
  }

  // The jump led to nowhere known: nothing after it was handed on, and all must be read from the start.
  bool lost() const { return lost_; }

 private:
  void open() {
    constexpr int kBuffer = 1 << 16;
    auto* buffer = static_cast<unsigned char*>(need(av_malloc(kBuffer)));
    io_.reset(need(avio_alloc_context(buffer, kBuffer, 0, &cursor_, Cursor::read, nullptr, Cursor::seek)));
    AVFormatContext* raw = need(avformat_alloc_context());
    raw->pb = io_.get();
    raw->io_open = [](AVFormatContext*, AVIOContext**, const char*, int, AVDictionary**) {
      return AVERROR(EPERM);
    };
    raw->flags |= AVFMT_FLAG_CUSTOM_IO;
    AVDictionary* settings = nullptr;
    av_dict_set(&settings, "protocol_whitelist", "none", 0);
    const int error = avformat_open_input(&raw, nullptr, nullptr, &settings);  // frees raw on failure
    av_dict_free(&settings);
    if (error < 0) {
      std::string what = not_a_sound_file(input_.bytes);
      if (is_container())
        what = "cannot be opened: " + detail(reason(error)) + "; the file is cut or damaged";
      throw data_error(what, input_.name, is_container() ? "copy it again" : "give an audio or video file");
    }
    format_.reset(raw);
    constexpr int kLeastScore = 5;  // below it FFmpeg only guesses
    if (format_->probe_score < kLeastScore || is_text_format())
      throw data_error(not_a_sound_file(input_.bytes), input_.name, "give an audio or video file");
    result_.container = format_->iformat->name;
    // Reading packets to learn the streams; its failure is not final.
    avformat_find_stream_info(format_.get(), nullptr);
    for (unsigned i = 0; i < format_->nb_streams; ++i) {
      AVStream* stream = format_->streams[i];
      if (stream->codecpar->codec_type == AVMEDIA_TYPE_AUDIO && !stream_)
        stream_ = stream;
      else
        stream->discard = AVDISCARD_ALL;
    }
    if (!stream_)
      throw data_error("no audio stream (container " + result_.container + ")", input_.name,
                       "give a file with sound");
  }

  // Do the bytes name a sound or video container that FFmpeg then could not read?
  bool is_container() const {
    const auto has = [this](std::size_t at, const char* tag) {
      const std::size_t n = std::strlen(tag);
      return input_.bytes.size() >= at + n && std::memcmp(input_.bytes.data() + at, tag, n) == 0;
    };
    return has(4, "ftyp") || has(0, "fLaC") || has(0, "OggS") || (has(0, "RIFF") && has(8, "WAVE")) ||
           has(0, "ID3") || has(0, "FORM") || has(0, "\x1a\x45\xdf\xa3") || has(0, "caff");
  }

  // Subtitles, playlists, session descriptions and pictures of text: FFmpeg reads them, af2 must not.
  bool is_text_format() const {
    const std::string_view name = format_->iformat->name;
    for (const std::string_view refused :
         {"tty", "hls", "concat", "sdp", "rtsp", "dash", "imf", "ffmetadata"})
      if (name == refused) return true;
    bool all_text = format_->nb_streams > 0;
    for (unsigned i = 0; i < format_->nb_streams; ++i)
      all_text = all_text && format_->streams[i]->codecpar->codec_type == AVMEDIA_TYPE_SUBTITLE;
    return all_text;
  }

  std::string detail(const std::string& fallback) const { return log_.empty() ? fallback : log_.back(); }

  void open_decoder() {
    const AVCodecParameters* par = stream_->codecpar;
    const AVCodec* codec = avcodec_find_decoder(par->codec_id);
    result_.codec = avcodec_get_name(par->codec_id);
    if (!codec)
      throw data_error("FFmpeg has no decoder for " + result_.codec, input_.name,
                       "convert it to WAV or FLAC");
    decoder_.reset(need(avcodec_alloc_context3(codec)));
    int error = avcodec_parameters_to_context(decoder_.get(), par);
    decoder_->pkt_timebase = stream_->time_base;
    decoder_->thread_count = 1;  // one clip, one thread: callers run several clips at once
    if (error >= 0) error = avcodec_open2(decoder_.get(), codec, nullptr);
    if (error < 0)
      throw data_error("cannot start the " + result_.codec + " decoder: " + detail(reason(error)),
                       input_.name, "the file is cut or damaged: copy it again");
    result_.rate_hz = par->sample_rate;
    result_.channels = par->ch_layout.nb_channels;
    read_duration();
  }

  void read_duration() {
    double seconds = -1;
    if (stream_->duration != AV_NOPTS_VALUE)
      seconds = static_cast<double>(stream_->duration) * av_q2d(stream_->time_base);
    else if (format_->nb_streams == 1 && format_->duration != AV_NOPTS_VALUE)
      seconds = static_cast<double>(format_->duration) / AV_TIME_BASE;
    if (!(seconds > 0)) return;
    result_.estimated_s = seconds;
    // WAV: FFmpeg falls back to the file's size when the header states more; decode.cpp reads the header.
    if (format_->duration_estimation_method != AVFMT_DURATION_FROM_BITRATE && result_.container != "wav")
      result_.declared_s = seconds;
  }

  void note_error(int error) {
    ++result_.n_errors;
    if (result_.first_error.empty()) result_.first_error = detail(reason(error));
  }

  bool decode(const AVPacket* packet) {
    const int error = avcodec_send_packet(decoder_.get(), packet);
    if (error < 0 && error != AVERROR_EOF && error != AVERROR(EAGAIN)) {
      note_error(error);
      if (packet) return true;
    }
    for (;;) {
      const int got = avcodec_receive_frame(decoder_.get(), frame_.get());
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return true;
      if (got < 0) {
        note_error(got);
        return true;
      }
      const bool more = deliver();
      av_frame_unref(frame_.get());
      if (!more) return false;
      if (jump_to_s_ >= 0 && start_known_) {
        jump();
        return true;
      }
    }
  }

  // Hands the frame on. Positions are counted from the first frame; after a jump from its timestamp.
  bool deliver() {
    const int channels = frame_->ch_layout.nb_channels;
    if (frame_->nb_samples <= 0 || channels <= 0) return true;
    const int rate = frame_->sample_rate > 0 ? frame_->sample_rate : result_.rate_hz;
    if (rate != block_rate_) {
      if (block_rate_ > 0)  // the file changes its rate midway: count on in the new one
        position_ = av_rescale(position_, rate, block_rate_);
      else
        result_.rate_hz = rate, result_.channels = channels;
      block_rate_ = rate;
    }
    const float full_scale = to_floats(*frame_, channels, samples_);
    if (full_scale == 0) throw data_error("unknown sample format of " + result_.codec, input_.name);
    if (result_.n_frames == 0 && frame_->pts != AV_NOPTS_VALUE) {
      first_pts_ = frame_->pts;
      start_known_ = rate == stream_->codecpar->sample_rate;
    }
    if (jumped_) {
      if (frame_->pts == AV_NOPTS_VALUE) return true;  // not yet known where we are
      position_ = av_rescale_q(frame_->pts - first_pts_, stream_->time_base, AVRational{1, rate});
      jumped_ = false;
      lost_ = position_ > wanted_;
      if (lost_) return false;
    }
    ++result_.n_frames;
    PcmBlock block;
    block.samples = samples_.data();
    block.frames = static_cast<std::size_t>(frame_->nb_samples);
    block.channels = channels;
    block.rate_hz = rate;
    block.full_scale = full_scale;
    block.position = position_;
    position_ += frame_->nb_samples;
    return sink_(block);
  }

  // Once the first frame has fixed where time starts: on to just before the wanted start.
  void jump() {
    const auto samples = static_cast<std::int64_t>(jump_to_s_ * block_rate_);
    wanted_ = static_cast<std::int64_t>((jump_to_s_ + kPrerollS) * block_rate_);
    jump_to_s_ = -1;
    jump_pts_ = first_pts_ + av_rescale_q(samples, AVRational{1, block_rate_}, stream_->time_base);
    const AVCodecID codec = stream_->codecpar->codec_id;
    const bool seek = seeks_exactly(*format_, codec);
    if (!seek && !forgets(codec)) return;
    if (seek && avformat_seek_file(format_.get(), stream_->index, INT64_MIN, jump_pts_, jump_pts_, 0) < 0) {
      if (!forgets(codec)) return;
    }
    skipping_ = true;
    jumped_ = true;
    avcodec_flush_buffers(decoder_.get());
  }

  const Input& input_;
  Cursor cursor_;
  SourceResult& result_;
  const std::vector<std::string>& log_;
  const BlockFn& sink_;
  std::unique_ptr<AVIOContext, Free> io_;  // outlives format_
  std::unique_ptr<AVFormatContext, Free> format_;
  std::unique_ptr<AVCodecContext, Free> decoder_;
  std::unique_ptr<AVPacket, Free> packet_{need(av_packet_alloc())};
  std::unique_ptr<AVFrame, Free> frame_{need(av_frame_alloc())};
  AVStream* stream_ = nullptr;
  std::vector<float> samples_;
  std::int64_t position_ = 0;
  int block_rate_ = 0;
  std::int64_t first_pts_ = 0;
  bool start_known_ = false;
  double jump_to_s_ = -1;  // negative: read on without a jump
  std::int64_t jump_pts_ = 0;
  std::int64_t wanted_ = 0;  // the first sample asked for
  bool lost_ = false;
  bool skipping_ = false;  // packets before jump_pts_ are dropped undecoded
  bool jumped_ = false;    // the next frame's timestamp fixes the position
};

}  // namespace

SourceResult read_with_ffmpeg(const Input& input, double start_s, const BlockFn& sink) {
  std::vector<std::string> log;
  const LogScope scope(&log);
  SourceResult result;
  Reader reader(input, result, log, sink);
  reader.run(start_s);
  if (reader.lost()) {
    result = {};
    Reader(input, result, log, sink).run(0);
  }
  result.log = std::move(log);
  return result;
}

}  // namespace af2::audio_internal

#endif  // AF2_WITH_FFMPEG
