// Texts of records rid of what captioners get wrong, before anybody is asked about them (docs/spec/data.md
// section 3): reported Mandarin, points in time, addresses, markup; from texts about what is heard also what
// only eyes can tell.
//
// The rules are caption_cleaner.h's. A text of which nothing is left goes, counted. Not for what is said
// (RecordSpeech), and not for whether a text is true. Thread rule: free functions.
//
//   CleanCounts cleaned;
//   for (Record& record : records) clean_texts(record, cleaned, counts);
//   cleaned["captions, mandarin"];  // so many texts
#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "af2/data/record.h"

namespace af2 {

// How many texts a rule changed, by kind of text and rule.
using CleanCounts = std::map<std::string, std::int64_t>;

// Captions by clean_caption(), visual and action by clean_note(). What is dropped is counted as
// "caption_REASON", "visual_REASON", "action_REASON"; a note too long for the rules stays as it is.
void clean_texts(Record& record, CleanCounts& cleaned, RecordCounts& counts);

}  // namespace af2
