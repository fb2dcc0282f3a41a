#include "af2/factory/recheck.h"

namespace af2 {

RecheckTable information_rechecks() {
  return {};
}

}  // namespace af2
