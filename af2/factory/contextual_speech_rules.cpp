#include "af2/factory/rules.h"

namespace af2 {

std::vector<RuleType> contextual_speech_rules() {
  return {};
}

}  // namespace af2
