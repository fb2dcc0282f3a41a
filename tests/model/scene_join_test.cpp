// Scenes joined from stretches of others: whole events, where they then sound, and the copied maps.
#include "af2/train/scene_join.h"

#include <gtest/gtest.h>

#include "../base/data_tone_bank.h"
#include "af2/data/captions.h"

namespace af2 {
namespace {

constexpr double kHop_s = 10.0 / 128;

Scene scene_of(std::vector<std::tuple<int, double, double>> events, double seconds) {
  Scene scene;
  scene.seconds = seconds;
  for (const auto& [label, onset, offset] : events) {
    SceneEvent event;
    event.label = label, event.onset_s = onset, event.offset_s = offset;
    scene.events.push_back(event);
  }
  return scene;
}

TEST(SceneJoin, PiecesHoldWholeEventsAndEndWhereNoneSounds) {
  const Scene scene = scene_of({{1, 0.2, 1.0}, {2, 0.8, 2.0}, {3, 2.3, 3.0}, {4, 6.0, 7.9}}, 8);
  const std::vector<ScenePiece> pieces = pieces_of(scene, kHop_s);
  ASSERT_EQ(pieces.size(), 3U);
  EXPECT_EQ(pieces[0].events, (std::vector{0, 1}));  // they overlap
  EXPECT_EQ(pieces[1].events, (std::vector{2}));
  EXPECT_EQ(pieces[2].events, (std::vector{3}));
  EXPECT_EQ(pieces[0].first_step, 0);
  for (const ScenePiece& piece : pieces) {
    const double from = piece.from_s(), to = from + piece.seconds();
    EXPECT_GE(from, 0);
    EXPECT_LE(to, scene.seconds + 1e-9);
    for (std::size_t i = 0; i < scene.events.size(); ++i) {
      const SceneEvent& event = scene.events[i];
      if (std::count(piece.events.begin(), piece.events.end(), static_cast<int>(i)) > 0) {
        EXPECT_LE(from, event.onset_s);
        EXPECT_GE(to, event.offset_s - kHop_s);  // the last step may be cut at the scene's end
      } else {
        EXPECT_TRUE(to <= event.onset_s || from >= event.offset_s) << i;
      }
    }
  }
  EXPECT_NEAR(pieces[2].from_s(), 5.5, kHop_s);  // half a second of background, not all of it
  EXPECT_TRUE(pieces_of(scene_of({}, 4), kHop_s).empty());
  EXPECT_EQ(pieces_of(scene_of({{1, 0.2, 1.0}, {2, 1.1, 2.0}}, 3), kHop_s).size(), 1U);  // too near
}

TEST(SceneJoin, GapsHoldNoEvent) {
  const Scene scene = scene_of({{1, 1.0, 2.0}, {2, 2.5, 3.0}, {3, 5.0, 6.0}}, 8);
  const std::vector<ScenePiece> gaps = gaps_of(scene, kHop_s);
  ASSERT_EQ(gaps.size(), 3U);  // 2.0..2.5 is too short
  for (const ScenePiece& gap : gaps)
    for (const SceneEvent& event : scene.events)
      EXPECT_TRUE(gap.from_s() >= event.offset_s + 0.24 ||
                  gap.from_s() + gap.seconds() <= event.onset_s - 0.24);
  EXPECT_TRUE(gaps_of(scene_of({{1, 0.1, 2.9}}, 3), kHop_s).empty());
  EXPECT_EQ(gaps_of(scene_of({}, 3), kHop_s).size(), 1U);
}

TEST(SceneJoin, EventsSoundWhereTheirPieceStands) {
  const Scene a = scene_of({{1, 0.5, 1.0}, {2, 3.0, 4.0}}, 6), b = scene_of({{3, 1.0, 2.0}}, 4);
  const auto of_a = pieces_of(a, kHop_s), of_b = pieces_of(b, kHop_s);
  ASSERT_EQ(of_a.size(), 2U);
  const Scene joined = join_scenes({{&a, of_a[1]}, {&b, of_b[0]}, {&a, of_a[0]}});
  ASSERT_EQ(joined.events.size(), 3U);
  EXPECT_EQ(joined.labels(), (std::vector{2, 3, 1}));
  EXPECT_NEAR(joined.seconds, of_a[0].seconds() + of_a[1].seconds() + of_b[0].seconds(), 1e-9);
  EXPECT_NEAR(joined.events[0].onset_s, 3.0 - of_a[1].from_s(), 1e-9);
  EXPECT_NEAR(joined.events[1].onset_s, of_a[1].seconds() + 1.0 - of_b[0].from_s(), 1e-9);
  EXPECT_NEAR(joined.events[1].offset_s - joined.events[1].onset_s, 1.0, 1e-9);
  for (std::size_t i = 0; i + 1 < joined.events.size(); ++i)
    EXPECT_LT(joined.events[i].offset_s, joined.events[i + 1].onset_s);
}

TEST(SceneJoin, CaptionsOfJoinedScenesAreTrueOfThem) {
  const SoundBank bank = test::tone_bank();
  const CaptionWriter writer(bank);
  const Scene a = scene_of({{1, 0.5, 1.0}}, 3), b = scene_of({{4, 1.0, 2.0}}, 4);
  const auto of_a = pieces_of(a, kHop_s), of_b = pieces_of(b, kHop_s);
  const Scene ab = join_scenes({{&a, of_a[0]}, {&b, of_b[0]}}),
              ba = join_scenes({{&b, of_b[0]}, {&a, of_a[0]}});
  Random rng("test/join");
  const ClapTexts texts = writer.texts(ab, rng, {});
  ASSERT_FALSE(texts.captions.empty());
  for (const std::string& caption : texts.captions) {
    const auto claim = writer.read_caption(caption);
    ASSERT_TRUE(claim) << caption;
    EXPECT_EQ(writer.truth_of(*claim, ab), Truth::kTrue) << caption;
    if (!claim->relations.empty() && claim->relations[0].kind == SoundRelation::kThen) {
      EXPECT_EQ(writer.truth_of(*claim, ba), Truth::kFalse) << caption;
    }
  }
}

TEST(SceneJoin, TwoAmbiencesDoNotMeet) {
  Scene rain = scene_of({{1, 0.5, 1.0}}, 3);
  rain.background_label = 7;
  Scene wind = rain;
  wind.background_label = 8;
  EXPECT_TRUE(may_follow(-1, rain));
  EXPECT_TRUE(may_follow(7, rain));
  EXPECT_FALSE(may_follow(7, wind));
  EXPECT_EQ(join_scenes({{&rain, pieces_of(rain, kHop_s)[0]}}).background_label, 7);
}

}  // namespace
}  // namespace af2
