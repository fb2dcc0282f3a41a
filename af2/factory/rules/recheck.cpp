#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

const RecheckTable& rechecks() {
  static const RecheckTable all = [] {
    RecheckTable table;
    for (const auto& part : {temporal_rechecks, attribute_rechecks, counting_rechecks,
                             contextual_sound_rechecks, contextual_speech_rechecks, information_rechecks,
                             general_rechecks, hearing_rechecks, long_rechecks})
      table.merge(part());
    return table;
  }();
  return all;
}

}  // namespace

bool knows_type(const Item& item) {
  return rechecks().contains(type_key(item.skill, item.type, item.is_long));
}

std::string item_problem(const Item& item, const Record& record, const Vocabulary& words,
                         const Margins& margins) {
  const auto check = rechecks().find(type_key(item.skill, item.type, item.is_long));
  return check == rechecks().end() ? "" : check->second({item, record, words, margins});
}

}  // namespace af2
