// audio: decoding of real files through FFmpeg. The clips are made by tests/oracle/make_audio_goldens.py.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <thread>

#include "af2/audio/decode.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "audio_testing.h"

#ifdef AF2_WITH_FFMPEG

namespace af2 {
namespace {

using audio_testing::clip_path;
using audio_testing::tone;
using testing::ElementsAre;
using testing::HasSubstr;

DecodeOptions own_rate() {
  DecodeOptions options;
  options.rate_hz = 0;
  return options;
}

std::string problem(const std::string& name, const DecodeOptions& options = {}) {
  try {
    decode_file(clip_path(name), options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
    EXPECT_THAT(error.where(), HasSubstr(name));
    return error.problem();
  }
  ADD_FAILURE() << name << " was decoded";
  return "";
}

// Mean distance, away from the ends; a wrong offset or level shows as 0.05 and more.
double distance(const std::vector<float>& got, const std::vector<double>& want) {
  constexpr std::size_t kSkip = 1000;
  double sum = 0;
  std::size_t n = 0;
  for (std::size_t i = kSkip; i + kSkip < std::min(got.size(), want.size()); ++i, ++n)
    sum += std::abs(got[i] - want[i]);
  return n > 0 ? sum / static_cast<double>(n) : 1;
}

struct Format {
  const char* name;
  int rate_hz, channels;
  double seconds;    // of the source signal
  double tolerance;  // mean distance of channel 0 from the source signal; 0: encoder delay not stated
  const char* codec;
};

class Formats : public testing::TestWithParam<Format> {};

TEST_P(Formats, GiveTheSignalThatWasEncoded) {
  const Format& f = GetParam();
  DecodeOptions options = own_rate();
  options.channels = Channels::kFirst;
  const Clip clip = decode_file(clip_path(f.name), options);
  EXPECT_EQ(clip.source_rate_hz, f.rate_hz);
  EXPECT_EQ(clip.rate_hz, f.rate_hz);
  EXPECT_EQ(clip.source_channels, f.channels);
  EXPECT_EQ(clip.codec, f.codec);
  EXPECT_NEAR(clip.seconds, f.seconds, 0.035);  // padding of the last frame
  EXPECT_NEAR(clip.file_seconds, f.seconds, 0.05);
  EXPECT_FALSE(clip.warned("truncated")) << clip.notes.back();
  EXPECT_EQ(clip.warned("low_rate"), f.rate_hz < 16000);
  if (f.tolerance > 0) {
    EXPECT_LT(distance(clip.samples, tone(f.seconds, f.rate_hz)), f.tolerance);
  }
}

TEST_P(Formats, SameFromBytesAsFromPath) {
  const std::string path = clip_path(GetParam().name);
  const std::string bytes = read_file(path);
  const Clip from_bytes = decode_bytes(std::as_bytes(std::span(bytes)), "upload");
  const Clip from_path = decode_file(path);
  EXPECT_EQ(from_bytes.samples, from_path.samples);
  EXPECT_EQ(from_path.rate_hz, 16000);
  EXPECT_NEAR(from_path.seconds, GetParam().seconds, 0.05);
}

// Any start and duration: the very samples of the whole decode. Lossy decoders may differ by rounding
// noise of their state after a jump; Opus converges only.
TEST_P(Formats, StartAndDurationAreExact) {
  const Clip whole = decode_file(clip_path(GetParam().name), own_rate());
  const std::string codec = GetParam().codec;
  const double tolerance = codec == "opus" ? 2e-3 : codec == "aac" ? 5e-5 : 0;
  for (const double share : {0.013, 0.21, 0.4, 0.5123, 0.77, 0.91}) {
    DecodeOptions options = own_rate();
    options.start_s = share * whole.seconds;
    options.duration_s = 0.0537;
    const auto first = static_cast<std::size_t>(std::llround(options.start_s * whole.rate_hz));
    const auto n = static_cast<std::size_t>(std::llround(options.duration_s * whole.rate_hz));
    const Clip part = decode_file(clip_path(GetParam().name), options);
    const std::size_t expected = std::min(n, whole.samples.size() - first);
    ASSERT_EQ(part.samples.size(), expected) << share;
    float most = 0;
    for (std::size_t i = 0; i < expected; ++i)
      most = std::max(most, std::abs(part.samples[i] - whole.samples[first + i]));
    EXPECT_LE(most, tolerance) << share;
    EXPECT_EQ(part.start_s, options.start_s);
    EXPECT_NEAR(part.file_seconds, whole.file_seconds, 0.06);
  }
}

INSTANTIATE_TEST_SUITE_P(Audio, Formats,
                         testing::Values(Format{"s16_16k.wav", 16000, 1, 1.5, 2e-5, "pcm_s16le"},
                                         Format{"u8_16k.wav", 16000, 1, 1.5, 8e-3, "pcm_u8"},
                                         Format{"s24_16k.wav", 16000, 1, 1.5, 2e-7, "pcm_s24le"},
                                         Format{"s32_8k.wav", 8000, 1, 0.5, 1e-7, "pcm_s32le"},
                                         Format{"f64_16k.wav", 16000, 1, 0.25, 1e-7, "pcm_f64le"},
                                         Format{"stereo_48k.wav", 48000, 2, 0.5, 2e-5, "pcm_s16le"},
                                         Format{"be_44k.aiff", 44100, 1, 0.5, 2e-5, "pcm_s16be"},
                                         Format{"adpcm_16k.wav", 16000, 1, 1.5, 0.05, "adpcm_ima_wav"},
                                         Format{"s16_16k.flac", 16000, 1, 4.0, 2e-5, "flac"},
                                         Format{"tone.mp3", 44100, 2, 6.0, 0.02, "mp3"},
                                         Format{"no_xing.mp3", 44100, 1, 6.0, 0, "mp3"},
                                         Format{"tone.ogg", 44100, 1, 6.0, 0.006, "vorbis"},
                                         Format{"tone.mkv", 44100, 1, 6.0, 0.006, "vorbis"},
                                         Format{"tone.opus", 48000, 1, 6.0, 0.006, "opus"},
                                         Format{"tone.m4a", 44100, 1, 6.0, 0.04, "aac"},
                                         Format{"faststart.m4a", 44100, 1, 6.0, 0.04, "aac"},
                                         Format{"video.mp4", 32000, 1, 2.0, 0.02, "aac"}),
                         [](const auto& format) {
                           std::string name = format.param.name;
                           std::replace(name.begin(), name.end(), '.', '_');
                           return name;
                         });

TEST(Decode, ChannelsAreAveragedOrTheFirstIsTaken) {
  const std::string bytes = read_file(clip_path("stereo_48k.wav"));
  const auto span = std::as_bytes(std::span(bytes));
  const WavInfo info = wav_info(span, "stereo");
  const std::vector<float> both = wav_samples(span, info, 0, info.n_frames);
  DecodeOptions options = own_rate();
  const Clip mean = decode_bytes(span, "stereo", options);
  options.channels = Channels::kFirst;
  const Clip first = decode_bytes(span, "stereo", options);
  ASSERT_EQ(mean.samples.size(), 24000u);
  for (std::size_t i = 0; i < mean.samples.size(); ++i) {
    ASSERT_EQ(mean.samples[i], (both[2 * i] + both[2 * i + 1]) / 2);
    ASSERT_EQ(first.samples[i], both[2 * i]);
  }
  EXPECT_THAT(mean.warnings, ElementsAre("downmixed"));
  EXPECT_THAT(first.warnings, ElementsAre("downmixed"));
}

TEST(Decode, OwnWavReaderAgreesWithFfmpeg) {
  for (const char* name :
       {"s16_16k.wav", "u8_16k.wav", "s24_16k.wav", "s32_8k.wav", "f32_16k.wav", "f64_16k.wav"}) {
    const std::string bytes = read_file(clip_path(name));
    const auto span = std::as_bytes(std::span(bytes));
    const WavInfo info = wav_info(span, name);
    EXPECT_EQ(wav_samples(span, info, 0, info.n_frames), decode_bytes(span, name, own_rate()).samples)
        << name;
  }
}

TEST(Decode, FloatsBeyondFullScaleAreKept) {
  const Clip clip = decode_file(clip_path("f32_16k.wav"));
  EXPECT_NEAR(*std::max_element(clip.samples.begin(), clip.samples.end()), 1.25, 0.01);
  EXPECT_TRUE(clip.warned("clipped"));
}

TEST(Decode, WarningsOfTheSignal) {
  EXPECT_THAT(decode_file(clip_path("s16_16k.wav")).warnings, ElementsAre());
  EXPECT_THAT(decode_file(clip_path("clipped.wav")).warnings, ElementsAre("clipped"));
  EXPECT_THAT(decode_file(clip_path("silence.flac")).warnings, ElementsAre("silent"));
  EXPECT_THAT(decode_file(clip_path("s32_8k.wav")).warnings, ElementsAre("low_rate"));
}

TEST(Decode, VeryShortClips) {
  EXPECT_EQ(decode_file(clip_path("tenth.wav")).samples.size(), 1600u);
  const Clip one = decode_file(clip_path("one_sample.wav"));
  EXPECT_THAT(one.samples, ElementsAre(0.25f));
  EXPECT_EQ(one.file_seconds, 1.0 / 16000);
}

TEST(Decode, LimitStopsDecodingAndStillTellsTheLength) {
  DecodeOptions options;
  options.max_seconds = 0.5;
  for (const char* name : {"tone.mp3", "tone.ogg", "tone.m4a"}) {
    const Clip clip = decode_file(clip_path(name), options);
    EXPECT_EQ(clip.samples.size(), 8000u) << name;
    EXPECT_NEAR(clip.file_seconds, 6, 0.05) << name;
    EXPECT_NEAR(clip.wanted_seconds, 6, 0.05) << name;
  }
}

TEST(Decode, FilesCutInHalfAreRefused) {
  EXPECT_THAT(problem("half.flac"), HasSubstr("file truncated: "));
  EXPECT_THAT(problem("half.wav"), HasSubstr("0.75 s of 1.50 s"));
  EXPECT_THAT(problem("half.m4a"), HasSubstr("file truncated: "));
  EXPECT_THAT(problem("half.mp3"), HasSubstr("file truncated: "));  // its Xing header states the length
  EXPECT_THAT(problem("no_moov.m4a"), HasSubstr("moov atom not found"));
}

TEST(Decode, NearlyWholeFileIsReadWithAWarning) {
  const Clip clip = decode_file(clip_path("nearly.flac"));
  EXPECT_THAT(clip.warnings, ElementsAre("truncated"));
  EXPECT_GE(clip.seconds, 0.95 * 4);
  EXPECT_NEAR(clip.file_seconds, 4, 1e-9);
  DecodeOptions early;  // a part that is there: nothing to warn of
  early.duration_s = 1;
  EXPECT_THAT(decode_file(clip_path("half.flac"), early).warnings, ElementsAre());
}

TEST(Decode, WithoutADeclaredLengthWhatDecodesIsUsed) {
  const std::string bytes = read_file(clip_path("no_xing.mp3"));
  const Clip clip = decode_bytes(std::as_bytes(std::span(bytes).first(bytes.size() / 2)), "half");
  EXPECT_NEAR(clip.seconds, 3, 0.1);
}

TEST(Decode, WhatIsNotSoundIsNamed) {
  EXPECT_EQ(problem("page.html"), "not a sound file (starts with \"<!DOCTYPE\")");
  EXPECT_THAT(problem("playlist.m3u8"), HasSubstr("not a sound file"));
  EXPECT_EQ(problem("empty.wav"), "the file is empty");
  EXPECT_THAT(problem("no_sound.mp4"), HasSubstr("no audio stream"));
  EXPECT_THAT(problem("nan.wav"), HasSubstr("NaN"));
  EXPECT_THAT(problem("there_is_no_such.wav"), HasSubstr("no such file"));
  EXPECT_THAT(problem(""), HasSubstr("folder"));
  problem("no_samples.wav");
  DecodeOptions late;
  late.start_s = 100;
  for (const char* name : {"s16_16k.wav", "s16_16k.flac", "tone.mp3", "tone.m4a"})
    EXPECT_THAT(problem(name, late), HasSubstr("past the end")) << name;
}

TEST(Decode, NonsenseOptionsAreTheUsersError) {
  DecodeOptions options;
  options.start_s = -1;
  try {
    decode_file(clip_path("s16_16k.wav"), options);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kUser);
  }
}

// Whatever a file is cut to or damaged by: samples or kData, never a crash or a hang.
TEST(Decode, DamagedFilesEndInSamplesOrAnError) {
  int n_errors = 0, n_clips = 0;
  for (const char* name :
       {"tenth.wav", "no_xing.mp3", "tone.ogg", "tone.opus", "video.mp4", "silence.flac", "tone.mkv"}) {
    const std::string whole = read_file(clip_path(name));
    std::uint32_t state = 1;
    for (int round = 0; round < 40; ++round) {
      std::string bytes = whole;
      if (round < 20) {
        bytes.resize(whole.size() * static_cast<std::size_t>(round) / 20 + static_cast<std::size_t>(round));
        bytes.resize(std::min(bytes.size(), whole.size()));
      } else {
        for (int i = 0; i < 8; ++i) {
          state = state * 1664525u + 1013904223u;
          const std::size_t reach = round % 2 ? bytes.size() : std::min<std::size_t>(bytes.size(), 400);
          bytes[(state >> 8) % reach] = static_cast<char>(state >> 24);
        }
      }
      DecodeOptions options;
      options.max_seconds = 20;
      if (round % 3 == 0) options.start_s = 1.2;
      try {
        const Clip clip = decode_bytes(std::as_bytes(std::span(bytes)), name, options);
        EXPECT_FALSE(clip.samples.empty());
        ++n_clips;
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
        ++n_errors;
      }
    }
  }
  EXPECT_GT(n_errors, 20);
  EXPECT_GT(n_clips, 20);
}

TEST(Decode, ClipsInParallelAreTheSame) {
  const std::vector<float> want = decode_file(clip_path("tone.mp3")).samples;
  std::vector<std::vector<float>> got(4);
  std::vector<std::thread> threads;
  for (auto& samples : got)
    threads.emplace_back([&samples] { samples = decode_file(clip_path("tone.mp3")).samples; });
  for (auto& thread : threads) thread.join();
  for (const auto& samples : got) EXPECT_EQ(samples, want);
}

}  // namespace
}  // namespace af2

#endif  // AF2_WITH_FFMPEG
