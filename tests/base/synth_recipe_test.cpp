// Recipes: each one inside the program makes scenes whose story, relations and captions fit their events;
// chains; what is refused.
#include "af2/synth/recipe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cctype>
#include <set>

#include "../scratch.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/synth/scene_record.h"
#include "synth_tones.h"

#ifdef AF2_WITH_YAML

namespace af2 {
namespace {

class SynthRecipe : public test::MeasuredTest {};
using ::testing::HasSubstr;

// Every label that a recipe names: two short tones, or 2.5 s of noise where it is a background.
const SoundLibrary& recipe_library() {
  static const SoundBank bank = [] {
    std::set<std::string> events, backgrounds;
    for (const auto& [name, recipe] : all_recipes()) {
      backgrounds.insert(recipe.scene.background.labels.begin(), recipe.scene.background.labels.end());
      for (const auto* list : {&recipe.scene.events, &recipe.scattered})
        for (const EventSpec& e : *list) events.insert(e.labels.begin(), e.labels.end());
    }
    events.insert(backgrounds.begin(), backgrounds.end());
    std::vector<LabelInfo> labels;
    std::vector<Recording> recordings;
    std::vector<std::vector<std::int16_t>> samples;
    for (const std::string& name : events) {
      labels.push_back({name, "a " + name + " sounding", "a " + name, "a " + name + " sounds", {}, "thing"});
      for (int k = 0; k < 2; ++k) {
        Recording r;
        r.label = static_cast<int>(labels.size()) - 1;
        r.group = name + std::to_string(k), r.id = r.group + "-take";
        r.licence = k == 0 ? "CC0" : "CC-BY", r.author = "Ann", r.package = "pack";
        samples.push_back(test::tone(backgrounds.contains(name) ? "rain" : name, 5 + k, 0));
        if (backgrounds.contains(name)) samples.back().resize(40000);
        r.seconds = static_cast<double>(samples.back().size()) / kBankRateHz;
        recordings.push_back(r);
      }
    }
    return SoundBank::from_memory(labels, recordings, samples);
  }();
  static const std::unique_ptr<SoundLibrary> library = [] {
    auto made = std::make_unique<SoundLibrary>(16000);
    made->add_bank(bank);
    return made;
  }();
  return *library;
}

void good_sentence(const std::string& text, const std::string& where) {
  ASSERT_FALSE(text.empty()) << where;
  EXPECT_FALSE(std::islower(static_cast<unsigned char>(text[0]))) << where << ": " << text;
  EXPECT_EQ(text.back(), '.') << where << ": " << text;
  EXPECT_EQ(text.find('{'), std::string::npos) << where << ": " << text;
  EXPECT_EQ(text.find("  "), std::string::npos) << where << ": " << text;
}

// The story fits the events.
void check_record(const ScenePlan& plan, const Recipe& recipe) {
  const std::string& where = recipe.name;
  Record record = record_of(plan, recipe_library(), "id", "audio.wav");
  EXPECT_TRUE(record.all_labelled);
  EXPECT_EQ(record.story.recipe, recipe.name);
  good_sentence(record.story.plot, where);
  ASSERT_FALSE(record.captions.empty()) << where;
  for (const RecordText& caption : record.captions) {
    good_sentence(caption.text, where);
    EXPECT_EQ(caption.origin, "recipe");
  }
  EXPECT_EQ(record.attribution, "Ann");
  EXPECT_EQ(record.source, "pack");
  std::set<std::string> licences;
  for (const RecordEvent& e : record.events) {
    licences.insert(e.recording.ends_with("0-take") ? "CC0" : "CC-BY");
    EXPECT_NE(record.group.find(e.recording.substr(0, e.recording.size() - 5)), std::string::npos);
    EXPECT_TRUE(e.purpose.empty() || e.purpose.starts_with("to ")) << where << ": " << e.purpose;
    EXPECT_EQ(e.maker.find('{'), std::string::npos);
  }
  EXPECT_EQ(record.licence, licences.size() == 2 ? "CC-BY AND CC0" : *licences.begin()) << where;
  for (const RecordRelation& r : record.story.relations) {
    ASSERT_TRUE(r.first >= 0 && r.first < static_cast<int>(record.events.size())) << where;
    ASSERT_TRUE(r.second >= 0 && r.second < static_cast<int>(record.events.size())) << where;
    const RecordEvent &first = record.events[static_cast<std::size_t>(r.first)],
                      &second = record.events[static_cast<std::size_t>(r.second)];
    EXPECT_NE(r.first, r.second);
    EXPECT_EQ(first.role, "");
    EXPECT_EQ(second.role, "");
    // What causes comes first, what stops or interrupts comes later.
    EXPECT_TRUE(r.kind != "causes" || first.onset <= second.onset) << where << ": " << r.text;
    EXPECT_TRUE((r.kind != "stops" && r.kind != "interrupts") || first.onset >= second.onset)
        << where << ": " << r.text;
    EXPECT_FALSE(r.text.empty() || r.text.ends_with(".")) << r.text;
  }
  // It survives being written and read, and nothing in it is untidy.
  const std::string line = record_line(record);
  Record back = record_from_json(parse_json(line, where), where);
  RecordCounts counts;
  tidy(back, where, counts);
  EXPECT_TRUE(counts.dropped.empty()) << where;
  EXPECT_EQ(record_line(back), line);
}

TEST_F(SynthRecipe, ThereAreManyAndEachRenders) {
  int places = 0, chains = 0;
  for (const auto& [name, recipe] : all_recipes()) {
    if (recipe.is_long()) {
      ++chains;
      continue;
    }
    ++places;
    EXPECT_EQ(what_lacks(recipe_library(), Split::kTrain, recipe), "") << name;
    for (int seed = 0; seed < 3; ++seed) {
      Random rng("af2/test/recipe/" + name + std::to_string(seed));
      const ScenePlan plan = plan_recipe(recipe_library(), Split::kTrain, recipe, {}, rng);
      check_record(plan, recipe);
      EXPECT_FALSE(plan.story.place.empty() || plan.story.mood.empty()) << name;
      if (seed > 0) continue;
      const std::vector<float> sound = render_whole(recipe_library(), plan);
      EXPECT_EQ(static_cast<std::int64_t>(sound.size()), plan.length);
      EXPECT_LE(peak(sound), 1.0f) << name;
      EXPECT_GT(peak(sound), 0.01f) << name;
    }
  }
  EXPECT_GE(places, 40);
  EXPECT_GE(chains, 8);
}

TEST_F(SynthRecipe, ChainsHaveParts) {
  for (const auto& [name, recipe] : all_recipes()) {
    if (!recipe.is_long()) continue;
    Random rng("af2/test/chain/" + name);
    const ScenePlan plan = plan_recipe(recipe_library(), Split::kTrain, recipe, {}, rng);
    check_record(plan, recipe);
    const auto& parts = plan.story.parts;
    ASSERT_GE(parts.size(), 2u) << name;
    EXPECT_LE(parts.size(), 12u);
    EXPECT_EQ(parts.front().start, 0);
    EXPECT_NEAR(parts.back().end, plan.seconds(), 1e-9);
    ASSERT_EQ(plan.captions.size(), parts.size() + 1);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      good_sentence(parts[i].text, name);
      EXPECT_FALSE(parts[i].place.empty() || parts[i].mood.empty() || parts[i].name.empty());
      EXPECT_EQ(parts[i].start, i == 0 ? 0 : parts[i - 1].end);
      EXPECT_EQ(plan.captions[i + 1].start, parts[i].start);
      EXPECT_EQ(plan.captions[i + 1].end, parts[i].end);
    }
    EXPECT_GT(plan.seconds(), 20);
  }
}

TEST_F(SynthRecipe, ALongSceneIsTheSameInBlocksAndItsPartsLastAsAsked) {
  Random rng("af2/test/long");
  const ScenePlan plan = plan_recipe(recipe_library(), Split::kTrain, recipe_named("a_day_in_the_village"),
                                     {.channels = 2, .part_seconds = 60}, rng);
  EXPECT_GE(plan.seconds(), 4 * 60 - 3 * 3);
  for (const RecordPart& part : plan.story.parts) EXPECT_GE(part.end - part.start, 57);
  EXPECT_EQ(plan.channels, 2);
  EXPECT_EQ(test::render_stems(recipe_library(), plan, 4001).mix, render_whole(recipe_library(), plan));
}

TEST_F(SynthRecipe, TheSameNameGivesTheSameScene) {
  const auto line = [](const char* name) {
    Random rng(name);
    const ScenePlan plan =
        plan_recipe(recipe_library(), Split::kTrain, recipe_named("farm_morning"), {}, rng);
    return record_line(record_of(plan, recipe_library(), "id", "a.wav"));
  };
  EXPECT_EQ(line("one"), line("one"));
  EXPECT_NE(line("one"), line("two"));
}

TEST_F(SynthRecipe, WhatALibraryLacksIsNamed) {
  const SoundLibrary& tones = test::tone_library();
  EXPECT_THAT(what_lacks(tones, Split::kTrain, recipe_named("rescue_from_the_air")), HasSubstr("scream"));
  EXPECT_THAT(what_lacks(tones, Split::kTrain, recipe_named("night_out")), HasSubstr("a part"));
  Random rng("af2/test/lack");
  EXPECT_THROW(plan_recipe(tones, Split::kTrain, recipe_named("rescue_from_the_air"), {}, rng), Error);
  try {
    recipe_named("farm_mornin");
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("farm_morning"));
  }
}

