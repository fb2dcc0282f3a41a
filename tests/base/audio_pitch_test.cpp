// The pitch of tones, glides, voices in noise, and of what has none.
#include "af2/audio/pitch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

constexpr double kPitchRate = 16000;

// Harmonics 1..n with amplitudes 1/k, at a fundamental that may change.
template <class F>
std::vector<float> tone(double seconds, int harmonics, const F& hz_at) {
  std::vector<float> x(static_cast<std::size_t>(seconds * kPitchRate));
  double phase = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    phase += 2 * std::numbers::pi * hz_at(static_cast<double>(i) / kPitchRate) / kPitchRate;
    for (int k = 1; k <= harmonics; ++k) x[i] += static_cast<float>(0.2 / k * std::sin(k * phase));
  }
  return x;
}

TEST(Pitch, OfTonesIsWithinAHundredthOfAnOctave) {
  for (const double hz : {70.0, 110.0, 220.5, 440.0, 987.77, 1500.0})
    for (const int harmonics : {1, 6}) {
      const PitchTrack track = pitch_track(tone(0.5, harmonics, [&](double) { return hz; }), kPitchRate);
      const auto found = track.median_hz();
      ASSERT_TRUE(found) << hz;
      EXPECT_LT(std::abs(std::log2(*found / hz)), 0.01) << hz << " harmonics " << harmonics;
      EXPECT_GT(track.voiced, 0.95);
    }
}

TEST(Pitch, FollowsAGlide) {
  const PitchTrack track = pitch_track(tone(1, 4, [](double t) { return 200 * std::exp2(t); }), kPitchRate);
  ASSERT_GT(track.hz.size(), 90u);
  for (const std::size_t i : {10u, 45u, 80u}) {
    const double middle = static_cast<double>(i) * 0.01 + 0.5 * 2 * std::ceil(kPitchRate / 60) / kPitchRate;
    EXPECT_NEAR(std::log2(track.hz[i] / 200), middle, 0.03) << i;
  }
}

TEST(Pitch, NoiseAndSilenceHaveNone) {
  Random rng("af2/test/pitch");
  std::vector<float> noise(16000), quiet(16000, 0.0f);
  for (float& x : noise) x = static_cast<float>(rng.normal() * 0.1);
  EXPECT_FALSE(pitch_track(noise, kPitchRate).median_hz());
  EXPECT_FALSE(pitch_track(quiet, kPitchRate).median_hz());
  EXPECT_EQ(pitch_track(quiet, kPitchRate).voiced, 0);
  EXPECT_TRUE(pitch_track(std::vector<float>(100, 0.1f), kPitchRate).hz.empty());
}

TEST(Pitch, NoiseTwentyDecibelsBelowDoesNotMatterNorDoPauses) {
  Random rng("af2/test/pitch");
  std::vector<float> voice = tone(1, 8, [](double) { return 150.0; });
  for (std::size_t i = 0; i < voice.size(); ++i)
    voice[i] = static_cast<float>((i / 4000 % 2 == 0 ? voice[i] : 0) + rng.normal() * 0.002);
  PitchOptions options;
  options.least_db = -20;
  const PitchTrack track = pitch_track(voice, kPitchRate, options);
  const auto found = track.median_hz();
  ASSERT_TRUE(found);
  EXPECT_NEAR(*found, 150, 1.5);
}

TEST(Pitch, RangesThatDoNotFitAreRefused) {
  const std::vector<float> x(16000);
  EXPECT_THROW(pitch_track(x, kPitchRate, {.min_hz = 500, .max_hz = 100}), Error);
  EXPECT_THROW(pitch_track(x, kPitchRate, {.max_hz = 5000}), Error);
}

}  // namespace
}  // namespace af2
