// The finders of skill "temporal", parted over files (docs/spec/data.md section 2).
//
// Not for callers: rule_types() has them all. Thread rule: free functions.
//
//   temporal_rules();  // {"temporal", "order", ..., find_order}, ...
#pragma once

#include "af2/factory/rules/rules.h"

namespace af2 {

// temporal_order_rules.cpp
std::optional<Finding> find_order(const RuleContext& context);
std::optional<Finding> find_order_letters(const RuleContext& context);
std::optional<Finding> find_referring(const RuleContext& context);
// temporal_span_rules.cpp
std::optional<Finding> find_duration(const RuleContext& context);
std::optional<Finding> find_overlap(const RuleContext& context);
std::optional<Finding> find_together(const RuleContext& context);
std::optional<Finding> find_gap(const RuleContext& context);
std::optional<Finding> find_silence(const RuleContext& context);

}  // namespace af2
