// Position, order, overlap and change over a long scene, on its many sounds and its places (docs/spec/data.md
// section 3).
#include <algorithm>

#include "af2/core/text_util.h"
#include "af2/factory/rules/long_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_detail;

const std::vector<std::string>& positions() {
  static const std::vector<std::string> texts = {"only in the first third", "only in the middle third",
                                                 "only in the last third", "in every third of it"};
  return texts;
}

// 0, 1, 2: the third that holds the whole span, away from its borders; -1: none.
int third_of(const LongScene& scene, const Span& span) {
  const double third = scene.length() / 3, slack = scene.context().margins.border_share * scene.length();
  for (int i = 0; i < 3; ++i)
    if (span.start >= i * third + (i ? slack : 0) && span.end <= (i + 1) * third - (i < 2 ? slack : 0))
      return i;
  return -1;
}

// Of all its spans; 3: in every third; -1: not clear.
int position_of(const LongScene& scene, const LongSound& sound) {
  std::vector<int> n(3);
  bool clear = true;
  for (const Span& span : sound.spans) {
    const int third = third_of(scene, span);
    if (third < 0)
      clear = false;
    else
      ++n[static_cast<std::size_t>(third)];
  }
  if (n[0] && n[1] && n[2]) return 3;
  if (!clear) return -1;
  for (int i = 0; i < 3; ++i)
    if (n[static_cast<std::size_t>(i)] == static_cast<int>(sound.spans.size())) return i;
  return -1;
}

std::optional<Finding> find_position(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  // The answer is drawn before the sound, so that none is more usual.
  const int asked = context.rng.range(0, 3);
  const auto fit = scene.drawn([&](const LongSound& sound) { return position_of(scene, sound) == asked; });
  if (fit.empty()) return std::nullopt;
  Finding finding;
  finding.slots["x"] = scene.phrase(fit.front()->label);
  for (int i = 0; i < 4; ++i)
    if (i == asked)
      finding.answer = positions()[static_cast<std::size_t>(i)];
    else
      finding.wrong.push_back({positions()[static_cast<std::size_t>(i)], "value"});
  finding.evidence = scene.evidence(*fit.front());
  finding.level = fit.front()->spans.size() == 1 ? "easy" : "medium";
  finding.facts = {{"label", fit.front()->label}};
  return finding;
}

// Sounds whose first onsets (or last ends) lie apart: `n` of them, drawn, sorted.
std::vector<const LongSound*> apart(const LongScene& scene, std::size_t n, bool by_end) {
  const auto at = [&](const LongSound& sound) {
    return by_end ? sound.spans.back().end : sound.spans.front().start;
  };
  std::vector<const LongSound*> chosen;
  for (const LongSound* sound : scene.drawn([](const LongSound&) { return true; })) {
    if (chosen.size() == n) break;
    if (std::all_of(chosen.begin(), chosen.end(), [&](const LongSound* other) {
          return std::abs(at(*sound) - at(*other)) >= scene.context().margins.onset_gap_s;
        }))
      chosen.push_back(sound);
  }
  if (chosen.size() < n) return {};
  std::sort(chosen.begin(), chosen.end(),
            [&](const LongSound* a, const LongSound* b) { return at(*a) < at(*b); });
  return chosen;
}

std::optional<Finding> find_long_order(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const auto sounds = apart(scene, context.rng.chance(0.5) ? 3 : 4, false);
  if (sounds.empty()) return std::nullopt;
  std::vector<std::string> names, labels;
  for (const LongSound* sound : sounds) {
    names.push_back(short_of(context, sound->label));
    labels.push_back(sound->label);
  }
  Finding finding;
  finding.answer = join(names, ", then ");
  for (const std::vector<int>& order : other_orders(static_cast<int>(names.size()), 3, context.rng)) {
    std::vector<std::string> other;
    for (const int place : order) other.push_back(names[static_cast<std::size_t>(place)]);
    finding.wrong.push_back({join(other, ", then "), "value"});
  }
  for (const LongSound* sound : sounds) finding.evidence.push_back(scene.evidence(*sound, 1).front());
  finding.level = sounds.size() == 3 ? "medium" : "hard";
  finding.facts = {{"labels", sorted_texts(labels)}};
  return finding;
}

