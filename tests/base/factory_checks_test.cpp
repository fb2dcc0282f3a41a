// Checks of items: each catches what is planted for it and lets the clean twin pass; AudioSet's ontology;
// sets that are read, checked and written in every form.
#include "af2/factory/checks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <numbers>

#include "../scratch.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/manifest.h"
#include "af2/data/ontology.h"
#include "af2/factory/set_files.h"
#include "factory_item_maker.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::UnorderedElementsAre;

class FactoryChecks : public ::testing::Test {
 protected:
  std::vector<std::string> reasons(const Item& item, const Record* record = nullptr,
                                   CheckOptions options = {}) {
    const ItemChecker checker(words, std::move(options));
    const Record own = test::made_record(item);
    std::vector<std::string> list;
    for (const ItemFault& fault : checker.faults(item, record ? record : &own)) list.push_back(fault.reason);
    return list;
  }
  // The clean item passes; with what `plant` does to it, `reason` is told.
  void caught(const char* reason, const std::function<void(Item&)>& plant, int i = 0,
              CheckOptions options = {}) {
    Item item = test::made_item(i);
    EXPECT_THAT(reasons(item, nullptr, options), IsEmpty()) << "the clean twin of " << reason;
    plant(item);
    const Record record = test::made_record(test::made_item(i));
    EXPECT_THAT(reasons(item, &record, options), Contains(reason));
  }

  Vocabulary words{test::maker_labels()};
  test::Scratch scratch;
};

TEST_F(FactoryChecks, LongClipsMayHaveALimit) {
  Item item = test::made_item(0);
  item.is_long = true, item.duration = 301;
  const Record record = test::made_record(item);
  CheckOptions options;
  EXPECT_THAT(reasons(item, &record, options), Not(Contains("form/duration")));
  options.long_clip_s = 300;
  EXPECT_THAT(reasons(item, &record, options), Contains("form/duration"));
}

TEST_F(FactoryChecks, FormOfAnItem) {
  caught("form/skill", [](Item& item) { item.skill = "captioning"; });
  caught("form/skill", [](Item& item) { item.is_long = true, item.skill = "counting"; });
  caught("form/type", [](Item& item) { item.type.clear(); });
  caught("form/form", [](Item& item) { item.form = "essay"; });
  caught("form/form", [](Item& item) { item.options.clear(), item.kinds.clear(); });
  caught("form/form", [](Item& item) { item.form = "short"; });
  caught("form/level", [](Item& item) { item.level = "4"; });
  caught("form/split", [](Item& item) { item.split = "eval"; });
  caught("form/duration", [](Item& item) { item.duration = 0; });
  caught("form/duration", [](Item& item) { item.duration = 31; });
  caught("form/evidence", [](Item& item) { item.evidence[0].offset = 10.2; });
  caught("form/evidence", [](Item& item) { item.evidence[0].offset = item.evidence[0].onset; });
  caught("form/audio", [](Item& item) { item.audio.clear(); });
  // What is just allowed: a tenth of a second past the end, half a second over the limit of short clips.
  Item item = test::made_item(0);
  item.duration = 30.4, item.evidence[0].offset = 30.45;
  EXPECT_THAT(reasons(item), IsEmpty());
}

