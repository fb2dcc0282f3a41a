// Which of several options an output names: six steps from the strictest to the loosest, and never a guess
// (docs/spec/evaluation.md section 3, "option_cascade").
//
// Not for labels with synonyms (label_cascade of match.h), nor for training answers (af2/data/answers.h).
// Thread rule: pure functions.
//
//   CascadeAnswer a = option_cascade("The answer is (b) a cat.", {"a dog", "a cat"});
//   a.option, a.why;  // 1, "marker"
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace af2 {

struct CascadeAnswer {
  int option = -1;  // the first of equal options
  // What decided: whole, letter, marker, phrase; or why not: empty, none, ambiguous, conflict.
  std::string why;
};
CascadeAnswer option_cascade(const std::string& output, const std::vector<std::string>& options);

// Step 1 for options: words of each without a printed letter of its own, and for each the first option that
// is equal to it.
struct OptionWords {
  std::vector<std::vector<std::string>> words;
  std::vector<int> first_equal;
};
OptionWords option_words(const std::vector<std::string>& options);

// Step 5: the one class whose phrase occurs in `words`, occurrences inside longer ones dropped; -1 for none,
// -2 for several. Class of phrase i is first_equal[i].
int only_phrase(const std::vector<std::string>& words, const OptionWords& options);

}  // namespace af2
