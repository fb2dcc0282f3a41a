#include "af2/factory/rules/long_types.h"

namespace af2 {

RecheckTable long_rechecks() {
  RecheckTable all;
  for (const auto& table : {long_captioning_rechecks, long_plot_rechecks, long_needle_rechecks,
                            long_subscene_rechecks, long_temporal_rechecks, long_general_rechecks})
    all.merge(table());
  return all;
}

}  // namespace af2
