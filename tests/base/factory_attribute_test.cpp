// Questions about how sounds are: loudness, pitch, reverberation, length, who speaks; ties are named.
#include "factory_blind_testing.h"

namespace af2 {
namespace {
using namespace test;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

RecordEvent sound(const std::string& label, double onset, double offset, double level, double pitch,
                  double reverb) {
  RecordEvent event{label, onset, offset};
  event.level = level, event.pitch = pitch, event.reverb = reverb;
  return event;
}

// Bell: softest, highest, driest. Siren: loudest, longest. Dog: lowest, most reverberant, shortest.
Record compared_sounds() {
  return record_with({sound("bell", 0, 1.5, -30, 1200, 0.2), sound("dog", 2, 3, -24, 200, 1.5),
                      sound("siren", 5, 9, -18, 600, 0.5)});
}

std::string facts(const char* attribute, const char* which) {
  return std::string(R"({"attribute":")") + attribute + R"(","which":")" + which + "\"}";
}

TEST(FactoryAttribute, MostAndLeastOfAll) {
  const auto answers = answers_of("attribute", "comparative", compared_sounds());
  EXPECT_EQ(answers.size(), 8u);
  EXPECT_EQ(answers.at(facts("loudness", "most")), "a siren sounding");
  EXPECT_EQ(answers.at(facts("loudness", "least")), "a bell sounding");
  EXPECT_EQ(answers.at(facts("pitch", "most")), "a bell sounding");
  EXPECT_EQ(answers.at(facts("pitch", "least")), "a dog barking");
  EXPECT_EQ(answers.at(facts("reverb", "most")), "a dog barking");
  EXPECT_EQ(answers.at(facts("reverb", "least")), "a bell sounding");
  EXPECT_EQ(answers.at(facts("length", "most")), "a siren sounding");
  EXPECT_EQ(answers.at(facts("length", "least")), "a dog barking");
  const auto open = ask("attribute", "comparative", compared_sounds(), "open");
  ASSERT_TRUE(open);
  EXPECT_THAT(open->answer, HasSubstr(" is the "));
  EXPECT_EQ(problem(*open, compared_sounds()), "");
}

TEST(FactoryAttribute, InsideTheMarginIsATie) {
  // 2.9 dB, 19 % of pitch, reverberation and length: all alike.
  const Record alike = record_with({sound("bell", 0, 1, -20, 100, 1), sound("dog", 2, 3.19, -22.9, 119, 1.19),
                                    sound("siren", 5, 6.1, -21, 110, 1.1)});
  EXPECT_THAT(answers_of("attribute", "comparative", alike), IsEmpty());
  EXPECT_THAT(answers_of("attribute", "comparative_tie", alike),
              IsEmpty());  // all of them: nothing to choose
  for (const auto& [which, answer] : answers_of("attribute", "pair", alike))
    EXPECT_EQ(answer.rfind("they are about equally ", 0), 0u) << which << answer;
  // At the margin they differ.
  const Record apart = record_with({sound("bell", 0, 1, -20, 100, 1), sound("dog", 2, 3.25, -23, 120, 1.25),
                                    sound("siren", 5, 6.7, -26, 150, 1.6)});
  EXPECT_EQ(answers_of("attribute", "comparative", apart).size(), 8u);
  // Near both sides: a is like b, b like c, a unlike c. No clear tie.
  const Record chain = record_with({sound("bell", 0, 1, -20, 100, 1), sound("dog", 2, 3, -22, 100, 1),
                                    sound("siren", 5, 6, -24, 100, 1), sound("saw", 7, 8, -40, 100, 1)});
  EXPECT_FALSE(answers_of("attribute", "comparative_tie", chain)
                   .contains(R"({"attribute":"loudness","which":"most","n":2})"));
}

TEST(FactoryAttribute, TiesNameAllEqualSounds) {
  const Record record = record_with({sound("bell", 0, 1, -20, 100, 1), sound("dog", 2, 3, -21, 300, 1),
                                     sound("siren", 5, 6, -28, 310, 1), sound("saw", 7, 8, -40, 100, 1)});
  std::set<std::string> loudest;
  for (int i = 0; i < 100; ++i) {
    const auto item = ask("attribute", "comparative_tie", record, "choice", i);
    ASSERT_TRUE(item);
    ASSERT_EQ(problem(*item, record), "");
    EXPECT_EQ(item->facts["n"], 2);
    for (const std::string& option : item->options) EXPECT_THAT(option, HasSubstr(" and "));
    if (item->facts["attribute"] == "loudness" && item->facts["which"] == "most")
      loudest.insert(item->answer);
    EXPECT_FALSE(item->facts["attribute"] == "loudness" && item->facts["which"] == "least");
  }
  EXPECT_EQ(loudest, (std::set<std::string>{"a bell and a dog", "a dog and a bell"}));
}

TEST(FactoryAttribute, UnmeasuredSoundsAreLeftOutByName) {
  Record record = compared_sounds();
  record.events.push_back({"wind", 10, 11});  // nothing measured
  std::set<std::string> seen;
  for (int i = 0; i < 100; ++i) {
    const auto item = ask("attribute", "comparative", record, "choice", i, {.options = 3});
    ASSERT_TRUE(item);
    ASSERT_EQ(problem(*item, record), "");
    if (item->facts["attribute"] == "length") continue;  // of all four
    EXPECT_EQ(item->facts["labels"].size(), 3u);
    EXPECT_EQ(item->question.find("wind"), std::string::npos);
    EXPECT_EQ(item->options.size(), 3u);
    for (const char* name : {"a bell", "a dog", "a siren"}) EXPECT_THAT(item->question, HasSubstr(name));
  }
}

TEST(FactoryAttribute, PairsAndPlaces) {
  const auto pairs = answers_of("attribute", "pair", compared_sounds(), "open", 400);
  EXPECT_EQ(pairs.at(R"({"attribute":"loudness","which":"more","labels":["bell","siren"]})"),
            "A siren sounding is louder than a bell sounding.");
  EXPECT_EQ(pairs.at(R"({"attribute":"pitch","which":"less","labels":["dog","siren"]})"),
            "A dog barking is lower-pitched than a siren sounding.");
  const auto item = ask("attribute", "pair", compared_sounds(), "choice");
  ASSERT_TRUE(item);
  EXPECT_EQ(item->options.size(), 3u);
  const auto places = answers_of("attribute", "at_time", compared_sounds(), "short", 400);
  EXPECT_EQ(places.size(), 4u * 3 * 2);
  EXPECT_EQ(places.at(R"({"attribute":"loudness","k":2,"j":1})"), "louder");
  EXPECT_EQ(places.at(R"({"attribute":"length","k":2,"j":3})"), "shorter");
  EXPECT_EQ(places.at(R"({"attribute":"reverb","k":2,"j":3})"), "more reverberant");
  Record alike = compared_sounds();
  alike.events[1].level = -29;
  EXPECT_EQ(
      answers_of("attribute", "at_time", alike, "open", 400).at(R"({"attribute":"loudness","k":2,"j":1})"),
      "The two sounds are about equally loud.");
  // Sounds that begin together have no places.
  EXPECT_FALSE(ask("attribute", "at_time",
                   record_with({sound("bell", 0, 1, -20, 100, 1), sound("dog", 0.3, 1, -30, 100, 1)}),
                   "short"));
}

TEST(FactoryAttribute, LengthsInSecondsAndBands) {
  const auto lengths = answers_of("attribute", "how_long", compared_sounds());
  EXPECT_EQ(lengths.at(R"({"label":"dog"})"), "about a second");
  EXPECT_EQ(lengths.at(R"({"k":2})"), "about a second");
  EXPECT_FALSE(lengths.contains(R"({"label":"bell"})"));   // 1.5 s: between one and two
  EXPECT_FALSE(lengths.contains(R"({"label":"siren"})"));  // 4 s: between three and five
  for (int i = 0; i < 100; ++i) {
    const auto item = ask("attribute", "how_long", compared_sounds(), "choice", i);
    ASSERT_TRUE(item);
    for (const std::string& option : item->options)
      EXPECT_EQ(option.find("twenty"), std::string::npos);  // of 12 s
  }
  const auto bands = answers_of("attribute", "band", compared_sounds());
  EXPECT_EQ(bands.at(R"({"label":"bell","attribute":"pitch"})"),
            "high-pitched");  // exactly 20 % above 1000 Hz
  EXPECT_EQ(bands.at(R"({"label":"dog","attribute":"pitch"})"), "low-pitched");
  EXPECT_EQ(bands.at(R"({"k":3,"attribute":"reverb"})"), "a moderate echo");
  EXPECT_EQ(bands.at(R"({"label":"siren","attribute":"length"})"), "more than three seconds");
  EXPECT_FALSE(bands.contains(R"({"label":"dog","attribute":"length"})"));  // on the border
}

TEST(FactoryAttribute, SpeakersByTranscriptOrLabel) {
  Record record = record_with({{"bell", 0, 1}});
  record.speech = {{"hello", 1, 2, "en", 0.1, "", "woman"}};
  const auto speaker = [&](const char* which) {
    const auto answers = answers_of("attribute", "speaker", record);
    const auto found = answers.find(std::string(R"({"which":")") + which + "\"}");
    return found == answers.end() ? "" : found->second;
  };
  EXPECT_EQ(speaker("only"), "a woman");
  record.speech.push_back({"hi", 3, 4, "en", 0.1, "", "child"});
  EXPECT_EQ(speaker("only"), "");
  EXPECT_EQ(speaker("first"), "a woman");
  EXPECT_EQ(speaker("last"), "a child");
  record.speech.push_back({"so", 3.2, 4.5, "en", 0.1, "", "man"});
  EXPECT_EQ(speaker("first"), "a woman");
  EXPECT_EQ(speaker("last"), "");  // two at nearly the same time
  record.speech[1].speaker = "";
  EXPECT_EQ(speaker("first"), "");  // someone
  record.speech = {{"noise", 1, 2, "en", 0.9, "", "man"}};
  EXPECT_EQ(speaker("only"), "");
  record.speech.clear();
  record.events = {{"Male speech, man speaking", 0, 2}, {"Female speech, woman speaking", 3, 5}};
  EXPECT_EQ(speaker("first"), "a man");
  EXPECT_EQ(speaker("last"), "a woman");
  record.events.push_back({"Speech", 6, 7});
  EXPECT_EQ(speaker("first"), "");
}

TEST(FactoryAttribute, DrawnRecordsHold) {
  expect_all_hold("attribute", 100);
}
TEST(FactoryAttribute, FaultsAreFound) {
  expect_faults_found("attribute");
}
TEST(FactoryAttribute, WordingsRender) {
  expect_wordings_render("attribute");
}
TEST(FactoryAttribute, LettersAreEven) {
  expect_letters_even("attribute");
}
TEST(FactoryAttribute, OptionsTellNothing) {
  expect_blind_at_chance("attribute");
}

}  // namespace
}  // namespace af2
