// One number for one item, 0 to 1, whatever the benchmark measures: what pairs of runs, worst and best items
// and scores by length are made of.
//
// The metrics themselves are in scoring.h; a mean of these numbers is the benchmark's metric where that is a
// mean of items (accuracy, CIDEr-D, a judge's mark). Thread rule: pure functions.
//
//   const std::vector<double> scores = item_scores(benchmark, scored, "robust");
#pragma once

#include <string>
#include <vector>

#include "af2/eval/benchmark.h"
#include "af2/eval/scoring.h"

namespace af2 {

// [scored] by the kind of the primary metric: captions CIDEr-D / 10 (ROUGE-L where that is primary); a
// judge's mark on its scale as 0 to 1; else the match of `column` (official, robust). What failed is 0; what
// no judge could mark is NaN.
std::vector<double> item_scores(const Benchmark& benchmark, const std::vector<Scored>& scored,
                                const std::string& column);

// What item_scores are: "CIDEr-D / 10", "judge's mark", "right or wrong".
std::string item_score_name(const Benchmark& benchmark);

}  // namespace af2
