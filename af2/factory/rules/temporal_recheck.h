// The re-checks of skill "temporal", parted over files (docs/spec/data.md section 7).
//
// Not for callers: item_problem() has them all. Thread rule: free functions.
//
//   item_problem(item, record, words, margins);  // "" or "the answer is not rain falling"
#pragma once

#include <string>

#include "af2/factory/rules/recheck_scene.h"

namespace af2 {

// temporal_order_recheck.cpp
std::string order_problem(const RecheckScene& scene);
std::string order_letters_problem(const RecheckScene& scene);
std::string referring_problem(const RecheckScene& scene);
// temporal_span_recheck.cpp
std::string duration_problem(const RecheckScene& scene);
std::string overlap_problem(const RecheckScene& scene);
std::string together_problem(const RecheckScene& scene);
std::string gap_problem(const RecheckScene& scene);
std::string silence_problem(const RecheckScene& scene);

}  // namespace af2
