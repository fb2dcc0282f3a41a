// What a benchmark gives away without any model: chance, the most frequent answer, one letter, the longest
// option (docs/spec/evaluation.md section 7). They cost nothing and stand beside every score.
//
// Baselines that a model must answer for are in variants.h. Thread rule: free functions.
//
//   for (const BlindScore& b : blind_scores(benchmark, labels, items)) print(b.name, b.value);
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/eval_item.h"

namespace af2 {

struct BlindScore {
  std::string name;  // chance, majority, always_first, best_letter, longest_option
  double value = 0;  // share of right answers, over items that have such an answer
  std::int64_t n = 0;
  std::string note;                     // "B": the best letter; the most frequent answer
  std::vector<std::size_t> items = {};  // places of those it is over
};

// Those that the items allow: options for letters and lengths (ties shared), closed answers for majority;
// chance is the mean of 1 / options, of 1 / classes where labels are a closed list, and 1/2 for yes and no.
std::vector<BlindScore> blind_scores(const Benchmark& benchmark, const LabelSet& labels,
                                     const std::vector<EvalItem>& items);

// The caption that says most of what all the others say: of a hundred references the one whose words are
// nearest to those of the items', for a score that hears nothing. Empty where there are no references.
std::string constant_caption(const std::vector<EvalItem>& items);

// The one of a name; nothing where there is none.
const BlindScore* blind_score(const std::vector<BlindScore>& scores, const std::string& name);

}  // namespace af2
