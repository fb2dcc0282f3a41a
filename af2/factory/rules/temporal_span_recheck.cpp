#include <algorithm>

#include "af2/factory/rules/temporal_recheck.h"

namespace af2 {
namespace {

constexpr double kSpanRounding = 1e-9;  // sums in another order differ by that

// Seconds for which one event of each class sounds together, at most; -1: none do.
double together_s(const std::vector<const RecordEvent*>& a, const std::vector<const RecordEvent*>& b) {
  double most = -1;
  // Stretches between neighbouring borders are either wholly shared or not at all.
  std::vector<double> borders;
  for (const auto* events : {&a, &b})
    for (const RecordEvent* event : *events)
      borders.push_back(event->onset), borders.push_back(event->offset);
  std::sort(borders.begin(), borders.end());
  const auto covers = [](const std::vector<const RecordEvent*>& events, double from, double to) {
    return std::any_of(events.begin(), events.end(),
                       [&](const RecordEvent* event) { return event->onset <= from && event->offset >= to; });
  };
  double run = 0;
  for (std::size_t i = 1; i < borders.size(); ++i) {
    const double from = borders[i - 1], to = borders[i];
    if (from == to) continue;
    run = covers(a, from, to) && covers(b, from, to) ? run + to - from : 0;
    if (run > 0) most = std::max(most, run);
  }
  return most;
}

// The shortest time between an event of one and an event of the other; 0 where they touch or overlap.
double pause_s(const std::vector<const RecordEvent*>& a, const std::vector<const RecordEvent*>& b) {
  double pause = 1e9;
  for (const RecordEvent* first : a)
    for (const RecordEvent* second : b)
      pause = std::min(pause, std::max({0.0, second->onset - first->offset, first->onset - second->offset}));
  return pause;
}

// Two clear classes of the facts; empty: they are not.
std::vector<std::string> pair_of(const RecheckScene& scene) {
  std::vector<std::string> keys;
  for (const std::string& label : scene.list_fact("labels")) keys.push_back(scene.key_of(label));
  const bool fit =
      keys.size() == 2 && keys[0] != keys[1] && scene.is_clear(keys[0]) && scene.is_clear(keys[1]);
  return fit ? keys : std::vector<std::string>();
}

// Nothing at all sounds at a time within (from, to).
bool is_quiet(const RecheckScene& scene, double from, double to) {
  return std::none_of(scene.context().record.events.begin(), scene.context().record.events.end(),
                      [&](const RecordEvent& event) { return event.offset > from && event.onset < to; });
}

}  // namespace

std::string duration_problem(const RecheckScene& scene) {
  const std::string which = scene.fact("which");
  if (which != "longest" && which != "shortest") return "does not know the length " + which;
  const Item& item = scene.context().item;
  const std::string key = scene.key_of(item.answer);
  const double own = seconds_of(scene.sounds_of(key));
  for (const std::string& other : scene.keys()) {
    if (other == key) continue;
    const double lasts = seconds_of(scene.sounds_of(other));
    const double longer = which == "longest" ? own : lasts, shorter = which == "longest" ? lasts : own;
    if (longer - shorter < scene.margins().duration_s - kSpanRounding ||
        longer < (1 + scene.margins().duration_share) * shorter - kSpanRounding)
      return "another sound lasts as long, or it is too close";
  }
  return scene.answer_problem(key);
}

std::string overlap_problem(const RecheckScene& scene) {
  const Item& item = scene.context().item;
  const std::string key = scene.key_of(scene.fact("label"));
  if (!scene.is_clear(key)) return "the named sound is not clear";
  const auto own = scene.sounds_of(key);
  const std::string answer = scene.key_of(item.answer);
  if (answer == key) return "the named sound is the answer";
  if (together_s(own, scene.sounds_of(answer)) < scene.margins().overlap_s - kSpanRounding)
    return "the answer does not sound at the same time for long enough";
  int beside = 0;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    if (static_cast<int>(i) == item.answer_index) continue;
    const auto other = scene.sounds_of(scene.key_of(item.options[i]));
    if (other.empty()) continue;
    ++beside;
    if (pause_s(own, other) < scene.margins().join_gap_s - kSpanRounding)
      return item.options[i] + " sounds at the same time, or nearly so";
  }
  if (beside == 0) return "no other option sounds at another time";
  return scene.answer_problem(answer, {key});
}

