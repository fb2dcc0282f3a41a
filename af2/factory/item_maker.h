// All the questions that rules find in a record, and a fair choice among many of them
// (docs/spec/data.md sections 2, 3 and 7).
//
// items_of_record() tries each type of question, checks each item again by other code (recheck.h; a
// difference is a bug: the item is left out and counted), and gives it an id. choose_items() takes so many of
// each skill, evenly over its types and with a share of choices. Nothing here depends on threads or order.
// Thread rule: free functions.
//
//   const auto items = items_of_record(record, words, {.seed = 42}, counts);
//   const auto set = choose_items(all, {.per_skill = 300, .seed = 42});
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

struct ItemOptions {
  bool is_long = false;
  std::vector<std::string> types;  // "temporal" or "temporal.order"; empty: all
  int per_type = 1;                // tries of each type at one record
  double choice_share = 0.6;       // of items whose type has choices and more
  int options = 4;
  bool held_out_wordings = false;
  std::int64_t seed = 0;
  Margins margins;

  template <class V>
  void visit(V& v) {
    v.field("is_long", is_long, "the categories of long audio, not the skills of short clips");
    v.field("types", types, "skills, or skill.type; none: all");
    v.field("per_type", per_type, "tries of each type at one record");
    v.field("choice_share", choice_share, "share of choices where a type has other forms too");
    v.field("options", options, "options of a choice");
    v.field("held_out_wordings", held_out_wordings, "wordings that training does not use");
    v.field("seed", seed, "every draw is named by it");
    v.field("margins", margins, "what must hold for an answer to be clear");
  }
};

// By type in the order of rule_types(). `pool`: what the set's other records say, for fair wrong answers.
// Counts what a record has nothing for, by type ("nothing_for/..."), and items that their re-check refuses:
// a bug ("bug/..."). Throws kUser for a type that is not there.
std::vector<Item> items_of_record(const Record& record, const Vocabulary& words, const ItemOptions& options,
                                  RecordCounts& counts, const StoryPool* pool = nullptr);

struct ChooseOptions {
  std::int64_t per_skill = 0;  // 0: all
  double choice_share = 0.5;   // at least so many choices in each skill
  int choice_options = 0;      // with at least so many options; 0: any number
  int per_audio = 0;           // items of one clip at most; 0: no limit
  std::int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v.field("per_skill", per_skill, "items of each skill; 0: all");
    v.field("choice_share", choice_share, "share of choices in each skill that has choices, at least");
    v.field("choice_options", choice_options, "options of a choice, at least, that counts as one; 0: any");
    v.field("per_audio", per_audio, "items of one clip at most; 0: no limit");
    v.field("seed", seed, "every draw is named by it");
  }
};

// Sorted by id. A skill that has fewer gives what it has. The share of choices is of what rules make with and
// without them: it does not hold for a skill without any choices, for the plain tasks (foundational), nor
// for items of a language model, whose template sets their form.
std::vector<Item> choose_items(std::vector<Item> items, const ChooseOptions& options);

}  // namespace af2
