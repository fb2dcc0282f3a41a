#include "af2/factory/rules.h"

namespace af2 {

std::vector<RuleType> general_rules() {
  return {};
}

}  // namespace af2
