#include "af2/factory/rules.h"

namespace af2 {

std::vector<RuleType> counting_rules() {
  return {};
}

}  // namespace af2
