#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable attribute_rechecks() {
  return {};
}

}  // namespace af2
