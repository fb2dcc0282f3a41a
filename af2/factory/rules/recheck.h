// Items of rules, computed a second time: the answer anew from record and facts, by code that shares nothing
// with the rules (docs/spec/data.md section 7).
//
// What disagrees is a bug where rules made the item, and a wrong answer where a language model did. Thread
// rule: free functions.
//
//   if (const std::string why = item_problem(item, record, words, margins); !why.empty()) drop(item, why);
#pragma once

#include <functional>
#include <map>
#include <string>

#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

// Why the item's answer is not what the labels say, or another option says as much; empty: it holds. Also
// empty for a type that no rule knows (see knows_type()).
std::string item_problem(const Item& item, const Record& record, const Vocabulary& words,
                         const Margins& margins);
bool knows_type(const Item& item);

// ---- For the tables of checks (one file a skill) ----------------------------------------------------------

struct RecheckContext {
  const Item& item;
  const Record& record;
  const Vocabulary& words;
  const Margins& margins;
};
using Recheck = std::function<std::string(const RecheckContext&)>;
using RecheckTable = std::map<std::string, Recheck>;  // by "skill.type" or "long.skill.type"
RecheckTable temporal_rechecks();
RecheckTable attribute_rechecks();
RecheckTable counting_rechecks();
RecheckTable contextual_sound_rechecks();
RecheckTable contextual_speech_rechecks();
RecheckTable information_rechecks();
RecheckTable general_rechecks();
RecheckTable hearing_rechecks();
RecheckTable long_rechecks();

}  // namespace af2
