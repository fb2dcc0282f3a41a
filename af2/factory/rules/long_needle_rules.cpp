// A rare sound of a long scene, asked by content, by its neighbours, by its place; nothing else of the scene
// answers (docs/spec/data.md section 3).
#include <algorithm>
#include <limits>

#include "af2/factory/rules/long_combine.h"
#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_detail;

bool sounds_once(const LongSound& sound) {
  return sound.spans.size() == 1;
}

std::optional<Finding> find_content(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const auto rare = scene.drawn(sounds_once);
  if (rare.empty()) return std::nullopt;
  Finding finding;
  finding.answer = scene.phrase(rare.front()->label);
  finding.kind = "present";
  finding.wrong = wrong_labels(scene, {}, scene.absent(5));
  finding.evidence = scene.evidence(*rare.front());
  finding.level = "easy";
  finding.facts = {{"asks", "heard"}};
  return finding;
}

std::optional<Finding> find_once(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const auto rare = scene.drawn(sounds_once);
  // The others sound more than once without doubt: with the onset gap between.
  const auto often = scene.drawn([&](const LongSound& sound) {
    return sound.spans.size() > 1 && sound.spans[1].start - sound.spans[0].end >= context.margins.onset_gap_s;
  });
  if (rare.empty()) return std::nullopt;
  Finding finding;
  finding.answer = scene.phrase(rare.front()->label);
  finding.kind = "present";
  finding.wrong = wrong_labels(scene, often);
  finding.evidence = scene.evidence(*rare.front());
  finding.level = "medium";
  finding.facts = {{"asks", "once"}};
  return finding;
}

// The sound next to a span with nothing else between, on the side asked for; nothing where that is not clear.
const LongSound* neighbour(const LongScene& scene, const Span& span, bool after) {
  const double gap = scene.context().margins.onset_gap_s;
  const auto& events = scene.context().record.events;
  int next = -1;
  double nearest = std::numeric_limits<double>::infinity();
  for (std::size_t i = 0; i < events.size(); ++i) {
    const RecordEvent& event = events[i];
    if (event.role == "background") continue;
    const double away = after ? event.onset - span.end : span.start - event.offset;
    const double behind = after ? event.offset - span.end : span.start - event.onset;
    if (behind <= 0) continue;     // on the other side, or while it sounds
    if (away < 0) return nullptr;  // sounds with it, and on
    if (away < nearest) nearest = away, next = static_cast<int>(i);
  }
  if (next < 0) return nullptr;
  for (const LongSound& sound : scene.sounds()) {
    if (std::find(sound.events.begin(), sound.events.end(), next) == sound.events.end()) continue;
    // Another sound that comes nearly as soon must be the same one.
    for (std::size_t i = 0; i < events.size(); ++i) {
      const RecordEvent& event = events[i];
      const double away = after ? event.onset - span.end : span.start - event.offset;
      const double behind = after ? event.offset - span.end : span.start - event.onset;
      if (event.role != "background" && behind > 0 && away < nearest + gap && event.label != sound.label)
        return nullptr;
    }
    return &sound;
  }
  return nullptr;
}

std::optional<Finding> find_neighbour(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const bool after = context.rng.chance(0.5);
  for (const LongSound* rare : scene.drawn(sounds_once)) {
    const LongSound* next = neighbour(scene, rare->spans.front(), after);
    if (!next || next == rare) continue;
    const LongSound* other_side = neighbour(scene, rare->spans.front(), !after);
    Finding finding;
    finding.slots["x"] = scene.phrase(rare->label);
    finding.answer = scene.phrase(next->label);
    finding.kind = "present";
    auto others = scene.drawn(
        [&](const LongSound& sound) { return sound.label != rare->label && sound.label != next->label; });
    // What stands on the other side is the fairest wrong answer.
    std::stable_sort(others.begin(), others.end(), [&](const LongSound* a, const LongSound* b) {
      return (a == other_side) > (b == other_side);
    });
    finding.wrong =
        wrong_labels(scene, others, others.size() < 3 ? scene.absent(3) : std::vector<std::string>());
    finding.evidence = scene.evidence(*rare);
    for (const ItemEvidence& more : scene.evidence(*next, 4)) finding.evidence.push_back(more);
    finding.variant = after ? "after" : "before";
    finding.level = "hard";
    finding.facts = {{"label", rare->label}, {"side", finding.variant}};
    return finding;
  }
  return std::nullopt;
}

// The stage that holds the whole span, if one does.
const Stage* stage_of(const LongScene& scene, const Span& span) {
  for (const Stage& stage : scene.stages())
    if (scene.inside(span, {stage.start, stage.end})) return &stage;
  return nullptr;
}

