// audio: resampling and windows against goldens of soxr and NumPy; WAV; levels and filters.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <limits>

#include "af2/audio/fft.h"
#include "af2/audio/resample.h"
#include "af2/audio/signal.h"
#include "af2/audio/wav.h"
#include "af2/audio/windows.h"
#include "af2/core/error.h"
#include "audio_testing.h"

namespace af2 {
namespace {

using audio_testing::golden;
using audio_testing::hashed;
using audio_testing::sine;
using testing::ElementsAre;

TEST(Resample, LengthIsTheCeilingInIntegers) {
  EXPECT_EQ(resampled_length(441000, 44100, 16000), 160000);  // float arithmetic may give 160001
  EXPECT_EQ(resampled_length(441001, 44100, 16000), 160001);
  EXPECT_EQ(resampled_length(1, 48000, 16000), 1);
  EXPECT_EQ(resampled_length(0, 48000, 16000), 0);
  EXPECT_EQ(resampled_length(std::int64_t{1} << 45, 48000, 16000), ((std::int64_t{1} << 45) + 2) / 3);
}

#ifdef AF2_WITH_SOXR
struct Rates {
  int from_hz, to_hz;
  std::size_t n;
};

class SoxrGoldens : public testing::TestWithParam<Rates> {};

TEST_P(SoxrGoldens, OneShotAndStreamEqualPythonSoxr) {
  const auto [from_hz, to_hz, n] = GetParam();
  const std::vector<float> x = hashed(n, static_cast<std::uint32_t>(from_hz));
  const std::vector<float> want =
      golden("resample_" + std::to_string(from_hz) + "_" + std::to_string(to_hz) + ".f32");
  const std::vector<float> y = resample(x, from_hz, to_hz);
  ASSERT_EQ(static_cast<std::int64_t>(y.size()),
            resampled_length(static_cast<std::int64_t>(n), from_hz, to_hz));
  ASSERT_GE(y.size(), want.size());
  ASSERT_LE(y.size(), want.size() + 1);
  float most = 0;
  for (std::size_t i = 0; i < want.size(); ++i) most = std::max(most, std::abs(y[i] - want[i]));
  EXPECT_LE(most, 1e-6f);
  RecordProperty("max_abs_error_1e9", static_cast<int>(most * 1e9));
  for (const std::size_t piece : {std::size_t{1}, std::size_t{333}, std::size_t{4096}}) {
    Resampler stream(from_hz, to_hz);
    std::vector<float> out;
    for (std::size_t at = 0; at < n; at += piece)
      stream.push(std::span(x).subspan(at, std::min(piece, n - at)), out);
    stream.finish(out);
    EXPECT_EQ(out, y) << "in pieces of " << piece;
  }
}

INSTANTIATE_TEST_SUITE_P(Audio, SoxrGoldens,
                         testing::Values(Rates{44100, 16000, 12000}, Rates{48000, 16000, 9001},
                                         Rates{8000, 16000, 3000}, Rates{22050, 16000, 5000}));
#else
TEST(Resample, WithoutSoxrOnlyEqualRates) {
  EXPECT_THROW(resample(std::vector<float>(10), 44100, 16000), Error);
}
#endif

TEST(Resample, EqualRatesCopyAndNonsenseIsRefused) {
  const std::vector<float> x = hashed(100, 7);
  EXPECT_EQ(resample(x, 16000, 16000), x);
  EXPECT_TRUE(resample({}, 16000, 16000).empty());
  EXPECT_THROW(Resampler(0, 16000), Error);
  EXPECT_THROW(Resampler(16000, 20'000'000), Error);
}

WindowOptions small_windows() {
  WindowOptions options;
  options.window_s = 0.05;
  options.max_windows = 3;
  return options;
}

TEST(Windows, BitEqualToNumpy) {
  struct Case {
    const char* name;
    std::vector<float> x;
    int n_windows;
    double cut_s;
  };
  const auto scaled = [](std::vector<float> x, float by) {
    scale(x, by);
    return x;
  };
  std::vector<float> positive = scaled(hashed(1000, 4), 0.2f);
  for (float& v : positive) v = std::abs(v);
  const std::vector<Case> cases = {{"short", scaled(hashed(500, 1), 0.37f), 1, 0},
                                   {"exact", scaled(hashed(1600, 2), 0.9f), 2, 0},
                                   {"cut", scaled(hashed(3000, 3), 3.1f), 3, 0.0375},
                                   {"positive", positive, 2, 0},
                                   {"silence", std::vector<float>(900), 2, 0}};
  for (const Case& c : cases) {
    const Windows w = make_windows(c.x, small_windows());
    EXPECT_EQ(w.samples, golden(std::string("windows_") + c.name + ".f32")) << c.name;
    EXPECT_EQ(w.report.n_windows, c.n_windows) << c.name;
    EXPECT_EQ(w.mask, std::vector<float>(static_cast<std::size_t>(c.n_windows), 1.0f));
    EXPECT_NEAR(w.report.seconds_cut, c.cut_s, 1e-12) << c.name;
    EXPECT_NEAR(w.report.seconds, static_cast<double>(c.x.size()) / 16000, 1e-12);
    EXPECT_EQ(w.report.silent, std::string(c.name) == "silence");
    EXPECT_EQ(w.report.clipped, std::string(c.name) == "cut");
  }
}

TEST(Windows, CountFollowsTheFormula) {
  EXPECT_EQ(window_count(1, 160000), 1u);
  EXPECT_EQ(window_count(160000, 160000), 1u);
  EXPECT_EQ(window_count(160001, 160000), 2u);
  EXPECT_EQ(window_count(320000, 160000), 2u);
  EXPECT_EQ(window_count(320001, 160000), 3u);
}

TEST(Windows, NormalisationFollowsTheCut) {  // a peak beyond the cap does not count
  std::vector<float> x(2 * 800, 0.25f);
  x[10] = -0.5f;
  x[900] = 5;
  WindowOptions options = small_windows();
  options.max_windows = 1;
  const Windows w = make_windows(x, options);
  EXPECT_EQ(w.samples[10], -1.0f);
  EXPECT_EQ(w.samples[0], through_int16(0.5));
  EXPECT_EQ(w.report.peak, 0.5);
}

TEST(Windows, QuantisationTruncatesTowardZero) {
  EXPECT_EQ(through_int16(1.0), 1.0f);
  EXPECT_EQ(through_int16(-3.0), -1.0f);
  EXPECT_EQ(through_int16(0.99999 / 32767), 0.0f);
  EXPECT_EQ(through_int16(-1.5 / 32767), static_cast<float>(-1.0 / 32767));
}

TEST(Windows, ReportsWhatTheDecoderLeftOut) {
  WindowOptions options;
  options.clip_seconds = 300;
  const WindowPlan plan = plan_windows(std::vector<float>(12 * 160000, 0.1f), options);
  EXPECT_EQ(plan.report.n_windows, 12);
  EXPECT_EQ(plan.report.seconds, 300);
  EXPECT_EQ(plan.report.seconds_cut, 180);
  std::vector<float> one(160000);
  EXPECT_THROW(fill_window({}, plan, 0, one), Error);
  EXPECT_THROW(fill_window(std::vector<float>(12 * 160000), plan, 12, one), Error);
}

TEST(Windows, BadInputIsRefused) {
  EXPECT_THROW(make_windows({}), Error);
  EXPECT_THROW(make_windows(std::vector<float>{0.1f, std::numeric_limits<float>::quiet_NaN()}), Error);
  EXPECT_THROW(make_windows(std::vector<float>{std::numeric_limits<float>::infinity()}), Error);
  WindowOptions odd;
  odd.window_s = 0.00001;
  EXPECT_THROW(make_windows(std::vector<float>{0.1f}, odd), Error);
}

TEST(Wav, WritesWhatItReads) {
  const auto path = std::filesystem::temp_directory_path() / "af2_wav_test.wav";
  const std::vector<float> x = hashed(2000, 9);
  WavOptions options;
  options.channels = 2;
  options.rate_hz = 44100;
  options.format = WavFormat::kFloat32;
  write_wav(path, x, options);
  std::string bytes = read_file(path);
  auto span = std::as_bytes(std::span(bytes));
  WavInfo info = wav_info(span, "x");
  EXPECT_EQ(info.channels, 2);
  EXPECT_EQ(info.rate_hz, 44100);
  EXPECT_EQ(wav_samples(span, info, 0, info.n_frames), x);
  EXPECT_EQ(wav_samples(span, info, 10, 3), std::vector<float>(x.begin() + 20, x.begin() + 26));

  options.format = WavFormat::kInt16;
  write_wav(path, x, options);
  bytes = read_file(path);
  span = std::as_bytes(std::span(bytes));
  const std::vector<float> once = wav_samples(span, wav_info(span, "x"), 0, 1000);
  for (std::size_t i = 0; i < x.size(); ++i) ASSERT_NEAR(once[i], x[i], 1.0 / 32768);
  write_wav(path, once, options);  // 16-bit values survive
  EXPECT_EQ(read_file(path), bytes);
  write_wav(path, std::vector<float>{2, -2, std::numeric_limits<float>::quiet_NaN(), 0.5f}, {});
  bytes = read_file(path);
  span = std::as_bytes(std::span(bytes));
  EXPECT_THAT(wav_samples(span, wav_info(span, "x"), 0, 9), ElementsAre(32767 / 32768.0f, -1.0f, 0.0f, 0.5f));
  EXPECT_THROW(write_wav(path, std::vector<float>(3), options), Error);
  std::filesystem::remove(path);
}

TEST(Wav, CutAtEveryByteOfTheHeader) {
  const std::string whole = read_file(audio_testing::clip_path("s24_16k.wav"));
  const auto span = std::as_bytes(std::span(whole));
  for (std::size_t n = 0; n < 200; ++n) {
    try {
      const WavInfo info = wav_info(span.first(n), "cut");
      EXPECT_LE(info.data_offset + info.n_frames * info.block_bytes, n);
      EXPECT_LT(info.data_bytes, info.declared_bytes.value());
      wav_samples(span.first(n), info, 0, info.n_frames);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
  }
  EXPECT_EQ(wav_info(span, "whole").n_frames, 24000u);
}

TEST(Wav, DamagedHeadersAreRefused) {
  std::string bytes = read_file(audio_testing::clip_path("tenth.wav"));
  const auto refused = [&](std::size_t at, char value) {
    std::string bad = bytes;
    bad[at] = value;
    EXPECT_THROW(wav_info(std::as_bytes(std::span(bad)), "bad"), Error) << at;
  };
  refused(0, 'X');
  refused(22, 0);    // no channels
  refused(32, 7);    // bytes a frame
  refused(34, 12);   // bits a sample
  refused(36, 'e');  // no data chunk
}

TEST(Signal, Levels) {
  const std::vector<float> x = sine(16000, 100, 16000, 1.0);
  EXPECT_NEAR(rms_db(x), -3.0103, 1e-3);
  EXPECT_FLOAT_EQ(peak(x), 1.0f);
  EXPECT_EQ(peak({}), 0);
  EXPECT_EQ(rms({}), 0);
  EXPECT_DOUBLE_EQ(to_db(from_db(-12.5)), -12.5);
  EXPECT_EQ(to_db(0), -200);
  EXPECT_TRUE(is_silent({}));
  EXPECT_TRUE(is_silent(std::vector<float>{5e-5f, -5e-5f}));
  EXPECT_FALSE(is_silent(std::vector<float>{2e-4f}));
  EXPECT_DOUBLE_EQ(clipped_share(std::vector<float>{1, -1, 0.5, 0}), 0.5);
}

TEST(Signal, FiltersHaveTheirDesignedResponse) {
  EXPECT_NEAR(to_db(Biquad::low_pass(1000, 16000).gain(1000, 16000)), -3.01, 0.01);
  EXPECT_NEAR(to_db(Biquad::low_pass(1000, 16000).gain(10, 16000)), 0, 0.01);
  EXPECT_LT(to_db(Biquad::low_pass(1000, 16000).gain(5000, 16000)), -28);
  EXPECT_NEAR(to_db(Biquad::high_pass(300, 16000).gain(300, 16000)), -3.01, 0.01);
  EXPECT_NEAR(to_db(Biquad::peaking(2000, 16000, 1, 9).gain(2000, 16000)), 9, 0.01);
  EXPECT_NEAR(to_db(Biquad::low_shelf(1000, 16000, 6).gain(20, 16000)), 6, 0.05);
  EXPECT_NEAR(to_db(Biquad::high_shelf(1000, 16000, -6).gain(7900, 16000)), -6, 0.05);
  // What run() does is what gain() says, and it can go on in pieces.
  for (const double hz : {200.0, 1500.0, 4000.0}) {
    std::vector<float> x = sine(32000, hz);
    Biquad filter = Biquad::peaking(1500, 16000, 2, -8);
    const double gain = filter.gain(hz, 16000);
    std::vector<float> pieces = x;
    Biquad(filter).run(x);
    filter.run(std::span(pieces).first(999));
    filter.run(std::span(pieces).subspan(999));
    EXPECT_EQ(pieces, x);
    EXPECT_NEAR(rms(std::span(x).subspan(16000)), gain * 0.5 / std::sqrt(2.0), 1e-4);
  }
}

TEST(Fft, EqualsTheSumAndInverts) {
  const std::size_t n = 64;
  const std::vector<float> re = hashed(n, 1), im = hashed(n, 2);
  std::vector<std::complex<float>> z(n);
  for (std::size_t i = 0; i < n; ++i) z[i] = {re[i], im[i]};
  const auto before = z;
  const Fft fft(n);
  fft.forward(z.data());
  for (std::size_t k = 0; k < n; ++k) {
    std::complex<double> sum;
    for (std::size_t t = 0; t < n; ++t)
      sum += std::complex<double>(before[t]) *
             std::polar(1.0, -2 * std::numbers::pi * static_cast<double>(k * t) / static_cast<double>(n));
    EXPECT_LT(std::abs(std::complex<double>(z[k]) - sum), 1e-5);
  }
  fft.inverse(z.data());
  for (std::size_t i = 0; i < n; ++i) EXPECT_LT(std::abs(z[i] - before[i]), 1e-6f);
  EXPECT_THROW(Fft(12), Error);
}

TEST(Fft, ConvolutionEqualsTheDirectSum) {
  for (const auto& [n, m] :
       {std::pair<std::size_t, std::size_t>{5000, 37}, {700, 700}, {3, 10}, {6000, 1500}}) {
    const std::vector<float> x = hashed(n, 3), h = hashed(m, 4), y = convolve(x, h);
    ASSERT_EQ(y.size(), n);
    for (std::size_t i = 0; i < n; i += 13) {
      double sum = 0;
      for (std::size_t k = 0; k < m && k <= i; ++k) sum += static_cast<double>(h[k]) * x[i - k];
      ASSERT_NEAR(y[i], sum, 1e-4) << n << " " << m << " at " << i;
    }
  }
}

}  // namespace
}  // namespace af2
