// What a mix is made of, of all that its inputs have: splits kept apart, questions kept once, shares turned
// into numbers of items, items drawn by name. Parts of mix.h; nothing is read or written here.
//
// Thread rule: free functions over one list.
//
//   sort_entries(entries);
//   check_splits(entries, inputs, false);
//   drop_duplicates(entries, inputs);
//   const MixQuotas quotas = plan_mix(entries, inputs, table, options);   // entries[i].copies is set
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "af2/factory/mix.h"
#include "af2/factory/set_counts.h"
#include "af2/factory/shares.h"

namespace af2::detail {

// What choosing needs to know of an item or a line.
struct MixEntry {
  std::size_t input = 0;            // among the inputs
  std::size_t place = 0;            // of its text in whatever the caller keeps
  std::string id;                   // empty where a line has none
  std::string name;                 // what draws call it: the id, or what stands for the line's text
  std::size_t share = 0;            // row of the table; 0 without one
  std::string audio, split, group;  // audio: absolute
  TextKey question, answer;
  std::int64_t copies = 0;  // how often it is taken
};

// By id, name and input: the order of what is written, and of whoever comes first.
void sort_entries(std::vector<MixEntry>& entries);

// Throws kUser where the entries are of several splits, unless they may be; kData naming it where a recording
// (a part of a group, or a file) is in two of them. Counts entries that do not say their split (no_split).
void check_splits(const std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs, bool allow_mixed);

// A question about a clip belongs to the input whose item comes first; those of other inputs go, and so does
// what that input itself has twice, answer and all. Different answers of one input stay: captions of a clip
// are asked for alike. Counted (duplicates); sorted before and after.
void drop_duplicates(std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs);

struct MixQuotas {
  std::int64_t n = 0, possible = 0;  // items in all; the most without repeats
  std::vector<std::string> absent;   // rows of the table that were skipped
};
// Sets `copies` of each entry, and what the inputs have and give (available, taken, repeats). `table` without
// rows: no shares by skill. Throws kUser where there is too little.
MixQuotas plan_mix(std::vector<MixEntry>& entries, std::vector<MixOfInput>& inputs, const ShareTable& table,
                   const MixOptions& options);

}  // namespace af2::detail
