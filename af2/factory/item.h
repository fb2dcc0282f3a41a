// One question about one clip with its answer and all that it rests on: what the data factory makes, checks,
// counts and reviews (docs/spec/data.md sections 2, 3, 7, 8).
//
// An item is the line of the side file; a manifest's prompt and output follow from it. Nothing here says how
// items are made (rules.h, llm_items.h) or checked (checks.h). Thread rule: plain values.
//
//   Item item = ...;
//   prompt_of(item);  // "Which sound comes first? (A) a dog barking. (B) rain."
//   output_of(item);  // "(A) a dog barking"
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/core/shared_text.h"

namespace af2 {

struct ItemEvidence {
  std::string label;
  double onset = 0, offset = 0;  // seconds from the clip's start

  template <class V>
  void visit(V& v) {
    v.field("label", label, "what sounds");
    v.field("onset", onset, "seconds");
    v.field("offset", offset, "seconds");
  }
};

// A choice has 2 to 6 options.
inline bool is_choice_size(std::size_t options) {
  return options >= 2 && options <= 6;
}

struct Item {
  std::string id;                  // unique in its set; items are kept sorted by it
  SharedText record;               // id of the record it asks about
  SharedText audio;                // path of the clip, from the set's folder
  double start = 0, duration = 0;  // of the clip in its file, seconds

  // temporal, attribute, counting, contextual_sound, contextual_speech, information, general, foundational
  // (short clips);
  // captioning, plot, needle, subscene, temporal, general (long ones)
  SharedText skill;
  bool is_long = false;
  SharedText type;   // of the skill: order, referring ...
  SharedText form;   // choice, yes_no, short (a word, a number), open (a sentence)
  SharedText level;  // easy, medium, hard; counting: 1, 2, 3

  std::string question;              // without options
  std::vector<std::string> options;  // is_choice_size(), or none
  std::vector<SharedText> kinds;     // [options] present, absent, value: what an option is to the clip
  int answer_index = -1;             // into options
  std::string answer;                // text of the right option, or the open answer
  std::vector<ItemEvidence> evidence;
  Json facts = Json::object();  // what the answer is recomputed from: the type's arguments

  SharedText generator;  // rules, or the language model's name
  SharedText wording;    // type's wording or template: "order.3"
  int version = 1;       // of the wordings or the template
  std::int64_t seed = 0;
  std::vector<SharedText> checks;  // passed
  SharedText split, group, source, licence, attribution;

  template <class V>
  void visit(V& v) {
    v.field("id", id, "unique in its set");
    v.field("record", record, "the record it asks about");
    v.field("audio", audio, "the clip, from the set's folder");
    v.field("start", start, "of the clip in its file, seconds");
    v.field("duration", duration, "of the clip, seconds");
    v.field("skill", skill, "skill or category");
    v.field("is_long", is_long, "of the long categories");
    v.field("type", type, "type of the skill");
    v.field("form", form, "choice, yes_no, short or open");
    v.field("level", level, "easy, medium, hard; counting 1 to 3");
    v.field("question", question, "without its options");
    v.field("options", options, "what can be answered");
    v.field("kinds", kinds, "of the options: present, absent, value");
    v.field("answer_index", answer_index, "the right option; -1: none");
    v.field("answer", answer, "the right option's text, or the open answer");
    v.field("evidence", evidence, "the events it rests on");
    v.field("facts", facts, "what the answer is recomputed from");
    v.field("generator", generator, "rules, or a language model's name");
    v.field("wording", wording, "wording or template");
    v.field("version", version, "of the wordings or the template");
    v.field("seed", seed, "of its draws");
    v.field("checks", checks, "passed");
    v.field("split", split, "train, val, test");
    v.field("group", group, "original recordings");
    v.field("source", source, "where the sound comes from");
    v.field("licence", licence, "of the sound");
    v.field("attribution", attribution, "whom to name");
  }
};

// Question and options as they are asked: "question? (A) xxx. (B) yyy."
std::string prompt_of(const Item& item);
// What a model shall answer: "(B) yyy", or the open answer.
std::string output_of(const Item& item);

// One line of the side file, without its end; empty fields are left out.
std::string item_line(const Item& item);
// Throws kData naming `where` and the key: unknown key, wrong type, no id, question or answer, an index
// outside the options.
Item item_from_json(const Json& json, const std::string& where);

}  // namespace af2
