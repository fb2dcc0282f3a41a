#include "af2/factory/rules.h"

namespace af2 {

std::vector<RuleType> contextual_sound_rules() {
  return {};
}

}  // namespace af2
