// What a whole set must have (docs/spec/data.md section 7): right letters spread evenly, as many yes as no,
// no answer far more often than others, no question twice.
//
// One pass over items sorted by id; every draw is named by the item's id, so that neither threads nor the
// order of making change the result, and nothing grows faster than n log n. Not for faults of single items
// (checks.h) or what can be guessed without sound (blind_solvers.h). Thread rule: free functions.
//
//   std::sort(items.begin(), items.end(), by_id);
//   RecordCounts counts;
//   const std::int64_t moved = balance_set(items, {}, counts);
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "af2/data/record.h"
#include "af2/factory/item.h"

namespace af2 {

struct BalanceOptions {
  std::int64_t seed = 0;
  double letter_points = 2;    // a letter's share may be off by so many points
  double near_jaccard = 0.9;   // of word 3-grams: from here on two questions about a clip are one
  int items_per_clip = 4;      // of one type about one clip; 0: any
  double number_factor = 1.5;  // no number is the answer more often than this times its fair share; 0: any
  double class_factor = 3;     // nor any other answer that comes back
  bool yes_no = true;          // as many yes as no, by type

  template <class V>
  void visit(V& v) {
    v.field("seed", seed, "of every draw");
    v.field("letter_points", letter_points, "by which a letter's share may be off");
    v.field("near_jaccard", near_jaccard, "of word 3-grams: from here on two questions about a clip are one");
    v.field("items_per_clip", items_per_clip, "of one type about one clip; 0: any");
    v.field("number_factor", number_factor, "of its fair share, most that a number is the answer; 0: any");
    v.field("class_factor", class_factor, "of its fair share, most that another answer is right; 0: any");
    v.field("yes_no", yes_no, "as many yes as no, by type");
  }
};

// All of it, in this order: duplicates, yes and no, caps, letters. `items` must be sorted by id; left out
// ones are counted as "duplicate/same", "duplicate/near", "duplicate/clip", "balance/yes_no",
// "balance/number", "balance/class" with the first. Gives the number of items whose letters were moved.
// Throws kInternal for items out of order.
std::int64_t balance_set(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts);

// ---- The parts --------------------------------------------------------------------------------------------

// First by id stays: same clip and normalised question; near-duplicates about one clip; beyond
// `items_per_clip`.
void drop_duplicates(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts);
// Of each type the more frequent of yes and no is thinned to the other's number, chosen by name.
void balance_yes_no(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts);
// Of each type, answers that come back are thinned until none has more than factor / (number of different
// answers) of the type's items. Answers that are mostly unlike one another (open ones) are left alone.
void cap_answers(std::vector<Item>& items, const BalanceOptions& options, RecordCounts& counts);
// Where a letter's share of a skill (items with as many options) is off by more than `letter_points`, or a
// sequence of letters is, items chosen by name get another: the right option changes places with the one that
// stands there; a question that lists "(A) ... (B) ..." has its list put in another order, and its answer and
// options say the new letters. Gives the number of items changed.
std::int64_t balance_letters(std::vector<Item>& items, const BalanceOptions& options);

// "skill" or "long.skill": what shares are counted over.
std::string skill_key(const Item& item);
// The clip an item asks about: file, start and duration.
std::string clip_key(const Item& item);
// Letters of a text that is nothing but a sequence of them, "(B)(A)(C)" or "B, A, C": {1, 0, 2}. Empty: it is
// none, or a letter stands twice.
std::vector<int> letter_sequence(std::string_view text);
// Puts the list "(A) x, (B) y, (C) z" of the question in another order: what was listed at i stands at
// places[i] afterwards, and sequences in answer and options, and lists as long among the facts, follow.
// False: the question lists no such letters.
bool reorder_list(Item& item, const std::vector<int>& places);

}  // namespace af2