std::optional<Finding> find_order_places(const RuleContext& context) {
  const LongScene scene(context);
  if (scene.length() < context.margins.long_s) return std::nullopt;
  // Places that come once, and between which no other is alike.
  std::vector<const Stage*> chosen;
  for (const Stage& stage : scene.stages())
    if (scene.stages_at(stage.place).size() == 1) chosen.push_back(&stage);
  context.rng.shuffle(chosen);
  if (chosen.size() < 3) return std::nullopt;
  chosen.resize(std::min<std::size_t>(chosen.size(), context.rng.chance(0.5) ? 3 : 4));
  std::sort(chosen.begin(), chosen.end(), [](const Stage* a, const Stage* b) { return a->start < b->start; });
  std::vector<std::string> places;
  Finding finding;
  for (const Stage* stage : chosen) {
    places.push_back(stage->place);
    finding.evidence.push_back({stage->place, stage->start, stage->end});
  }
  finding.answer = join(places, ", then ");
  for (const std::vector<int>& order : other_orders(static_cast<int>(places.size()), 3, context.rng)) {
    std::vector<std::string> other;
    for (const int place : order) other.push_back(places[static_cast<std::size_t>(place)]);
    finding.wrong.push_back({join(other, ", then "), "value"});
  }
  if (count_words(finding.answer) > 20) return std::nullopt;
  finding.level = places.size() == 3 ? "medium" : "hard";
  finding.facts = {{"places", sorted_texts(places)}};
  return finding;
}

std::optional<Finding> find_first(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const bool last = context.rng.chance(0.5);
  auto sounds = apart(scene, 4, last);
  if (sounds.empty()) return std::nullopt;
  if (last) std::reverse(sounds.begin(), sounds.end());
  Finding finding;
  finding.answer = scene.phrase(sounds.front()->label);
  finding.kind = "present";
  std::vector<std::string> labels;
  for (const LongSound* sound : sounds) labels.push_back(sound->label);
  finding.wrong = wrong_labels(scene, {sounds.begin() + 1, sounds.end()});
  for (const LongSound* sound : sounds) {
    const auto all = scene.evidence(*sound, 1000);
    finding.evidence.push_back(last ? all.back() : all.front());
  }
  finding.variant = last ? "last" : "first";
  finding.level = "easy";
  finding.facts = {{"labels", sorted_texts(labels)}, {"which", finding.variant}};
  return finding;
}

std::optional<Finding> find_next_place(const RuleContext& context) {
  const LongScene scene(context);
  const std::vector<Stage>& stages = scene.stages();
  if (scene.length() < context.margins.long_s || stages.size() < 3) return std::nullopt;
  const bool after = context.rng.chance(0.5);
  const auto i = context.rng.below(stages.size() - 1);
  const Stage &known = stages[after ? i : i + 1], &asked = stages[after ? i + 1 : i];
  if (scene.stages_at(known.place).size() != 1) return std::nullopt;
  Finding finding;
  finding.slots["place"] = known.place;
  finding.answer = asked.place;
  finding.kind = "present";
  std::vector<std::string> others;
  for (const Stage& stage : stages)
    if (&stage != &known && !places_alike(stage.place, asked.place) &&
        std::none_of(others.begin(), others.end(),
                     [&](const std::string& other) { return places_alike(other, stage.place); }))
      others.push_back(stage.place);
  context.rng.shuffle(others);
  for (const std::string& place : others) finding.wrong.push_back({place, "present"});
  for (const std::string& place : scene.other_places(3)) finding.wrong.push_back({place, "absent"});
  finding.evidence = {{known.place, known.start, known.end}, {asked.place, asked.start, asked.end}};
  finding.variant = after ? "after" : "before";
  finding.level = "medium";
  finding.facts = {{"place", known.place}, {"side", finding.variant}};
  return finding;
}

std::optional<Finding> find_long_overlap(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  for (const LongSound* named : scene.drawn([](const LongSound& sound) { return sound.spans.size() <= 3; })) {
    const auto overlap = [&](const LongSound& sound) {
      double most = 0;
      for (const int i : named->events)
        for (const int j : sound.events) {
          const RecordEvent &a = context.record.events[static_cast<std::size_t>(i)],
                            &b = context.record.events[static_cast<std::size_t>(j)];
          most = std::max(most, std::min(a.offset, b.offset) - std::max(a.onset, b.onset));
        }
      return most;
    };
    const auto with = scene.drawn([&](const LongSound& sound) {
      return &sound != named && overlap(sound) >= context.margins.overlap_s;
    });
    const auto without = scene.drawn([&](const LongSound& sound) {
      return &sound != named && std::none_of(named->spans.begin(), named->spans.end(), [&](const Span& span) {
        return scene.heard_in(sound.label, span, context.margins.onset_gap_s);
      });
    });
    if (with.empty()) continue;
    Finding finding;
    finding.slots["x"] = scene.phrase(named->label);
    finding.answer = scene.phrase(with.front()->label);
    finding.kind = "present";
    finding.wrong =
        wrong_labels(scene, without, without.size() < 3 ? scene.absent(3) : std::vector<std::string>());
    finding.evidence = scene.evidence(*named, 4);
    for (const ItemEvidence& more : scene.evidence(*with.front(), 4)) finding.evidence.push_back(more);
    finding.level = "hard";
    finding.facts = {{"label", named->label}};
    return finding;
  }
  return std::nullopt;
}

