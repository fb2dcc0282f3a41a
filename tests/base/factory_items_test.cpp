// Items, their words, and how rules' findings become items; choosing among many.
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/factory/item_maker.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

std::string refusal(const std::function<void()>& what) {
  try {
    what();
  } catch (const Error& error) {
    return error.what();
  }
  return "";
}

Vocabulary animals() {
  LabelInfo dog{"dog", "a dog barking", "a dog", "a dog barks", {"puppy"}, "animal", {"animal"}};
  LabelInfo hound{"hound", "a hound baying", "a hound", "a hound bays", {"dog"}, "animal", {}};
  LabelInfo animal{"animal", "an animal", "an animal", "an animal sounds", {}, "animal", {}};
  LabelInfo bell{"bell", "a bell ringing", "a bell", "a bell rings", {}, "object", {}};
  return Vocabulary({dog, hound, animal, bell});
}

TEST(Vocabularies, FindLabelsByNameTermAndPlainName) {
  const Vocabulary words = animals();
  EXPECT_EQ(words.at(words.find("dog")).name, "dog");
  EXPECT_EQ(words.at(words.find("Puppy")).name, "dog");
  EXPECT_EQ(words.at(words.find("a bell ringing")).name, "bell");
  EXPECT_EQ(words.at(words.find("BELL")).name, "bell");
  EXPECT_EQ(words.find("violin"), -1);
  EXPECT_EQ(words.worded("puppy", &LabelInfo::sentence), "a dog barks");
  EXPECT_EQ(words.worded("Dog_bark", &LabelInfo::sentence), "dog bark");
}

TEST(Vocabularies, SharedWordsAndParentsAreConfusable) {
  const Vocabulary words = animals();
  const auto confusable = [&](const char* a, const char* b) {
    return words.confusable(words.find(a), words.find(b));
  };
  EXPECT_TRUE(confusable("dog", "dog"));
  EXPECT_TRUE(confusable("dog", "hound"));   // a synonym
  EXPECT_TRUE(confusable("dog", "animal"));  // a parent
  EXPECT_TRUE(confusable("animal", "dog"));
  EXPECT_FALSE(confusable("dog", "bell"));
  EXPECT_FALSE(confusable("hound", "animal"));  // not said
}

TEST(Vocabularies, OfRecordsWordKnownLabelsAsTheyAreKnown) {
  Record record;
  record.id = record.audio = "a";
  record.events = {{"Puppy", 0, 1}, {"Car_horn", 1, 2}};
  record.labels = {"bell"};
  const Vocabulary words = Vocabulary::of_records({record}, animals().labels());
  EXPECT_EQ(words.at(words.find("Puppy")).phrase, "a dog barking");
  EXPECT_EQ(words.at(words.find("Car_horn")).phrase, "car horn");
  EXPECT_EQ(words.size(), 6);  // the four, "puppy" and "car horn"
}

Item some_item() {
  Item item;
  item.id = "a/temporal.order.0", item.record = "a", item.audio = "audio/a.wav";
  item.skill = "temporal", item.type = "order", item.form = "choice";
  item.question = "Which sound comes first?";
  item.options = {"rain", "a dog barking"}, item.kinds = {"present", "present"};
  item.answer_index = 1, item.answer = "a dog barking";
  item.evidence = {{"dog", 0.5, 1.25}};
  item.facts = {{"k", 2}};
  return item;
}

TEST(Items, AreAskedAndAnsweredWithLetters) {
  const Item item = some_item();
  EXPECT_EQ(prompt_of(item), "Which sound comes first? (A) rain. (B) a dog barking.");
  EXPECT_EQ(output_of(item), "(B) a dog barking");
  Item open = item;
  open.options.clear(), open.answer_index = -1;
  EXPECT_EQ(prompt_of(open), "Which sound comes first?");
  EXPECT_EQ(output_of(open), "a dog barking");
}

