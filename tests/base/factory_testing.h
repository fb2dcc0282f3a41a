// Records to ask about, drawn and written by hand, and checks that every type of question by rules must pass.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "af2/core/error.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/recheck.h"
#include "af2/factory/rules/rules.h"

namespace af2::test {

// Some labels share words: dog and puppy are both a hound, and animals as the cat is.
inline const Vocabulary& factory_words() {
  static const Vocabulary words([] {
    std::vector<LabelInfo> labels = {
        {"dog", "a dog barking", "a dog", "a dog barks", {"hound"}, "animal", {"animal"}},
        {"puppy", "a puppy yapping", "a puppy", "a puppy yaps", {"hound"}, "animal", {"animal"}},
        {"animal", "an animal calling", "an animal", "an animal calls", {}, "animal", {}},
        {"cat", "a cat meowing", "a cat", "a cat meows", {}, "animal", {"animal"}},
        {"rain", "rain falling", "rain", "rain falls", {}, "weather", {}},
        {"wind", "wind blowing", "wind", "wind blows", {}, "weather", {}},
        {"Male speech, man speaking",
         "male speech, man speaking",
         "male speech, man speaking",
         "there is male speech",
         {},
         "human",
         {}},
        {"Female speech, woman speaking",
         "female speech, woman speaking",
         "female speech, woman speaking",
         "there is female speech",
         {},
         "human",
         {}},
        {"Inside, small room", "inside, small room", "inside, small room", "there is inside", {}, "", {}},
    };
    for (const char* name :
         {"bell",   "car horn", "siren", "hammer", "saw",    "drill", "whistle", "piano",  "flute",
          "guitar", "trumpet",  "clock", "door",   "engine", "train", "duck",    "frog",   "owl",
          "cow",    "sheep",    "bee",   "splash", "cough",  "laugh", "zipper",  "printer"})
      labels.push_back({name,
                        std::string("a ") + name + " sounding",
                        std::string("a ") + name,
                        std::string("a ") + name + " sounds",
                        {},
                        "thing",
                        {}});
    return labels;
  }());
  return words;
}

inline Record record_with(std::vector<RecordEvent> events, double duration = 12, bool all_labelled = true) {
  Record record;
  record.id = "yard", record.audio = "yard.wav", record.group = "yard", record.source = "mine";
  record.duration = duration, record.all_labelled = all_labelled;
  record.events = std::move(events);
  std::stable_sort(record.events.begin(), record.events.end(),
                   [](const auto& a, const auto& b) { return a.onset < b.onset; });
  return record;
}

// A clip with anything in it that labels can hold: overlaps, borders met exactly, soft, short and background
// events, labels without an entry, labels of one word, speech.
inline Record random_record(std::uint64_t number) {
  Random rng("af2/test/factory/record/" + std::to_string(number));
  Record record;
  record.id = "r" + std::to_string(number), record.audio = record.id + ".wav", record.group = record.id;
  const double length = rng.range(5, 30);
  record.duration = length;
  record.all_labelled = rng.chance(0.8);
  const bool dense = rng.chance(0.3), tidy = rng.chance(0.5), odd = rng.chance(0.3);
  std::vector<std::string> pool;
  for (const LabelInfo& info : factory_words().labels())
    if (!tidy || (info.parents.empty() && info.name != "animal")) pool.push_back(info.name);
  if (odd) pool.push_back("Strange_noise");
  rng.shuffle(pool);
  pool.resize(static_cast<std::size_t>(rng.range(1, 6)));
  const int n = rng.range(1, 12);
  double at = rng.uniform(0, 1);
  for (int i = 0; i < n; ++i) {
    RecordEvent event;
    event.label = i < static_cast<int>(pool.size()) ? pool[static_cast<std::size_t>(i)] : rng.pick(pool);
    double lasts = rng.chance(odd ? 0.1 : 0.0) ? rng.uniform(0.05, 0.3)
                   : rng.chance(0.3)           ? rng.uniform(2, 8)
                                               : rng.uniform(0.3, 2);
    event.onset = dense ? rng.uniform(0, length - 1) : at;
    if (rng.chance(0.2))
      event.onset = 0.25 * static_cast<int>(4 * event.onset), lasts = 0.25 * rng.range(1, 9);
    event.offset = std::min(event.onset + lasts, length);
    if (event.offset - event.onset < 0.05) break;
    at = event.offset + rng.uniform(0, rng.chance(0.3) ? 3 : 1);
    // Whole numbers, so that ties and exact margins occur.
    if (rng.chance(0.95)) event.level = -rng.range(15, 35), event.pitch = 100 * rng.range(1, 14);
    if (rng.chance(0.95)) event.reverb = 0.1 * rng.range(1, 20);
    if (rng.chance(0.7)) event.change = rng.range(-10, 10);
    if (rng.chance(0.7)) event.snr = rng.range(odd ? -2 : 0, 30);
    record.events.push_back(event);
  }
  if (rng.chance(0.25)) {
    RecordEvent background;
    background.label = rng.pick(factory_words().labels()).name;
    background.offset = length, background.role = "background";
    record.events.push_back(background);
  }
  if (rng.chance(0.1)) record.labels.push_back(rng.pick(factory_words().labels()).name);
  if (rng.chance(0.3)) {
    double from = rng.uniform(0, 2);
    const std::string only =
        rng.chance(0.5) ? rng.pick(std::vector<std::string>{"man", "woman", "child"}) : "";
    for (int i = rng.range(1, 3); i > 0 && from + 1 < length; --i, from += rng.uniform(0.2, 3))
      record.speech.push_back(
          {"hello", from, from + 1, "en", rng.chance(0.1) ? 0.9 : 0.1, "",
           !only.empty() ? only
                         : rng.pick(std::vector<std::string>{"man", "woman", "child", "man", "woman", ""})});
  }
  std::stable_sort(record.events.begin(), record.events.end(),
                   [](const auto& a, const auto& b) { return a.onset < b.onset; });
  return record;
}

inline std::optional<Item> ask(const std::string& skill, const std::string& type, const Record& record,
                               const std::string& form, int attempt = 0, ItemForm how = {}) {
  static const Margins margins;
  Random rng("af2/test/factory/" + type + "/" + form + "/" + record.id + "/" + std::to_string(attempt));
  RuleContext context{record, factory_words(), margins, rng};
  how.form = form;
  return make_item(rule_type(skill, type), context, how);
}

inline std::string problem(const Item& item, const Record& record) {
  static const Margins margins;
  return item_problem(item, record, factory_words(), margins);
}

// All findings' variants that the type makes of the record in `tries` draws: variant or facts to answer.
inline std::map<std::string, std::string> answers_of(const std::string& skill, const std::string& type,
                                                     const Record& record, const std::string& form = "short",
                                                     int tries = 200) {
  std::map<std::string, std::string> answers;
  for (int i = 0; i < tries; ++i)
    if (const auto item = ask(skill, type, record, form, i)) {
      EXPECT_EQ(problem(*item, record), "") << prompt_of(*item) << " " << item->answer;
      const auto [at, fresh] = answers.try_emplace(item->facts.dump(), item->answer);
      EXPECT_EQ(at->second, item->answer) << item->facts.dump();
    }
  return answers;
}

struct Made {
  Item item;
  const Record& record;
};
inline const std::vector<Record>& drawn_records() {
  static const std::vector<Record> records = [] {
    std::vector<Record> all;
    for (std::uint64_t i = 0; i < 4000; ++i) all.push_back(random_record(i));
    return all;
  }();
  return records;
}

// Clips made for counting: every number from 1 to 10 (kinds: to 6) is equally likely, whatever is counted.
inline const std::vector<Record>& counting_records() {
  static const std::vector<Record> records = [] {
    std::vector<Record> all;
    for (int i = 0; i < 3000; ++i) {
      Random rng("af2/test/factory/counting/" + std::to_string(i));
      std::vector<std::string> pool;
      for (const LabelInfo& info : factory_words().labels())
        if (info.parents.empty() && info.name != "animal") pool.push_back(info.name);
      rng.shuffle(pool);
      std::vector<RecordEvent> events;
      double at = rng.uniform(0, 1);
      const auto repeat = [&](const std::string& label, int n, double level) {
        for (int k = 0; k < n; ++k, at += 0.7)
          events.push_back({label, at, at + 0.4}), events.back().level = level;
      };
      repeat(pool[0], i % 30 < 10 ? i % 10 + 1 : 0, -15);
      if (i % 30 < 20) {
        events.push_back({pool[1], at, at + 3}), events.back().level = -25;
        at += 3.7;
        repeat(pool[0], rng.range(1, 10), -15);
      } else {
        for (int k = rng.range(1, 6); k > 0; --k) repeat(pool[static_cast<std::size_t>(k)], 1, -20);
      }
      all.push_back(record_with(std::move(events), at + 1));
      all.back().id = "c" + std::to_string(i);
    }
    return all;
  }();
  return records;
}

// Items of all types of a skill and all their forms about drawn records, by "type:form".
inline const std::map<std::string, std::vector<Made>>& made_items(const std::string& skill) {
  static std::map<std::string, std::map<std::string, std::vector<Made>>> all;
  auto& made = all[skill];
  if (!made.empty()) return made;
  for (const Record& record : drawn_records()) {
    for (const RuleType& type : rule_types()) {
      if (type.skill != skill || type.is_long) continue;
      for (const std::string& form : type.forms)
        if (auto item = ask(skill, type.name, record, form))
          made[type.name + ":" + form].push_back({std::move(*item), record});
    }
  }
  return made;
}

// Every item holds, and there are enough of every type and form to say so.
inline void expect_all_hold(const std::string& skill, std::size_t least) {
  for (const RuleType& type : rule_types()) {
    if (type.skill != skill || type.is_long) continue;
    for (const std::string& form : type.forms) {
      const auto found = made_items(skill).find(type.name + ":" + form);
      ASSERT_TRUE(found != made_items(skill).end()) << type.name << ":" << form;
      EXPECT_GE(found->second.size(), least) << type.name << ":" << form;
      int failures = 0;
      for (const Made& made : found->second) {
        const std::string why = problem(made.item, made.record);
        if (!why.empty() && ++failures < 4)
          ADD_FAILURE() << why << "\n" << item_line(made.item) << "\n" << record_line(made.record);
        if (!knows_type(made.item)) ADD_FAILURE() << "no check of " << type.name;
      }
    }
  }
}

// What is wrong is found in every item: any other option as the answer, the answer twice, a kind that is not
// true, facts that are missing, another answer in words.
inline void expect_faults_found(const std::string& skill) {
  const auto expect_fault = [](const Item& item, const Record& record, const char* what) {
    const bool found = !problem(item, record).empty();
    if (!found) ADD_FAILURE() << what << " not found\n" << item_line(item) << "\n" << record_line(record);
    return found;
  };
  for (const auto& [name, list] : made_items(skill)) {
    for (const Made& made : list) {
      Item item = made.item;
      bool found = true;
      const auto right = static_cast<std::size_t>(std::max(item.answer_index, 0));
      for (std::size_t i = 0; i < item.options.size(); ++i) {
        if (i == right) continue;
        item.answer_index = static_cast<int>(i), item.answer = item.options[i];
        found = found && expect_fault(item, made.record, "a wrong answer");
        item = made.item;
        item.options[i] = item.options[right], item.kinds[i] = item.kinds[right];
        found = found && expect_fault(item, made.record, "a second right option");
        item = made.item;
      }
      for (std::size_t i = 0; i < item.options.size(); ++i) {
        item.kinds[i] = item.kinds[i] == "present" ? "absent" : "present";
        found = found && expect_fault(item, made.record, "a wrong kind");
        item = made.item;
      }
      if (item.form == "yes_no") {
        item.answer = item.answer == "yes" ? "no" : "yes";
        found = found && expect_fault(item, made.record, "the contrary");
      } else if (item.options.empty()) {
        for (const Made& other : {list.front(), list.back()}) {
          if (normal_term(other.item.answer) == normal_term(made.item.answer)) continue;
          item.answer = other.item.answer;
          found = found && expect_fault(item, made.record, "another answer");
        }
        item.answer = "no such thing";
        found = found && expect_fault(item, made.record, "an answer of other words");
      }
      item = made.item;
      if (!item.facts.empty()) {
        item.facts = Json::object();
        found = found && expect_fault(item, made.record, "no facts");
      }
      if (!found) break;
    }
  }
}

// Every wording of every type and variant has its slots filled by every finding; there are enough of them.
inline void expect_wordings_render(const std::string& skill) {
  std::set<std::string> seen;
  static const Margins margins;
  for (std::size_t i = 0; i < 1500; ++i) {
    const Record& record = drawn_records()[i];
    for (const RuleType& type : rule_types()) {
      if (type.skill != skill || type.is_long) continue;
      Random rng("af2/test/factory/wording/" + type.name + std::to_string(i));
      const auto finding = type.find({record, factory_words(), margins, rng});
      if (!finding) continue;
      const std::string key =
          type_key(skill, type.name, false) + (finding->variant.empty() ? "" : "/" + finding->variant);
      ASSERT_TRUE(all_wordings().contains(key)) << key;
      seen.insert(key);
      const WordingList& list = all_wordings().at(key);
      for (const auto* part : {&list.usual, &list.held_out})
        for (const std::string& wording : *part) {
          const std::string question = fill_slots(wording, finding->slots);
          EXPECT_EQ(question.find_first_of("{}"), std::string::npos) << question;
          EXPECT_TRUE(question.back() == '?' || question.back() == '.') << question;
        }
    }
  }
  for (const auto& [key, list] : all_wordings()) {
    if (key.rfind(skill + ".", 0) != 0) continue;
    EXPECT_TRUE(seen.contains(key)) << key << " is never used";
    EXPECT_GE(list.usual.size() + list.held_out.size(), 8u) << key;
    EXPECT_GE(list.held_out.size(), 2u) << key;
    std::set<std::string> different;
    for (const auto* part : {&list.usual, &list.held_out})
      for (const std::string& wording : *part) {
        EXPECT_TRUE(different.insert(normal_term(wording)).second) << wording;
        for (const char* banned : {"caption", "metadata", "timestamp", "according", "label", "annotation"})
          EXPECT_EQ(wording.find(banned), std::string::npos) << wording;
        EXPECT_LE(words_of(wording).size(), 24u) << wording;  // slots and punctuation count one each or two
      }
  }
}

}  // namespace af2::test
