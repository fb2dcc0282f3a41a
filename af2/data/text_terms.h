// Words of questions and answers: normal form, the terms that name a class.
//
// ASCII rules for our own generated English; not a tokenizer. Thread rule: free functions.
//
//   words_of("Yes, a Dog!")  // {"yes", ",", "a", "dog", "!"}
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

struct LabelInfo;

// Lower-case words (letters, digits, bytes over 127, inner ' and -), and each . , ; : ! ? ( ) as a word of
// its own; everything else parts words.
std::vector<std::string> words_of(std::string_view text);

// words_of without punctuation, joined by one blank, without a leading a, an, the, some.
std::string normal_term(std::string_view text);

// "zero" to "twenty", then digits.
std::string number_word(int n);

// Sorted, without repeats: the name, its parts at '/', phrase, short name and synonyms as normal_term.
std::vector<std::string> label_terms(const LabelInfo& label);

}  // namespace af2