TEST(Items, ComeBackFromTheirLine) {
  const Item item = some_item();
  const std::string line = item_line(item);
  EXPECT_EQ(line.find("licence"), std::string::npos);  // empty fields are left out
  const Item back = item_from_json(parse_json(line, "line"), "line");
  EXPECT_EQ(item_line(back), line);
  EXPECT_EQ(back.evidence.at(0).offset, 1.25);
  EXPECT_EQ(back.facts, item.facts);
}

TEST(Items, ThatCannotBeAreRefusedByKey) {
  const auto with = [](const std::string& key, const Json& value) {
    Json json = parse_json(item_line(some_item()), "line");
    json[key] = value;
    return refusal([&] { item_from_json(json, "items.jsonl:3"); });
  };
  EXPECT_NE(with("question", " ").find("items.jsonl:3 key question"), std::string::npos);
  EXPECT_NE(with("answer_index", 2).find("answer_index"), std::string::npos);
  EXPECT_NE(with("options", Json::array({"one"})).find("options"), std::string::npos);
  EXPECT_NE(with("anwser", "x").find("anwser"), std::string::npos);
}

TEST(RecordStories, KeepTheirRelationsWhenEventsAreSortedAndDropped) {
  Record record;
  record.id = record.audio = "a";
  record.duration = 10;
  record.events = {{"bark", 5, 6}, {"gone", 3, 2}, {"bell", 1, 2}};
  record.story.relations = {{"causes", 2, 0, "the dog barks because the bell rings"}, {"answers", 1, 0, ""}};
  RecordCounts counts;
  tidy(record, "a", counts);
  ASSERT_EQ(record.events.size(), 2u);
  ASSERT_EQ(record.story.relations.size(), 1u);
  EXPECT_EQ(record.events[static_cast<std::size_t>(record.story.relations[0].first)].label, "bell");
  EXPECT_EQ(record.events[static_cast<std::size_t>(record.story.relations[0].second)].label, "bark");
  EXPECT_EQ(counts.dropped.at("relation_without_event"), 1);
  record.story.relations = {{"causes", 7, 0, ""}};
  EXPECT_NE(refusal([&] { tidy(record, "a", counts); }).find("event 7 of 2"), std::string::npos);
}

TEST(Wordings, FillEverySlotAndNothingElse) {
  EXPECT_EQ(fill_slots("{x} or {y}?", {{"x", "a dog"}, {"y", "rain"}}), "A dog or rain?");
  EXPECT_THROW(fill_slots("{x} or {z}?", {{"x", "a dog"}}), Error);
}

TEST(Wordings, OfEveryTypeAreEightAtLeastSomeHeldOut) {
  ASSERT_FALSE(all_wordings().empty());
  for (const auto& [key, list] : all_wordings()) {
    EXPECT_GE(list.usual.size() + list.held_out.size(), 8u) << key;
    EXPECT_GE(list.held_out.size(), 2u) << key;
    std::set<std::string> different(list.usual.begin(), list.usual.end());
    different.insert(list.held_out.begin(), list.held_out.end());
    EXPECT_EQ(different.size(), list.usual.size() + list.held_out.size()) << key;
  }
  for (const RuleType& type : rule_types()) {
    const std::string key = type_key(type.skill, type.name, type.is_long);
    const auto first = all_wordings().lower_bound(key);
    EXPECT_TRUE(first != all_wordings().end() && first->first.starts_with(key)) << key << " has no wordings";
  }
}

// 1,000 items of a skill: types x, y, z of different sizes, half of them choices.
std::vector<Item> many() {
  std::vector<Item> items;
  for (int i = 0; i < 1000; ++i) {
    Item item = some_item();
    item.type = i % 10 < 7 ? "x" : i % 10 < 9 ? "y" : "z";
    item.id = "r" + std::to_string(i), item.audio = "a" + std::to_string(i / 4);
    item.form = i % 2 ? "choice" : "open";
    items.push_back(item);
  }
  return items;
}

