// Whether an output keeps to the instruction of its question (so many words, no commas, a title, ...): the
// checks of MMAU-Pro's instruction-following items with the semantics of its published scorer, defects
// included (docs/spec/evaluation.md section 3, "constraint").
//
// Not a check of what the answer says, nor the rate over items (constraint_rate, scoring.h). Sentences are
// counted by the rules of NLTK's Punkt without its trained tables: after an abbreviation that is not in the
// short list here, and before rare names, the two may differ. Thread rule: pure functions.
// Source: MMAU-Pro's published scorer (evaluate_mmau_pro_comprehensive.py).
//
//   ConstraintVerdict v = check_constraint("Number Words (at most)", {{"N", 3}}, "a dog barks");
//   v.known, v.met, v.why;  // true, true, "met: 3 counted, at most 3 asked"
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct ConstraintVerdict {
  bool known = false;  // false: no check has this identifier, and nothing was decided
  bool met = false;
  std::string why;
};

// `identifier` as the data write it (`task_identifier`). `arguments` is an object (`kwargs`): N, N1, N2,
// keywords, keyword, forbidden_words, postscript_marker, section_splitter, start_phrase, end_phrase, and
// prompt_transcription, the question itself, for "Repeat Prompt". A missing or null one is what the scorer
// takes (0; 999 for N2; an empty text), and `why` says so; one of the wrong type is not met. `output` may be
// any bytes.
ConstraintVerdict check_constraint(const std::string& identifier, const Json& arguments,
                                   const std::string& output);

// All identifiers, in the scorer's order.
const std::vector<std::string>& constraint_identifiers();

}  // namespace af2