TEST_F(FactoryChecks, LengthsOfTexts) {
  const auto times = [](int n) {
    std::string text = "dogs";
    for (int i = 1; i < n; ++i) text += " bark";
    return text;
  };
  caught("texts/question_long", [&](Item& item) { item.question = times(21); });
  caught("texts/option_long", [&](Item& item) {
    for (auto& option : item.options) option = times(11);
  });
  caught("texts/answer_long", [&](Item& item) {
    item.answer = item.options[static_cast<std::size_t>(item.answer_index)] = times(11);
  });
  caught(
      "texts/answer_long", [&](Item& item) { item.answer = times(11); }, 2);
  caught("texts/empty", [&](Item& item) { item.question = "?"; });
  Item item = test::made_item(2);
  item.question = times(20), item.answer = times(10);
  EXPECT_THAT(reasons(item), IsEmpty());
  // What is listed by letters are options.
  item.question = times(15) + ". (A) " + times(4) + ". (B) " + times(4) + ". (C) " + times(4) + ".";
  EXPECT_THAT(reasons(item), IsEmpty());
  item.question = times(21) + ". (A) " + times(4) + ". (B) " + times(4) + ".";
  EXPECT_THAT(reasons(item), ElementsAre("texts/question_long"));
  // Type combine asks several things at once.
  item.question = times(40), item.type = "combine";
  EXPECT_THAT(reasons(item), IsEmpty());
  // Open answers: 30 words of short clips, 20 of long ones, 25 of captions and plots.
  item = test::made_item(2);
  item.skill = "contextual_sound", item.form = "open", item.level = "hard";
  item.answer = times(30);
  EXPECT_THAT(reasons(item), IsEmpty());
  item.answer = times(31);
  EXPECT_THAT(reasons(item), ElementsAre("texts/answer_long"));
  item.is_long = true, item.skill = "needle", item.answer = times(20);
  EXPECT_THAT(reasons(item), IsEmpty());
  item.answer = times(21);
  EXPECT_THAT(reasons(item), ElementsAre("texts/answer_long"));
  item.skill = "plot", item.answer = times(25);
  EXPECT_THAT(reasons(item), IsEmpty());
  item.answer = times(26);
  EXPECT_THAT(reasons(item), ElementsAre("texts/answer_long"));
  EXPECT_EQ(word_count("(B)(A)(D)(C)"), 4);
  EXPECT_EQ(word_count("Is it, then, a dog?"), 5);
}

TEST_F(FactoryChecks, PhrasesThatGiveTheMakingAway) {
  for (const char* question :
       {"Which sound does the caption name?", "According to the clip, what comes first?",
        "Which timestamps belong to the dog?", "What is in the metadata?",
        "Which of the listed sounds is first?", "Which sound from the list is first?"})
    caught("texts/banned_phrase", [&](Item& item) { item.question = question; });
  caught("texts/banned_phrase", [](Item& item) { item.options[0] = "the caption of it"; });
  // To make a list is no list of ours; where a caption is asked for it may be called so.
  Item asked = test::made_item(0);
  asked.question = "How long would a list of the sounds be?";
  EXPECT_THAT(reasons(asked), IsEmpty());
  asked.question = "Which caption is right?";
  EXPECT_THAT(reasons(asked), ElementsAre("texts/banned_phrase"));
  asked.skill = "foundational";
  EXPECT_THAT(reasons(asked), IsEmpty());
  asked.is_long = true, asked.skill = "captioning";
  EXPECT_THAT(reasons(asked), IsEmpty());
  // Words that only begin alike.
  Item item = test::made_item(0);
  item.question = "Which listener would be captivated first?";
  EXPECT_THAT(reasons(item), IsEmpty());
  // A caption of a long clip is a sentence of its own.
  item = test::made_item(2);
  item.is_long = true, item.skill = "captioning", item.form = "open", item.level = "easy";
  item.answer = "A dog barks in a yard while rain falls.";
  EXPECT_THAT(reasons(item), IsEmpty());
  item.answer = "The sound of a dog and of rain.";
  EXPECT_THAT(reasons(item), ElementsAre("texts/banned_phrase"));
  item.answer = "A dog, rain, wind, a bell, and a car.";
  EXPECT_THAT(reasons(item), ElementsAre("texts/comma_list"));
}

