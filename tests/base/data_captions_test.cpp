#include "af2/data/captions.h"

#include <gtest/gtest.h>

#include <set>

#include "data_tone_bank.h"

namespace af2 {
namespace {

using test::shared_tone_bank;

// Events of labels by name: {name, onset, offset}.
struct Sounding {
  const char* label;
  double onset, offset;
};

Scene scene_of(const std::vector<Sounding>& sounds) {
  const SoundBank& bank = shared_tone_bank();
  Scene scene;
  scene.seconds = 10;
  for (const Sounding& sound : sounds) {
    SceneEvent event;
    event.label = bank.label_id(sound.label);
    event.recording_id = bank.recordings()[bank.recordings(Split::kTrain, event.label)[0]].id;
    event.onset_s = sound.onset, event.offset_s = sound.offset;
    scene.events.push_back(event);
  }
  for (int label = 0; label < static_cast<int>(bank.labels().size()); ++label)
    if (!scene.has_label(label)) scene.pool.push_back(label);
  return scene;
}

class Captions : public ::testing::Test {
 protected:
  Truth truth(const char* text, const Scene& scene) const {
    const auto claim = writer_.read_caption(text);
    EXPECT_TRUE(claim.has_value()) << text;
    return claim ? writer_.truth_of(*claim, scene) : Truth::kUnclear;
  }
  CaptionWriter writer_{shared_tone_bank()};
};

TEST_F(Captions, AreReadAsTheyClaim) {
  const SoundBank& bank = shared_tone_bank();
  const auto claim =
      writer_.read_caption("A dog sounding twice, then the sound of a bell that comes after a cow.");
  ASSERT_TRUE(claim.has_value());
  ASSERT_EQ(claim->parts.size(), 3u);
  EXPECT_EQ(claim->parts[0], (CaptionClaim::Part{bank.label_id("dog"), 2}));
  EXPECT_EQ(claim->parts[1], (CaptionClaim::Part{bank.label_id("bell"), 0}));
  EXPECT_EQ(claim->relations[0], (CaptionClaim::Relation{SoundRelation::kThen, 0, 1}));
  EXPECT_EQ(claim->relations[1], (CaptionClaim::Relation{SoundRelation::kThen, 2, 1}));
  for (const char* text : {"", "a dog", "a dog sounding near a bell", "a dog sounding and", "something else",
                           "a dog sounding a bell sounding"})
    EXPECT_EQ(writer_.read_caption(text).has_value(), std::string_view(text) == "a dog") << text;
}

TEST_F(Captions, TruthFollowsFromTheLabels) {
  const Scene in_turn = scene_of({{"dog", 1, 2}, {"bell", 3, 4}});
  EXPECT_EQ(truth("a dog sounding followed by a bell sounding", in_turn), Truth::kTrue);
  EXPECT_EQ(truth("a bell sounding after a dog sounding", in_turn), Truth::kTrue);
  EXPECT_EQ(truth("a bell sounding and a dog sounding", in_turn), Truth::kTrue);
  EXPECT_EQ(truth("a bell sounding followed by a dog sounding", in_turn), Truth::kFalse);
  EXPECT_EQ(truth("a dog sounding after a bell sounding", in_turn), Truth::kFalse);
  EXPECT_EQ(truth("a dog sounds while a bell sounds", in_turn), Truth::kFalse);
  EXPECT_EQ(truth("a cow sounding", in_turn), Truth::kFalse);
  const Scene at_once = scene_of({{"dog", 1, 3}, {"bell", 1.5, 3}});
  EXPECT_EQ(truth("a dog sounding together with a bell sounding", at_once), Truth::kTrue);
  EXPECT_EQ(truth("a dog sounding before a bell sounding", at_once), Truth::kFalse);
  // A little overlap: neither clearly one after the other nor clearly at once.
  const Scene between = scene_of({{"dog", 1, 3}, {"bell", 2.7, 5}});
  EXPECT_EQ(truth("a dog sounding before a bell sounding", between), Truth::kUnclear);
  EXPECT_EQ(truth("a dog sounding together with a bell sounding", between), Truth::kUnclear);
  // "feline" may be either: a lion is not clearly absent where a cat sounds.
  EXPECT_EQ(truth("a lion sounding", scene_of({{"cat", 1, 2}})), Truth::kUnclear);
  Scene rainy = scene_of({{"dog", 1, 2}});
  rainy.background_label = shared_tone_bank().label_id("rain");
  EXPECT_EQ(truth("a rain sounding", rainy), Truth::kTrue);
}

TEST_F(Captions, CountsCountWhereBurstsCanBeCounted) {
  const Scene twice = scene_of({{"dog", 1, 2}, {"dog", 4, 5}, {"bell", 6, 7}});
  EXPECT_EQ(truth("a dog sounding twice", twice), Truth::kTrue);
  EXPECT_EQ(truth("a dog sounding three times", twice), Truth::kFalse);
  EXPECT_EQ(truth("a bell sounding twice", twice), Truth::kFalse);
  const Scene ticking = scene_of({{"clock", 1, 2}, {"clock", 4, 5}});
  EXPECT_EQ(truth("a clock sounding three times", ticking), Truth::kUnclear);
  EXPECT_EQ(writer_.claim_of(twice).parts[0].count, 2);
  EXPECT_EQ(writer_.claim_of(ticking).parts[0].count, 0);
}

TEST_F(Captions, EveryTextOfManyScenesIsWhatItShouldBe) {
  const SoundBank& bank = shared_tone_bank();
  SceneOptions options;
  options.max_events = 3;
  options.overlap = 0.4, options.repeat_chance = 0.3, options.countable = true;
  std::map<std::string, int> kinds;
  std::set<std::string> training, held_out;
  int captions = 0;
  for (int k = 0; k < 200; ++k) {
    Random rng("af2/test/captions/" + std::to_string(k));
    const Scene scene = make_scene(bank, Split::kTrain, rng, options);
    for (const bool test_words : {false, true}) {
      CaptionOptions wanted;
      wanted.held_out = test_words;
      const ClapTexts texts = writer_.texts(scene, rng, wanted);
      ASSERT_FALSE(texts.captions.empty());
      ASSERT_EQ(texts.captions.size(), texts.negatives.size());
      const std::set<std::string> different(texts.captions.begin(), texts.captions.end());
      EXPECT_EQ(different.size(), texts.captions.size());
      for (std::size_t i = 0; i < texts.captions.size(); ++i) {
        ++captions;
        EXPECT_EQ(truth(texts.captions[i].c_str(), scene), Truth::kTrue) << texts.captions[i];
        EXPECT_LE(texts.negatives[i].size(), 3u);
        EXPECT_GE(texts.negatives[i].size(), 1u) << texts.captions[i];
        for (const ClapNegative& negative : texts.negatives[i]) {
          ++kinds[negative.kind];
          EXPECT_EQ(truth(negative.text.c_str(), scene), Truth::kFalse) << negative.text;
          EXPECT_FALSE(different.contains(negative.text));
        }
        (test_words ? held_out : training).insert(texts.captions[i]);
      }
    }
  }
  EXPECT_GT(captions, 800);
  for (const char* kind : {"order", "relation", "count", "source"}) EXPECT_GT(kinds[kind], 50) << kind;
  for (const auto& text : training) {
    EXPECT_EQ(text.find("simultaneously"), std::string::npos);
    EXPECT_EQ(text.find("that comes after"), std::string::npos);
  }
  EXPECT_TRUE(std::any_of(held_out.begin(), held_out.end(), [](const auto& text) {
    return text.find("that comes after") != std::string::npos;
  }));
}

TEST_F(Captions, AreAFunctionOfTheGenerator) {
  const Scene scene = scene_of({{"dog", 1, 2}, {"bell", 3, 4}, {"cow", 5, 6}});
  Random a("af2/test/1"), b("af2/test/1"), c("af2/test/2");
  const ClapTexts first = writer_.texts(scene, a, {}), again = writer_.texts(scene, b, {});
  EXPECT_EQ(first.captions, again.captions);
  EXPECT_NE(first.captions, writer_.texts(scene, c, {}).captions);
}

}  // namespace
}  // namespace af2
