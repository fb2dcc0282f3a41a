// Items about long clips that a language model writes from what is told of their segments.
#include <gtest/gtest.h>

#include "af2/factory/llm/llm_items.h"
#include "factory_llm_fixture.h"

namespace af2 {
namespace {

using test::long_walk;

using FactoryLlmLong = test::FactoryLlm;

Json about(const std::string& question, const std::string& answer, std::vector<int> segments) {
  return {{"question", question}, {"answer", answer}, {"segments", segments}, {"events", Json::array()}};
}

TEST_F(FactoryLlmLong, ItemsRestOnSegments) {
  ASSERT_EQ(
      fate("long_plot",
           about("What does the person seem to be on the way to?", "Coming home for a hot drink.", {2, 4}),
           long_walk()),
      "taken")
      << last_detail;
  EXPECT_TRUE(last.is_long);
  EXPECT_EQ(last.skill, "plot");
  EXPECT_EQ(last.type, "told_plot");
  EXPECT_EQ(last.form, "open");
  ASSERT_EQ(last.evidence.size(), 2u);
  EXPECT_EQ(last.evidence[0].onset, 10);
  EXPECT_EQ(last.evidence[0].offset, 20);
  EXPECT_EQ(last.evidence[1].label, "A kettle whistles in Mandarin.");
  EXPECT_EQ(fate("long_plot", about("What does the person do?", "Comes home.", {5}), long_walk()),
            "unknown_segment");
}

TEST_F(FactoryLlmLong, CaptionsAreSentencesOfTheRightLength) {
  const auto caption = [&](const std::string& answer) {
    return fate("long_captioning_mira", about("What happens in the audio?", answer, {1, 2, 3, 4}),
                long_walk());
  };
  EXPECT_EQ(
      caption(
          "While birds sing, somebody passes a creaking gate and walks over gravel until a kettle whistles."),
      "taken")
      << last_detail;
  EXPECT_EQ(caption("Birds sing and a kettle whistles."), "too_short");
  EXPECT_EQ(caption("Birds sing, a gate creaks and falls shut, steps on gravel, a kettle, and then nothing."),
            "caption_form");
  EXPECT_EQ(caption("The sound of birds and of a gate and of steps and of a kettle at the end."),
            "caption_form");
  EXPECT_EQ(caption("Birds sing while a gate creaks. Then somebody walks over gravel. A kettle whistles."),
            "caption_form");
  EXPECT_EQ(
      caption(
          "Birds sing in the distance while a gate creaks and falls shut and steps go over gravel for a long "
          "time until at last a kettle whistles loudly"),
      "too_long");
}

TEST_F(FactoryLlmLong, NeedlesPointAtOneSegmentAndTellNothingOfItsPlace) {
  const auto needle = [&](const std::string& question, const std::string& answer, std::vector<int> segments) {
    return fate("long_needle", about(question, answer, segments), long_walk());
  };
  EXPECT_EQ(needle("What shows that somebody has gone through?", "A gate falls shut.", {2}), "taken")
      << last_detail;
  EXPECT_EQ(needle("What shows that somebody has gone through?", "A gate falls shut.", {3}),
            "holds_elsewhere");
  EXPECT_EQ(needle("What shows at the beginning that somebody came?", "A gate falls shut.", {2}),
            "place_given");
  EXPECT_EQ(needle("What shows that somebody has gone through?", "A gate falls shut.", {2, 4}),
            "wrong_arguments");
}

TEST_F(FactoryLlmLong, ScenesLieBetweenTwoEvents) {
  const auto scene = [&](int begin, int end) {
    return fate("long_subscene_mira",
                {{"question", "What happens between the gate and the kettle?"},
                 {"answer", "Somebody walks over gravel."},
                 {"begin", begin},
                 {"end", end},
                 {"events", Json::array()}},
                long_walk());
  };
  EXPECT_EQ(scene(2, 4), "taken") << last_detail;
  EXPECT_EQ(last.evidence.size(), 2u);
  EXPECT_EQ(scene(2, 3), "wrong_arguments");
  EXPECT_EQ(scene(4, 2), "wrong_arguments");
  Record hour = long_walk();
  hour.duration = 100;
  EXPECT_EQ(fate("long_subscene_mira",
                 {{"question", "What happens between the birds and the end?"},
                  {"answer", "Somebody walks over gravel."},
                  {"begin", 1},
                  {"end", 10},
                  {"events", Json::array()}},
                 hour),
            "wrong_arguments");
}

TEST_F(FactoryLlmLong, OrdersFromCaptionsAloneAreTold) {
  const auto option = [](const std::string& text, std::vector<int> events) {
    return Json{{"text", text}, {"events", events}};
  };
  Json order = {{"type", "order"},
                {"question", "In which order do these begin?"},
                {"options", {option("gate, steps, kettle", {}), option("kettle, steps, gate", {})}},
                {"answer", "gate, steps, kettle"},
                {"place", nullptr},
                {"anchor", nullptr},
                {"events", Json::array()},
                {"segments", {2, 3, 4}}};
  ASSERT_EQ(fate("long_temporal", order, long_walk()), "taken") << last_detail;
  EXPECT_EQ(last.type, "told_order");
  EXPECT_TRUE(last.facts.empty());
  EXPECT_EQ(last.evidence.size(), 3u);
  // With exact times the rules' own type and words.
  Record scene = long_walk();
  for (const auto& [label, onset] :
       std::vector<std::pair<const char*, double>>{{"dog", 3}, {"bell", 15}, {"rain", 32}})
    scene.events.push_back({.label = label, .onset = onset, .offset = onset + 2});
  order["options"] = {option("bell, dog, rain", {2, 1, 3}), option("dog, bell, rain", {1, 2, 3})};
  order["answer"] = "dog, bell, rain", order["events"] = {1, 2, 3};
  ASSERT_EQ(fate("long_temporal", order, scene), "taken") << last_detail;
  EXPECT_EQ(last.type, "order");
  EXPECT_EQ(last.answer, "a dog, then a bell, then rain");
  EXPECT_EQ(last.facts, Json::parse(R"({"labels":["bell","dog","rain"]})"));
  Json first = {{"type", "referring"},
                {"question", "Which of these begins first?"},
                {"options", {option("rain", {3}), option("the dog", {1})}},
                {"answer", "the dog"},
                {"place", "first"},
                {"anchor", nullptr},
                {"events", {1}},
                {"segments", {1}}};
  ASSERT_EQ(fate("long_temporal", first, scene), "taken") << last_detail;
  EXPECT_EQ(last.type, "first");
  EXPECT_EQ(last.facts, Json::parse(R"({"labels":["dog","rain"],"which":"first"})"));
}

}  // namespace
}  // namespace af2
