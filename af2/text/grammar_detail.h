// Between the parser of grammars and their checks: rules as lists of alternatives. Only for
// af2/text/grammar*.
//
// Thread rule: plain values.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/text/grammar.h"

namespace af2::detail {

using GrammarSequence = std::vector<GrammarElement>;

struct GrammarRules {
  std::vector<std::vector<GrammarSequence>> rules;
  std::vector<std::string> names;  // of each rule; parts of one have its name
  std::vector<ByteSet> sets;
  std::uint32_t root = 0;
};

// Throws kUser for what Grammar::parse lists, but for what check_grammar finds.
GrammarRules parse_grammar(std::string_view text, const std::string& where);

// Throws kUser for a rule without end, and for left recursion.
void check_grammar(const GrammarRules& rules, const std::string& where);

// First and last code point.
using CodeRange = std::pair<char32_t, char32_t>;

// Sorted, without overlaps or surrogates; of a negated class what is left.
std::vector<CodeRange> class_ranges(std::vector<CodeRange> ranges, bool negated);

// The UTF-8 of all code points of `ranges` (as class_ranges gives them): sequences of 1 to 4 bytes, one byte
// out of each set. Single bytes come first, as one sequence.
std::vector<std::vector<ByteSet>> utf8_sequences(const std::vector<CodeRange>& ranges);

}  // namespace af2::detail
