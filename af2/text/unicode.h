// Unicode properties, lower case and normalisation: the part of text that needs ICU.
//
// Not for plain UTF-8 reading (af2/text/utf8.h). A build without ICU (AF2_WITH_ICU=OFF) knows ASCII; anything
// else throws kUser with what can be done. Thread rule: pure functions.
//
//   std::string q = lower_case("ΟΔΟΣ");      // "οδος", as Python's str.lower()
//   std::string n = to_nfc("e\u0301");       // "\u00E9"
//   bool letter = char_class(U'é') == CharClass::kLetter;
#pragma once

#include <string>
#include <string_view>

namespace af2 {

// The classes that the pre-tokenisers' patterns tell apart: \p{L}, \p{N}, \s and the rest.
enum class CharClass : unsigned char { kLetter, kNumber, kSpace, kOther };

CharClass char_class(char32_t c);

// \w of Rust's regex crate (UTS #18): alphabetic, mark, decimal digit, connector, join control.
bool is_word_character(char32_t c);

// Normalisation form C as the `tokenizers` library has it: characters newer than Unicode 9 are left alone.
// `text` must be valid UTF-8.
std::string to_nfc(std::string_view text);

// Python's str.lower(): full mapping, root locale, with the final sigma rule. Invalid bytes become U+FFFD.
std::string lower_case(std::string_view text);

}  // namespace af2
