// How the checks of constraint_checks.h see an output: code points, words as Python splits them, the case of
// letters, sentences.
//
// Not API, and no words for matching (answer_text.h). Thread rule: pure functions. Views are of the text that
// was given.
//
//   const std::u32string text = points_of("It's 5 p.m. now. Dr. May waits.");
//   sentences_in(text);  // 2
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace af2::constraint_detail {

// Invalid bytes become U+FFFD.
std::u32string points_of(std::string_view text);
std::u32string lower_points(std::string_view text);

// White space is what Python's str.isspace() takes. The first place from `at` on that has none.
std::size_t after_spaces(std::u32string_view text, std::size_t at);
std::u32string_view stripped_points(std::u32string_view text);
bool is_blank(std::u32string_view text);
// What stands between white space, as Python's str.split().
std::vector<std::u32string_view> words_between_spaces(std::u32string_view text);
// At least one part. `separator` is not empty.
std::vector<std::u32string_view> parts_between(std::u32string_view text, std::u32string_view separator);

// Letters beyond ASCII have a case where lower_case() pairs them; a titlecase digraph counts as upper.
enum class LetterCase { kNone, kUpper, kLower };
// Python's str.isupper() and str.islower(): at least one letter that has a case, and none of another.
bool all_of_case(std::u32string_view text, LetterCase wanted);

// Sentences as NLTK's Punkt splits English, by its rules and short lists of our own in place of its
// trained tables. A line's end ends none; "1. First" is two, as is "**One.**".
std::size_t sentences_in(std::u32string_view text);

}  // namespace af2::constraint_detail
