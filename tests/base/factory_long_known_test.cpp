// Long categories on a scene written by hand, whose answers are known; margins; re-checks that refuse.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "af2/core/error.h"
#include "af2/factory/rules/recheck.h"
#include "af2/text/timed_answers.h"
#include "factory_long_testing.h"

namespace af2 {
namespace {

using long_test::item_of;
using long_test::words;

// A harbour, a farm and a churchyard, forty seconds each.
Record known() {
  Record record;
  record.id = "known", record.audio = "known.flac", record.duration = 120, record.all_labelled = true;
  const auto part = [&](const char* name, const char* place, const char* mood, const char* text,
                        double start) {
    RecordPart made;
    made.name = name, made.place = place, made.mood = mood, made.text = text;
    made.start = start, made.end = start + 40;
    record.story.parts.push_back(made);
  };
  part("harbour", "a harbour", "calm", "A ship comes in.", 0);
  part("farm", "a farm", "cheerful", "A farmer feeds the animals.", 40);
  part("churchyard", "the churchyard", "sad", "Mourners say goodbye.", 80);
  record.story.recipe = "home", record.story.plot = "A sailor comes home too late.";
  const auto event = [&](const char* label, double onset, double offset, const char* role = "") {
    record.events.push_back({label, onset, offset, role});
  };
  event("ocean waves", 0, 40, "background");
  event("seagull", 5, 6), event("seagull", 8, 9), event("seagull", 20, 21);
  event("ship horn", 30, 33);
  event("wind", 40, 120, "background");
  event("cow", 45, 47);
  event("rooster", 55, 57), event("cow", 60, 62), event("pig", 66, 68), event("cow", 69, 71);
  event("church bell", 90, 96), event("organ", 94, 104);
  event("footsteps", 110, 113);
  std::stable_sort(record.events.begin(), record.events.end(),
                   [](const RecordEvent& a, const RecordEvent& b) { return a.onset < b.onset; });
  // The ship's horn makes the rooster crow.
  const auto place = [&](const char* label) {
    for (std::size_t i = 0; i < record.events.size(); ++i)
      if (record.events[i].label == label) return static_cast<int>(i);
    return -1;
  };
  record.story.relations = {{"causes", place("ship horn"), place("rooster"), "The horn wakes the rooster."}};
  return record;
}

// What a type finds over many draws, as "slot texts -> answer".
std::set<std::string> answers_known(const Record& record, const char* skill, const char* name) {
  std::set<std::string> found;
  static const Margins margins;
  for (int i = 0; i < 300; ++i) {
    Random rng("af2/test/long/known/" + std::to_string(i));
    const RuleContext context{record, words(), margins, rng};
    const auto finding = rule_type(skill, name, true).find(context);
    if (!finding) continue;
    std::string text = finding->variant.empty() ? "" : finding->variant + " ";
    for (const char* slot : {"a", "b", "x", "place", "mood"})
      if (const auto its = finding->slots.find(slot); its != finding->slots.end()) text += its->second + " ";
    found.insert(text + "-> " + finding->answer);
  }
  return found;
}

using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Not;

TEST(FactoryLongKnown, PlotFollowsTheRecipe) {
  const Record record = known();
  EXPECT_THAT(answers_known(record, "plot", "mood"),
              ElementsAre("course -> from calm to cheerful and then to sad"));
  EXPECT_THAT(answers_known(record, "plot", "mood_place"),
              ElementsAre("calm -> a harbour", "cheerful -> a farm", "sad -> the churchyard"));
  EXPECT_THAT(answers_known(record, "plot", "cause"),
              ElementsAre("a rooster crowing -> a ship's horn sounding"));
  EXPECT_THAT(answers_known(record, "plot", "effect"),
              ElementsAre("a ship's horn sounding -> a rooster crowing"));
  EXPECT_THAT(answers_known(record, "plot", "summary"), ElementsAre("-> A sailor comes home too late."));
  EXPECT_THAT(answers_known(record, "plot", "storyline"),
              Contains("-> First a ship comes in, and then mourners say goodbye."));
  EXPECT_THAT(answers_known(record, "captioning", "places"),
              Contains("-> A listener is taken from a harbour through a farm to the churchyard."));
}

TEST(FactoryLongKnown, NeedlesHaveOneAnswer) {
  const Record record = known();
  const auto beside = answers_known(record, "needle", "neighbour");
  EXPECT_THAT(beside, Contains("after a ship's horn sounding -> a cow mooing"));
  EXPECT_THAT(beside, Contains("before a ship's horn sounding -> a seagull calling"));
  EXPECT_THAT(beside, Contains("after a pig grunting -> a cow mooing"));
  // The bell and the organ sound together: what comes after the bell is not clear, what comes before it is.
  EXPECT_THAT(beside, Contains("before a church bell tolling -> a cow mooing"));
  for (const std::string& text : beside)
    EXPECT_EQ(text.find("after a church bell"), std::string::npos) << text;
  const auto place = answers_known(record, "needle", "place");
  EXPECT_EQ(place.size(), 6u);
  EXPECT_THAT(place, Contains("a pig grunting -> a farm"));
  EXPECT_THAT(place, Contains("footsteps -> the churchyard"));
  const auto there = answers_known(record, "needle", "only_there");
  EXPECT_THAT(there, Contains("a harbour -> a seagull calling"));
  EXPECT_THAT(there, Not(Contains("a farm -> a seagull calling")));
}

TEST(FactoryLongKnown, BetweenIsFarEnoughAndNamedIndirectly) {
  const Record record = known();
  const auto between = answers_known(record, "subscene", "place");
  EXPECT_THAT(between, Contains("the signal of a vessel the call from a steeple -> a farm"));
  for (const std::string& text : between) EXPECT_NE(text.find("-> a farm"), std::string::npos) << text;
  const auto count = answers_known(record, "subscene", "count");
  EXPECT_THAT(count, Contains("the signal of a vessel the call from a steeple a cow mooing -> 3"));
  // Rooster and pig are nine seconds apart: too near.
  for (const char* type : {"sounds", "has", "count"})
    for (const std::string& text : answers_known(record, "subscene", type))
      EXPECT_EQ(text.find("the bird that greets the morning the pink farm animal"), std::string::npos)
          << text;
}

TEST(FactoryLongKnown, TimeAndWhole) {
  const Record record = known();
  const auto position = answers_known(record, "temporal", "position");
  EXPECT_THAT(position, Contains("a seagull calling -> only in the first third"));
  EXPECT_THAT(position, Contains("footsteps -> only in the last third"));
  // A cow at 45 s is within 5% of the border at 40 s.
  for (const std::string& text : position) EXPECT_EQ(text.find("a cow mooing"), std::string::npos) << text;
  EXPECT_THAT(answers_known(record, "temporal", "next_place"),
              ElementsAre("after a farm -> the churchyard", "after a harbour -> a farm",
                          "before a farm -> a harbour", "before the churchyard -> a farm"));
  EXPECT_THAT(
      answers_known(record, "temporal", "overlap"),
      ElementsAre("a church bell tolling -> an organ playing", "an organ playing -> a church bell tolling"));
  EXPECT_THAT(answers_known(record, "general", "scenes"), ElementsAre("-> 3"));
  EXPECT_THAT(answers_known(record, "general", "part_background"),
              ElementsAre("a farm -> wind blowing", "a harbour -> ocean waves breaking",
                          "the churchyard -> wind blowing"));
  // Wind fills two thirds only, seagull and cow are heard equally often, no place is the longest.
  EXPECT_THAT(answers_known(record, "general", "background"), IsEmpty());
  EXPECT_THAT(answers_known(record, "general", "frequent"), IsEmpty());
  EXPECT_THAT(answers_known(record, "general", "longest_place"), IsEmpty());
  EXPECT_THAT(answers_known(record, "general", "how_often"), Contains("a cow mooing -> 3"));
  Record more = record;
  more.events.push_back({"seagull", 24, 25}), more.events.push_back({"seagull", 27, 28});
  EXPECT_THAT(answers_known(more, "general", "frequent"), ElementsAre("-> a seagull calling"));
}

TEST(FactoryLongKnown, ARecordThatDoesNotSayEnoughGivesNothing) {
  Record record = known();
  record.all_labelled = false;
  for (const RuleType& type : long_test::long_types())
    if (type.skill == "needle" || type.skill == "subscene" || type.name == "presence" ||
        type.name == "position") {
      EXPECT_THAT(answers_known(record, type.skill.c_str(), type.name.c_str()), IsEmpty()) << type.name;
    }
  record = known();
  record.duration = 29;
  for (const RuleType& type : long_test::long_types())
    EXPECT_THAT(answers_known(record, type.skill.c_str(), type.name.c_str()), IsEmpty())
        << type.skill << type.name;
  record = known();
  record.story = {};
  for (const RuleType& type : long_test::long_types())
    if (type.skill == "plot" || type.name == "next_place" || type.name == "scenes") {
      EXPECT_THAT(answers_known(record, type.skill.c_str(), type.name.c_str()), IsEmpty()) << type.name;
    }
}

TEST(FactoryLongKnown, SoundsThatOneWordMeansAreNotAskedFor) {
  Record record = known();
  record.events.push_back({"bell", 100, 101});  // "bell" may mean the church bell
  for (const char* type : {"neighbour", "place", "only_there", "once"})
    for (const std::string& text : answers_known(record, "needle", type)) {
      EXPECT_EQ(text.find("-> a bell"), std::string::npos) << text;
      EXPECT_EQ(text.find("church bell"), std::string::npos) << text;
    }
}

TEST(FactoryLongKnown, CombiningQuestionsAreThoseOfAScan) {
  const Record record = known();
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i)
    for (const char* skill : {"general", "needle"}) {
      const auto item = item_of(record, rule_type(skill, "combine", true), "short", nullptr, i);
      if (!item) continue;
      ASSERT_EQ(item_problem(*item, record, words(), Margins()), "") << item_line(*item);
      seen.insert(item->question + " = " + item->answer);
    }
  EXPECT_GT(seen.size(), 50u);
  const auto has = [&](const std::string& part, const std::string& answer) {
    return std::any_of(seen.begin(), seen.end(), [&](const std::string& text) {
      return text.find(part) != std::string::npos && text.ends_with(answer);
    });
  };
  EXPECT_TRUE(has("a cow mooing heard? (0:00-1:00: 1. 1:00-2:00: 2.)", "= 3") ||
              has("a cow mooing? (0:00-1:00: 1. 1:00-2:00: 2.)", "= 3") ||
              has("a cow mooing come up? (0:00-1:00: 1. 1:00-2:00: 2.)", "= 3"));
  EXPECT_TRUE(
      has("(0:00-0:30: a seagull calling. 0:30-1:00: a ship's horn sounding.", "= a seagull calling"));
  // The list is part of the question: another one is refused.
  for (int i = 0; i < 50; ++i) {
    auto item = item_of(record, rule_type("general", "combine", true), "short", nullptr, i);
    if (!item) continue;
    item->question.replace(item->question.rfind(". "), 2, ".. ");
    EXPECT_NE(item_problem(*item, record, words(), Margins()), "") << item->question;
  }
}

TEST(FactoryLongKnown, TimedAnswersAreOneWordingForAll) {
  EXPECT_EQ(clock_text(0), "0:00");
  EXPECT_EQ(clock_text(59.9), "0:59");
  EXPECT_EQ(clock_text(3725), "1:02:05");
  EXPECT_EQ(combined_question("What happens? ", {{0, 300, "A dog barks."}, {3600, 3725, " rain"}}),
            "What happens? (0:00-5:00: A dog barks. 1:00:00-1:02:05: rain.)");
}

TEST(FactoryLongKnown, UnknownTypesAndFormsAreNamed) {
  EXPECT_THROW(rule_type("needle", "thread", true), Error);
  const Record record = known();
  EXPECT_THROW(item_of(record, rule_type("needle", "content", true), "open", nullptr), Error);
}

}  // namespace
}  // namespace af2