TEST_F(FactoryChecks, NamesOfPersons) {
  for (const char* text :
       {"Alice speaks first.", "What does Thomas say?", "Is it Emma's dog?", "Who is Mr. Baxter talking to?",
        "the voice of Dr Okafor", "Is this Frida Lindqvist singing?", "John Coltrane",
        "It is played by Ludwig Bergmann"})
    EXPECT_NE(person_name(text), "") << text;
  for (const char* text :
       {"A rose is cut, will it bark?", "The C Major chord", "Which chord comes after Am7 G?",
        "I hear a French horn.", "On New Year's Eve a clock strikes.", "Is it a Hammond organ?",
        "Is it in D Minor?", "Monday. Thursday.", "A Dog Barking Loudly", "\"Rain falls.\" Then thunder.",
        "A TV and a DJ", "Christmas Eve bells", "A Doppler shift is heard.", "What follows? Thunder. Rain.",
        "A captain speaks to a queen.", "Which is right: Rain or Wind?"})
    EXPECT_EQ(person_name(text), "") << text;
  caught("texts/name", [](Item& item) { item.question = "What does Margaret hear first?"; });
}

TEST_F(FactoryChecks, EnglishOnly) {
  for (const char* text :
       {"Welche Sache ist das und was ist nicht da?", "Quel est le son qui est dans le clip?",
        "\xd0\xa7\xd1\x82\xd0\xbe first?", "\xe5\xa3\xb0 first", "broken \xff bytes"})
    EXPECT_NE(language_problem(text), "") << text;
  for (const char* text : {"Which sound is heard first?", "caf\xc3\xa9 noise",
                           "an \xe2\x80\x9c"
                           "echo\xe2\x80\x9d \xe2\x80\x93 loud",
                           "3", "a la carte", "F\xe2\x99\xaf minor"})
    EXPECT_EQ(language_problem(text), "") << text;
  caught("texts/not_english", [](Item& item) { item.question = "Was ist das und wie ist es?"; });
}

TEST_F(FactoryChecks, Options) {
  caught("options/number", [](Item& item) {
    for (int i = 0; i < 3; ++i)
      item.options.push_back("a cow number " + std::to_string(i)), item.kinds.push_back("value");
  });
  caught("options/same", [](Item& item) { item.options[0] = "The same!", item.options[1] = "same"; });
  caught("options/empty",
         [](Item& item) { item.options[(static_cast<std::size_t>(item.answer_index) + 1) % 4] = "the"; });
  caught("options/answer", [](Item& item) { item.answer = "a goat bleating"; });
  caught("options/answer", [](Item& item) { item.answer_index = 4; });
  caught("options/kind", [](Item& item) { item.kinds.pop_back(); });
  caught("options/kind", [](Item& item) { item.kinds[0] = "perhaps"; });
  caught("options/kind",
         [](Item& item) { item.kinds[static_cast<std::size_t>(item.answer_index)] = "absent"; });
  caught("options/kind",
         [](Item& item) { item.kinds[(static_cast<std::size_t>(item.answer_index) + 1) % 4] = "present"; });
  caught(
      "options/yes_no", [](Item& item) { item.answer = "maybe"; }, 3);
  caught("options/length", [](Item& item) {
    item.answer = item.options[static_cast<std::size_t>(item.answer_index)] =
        "a very large and old dog barking in anger";
  });
}

TEST_F(FactoryChecks, RightOptionMustNotStandOutByItsLength) {
  EXPECT_EQ(length_problem({"a dog", "a cat", "an old cow"}, 2, 0.6, 12), "");
  EXPECT_NE(length_problem({"a dog", "a cat", "an old cow in the field"}, 2, 0.6, 12), "");
  EXPECT_EQ(length_problem({"a dog", "a cat", "an old cow in the field"}, 1, 0.6, 12),
            "");  // a wrong one may
  EXPECT_NE(length_problem({"a dog in the old yard", "a cow in the old yard", "rain"}, 2, 0.6, 12), "");
  EXPECT_EQ(length_problem({"a dog in the old yard", "a cow", "rain"}, 2, 0.6, 12), "");
}

