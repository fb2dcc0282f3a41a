#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable general_rechecks() {
  return {};
}

}  // namespace af2
