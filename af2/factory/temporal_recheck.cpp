#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable temporal_rechecks() {
  return {};
}

}  // namespace af2