TEST_F(FactoryChecks, TwoSoundsOfFiveOptionsAboutDurationAreInTheClip) {
  Item item = test::made_item(0);
  item.type = "duration", item.facts = {{"which", "longest"}};
  Record record = test::made_record(item);
  const auto right = static_cast<std::size_t>(item.answer_index);
  std::vector<std::size_t> wrong;
  for (std::size_t i = 0; i < 4; ++i)
    if (i != right) wrong.push_back(i);
  for (const LabelInfo& label : words.labels())
    if (std::find(item.options.begin(), item.options.end(), label.phrase) == item.options.end()) {
      item.options.push_back(label.phrase), item.kinds.push_back("absent");
      break;
    }
  const auto sounds = [&](std::size_t i) {
    item.kinds[i] = "present";
    RecordEvent event;
    event.label = words.at(words.find(item.options[i])).name, event.onset = 3, event.offset = 3.6;
    record.events.push_back(event);
  };
  sounds(wrong[0]);
  EXPECT_THAT(reasons(item, &record), ElementsAre("options/kind"));
  sounds(wrong[1]);
  EXPECT_THAT(reasons(item, &record), IsEmpty());
}

TEST_F(FactoryChecks, SynonymsAndWiderClassesAreNoDistractors) {
  write_file_atomic(scratch / "ontology.json", R"([
    {"id":"/m/1","name":"Animal","child_ids":["/m/2","/m/5"]},
    {"id":"/m/2","name":"Domestic animals, pets","child_ids":["/m/3"]},
    {"id":"/m/3","name":"Dog","child_ids":["/m/4"]},
    {"id":"/m/4","name":"Bark","child_ids":[]},
    {"id":"/m/5","name":"Owl"}])");
  const std::vector<LabelInfo> ontology = read_ontology(scratch / "ontology.json");
  ASSERT_EQ(ontology.size(), 5u);
  EXPECT_EQ(ontology[1].name, "bark");
  EXPECT_THAT(ontology[1].parents, UnorderedElementsAre("dog", "domestic animals, pets", "animal"));
  EXPECT_THAT(ontology[3].synonyms, ElementsAre("domestic animals", "pets"));
  std::vector<LabelInfo> labels = test::maker_labels();
  labels.push_back(label_of_name("pets"));
  labels.push_back(label_of_name("hound"));
  labels.back().synonyms = {"dog"};
  words = Vocabulary(labels);
  Item item = test::made_item(0);
  item.kinds.clear();
  item.options = {"a dog barking", "pets", "an owl hooting", "a bell ringing"};
  item.answer_index = 0, item.answer = item.options[0];
  EXPECT_THAT(reasons(item), IsEmpty());  // nothing is known of pets yet
  add_parents(labels, ontology);
  words = Vocabulary(labels);
  EXPECT_THAT(reasons(item), ElementsAre("options/confusable"));
  item.options[1] = "hound";
  EXPECT_THAT(reasons(item), ElementsAre("options/confusable"));
  item.options[1] = "a baby crying";
  EXPECT_THAT(reasons(item), IsEmpty());
  for (const char* bad :
       {"{}", "[]", R"([{"id":"1"}])", R"([{"id":"1","name":"x","child_ids":["2"]}])",
        R"([{"id":"1","name":"x"},{"id":"1","name":"y"}])",
        R"([{"id":"1","name":"x","child_ids":["2"]},{"id":"2","name":"y","child_ids":["1"]}])"}) {
    write_file_atomic(scratch / "bad.json", bad);
    EXPECT_THROW(read_ontology(scratch / "bad.json"), Error) << bad;
  }
}

TEST_F(FactoryChecks, Licences) {
  CheckOptions options;
  options.allow_licence = {"CC0", "CC BY 4.0"};
  caught(
      "licence/not_allowed", [](Item& item) { item.licence = "CC BY-NC 4.0"; }, 0, options);
  caught(
      "licence/not_allowed", [](Item& item) { item.licence = "CC0; CC BY-NC 4.0"; }, 0, options);
  caught(
      "licence/not_allowed", [](Item& item) { item.licence = ""; }, 0, options);
  Item item = test::made_item(0);
  item.licence = "cc-by-4.0, CC0";
  EXPECT_THAT(reasons(item, nullptr, options), IsEmpty());
}

