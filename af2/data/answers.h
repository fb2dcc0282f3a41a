// Is an answer text right? Letters and option texts, yes and no, numbers, names of classes.
//
// Rules for free text from a model, in the manner of public benchmarks: strict where a text could mean two
// things. Not a judge of captions. Thread rule: free functions.
//
//   match_option("The answer is (B).", {"a dog barking", "a bell ringing"});  // 1
//   parse_count("I hear it three times");                                     // 3
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/data/bank.h"

namespace af2 {

// The chosen option, or -1 when none or several are named. In this order: a leading letter `(B)`, `B)`, `B.`,
// `B:` or `B` alone; one letter in brackets anywhere; `answer is B`, `option B`; one option's whole text, not
// negated, longest first (an option inside a longer named one does not count).
int match_option(std::string_view text, const std::vector<std::string>& options);
// The same where each option has several names, e.g. SoundBank::terms().
int match_option_terms(std::string_view text, const std::vector<std::vector<std::string>>& option_terms);

// true for yes, false for no: the first word, else the only one of yes and no in the text.
std::optional<bool> parse_yes_no(std::string_view text);

// The one number in the text, as digits (at most 6) or a word from zero to twenty; once, twice, thrice; none,
// never. nullopt when there is none or there are several different ones.
std::optional<int> parse_count(std::string_view text);

// What a text names: each entry is the set of labels that share the matched words. Whole words, longest match
// first, a plural s or es allowed; negated mentions ("no dog", "not a dog or a cat", "without ...") left out.
std::vector<std::vector<int>> named_labels(std::string_view text, const SoundBank& bank);

// The text names the label, and names no more than `most` different things in all.
bool names_label(std::string_view text, const SoundBank& bank, int label, int most);

// What a question's answer is held against; the fields of QaItem and of a test set's meta.
struct AnswerKey {
  std::string type;
  std::string output;
  std::vector<std::string> options;
  int answer_index = -1;
  std::string label;
  int n_present = 1;  // different sounds in the scene
};

// Right or wrong. what_mc and order by option (order also by any name of the two sounds), presence by yes or
// no, count exactly, what_open by names_label. Throws kUser for a type without such a rule (caption).
bool is_right(std::string_view text, const AnswerKey& key, const SoundBank& bank);

}  // namespace af2
