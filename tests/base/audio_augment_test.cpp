// audio: augmentation. Every figure that an effect promises is measured.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <complex>
#include <cstdio>

#include "af2/audio/augment.h"
#include "af2/audio/fft.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "audio_testing.h"

namespace af2 {
namespace {

using audio_testing::hashed;
using audio_testing::sine;

constexpr double kRate = 16000;

// Amplitude of the sine component at `hz`, by projection, over the middle half.
double level_at(std::span<const float> x, double hz) {
  std::complex<double> sum;
  const std::size_t first = x.size() / 4, last = 3 * x.size() / 4;
  double weight_sum = 0;
  for (std::size_t i = first; i < last; ++i) {
    const double t = static_cast<double>(i - first) / static_cast<double>(last - first);
    const double weight = 0.5 - 0.5 * std::cos(2 * std::numbers::pi * t);
    sum += weight * x[i] * std::polar(1.0, -2 * std::numbers::pi * hz * static_cast<double>(i) / kRate);
    weight_sum += weight;
  }
  return 2 * std::abs(sum) / weight_sum;
}

bool finite(std::span<const float> x) {
  return std::all_of(x.begin(), x.end(), [](float v) { return std::isfinite(v); });
}

TEST(Augment, SameSeedSameSoundOtherSeedOther) {
  const std::vector<float> x = hashed(20000, 1);
  Random a("af2/augment/1"), b("af2/augment/1"), c("af2/augment/2");
  const auto first = augment(x, a, {});
  EXPECT_EQ(first, augment(x, b, {}));
  EXPECT_NE(first, augment(x, c, {}));
  EXPECT_NE(first, augment(x, a, {}));  // the generator goes on
}

TEST(Augment, StrengthZeroChangesNothing) {
  const std::vector<float> x = hashed(5000, 1);
  AugmentOptions options;
  options.strength = 0;
  Random rng("none");
  EXPECT_EQ(augment(x, rng, options), x);
}

TEST(Augment, SwitchingOneEffectOffLeavesTheOthersDraws) {
  const std::vector<float> x = hashed(5000, 1);
  AugmentOptions gain_only;
  for (double* chance :
       {&gain_only.crop_chance, &gain_only.speed_chance, &gain_only.stretch_chance, &gain_only.tilt_chance,
        &gain_only.peaks_chance, &gain_only.low_pass_chance, &gain_only.high_pass_chance,
        &gain_only.telephone_chance, &gain_only.reverb_chance, &gain_only.noise_chance,
        &gain_only.soft_clip_chance, &gain_only.coarse_chance, &gain_only.fade_chance})
    *chance = 0;
  AugmentOptions with_tilt = gain_only;
  with_tilt.tilt_chance = 1;
  with_tilt.tilt_db = {0, 0};  // drawn, without effect
  Random a("draws"), b("draws");
  const auto plain = augment(x, a, gain_only), tilted = augment(x, b, with_tilt);
  const double gain = rms_db(plain) - rms_db(x);
  EXPECT_GT(gain, -20.01);
  EXPECT_LT(gain, 6.01);
  EXPECT_NEAR(rms_db(tilted), rms_db(plain), 1e-3);
}

TEST(Augment, AnySignalStaysFiniteAndOfSaneLength) {
  AugmentOptions hard;
  hard.strength = 3;
  for (const std::size_t n : {1u, 2u, 17u, 300u, 5000u, 40000u}) {
    for (int seed = 0; seed < 30; ++seed) {
      for (const float level : {0.0f, 1e-30f, 1e-3f, 50.0f}) {
        std::vector<float> x = hashed(n, static_cast<std::uint32_t>(seed));
        scale(x, level);
        Random rng("any/" + std::to_string(seed));
        hard.keep_length = seed % 2 == 0;
        const auto y = augment(x, rng, hard);
        ASSERT_TRUE(finite(y)) << n << " " << seed << " " << level;
        if (level == 0) {
          ASSERT_EQ(peak(y), 0) << "silence stays silence";
        }
        if (hard.keep_length) {
          ASSERT_EQ(y.size(), n);
        } else {
          ASSERT_TRUE(!y.empty() && static_cast<double>(y.size()) <= static_cast<double>(n) / 0.7 + 1);
        }
      }
    }
  }
  Random rng("nothing");
  EXPECT_TRUE(augment({}, rng, {}).empty());
}

TEST(Augment, UpsideDownRangesAreTheUsersError) {
  Random rng("x");
  AugmentOptions options;
  options.speed = {1.4, 0.7};
  EXPECT_THROW(augment(hashed(10, 1), rng, options), Error);
  options = {};
  options.crop_keep = 0;
  EXPECT_THROW(augment(hashed(10, 1), rng, options), Error);
}

TEST(Augment, SpeedMovesPitchAndLength) {
  const std::vector<float> x = sine(32000, 1000);
  for (const double factor : {0.7, 1.0, 1.25, 1.4}) {
    const auto y = change_speed(x, factor, kRate);
    EXPECT_EQ(y.size(), static_cast<std::size_t>(std::round(32000 / factor)));
    EXPECT_NEAR(to_db(level_at(y, 1000 * factor) / 0.5), 0, 0.5) << factor;
  }
  // Above the new band: thinned out instead of folded back. 7.5 kHz x 1.4 would come back at 5.5 kHz.
  const auto folded = change_speed(sine(32000, 7500), 1.4, kRate);
  EXPECT_LT(to_db(level_at(folded, 5500) / 0.5), -20);
}

TEST(Augment, StretchKeepsPitchAndLevel) {
  const std::vector<float> x = sine(32000, 440);
  for (const double factor : {0.7, 1.0, 1.4, 2.0}) {
    const auto y = time_stretch(x, factor, kRate);
    EXPECT_EQ(y.size(), static_cast<std::size_t>(std::round(32000 * factor)));
    EXPECT_NEAR(to_db(level_at(y, 440) / 0.5), 0, 1) << factor;
    EXPECT_NEAR(rms_db(y), rms_db(x), 1) << factor;
  }
  EXPECT_EQ(time_stretch(x, 1, kRate).size(), x.size());
  const auto same = time_stretch(x, 1, kRate);  // at factor 1 the frames fall into place
  double most = 0;
  for (std::size_t i = 0; i + 1000 < x.size(); ++i) most = std::max<double>(most, std::abs(same[i] - x[i]));
  EXPECT_LT(most, 0.02);
}

TEST(Augment, StretchMovesEvents) {  // clicks at 0.5 s and 1.5 s
  std::vector<float> x(32000, 0.0f);
  for (std::size_t i = 0; i < 80; ++i) x[8000 + i] = x[24000 + i] = 0.9f * hashed(80, 5)[i];
  const auto y = time_stretch(x, 1.3, kRate);
  const auto first_loud = [&](std::size_t from) {
    while (from < y.size() && std::abs(y[from]) < 0.2f) ++from;
    return static_cast<double>(from) / kRate;
  };
  EXPECT_NEAR(first_loud(0), 0.65, 0.03);
  EXPECT_NEAR(first_loud(25000), 1.95, 0.03);
}

TEST(Augment, BandLimits) {
  for (const auto& [hz, low_db, high_db] : {std::tuple{500.0, -1.0, 0.5}, {4500.0, -60.0, -18.0}}) {
    std::vector<float> x = sine(32000, hz);
    low_pass(x, 2000, kRate);
    EXPECT_GT(to_db(level_at(x, hz) / 0.5), low_db);
    EXPECT_LT(to_db(level_at(x, hz) / 0.5), high_db);
  }
  std::vector<float> bass = sine(32000, 100);
  high_pass(bass, 400, kRate);
  EXPECT_LT(rms_db(std::span(bass).subspan(8000)) - to_db(0.5 / std::sqrt(2.0)), -40);
  std::vector<float> voice = sine(32000, 1000);
  telephone(voice, kRate);
  EXPECT_NEAR(to_db(level_at(voice, 1000) / 0.5), 0, 0.5);
}

TEST(Augment, NoiseHasTheLevelAndSlopeAskedFor) {
  const std::vector<float> x = sine(64000, 700);
  for (const double snr_db : {0.0, 5.0, 20.0, 40.0}) {
    for (const double slope : {0.0, 1.0, 2.0}) {
      Random rng("snr");
      std::vector<float> y = x;
      add_noise(y, snr_db, slope, kRate, rng);
      for (std::size_t i = 0; i < y.size(); ++i) y[i] -= x[i];
      EXPECT_NEAR(rms_db(x) - rms_db(y), snr_db, 0.1);
    }
  }
  for (const double slope : {-0.5, 0.0, 1.0, 2.0}) {  // octaves around 200 Hz and 3200 Hz: four apart
    Random rng("slope");
    const std::size_t n = 1 << 16;
    const auto noise = coloured_noise(n, slope, kRate, rng);
    EXPECT_NEAR(rms(noise), 1, 1e-4);
    std::vector<std::complex<float>> z(noise.begin(), noise.end());
    Fft(n).forward(z.data());
    const auto density = [&](double from_hz, double to_hz) {
      double sum = 0;
      const auto low = static_cast<std::size_t>(from_hz / kRate * n),
                 high = static_cast<std::size_t>(to_hz / kRate * n);
      for (std::size_t k = low; k < high; ++k) sum += std::norm(z[k]);
      return 10 * std::log10(sum / static_cast<double>(high - low));
    };
    const double fall = density(141, 283) - density(2263, 4525);
    EXPECT_NEAR(fall, slope * 40 * std::log10(2.0), 1.6) << slope;
  }
}

TEST(Augment, ReverbHasItsDecayAndDirectShare) {
  std::vector<float> click(24000, 0.0f);
  click[100] = 1;
  for (const double t60_s : {0.3, 1.0}) {
    Random rng("room");
    const auto y = reverb(click, t60_s, 6, kRate, rng);
    ASSERT_EQ(y.size(), click.size());
    EXPECT_NEAR(rms_db(y), rms_db(click), 1e-3);
    const double direct = static_cast<double>(y[100]) * y[100];
    const auto energy = [&](double from_s, double to_s) {
      double sum = 0;
      for (auto i = static_cast<std::size_t>(from_s * kRate); i < static_cast<std::size_t>(to_s * kRate); ++i)
        sum += static_cast<double>(y[i]) * y[i];
      return sum;
    };
    const double room = energy(101 / kRate, 1.5);
    EXPECT_NEAR(10 * std::log10(direct / room), 6, 0.2);
    // Two stretches t60/3 apart differ by 20 dB.
    const double start = 0.03, width = t60_s / 6;
    const double early = energy(start, start + width),
                 late = energy(start + t60_s / 3, start + t60_s / 3 + width);
    EXPECT_NEAR(10 * std::log10(early / late), 20, 2.5) << t60_s;
  }
}

TEST(Augment, DistortionKeepsThePeak) {
  std::vector<float> x = sine(16000, 333, kRate, 0.3);
  std::vector<float> clipped = x, coarse = x, law = x;
  soft_clip(clipped, 12);
  EXPECT_NEAR(peak(clipped), 0.3, 1e-3);
  EXPECT_GT(rms(clipped), 1.2 * rms(x));
  quantise_8_bit(coarse);
  std::vector<float> levels = coarse;
  std::sort(levels.begin(), levels.end());
  levels.erase(std::unique(levels.begin(), levels.end()), levels.end());
  EXPECT_LE(levels.size(), 255u);
  EXPECT_GT(levels.size(), 100u);
  mu_law(law);
  for (std::size_t i = 0; i < x.size(); ++i) {
    ASSERT_NEAR(coarse[i], x[i], 0.3 / 254 + 1e-6);
    ASSERT_NEAR(law[i], x[i], 0.03 * std::abs(x[i]) + 1e-4);
  }
}

TEST(Augment, TiltAndFade) {
  std::vector<float> low = sine(32000, 60), high = sine(32000, 7000);
  tilt(low, 6, kRate);
  tilt(high, 6, kRate);
  EXPECT_NEAR(to_db(level_at(low, 60) / 0.5), -3, 0.2);
  EXPECT_NEAR(to_db(level_at(high, 7000) / 0.5), 3, 0.2);
  std::vector<float> ones(1000, 1.0f);
  fade(ones, 0.01, 0.02, kRate);
  EXPECT_LT(ones.front(), 0.001f);
  EXPECT_NEAR(ones[80], 0.5, 0.02);
  EXPECT_EQ(ones[500], 1.0f);
  EXPECT_NEAR(ones[1000 - 160], 0.5, 0.02);
  EXPECT_LT(ones.back(), 0.001f);
  fade(ones, 5, 5, kRate);  // longer than the sound
  EXPECT_TRUE(finite(ones));
}

TEST(Augment, CostsLittle) {  // about 1 ms a second of sound in a release build; loose for slow machines
  const std::vector<float> x = hashed(160000, 1);
  const auto start = std::chrono::steady_clock::now();
  double seconds = 0;
  for (int i = 0; i < 12; ++i) {
    Random rng("cost/" + std::to_string(i));
    seconds += static_cast<double>(x.size()) / kRate;
    ASSERT_TRUE(finite(augment(x, rng, {})));
  }
  const std::chrono::duration<double, std::milli> spent = std::chrono::steady_clock::now() - start;
  const double cost = spent.count() / seconds;
  std::printf("augment: %.2f ms per second of sound\n", cost);
  EXPECT_LT(cost, 60);
}

}  // namespace
}  // namespace af2
