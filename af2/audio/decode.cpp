#include "af2/audio/decode.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <optional>
#include <system_error>
#include <utility>

#include "af2/audio/resample.h"
#include "af2/audio/signal.h"
#include "af2/audio/source.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {
namespace {

using audio_internal::Input;
using audio_internal::PcmBlock;
using audio_internal::SourceResult;

constexpr double kLeastShare = 0.95;     // of the declared length: interfaces.md section 1
constexpr double kClippedShare = 0.001;  // of the samples at full scale
constexpr int kLowRateHz = 16000;
constexpr int kLeastRateHz = 1000, kMostRateHz = 10'000'000;  // outside a header is damaged, not unusual

std::string text_s(double seconds) {
  char text[48];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

void check_options(const DecodeOptions& o, const std::string& name) {
  const auto bad = [](double s) { return !(s >= 0 && s < 1e9); };
  if (bad(o.start_s)) throw user_error("start must be 0 or more seconds", name);
  if (bad(o.duration_s)) throw user_error("duration must be 0 (all) or more seconds", name);
  if (bad(o.max_seconds)) throw user_error("the limit of seconds must be 0 (none) or more", name);
  if (o.rate_hz < 0) throw user_error("the sample rate must be 0 (the file's) or more", name);
}

// Trims, checks, mixes and resamples blocks as they come.
class Sink {
 public:
  Sink(const DecodeOptions& options, const std::string& name, Clip& clip)
      : options_(options), name_(name), clip_(clip) {
    double limit = std::numeric_limits<double>::infinity();
    if (options.duration_s > 0) limit = options.duration_s;
    if (options.max_seconds > 0) limit = std::min(limit, options.max_seconds);
    limit_s_ = limit;
  }

  bool take(const PcmBlock& block) {
    if (block.rate_hz != rate_hz_) begin(block);
    const std::int64_t n = static_cast<std::int64_t>(block.frames);
    const std::int64_t from = std::clamp<std::int64_t>(first_ - block.position, 0, n);
    const std::int64_t to = last_ < 0 ? n : std::clamp<std::int64_t>(last_ - block.position, 0, n);
    if (from < to) mix(block, static_cast<std::size_t>(from), static_cast<std::size_t>(to));
    return last_ < 0 || block.position + n < last_;
  }

  void finish() {
    if (resampler_) resampler_->finish(clip_.samples);
    resampler_.reset();
  }

  std::int64_t n_taken() const { return n_taken_; }
  double taken_s() const { return taken_s_ + (rate_hz_ > 0 ? static_cast<double>(n_run_) / rate_hz_ : 0); }
  double clipped_share() const {
    return n_values_ > 0 ? static_cast<double>(n_full_) / static_cast<double>(n_values_) : 0;
  }
  int most_channels() const { return most_channels_; }

 private:
  void begin(const PcmBlock& block) {
    if (block.rate_hz < kLeastRateHz || block.rate_hz > kMostRateHz)
      throw data_error("sample rate " + std::to_string(block.rate_hz) + " Hz is not believable", name_,
                       "the file's header is damaged: copy it again");
    finish();
    taken_s_ = taken_s();
    n_run_ = 0;
    rate_hz_ = block.rate_hz;
    if (clip_.rate_hz == 0) clip_.rate_hz = options_.rate_hz > 0 ? options_.rate_hz : rate_hz_;
    resampler_.emplace(rate_hz_, clip_.rate_hz);
    first_ = std::llround(options_.start_s * rate_hz_);
    last_ = std::isinf(limit_s_) ? -1 : first_ + std::max<std::int64_t>(1, std::llround(limit_s_ * rate_hz_));
  }

  void mix(const PcmBlock& block, std::size_t from, std::size_t to) {
    const auto channels = static_cast<std::size_t>(block.channels);
    most_channels_ = std::max(most_channels_, block.channels);
    mono_.resize(to - from);
    float sum_of_zeros = 0;  // stays 0 unless a value is NaN or infinite
    for (std::size_t i = from; i < to; ++i) {
      const float* frame = block.samples + i * channels;
      float sum = 0;
      for (std::size_t c = 0; c < channels; ++c) {
        sum += frame[c];
        sum_of_zeros += frame[c] * 0.0f;
        n_full_ += std::abs(frame[c]) >= block.full_scale;
      }
      mono_[i - from] = options_.channels == Channels::kFirst || channels == 1
                            ? frame[0]
                            : sum / static_cast<float>(channels);
    }
    if (sum_of_zeros != 0)  // NaN compares unequal
      throw data_error("holds NaN or infinite samples", name_, "write it again with finite values");
    n_values_ += static_cast<std::int64_t>((to - from) * channels);
    n_taken_ += static_cast<std::int64_t>(to - from);
    n_run_ += static_cast<std::int64_t>(to - from);
    resampler_->push(mono_, clip_.samples);
  }

  const DecodeOptions& options_;
  const std::string& name_;
  Clip& clip_;
  double limit_s_;
  int rate_hz_ = 0;
  std::int64_t first_ = 0, last_ = -1;  // wanted frames at rate_hz_; last_ < 0: to the end
  std::int64_t n_taken_ = 0, n_run_ = 0, n_values_ = 0, n_full_ = 0;
  double taken_s_ = 0;
  int most_channels_ = 0;
  std::optional<Resampler> resampler_;
  std::vector<float> mono_;
};

void warn(Clip& clip, const char* word, std::string note) {
  if (!clip.warned(word)) clip.warnings.emplace_back(word);
  clip.notes.push_back(std::move(note));
}

// A WAV header states more bytes than there are: FFmpeg does not tell.
double wav_share(const Input& input) {
  if (!is_wav(input.bytes)) return 1;
  const WavInfo info = wav_info(input.bytes, input.name);
  if (!info.declared_bytes || *info.declared_bytes == 0) return 1;
  return static_cast<double>(info.data_bytes) / static_cast<double>(*info.declared_bytes);
}

bool lossless(const std::string& codec) {
  return codec.starts_with("pcm_") || codec == "flac" || codec == "alac" || codec == "wavpack";
}

void judge_length(const Input& input, const SourceResult& source, Clip& clip) {
  const double end_s = source.rate_hz > 0 ? static_cast<double>(source.end_frame) / source.rate_hz : 0;
  double declared_s = source.declared_s;
  if (const double share = wav_share(input); share < 1 && share > 0 && source.at_end)
    declared_s = end_s / share;
  clip.file_seconds = declared_s > 0  ? declared_s
                      : source.at_end ? end_s
                                      : std::max(source.estimated_s, end_s);
  if (!source.at_end) return;
  if (declared_s > 0) {
    // Lossy containers count the codec's delay and padding, up to some frames, as length.
    const double slack_s = lossless(source.codec) ? 1e-3 : 0.1;
    const std::string amounts = text_s(end_s) + " of " + text_s(declared_s);
    if (end_s < kLeastShare * declared_s - slack_s)
      throw data_error("file truncated: " + amounts + " could be decoded", input.name, "copy it again");
    if (end_s < declared_s - slack_s || source.n_errors > 0)
      warn(clip, "truncated", "file truncated or damaged: " + amounts + " decoded");
  } else if (source.n_errors > 0) {
    warn(clip, "truncated",
         std::to_string(source.n_errors) + " packets could not be decoded (" + source.first_error + ")");
  }
}

Clip decode(const Input& input, const DecodeOptions& options) {
  check_options(options, input.name);
  if (input.bytes.empty()) throw data_error("the file is empty", input.name, "give an audio or video file");
  Clip clip;
  clip.rate_hz = options.rate_hz;
  clip.start_s = options.start_s;
  Sink sink(options, input.name, clip);
  const auto take = [&sink](const PcmBlock& block) { return sink.take(block); };
#ifdef AF2_WITH_FFMPEG
  const auto read = audio_internal::read_with_ffmpeg;
#else
  const auto read = audio_internal::read_wav;
#endif
  const SourceResult source = audio_internal::is_npy(input.bytes)
                                  ? audio_internal::read_npy(input, options.start_s, take)
                                  : read(input, options.start_s, take);
  sink.finish();
  clip.container = source.container;
  clip.codec = source.codec;
  clip.source_rate_hz = source.rate_hz;
  clip.source_channels = std::max(source.channels, sink.most_channels());
  clip.log = source.log;
  clip.seconds = clip.rate_hz > 0 ? static_cast<double>(clip.samples.size()) / clip.rate_hz : 0;
  if (source.n_frames == 0 || (source.n_errors > source.n_frames && source.at_end))
    throw data_error("no sound could be decoded from its " + source.codec + " stream" +
                         (source.first_error.empty() ? "" : ": " + source.first_error),
                     input.name, "the file is cut or damaged: copy it again");
  judge_length(input, source, clip);
  if (sink.n_taken() == 0 || clip.samples.empty()) {
    if (options.start_s > 0)
      throw data_error(
          "start " + text_s(options.start_s) + " is past the end (" + text_s(clip.file_seconds) + ")",
          input.name, "give an earlier start");
    throw data_error("the file holds no samples", input.name, "give a file with sound");
  }
  clip.wanted_seconds = std::max(clip.seconds, clip.file_seconds - options.start_s);
  if (options.duration_s > 0) clip.wanted_seconds = std::min(clip.wanted_seconds, options.duration_s);
  if (source.at_end) clip.wanted_seconds = clip.seconds;
  if (clip.source_channels > 1)
    warn(clip, "downmixed",
         std::to_string(clip.source_channels) + " channels, " +
             (options.channels == Channels::kFirst ? "the first one used" : "their mean used"));
  if (sink.clipped_share() > kClippedShare) {
    char text[64];
    std::snprintf(text, sizeof text, "%.2f %% of the samples are at full scale", 100 * sink.clipped_share());
    warn(clip, "clipped", text);
  }
  if (is_silent(clip.samples)) warn(clip, "silent", "no sample exceeds -80 dB of full scale");
  if (source.rate_hz < kLowRateHz)
    warn(clip, "low_rate",
         "recorded at " + std::to_string(source.rate_hz) + " Hz: nothing above " +
             std::to_string(source.rate_hz / 2) + " Hz");
  return clip;
}

}  // namespace

bool Clip::warned(std::string_view word) const {
  return std::find(warnings.begin(), warnings.end(), word) != warnings.end();
}

Clip decode_bytes(std::span<const std::byte> bytes, std::string_view name, const DecodeOptions& options) {
  return decode(Input{bytes, nullptr, std::string(name)}, options);
}

Clip decode_file(const std::filesystem::path& path, const DecodeOptions& options) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    throw data_error("no such file", path.string(), "check the path");
  if (fs::is_directory(status))
    throw data_error("is a folder, not a sound file", path.string(), "name a file");
  if (fs::is_fifo(status)) {  // a pipe has no size to map
    const std::string bytes = read_file(path);
    return decode_bytes(std::as_bytes(std::span(bytes)), path.string(), options);
  }
  if (!fs::is_regular_file(status))
    throw data_error("not a regular file", path.string(), "name a sound file");
  const MappedFile map(path);
  return decode(Input{map.bytes(), &map, path.string()}, options);
}

}  // namespace af2
