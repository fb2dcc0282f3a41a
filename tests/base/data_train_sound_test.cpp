// The sound of a training item: windows, draws that are named, and sounds that cannot be used.
#include "af2/data/train_sound.h"

#include <gtest/gtest.h>

#include <cmath>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/file.h"
#include "refused.h"

namespace af2 {
namespace {

struct TrainSoundTest : ::testing::Test {
  test::Scratch scratch;
  TrainSoundOptions options{16000, 2.0, Channels::kMean, {}};

  // A ramp from 0 to nearly 1: every place of it is known by its value.
  TrainItem ramp(double seconds, int cap, double start_s = 0, double length_s = 0) {
    std::vector<float> samples(static_cast<std::size_t>(seconds * 16000));
    for (std::size_t i = 0; i < samples.size(); ++i)
      samples[i] = 0.9f * static_cast<float>(i) / static_cast<float>(samples.size());
    write_wav(scratch / "ramp.wav", samples);
    TrainItem item;
    item.id = "ramp", item.audio = (scratch / "ramp.wav").string();
    item.start_s = start_s, item.seconds = length_s > 0 ? length_s : seconds;
    const auto n = static_cast<std::int32_t>(std::ceil(item.seconds / 2));
    item.windows = std::min(n, cap);
    return item;
  }
  TrainSound load(const TrainItem& item, std::size_t number = 0, std::int64_t pass = 0) {
    return load_train_sound(item, {"set", number, pass, 42}, options);
  }
};

TEST_F(TrainSoundTest, WindowsAreThoseOfTheFrontEnd) {
  const TrainSound sound = load(ramp(5, 3));
  EXPECT_EQ(sound.problem, "");
  EXPECT_EQ(sound.n_windows, 3);
  EXPECT_DOUBLE_EQ(sound.seconds, 5);
  ASSERT_EQ(sound.windows.size(), 3u * 32000);
  EXPECT_EQ(sound.windows.back(), 0.0f);  // beyond the end
  const TrainSound capped = load(ramp(5, 2));
  EXPECT_EQ(capped.n_windows, 2);
  EXPECT_DOUBLE_EQ(capped.seconds, 4);
  // The stretch alone: its first sample is that of its start.
  const TrainSound stretch = load(ramp(10, 5, 4, 1.5));
  EXPECT_EQ(stretch.n_windows, 1);
  EXPECT_DOUBLE_EQ(stretch.seconds, 1.5);
  // 0.36 of the file over the stretch's largest, 0.495; a ramp is nowhere negative, so 2 x - 1.
  EXPECT_NEAR(stretch.windows[0], 2 * 0.36 / 0.495 - 1, 0.01);
}

TEST_F(TrainSoundTest, CropsAreDrawnByItemAndPass) {
  options.augment.crop = true;
  const TrainItem item = ramp(40, 2);
  std::vector<std::vector<float>> heard;
  for (std::int64_t pass = 0; pass < 3; ++pass) {
    const TrainSound sound = load(item, 5, pass);
    EXPECT_EQ(sound.n_windows, 2);
    EXPECT_DOUBLE_EQ(sound.seconds, 4);
    EXPECT_EQ(sound.windows, load(item, 5, pass).windows);  // the same draw again
    heard.push_back(sound.windows);
  }
  EXPECT_NE(heard[0], heard[1]);
  EXPECT_NE(heard[1], heard[2]);
  EXPECT_NE(heard[0], load(item, 6, 0).windows);
  EXPECT_EQ(load(ramp(3, 2), 5, 0).windows, load(ramp(3, 2), 5, 1).windows);  // nothing to crop
}

TEST_F(TrainSoundTest, NoiseHasTheDrawnRatioAndShiftsArePutBefore) {
  TrainItem item = ramp(2, 1);
  std::vector<float> tone(32000);
  for (std::size_t i = 0; i < tone.size(); ++i) tone[i] = 0.5f * std::sin(0.05f * static_cast<float>(i));
  write_wav(item.audio, tone);
  const TrainSound clean = load(item);
  options.augment.noise_share = 1, options.augment.min_snr_db = options.augment.max_snr_db = 20;
  const TrainSound noisy = load(item);
  // Both are scaled to their own peak: the best scale between them is taken out first.
  double cross = 0, power = 0, residue = 0;
  for (std::size_t i = 0; i < tone.size(); ++i) {
    cross += static_cast<double>(clean.windows[i]) * noisy.windows[i];
    power += static_cast<double>(clean.windows[i]) * clean.windows[i];
  }
  const double scale = cross / power;
  for (std::size_t i = 0; i < tone.size(); ++i)
    residue += std::pow(noisy.windows[i] - scale * clean.windows[i], 2);
  EXPECT_NEAR(10 * std::log10(scale * scale * power / residue), 20, 0.3);

  options.augment = {};
  options.augment.max_shift_s = 1;
  const TrainSound shifted = load(item, 3);
  EXPECT_EQ(shifted.n_windows, 1);
  std::size_t first = 0;
  while (first < shifted.windows.size() && shifted.windows[first] == 0.0f) ++first;
  EXPECT_GT(first, 20u);
  EXPECT_LT(first, 16100u);
}

TEST_F(TrainSoundTest, SoundsThatCannotBeUsedAreToldNotReplaced) {
  TrainItem item = ramp(2, 1);
  item.audio = (scratch / "none.wav").string();
  EXPECT_EQ(load(item).problem, "audio_missing");
  EXPECT_NE(load(item).detail.find("none.wav"), std::string::npos);
  write_file_atomic(scratch / "text.wav", "no sound at all");
  item.audio = (scratch / "text.wav").string();
  EXPECT_EQ(load(item).problem, "audio_unreadable");
  EXPECT_NE(load(item).detail.find("text.wav"), std::string::npos);
  EXPECT_TRUE(load(item).windows.empty());
  // Silence is a sound.
  write_wav(scratch / "silence.wav", std::vector<float>(1600, 0.0f));
  item.audio = (scratch / "silence.wav").string();
  const TrainSound silence = load(item);
  EXPECT_EQ(silence.problem, "");
  EXPECT_EQ(silence.n_windows, 1);
}

TEST_F(TrainSoundTest, OptionsAreRefusedByKey) {
  SoundAugmentOptions augment;
  augment.noise_share = 1.5;
  test::refused(ErrorKind::kUser, {"stage.augment.noise_share"}, [&] { augment.check("stage.augment"); });
}

}  // namespace
}  // namespace af2
