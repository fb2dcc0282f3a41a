// Items and records out of nothing, as many as a test wants: fair by construction, so that whoever finds
// something in them is wrong. What a test plants, it plants itself.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"

namespace af2::test {

// Sixteen classes whose phrases are alike in length and share no word.
inline std::vector<LabelInfo> maker_labels() {
  const char* words[][2] = {
      {"dog", "barking"},      {"horse", "neighing"}, {"bell", "ringing"},  {"rooster", "crowing"},
      {"kettle", "whistling"}, {"drum", "beating"},   {"baby", "crying"},   {"engine", "idling"},
      {"owl", "hooting"},      {"door", "creaking"},  {"saw", "grinding"},  {"crowd", "cheering"},
      {"stream", "flowing"},   {"siren", "wailing"},  {"clock", "ticking"}, {"flute", "playing"}};
  std::vector<LabelInfo> labels;
  for (const auto& [noun, verb] : words) {
    LabelInfo label;
    label.name = noun;
    label.phrase = std::string("a ") + noun + " " + verb;
    label.short_name = std::string("a ") + noun;
    label.sentence = std::string("there is a ") + noun;
    labels.push_back(label);
  }
  return labels;
}

inline std::string numbered(const char* start, int i) {
  char text[64];
  std::snprintf(text, sizeof text, "%s%07d", start, i);
  return text;
}

// Item i: by turns a choice of temporal and of information, a count, a yes/no question. Four items ask about
// one clip.
inline Item made_item(int i, const std::string& seed = "1") {
  static const std::vector<LabelInfo> labels = maker_labels();
  Random rng("test/item_maker/" + seed + "/" + std::to_string(i));
  Item item;
  item.id = numbered("item", i);
  item.record = numbered("clip", i / 4);
  item.audio = "clips/" + item.record + ".wav";
  item.duration = 10;
  item.group = numbered("group", i / 8);
  item.licence = "CC0", item.source = "made", item.generator = "test", item.split = "train";
  const auto wording = [&](std::vector<std::string> list) {
    const std::size_t w = rng.below(list.size());
    item.wording = item.type + "." + std::to_string(w);
    return list[w];
  };
  const int turn = i % 4;
  if (turn == 0 || turn == 1) {
    item.skill = turn == 0 ? "temporal" : "information";
    item.type = turn == 0 ? "opening" : "noise";  // none that rules know
    item.form = "choice", item.level = "easy";
    item.question = turn == 0 ? wording({"Which of these is heard first?", "What comes first here?",
                                         "What do you hear at the very start?"})
                              : wording({"What makes the noise near the end?", "Who or what is heard here?",
                                         "Which source can be told from this?"});
    std::vector<int> order(labels.size());
    for (std::size_t k = 0; k < order.size(); ++k) order[k] = static_cast<int>(k);
    rng.shuffle(order);
    for (int k = 0; k < 4; ++k) {
      item.options.push_back(labels[static_cast<std::size_t>(order[static_cast<std::size_t>(k)])].phrase);
      item.kinds.push_back("absent");
    }
    item.answer_index = static_cast<int>(rng.below(4));
    item.kinds[static_cast<std::size_t>(item.answer_index)] = "present";
    item.answer = item.options[static_cast<std::size_t>(item.answer_index)];
    const int label = order[static_cast<std::size_t>(item.answer_index)];
    item.evidence = {{labels[static_cast<std::size_t>(label)].name, 1.0, 2.5}};
  } else if (turn == 2) {
    item.skill = "counting", item.type = "repeats", item.form = "short", item.level = "1";
    const std::string noun = labels[rng.below(labels.size())].name;
    item.question =
        wording({"How often is the " + noun + " heard?", "Count how often the " + noun + " sounds.",
                 "How many times does the " + noun + " sound?"});
    item.answer = std::to_string(1 + rng.below(10));
  } else {
    item.skill = "general", item.type = "presence", item.form = "yes_no", item.level = "medium";
    const std::string noun = labels[rng.below(labels.size())].name;
    item.question = wording({"Is the " + noun + " heard after the beginning?",
                             "Does the " + noun + " sound here?", "Can you make out the " + noun + "?"});
    item.answer = rng.chance(0.5) ? "yes" : "no";
  }
  return item;
}

inline std::vector<Item> made_items(int n, const std::string& seed = "1") {
  std::vector<Item> items;
  for (int i = 0; i < n; ++i) items.push_back(made_item(i, seed));
  return items;
}

// The record that a choice asks about: its right answer sounds, and nothing else.
inline Record made_record(const Item& item) {
  Record record;
  record.id = item.record, record.audio = item.audio, record.duration = item.duration;
  for (const ItemEvidence& e : item.evidence) {
    RecordEvent event;
    event.label = e.label, event.onset = e.onset, event.offset = e.offset;
    record.events.push_back(event);
  }
  record.all_labelled = true;
  record.group = item.group, record.licence = item.licence, record.source = item.source;
  return record;
}

}  // namespace af2::test
