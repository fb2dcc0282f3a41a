// How many words two texts share: the F1 of their words (docs/spec/evaluation.md sections 3 and 4).
//
// A rule for where there is no judge, and the stand-in judge's; not for captions (cider, rouge). Thread rule:
// pure functions.
//
//   word_overlap("a dog barks", "the dog barks twice");  // 0.571429
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

// Lower case; runs of letters, digits, marks and _.
std::vector<std::string> words_of_text(std::string_view text);
// 2PR / (P + R) over words with their number of occurrences; 0 where one of the texts has no word.
double word_overlap(std::string_view reference, std::string_view response);

}  // namespace af2
