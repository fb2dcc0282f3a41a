#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable counting_rechecks() {
  return {};
}

}  // namespace af2
