#include <algorithm>

#include "af2/factory/rules/recheck_scene.h"

namespace af2 {
namespace {

std::string sound_problem(const RecheckScene& scene) {
  const std::string key = scene.key_of(scene.fact("label"));
  std::vector<std::string> others = scene.keys();
  std::erase(others, key);
  if (scene.context().item.options.size() != 4) return "has not four options";
  return scene.answer_problem(key, others);
}

std::string what_problem(const RecheckScene& scene) {
  const Record& record = scene.context().record;
  const std::string key = scene.key_of(scene.fact("label"));
  if (!record.all_labelled) return "not all that sounds is labelled";
  if (!record.speech.empty()) return "speech is heard too";
  for (const RecordEvent& event : record.events)
    if (event.role == "background" || scene.key_of(event.label) != key) return event.label + " is heard too";
  for (const std::string& label : record.labels)
    if (scene.key_of(label) != key) return label + " is heard too";
  return scene.answer_problem(key);
}

std::string whether_problem(const RecheckScene& scene) {
  const std::string label = scene.fact("label");
  if (scene.is_clear(scene.key_of(label))) return scene.value_problem("yes");
  return scene.is_absent(label) ? scene.value_problem("no") : "whether it is heard is not clear";
}

}  // namespace

RecheckTable hearing_rechecks() {
  return {{"foundational.sound", with_scene(sound_problem)},
          {"foundational.what", with_scene(what_problem)},
          {"foundational.presence", with_scene(whether_problem)}};
}

}  // namespace af2
