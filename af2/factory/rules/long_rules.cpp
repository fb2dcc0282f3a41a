#include "af2/factory/rules/rules.h"

#include <iterator>

#include "af2/factory/rules/long_types.h"

namespace af2 {

std::vector<RuleType> long_rules() {
  std::vector<RuleType> all;
  for (const auto& table : {long_captioning_rules, long_plot_rules, long_needle_rules, long_subscene_rules,
                            long_temporal_rules, long_general_rules}) {
    std::vector<RuleType> types = table();
    all.insert(all.end(), std::make_move_iterator(types.begin()), std::make_move_iterator(types.end()));
  }
  return all;
}

}  // namespace af2
