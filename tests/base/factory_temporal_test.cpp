// Questions about when: right for records whose answers are known, none inside the margins, every fault
// found.
#include "factory_blind_testing.h"

namespace af2 {
namespace {
using namespace test;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

Record four_sounds() {
  return record_with({{"bell", 0.5, 1.5}, {"dog", 2.5, 4}, {"car horn", 5, 5.6}, {"siren", 7, 10.5}});
}

// What a type makes of a record with these events.
std::map<std::string, std::string> answers_to(const std::string& type, std::vector<RecordEvent> events,
                                              const std::string& form = "short") {
  return answers_of("temporal", type, record_with(std::move(events)), form);
}

TEST(FactoryTemporal, OrdersByFirstOnset) {
  const Record record = four_sounds();
  std::set<std::size_t> sizes;
  for (int i = 0; i < 100; ++i) {
    const auto item = ask("temporal", "order", record, "choice", i);
    ASSERT_TRUE(item);
    EXPECT_EQ(problem(*item, record), "");
    std::string expected;
    const std::string all = "a bell, a dog, a car horn, a siren";
    for (const char* name : {"a bell", "a dog", "a car horn", "a siren"})
      if (item->answer.find(name) != std::string::npos)
        expected += (expected.empty() ? "" : ", ") + std::string(name);
    EXPECT_EQ(item->answer, expected);
    EXPECT_EQ(item->options.size(), 4u);
    for (const std::string& option : item->options)
      EXPECT_EQ(option.size(), expected.size());  // permutations
    sizes.insert(item->facts["labels"].size());
    EXPECT_EQ(item->evidence.size(), item->facts["labels"].size());
  }
  EXPECT_EQ(sizes, (std::set<std::size_t>{3, 4}));
  const auto open =
      ask("temporal", "order", record_with({{"bell", 0, 1}, {"dog", 2, 3}, {"siren", 4, 5}}), "open");
  ASSERT_TRUE(open);
  EXPECT_EQ(open->answer, "First a bell sounding, then a dog barking, and finally a siren sounding.");
}

TEST(FactoryTemporal, OrderAsLettersFollowsTheList) {
  const Record record = record_with({{"bell", 0, 1}, {"dog", 2, 3}, {"siren", 4, 5}});
  std::map<std::string, int> answers;
  for (int i = 0; i < 1200; ++i) {
    const auto item = ask("temporal", "order_letters", record, "short", i);
    ASSERT_TRUE(item);
    ASSERT_EQ(problem(*item, record), "");
    EXPECT_TRUE(item->options.empty());
    const auto letter = [&](const char* sound) {
      return item->question.substr(item->question.find(sound) - 4, 3);
    };
    EXPECT_EQ(item->answer, letter("a bell.") + letter("a dog.") + letter("a siren."));
    ++answers[item->answer];
  }
  ASSERT_EQ(answers.size(), 6u);
  for (const auto& [answer, n] : answers) EXPECT_NEAR(n, 200, 55) << answer;
}

TEST(FactoryTemporal, NoOrderOfOnsetsThatAreTooClose) {
  EXPECT_TRUE(
      ask("temporal", "order", record_with({{"bell", 0, 1}, {"dog", 0.5, 3}, {"siren", 1, 5}}), "choice"));
  EXPECT_FALSE(
      ask("temporal", "order", record_with({{"bell", 0, 1}, {"dog", 0.49, 3}, {"siren", 4, 5}}), "choice"));
  // Too short, too soft, in the background, of two names: none is put in order.
  EXPECT_FALSE(
      ask("temporal", "order", record_with({{"bell", 0, 0.29}, {"dog", 2, 3}, {"siren", 4, 5}}), "choice"));
  EXPECT_FALSE(ask("temporal", "order",
                   record_with({{"bell", 0, 1, "", -0.5}, {"dog", 2, 3}, {"siren", 4, 5}}), "choice"));
  EXPECT_FALSE(ask("temporal", "order",
                   record_with({{"bell", 0, 9, "background"}, {"dog", 2, 3}, {"siren", 4, 5}}), "choice"));
  EXPECT_FALSE(
      ask("temporal", "order", record_with({{"puppy", 0, 1}, {"dog", 2, 3}, {"siren", 4, 5}}), "choice"));
}

TEST(FactoryTemporal, RefersByPlaceAndNeighbour) {
  EXPECT_THAT(answers_of("temporal", "referring", four_sounds()),
              UnorderedElementsAre(Pair(R"({"which":"first"})", "a bell sounding"),
                                   Pair(R"({"which":"last"})", "a siren sounding"),
                                   Pair(R"({"which":"kth","k":2})", "a dog barking"),
                                   Pair(R"({"which":"kth","k":3})", "a car horn sounding"),
                                   Pair(R"({"which":"kth","k":4})", "a siren sounding"),
                                   Pair(R"({"which":"after","label":"bell"})", "a dog barking"),
                                   Pair(R"({"which":"after","label":"dog"})", "a car horn sounding"),
                                   Pair(R"({"which":"after","label":"car horn"})", "a siren sounding"),
                                   Pair(R"({"which":"before","label":"dog"})", "a bell sounding"),
                                   Pair(R"({"which":"before","label":"car horn"})", "a dog barking"),
                                   Pair(R"({"which":"before","label":"siren"})", "a car horn sounding")));
  // The dog goes on behind the bell's end and both begin together: only what is clear is asked.
  EXPECT_THAT(answers_to("referring", {{"dog", 0, 5}, {"bell", 0.2, 1}, {"siren", 4, 4.8}}), IsEmpty());
  EXPECT_THAT(answers_to("referring", {{"dog", 0, 5}, {"bell", 1, 2}}),
              UnorderedElementsAre(Pair(R"({"which":"first"})", "a dog barking"),
                                   Pair(R"({"which":"kth","k":2})", "a bell sounding")));
  // A short click first: it is heard, though it does not count.
  EXPECT_FALSE(answers_to("referring", {{"hammer", 0, 0.2}, {"dog", 1, 2}, {"bell", 3, 4}})
                   .contains(R"({"which":"first"})"));
  // A repeated sound has no neighbour of its own, and nothing after it is the third sound.
  EXPECT_THAT(answers_to("referring", {{"dog", 0, 1}, {"dog", 2, 3}, {"bell", 4, 5}}),
              UnorderedElementsAre(Pair(R"({"which":"first"})", "a dog barking"),
                                   Pair(R"({"which":"last"})", "a bell sounding"),
                                   Pair(R"({"which":"before","label":"bell"})", "a dog barking")));
}

TEST(FactoryTemporal, WrongSoundsArePresentThenAbsentAndNeverTheNamedOne) {
  const Record record = four_sounds();
  for (int i = 0; i < 200; ++i) {
    const auto item = ask("temporal", "referring", record, "choice", i);
    ASSERT_TRUE(item);
    EXPECT_EQ(std::count(item->kinds.begin(), item->kinds.end(), "present"), 3);
    EXPECT_EQ(std::count(item->kinds.begin(), item->kinds.end(), "absent"), 1);
    for (std::size_t k = 0; k < 4; ++k) {
      if (item->facts.contains("label")) {
        EXPECT_NE(factory_words().find(item->options[k]),
                  factory_words().find(item->facts["label"].get<std::string>()));
      }
      EXPECT_NE(item->options[k], "a puppy yapping");  // is a dog by another word
      EXPECT_NE(item->options[k], "an animal calling");
    }
  }
  Record open = record;
  open.all_labelled = false;  // what is absent is not known
  for (int i = 0; i < 50; ++i) {
    const auto item = ask("temporal", "referring", open, "choice", i, {.options = 3});
    ASSERT_TRUE(item);
    EXPECT_EQ(std::count(item->kinds.begin(), item->kinds.end(), "present"), 3);
  }
}

TEST(FactoryTemporal, GroundsWholeEventsInThirds) {
  EXPECT_THAT(answers_of("temporal", "grounding", four_sounds()),
              UnorderedElementsAre(Pair(R"({"label":"bell"})", "at the beginning"),
                                   Pair(R"({"label":"car horn"})", "in the middle")));
  EXPECT_THAT(
      answers_to("grounding", {{"bell", 8.6, 12}, {"dog", 8.59, 9}, {"siren", 0, 3.4}, {"saw", 0, 3.41}}),
      UnorderedElementsAre(Pair(R"({"label":"bell"})", "at the end"),
                           Pair(R"({"label":"siren"})", "at the beginning")));
  EXPECT_THAT(answers_to("grounding", {{"bell", 0, 1}, {"bell", 2, 3}}), IsEmpty());  // two places
  const auto item = ask("temporal", "grounding", four_sounds(), "choice");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->options.size(), 3u);
}

TEST(FactoryTemporal, ChangesByTheMargins) {
  std::vector<RecordEvent> events = {{"bell", 0, 1}, {"dog", 2, 3},   {"siren", 4, 5},
                                     {"saw", 6, 7},  {"drill", 8, 9}, {"hammer", 10, 10.9}};
  const double changes[] = {6, -6, 1.5, 1.6, -5.9, -12};  // the last is too short to be heard changing
  for (std::size_t i = 0; i < events.size(); ++i) events[i].change = changes[i];
  EXPECT_THAT(answers_to("change", events),
              UnorderedElementsAre(Pair(R"({"label":"bell"})", "it gets louder"),
                                   Pair(R"({"label":"dog"})", "it gets softer"),
                                   Pair(R"({"label":"siren"})", "it stays equally loud")));
}

TEST(FactoryTemporal, DurationsAreUnionsAndClearlyAhead) {
  EXPECT_THAT(answers_of("temporal", "duration", four_sounds()),
              UnorderedElementsAre(Pair(R"({"which":"longest"})", "a siren sounding")));
  // The bell's two events overlap: 2 s in all, not 3. The shortest is 0.5 s behind.
  EXPECT_THAT(
      answers_to("duration", {{"bell", 0, 1.5}, {"bell", 0.5, 2}, {"dog", 3, 5.5}, {"siren", 6, 7.5}}),
      UnorderedElementsAre(Pair(R"({"which":"longest"})", "a dog barking"),
                           Pair(R"({"which":"shortest"})", "a siren sounding")));
  // 20 % are needed as well as 0.5 s; what cannot be named may not be the longest either.
  EXPECT_THAT(answers_to("duration", {{"bell", 0, 6}, {"dog", 6, 11.1}, {"siren", 0, 5.2}}), IsEmpty());
  EXPECT_THAT(answers_to("duration",
                         {{"bell", 0, 6}, {"dog", 0, 3}, {"siren", 0, 3}, {"cat", 0, 9}, {"animal", 9, 10}}),
              IsEmpty());
  const auto item = ask("temporal", "duration", four_sounds(), "choice", 0, {.options = 5});
  ASSERT_TRUE(item);
  EXPECT_EQ(std::count(item->kinds.begin(), item->kinds.end(), "absent"), 2);
  EXPECT_EQ(std::count(item->kinds.begin(), item->kinds.end(), "present"), 3);  // with the right one
}

TEST(FactoryTemporal, OverlapsOfHalfASecond) {
  const Record record = record_with({{"rain", 0, 5}, {"dog", 4.5, 6}, {"bell", 7, 8}, {"siren", 7.6, 9}});
  std::set<std::string> pairs;
  for (int i = 0; i < 100; ++i) {
    const auto item = ask("temporal", "overlap", record, "choice", i);
    ASSERT_TRUE(item);
    ASSERT_EQ(problem(*item, record), "");
    pairs.insert(item->facts["label"].get<std::string>() + " - " + item->answer);
  }
  // Bell and siren share 0.4 s: too little to be asked, too much to be a wrong answer.
  EXPECT_EQ(pairs, (std::set<std::string>{"rain - a dog barking", "dog - rain falling"}));
  const auto together =
      answers_to("together", {{"rain", 0, 5}, {"dog", 4.5, 6}, {"bell", 7, 8}, {"siren", 7.6, 9}}, "yes_no");
  std::set<std::string> yes, no;
  for (const auto& [facts, answer] : together) (answer == "yes" ? yes : no).insert(facts);
  EXPECT_EQ(yes, (std::set<std::string>{R"({"labels":["rain","dog"]})"}));
  EXPECT_EQ(no.size(), 4u);
  EXPECT_FALSE(no.contains(R"({"labels":["bell","siren"]})"));
}

TEST(FactoryTemporal, SilencesWhereNothingSounds) {
  const std::vector<RecordEvent> events = {{"bell", 1, 2}, {"dog", 2.6, 4}, {"siren", 6, 7}, {"saw", 7, 9}};
  const auto gap = [](const std::vector<RecordEvent>& list, double duration = 10, bool all_labelled = true) {
    return answers_of("temporal", "gap", record_with(list, duration, all_labelled));
  };
  EXPECT_THAT(gap(events), UnorderedElementsAre(Pair(R"({"which":"after"})", "a siren sounding"),
                                                Pair(R"({"which":"before"})", "a dog barking")));
  EXPECT_THAT(answers_to("silence", events, "yes_no"),
              UnorderedElementsAre(Pair(R"({"labels":["bell","dog"]})", "yes"),
                                   Pair(R"({"labels":["dog","siren"]})", "yes"),
                                   Pair(R"({"labels":["siren","saw"]})", "no")));
  auto noisy = events;
  noisy.push_back({"wind", 0, 10, "background"});
  EXPECT_THAT(gap(noisy), IsEmpty());
  EXPECT_THAT(answers_to("silence", noisy, "yes_no"), IsEmpty());
  EXPECT_THAT(gap({{"bell", 0, 1}, {"dog", 1.49, 3}}, 3), IsEmpty());                  // short
  EXPECT_THAT(gap({{"bell", 0, 1}, {"dog", 2, 3}, {"siren", 4.4, 6}}, 6), IsEmpty());  // two alike
  EXPECT_THAT(gap(events, 10.6), IsEmpty());                                           // the end is as silent
  auto late = events;
  for (RecordEvent& event : late) event.onset += 1, event.offset += 1;
  EXPECT_THAT(gap(late, 11), IsEmpty());  // so is the beginning
  EXPECT_THAT(gap(events, 10, false), IsEmpty());
}

TEST(FactoryTemporal, PresenceIsAskedWhereAbsenceIsKnown) {
  int yes = 0;
  for (int i = 0; i < 400; ++i) {
    const auto item = ask("temporal", "presence", four_sounds(), "yes_no", i);
    ASSERT_TRUE(item);
    ASSERT_EQ(problem(*item, four_sounds()), "");
    yes += item->answer == "yes";
  }
  EXPECT_NEAR(yes, 200, 40);
  EXPECT_FALSE(ask("temporal", "presence", record_with({{"bell", 0, 1}}, 12, false), "yes_no"));
}

TEST(FactoryTemporal, ANearWordIsNoFairWrongAnswer) {
  const Record record = record_with({{"dog", 0, 1}, {"bell", 2, 3}, {"siren", 4, 5}});
  for (int i = 0; i < 40; ++i) {
    auto item = ask("temporal", "referring", record, "choice", i);
    ASSERT_TRUE(item);
    const auto absent = std::find(item->kinds.begin(), item->kinds.end(), "absent") - item->kinds.begin();
    item->options.at(static_cast<std::size_t>(absent)) = "a puppy yapping";
    EXPECT_NE(problem(*item, record), "");
  }
}

TEST(FactoryTemporal, DrawnRecordsHold) {
  expect_all_hold("temporal", 200);
}
TEST(FactoryTemporal, FaultsAreFound) {
  expect_faults_found("temporal");
}
TEST(FactoryTemporal, WordingsRender) {
  expect_wordings_render("temporal");
}
TEST(FactoryTemporal, LettersAreEven) {
  expect_letters_even("temporal");
}
TEST(FactoryTemporal, OptionsTellNothing) {
  expect_blind_at_chance("temporal");
}

}  // namespace
}  // namespace af2
