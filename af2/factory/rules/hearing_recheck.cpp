#include <algorithm>

#include "af2/core/text_util.h"
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

// Reads the sentence from its beginning: one clause a kind of sound, in order, and nothing else.
std::string description_problem(const RecheckScene& scene) {
  if (!scene.context().record.all_labelled) return "not all that sounds is labelled";
  if (scene.has_background()) return "something sounds all the while";
  // The first letter is large.
  const auto lowered = [](std::string text) {
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 'a' - 'A');
    return text;
  };
  std::string rest = lowered(scene.context().item.answer);
  if (rest.empty() || rest.back() != '.') return "is no sentence";
  rest.pop_back();
  const auto take = [&](const std::string& text) {
    if (!starts_with(rest, text)) return false;
    rest.erase(0, text.size());
    return true;
  };
  const RecordEvent* before = nullptr;
  for (const std::string& key : scene.keys()) {
    if (!scene.is_clear(key)) return "whether " + key + " is heard is not clear";
    const RecordEvent* first = scene.sounds_of(key).front();
    const bool together = before && before->offset - first->onset > 0.3;
    if (before && !take(together ? ", while " : ", then ")) return "is not in the order of what sounds";
    const std::string said = scene.context().words.worded(first->label, &LabelInfo::sentence);
    if (!take(before ? said : lowered(said)))
      return "does not say that " + first->label + " is heard where it begins";
    before = first;
  }
  return before && rest.empty() ? "" : "says more than is heard: " + rest;
}

}  // namespace

RecheckTable hearing_rechecks() {
  return {{"foundational.sound", with_scene(sound_problem)},
          {"foundational.what", with_scene(what_problem)},
          {"foundational.presence", with_scene(whether_problem)},
          {"foundational.description", with_scene(description_problem)}};
}

}  // namespace af2
