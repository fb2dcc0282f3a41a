// The text that an item is sent as: the wording of its benchmark with the question, the options and other
// roles filled in (docs/spec/evaluation.md sections 1 and 2, `prompt`).
//
// Without the tokens around it (af2/text/prompt.h puts those). Thread rule: free functions.
//
//   prompt_for(mmau, labels, item);              // "what barks? (a) a dog. (b) a cat."
//   prompt_for(mmau, labels, item, "letter");
//   const EvalItem next = rotated_options(mmau, item, 1);   // the gold follows
#pragma once

#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"

namespace af2 {

// The prompt as sent. Holes: roles of the item, {options} in the form's style ({L}, {l}: its letter; an
// option that is absent is printed as `missing`, or left out where there is none), {label_options} (each
// label and a full stop, one a line). Then the form's suffix is cut off the question, texts are replaced,
// blanks at the ends go, and letters become lower case where the form says so. Throws kUser: no wording of
// that name (with those there are), a benchmark that asks nothing; kData: over 26 options.
std::string prompt_for(const Benchmark& benchmark, const LabelSet& labels, const EvalItem& item,
                       const std::string& name = "default");

// The options alone, as a form prints them.
std::string printed_options(const PromptForm& form, const std::vector<std::string>& choices);

// The item with its options moved `k` places towards the front, the first ones to the end; `gold_index`
// follows. Options that stand in the question move there. k counts modulo their number.
EvalItem rotated_options(const Benchmark& benchmark, const EvalItem& item, std::size_t k);

}  // namespace af2
