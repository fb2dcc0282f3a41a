#include "af2/factory/rules.h"

namespace af2 {

std::vector<RuleType> temporal_rules() {
  return {};
}

}  // namespace af2
