// Loudness beside what the standard says of tones.
#include "af2/audio/loudness.h"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <vector>

namespace af2 {
namespace {

std::vector<float> sine(double seconds, double hz, double amplitude, int rate) {
  std::vector<float> x(static_cast<std::size_t>(seconds * rate));
  for (std::size_t i = 0; i < x.size(); ++i)
    x[i] =
        static_cast<float>(amplitude * std::sin(2 * std::numbers::pi * hz * static_cast<double>(i) / rate));
  return x;
}

class Loudness : public ::testing::Test {
 protected:
  void SetUp() override {
#ifndef AF2_WITH_EBUR128
    GTEST_SKIP() << "this build has no libebur128";
#endif
  }
};

// BS.1770-4: a sine of 997 Hz at 0 dBFS in one channel is at -3.01 LKFS.
TEST_F(Loudness, OfTheStandardsTone) {
  for (const int rate : {16000, 44100, 48000}) {
    EXPECT_NEAR(loudness_lkfs(sine(3, 997, 1, rate), rate), -3.01, 0.1) << rate;
    EXPECT_NEAR(loudness_lkfs(sine(3, 997, 0.1, rate), rate), -23.01, 0.1) << rate;
  }
}

TEST_F(Loudness, DoesNotDependOnLengthNorOnSilenceAround) {
  const double whole = loudness_lkfs(sine(3, 500, 0.2, 16000), 16000);
  for (const double seconds : {0.1, 0.25, 0.39, 0.41, 1.0})
    EXPECT_NEAR(loudness_lkfs(sine(seconds, 500, 0.2, 16000), 16000), whole, 0.5) << seconds;
  std::vector<float> padded(32000, 0.0f);
  const std::vector<float> tone = sine(2, 500, 0.2, 16000);
  padded.insert(padded.begin() + 16000, tone.begin(), tone.end());
  EXPECT_NEAR(loudness_lkfs(padded, 16000), whole,
              1);  // the gate leaves silence out, but for blocks at its edges
}

TEST_F(Loudness, LowTonesCountLess) {
  EXPECT_LT(loudness_lkfs(sine(1, 40, 0.2, 16000), 16000),
            loudness_lkfs(sine(1, 1000, 0.2, 16000), 16000) - 3);
  EXPECT_GT(loudness_lkfs(sine(1, 4000, 0.2, 16000), 16000),
            loudness_lkfs(sine(1, 1000, 0.2, 16000), 16000) + 2);
}

TEST_F(Loudness, SilenceIsAtTheGate) {
  EXPECT_EQ(loudness_lkfs({}, 16000), kSilenceLkfs);
  EXPECT_EQ(loudness_lkfs(std::vector<float>(16000, 0.0f), 16000), kSilenceLkfs);
  EXPECT_EQ(loudness_lkfs(std::vector<float>(100, 0.0f), 16000), kSilenceLkfs);
}

}  // namespace
}  // namespace af2
