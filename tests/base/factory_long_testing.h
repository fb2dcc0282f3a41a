// Random long records for the tests of the long categories: sub-scenes with places, moods and sentences, many
// sounds with exact times, backgrounds, relations. No audio.
#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/rules/rules.h"
#include "af2/factory/rules/story_pool.h"

namespace af2::long_test {

inline const Vocabulary& words() {
  static const Vocabulary all(read_label_table(AF2_SOURCE_DIR "/tools/sound_bank/labels.tsv"));
  return all;
}

struct Setting {
  const char *name, *place, *mood, *background;
  std::vector<const char*> texts;
};

inline const std::vector<Setting>& settings() {
  static const std::vector<Setting> all = {
      {"harbour", "a harbour", "calm", "ocean waves", {"A fisherman mends his nets.", "A ship comes in."}},
      {"farm", "a farm", "cheerful", "songbird", {"A farmer feeds the animals.", "The day's work begins."}},
      {"road", "a country road", "tense", "traffic", {"An accident blocks the way.", "Help is called."}},
      {"forest", "a forest", "calm", "wind", {"A hiker looks for the path.", "A camp is built."}},
      {"workshop", "a workshop", "busy", "machine", {"A carpenter builds a table.", "An engine is mended."}},
      {"battlefield", "a battlefield", "dramatic", "fire", {"Two armies meet.", "The last shots fall."}},
      {"station",
       "the railway station",
       "busy",
       "train",
       {"Travellers wait for a delayed train.", "A friend arrives."}},
      {"cave", "a cave", "tense", "water drop", {"Somebody is lost in the dark.", "Treasure hunters dig."}},
      {"churchyard", "the churchyard", "sad", "rain", {"Mourners say goodbye.", "The family goes home."}},
      {"pond", "a garden pond", "cheerful", "frog", {"Children play by the water.", "A picnic is laid out."}},
      {"river", "the bank of a river", "calm", "stream", {"An angler waits.", "A boat is pushed off."}},
      {"meadow", "a meadow at night", "sad", "cricket", {"A wanderer lies awake.", "Someone sings alone."}}};
  return all;
}

// Labels that events are drawn from: no two share a word, none is a background of the settings.
inline const std::vector<std::string>& event_labels() {
  static const std::vector<std::string> labels = [] {
    std::vector<int> chosen;
    std::vector<std::string> names;
    for (const Setting& setting : settings()) chosen.push_back(words().find(setting.background));
    for (int i = 0; i < words().size(); ++i) {
      if (std::any_of(chosen.begin(), chosen.end(), [&](int other) { return words().confusable(i, other); }))
        continue;
      chosen.push_back(i);
      names.push_back(words().at(i).name);
    }
    return names;
  }();
  return labels;
}

// With `tidy_places` no place comes twice.
inline Record random_record(const std::string& id) {
  Random rng("af2/test/long/" + id);
  Record record;
  record.id = id, record.audio = id + ".flac", record.group = id;
  record.all_labelled = true;
  const int n_parts = rng.range(1, 6);
  double at = 0;
  std::vector<std::string> labels = event_labels();
  rng.shuffle(labels);
  const std::vector<std::string> recurring(labels.begin(), labels.begin() + 4);
  std::size_t next = 4;
  std::vector<int> order(settings().size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<int>(i);
  rng.shuffle(order);
  for (int p = 0; p < n_parts; ++p) {
    // Now and then a place comes again.
    const int place = p > 1 && rng.chance(0.15) ? order[0] : order[static_cast<std::size_t>(p)];
    const Setting& setting = settings()[static_cast<std::size_t>(place)];
    const double length = rng.uniform(n_parts == 1 ? 45 : 18, rng.chance(0.1) ? 400 : 80);
    RecordPart part;
    part.name = setting.name, part.place = setting.place, part.mood = setting.mood;
    if (rng.chance(0.4)) part.mood = settings()[rng.below(settings().size())].mood;
    part.text = setting.texts[rng.below(setting.texts.size())];
    part.start = at, part.end = at + length;
    record.story.parts.push_back(part);
    record.events.push_back({setting.background, at, at + length, "background"});
    // Its own sounds, each once to six times, and those that come again everywhere.
    const int n_own = rng.range(2, 4);
    for (int k = 0; k < n_own + 2; ++k) {
      const bool own = k < n_own;
      if (!own && rng.chance(0.3)) continue;
      const std::string label = own ? labels[next++ % labels.size()] : rng.pick(recurring);
      const int n = own && rng.chance(0.5) ? 1 : rng.range(1, 6);
      for (int i = 0; i < n; ++i) {
        const double seconds = rng.uniform(0.35, 3), onset = at + rng.uniform(0.6, length - 4);
        record.events.push_back({label, onset, onset + seconds, "", rng.uniform(-1, 30)});
      }
    }
    at += length;
  }
  record.duration = at;
  // No event lies on one of its own label.
  std::sort(record.events.begin(), record.events.end(),
            [](const RecordEvent& a, const RecordEvent& b) { return a.onset < b.onset; });
  std::vector<RecordEvent> kept;
  for (const RecordEvent& event : record.events)
    if (event.role == "background" || std::none_of(kept.begin(), kept.end(), [&](const RecordEvent& other) {
          return other.label == event.label && other.role.empty() && event.onset < other.offset + 0.05;
        }))
      kept.push_back(event);
  record.events = kept;
  // One sound causes the next one now and then.
  const char* const kinds[] = {"causes", "answers", "interrupts", "stops"};
  for (std::size_t i = 0; i + 1 < record.events.size(); ++i) {
    const RecordEvent &a = record.events[i], &b = record.events[i + 1];
    if (a.role.empty() && b.role.empty() && a.label != b.label && rng.chance(0.3))
      record.story.relations.push_back(
          {kinds[rng.below(4)], static_cast<int>(i), static_cast<int>(i + 1), "One thing leads to another."});
  }
  record.story.recipe = "chain-" + record.story.parts.front().name + "-" + record.story.parts.back().name;
  record.story.plot = "It begins at " + record.story.parts.front().place + ", where " +
                      record.story.parts.front().text.substr(2, 4) + " number " + id + " is told.";
  return record;
}

inline std::vector<Record> random_records(int n) {
  std::vector<Record> records;
  for (int i = 0; i < n; ++i) records.push_back(random_record("r" + std::to_string(i)));
  return records;
}

// Every item that a record gives of a type in a form.
inline std::optional<Item> item_of(const Record& record, const RuleType& type, const std::string& form,
                                   const StoryPool* pool, int attempt = 0, bool held_out = false) {
  Random rng("af2/test/long/item/" + record.id + "/" + type.skill + "." + type.name + "/" + form + "/" +
             std::to_string(attempt));
  static const Margins margins;
  RuleContext context{record, words(), margins, rng, pool};
  return make_item(type, context, {.form = form, .held_out = held_out});
}

inline std::vector<RuleType> long_types() {
  std::vector<RuleType> types;
  for (const RuleType& type : rule_types())
    if (type.is_long) types.push_back(type);
  return types;
}

}  // namespace af2::long_test