const std::vector<std::string>& changes() {
  static const std::vector<std::string> texts = {"it becomes more frequent", "it becomes less frequent",
                                                 "it stays about as frequent", "it is left out at both ends"};
  return texts;
}

// By how often it begins in the first and in the last third; -1: between the answers.
int change_of(const LongScene& scene, const LongSound& sound) {
  if (!sound.countable()) return -1;
  int first = 0, last = 0;
  for (const Span& span : sound.spans) {
    const int third = third_of(scene, {span.start, span.start});
    if (third < 0) return -1;
    first += third == 0 ? 1 : 0;
    last += third == 2 ? 1 : 0;
  }
  if (first == 0 && last == 0) return sound.spans.size() > 1 ? 3 : -1;
  if (last >= first + 2 && last >= 2 * first) return 0;
  if (first >= last + 2 && first >= 2 * last) return 1;
  return first == last ? 2 : -1;
}

std::optional<Finding> find_change(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const int asked = context.rng.range(0, 3);
  const auto fit = scene.drawn([&](const LongSound& sound) { return change_of(scene, sound) == asked; });
  if (fit.empty()) return std::nullopt;
  Finding finding;
  finding.slots["x"] = scene.phrase(fit.front()->label);
  for (int i = 0; i < 4; ++i)
    if (i == asked)
      finding.answer = changes()[static_cast<std::size_t>(i)];
    else
      finding.wrong.push_back({changes()[static_cast<std::size_t>(i)], "value"});
  finding.evidence = scene.evidence(*fit.front(), 12);
  finding.level = "hard";
  finding.facts = {{"label", fit.front()->label}};
  return finding;
}

std::optional<Finding> find_half(const RuleContext& context) {
  const LongScene scene(context);
  if (!scene.usable()) return std::nullopt;
  const bool second = context.rng.chance(0.5);
  const double middle = scene.length() / 2, slack = context.margins.border_share * scene.length();
  const Span asked = second ? Span{middle + slack, scene.length()} : Span{0, middle - slack};
  const Span other = second ? Span{0, middle - slack} : Span{middle + slack, scene.length()};
  const auto within = [](const LongSound& sound, const Span& half) {
    return std::all_of(sound.spans.begin(), sound.spans.end(),
                       [&](const Span& span) { return span.start >= half.start && span.end <= half.end; });
  };
  const auto fit = scene.drawn([&](const LongSound& sound) { return within(sound, asked); });
  const auto others = scene.drawn([&](const LongSound& sound) {
    return std::any_of(sound.spans.begin(), sound.spans.end(),
                       [&](const Span& span) { return span.start >= other.start && span.end <= other.end; });
  });
  if (fit.empty() || others.size() < 3) return std::nullopt;
  Finding finding;
  finding.answer = scene.phrase(fit.front()->label);
  finding.kind = "present";
  finding.wrong = wrong_labels(scene, others);
  finding.evidence = scene.evidence(*fit.front());
  finding.variant = second ? "second" : "first";
  finding.level = "medium";
  finding.facts = {{"half", finding.variant}};
  return finding;
}

}  // namespace

std::vector<RuleType> long_temporal_rules() {
  return {{"temporal", "position", true, {"choice"}, find_position},
          {"temporal", "order", true, {"choice"}, find_long_order},
          {"temporal", "order_places", true, {"choice"}, find_order_places},
          {"temporal", "first", true, {"choice"}, find_first},
          {"temporal", "next_place", true, {"choice", "short"}, find_next_place},
          {"temporal", "overlap", true, {"choice"}, find_long_overlap},
          {"temporal", "change", true, {"choice"}, find_change},
          {"temporal", "half", true, {"choice"}, find_half}};
}

}  // namespace af2
