#include "af2/factory/rules/temporal_recheck.h"

#include <algorithm>

namespace af2 {
namespace {

const std::vector<std::string>& thirds() {
  static const std::vector<std::string> words(kThirdWords.begin(), kThirdWords.end());
  return words;
}
const std::vector<std::string>& changes() {
  static const std::vector<std::string> words(kChangeWords.begin(), kChangeWords.end());
  return words;
}

// The one event of the class that the question names; null: it is not one, or not clear.
const RecordEvent* only_event(const RecheckScene& scene) {
  const std::string key = scene.key_of(scene.fact("label"));
  const auto events = scene.sounds_of(key);
  return events.size() == 1 && scene.is_clear(key) ? events[0] : nullptr;
}

std::string grounding_problem(const RecheckScene& scene) {
  const RecordEvent* event = only_event(scene);
  const double length = scene.context().record.duration.value_or(0);
  if (!event || length <= 0) return "the sound has no single place";
  const double from = event->onset / length, to = event->offset / length,
               border = scene.margins().border_share;
  constexpr double kOrderRounding = 1e-9;
  // Neither border of the thirds lies in the event or near it.
  std::size_t third = 0;
  for (const double at : {1.0 / 3, 2.0 / 3}) {
    if (from - at >= border - kOrderRounding) {
      ++third;
    } else if (at - to < border - kOrderRounding) {
      return "the sound lies across thirds of the clip, or near it";
    }
  }
  return scene.value_problem(thirds()[third], thirds());
}

std::string change_problem(const RecheckScene& scene) {
  const RecordEvent* event = only_event(scene);
  if (!event || !event->change) return "it is not known how the sound's level changes";
  const double rise = *event->change;
  const Margins& margins = scene.margins();
  if (event->offset - event->onset < margins.change_s) return "the sound is too short to change in loudness";
  if (rise >= margins.change_db) return scene.value_problem(changes()[0], changes());
  if (-rise >= margins.change_db) return scene.value_problem(changes()[2], changes());
  if (std::max(rise, -rise) > margins.unchanged_db)
    return "the sound's level changes neither much nor little";
  return scene.value_problem(changes()[1], changes());
}

std::string presence_problem(const RecheckScene& scene) {
  const std::string label = scene.fact("label"), key = scene.key_of(label);
  if (scene.is_clear(key)) return scene.value_problem("yes");
  if (!scene.is_absent(label)) return label + " is neither clearly there nor clearly absent";
  return scene.value_problem("no");
}

}  // namespace

RecheckTable temporal_rechecks() {
  return {
      {"temporal.order", with_scene(order_problem)},
      {"temporal.order_letters", with_scene(order_letters_problem)},
      {"temporal.referring", with_scene(referring_problem)},
      {"temporal.grounding", with_scene(grounding_problem)},
      {"temporal.change", with_scene(change_problem)},
      {"temporal.duration", with_scene(duration_problem)},
      {"temporal.overlap", with_scene(overlap_problem)},
      {"temporal.together", with_scene(together_problem)},
      {"temporal.gap", with_scene(gap_problem)},
      {"temporal.silence", with_scene(silence_problem)},
      {"temporal.presence", with_scene(presence_problem)},
  };
}

}  // namespace af2
