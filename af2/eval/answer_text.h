// Answers as texts that can be compared: the preparation steps that a benchmark's file may list, and the
// normal forms of its rules (docs/spec/evaluation.md section 3).
//
// Not the decision what an answer means (match.h). Thread rule: pure functions.
//
//   prepare_answer("<think>(a)?</think> (B) Rain.", {"strip_think", "strip_letter"});  // "Rain."
//   answer_words("It's C# in 4/4.");                                       // it's c# in 4/4
//   loose_answer("The two dogs!");                                         // "2 dogs"
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// What stands behind the last </think>, and of that the inside of <answer> where there is one. A think block
// that never ends is kept: there is no answer outside it.
std::string strip_think(std::string_view text);
// The inside of the last <conclusion> (any case); without one the text as it is.
std::string conclusion_inside(std::string_view text);
// Without one leading (x), x., x) or x:, x a single ASCII letter; and its index, -1 without.
struct LetterAndRest {
  int letter = -1;
  std::string rest;
};
LetterAndRest leading_letter(std::string_view text);

// The steps of MatchRule::before in their order, trimmed. Throws kUser for a step that is not known.
std::string prepare_answer(std::string_view text, const std::vector<std::string>& steps);

// NFKC, lower case, without blanks at the ends.
std::string plain_answer(std::string_view text);
// plain_answer with ASCII punctuation at the end off: what `exact_norm` compares.
std::string exact_answer(std::string_view text);
// A label as it is compared: exact_answer with _ as blank.
std::string label_answer(std::string_view text);
// Words without articles and punctuation, zero to twenty as digits, joined by one blank: what any_ref_words
// and words_numbers compare.
std::string loose_answer(std::string_view text);

// Words for whole-phrase matching: NFKC, lower case, # ♭ + - / . : ' kept inside words, all else a gap; _ is
// a blank; ideographs and kana are words of their own, as they are written without blanks.
std::vector<std::string> answer_words(std::string_view text);
// Lower-cased runs of letters, digits and _, as Python's \w+ finds them.
std::vector<std::string> word_runs(std::string_view text);

// Where `phrase` begins in `words`, all places; none for an empty phrase.
std::vector<std::size_t> phrase_places(const std::vector<std::string>& words,
                                       const std::vector<std::string>& phrase);

// "zero" to "twenty" as a number.
std::optional<int> small_number(std::string_view word);
// The first integer: digits (at most 9; a minus only at a word's beginning) or a word zero to twenty.
std::optional<int> first_integer(std::string_view text);
// The first number, with a fraction where it has one.
std::optional<double> first_number(std::string_view text);
// true for yes, yeah, correct, true as the first word; false for no, not, none, false.
std::optional<bool> first_word_yes_no(std::string_view text);

}  // namespace af2
