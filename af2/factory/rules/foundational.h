// Pools of prompts for plain tasks: name the instruments, caption the clip, tag the music (docs/spec/data.md
// section 4). The types that use them are among rule_types(), skill "foundational".
//
// Not for questions with reasoning (rules.h). Thread rule: constants.
//
//   prompt_pool("genre").usual.front();   // "What genre is this piece?"
#pragma once

#include <string>
#include <vector>

#include "af2/factory/rules/rules.h"

namespace af2 {

// instrument, audio_caption, music_caption, emotion, events, music_tags, genre, sentiment.
const std::vector<std::string>& foundational_tasks();
// Its prompts, some kept for the test split. Throws kUser for another task.
const WordingList& prompt_pool(const std::string& task);

}  // namespace af2
