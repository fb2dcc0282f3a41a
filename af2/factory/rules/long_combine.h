// Stretches of a long scene and the list of what was answered about each: the form in which a scan of a long
// clip asks once more (af2/text/timed_answers.h).
//
// For the files long_*_rules.cpp alone. Thread rule: free functions.
#pragma once

#include <string>
#include <vector>

#include "af2/factory/rules/long_detail.h"

namespace af2::long_detail {

// At most so many answers stand in one combining question, as in a scan.
inline constexpr int kMostStretches = 12;

// The scene in equal stretches of 10 s to 5 minutes, the last one shorter: 2 to 12 of them, drawn among the
// lengths that give so many; of 1/12 of the scene, rounded up to minutes, where it is longer than an hour.
std::vector<Span> drawn_stretches(const LongScene& scene);
// "(0:00-0:30: an answer. 0:30-1:00: another.)"
std::string timed_answers(const std::vector<Span>& stretches, const std::vector<std::string>& answers);

}  // namespace af2::long_detail
