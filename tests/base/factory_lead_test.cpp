// What a question is about in few words, from its facts alone; and that manifests hand it on.
#include "af2/factory/lead.h"

#include <gtest/gtest.h>

#include "../scratch.h"
#include "af2/data/manifest.h"
#include "af2/factory/set_files.h"

namespace af2 {
namespace {

Vocabulary lead_words() {
  return Vocabulary({{"dog", "a dog barking", "a dog", "a dog barks", {}, "animal", {}},
                     {"bell", "a bell ringing", "a bell", "a bell rings", {}, "object", {}},
                     {"rain", "rain falling", "rain", "rain falls", {}, "nature", {}}});
}

// A dog, rain twice and a bell, in that order, over wind.
Record lead_walk() {
  Record record;
  record.id = record.audio = "walk";
  record.events = {{"wind", 0, 9}, {"rain", 3, 4}, {"dog", 1, 2}, {"rain", 5, 6}, {"bell", 7, 8}};
  record.events[0].role = "background";
  return record;
}

std::string lead_text(const std::string& type, const Json& facts, const std::string& answer = "yes",
                      const std::vector<std::string>& evidence = {}) {
  Item item;
  item.type = type, item.facts = facts, item.answer = answer;
  for (const std::string& label : evidence) item.evidence.push_back({label, 1.0, 2.0});
  const Record record = lead_walk();
  return lead_of(item, lead_words(), &record);
}

TEST(Lead, NamesTheSoundAndWhichOne) {
  EXPECT_EQ(lead_text("presence", {{"label", "dog"}}), "a dog barking");
  EXPECT_EQ(lead_text("count", {{"label", "wolf_howl"}}, "3"), "wolf howl") << "not in the vocabulary";
  EXPECT_EQ(lead_text("referring", {{"which", "after"}, {"label", "rain"}}), "after rain falling");
  EXPECT_EQ(lead_text("referring", {{"which", "kth"}, {"k", 4}}), "fourth");
  EXPECT_EQ(lead_text("comparative", {{"attribute", "loudness"}, {"which", "least"}}), "softest");
  EXPECT_EQ(lead_text("pair", {{"attribute", "length"}, {"which", "more"}, {"labels", {"dog", "rain"}}}),
            "longer of a dog barking and rain falling");
  EXPECT_EQ(lead_text("at_time", {{"attribute", "pitch"}, {"k", 3}, {"j", 5}}), "pitch third to fifth");
  EXPECT_EQ(lead_text("beside_most", {{"attribute", "length"}, {"which", "most"}, {"side", "before"}}),
            "before longest");
  EXPECT_EQ(lead_text("lasting_beside", {{"label", "dog"}, {"side", "after"}, {"which", "longest"}}),
            "longest after a dog barking");
  EXPECT_EQ(lead_text("count_beside", {{"label", "bell"}, {"anchor", "dog"}, {"side", "after"}}, "2"),
            "a bell ringing after a dog barking");
  EXPECT_EQ(lead_text("compare_two", {{"attribute", "loudness"}, {"which", "less"}, {"place", "last"}}),
            "softer of the last two");
  EXPECT_EQ(lead_text("has", {{"label", "rain"}, {"first", "dog"}, {"second", "bell"}}),
            "rain falling between a dog barking and a bell ringing");
  EXPECT_EQ(lead_text("together", {{"labels", {"dog", "bell"}}}), "a dog barking and a bell ringing");
  EXPECT_EQ(lead_text("count_placed", {{"k", 2}}, "2", {"rain", "rain"}), "second rain falling");
  EXPECT_EQ(lead_text("how_long", {{"label", "rain"}}, "about a second", {"rain"}), "rain falling");
}

TEST(Lead, SaysWhatIsHeardBeforeAVerdict) {
  EXPECT_EQ(lead_text("presence", {{"label", "bell"}}, "no"), "a dog barking") << "the first that sounds";
  EXPECT_EQ(lead_text("kinds", Json::object(), "3"), "a dog, rain, a bell");
  EXPECT_EQ(lead_text("order_letters", {{"labels", {"rain", "dog"}}}, "(B)(A)", {"dog", "rain"}),
            "a dog, rain");
  EXPECT_EQ(lead_text("order", {{"labels", {"rain", "dog"}}}, "a dog, rain", {"dog", "rain"}), "")
      << "it says so itself";
  EXPECT_EQ(lead_text("description", {{"labels", {"rain", "dog"}}}, "A dog barks, then rain falls.",
                      {"dog", "rain"}),
            "");
  Item item;
  item.type = "presence", item.facts = {{"label", "bell"}}, item.answer = "no";
  EXPECT_EQ(lead_of(item, lead_words(), nullptr), "") << "without a record nobody knows";
}

TEST(Lead, NeverIsTheAnswer) {
  EXPECT_EQ(lead_text("sound", {{"label", "dog"}}, "a dog barking"), "");
  // A short clip's place is what is asked for; a long one has several.
  EXPECT_EQ(lead_text("place", {{"place", "a forest"}}, "a wood"), "");
}

TEST(Lead, StandsInTheMetaOfAManifest) {
  test::Scratch scratch;
  Item item;
  item.id = "a", item.audio = "a.wav", item.skill = "foundational", item.type = "presence",
  item.form = "yes_no";
  item.record = "walk";
  item.question = "Is there a bell?", item.answer = "no", item.facts = {{"label", "bell"}};
  write_jsonl_manifest(scratch / "with.jsonl", {item}, {lead_walk()}, lead_words());
  write_jsonl_manifest(scratch / "without.jsonl", {item});
  EXPECT_EQ(read_manifest(scratch / "with.jsonl").at(0).meta.at("lead"), "a dog barking");
  EXPECT_FALSE(read_manifest(scratch / "without.jsonl").at(0).meta.contains("lead"));
}

}  // namespace
}  // namespace af2
