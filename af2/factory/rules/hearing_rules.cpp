// The plainest questions about a clip: which of four sounds is in it, what it is when it is one alone,
// whether a sound is heard, what is heard in a sentence (docs/spec/data.md section 4).
#include <algorithm>

#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

constexpr int kOptionsOfSound = 4;         // of "which of these", whatever the set's other choices have
constexpr std::size_t kMostDescribed = 4;  // kinds of sounds in a sentence
constexpr double kWhile = 0.3;             // seconds that two sounds share where a sentence says "while"

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

// "A dog barks, then a bell rings, while rain falls." Every kind once, by first onset; nothing where
// something sounds that the sentence would leave out.
std::optional<Finding> find_description(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  if (!context.record.all_labelled || scene.background || scene.classes.empty() ||
      scene.classes.size() > kMostDescribed || scene.clear().size() != scene.classes.size())
    return std::nullopt;
  Finding finding;
  Json labels = Json::array();
  const RecordEvent* previous = nullptr;
  for (const SoundClass& sound : scene.classes) {
    if (sound.id < 0) return std::nullopt;  // nobody has said how it is put
    const RecordEvent& first = event_at(context, sound.events.front());
    if (previous) finding.answer += previous->offset - first.onset > kWhile ? ", while " : ", then ";
    finding.answer += sentence_of(context, sound.label);
    labels.push_back(sound.label);
    add_evidence(finding, context, {sound.events.front()});
    previous = &first;
  }
  finding.answer = as_sentence(finding.answer);
  finding.level = labels.size() == 1 ? "easy" : labels.size() == 2 ? "medium" : "hard";
  finding.facts = {{"labels", std::move(labels)}};
  return finding;
}

}  // namespace

std::vector<RuleType> hearing_rules() {
  return {{"foundational", "sound", false, {"choice"}, find_sound},
          {"foundational", "what", false, {"short"}, find_what},
          {"foundational", "presence", false, {"yes_no"}, find_whether},
          {"foundational", "description", false, {"open"}, find_description}};
}

}  // namespace af2