std::optional<Finding> find_needle_place(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  for (const LongSound* rare : scene.drawn(sounds_once)) {
    const Stage* stage = stage_of(scene, rare->spans.front());
    if (!stage) continue;
    Finding finding;
    finding.slots["x"] = scene.phrase(rare->label);
    finding.answer = stage->place;
    finding.kind = "present";
    std::vector<const Stage*> others;
    for (const Stage& other : scene.stages())
      if (!places_alike(other.place, stage->place) &&
          std::none_of(others.begin(), others.end(),
                       [&](const Stage* known) { return places_alike(known->place, other.place); }))
        others.push_back(&other);
    if (others.empty()) return std::nullopt;
    context.rng.shuffle(others);
    for (const Stage* other : others) finding.wrong.push_back({other->place, "present"});
    for (const std::string& place : scene.other_places(3)) finding.wrong.push_back({place, "absent"});
    finding.evidence = scene.evidence(*rare);
    finding.level = "medium";
    finding.facts = {{"label", rare->label}};
    return finding;
  }
  return std::nullopt;
}

std::optional<Finding> find_only_there(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable() || scene.stages().size() < 2) return std::nullopt;
  const Stage& stage = scene.stages()[context.rng.below(scene.stages().size())];
  if (scene.stages_at(stage.place).size() != 1) return std::nullopt;
  const Span span{stage.start, stage.end};
  const auto only = scene.drawn([&](const LongSound& sound) { return scene.all_inside(sound, span); });
  const auto others = scene.drawn([&](const LongSound& sound) { return !scene.heard_in(sound.label, span); });
  if (only.empty() || others.empty()) return std::nullopt;
  Finding finding;
  finding.slots["place"] = stage.place;
  finding.answer = scene.phrase(only.front()->label);
  finding.kind = "present";
  finding.wrong =
      wrong_labels(scene, others, others.size() < 3 ? scene.absent(3) : std::vector<std::string>());
  finding.evidence = scene.evidence(*only.front());
  finding.level = "medium";
  finding.facts = {{"place", stage.place}};
  return finding;
}

std::optional<Finding> find_happened(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable() || scene.stages().size() < 2) return std::nullopt;
  const bool yes = context.rng.chance(0.5);
  const Stage& stage = scene.stages()[context.rng.below(scene.stages().size())];
  if (scene.stages_at(stage.place).size() != 1) return std::nullopt;
  const Span span{stage.start, stage.end};
  // A sound that is heard either there alone or elsewhere alone: both are as rare.
  const auto fit = scene.drawn([&](const LongSound& sound) {
    if (sound.spans.size() > 2) return false;
    return yes ? scene.all_inside(sound, span)
               : !scene.heard_in(sound.label, span, context.margins.onset_gap_s);
  });
  if (fit.empty()) return std::nullopt;
  Finding finding;
  finding.slots = {{"x", scene.phrase(fit.front()->label)}, {"place", stage.place}};
  finding.answer = yes ? "yes" : "no";
  finding.evidence = scene.evidence(*fit.front());
  finding.level = "medium";
  finding.facts = {{"label", fit.front()->label}, {"place", stage.place}};
  return finding;
}

// One stretch answers, the others say that there is nothing to answer.
std::optional<Finding> find_needle_combine(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const bool after = context.rng.chance(0.5);
  for (const LongSound* rare : scene.drawn(sounds_once)) {
    const LongSound* next = neighbour(scene, rare->spans.front(), after);
    if (!next || next == rare) continue;
    // Both in one stretch, the neighbour's event beside the rare one too.
    Span both = rare->spans.front();
    double nearest = std::numeric_limits<double>::infinity();
    Span beside;
    for (const Span& span : next->spans) {
      const double away = after ? span.start - both.end : both.start - span.end;
      if (away >= 0 && away < nearest) nearest = away, beside = span;
    }
    both = {std::min(both.start, beside.start), std::max(both.end, beside.end)};
    const std::vector<Span> stretches = drawn_stretches(scene);
    const auto holds = std::find_if(stretches.begin(), stretches.end(), [&](const Span& stretch) {
      return stretch.start <= both.start && both.end <= stretch.end;
    });
    if (holds == stretches.end()) continue;
    Finding finding;
    finding.answer = scene.phrase(next->label);
    std::vector<std::string> answers(stretches.size(), scene.phrase(rare->label) + " is not heard");
    answers[static_cast<std::size_t>(holds - stretches.begin())] = finding.answer;
    finding.slots = {{"x", scene.phrase(rare->label)}, {"answers", timed_answers(stretches, answers)}};
    finding.variant = after ? "after" : "before";
    finding.evidence = scene.evidence(*rare);
    finding.level = "medium";
    finding.facts = {{"label", rare->label}, {"side", finding.variant}, {"stretch_s", stretches.front().end}};
    return finding;
  }
  return std::nullopt;
}

}  // namespace

std::vector<RuleType> long_needle_rules() {
  return {{"needle", "content", true, {"choice"}, find_content},
          {"needle", "once", true, {"choice"}, find_once},
          {"needle", "neighbour", true, {"choice", "short"}, find_neighbour},
          {"needle", "place", true, {"choice", "short"}, find_needle_place},
          {"needle", "only_there", true, {"choice"}, find_only_there},
          {"needle", "happened", true, {"yes_no"}, find_happened},
          {"needle", "combine", true, {"short"}, find_needle_combine}};
}

}  // namespace af2
