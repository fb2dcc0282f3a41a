// Questions about how often: numbers of records that are known, levels, and wrong numbers that tell nothing.
#include "af2/factory/rules/rule_scene.h"
#include "factory_blind_testing.h"

namespace af2 {
namespace {
using namespace test;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;

// `n` events of half a second, a second apart, from `from` on.
std::vector<RecordEvent> repeats(const std::string& label, int n, double from = 0, double gap = 0.5) {
  std::vector<RecordEvent> events;
  for (int i = 0; i < n; ++i, from += 0.5 + gap) events.push_back({label, from, from + 0.5});
  return events;
}

std::vector<RecordEvent> joined(std::vector<RecordEvent> a, const std::vector<RecordEvent>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

TEST(FactoryCounting, CountsOnsetsThatAreApart) {
  EXPECT_THAT(answers_of("counting", "count", record_with(repeats("dog", 4))),
              UnorderedElementsAre(Pair(R"({"label":"dog"})", "4")));
  // Closer ones would be joined: a listener may hear one or four.
  EXPECT_FALSE(ask("counting", "count", record_with(repeats("dog", 4, 0, 0.24)), "short"));
  EXPECT_THAT(answers_of("counting", "count", record_with(repeats("dog", 4, 0, 0.25))),
              UnorderedElementsAre(Pair(R"({"label":"dog"})", "4")));
  // So may one that is inside another.
  EXPECT_FALSE(ask("counting", "count", record_with({{"dog", 0, 4}, {"dog", 1, 2}, {"dog", 6, 7}}), "short"));
  EXPECT_THAT(answers_of("counting", "count", record_with(repeats("dog", 10))),
              UnorderedElementsAre(Pair(R"({"label":"dog"})", "10")));
  EXPECT_FALSE(ask("counting", "count", record_with(repeats("dog", 11), 30), "short"));
  // One that is too short or too soft may be heard or not.
  EXPECT_FALSE(ask("counting", "count", record_with(joined(repeats("dog", 3), {{"dog", 6, 6.2}})), "short"));
  EXPECT_FALSE(
      ask("counting", "count", record_with(joined(repeats("dog", 3), {{"dog", 6, 7, "", -3.0}})), "short"));
  EXPECT_FALSE(ask("counting", "count",
                   record_with(joined(repeats("dog", 3), {{"dog", 0, 12, "background"}})), "short"));
  EXPECT_FALSE(
      ask("counting", "count", record_with(joined(repeats("dog", 3), repeats("puppy", 2, 5))), "short"));
}

TEST(FactoryCounting, HasThreeLevels) {
  EXPECT_EQ(ask("counting", "count", record_with(repeats("dog", 3)), "short")->level, "1");
  const Record two = record_with(joined(repeats("dog", 3), {{"bell", 5, 6}, {"bell", 8, 9}}));
  EXPECT_EQ(ask("counting", "count", two, "short")->level, "2");
  EXPECT_THAT(answers_of("counting", "count_placed", two),
              UnorderedElementsAre(Pair(R"({"k":1})", "3"), Pair(R"({"k":2})", "2")));
  EXPECT_EQ(ask("counting", "count_placed", two, "short")->level, "3");
  EXPECT_EQ(ask("counting", "count_placed", two, "open")->answer.rfind("It is heard ", 0), 0u);
  EXPECT_FALSE(ask("counting", "count_placed", record_with(repeats("dog", 3)), "short"));
  // Which is the second is not clear.
  const Record close = record_with(joined(repeats("dog", 3), {{"bell", 0.3, 1}, {"siren", 8, 9}}));
  EXPECT_FALSE(ask("counting", "count_placed", close, "short"));
  Item wrong = *ask("counting", "count", two, "short");
  wrong.level = "1";
  EXPECT_NE(problem(wrong, two), "");
}

TEST(FactoryCounting, KindsNeedAllToBeKnown) {
  const auto events = joined(repeats("dog", 3), {{"bell", 5, 6}, {"siren", 8, 9}});
  EXPECT_EQ(ask("counting", "kinds", record_with(events), "short")->answer, "3");
  EXPECT_EQ(ask("counting", "kinds", record_with(events), "open")->answer,
            "There are three different sounds.");
  EXPECT_FALSE(ask("counting", "kinds", record_with(events, 12, false), "short"));
  EXPECT_FALSE(ask("counting", "kinds", record_with(joined(events, {{"saw", 1, 2, "", -1.0}})), "short"));
  EXPECT_FALSE(ask("counting", "kinds", record_with(joined(events, {{"puppy", 1, 2}})), "short"));
  Record more = record_with(events);
  more.labels = {"saw"};  // sounds somewhere
  EXPECT_FALSE(ask("counting", "kinds", more, "short"));
}

// Whatever the number, what is offered does not point at it: as often lowest as highest, near 10 as near 1.
TEST(FactoryCounting, WrongNumbersPointNowhere) {
  Random rng("af2/test/factory/numbers");
  for (const int options : {2, 3, 4, 5}) {
    std::map<std::vector<int>, std::map<int, double>> sets;  // by the options: how often each is right
    std::map<std::size_t, double> ranks;
    const int n = 40000;
    for (int i = 0; i < n; ++i) {
      const int right = i % 10 + 1;
      const auto wrong = wrong_numbers(rng, right, 10);
      ASSERT_GE(wrong.size() + 1, static_cast<std::size_t>(options));
      std::vector<int> numbers = {right};
      for (int k = 0; k + 1 < options; ++k)
        numbers.push_back(std::stoi(wrong[static_cast<std::size_t>(k)].text));
      std::sort(numbers.begin(), numbers.end());
      ASSERT_GE(numbers.front(), 1);
      ASSERT_LE(numbers.back(), 10);
      ASSERT_EQ(std::set<int>(numbers.begin(), numbers.end()).size(), numbers.size());
      ranks[static_cast<std::size_t>(std::find(numbers.begin(), numbers.end(), right) - numbers.begin())] +=
          1;
      sets[numbers][right] += 1;
    }
    EXPECT_EQ(sets.size(), 10u);
    for (const auto& [numbers, counts] : sets) {
      double all = 0;
      for (const auto& [number, times] : counts) all += times;
      for (const int number : numbers)
        EXPECT_NEAR(counts.at(number) / all, 1.0 / options, 0.05)
            << options << " options from " << numbers.front();
    }
    for (const auto& [rank, times] : ranks) EXPECT_NEAR(times / n, 1.0 / options, 0.02);
  }
}

TEST(FactoryCounting, SixNumbersAreAllOfSix) {
  Random rng("af2/test/factory/six");
  for (int right = 1; right <= 6; ++right) {
    std::set<std::string> all = {std::to_string(right)};
    for (const WrongAnswer& wrong : wrong_numbers(rng, right, 6)) all.insert(wrong.text);
    EXPECT_EQ(all, (std::set<std::string>{"1", "2", "3", "4", "5", "6"})) << right;
  }
}

TEST(FactoryCounting, NumbersOutOfRangeAreFaults) {
  const Record record = record_with(repeats("dog", 3));
  Item item = *ask("counting", "count", record, "choice");
  const auto wrong = static_cast<std::size_t>(item.answer_index == 0 ? 1 : 0);
  for (const char* text : {"0", "11", "two", "-1", "", "3.0"}) {
    Item bad = item;
    bad.options[wrong] = text;
    EXPECT_NE(problem(bad, record), "") << text;
  }
}

TEST(FactoryCounting, DrawnRecordsHold) {
  expect_all_hold("counting", 300);
}
TEST(FactoryCounting, FaultsAreFound) {
  expect_faults_found("counting");
}
TEST(FactoryCounting, WordingsRender) {
  expect_wordings_render("counting");
}
TEST(FactoryCounting, LettersAreEven) {
  expect_letters_even("counting");
}
TEST(FactoryCounting, OptionsTellNothing) {
  expect_blind_at_chance("counting");
}

}  // namespace
}  // namespace af2
