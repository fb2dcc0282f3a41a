// What a language model answers, recomputed by the rules' own re-check: their facts and words fit together.
#include <gtest/gtest.h>

#include "af2/factory/llm/llm_items.h"
#include "af2/factory/rules/recheck.h"
#include "factory_llm_fixture.h"

namespace af2 {
namespace {

using test::yard;

class FactoryLlmRecheck : public test::FactoryLlm {
 protected:
  static Json option(const std::string& text, std::vector<int> events) {
    return {{"text", text}, {"events", events}};
  }
  static Json temporal(const std::string& type, const std::string& question, std::vector<Json> choices,
                       const std::string& answer, std::vector<int> events, const Json& place = nullptr,
                       const Json& anchor = nullptr) {
    return {{"type", type},   {"question", question}, {"options", choices}, {"answer", answer},
            {"place", place}, {"anchor", anchor},     {"events", events}};
  }
  static bool known(const char* skill, const char* type, bool is_long = false) {
    Item item;
    item.skill = skill, item.type = type, item.is_long = is_long;
    return knows_type(item);
  }
  // The right answer is taken and says that it was recomputed; every other answer is refused by the rules.
  void expect_only(const std::string& name, Json item, const std::string& right, const Record& record) {
    for (const Json& choice : item["options"]) {
      const std::string text = choice["text"];
      item["answer"] = text;
      if (text == right) {
        ASSERT_EQ(fate(name, item, record), "taken") << text << ": " << last_detail;
        EXPECT_EQ(last.checks, (std::vector<SharedText>{"llm_text", "recheck", "llm_verified"}));
      } else {
        EXPECT_EQ(fate(name, item, record), "recheck") << text << ": " << last_detail;
      }
    }
  }
};

TEST_F(FactoryLlmRecheck, Orders) {
  if (!known("temporal", "order")) GTEST_SKIP() << "no rules for it in this build";
  const Json item = temporal("order", "In which order do these begin?",
                             {option("bell, dog, rain", {2, 1, 3}), option("dog, bell, rain", {1, 2, 3}),
                              option("rain, dog, bell", {3, 1, 2}), option("rain, bell, dog", {3, 2, 1})},
                             "", {1, 2, 3});
  expect_only("skill_temporal", item, "dog, bell, rain", yard());
}

TEST_F(FactoryLlmRecheck, PlacesAmongTheSounds) {
  if (!known("temporal", "referring")) GTEST_SKIP() << "no rules for it in this build";
  const std::vector<Json> choices = {option("the dog", {1}), option("the bell", {2}), option("rain", {3})};
  expect_only("skill_temporal", temporal("referring", "Which comes first?", choices, "", {1}, "first"),
              "the dog", yard());
  expect_only("skill_temporal", temporal("referring", "Which comes last?", choices, "", {3}, "last"), "rain",
              yard());
  expect_only("skill_temporal", temporal("referring", "Which sound is the second?", choices, "", {2}, "2"),
              "the bell", yard());
  const std::vector<Json> others = {option("the bell", {2}), option("rain", {3}), option("a siren", {})};
  expect_only("skill_temporal",
              temporal("referring", "What comes right after the dog?", others, "", {2}, "after", 1),
              "the bell", yard());
  // The siren may sound all the same where not all is labelled.
  Record partly = yard();
  partly.all_labelled = false;
  EXPECT_EQ(
      fate("skill_temporal",
           temporal("referring", "What comes right after the dog?", others, "the bell", {2}, "after", 1),
           partly),
      "recheck");
}

TEST_F(FactoryLlmRecheck, PartsAndChanges) {
  if (!known("temporal", "grounding") || !known("temporal", "change"))
    GTEST_SKIP() << "no rules for it in this build";
  const std::vector<Json> parts = {option("at the start", {}), option("in the middle", {}),
                                   option("at the end", {})};
  expect_only("skill_temporal", temporal("grounding", "Where does the dog bark?", parts, "", {1}),
              "at the start", yard());
  EXPECT_EQ(
      fate("skill_temporal", temporal("grounding", "Where does the bell ring?", parts, "in the middle", {2})),
      "recheck");
  Record swelling = yard();
  swelling.events[2].change = 9;
  const std::vector<Json> ways = {option("louder", {}), option("unchanged", {}), option("softer", {})};
  expect_only("skill_temporal", temporal("change", "How does the rain change?", ways, "", {3}), "louder",
              swelling);
}

TEST_F(FactoryLlmRecheck, TheLongestAndTheLoudest) {
  if (!known("temporal", "duration") || !known("attribute", "comparative"))
    GTEST_SKIP() << "no rules for it in this build";
  const Json longest = {{"type", "longest"},
                        {"question", "Which sound lasts longest in all?"},
                        {"options",
                         {option("rain", {3}), option("dog", {1}), option("bell", {2}), option("a car", {}),
                          option("a siren", {})}},
                        {"answer", ""},
                        {"events", {3}}};
  expect_only("skill_duration", longest, "rain", yard());
  const auto loudest = [&](const std::string& answer, std::vector<int> events) {
    return fate("skill_attribute", {{"type", "most"},
                                    {"attribute", "level"},
                                    {"question", "Which sound is the loudest?"},
                                    {"answer", answer},
                                    {"events", events}});
  };
  EXPECT_EQ(loudest("the bell", {2}), "taken") << last_detail;
  EXPECT_EQ(loudest("the dog", {1}), "recheck");
  Record tied = yard();
  tied.events[0].level = -12.5;
  const Json both = {{"type", "most"},
                     {"attribute", "level"},
                     {"question", "Which sounds are the loudest?"},
                     {"answer", "the dog and the bell"},
                     {"events", {1, 2}}};
  if (!known("attribute", "comparative_tie")) return;
  EXPECT_EQ(fate("skill_attribute", both, tied), "taken") << last_detail;
  EXPECT_EQ(fate("skill_attribute", both), "recheck");
}

TEST_F(FactoryLlmRecheck, OrdersOfLongClips) {
  if (!known("temporal", "order", true) || !known("temporal", "first", true))
    GTEST_SKIP() << "no rules for it in this build";
  Record scene = test::long_walk();
  scene.all_labelled = true;
  for (const auto& [label, onset] :
       std::vector<std::pair<const char*, double>>{{"dog", 3}, {"bell", 15}, {"car", 25}, {"rain", 34}})
    scene.events.push_back({.label = label, .onset = onset, .offset = onset + 2});
  Json order =
      temporal("order", "In which order do these begin?",
               {option("bell, dog, rain", {2, 1, 4}), option("dog, bell, rain", {1, 2, 4})}, "", {1, 2, 4});
  order["segments"] = {1, 2, 4};
  expect_only("long_temporal", order, "dog, bell, rain", scene);
  Json first =
      temporal("referring", "Which of these begins first?",
               {option("the dog", {1}), option("the bell", {2}), option("a car", {3}), option("rain", {4})},
               "", {1}, "first");
  first["segments"] = {1};
  expect_only("long_temporal", first, "the dog", scene);
}

}  // namespace
}  // namespace af2
