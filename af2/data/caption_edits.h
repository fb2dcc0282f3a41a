// Exact edits of captions whose labels are not known: the same thing in another order of words, and one thing
// made false (docs/spec/data.md section 4, back end B).
//
// Only what cannot go wrong for reasons of grammar is edited: a caption with one word of order between two
// parts that share no word, and words that have one opposite. What the edit made false is told by its kind.
// Captions of known labels are CaptionWriter's (af2/data/captions.h). English. Thread rule: free functions.
//
//   same_order_wordings("A dog barks, then a bell rings");     // {"A bell rings after a dog barks", ...}
//   opposite_wordings("A dog barks, then a bell rings", {});   // {{"A bell rings, then a dog barks",
//   "order"}}
#pragma once

#include <string>
#include <vector>

#include "af2/data/captions.h"

namespace af2 {

// Other wordings of the same order, none of which is the caption itself.
std::vector<std::string> same_order_wordings(const std::string& caption);

// Wordings with one thing turned to its opposite (kinds order, attribute). Left out where the opposite stands
// in the caption itself or in one of `others`, the clip's other captions.
std::vector<ClapNegative> opposite_wordings(const std::string& caption,
                                            const std::vector<std::string>& others);

// For texts that a language model wrote of a caption, where no labels can tell: what is wrong with `edited`
// as a negative. Empty: nothing; else same_text, other_words (less than half of the caption's words are
// left), reworded (the same words in the same order but for punctuation), too_long.
std::string negative_problem(const std::string& caption, const std::string& edited);

}  // namespace af2
