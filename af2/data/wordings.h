// How each kind of question is asked: own wordings, the last two of each kind kept for the test split.
//
// Thread rule: constants.
//
//   const std::string text = fill(wording(QuestionType::kCount, false, rng), {{"x", "a dog barking"}});
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

enum class QuestionType { kWhatOpen, kWhatMc, kPresence, kOrderFirst, kOrderLast, kCount, kCaption };
inline constexpr int kQuestionTypes = 7;

// "what_open", "what_mc", "presence", "order_first", "order_last", "count", "caption".
const char* question_name(QuestionType type);
QuestionType question_from_name(const std::string& name);  // throws kUser

// All wordings of a kind, with slots {x} (a sound) or {a} and {b} (two sounds).
const std::vector<std::string>& wordings(QuestionType type);
inline constexpr int kHeldOutWordings = 2;  // the last ones of each list: test split only

// One of the training wordings, or one of the held-out ones.
const std::string& wording(QuestionType type, bool held_out, Random& rng);

// Replaces each {name} by its text.
std::string fill(std::string text, const std::vector<std::pair<std::string, std::string>>& slots);

}  // namespace af2
