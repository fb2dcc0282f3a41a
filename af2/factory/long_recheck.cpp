#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable long_rechecks() {
  return {};
}

}  // namespace af2
