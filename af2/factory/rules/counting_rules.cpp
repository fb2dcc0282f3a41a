#include <algorithm>

#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

// Different sounds in a clip are asked for up to this number.
constexpr int kMostKinds = 6;

// How often a class sounds; nothing where that is not clear, or more than is asked for.
std::optional<int> times(const RuleContext& context, const SoundClass& sound) {
  if (!countable(context, sound)) return std::nullopt;
  const auto n = static_cast<int>(joined_events(context, sound).size());
  return n >= 1 && n <= context.margins.most_counted ? std::optional<int>(n) : std::nullopt;
}

void answer_number(Finding& finding, const RuleContext& context, int number, int most) {
  finding.answer = std::to_string(number);
  finding.wrong = wrong_numbers(context.rng, number, most);
  finding.sentence = number == 1 ? "It is heard once." : "It is heard " + number_word(number) + " times.";
}

// Levels 1 (nothing else sounds) and 2 (others do).
std::optional<Finding> find_count(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<int> sounds = scene.clear();
  context.rng.shuffle(sounds);
  // What is repeated is worth counting, before what sounds once.
  std::stable_sort(sounds.begin(), sounds.end(), [&](int a, int b) {
    const auto repeated = [&](int sound) {
      return joined_events(context, scene.classes[static_cast<std::size_t>(sound)]).size() > 1;
    };
    return repeated(a) > repeated(b);
  });
  for (const int chosen : sounds) {
    const SoundClass& sound = scene.classes[static_cast<std::size_t>(chosen)];
    const auto number = times(context, sound);
    if (!number) continue;
    Finding finding;
    finding.slots = {{"x", phrase_of(context, sound.label)}};
    answer_number(finding, context, *number, context.margins.most_counted);
    finding.level = scene.classes.size() == 1 ? "1" : "2";
    finding.facts = {{"label", sound.label}};
    add_evidence(finding, context, sound.events);
    return finding;
  }
  return std::nullopt;
}

// The k-th of the different sounds, by their first onsets, is clear: so are those before it, and each begins
// apart from the others.
int clear_firsts(const RuleContext& context, const RuleScene& scene) {
  int k = 0;
  const auto first = [&](std::size_t i) { return event_at(context, scene.classes[i].events[0]).onset; };
  for (std::size_t i = 0; i < scene.classes.size() && scene.classes[i].clear; ++i) {
    if (i + 1 < scene.classes.size() && first(i + 1) - first(i) < context.margins.onset_gap_s) break;
    ++k;
  }
  return k;
}

// Level 3: the sound is named by its place.
std::optional<Finding> find_count_placed(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  if (scene.classes.size() < 2) return std::nullopt;
  std::vector<int> places(static_cast<std::size_t>(clear_firsts(context, scene)));
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int>(i);
  context.rng.shuffle(places);
  std::stable_sort(places.begin(), places.end(), [&](int a, int b) {
    const auto repeated = [&](int place) {
      return joined_events(context, scene.classes[static_cast<std::size_t>(place)]).size() > 1;
    };
    return repeated(a) > repeated(b);
  });
  for (const int place : places) {
    const SoundClass& sound = scene.classes[static_cast<std::size_t>(place)];
    const auto number = times(context, sound);
    if (!number) continue;
    Finding finding;
    finding.slots = {{"k", ordinal_word(place + 1)}, {"aside", aside_of(scene)}};
    answer_number(finding, context, *number, context.margins.most_counted);
    finding.level = "3";
    finding.facts = {{"k", place + 1}};
    add_evidence(finding, context, sound.events);
    return finding;
  }
  return std::nullopt;
}

// How many different sounds there are: everything must be labelled and clear.
std::optional<Finding> find_kinds(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const auto n = static_cast<int>(scene.classes.size());
  if (!context.record.all_labelled || n < 1 || n > kMostKinds || static_cast<int>(scene.clear().size()) != n)
    return std::nullopt;
  // A soft sound might be heard or not, one of the whole clip may be no event at all.
  for (std::size_t i = 0; i < context.record.events.size(); ++i)
    if (scene.class_of[i] < 0 && context.record.events[i].role != "background") return std::nullopt;
  for (const std::string& label : context.record.labels) {
    const int id = context.words.find(label);
    const bool known =
        std::any_of(context.record.events.begin(), context.record.events.end(), [&](const auto& event) {
          return event.label == label || (id >= 0 && context.words.find(event.label) == id);
        });
    if (!known) return std::nullopt;
  }
  Finding finding;
  finding.slots = {{"aside", aside_of(scene)}};
  answer_number(finding, context, n, kMostKinds);
  finding.sentence =
      "There " + std::string(n == 1 ? "is one sound." : "are " + number_word(n) + " different sounds.");
  finding.level = "2";
  for (const SoundClass& sound : scene.classes) add_evidence(finding, context, {sound.events[0]});
  return finding;
}

}  // namespace

std::vector<RuleType> counting_rules() {
  return {
      {"counting", "count", false, {"short", "choice", "open"}, find_count},
      {"counting", "count_placed", false, {"short", "choice", "open"}, find_count_placed},
      {"counting", "kinds", false, {"short", "choice", "open"}, find_kinds},
  };
}

}  // namespace af2
