// What a language model wrote, held to the form and the rules that its template set: lengths, options, words
// that no item may have (docs/spec/data.md sections 2, 3, 7).
//
// Only what is true of a text alone. Whether its answer is right is for recheck.h and for the second look
// (llm_items.h); the checks of a whole set come later (checks.h). Thread rule: free functions.
//
//   if (const LlmProblem problem = llm_text_problem(item, one_template, record)) refuse(item, problem);
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "af2/data/llm_template.h"
#include "af2/data/record.h"
#include "af2/factory/item.h"

namespace af2 {

struct LlmProblem {
  std::string reason = {};  // for counting: "too_long"; empty: no problem
  std::string detail = {};  // for people
  explicit operator bool() const { return !reason.empty(); }
};

// The first thing that is wrong with question, options and answer by the template's limits and the rules of
// its skill. `record`: whose words must not be quoted.
LlmProblem llm_text_problem(const Item& item, const LlmTemplate& from, const Record& record);

// Words without punctuation, lower case.
std::vector<std::string> plain_words(std::string_view text);
// Whether `part` stands in `whole`, word by word.
bool has_words(const std::vector<std::string>& whole, const std::vector<std::string>& part);
// The first of these phrases in the text, as whole words; empty: none.
std::string found_phrase(std::string_view text, const std::vector<std::string>& phrases);
// What no text of an item may say: where its making shows, what speaks to a machine, links.
const std::vector<std::string>& llm_banned_phrases();
// Whether two words have one stem, roughly: "bark" and "barking", "bells" and "bell".
bool same_stem(const std::string& word_a, const std::string& word_b);
// The words that carry meaning: no articles, pronouns, "sound" and the like.
std::vector<std::string> content_words(std::string_view text);

}  // namespace af2
