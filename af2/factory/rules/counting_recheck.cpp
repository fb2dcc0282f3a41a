#include <algorithm>
#include <set>

#include "af2/factory/rules/recheck_scene.h"

namespace af2 {
namespace {

constexpr int kMostKindsAsked = 6;

// The open answer.
std::string told(int n) {
  return n == 1 ? "It is heard once." : "It is heard " + number_word(n) + " times.";
}

std::string times_problem(const RecheckScene& scene, const std::string& key) {
  if (!scene.is_clear(key)) return "the counted sound is not clear";
  const auto n = static_cast<int>(groups_of(scene.sounds_of(key), scene.margins()).size());
  if (scene.context().item.form != "open") return scene.number_problem(n);
  return n > scene.margins().most_counted ? "there are " + std::to_string(n) : scene.value_problem(told(n));
}

std::string count_problem(const RecheckScene& scene) {
  const std::string& level = scene.context().item.level;
  if (level != (scene.keys().size() == 1 ? "1" : "2")) return "is not of level " + level;
  return times_problem(scene, scene.key_of(scene.fact("label")));
}

std::string count_placed_problem(const RecheckScene& scene) {
  const auto k = static_cast<std::size_t>(std::max(scene.number_fact("k"), 0));
  const auto& keys = scene.keys();
  if (k < 1 || k > keys.size() || keys.size() < 2) return "there is no such place";
  if (scene.context().item.level != "3") return "is not of level " + scene.context().item.level;
  std::vector<double> begins;
  for (const std::string& key : keys) {
    double first = 1e9;
    for (const RecordEvent* event : scene.sounds_of(key)) first = std::min(first, event->onset);
    begins.push_back(first);
  }
  for (std::size_t i = 0; i < k; ++i) {
    if (!scene.is_clear(keys[i])) return "a sound before it is not clear";
    for (std::size_t other = 0; other < keys.size(); ++other)
      if (other != i && std::max(begins[i], begins[other]) - std::min(begins[i], begins[other]) <
                            scene.margins().onset_gap_s)
        return "two sounds begin at nearly the same time";
  }
  return times_problem(scene, keys[k - 1]);
}

std::string kinds_problem(const RecheckScene& scene) {
  const Record& record = scene.context().record;
  if (!record.all_labelled) return "not all that sounds is labelled";
  std::set<std::string> kinds, background;
  for (const RecordEvent& event : record.events) {
    const std::string key = scene.key_of(event.label);
    if (event.role == "background") {
      background.insert(key);
    } else if (!scene.is_clear(key)) {
      return event.label + " is not clear";
    } else {
      kinds.insert(key);
    }
  }
  for (const std::string& label : record.labels)
    if (const std::string key = scene.key_of(label); !kinds.contains(key) && !background.contains(key))
      return label + " has no event";
  const auto n = static_cast<int>(kinds.size());
  if (n < 1 || n > kMostKindsAsked) return "there are " + std::to_string(n);
  if (scene.context().item.form == "open")
    return scene.value_problem(n == 1 ? "There is one sound."
                                      : "There are " + number_word(n) + " different sounds.");
  for (const std::string& option : scene.context().item.options)
    if (option.size() != 1 || option[0] < '1' || option[0] > '0' + kMostKindsAsked)
      return option + " is never right";
  return scene.value_problem(std::to_string(n));
}

}  // namespace

RecheckTable counting_rechecks() {
  return {
      {"counting.count", with_scene(count_problem)},
      {"counting.count_placed", with_scene(count_placed_problem)},
      {"counting.kinds", with_scene(kinds_problem)},
  };
}

}  // namespace af2
