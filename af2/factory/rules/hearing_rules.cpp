// The plainest questions about a clip: which of four sounds is in it, what it is when it is one alone,
// whether a sound is heard (docs/spec/data.md section 4).
#include <algorithm>

#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

constexpr int kOptionsOfSound = 4;  // of "which of these", whatever the set's other choices have

std::optional<int> drawn_sound(const RuleContext& context, const RuleScene& scene) {
  const std::vector<int> sounds = scene.clear();
  return sounds.empty() ? std::nullopt : std::optional<int>(context.rng.pick(sounds));
}

Finding about(const RuleContext& context, const SoundClass& sound) {
  Finding finding;
  finding.answer = phrase_of(context, sound.label);
  finding.kind = "present";
  finding.level = "easy";
  finding.facts = {{"label", sound.label}};
  add_evidence(finding, context, sound.events);
  return finding;
}

// Wrong are sounds that are not in the clip: any of the others would be as right.
std::optional<Finding> find_sound(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const std::optional<int> sound = drawn_sound(context, scene);
  if (!sound) return std::nullopt;
  Finding finding = about(context, class_at(scene, *sound));
  for (const std::string& label : absent_in_set(context, kOptionsOfSound - 1))
    finding.wrong.push_back({phrase_of(context, label), "absent"});
  finding.most_options = kOptionsOfSound;
  return finding;
}

// One class of sounds is all that the clip holds.
std::optional<Finding> find_what(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const Record& record = context.record;
  if (!record.all_labelled || !record.speech.empty() || scene.background || scene.classes.size() != 1 ||
      !scene.classes[0].clear || scene.heard.size() != record.events.size())
    return std::nullopt;
  const SoundClass& sound = scene.classes[0];
  for (const std::string& label : record.labels)
    if (label != sound.label && (sound.id < 0 || context.words.find(label) != sound.id)) return std::nullopt;
  return about(context, sound);
}

std::optional<Finding> find_whether(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const std::optional<int> sound = drawn_sound(context, scene);
  const std::vector<std::string> absent = absent_in_set(context, 1);
  // Where only one of the answers can be given, the question would tell which.
  if (!sound || absent.empty()) return std::nullopt;
  Finding finding;
  if (context.rng.chance(0.5)) {
    finding = about(context, class_at(scene, *sound));
    finding.answer = "yes";
  } else {
    finding.answer = "no";
    finding.level = "easy";
    finding.facts = {{"label", absent[0]}};
  }
  finding.kind = "value";
  finding.slots = {{"x", phrase_of(context, finding.facts["label"].get<std::string>())}};
  return finding;
}

}  // namespace

std::vector<RuleType> hearing_rules() {
  return {{"foundational", "sound", false, {"choice"}, find_sound},
          {"foundational", "what", false, {"short"}, find_what},
          {"foundational", "presence", false, {"yes_no"}, find_whether}};
}

}  // namespace af2
