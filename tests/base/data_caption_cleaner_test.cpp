#include "af2/data/caption_cleaner.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace af2 {
namespace {

std::string cleaned(const std::string& text) {
  return clean_caption(text).text;
}

TEST(CaptionCleaner, EachRuleDoesWhatItsExampleSays) {
  const std::vector<CleanRule> rules = clean_rules();
  EXPECT_EQ(rules.size(), 15u);
  for (const CleanRule& rule : rules) {
    const CleanedCaption clean = clean_caption(rule.before);
    EXPECT_EQ(clean.text, rule.after) << rule.name;
    EXPECT_TRUE(std::any_of(clean.changes.begin(), clean.changes.end(), [&](const CaptionChange& change) {
      return change.rule == rule.name;
    })) << rule.name;
    // What a rule made is left alone by all of them.
    EXPECT_TRUE(clean_caption(rule.after).changes.empty()) << rule.name;
  }
}

TEST(CaptionCleaner, LeavesAloneWhatIsHeard) {
  for (const char* text :
       {"A dog barks twice, then a door falls shut.", "white noise and pink noise", "a blue jay calls",
        "Rain falls in the distance while thunder rumbles", "A man speaks in a low voice in a large hall",
        "Someone reads a text aloud", "The word \"stop\" is shouted", "a person dresses a wound",
        "A screen door slams", "someone walks in the snow and a camel grunts",
        "footsteps in boots-deep water", "a clock that reads out the hours", "Birds sing in the background",
        "a sign creaks in the wind", "An orange falls", "people cheer in a stadium",
        "a kettle whistles; steam hisses", "Two men, a woman and a child talk", "It's a 1960s engine"})
    EXPECT_EQ(cleaned(text), text);
}

TEST(CaptionCleaner, TakesOutWhatOnlyTheEyeKnows) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"A man in a red shirt speaks", "A man speaks"},
      {"A woman dressed in a long black coat laughs", "A woman laughs"},
      {"a boy wearing glasses and a cap whistles", "a boy whistles"},
      {"In this video, a cat purrs", "A cat purrs"},
      {"The audio contains a bell ringing", "A bell ringing"},
      {"We can hear a bird chirping", "A bird chirping"},
      {"a siren is faintly heard, a crowd is heard", "a siren, a crowd"},
      {"An old blue car idles", "An old car idles"},
      {"a black and white owl hoots", "an owl hoots"},
      {"a close-up shot of a kettle boiling", "a kettle boiling"},
      {"Waves crash while the camera zooms in", "Waves crash"},
      {"The camera pans over a field. A cow moos", "A cow moos"},
      {"A man talks with the text \"subscribe\" displayed", "A man talks"},
      {"A man can be seen hammering", "A man hammering"},
      {"<i>rain</i>", "rain"},
      {"wind &amp; rain", "wind rain"},
      {"applause www.example.org/a", "applause"},
      {"**Thunder** rolls", "Thunder rolls"},
      {"A woman speaks in Mandarin while rain falls", "A woman speaks while rain falls"},
      {"Caption: a horn honks", "A horn honks"}};
  for (const auto& [before, after] : cases) EXPECT_EQ(cleaned(before), after) << before;
}

TEST(CaptionCleaner, DropsWithAReasonAndNeverInSilence) {
  const auto reason = [](const std::string& text, CleanOptions options = {}) {
    const CleanedCaption clean = clean_caption(text, options);
    EXPECT_EQ(clean.text.empty(), !clean.dropped.empty()) << text;
    return clean.dropped;
  };
  EXPECT_EQ(reason(""), "empty");
  EXPECT_EQ(reason(" \n\t"), "empty");
  EXPECT_EQ(reason("\xff\xfe sound"), "no_text");
  EXPECT_EQ(reason("a \xe4\xbd"), "no_text");  // a character cut in two
  EXPECT_EQ(reason(std::string(5000, 'a')), "no_text");
  EXPECT_EQ(reason("\xE4\xBD\xA0\xE5\xA5\xBD\xE4\xBD\xA0\xE5\xA5\xBD ok"), "other_script");
  EXPECT_EQ(reason("The camera pans to the left."), "nothing_left");
  EXPECT_EQ(reason("https://example.org"), "nothing_left");
  EXPECT_EQ(reason("rain", {2, 60}), "too_short");
  EXPECT_EQ(reason("rain falls on and on", {1, 4}), "too_long");
  EXPECT_EQ(reason("rain"), "");
}

