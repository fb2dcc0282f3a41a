// data: envelopes, noise, scenes with exact labels, labels per time step.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <map>
#include <set>

#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/data/envelope.h"
#include "af2/data/scene.h"
#include "data_tone_bank.h"

namespace af2 {
namespace {

Scene scene_at(int index, const SceneOptions& options, const char* split = "train") {
  Random rng("af2/scene/1/7/" + std::string(split) + "/" + std::to_string(index));
  return make_scene(test::shared_tone_bank(), split_from_name(split), rng, options);
}

TEST(Envelope, FindsTheAudiblePart) {
  std::vector<float> x(16000, 0.0f);
  for (std::size_t i = 4000; i < 9000; ++i) x[i] = 0.5f * std::sin(0.3f * static_cast<float>(i));
  const SampleSpan span = audible_span(x);
  EXPECT_NEAR(static_cast<double>(span.begin), 4000, 40);
  EXPECT_NEAR(static_cast<double>(span.end), 9000, 40);
  EXPECT_NEAR(active_level_db(x), 20 * std::log10(0.5 / std::sqrt(2)), 0.2);
  EXPECT_EQ(count_bursts(x), 1);
  EXPECT_EQ(audible_span(std::vector<float>(1000, 0.0f)).size(), 0u);
  EXPECT_EQ(audible_span({}).size(), 0u);
  EXPECT_EQ(count_bursts({}), 0);
}

TEST(Envelope, IgnoresAQuietNoiseFloor) {
  Random rng("af2/test/floor");
  std::vector<float> x = coloured_noise(32000, 0, kBankRateHz, rng);
  scale(x, static_cast<float>(from_db(-50)));
  for (std::size_t i = 10000; i < 14000; ++i) x[i] += 0.5f * std::sin(0.3f * static_cast<float>(i));
  const SampleSpan span = audible_span(x);
  EXPECT_NEAR(static_cast<double>(span.begin), 10000, 160);
  EXPECT_NEAR(static_cast<double>(span.end), 14000, 160);
}

TEST(Envelope, CountsBursts) {
  for (int k = 1; k <= 5; ++k) {
    std::vector<float> x;
    for (int i = 0; i < k; ++i) {
      for (int j = 0; j < 2400; ++j) x.push_back(0.3f * std::sin(0.2f * static_cast<float>(j)));
      x.insert(x.end(), 2400, 0.0f);
    }
    EXPECT_EQ(count_bursts(x), k);
  }
}

TEST(Scene, IsAFunctionOfItsName) {
  for (int k = 0; k < 20; ++k) {
    const Scene a = scene_at(k, {}), b = scene_at(k, {}), other = scene_at(k + 100, {});
    EXPECT_EQ(a.samples, b.samples);
    EXPECT_EQ(a.background, b.background);
    EXPECT_NE(a.samples, other.samples);
  }
}

TEST(Scene, StemsShowEachEventWithinTenMilliseconds) {
  SceneOptions options;
  options.stems = true;
  std::map<std::string, int> backgrounds;
  std::set<std::size_t> sizes;
  int overlaps = 0, events = 0;
  for (int k = 0; k < 300; ++k) {
    const Scene scene = scene_at(k, options);
    ASSERT_GE(scene.seconds, 2.0 - 1e-3);
    ASSERT_LE(scene.seconds, 10.0 + 1e-3);
    ASSERT_EQ(scene.stems.size(), scene.events.size());
    ++backgrounds[scene.background_label >= 0 ? "ambience" : scene.background];
    sizes.insert(scene.labels().size());
    double last_onset = -1;
    for (std::size_t i = 0; i < scene.events.size(); ++i) {
      const SceneEvent& e = scene.events[i];
      ++events;
      const SampleSpan found = audible_span(scene.stems[i]);
      EXPECT_NEAR(e.onset_s, static_cast<double>(found.begin) / kBankRateHz, 0.010) << e.recording_id;
      EXPECT_NEAR(e.offset_s, static_cast<double>(found.end) / kBankRateHz, 0.010) << e.recording_id;
      EXPECT_GE(e.onset_s, last_onset);
      EXPECT_LE(e.offset_s, scene.seconds + 1e-9);
      if (i > 0 && e.onset_s < scene.events[i - 1].offset_s) ++overlaps;
      last_onset = e.onset_s;
      // The written SNR is that of stem over background in the event's span.
      std::vector<float> rest = scene.samples;
      for (const auto& stem : scene.stems)
        for (std::size_t j = 0; j < rest.size(); ++j) rest[j] -= stem[j];
      const auto part = std::span(rest).subspan(found.begin, found.size());
      if (scene.background == "white" && found.size() > 3200) {
        EXPECT_NEAR(
            active_level_db(std::span(scene.stems[i]).subspan(found.begin, found.size())) - rms_db(part),
            e.snr_db, 1.0);
        EXPECT_GE(e.snr_db, options.min_snr_db);
        EXPECT_LE(e.snr_db, options.max_snr_db);
      }
    }
    float peak = 0;
    for (const float x : scene.samples) peak = std::max(peak, std::abs(x));
    EXPECT_LE(peak, 0.981f);
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{1, 2, 3, 4}));
  EXPECT_GE(overlaps, 10);
  EXPECT_GT(events, 600);
  for (const char* kind : {"silence", "white", "pink", "brown", "ambience"})
    EXPECT_GT(backgrounds[kind], 10) << kind;
}

TEST(Scene, LabelsOfASceneAreDistinctAndNeverConfusable) {
  EXPECT_TRUE(test::shared_tone_bank().confusable(test::shared_tone_bank().label_id("cat"),
                                                  test::shared_tone_bank().label_id("lion")));
  EXPECT_FALSE(test::shared_tone_bank().confusable(test::shared_tone_bank().label_id("cat"),
                                                   test::shared_tone_bank().label_id("dog")));
  for (int k = 0; k < 400; ++k) {
    const Scene scene = scene_at(k, {});
    const std::vector<int> labels = scene.labels();
    for (std::size_t i = 0; i < labels.size(); ++i) {
      for (std::size_t j = 0; j < i; ++j)
        EXPECT_FALSE(test::shared_tone_bank().confusable(labels[i], labels[j]));
      if (scene.background_label >= 0) {
        EXPECT_FALSE(test::shared_tone_bank().confusable(labels[i], scene.background_label));
      }
    }
  }
}

TEST(Scene, RepeatsKeepTheirGapsAndSplit) {
  SceneOptions options;
  options.min_seconds = 4;
  options.countable = true;
  options.max_event_seconds = 0.7;
  options.overlap = 0;
  options.repeat_chance = 0;
  options.max_events = 1;
  for (int k = 1; k <= 5; ++k) {
    for (int i = 0; i < 40; ++i) {
      options.repeats = k;
      const Scene scene = scene_at(100 * k + i, options, "test");
      ASSERT_EQ(static_cast<int>(scene.events.size()), k);
      for (int j = 0; j < k; ++j) {
        EXPECT_EQ(scene.events[j].repeat_index, j);
        EXPECT_NE(scene.events[j].recording_id.find("-test-"), std::string::npos);
        EXPECT_LE(scene.events[j].offset_s - scene.events[j].onset_s, 0.7 + 1e-3);
        if (j > 0) {
          EXPECT_GE(scene.events[j].onset_s - scene.events[j - 1].offset_s, 0.15 - 1e-4);
        }
      }
    }
  }
}

TEST(Scene, ImpossibleOptionsAreErrors) {
  SceneOptions options;
  options.min_seconds = options.max_seconds = 2;
  options.min_gap_s = 1;
  options.repeats = 5;
  EXPECT_THROW(scene_at(0, options), Error);
  options = {};
  options.min_seconds = 11;
  EXPECT_THROW(scene_at(0, options), Error);
  options = {};
  options.labels = {test::shared_tone_bank().label_id("dog")};
  options.min_events = 2;
  EXPECT_THROW(scene_at(0, options), Error);
  options = {};
  options.first_label = test::shared_tone_bank().label_id("clock");  // three ticks: not countable
  options.countable = true;
  EXPECT_THROW(scene_at(0, options), Error);
}

TEST(FrameLabels, SharesFollowTheEvents) {
  for (int k = 0; k < 200; ++k) {
    const Scene scene = scene_at(k, {});
    const FrameLabels labels = frame_labels(scene);
    ASSERT_EQ(labels.steps.size(), 32u);
    for (std::size_t step = 0; step < 32; ++step) {
      const double begin = static_cast<double>(step) * 0.3125, end = begin + 0.3125;
      double total = labels.background[step];
      for (const LabelShare& share : labels.steps[step]) {
        total += share.share;
        EXPECT_GT(share.share, 0);
        bool sounds = false;
        for (const SceneEvent& e : scene.events)
          sounds |= e.label == share.label && e.onset_s < end + 0.0063 && e.offset_s > begin - 0.0063;
        EXPECT_TRUE(sounds);
      }
      EXPECT_NEAR(total, 1, 1e-5);
      if (begin > scene.seconds) {
        EXPECT_TRUE(labels.steps[step].empty());
      }
    }
    for (const SceneEvent& e : scene.events) {  // each event shows in the step that holds its onset
      const auto step = static_cast<std::size_t>((e.onset_s + 0.02) / 0.3125);
      if (step >= 32 || scene.events.size() > 1) continue;
      ASSERT_FALSE(labels.steps[step].empty());
      EXPECT_EQ(labels.steps[step][0].label, e.label);
    }
  }
}

TEST(Scene, AugmentationKeepsOnsetsAndLengths) {
  SceneOptions options;
  options.stems = true;
  options.augment_events = options.augment_whole = 1;
  for (int k = 0; k < 60; ++k) {
    const Scene scene = scene_at(k, options);
    EXPECT_EQ(scene.samples, scene_at(k, options).samples);
    for (std::size_t i = 0; i < scene.events.size(); ++i) {
      ASSERT_EQ(scene.stems[i].size(), scene.samples.size());
      const SampleSpan found = audible_span(scene.stems[i]);
      EXPECT_NEAR(scene.events[i].onset_s, static_cast<double>(found.begin) / kBankRateHz, 0.010);
      EXPECT_NEAR(scene.events[i].offset_s, static_cast<double>(found.end) / kBankRateHz, 0.010);
    }
    EXPECT_LE(peak(scene.samples), 0.981f);
  }
}

TEST(Scene, CostsLittle) {
  scene_at(0, {});
  const auto begin = std::chrono::steady_clock::now();
  for (int k = 0; k < 100; ++k) scene_at(k, {});
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - begin;
  RecordProperty("ms_per_scene", std::to_string(taken.count() * 10));
  EXPECT_LT(taken.count() / 100,
            0.1);  // 10 ms when alone; the bound allows for sanitizers and a busy machine
}

}  // namespace
}  // namespace af2
