// Normalisation form KC: full-width letters, ligatures, superscripts and the like become what they stand for.
//
// For comparing answers. Not for what a tokenizer is given: that is to_nfc() of af2/text/unicode.h. A build
// without ICU knows ASCII; anything else throws kUser with what can be done. Thread rule: pure function.
//
//   to_nfkc("\uFF22\uFF09 caf\u00E9");  // "B) café"
#pragma once

#include <string>
#include <string_view>

namespace af2 {

// By the newest tables of the library. Invalid bytes become U+FFFD.
std::string to_nfkc(std::string_view text);

}  // namespace af2
