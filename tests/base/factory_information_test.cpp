#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/foundational.h"
#include "af2/factory/rules/recheck.h"
#include "af2/factory/rules/tables.h"
#include "af2/synth/music_plan.h"

namespace af2 {
namespace {

// Composed pieces with all that may happen in them, and scenes whose recipe says who makes what.
const std::vector<Record>& music_records() {
  static const std::vector<Record> all = [] {
    std::vector<Record> list;
    for (int i = 0; i < 400; ++i) {
      MusicSpec spec;
      spec.max_seconds = 40;
      spec.tempo_change_chance = spec.key_change_chance = spec.loudness_change_chance = 0.25;
      Random rng("af2/test/information/" + std::to_string(i));
      MusicPlan plan = plan_music(spec, rng);
      plan.id = "m" + std::to_string(i);
      list.push_back(record_of(plan));
    }
    for (const MadeSound& sound : made_sounds())
      for (const SoundMaker& maker : sound.makers) {
        Record record;
        record.id = maker.name, record.audio = "a.wav", record.duration = 10;
        record.events = {{sound.names[0], 1, 3}, {"rain", 4, 9}};
        record.events[0].maker = maker.name;
        record.story.place = "a quiet " + maker.places[0];
        record.captions = {{"Something sounds, then rain falls.", 0, 0, "test"}};
        list.push_back(record);
      }
    for (const char* label : {"angry", "sad", "positive", "negative"}) {
      Record record;
      record.id = label, record.audio = "v.wav", record.duration = 3;
      record.labels = {label};
      list.push_back(record);
    }
    return list;
  }();
  return all;
}

const Vocabulary& music_words() {
  static const Vocabulary all = Vocabulary::of_records(music_records());
  return all;
}

std::vector<RuleType> types() {
  std::vector<RuleType> mine;
  for (const RuleType& type : information_rules()) mine.push_back(type);
  return mine;
}

struct Drawn {
  Item item;
  Finding finding;
  const Record* record;
};

// Up to `n` items of a type in a form, of different records.
std::vector<Drawn> draw(const RuleType& type, const std::string& form, std::size_t n,
                        const Margins& margins = {}) {
  std::vector<Drawn> drawn;
  for (const Record& record : music_records()) {
    if (drawn.size() == n) break;
    const std::string name = "af2/test/item/" + record.id + type.name + form;
    Random rng(name), again(name);
    RuleContext context{record, music_words(), margins, rng}, second{record, music_words(), margins, again};
    // Three options will do where there are no more.
    for (const int options : {4, 3, 2}) {
      const auto item =
          make_item(type, context, {.form = form, .options = options, .held_out = drawn.size() % 4 == 3});
      if (!item) continue;
      if (const auto finding = type.find(second)) drawn.push_back({*item, *finding, &record});
      break;
    }
  }
  return drawn;
}

std::string problem(const Drawn& drawn, const Item& item) {
  return item_problem(item, *drawn.record, music_words(), Margins());
}

TEST(InformationRules, EveryTypeMakesItemsThatPassTheirRecheck) {
  std::map<std::string, int> levels;
  for (const RuleType& type : types()) {
    EXPECT_TRUE(type.skill == "information" || type.skill == "foundational");
    for (const std::string& form : type.forms) {
      const std::vector<Drawn> drawn = draw(type, form, 150);
      EXPECT_GE(drawn.size(), type.name == "sentiment" || type.name == "emotion" ? 2u : 6u)
          << type.name << " " << form;
      for (const Drawn& one : drawn) {
        EXPECT_TRUE(knows_type(one.item));
        EXPECT_EQ(problem(one, one.item), "") << item_line(one.item) << "\n" << one.record->id;
        EXPECT_EQ(one.item.question.find('{'), std::string::npos);
        EXPECT_LE(split(one.item.question, ' ').size(), 22u) << one.item.question;
        for (const std::string& option : one.item.options)
          EXPECT_LE(split(option, ' ').size(), 12u) << option;
        ++levels[one.item.level];
      }
    }
  }
  EXPECT_EQ(levels.size(), 3u);
  for (const char* level : {"easy", "medium", "hard"}) EXPECT_GT(levels[level], 50) << level;
}

TEST(InformationRechecks, CatchAWrongAnswerOfEveryTypeAndForm) {
  for (const RuleType& type : types())
    for (const std::string& form : type.forms)
      for (Drawn& one : draw(type, form, 12)) {
        Item item = one.item;
        SCOPED_TRACE(item_line(item));
        if (form == "choice") {
          for (std::size_t k = 1; k < item.options.size(); ++k) {
            item.answer_index =
                static_cast<int>((static_cast<std::size_t>(one.item.answer_index) + k) % item.options.size());
            item.answer = item.options[static_cast<std::size_t>(item.answer_index)];
            EXPECT_NE(problem(one, item), "");
          }
        } else if (form == "yes_no") {
          item.answer = item.answer == "yes" ? "no" : "yes";
          EXPECT_NE(problem(one, item), "");
        } else if (!one.finding.wrong.empty()) {
          item.answer = one.finding.wrong[0].text;
          EXPECT_NE(problem(one, item), "");
          if (form == "open") {
            item.answer = "It is " + item.answer + ".";
            EXPECT_NE(problem(one, item), "");
          }
        } else {
          item.answer += ", theremin";
          EXPECT_NE(problem(one, item), "");
        }
      }
}

// The right answer a second time in other words: another option is right too.
TEST(InformationRechecks, SeeThatAnotherOptionIsRightToo) {
  const std::map<std::string, std::function<std::string(const Item&)>> twins = {
      {"key",
       [](const Item& item) {
         static const std::map<std::string, std::string> same = {{"C#", "Db"}, {"Db", "C#"}, {"F#", "Gb"},
                                                                 {"G#", "Ab"}, {"Ab", "G#"}, {"Bb", "A#"},
                                                                 {"Eb", "D#"}};
         const std::vector<std::string> parts = split(item.answer, ' ');
         const auto found = same.find(parts[0]);
         return found == same.end() ? "" : found->second + " " + parts[1];
       }},
      {"chord_after",
       [](const Item& item) {
         return item.answer + (item.answer.find('7') == std::string::npos ? "7" : "");
       }},
      {"metre",
       [](const Item& item) { return item.answer == "4/4"   ? "2/4"
                                     : item.answer == "2/4" ? "4/4"
                                                            : ""; }},
      {"mode",
       [](const Item& item) {
         return item.answer == "major" ? "mixolydian" : item.answer == "minor" ? "dorian" : "";
       }},
      {"instrument",
       [](const Item& item) {
         return item.answer == "violin" ? "fiddle" : item.answer == "saxophone" ? "alto saxophone" : "";
       }},
      {"source", [](const Item& item) {
         return item.answer == "a cook" ? "A cook" : item.answer == "a church bell" ? "church bell" : "";
       }}};
  for (const auto& [name, twin] : twins) {
    int tried = 0;
    for (const Drawn& one : draw(rule_type("information", name), "choice", 120)) {
      Item item = one.item;
      const std::string text = twin(item);
      if (text.empty() || text == item.answer) continue;
      item.options[item.answer_index == 0 ? 1 : 0] = text;
      EXPECT_NE(problem(one, item), "") << item_line(item);
      ++tried;
    }
    EXPECT_GT(tried, 0) << name;
  }
}

TEST(InformationRechecks, HearWhatTheLabelsGetWrong) {
  // A record whose labels are false: the notes and beats tell.
  for (const Drawn& one : draw(rule_type("information", "key"), "choice", 20)) {
    Record record = *one.record;
    for (RecordNote& note : record.music.notes) note.pitch += note.start > 0.2 * *record.duration ? 6 : 0;
    if (record.music.notes.size() < 60) continue;
    EXPECT_NE(item_problem(one.item, record, music_words(), {}), "") << record.id;
  }
  for (const Drawn& one : draw(rule_type("information", "tempo_band"), "choice", 20)) {
    Record record = *one.record;
    for (RecordBeat& beat : record.music.beats) beat.at *= 2;
    EXPECT_NE(item_problem(one.item, record, music_words(), {}), "");
  }
  for (const Drawn& one : draw(rule_type("information", "instrument_first"), "choice", 20)) {
    Record record = *one.record;
    for (RecordNote& note : record.music.notes)
      if (note.instrument == one.item.answer) note.start += 0.9 * *record.duration;
    EXPECT_NE(item_problem(one.item, record, music_words(), {}), "");
  }
}

// Two entries, so many seconds apart.
Record two_players(double apart) {
  Record record;
  record.id = "two", record.audio = "two.wav", record.duration = 10, record.all_labelled = true;
  record.music.instruments = {"piano", "violin"};
  for (int i = 0; i < 8; ++i) {
    record.music.notes.push_back({"piano", static_cast<double>(i), i + 0.5, 60});
    record.music.notes.push_back({"violin", i + apart, i + apart + 0.5, 76});
  }
  return record;
}

std::optional<Item> try_item(const std::string& name, const Record& record, const std::string& form,
                             const Margins& margins = {}) {
  Random rng("af2/test/one/" + name);
  RuleContext context{record, music_words(), margins, rng};
  return make_item(rule_type("information", name), context, {.form = form});
}

TEST(InformationRules, KeepTheMarginBetweenEntries) {
  for (const char* name : {"instrument_first", "instrument_last"}) {
    EXPECT_FALSE(try_item(name, two_players(0.4), "short"));
    EXPECT_TRUE(try_item(name, two_players(0.6), "short"));
    Margins wide;
    wide.onset_gap_s = 0.7;
    EXPECT_FALSE(try_item(name, two_players(0.6), "short", wide));
  }
  EXPECT_FALSE(try_item("enters_before", two_players(0.4), "yes_no"));
  EXPECT_TRUE(try_item("enters_before", two_players(0.6), "yes_no"));
  EXPECT_EQ(try_item("highest_part", two_players(0.6), "short")->answer, "violin");
  Record close = two_players(0.6);
  for (RecordNote& note : close.music.notes) note.pitch = note.instrument == "violin" ? 64 : 60;
  EXPECT_FALSE(try_item("highest_part", close, "short"));
}

TEST(InformationRules, AskNothingOfTemposBetweenBandsOrChordsThatCannotBeTold) {
  Record record = two_players(0.6);
  record.music.tempo = 112;
  EXPECT_FALSE(try_item("tempo_band", record, "choice"));
  record.music.tempo = 140;
  EXPECT_TRUE(try_item("tempo_band", record, "choice"));
  record.music.chords = {{"C", 0, 2}, {"F", 2, 4}, {"C", 4, 6}, {"G", 6, 8}};
  const auto after = try_item("chord_after", record, "short");
  ASSERT_TRUE(after);  // C stands twice: the question starts from F
  EXPECT_EQ(after->facts.at("chord"), "F");
  record.music.chords = {{"C", 0, 2}, {"C7", 2, 4}, {"F", 4, 6}};
  EXPECT_FALSE(try_item("distinct_chords", record, "choice"));
  record.music.chords = {{"C", 0, 2}, {"Q", 2, 4}, {"F", 4, 6}};
  EXPECT_FALSE(try_item("chord_after", record, "short"));
}

TEST(InformationWordings, AreEnoughAndHaveAllTheirSlots) {
  std::set<std::string> keys;
  for (const RuleType& type : types()) {
    const std::string key = type_key(type.skill, type.name, false);
    const std::size_t usual = type.skill == "foundational" ? 17 : 6,
                      all = type.skill == "foundational" ? 20 : 8;
    bool found = false;
    for (const auto& [name, list] : all_wordings())
      if (name == key || name.starts_with(key + "/") || name.starts_with(key + ":")) {
        found = true;
        EXPECT_GE(list.usual.size(), usual) << name;
        EXPECT_GE(list.usual.size() + list.held_out.size(), all) << name;
        EXPECT_GE(list.held_out.size(), 2u) << name;
        EXPECT_LE(list.held_out.size(), 3u) << name;
        std::set<std::string> texts;
        for (const auto* part : {&list.usual, &list.held_out})
          for (const std::string& text : *part) {
            EXPECT_TRUE(texts.insert(normal_term(text)).second) << text;
            EXPECT_EQ(text.find("caption") != std::string::npos && type.skill == "information", false)
                << text;
          }
      }
    EXPECT_TRUE(found) << key;
  }
  // Every claim is put forward, every variant has its slots: each wording is used once.
  for (const RuleType& type : types()) {
    std::set<std::string> used;
    for (const std::string& form : type.forms)
      for (const Drawn& one : draw(type, form, 150)) used.insert(one.item.wording);
    EXPECT_GE(used.size(), type.name == "emotion" || type.name == "sentiment" ? 2u : 5u) << type.name;
  }
}

TEST(PromptPools, HoldTwentyPromptsForEachTask) {
  std::set<std::string> all;
  for (const std::string& task : foundational_tasks()) {
    const WordingList& pool = prompt_pool(task);
    EXPECT_GE(pool.usual.size(), 20u) << task;
    EXPECT_GE(pool.held_out.size(), 2u) << task;
    for (const std::string& prompt : pool.usual) {
      EXPECT_TRUE(all.insert(prompt).second) << prompt;
      EXPECT_EQ(prompt.find('{'), std::string::npos);
    }
  }
  EXPECT_THROW(prompt_pool("dance"), Error);
}

TEST(MakersTable, ToldApartByTheScene) {
  const auto others = other_makers("bell", "a church bell", "a village in the hills");
  EXPECT_NE(std::find(others.begin(), others.end(), "a ship's bell"), others.end());
  EXPECT_EQ(std::find(others.begin(), others.end(), "a church bell"), others.end());
  // Where another maker belongs too, it is no wrong answer.
  const auto at_shop = other_makers("horn", "a car", "a street by the harbour");
  EXPECT_EQ(std::find(at_shop.begin(), at_shop.end(), "a ship"), at_shop.end());
  EXPECT_TRUE(other_makers("bell", "a church bell", "").empty());
  EXPECT_TRUE(other_makers("trombone", "a player", "a street").empty());
  EXPECT_GE(made_sounds().size(), 20u);
  for (const MadeSound& sound : made_sounds()) EXPECT_GE(sound.makers.size(), 4u) << sound.names[0];
}

TEST(MakersTable, ArticlesDoNotTell) {
  Record record;
  record.id = "s", record.audio = "s.wav", record.duration = 9;
  record.events = {{"bell", 1, 3}};
  record.events[0].maker = "the bell of the crossing", record.story.place = "a level crossing";
  const auto item = try_item("source", record, "choice");
  ASSERT_TRUE(item);
  for (const std::string& option : item->options) EXPECT_TRUE(option.starts_with("the ")) << option;
  EXPECT_NE(item->question.find("sound of a bell"), std::string::npos) << item->question;
  record.story.place = "";
  EXPECT_FALSE(try_item("source", record, "choice"));
}

TEST(MakersTable, ABrokenOneIsRefused) {
  EXPECT_EQ(parse_made_sounds("# none\n[ping; ding]\na lift | hotel, office\n", "t")
                .at(0)
                .makers.at(0)
                .places.at(1),
            "office");
  for (const char* bad :
       {"a lift | hotel\n", "[ping\n", "[ping]\na lift\n", "[ping]\na lift | \n", "[ping]\n | hotel\n"})
    EXPECT_THROW(parse_made_sounds(bad, "t"), Error) << bad;
}

TEST(InstrumentTable, KnowsWhatOneMayTakeForAnother) {
  EXPECT_TRUE(same_instrument_group("Violin", "fiddle"));
  EXPECT_TRUE(same_instrument_group("violin", "viola"));
  EXPECT_TRUE(same_instrument_group("first violin", "violin"));
  EXPECT_FALSE(same_instrument_group("violin", "piano"));
  EXPECT_FALSE(same_instrument_group("theremin", "piano"));
}

}  // namespace
}  // namespace af2
