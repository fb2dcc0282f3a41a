// From a language model's reply to items: its fields read, its numbers of events and segments looked up, its
// arguments turned into the facts that the rules' re-check needs (docs/spec/data.md sections 2, 3, 7).
//
// Types. Where exact events are known and the reply says which of them it means, an item gets the type that
// the rules know (order, referring, grounding, change, duration ...), the rules' words as its options, and
// their facts: llm_facts.cpp is the one place that maps them. All else is of a type told_..., which rests on
// what others told and which no rule knows. Thread rule: free functions.
//
//   LlmDraft draft = read_draft(reply["items"][0], kind, one_template, record, stretches, margins);
//   if (!draft.problem) put_facts(draft, record, words, margins);
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "af2/data/llm_template.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/llm/llm_checks.h"
#include "af2/factory/llm/llm_prompts.h"

namespace af2 {

struct LlmDraft {
  Item item;                                    // without id, seed and what comes from the record's source
  Json reply = Json::object();                  // as the model wrote it
  std::vector<int> events;                      // places in record.events that it rests on
  std::vector<int> segments;                    // places in the stretches
  std::vector<std::vector<int>> option_events;  // [options]
  LlmProblem problem;
};

// Reads one item of a reply that has its template's form. An event or segment that is not there, or an answer
// that is not among the options, is the draft's problem.
LlmDraft read_draft(const Json& reply, const LlmKind& kind, const LlmTemplate& from, const Record& record,
                    const std::vector<Segment>& stretches, const Margins& margins);

// Sets type and facts, and options in the rules' words, where the record knows the events that the draft
// names; else a type told_.... A draft whose words and arguments do not agree gets a problem.
void put_facts(LlmDraft& draft, const Record& record, const Vocabulary& words, const Margins& margins);

// What the arguments of an item tell beside its words: whether it rests on anything, whether the cause that a
// question hides is named in it, whether a needle's answer would do for another segment, whether a scene lies
// between its two events.
LlmProblem skill_problem(const LlmDraft& draft, const Record& record, const std::vector<Segment>& stretches,
                         const Vocabulary& words);

// Whether a text says the name of this class: one of its terms, or one word of them by its stem.
bool names_label(const std::string& text, const std::string& label, const Vocabulary& words);

}  // namespace af2