std::string together_problem(const RecheckScene& scene) {
  const auto keys = pair_of(scene);
  if (keys.empty()) return "does not name two clear sounds";
  const auto first = scene.sounds_of(keys[0]), second = scene.sounds_of(keys[1]);
  if (together_s(first, second) >= scene.margins().overlap_s - kSpanRounding)
    return scene.value_problem("yes");
  if (pause_s(first, second) >= scene.margins().join_gap_s - kSpanRounding) return scene.value_problem("no");
  return "the two sounds nearly meet, or hardly overlap";
}

std::string gap_problem(const RecheckScene& scene) {
  const std::string which = scene.fact("which");
  if (which != "after" && which != "before") return "does not know the place " + which;
  if (!scene.context().record.all_labelled || scene.has_background()) return "a silence is not certain";
  // A silence begins at an offset that nothing outlasts and ends at the next onset.
  struct Pause {
    double from, to;
  };
  std::vector<Pause> pauses;
  for (const RecordEvent& event : scene.context().record.events) {
    double next = 1e9;
    for (const RecordEvent& other : scene.context().record.events)
      if (other.onset > event.offset) next = std::min(next, other.onset);
    const bool fresh = std::none_of(pauses.begin(), pauses.end(),
                                    [&](const Pause& pause) { return pause.from == event.offset; });
    if (next < 1e9 && fresh && is_quiet(scene, event.offset, next)) pauses.push_back({event.offset, next});
  }
  if (pauses.empty()) return "there is no silence";
  const auto length = [](const Pause& pause) { return pause.to - pause.from; };
  const Pause longest = *std::max_element(
      pauses.begin(), pauses.end(), [&](const Pause& a, const Pause& b) { return length(a) < length(b); });
  if (length(longest) < scene.margins().silence_s) return "the silence is too short";
  // The clip's ends may be silent as well.
  double first = 1e9, last = 0;
  for (const RecordEvent& event : scene.context().record.events)
    first = std::min(first, event.onset), last = std::max(last, event.offset);
  pauses.push_back({0, first});
  pauses.push_back({last, std::max(last, scene.context().record.duration.value_or(last))});
  for (const Pause& pause : pauses)
    if (pause.from != longest.from &&
        (length(longest) - length(pause) < scene.margins().duration_s - kSpanRounding ||
         length(longest) < (1 + scene.margins().duration_share) * length(pause) - kSpanRounding))
      return "another silence is about as long";
  std::string key;
  for (const CheckedSound& sound : scene.sounds()) {
    const double away =
        which == "after" ? sound.event->onset - longest.to : longest.from - sound.event->offset;
    if (away < 0 || away >= scene.margins().onset_gap_s) continue;
    if (!key.empty() && key != sound.key) return "two sounds are beside the silence";
    key = sound.key;
  }
  return scene.answer_problem(key);
}

std::string silence_problem(const RecheckScene& scene) {
  const auto keys = pair_of(scene);
  if (keys.empty()) return "does not name two clear sounds";
  if (!scene.context().record.all_labelled || scene.has_background()) return "a silence is not certain";
  const auto first = scene.sounds_of(keys[0]), second = scene.sounds_of(keys[1]);
  if (first.size() != 1 || second.size() != 1) return "the sounds do not occur once";
  const RecordEvent *a = first[0], *b = second[0];
  if (b->onset < a->onset) std::swap(a, b);
  for (const RecordEvent& event : scene.context().record.events)
    if (&event != a && &event != b && event.offset > a->onset && event.onset < b->offset)
      return "something else sounds in between";
  if (b->onset - a->offset >= scene.margins().silence_s) return scene.value_problem("yes");
  if (b->onset <= a->offset) return scene.value_problem("no");
  return "the silence is too short";
}

}  // namespace af2
