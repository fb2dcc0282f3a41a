#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable contextual_speech_rechecks() {
  return {};
}

}  // namespace af2
