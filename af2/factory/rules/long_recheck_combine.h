// Questions that put timed answers together, read back: the list at the question's end, stretch by stretch.
//
// For the files long_*_recheck.cpp alone. Thread rule: free functions.
#pragma once

#include <functional>
#include <string>

#include "af2/factory/rules/long_recheck_detail.h"

namespace af2::long_recheck {

std::string phrase_for(const LongRecheckScene& scene, const std::string& label);
// "" where the question ends with the answers of all stretches of the fact `stretch_s`, each as `says` has
// it, in 2 to 12 of them; else why not.
std::string stretches_problem(const LongRecheckScene& scene,
                              const std::function<std::string(const Heard&)>& says);

}  // namespace af2::long_recheck
