// What a small model writes before its answer ("a dog barking: yes", TextConfig::lead): what the question is
// about, or what is heard, in few words. To compare two names, or to look for a word just written, is learned
// in far fewer steps than to weigh sounds against a word inside one.
//
// Made of an item's facts, evidence and record alone, whatever its wording. Thread rule: pure.
//
//   lead_of(item, words, &record);  // "a dog barking"; "loudest"; "after second rain falling"; of how many
//   sounds: "a dog, rain"
#pragma once

#include <string>

#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"

namespace af2 {

// Without end mark; empty where nothing is to be said before the answer. Of a sound that is not heard: one
// that is, by `record` (may be null: none).
std::string lead_of(const Item& item, const Vocabulary& words, const Record* record);

}  // namespace af2
