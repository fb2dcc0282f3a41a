// The tables of the six long categories, one file each, joined by long_rules() and long_rechecks().
//
// Nothing here for other files. Thread rule: free functions.
#pragma once

#include <vector>

#include "af2/factory/rules/recheck.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

std::vector<RuleType> long_captioning_rules();
std::vector<RuleType> long_plot_rules();
std::vector<RuleType> long_needle_rules();
std::vector<RuleType> long_subscene_rules();
std::vector<RuleType> long_temporal_rules();
std::vector<RuleType> long_general_rules();

RecheckTable long_captioning_rechecks();
RecheckTable long_plot_rechecks();
RecheckTable long_needle_rechecks();
RecheckTable long_subscene_rechecks();
RecheckTable long_temporal_rechecks();
RecheckTable long_general_rechecks();

}  // namespace af2