TEST_F(FactoryChecks, SoundOfTheClip) {
  const auto tone = [](double seconds, double level) {
    std::vector<float> x(static_cast<std::size_t>(16000 * seconds));
    for (std::size_t i = 0; i < x.size(); ++i)
      x[i] = static_cast<float>(std::clamp(level * std::sin(0.1 * static_cast<double>(i)), -1.0, 1.0));
    return x;
  };
  const auto faults = [&](const fs::path& file, double start, double duration, bool cut) {
    std::vector<std::string> list;
    for (const ItemFault& f : audio_faults(file, start, duration, cut, 0.5)) list.push_back(f.reason);
    return list;
  };
  write_wav(scratch / "good.wav", tone(10, 0.5));
  write_wav(scratch / "loud.wav", tone(10, 1.5));
  write_wav(scratch / "silent.wav", std::vector<float>(160000, 0.0f));
  write_file_atomic(scratch / "broken.wav", "RIFFxxxx");
  EXPECT_THAT(faults(scratch / "good.wav", 0, 10.4, false), IsEmpty());
  EXPECT_THAT(faults(scratch / "good.wav", 0, 10.6, false), ElementsAre("audio/duration"));
  EXPECT_THAT(faults(scratch / "good.wav", 0, 5, false), ElementsAre("audio/duration"));
  EXPECT_THAT(faults(scratch / "good.wav", 0, 5, true), IsEmpty());
  EXPECT_THAT(faults(scratch / "good.wav", 7, 5, true), ElementsAre("audio/duration"));
  EXPECT_THAT(faults(scratch / "loud.wav", 0, 10, false), ElementsAre("audio/clipped"));
  EXPECT_THAT(faults(scratch / "silent.wav", 0, 10, false), ElementsAre("audio/silent"));
  EXPECT_THAT(faults(scratch / "broken.wav", 0, 10, false), ElementsAre("audio/unreadable"));
  EXPECT_THAT(faults(scratch / "gone.wav", 0, 10, false), ElementsAre("audio/missing"));
}

TEST_F(FactoryChecks, ASetIsCountedWithFirstPlaces) {
  std::vector<Item> items = test::made_items(40);
  std::vector<Record> records;
  for (std::size_t i = 0; i < items.size(); i += 4) {
    Record record = test::made_record(items[i]);
    for (const ItemEvidence& e : items[i + 1].evidence) {
      RecordEvent event;
      event.label = e.label, event.onset = e.onset, event.offset = e.offset;
      record.events.push_back(event);
    }
    // What one of the two questions calls absent must not be the other's answer.
    for (Item* item : {&items[i], &items[i + 1]}) item->kinds.clear();
    records.push_back(record);
  }
  const ItemChecker checker(words, {});
  EXPECT_EQ(check_items(items, records, checker, "").failed, 0);
  EXPECT_THAT(items[0].checks, ElementsAre("form", "texts", "options"));
  items[5].question = "What does the caption say?";
  items[9].question = "What does the caption say?";
  items[12].id = items[11].id;
  records.pop_back();
  int told = 0;
  const SetCheck check =
      check_items(items, records, checker, "", [&](const Item&, const ItemFault&) { ++told; });
  EXPECT_EQ(check.failed, 7);
  EXPECT_EQ(told, 7);
  EXPECT_EQ(check.counts.dropped.at("texts/banned_phrase"), 2);
  EXPECT_THAT(check.counts.first.at("texts/banned_phrase"), HasSubstr("item0000005: caption"));
  EXPECT_EQ(check.counts.dropped.at("id/twice"), 1);
  EXPECT_EQ(check.counts.dropped.at("record/missing"), 4);
  EXPECT_EQ(check.keep[5], 0);
  EXPECT_EQ(check.keep[6], 1);
  // With sounds: none of the files is there.
  EXPECT_EQ(check_items(items, records, checker, scratch.path()).counts.dropped.at("audio/missing"), 40);
}

// ---- Files of sets ----------------------------------------------------------------------------------------