TEST(CaptionCleaner, EveryChangeIsRecorded) {
  const CleanedCaption clean = clean_caption("A man in a red shirt speaks. Visit www.example.org");
  ASSERT_EQ(clean.changes.size(), 3u);
  EXPECT_EQ(clean.changes[0].rule, "address");
  EXPECT_NE(clean.changes[0].taken.find("www.example.org"), std::string::npos);
  EXPECT_EQ(clean.changes[1].rule, "clothes");
  EXPECT_NE(clean.changes[1].taken.find("in a red shirt"), std::string::npos);
  EXPECT_EQ(clean.changes[1].put, "");
  EXPECT_EQ(clean.text, "A man speaks.");
  EXPECT_TRUE(clean_caption("A man speaks.").changes.empty());
}

TEST(CaptionCleaner, StandsHostileInput) {
  for (const char* part :
       {"in a ", "<", "\"", "in the video ", "the camera ", "( ", "red and ", "wearing a "}) {
    std::string text;
    while (text.size() < 3900) text += part;
    const CleanedCaption clean = clean_caption(text, {1, 100000});
    EXPECT_LE(clean.text.size(), text.size());
  }
}

TEST(CaptionCleaner, PointsInTimeGoAndLengthsStay) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"At 0:04 a door slams.", "A door slams."},
      {"[0.0 - 4.0] A dog barks.", "A dog barks."},
      {"(00:12) Rain falls at 00:15.", "Rain falls."},
      {"0:03 - 0:07: A bell rings", "A bell rings"},
      {"From 0:05 to 0:09, a man hums.", "A man hums."},
      {"A gate creaks at the 5-second mark, then closes.", "A gate creaks, then closes."},
      {"Between 2 and 5 seconds a horn blows.", "A horn blows."},
      {"Music plays during the first 4 seconds.", "Music plays."},
      {"A whistle blows at 3.5s and at 7 s.", "A whistle blows."},
      {"At timestamp 00:00:04.000, glass breaks", "Glass breaks"}};
  for (const auto& [before, after] : cases) EXPECT_EQ(cleaned(before), after);
  for (const char* text :
       {"A clock ticks for 5 seconds", "After 3 seconds of silence a bell rings.",
        "A bell at 3 second intervals.", "A child counts from 1 to 10.", "Two bells ring between 2 doors."})
    EXPECT_EQ(cleaned(text), text);
}

TEST(CaptionCleaner, MandarinGoesHoweverItIsPut) {
  const std::vector<std::pair<const char*, const char*>> cases = {
      {"Mandarin speech and a fan.", "Speech and a fan."},
      {"A Mandarin-speaking woman laughs.", "A woman laughs."},
      {"A man (in Mandarin) talks while a bell rings", "A man talks while a bell rings"},
      {"a man speaking Chinese near water", "a man speaking near water"}};
  for (const auto& [before, after] : cases) EXPECT_EQ(cleaned(before), after);
  EXPECT_EQ(cleaned("A Chinese gong is struck"), "A Chinese gong is struck");
}

TEST(CaptionCleaner, NotesKeepWhatIsSeen) {
  EXPECT_EQ(clean_note("The camera pans over a red barn at 0:03.").text, "The camera pans over a red barn.");
  EXPECT_EQ(clean_note("<b>A man</b> in a blue coat speaks Mandarin.").text, "A man in a blue coat speaks.");
  EXPECT_EQ(clean_note("  ").dropped, "empty");
  EXPECT_EQ(clean_caption("The camera pans over a red barn at 0:03.").dropped, "nothing_left");
}

}  // namespace
}  // namespace af2
