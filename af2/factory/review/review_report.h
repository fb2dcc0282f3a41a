// How a review went: agreement, Cohen's kappa, discards by reason, edits (docs/spec/data.md section 9).
//
// Thread rule: free functions.
//
//   const Json report = review_report(open_review("review"));
//   report["agreement"]["kappa"];
#pragma once

#include <cstdint>
#include <vector>

#include "af2/core/json.h"
#include "af2/factory/review/review.h"

namespace af2 {

// Cohen 1960: (observed - expected) / (1 - expected) of a square table, rows the first judge's words and
// columns the second's. NaN where nothing is in it or chance alone would agree always.
double cohen_kappa(const std::vector<std::vector<std::int64_t>>& table);

// Items by status, decisions of each round, agreement of the first two (of fates and of single decisions,
// with kappa), discards by reason, edits by what changed, the third person's checks; the same by category.
Json review_report(const Review& review);

}  // namespace af2
