#include <algorithm>
#include <set>

#include "af2/factory/rules/recheck_scene.h"

namespace af2 {
namespace {

constexpr double kRounding = 1e-9;  // sums in another order differ by that

// 'a'fter, 'b'efore, or '?' where a stretch is not clearly on one side of another.
char side(const CheckedGroup& own, const CheckedGroup& other, const Margins& margins) {
  const double away = own.onset - other.onset;
  if (std::max(away, -away) < margins.onset_gap_s) return '?';
  if (away > 0) return own.onset < other.offset ? '?' : 'a';
  return own.offset > other.onset ? '?' : 'b';
}

char asked_side(const RecheckScene& scene) {
  const std::string words = scene.fact("side");
  return words == "after" ? 'a' : words == "before" ? 'b' : '?';
}

bool lasts_longer(double longer, double shorter, const Margins& margins) {
  return longer - shorter >= margins.duration_s - kRounding &&
         longer >= shorter * (1 + margins.duration_share) - kRounding;
}

std::string count_beside_problem(const RecheckScene& scene) {
  const std::string key = scene.key_of(scene.fact("label")), anchor = scene.key_of(scene.fact("anchor"));
  const char asked = asked_side(scene);
  if (!scene.is_clear(key) || !scene.is_clear(anchor) || key == anchor || asked == '?')
    return "the sounds or their sides are not clear";
  const auto anchors = groups_of(scene.sounds_of(anchor), scene.margins());
  const auto length = [](const CheckedGroup& group) { return group.offset - group.onset; };
  const CheckedGroup* meant = nullptr;
  for (const CheckedGroup& group : anchors)
    if (!meant || length(group) > length(*meant)) meant = &group;
  const std::string is = scene.fact("anchor_is");
  if ((is == "only") != (anchors.size() == 1) || (is != "only" && is != "longest"))
    return "the sound that it is counted from occurs " + std::to_string(anchors.size()) + " times";
  for (const CheckedGroup& group : anchors)
    if (&group != meant && !lasts_longer(length(*meant), length(group), scene.margins()))
      return "it is not clear which is the longest";
  std::string sides;
  for (const CheckedGroup& group : groups_of(scene.sounds_of(key), scene.margins()))
    sides += side(group, *meant, scene.margins());
  if (sides.find('?') != std::string::npos) return "one is on neither side";
  const auto n = std::count(sides.begin(), sides.end(), asked);
  if (n == static_cast<std::ptrdiff_t>(sides.size())) return "all are on one side";
  return scene.number_problem(static_cast<int>(n));
}

std::string compare_two_problem(const RecheckScene& scene) {
  const auto& sounds = scene.sounds();
  const std::string place = scene.fact("place"), which = scene.fact("which");
  if (sounds.size() < 2 || (place != "first" && place != "last") || (which != "more" && which != "less"))
    return "does not name two sounds";
  const CheckedSound& a = place == "first" ? sounds[0] : sounds[sounds.size() - 2];
  const CheckedSound& b = place == "first" ? sounds[1] : sounds[sounds.size() - 1];
  if (a.key == b.key || !scene.is_clear(a.key) || !scene.is_clear(b.key)) return "the two are not clear";
  // Of all onsets only those of the two may be near: and they are not.
  for (const CheckedSound& sound : sounds)
    for (const CheckedSound* own : {&a, &b}) {
      const double away = sound.event->onset - own->event->onset;
      if (sound.event != own->event && std::max(away, -away) < scene.margins().onset_gap_s)
        return "it is not clear which two are meant";
    }
  const Attribute attribute = attribute_from_name(scene.fact("attribute"));
  const auto left = measured(*a.event, attribute), right = measured(*b.event, attribute);
  if (!left || !right) return "a sound is not measured";
  if (!differs(*left, *right, attribute, scene.margins())) return "the two are alike";
  const bool first_wins = (*left > *right) == (which == "more");
  const Item& item = scene.context().item;
  const std::string& loser = first_wins ? b.key : a.key;
  if (!item.options.empty() &&
      std::none_of(item.options.begin(), item.options.end(),
                   [&](const std::string& option) { return scene.key_of(option) == loser; }))
    return "the other of the two is no option";
  return scene.answer_problem(first_wins ? a.key : b.key);
}

// What begins next after, or last before, a stretch of a class; a problem where that is not clear.
std::string beside_problem(const RecheckScene& scene, const std::string& key, const CheckedGroup& stretch,
                           bool own_allowed) {
  const char asked = asked_side(scene);
  if (asked == '?') return "does not say on which side";
  const CheckedSound* found = nullptr;
  std::vector<const CheckedSound*> others;
  for (const CheckedSound& sound : scene.sounds()) {
    const bool inside = sound.event->onset >= stretch.onset && sound.event->onset <= stretch.offset;
    if (sound.key != key || !inside) others.push_back(&sound);
  }
  for (const CheckedSound* sound : others) {
    const double away = sound->event->onset - stretch.onset;
    if (std::max(away, -away) < scene.margins().onset_gap_s) return "another sound begins with it";
    if ((asked == 'a') != (away > 0)) continue;
    const double before = found ? found->event->onset - stretch.onset : 1e9;
    if (std::max(away, -away) < std::max(before, -before)) found = sound;
  }
  if (!found) return "nothing is on that side";
  if (found->key == key) return "the same sound is on that side";
  const CheckedGroup own = {found->event->onset, found->event->offset};
  if (side(own, stretch, scene.margins()) != asked) return "the sounds overlap";
  for (const CheckedSound* sound : others) {
    const double away = sound->event->onset - own.onset;
    if (sound != found && std::max(away, -away) < scene.margins().onset_gap_s)
      return "two sounds are on that side";
    if (asked == 'b' && sound->key != found->key && sound->event->onset < stretch.onset &&
        sound->event->offset > own.offset)
      return "another sound ends later";
  }
  return own_allowed ? scene.answer_problem(found->key) : scene.answer_problem(found->key, {key});
}

std::string beside_kth_problem(const RecheckScene& scene) {
  const std::string key = scene.key_of(scene.fact("label"));
  if (!scene.is_clear(key)) return "the named sound is not clear";
  const auto groups = groups_of(scene.sounds_of(key), scene.margins());
  const int k = scene.number_fact("k");
  if (k < 1 || k > static_cast<int>(groups.size()) || groups.size() < 2) return "does not occur so often";
  return beside_problem(scene, key, groups[static_cast<std::size_t>(k) - 1], false);
}

// The class that has most or least of the attribute in all the clip; empty: it is not clear.
std::string extreme_key(const RecheckScene& scene) {
  const Attribute attribute = attribute_from_name(scene.fact("attribute"));
  const bool most = scene.fact("which") == "most";
  if (!most && scene.fact("which") != "least") return "";
  struct Value {
    std::string key;
    double value;
  };
  std::vector<Value> values;
  std::set<std::string> seen;
  for (const CheckedSound& sound : scene.sounds()) {
    const auto value = measured(*sound.event, attribute);
    if (!value || !scene.is_clear(sound.key)) return "";
    if (attribute == Attribute::kLength && seen.contains(sound.key)) return "";
    seen.insert(sound.key);
    values.push_back({sound.key, *value});
  }
  if (seen.size() < 2) return "";
  const Value best = *std::max_element(values.begin(), values.end(), [&](const Value& a, const Value& b) {
    return most ? a.value < b.value : a.value > b.value;
  });
  // Every event of every other class is clearly behind.
  for (const Value& other : values)
    if (other.key != best.key && !differs(other.value, best.value, attribute, scene.margins())) return "";
  return best.key;
}

std::string beside_most_problem(const RecheckScene& scene) {
  const std::string key = extreme_key(scene);
  const auto events = scene.sounds_of(key);
  if (events.size() != 1) return "no single sound is clearly ahead";
  return beside_problem(scene, key, {events[0]->onset, events[0]->offset}, true);
}

std::string count_most_problem(const RecheckScene& scene) {
  if (scene.fact("attribute") == "length") return "the longest sound occurs once";
  const std::string key = extreme_key(scene);
  if (key.empty()) return "no sound is clearly ahead";
  return scene.number_problem(static_cast<int>(groups_of(scene.sounds_of(key), scene.margins()).size()));
}

std::string lasting_beside_problem(const RecheckScene& scene) {
  const std::string key = scene.key_of(scene.fact("label")), which = scene.fact("which");
  const auto named = scene.sounds_of(key);
  const char asked = asked_side(scene);
  if (named.size() != 1 || !scene.is_clear(key) || asked == '?' ||
      (which != "longest" && which != "shortest"))
    return "the named sound or its side is not clear";
  const CheckedGroup anchor = {named[0]->onset, named[0]->offset};
  std::map<std::string, std::vector<const RecordEvent*>> beside;
  for (const CheckedSound& sound : scene.sounds()) {
    if (sound.key == key) continue;
    const char own = side({sound.event->onset, sound.event->offset}, anchor, scene.margins());
    if (own == '?') return "a sound is on neither side";
    if (own == asked) beside[sound.key].push_back(sound.event);
  }
  if (beside.size() < 2) return "fewer than two sounds are on that side";
  const Item& item = scene.context().item;
  const std::string answer = scene.key_of(item.answer);
  if (!beside.contains(answer)) return "the answer is not on that side";
  const double own = seconds_of(beside[answer]);
  for (const auto& [other, events] : beside) {
    if (!scene.is_clear(other)) return "a sound on that side is not clear";
    const double lasts = seconds_of(events);
    if (other != answer && !(which == "longest" ? lasts_longer(own, lasts, scene.margins())
                                                : lasts_longer(lasts, own, scene.margins())))
      return "another sound on that side lasts as long, or it is too close";
  }
  if (!item.options.empty() &&
      std::none_of(item.options.begin(), item.options.end(), [&](const std::string& option) {
        const std::string other = scene.key_of(option);
        return other != answer && beside.contains(other);
      }))
    return "no other sound of that side is an option";
  return scene.answer_problem(answer, {key});
}

}  // namespace

RecheckTable general_rechecks() {
  return {
      {"general.count_beside", with_scene(count_beside_problem)},
      {"general.compare_two", with_scene(compare_two_problem)},
      {"general.beside_kth", with_scene(beside_kth_problem)},
      {"general.beside_most", with_scene(beside_most_problem)},
      {"general.count_most", with_scene(count_most_problem)},
      {"general.lasting_beside", with_scene(lasting_beside_problem)},
  };
}

}  // namespace af2