TEST_F(FactoryChecks, ASetFolderComesBack) {
  std::vector<Item> items = test::made_items(12);
  std::swap(items[0], items[7]);
  items[3].facts = {{"label", "dog"}, {"n", 3}};
  const std::vector<Record> records = {test::made_record(test::made_item(0))};
  EXPECT_FALSE(is_item_set(scratch.path()));
  write_item_set(scratch.path(), items, records);
  ASSERT_TRUE(is_item_set(scratch.path()));
  const ItemSet set = read_item_set(scratch.path());
  ASSERT_EQ(set.items.size(), 12u);
  for (int i = 0; i < 12; ++i)
    EXPECT_EQ(set.items[static_cast<std::size_t>(i)].id, test::numbered("item", i));
  EXPECT_EQ(item_line(set.items[3]), item_line(items[3]));
  EXPECT_EQ(set.records.at(0).events.at(0).label, records[0].events[0].label);
  // The same set again: the same bytes.
  const std::string before = read_file(scratch / "items.jsonl");
  write_item_set(scratch.path(), set.items, set.records);
  EXPECT_EQ(read_file(scratch / "items.jsonl"), before);
  write_file_atomic(scratch / "items.jsonl", before + before.substr(0, before.find('\n') + 1));
  EXPECT_THROW(read_item_set(scratch.path()), Error);
  write_file_atomic(scratch / "items.jsonl", before + "{\"id\":3}\n");
  try {
    read_item_set(scratch.path());
    ADD_FAILURE();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_THAT(error.what(), HasSubstr("items.jsonl:13"));
  }
}

TEST_F(FactoryChecks, Manifests) {
  std::vector<Item> items = test::made_items(8);
  items[4].split = "test";
  items[5].start = 2.5;
  write_jsonl_manifest(scratch / "all.jsonl", items);
  const auto lines = read_manifest(scratch / "all.jsonl");
  ASSERT_EQ(lines.size(), 8u);
  EXPECT_EQ(lines[0].prompt, prompt_of(items[0]));
  EXPECT_EQ(lines[0].outputs.at(0), output_of(items[0]));
  EXPECT_EQ(lines[0].task, "temporal");
  EXPECT_EQ(lines[5].start_s, 2.5);
  EXPECT_EQ(lines[5].duration_s, 10);

  const auto files = write_af2_manifests(scratch / "af2", "Made", items);
  EXPECT_THAT(
      files, ElementsAre("Made-counting/train.json", "Made-general/train.json", "Made-information/train.json",
                         "Made-temporal/test.json", "Made-temporal/train.json"));
  const Json json = parse_json(read_file(scratch / "af2/Made-information/train.json"), "made");
  EXPECT_EQ(json["split"], "train");
  EXPECT_EQ(json["split_path"], "clips");
  EXPECT_EQ(json["flamingo_task"], "Made-information");
  EXPECT_EQ(json["total_num"], 2);
  EXPECT_EQ(json["data"]["0"]["name"], "clip0000000.wav");
  EXPECT_EQ(json["data"]["0"]["prompt"], prompt_of(items[1]));
  EXPECT_EQ(json["data"]["0"]["output"], output_of(items[1]));
  EXPECT_EQ(json["data"]["0"]["duration"], 10);
  EXPECT_FALSE(json["data"]["0"].contains("audio_start"));
  EXPECT_EQ(json["data"]["1"]["audio_start"], 2.5);

  EXPECT_EQ(write_af3_manifest(scratch / "af3.json", items), 1);  // a stretch has no place in this form
  const Json talks = parse_json(read_file(scratch / "af3.json"), "af3");
  ASSERT_EQ(talks.size(), 7u);
  EXPECT_EQ(talks[0]["sound"], items[0].audio.str());
  EXPECT_EQ(talks[0]["conversations"][0]["from"], "human");
  EXPECT_EQ(talks[0]["conversations"][0]["value"], "<sound>\n" + prompt_of(items[0]));
  EXPECT_EQ(talks[0]["conversations"][1]["value"], output_of(items[0]));
}

}  // namespace
}  // namespace af2
