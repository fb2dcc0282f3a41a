#include "af2/factory/rules/temporal_rules.h"

#include <array>
#include <cmath>

#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

// The third that holds the whole event, away from its inner borders; -1: none.
int third_of(const RecordEvent& event, double length, const Margins& margins) {
  const double border = margins.border_share * length;
  for (int third = 0; third < 3; ++third) {
    const bool begins = third == 0 || event.onset >= third * length / 3 + border;
    const bool ends = third == 2 || event.offset <= (third + 1) * length / 3 - border;
    if (begins && ends) return third;
  }
  return -1;
}

// 0 louder, 1 unchanged, 2 softer; -1: neither for sure.
int change_of(const RecordEvent& event, const Margins& margins) {
  if (!event.change || event.offset - event.onset < margins.change_s) return -1;
  if (*event.change >= margins.change_db) return 0;
  if (*event.change <= -margins.change_db) return 2;
  return std::abs(*event.change) <= margins.unchanged_db ? 1 : -1;
}

// One of three fixed answers about a class of one event, each answer as likely as the record allows.
std::optional<Finding> find_of_three(const RuleContext& context, const std::array<const char*, 3>& answers,
                                     const std::function<int(const RecordEvent&)>& answer_of) {
  const RuleScene scene = scene_of(context);
  std::array<std::vector<int>, 3> sounds;
  for (const int sound : scene.clear(true)) {
    const auto& event = event_at(context, scene.classes[static_cast<std::size_t>(sound)].events[0]);
    if (const int answer = answer_of(event); answer >= 0)
      sounds[static_cast<std::size_t>(answer)].push_back(sound);
  }
  std::vector<std::size_t> possible;
  for (std::size_t i = 0; i < 3; ++i)
    if (!sounds[i].empty()) possible.push_back(i);
  if (possible.empty()) return std::nullopt;
  const std::size_t answer = context.rng.pick(possible);
  const SoundClass& sound = scene.classes[static_cast<std::size_t>(context.rng.pick(sounds[answer]))];
  Finding finding;
  finding.slots = {{"x", phrase_of(context, sound.label)}};
  finding.answer = answers[answer];
  for (std::size_t i = 0; i < 3; ++i)
    if (i != answer) finding.wrong.push_back({answers[i], "value"});
  finding.most_options = 3;
  finding.facts = {{"label", sound.label}};
  add_evidence(finding, context, sound.events);
  return finding;
}

std::optional<Finding> find_grounding(const RuleContext& context) {
  if (!context.record.duration || !(*context.record.duration > 0)) return std::nullopt;
  auto finding = find_of_three(context, kThirdWords, [&](const RecordEvent& event) {
    return third_of(event, *context.record.duration, context.margins);
  });
  if (finding) finding->level = "easy";
  return finding;
}

std::optional<Finding> find_loudness_change(const RuleContext& context) {
  auto finding = find_of_three(context, kChangeWords,
                               [&](const RecordEvent& event) { return change_of(event, context.margins); });
  if (finding) finding->level = "medium";
  return finding;
}

// Only where both answers could be: what is absent must be known.
std::optional<Finding> find_present(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const std::vector<int> present = scene.clear();
  const std::vector<std::string> absent = absent_labels(context, 1);
  if (present.empty() || absent.empty()) return std::nullopt;
  const bool yes = context.rng.chance(0.5);
  const SoundClass& sound = scene.classes[static_cast<std::size_t>(context.rng.pick(present))];
  const std::string& label = yes ? sound.label : absent[0];
  Finding finding;
  finding.slots = {{"x", phrase_of(context, label)}};
  finding.answer = yes ? "yes" : "no";
  finding.level = "easy";
  finding.facts = {{"label", label}};
  if (yes) add_evidence(finding, context, sound.events);
  return finding;
}

}  // namespace

std::vector<RuleType> temporal_rules() {
  return {
      {"temporal", "order", false, {"choice", "open"}, find_order},
      {"temporal", "order_letters", false, {"short"}, find_order_letters},
      {"temporal", "referring", false, {"choice", "short"}, find_referring},
      {"temporal", "grounding", false, {"choice", "short"}, find_grounding},
      {"temporal", "change", false, {"choice", "short"}, find_loudness_change},
      {"temporal", "duration", false, {"choice", "short"}, find_duration},
      {"temporal", "overlap", false, {"choice"}, find_overlap},
      {"temporal", "together", false, {"yes_no"}, find_together},
      {"temporal", "gap", false, {"choice", "short"}, find_gap},
      {"temporal", "silence", false, {"yes_no"}, find_silence},
      {"temporal", "presence", false, {"yes_no"}, find_present},
  };
}

}  // namespace af2