TEST_F(SynthRecipe, OwnFilesAndWhatIsWrongInThem) {
  test::Scratch scratch;
  const auto read = [&](const std::string& text) {
    write_file_atomic(scratch.path() / "mine.yaml", text);
    return read_recipe(scratch.path() / "mine.yaml");
  };
  const std::string good =
      "place: [a room]\n"
      "scene:\n"
      "  background: {kinds: [pink]}\n"
      "  events:\n"
      "    - {name: bell, labels: [bell], repeats: 3}\n"
      "    - {name: dog, labels: [dog, owl], after: bell, chance: 0.5}\n"
      "relations:\n"
      "  - {kind: causes, first: bell, second: dog, text: \"{dog.short} is woken by the bell\"}\n"
      "captions: [\"{Bell.sentence} {bell.times}.\"]\n";
  const Recipe mine = read(good + "plot: [\"In {place}, {bell.short} sounds {bell.count} times.\"]\n");
  EXPECT_EQ(mine.name, "mine");
  int with_dog = 0;
  for (int seed = 0; seed < 20; ++seed) {
    Random rng("af2/test/own/" + std::to_string(seed));
    const ScenePlan plan = plan_recipe(test::tone_library(), Split::kTest, mine, {}, rng);
    EXPECT_EQ(plan.story.plot, "In a room, a bell sounds three times.");
    EXPECT_EQ(plan.captions[0].text, "A bell sounds three times.");
    // The relation goes with its event.
    EXPECT_EQ(plan.story.relations.size(), plan.events.size() - 3);
    if (plan.events.size() == 3) continue;
    ++with_dog;
    EXPECT_EQ(plan.story.relations[0].first, 2);  // the last stroke
    EXPECT_EQ(plan.story.relations[0].second, 3);
    EXPECT_EQ(plan.story.relations[0].text, "a " + plan.events[3].label + " is woken by the bell");
  }
  EXPECT_TRUE(with_dog > 0 && with_dog < 20);
  const auto refused = [&](const std::string& text, const std::string& word) {
    try {
      read(text);
      ADD_FAILURE() << "not refused: " << word;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUser);
      EXPECT_THAT(error.what(), ::testing::AllOf(HasSubstr(word), HasSubstr("mine.yaml")));
    }
  };
  refused(good, "needs a plot");
  refused(good + "plot: [\"{cat.short} is there.\"]\n", "unknown slot {cat.short}");
  refused(good + "plot: [\"{bell.colour} is there.\"]\n", "unknown slot");
  refused(good + "plot: [\"{dog.short} is there.\"]\n", "may be missing");
  refused(good + "plot: [\"It is {time}.\"]\n", "no time");
  refused(good + "plot: [\"{background.short} is there.\"]\n", "may be noise");
  refused(good + "plot: [\"{bell.short is there.\"]\n", "no end");
  refused(good + "plot: [a]\nmoods: [sad]\n", "unknown key");
  refused("place: [x]\nplot: [a]\ncaptions: [b]\nrelations: [{kind: loves, first: a, second: b, text: c}]\n",
          "unknown relation");
  refused("place: [x]\nplot: [a]\ncaptions: [b]\nscattered: [{labels: [dog]}]\n", "every");
  refused("plot: [a]\ncaptions: [b]\nchain: {parts: [[farm_morning], [nowhere]]}\n", "nowhere");
  refused("plot: [a]\ncaptions: [b]\nchain: {parts: [[farm_morning]]}\n", "at least two");
}

}  // namespace
}  // namespace af2

#endif
