// How long sounds last, which sound at once, and where nothing sounds.
#include <algorithm>

#include "af2/factory/rules/rule_scene.h"
#include "af2/factory/rules/temporal_rules.h"

namespace af2 {
namespace {

struct Stretch {
  double start = 0, end = 0;
};

// The union of the events' spans, by start.
std::vector<Stretch> united(const RuleContext& context, const std::vector<int>& places) {
  std::vector<Stretch> spans;
  for (const int place : places)
    spans.push_back({event_at(context, place).onset, event_at(context, place).offset});
  std::sort(spans.begin(), spans.end(), [](const Stretch& a, const Stretch& b) { return a.start < b.start; });
  std::vector<Stretch> joined;
  for (const Stretch& span : spans) {
    if (!joined.empty() && span.start <= joined.back().end) {
      joined.back().end = std::max(joined.back().end, span.end);
    } else {
      joined.push_back(span);
    }
  }
  return joined;
}

double total(const std::vector<Stretch>& spans) {
  double sum = 0;
  for (const Stretch& span : spans) sum += span.end - span.start;
  return sum;
}

// The longest stretch in which both sound; below 0: the shortest pause between the two.
double overlap_of(const RuleContext& context, const SoundClass& a, const SoundClass& b) {
  double longest = -1e9;
  for (const Stretch& first : united(context, a.events))
    for (const Stretch& second : united(context, b.events))
      longest = std::max(longest, std::min(first.end, second.end) - std::max(first.start, second.start));
  return longest;
}

// Everything that sounds, soft and short included, is in one union: the silences between are certain.
std::vector<Stretch> silences(const RuleContext& context) {
  std::vector<int> all(context.record.events.size());
  for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int>(i);
  std::vector<Stretch> quiet;
  const std::vector<Stretch> sounding = united(context, all);
  for (std::size_t i = 1; i < sounding.size(); ++i) quiet.push_back({sounding[i - 1].end, sounding[i].start});
  return quiet;
}

// The longer span is ahead by share and seconds.
bool ahead(double longer, double shorter, const Margins& margins) {
  return longer - shorter >= margins.duration_s && longer >= shorter * (1 + margins.duration_share);
}

std::optional<Finding> extreme(const RuleContext& context, const RuleScene& scene, bool longest) {
  if (scene.clear().size() < 3) return std::nullopt;  // two wrong answers of the clip
  std::vector<double> lasts;
  for (const SoundClass& sound : scene.classes) lasts.push_back(total(united(context, sound.events)));
  const auto best =
      longest ? std::max_element(lasts.begin(), lasts.end()) : std::min_element(lasts.begin(), lasts.end());
  const auto winner = static_cast<int>(best - lasts.begin());
  if (!class_at(scene, winner).clear) return std::nullopt;
  for (std::size_t i = 0; i < lasts.size(); ++i)
    if (static_cast<int>(i) != winner &&
        !(longest ? ahead(*best, lasts[i], context.margins) : ahead(lasts[i], *best, context.margins)))
      return std::nullopt;
  Finding finding;
  finding.variant = longest ? "longest" : "shortest";
  finding.slots = {{"aside", aside_of(scene)}};
  finding.level = "medium";
  finding.facts = {{"which", finding.variant}};
  answer_with(finding, context, scene, winner);
  add_evidence(finding, context, class_at(scene, winner).events);
  return finding;
}

// Two different clear classes, in drawn order; every pair once.
std::vector<std::pair<int, int>> pairs_of(const RuleContext& context, const RuleScene& scene, bool single) {
  std::vector<std::pair<int, int>> pairs;
  const std::vector<int> sounds = scene.clear(single);
  for (std::size_t i = 0; i < sounds.size(); ++i)
    for (std::size_t j = i + 1; j < sounds.size(); ++j) pairs.emplace_back(sounds[i], sounds[j]);
  context.rng.shuffle(pairs);
  return pairs;
}

Finding yes_or_no(const RuleContext& context, const RuleScene& scene, std::pair<int, int> pair, bool yes) {
  const SoundClass &x = class_at(scene, pair.first), &y = class_at(scene, pair.second);
  Finding finding;
  finding.slots = {{"x", phrase_of(context, x.label)}, {"y", phrase_of(context, y.label)}};
  finding.answer = yes ? "yes" : "no";
  finding.level = "medium";
  finding.facts = {{"labels", Json::array({x.label, y.label})}};
  add_evidence(finding, context, x.events);
  add_evidence(finding, context, y.events);
  return finding;
}

// Asks for yes or no, as drawn, of the first pair that has this answer for sure; else for the other.
std::optional<Finding> find_yes_or_no(const RuleContext& context, const RuleScene& scene,
                                      const std::vector<std::pair<int, int>>& pairs,
                                      const std::function<std::optional<bool>(std::pair<int, int>)>& truth) {
  const bool wanted = context.rng.chance(0.5);
  for (const bool yes : {wanted, !wanted})
    for (const auto& pair : pairs)
      if (truth(pair) == std::optional<bool>(yes)) return yes_or_no(context, scene, pair, yes);
  return std::nullopt;
}

std::optional<Finding> beside_silence(const RuleContext& context, const RuleScene& scene,
                                      const Stretch& quiet, bool after) {
  int found = -1;
  for (const int place : scene.heard) {
    const RecordEvent& event = event_at(context, place);
    const double away = after ? event.onset - quiet.end : quiet.start - event.offset;
    if (away < 0 || away >= context.margins.onset_gap_s) continue;
    if (found >= 0 && scene.class_at(found) != scene.class_at(place)) return std::nullopt;
    if (found < 0 || away == 0) found = place;
  }
  if (found < 0 || !scene.sound(found).clear) return std::nullopt;
  Finding finding;
  finding.variant = after ? "after" : "before";
  finding.level = "medium";
  finding.facts = {{"which", finding.variant}};
  answer_with(finding, context, scene, scene.class_at(found));
  add_evidence(finding, context, {found});
  return finding;
}

}  // namespace

std::optional<Finding> find_duration(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  return first_of(context.rng, {[&] { return extreme(context, scene, true); },
                                [&] { return extreme(context, scene, false); }});
}

std::optional<Finding> find_overlap(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<int> sounds = scene.clear();
  context.rng.shuffle(sounds);
  for (const int x : sounds) {
    std::vector<int> during, apart;
    for (const int y : sounds) {
      const double overlap = x == y ? 0 : overlap_of(context, class_at(scene, x), class_at(scene, y));
      if (overlap >= context.margins.overlap_s) during.push_back(y);
      if (-overlap >= context.margins.join_gap_s) apart.push_back(y);
    }
    // Without a sound at another time the question would be what sounds at all.
    if (during.empty() || apart.empty()) continue;
    const int y = context.rng.pick(during);
    Finding finding;
    finding.slots = {{"x", phrase_of(context, class_at(scene, x).label)}};
    finding.level = "medium";
    finding.facts = {{"label", class_at(scene, x).label}};
    finding.answer = phrase_of(context, class_at(scene, y).label);
    finding.kind = "present";
    finding.wrong = wrong_sounds_among(context, scene, apart);
    add_evidence(finding, context, class_at(scene, x).events);
    add_evidence(finding, context, class_at(scene, y).events);
    return finding;
  }
  return std::nullopt;
}

std::optional<Finding> find_together(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  return find_yes_or_no(
      context, scene, pairs_of(context, scene, false), [&](std::pair<int, int> pair) -> std::optional<bool> {
        const double overlap = overlap_of(context, class_at(scene, pair.first), class_at(scene, pair.second));
        if (overlap >= context.margins.overlap_s) return true;
        if (-overlap >= context.margins.join_gap_s) return false;
        return std::nullopt;
      });
}

std::optional<Finding> find_gap(const RuleContext& context) {
  if (!context.record.all_labelled) return std::nullopt;
  const RuleScene scene = scene_of(context);
  const std::vector<Stretch> quiet = silences(context);
  if (quiet.empty() || scene.background) return std::nullopt;
  const auto lasts = [](const Stretch& span) { return span.end - span.start; };
  const Stretch longest = *std::max_element(
      quiet.begin(), quiet.end(), [&](const Stretch& a, const Stretch& b) { return lasts(a) < lasts(b); });
  if (lasts(longest) < context.margins.silence_s) return std::nullopt;
  // Before the first and after the last sound it is silent too.
  std::vector<double> others = {event_at(context, 0).onset};
  double last = 0;
  for (const RecordEvent& event : context.record.events) {
    others[0] = std::min(others[0], event.onset);
    last = std::max(last, event.offset);
  }
  if (context.record.duration) others.push_back(*context.record.duration - last);
  for (const Stretch& span : quiet)
    if (span.start != longest.start) others.push_back(lasts(span));
  for (const double other : others)
    if (!ahead(lasts(longest), other, context.margins)) return std::nullopt;
  return first_of(context.rng, {[&] { return beside_silence(context, scene, longest, true); },
                                [&] { return beside_silence(context, scene, longest, false); }});
}

std::optional<Finding> find_silence(const RuleContext& context) {
  if (!context.record.all_labelled) return std::nullopt;
  const RuleScene scene = scene_of(context);
  if (scene.background) return std::nullopt;
  const auto truth = [&](std::pair<int, int> pair) -> std::optional<bool> {
    const RecordEvent &x = event_at(context, class_at(scene, pair.first).events[0]),
                      &y = event_at(context, class_at(scene, pair.second).events[0]);
    // Classes stand by first onset: x begins first. Nothing else may lie between, or it is unclear what is
    // meant.
    for (const RecordEvent& event : context.record.events)
      if (&event != &x && &event != &y && event.offset > x.onset && event.onset < y.offset)
        return std::nullopt;
    if (y.onset - x.offset >= context.margins.silence_s) return true;
    return y.onset <= x.offset ? std::optional<bool>(false) : std::nullopt;
  };
  return find_yes_or_no(context, scene, pairs_of(context, scene, true), truth);
}

}  // namespace af2
