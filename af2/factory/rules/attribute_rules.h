// The finders of skill "attribute", parted over files (docs/spec/data.md section 2).
//
// Not for callers: rule_types() has them all. Thread rule: free functions.
//
//   attribute_rules();  // {"attribute", "comparative", ..., find_comparative}, ...
#pragma once

#include "af2/factory/rules/rules.h"

namespace af2 {

// attribute_compare_rules.cpp
std::optional<Finding> find_comparative(const RuleContext& context);
std::optional<Finding> find_comparative_tie(const RuleContext& context);
std::optional<Finding> find_pair(const RuleContext& context);
std::optional<Finding> find_at_time(const RuleContext& context);

}  // namespace af2