TEST(ChosenItems, AreEvenOverTypesWithTheirShareOfChoices) {
  const auto chosen = choose_items(many(), {.per_skill = 210, .choice_share = 0.5, .seed = 1});
  ASSERT_EQ(chosen.size(), 210u);
  std::map<std::string, int> types;
  int choices = 0;
  for (const Item& item : chosen) ++types[item.type], choices += item.form == "choice" ? 1 : 0;
  EXPECT_GE(choices, 105);
  EXPECT_LT(choices, 140);
  EXPECT_GE(types["z"], 40);  // all of them choices
  EXPECT_GE(types["y"], 60);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end(), [](auto& a, auto& b) { return a.id < b.id; }));
}

TEST(ChosenItems, CountAsChoicesWithEnoughOptions) {
  auto items = many();
  for (Item& item : items)
    if (item.form == "choice") item.options.resize(item.type == "z" ? 4 : 3, "another");
  int four = 0, all = 0;
  for (const Item& item :
       choose_items(items, {.per_skill = 60, .choice_share = 0.5, .choice_options = 4, .seed = 1}))
    ++all, four += item.options.size() >= 4 ? 1 : 0;
  EXPECT_EQ(all, 60);
  EXPECT_GE(four, 30);
}

TEST(ChosenItems, DependOnTheSeedAndNotOnTheirOrder) {
  auto shuffled = many();
  Random rng("shuffle");
  rng.shuffle(shuffled);
  const ChooseOptions options{.per_skill = 100, .seed = 7};
  const auto ids = [](const std::vector<Item>& items) {
    std::vector<std::string> all;
    for (const Item& item : items) all.push_back(item.id);
    return all;
  };
  EXPECT_EQ(ids(choose_items(many(), options)), ids(choose_items(shuffled, options)));
  EXPECT_NE(ids(choose_items(many(), options)), ids(choose_items(many(), {.per_skill = 100, .seed = 8})));
}

TEST(ChosenItems, ShareOfChoicesIsOfWhatRulesMakeWithAndWithout) {
  // A skill without choices is not emptied for their sake.
  std::vector<Item> open = many();
  for (Item& item : open) item.form = "open";
  EXPECT_EQ(choose_items(open, {.choice_share = 0.5}).size(), 1000u);
  // A model's items stay whatever their form, beside 40 choices and 100 others of rules; reworded ones are
  // the rules'.
  std::vector<Item> mixed;
  for (int i = 0; i < 340; ++i) {
    Item item = some_item();
    item.id = "m" + std::to_string(1000 + i), item.audio = item.id;
    item.form = i < 40 ? "choice" : "open";
    item.generator = i < 140 ? "rules" : "a model";
    if (i % 2) item.generator = "a model", item.wording = i < 140 ? "paraphrase/order.3" : "long_plot";
    mixed.push_back(item);
  }
  const auto count = [](const std::vector<Item>& items) {
    std::map<std::string, int> n;
    for (const Item& item : items) ++n[item.id < "m1040" ? "choice" : item.id < "m1140" ? "other" : "model"];
    return n;
  };
  EXPECT_EQ(count(choose_items(mixed, {.choice_share = 0.5})),
            (std::map<std::string, int>{{"choice", 40}, {"other", 40}, {"model", 200}}));
  const auto some = count(choose_items(mixed, {.per_skill = 34, .choice_share = 0.5}));
  EXPECT_EQ(some.at("model"), 20);
  EXPECT_EQ(some.at("choice") + some.at("other"), 14);
  EXPECT_GE(some.at("choice"), 7);
  // Plain tasks are as their sets have them.
  for (Item& item : mixed) item.skill = "foundational";
  EXPECT_EQ(choose_items(mixed, {.choice_share = 0.5}).size(), 340u);
}

TEST(ChosenItems, OfOneClipAreLimited) {
  std::map<std::string, int> n;
  for (const Item& item : choose_items(many(), {.per_audio = 2, .seed = 1})) ++n[item.audio];
  EXPECT_EQ(n.size(), 250u);
  for (const auto& [audio, count] : n) EXPECT_LE(count, 2) << audio;
}

}  // namespace
}  // namespace af2
