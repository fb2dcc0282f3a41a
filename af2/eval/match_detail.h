// The rules of match.h, one function each, as its files share them.
//
// Not API. Thread rule: pure functions.
#pragma once

#include <string>
#include <vector>

#include "af2/eval/match.h"

namespace af2::match_detail {

// One output with all that a rule may look at. `output` has been prepared by the rule's `before` steps.
struct MatchCase {
  const MatchRule& rule;
  const Benchmark& benchmark;
  const LabelSet& labels;
  const EvalItem& item;
  std::string output;
  const MatchTools& tools;
};

// Letters and tokens: match_letters.cpp.
Match mmau_tokens(const MatchCase& c);
Match letter_first_or_second_last(const MatchCase& c);
Match letter_any(const MatchCase& c);
Match muchomusic(const MatchCase& c);
Match cascade_of_options(const MatchCase& c);
// Whole answers: match_words.cpp.
Match exact_norm(const MatchCase& c);
Match any_ref(const MatchCase& c);
Match any_ref_words(const MatchCase& c);
Match yesno_prefix5(const MatchCase& c);
Match yes_no(const MatchCase& c);
Match first_int(const MatchCase& c);
Match reference_overlap(const MatchCase& c);
// Labels: match_labels.cpp.
Match substring_ordered(const MatchCase& c);
Match cascade_of_labels(const MatchCase& c);
Match split_labels(const MatchCase& c);
Match text_nearest(const MatchCase& c);
Match text_scores(const MatchCase& c);
// Answers with a form of their own: match_suites.cpp.
Match marked_fields(const MatchCase& c);
Match blab(const MatchCase& c);
Match per_task(const MatchCase& c);
Match constraint(const MatchCase& c);

// `right` and `score` of a match whose option is known.
void judge_option(Match& match, const AnswerSpace& space);
// A rule that cannot be followed here.
Match not_scored(const std::string& why);
// The text that the encoder sees: the label list's template filled.
std::string tower_text(const LabelSet& labels, const std::string& text);
// Places of equal texts by label_answer: -1 where none is.
int label_place(const std::vector<std::string>& texts, const std::string& text);

}  // namespace af2::match_detail
