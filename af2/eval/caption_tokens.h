// Captions as words, as the caption metrics compare them (docs/spec/evaluation.md section 4, "Caption
// tokeniser").
//
// Not for prompts (af2/text). Thread rule: pure functions.
//
//   caption_tokens("The man's dog doesn't bark.", "ptb-lite");  // the man 's dog does n't bark
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// `tokeniser`: ptb-lite (lower case, contractions and possessives split, hyphenated words whole, punctuation
// marks dropped, brackets as -lrb- -rrb-), nopunct (lower case, ASCII punctuation deleted), split (at blanks
// only, for text that was tokenised elsewhere). Throws kUser for another name.
std::vector<std::string> caption_tokens(std::string_view text, const std::string& tokeniser);
// Code points of the text, each as a token: what bleu_char counts.
std::vector<std::string> character_tokens(std::string_view text);

}  // namespace af2
