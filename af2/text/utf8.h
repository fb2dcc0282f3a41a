// UTF-8: reading code points, repairing invalid bytes, white space and stripping as Python has them.
//
// Not for character classes, case or normalisation: those need ICU (af2/text/unicode.h). Nothing here does.
// Thread rule: pure functions.
//
//   std::string clean = replace_invalid_utf8("caf\xC3");  // "caf\uFFFD"
//   std::string_view core = strip_python(" \u2003x ");    // "x"
//   for (std::size_t at = 0; at < clean.size();) char32_t c = next_code_point(clean, at);
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace af2 {

inline constexpr char32_t kReplacementCharacter = 0xFFFD;

// What the bytes from a position on begin with.
struct Utf8Step {
  enum Kind { kWhole, kInvalid, kCut };
  Kind kind;           // kCut: the text ends inside a character that is right so far
  std::size_t length;  // bytes of the character, or of the part that one U+FFFD stands for; >= 1
};

// Looks at `bytes` from `at` (< bytes.size()). The invalid parts are the maximal ones of the Unicode
// standard, section 3.9, table 3-7: those of Python's bytes.decode("utf-8", "replace") and of Rust's lossy
// conversion.
Utf8Step utf8_step(std::string_view bytes, std::size_t at);

// `bytes` with each invalid part replaced by U+FFFD; valid UTF-8 comes back unchanged.
std::string replace_invalid_utf8(std::string_view bytes);
bool is_valid_utf8(std::string_view bytes);

// The code point at `at`, which moves behind it. An invalid part reads as U+FFFD, so any bytes are safe.
char32_t next_code_point(std::string_view bytes, std::size_t& at);

// Appends `c` (at most U+10FFFF, no surrogate) to `text`.
void append_utf8(std::string& text, char32_t c);

// The Unicode property White_Space: what \s means in the tokenizers' patterns.
bool is_white_space(char32_t c);
// What Python's str.isspace takes: White_Space and the separators U+001C to U+001F.
bool is_python_space(char32_t c);

// Python's str.strip(). The result is a part of `text`.
std::string_view strip_python(std::string_view text);

}  // namespace af2
