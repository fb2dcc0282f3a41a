// Two or three questions in one: what is asked about is found by an answer of its own, each with its margin.
#include <algorithm>
#include <cmath>

#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

// Clearly after (1) or before (-1) the stretch; 0: neither.
int side_of(double onset, double offset, const JoinedEvent& stretch, const Margins& margins) {
  if (onset >= stretch.offset && onset - stretch.onset >= margins.onset_gap_s) return 1;
  if (offset <= stretch.onset && stretch.onset - onset >= margins.onset_gap_s) return -1;
  return 0;
}

bool ahead_in_time(double longer, double shorter, const Margins& margins) {
  return longer - shorter >= margins.duration_s && longer >= shorter * (1 + margins.duration_share);
}

// The class's only event, or its longest where that is clear.
struct Anchor {
  JoinedEvent stretch;
  const char* is = "only";
};
std::optional<Anchor> anchor_of(const RuleContext& context, const SoundClass& sound) {
  std::vector<JoinedEvent> all = joined_events(context, sound);
  if (all.size() == 1) return Anchor{all[0], "only"};
  std::stable_sort(all.begin(), all.end(), [](const JoinedEvent& a, const JoinedEvent& b) {
    return a.offset - a.onset > b.offset - b.onset;
  });
  if (!ahead_in_time(all[0].offset - all[0].onset, all[1].offset - all[1].onset, context.margins))
    return std::nullopt;
  return Anchor{all[0], "longest"};
}

std::vector<std::pair<int, int>> ordered_pairs(const RuleContext& context, const RuleScene& scene) {
  std::vector<std::pair<int, int>> pairs;
  for (const int x : scene.clear())
    for (const int y : scene.clear())
      if (x != y) pairs.emplace_back(x, y);
  context.rng.shuffle(pairs);
  return pairs;
}

Finding hard_finding(const RuleScene& scene, const char* variant) {
  Finding finding;
  finding.level = "hard";
  finding.variant = variant;
  finding.slots = {{"aside", aside_of(scene)}};
  return finding;
}

void answer_count(Finding& finding, const RuleContext& context, int number) {
  finding.answer = std::to_string(number);
  finding.wrong = wrong_numbers(context.rng, number, context.margins.most_counted);
}

// "How many dogs after the longest bell": some are on the other side, or the bell would not matter.
std::optional<Finding> find_count_beside(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  for (const auto& [x, y] : ordered_pairs(context, scene)) {
    const auto anchor = anchor_of(context, class_at(scene, y));
    if (!anchor || !countable(context, class_at(scene, x))) continue;
    int before = 0, after = 0, unclear = 0;
    for (const JoinedEvent& event : joined_events(context, class_at(scene, x))) {
      const int side = side_of(event.onset, event.offset, anchor->stretch, context.margins);
      (side > 0 ? after : side < 0 ? before : unclear) += 1;
    }
    if (unclear > 0 || before == 0 || after == 0) continue;
    const bool later = context.rng.chance(0.5);
    const int number = later ? after : before;
    if (number > context.margins.most_counted) continue;
    Finding finding = hard_finding(scene, later ? "after" : "before");
    answer_count(finding, context, number);
    const bool longest = std::string(anchor->is) == "longest";
    finding.slots["x"] = phrase_of(context, class_at(scene, x).label);
    finding.slots["y"] =
        (longest ? "the longest occurrence of " : "") + phrase_of(context, class_at(scene, y).label);
    finding.facts = {{"label", class_at(scene, x).label},
                     {"anchor", class_at(scene, y).label},
                     {"anchor_is", anchor->is},
                     {"side", finding.variant}};
    add_evidence(finding, context, class_at(scene, y).events);
    add_evidence(finding, context, class_at(scene, x).events);
    return finding;
  }
  return std::nullopt;
}

// ---- The first or last two, compared
// ------------------------------------------------------------------------

std::optional<Finding> compare_two(const RuleContext& context, const RuleScene& scene, bool first,
                                   Attribute attribute, bool more) {
  if (scene.heard.size() < 2) return std::nullopt;
  const std::size_t from = first ? 0 : scene.heard.size() - 2;
  const int a = scene.heard[from], b = scene.heard[from + 1];
  if (!scene.sound(a).clear || !scene.sound(b).clear || scene.class_at(a) == scene.class_at(b))
    return std::nullopt;
  // The two and their neighbour begin apart, so that it is clear which two are meant.
  const std::size_t low = first ? 0 : from - (from > 0 ? 1 : 0),
                    high = first ? std::min<std::size_t>(scene.heard.size() - 1, 2) : scene.heard.size() - 1;
  for (std::size_t i = low; i < high; ++i)
    if (event_at(context, scene.heard[i + 1]).onset - event_at(context, scene.heard[i]).onset <
        context.margins.onset_gap_s)
      return std::nullopt;
  const auto left = value_of(event_at(context, a), attribute),
             right = value_of(event_at(context, b), attribute);
  if (!left || !right) return std::nullopt;
  const bool a_higher = clearly_more(*left, *right, attribute, context.margins);
  if (!a_higher && !clearly_more(*right, *left, attribute, context.margins)) return std::nullopt;
  const int winner = a_higher == more ? a : b, loser = winner == a ? b : a;
  const AttributeWords& words = words_of(attribute);
  Finding finding = hard_finding(scene, first ? "first" : "last");
  finding.slots["more"] = more ? words.more : words.less;
  answer_with(finding, context, scene, scene.class_at(winner), {scene.class_at(loser)});
  finding.wrong.insert(finding.wrong.begin(), {phrase_of(context, scene.sound(loser).label), "present"});
  finding.facts = {{"place", finding.variant}, {"attribute", words.name}, {"which", more ? "more" : "less"}};
  add_evidence(finding, context, {a, b});
  return finding;
}

std::optional<Finding> find_compare_two(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<FindingMaker> makers;
  for (const Attribute attribute : kAttributes)
    for (const bool first : {true, false})
      for (const bool more : {true, false})
        makers.push_back(
            [&, attribute, first, more] { return compare_two(context, scene, first, attribute, more); });
  return first_of(context.rng, makers);
}

// ---- What is beside a sound that is found first
// -------------------------------------------------------------

// The event right after or before a stretch of the class `sound`; nothing where that is not clear.
std::optional<int> neighbour(const RuleContext& context, const RuleScene& scene, const JoinedEvent& stretch,
                             int sound, bool after) {
  const auto event = [&](int place) -> const RecordEvent& { return event_at(context, place); };
  std::vector<int> others;  // all but those of the stretch
  for (const int place : scene.heard)
    if (scene.class_at(place) != sound || event(place).onset < stretch.onset ||
        event(place).onset > stretch.offset)
      others.push_back(place);
  int found = -1;
  for (const int place : others) {
    if (after && event(place).onset >= stretch.onset && found < 0) found = place;
    if (!after && event(place).onset <= stretch.onset) found = place;
  }
  if (found < 0 || scene.class_at(found) == sound || !scene.sound(found).clear) return std::nullopt;
  for (const int place : others) {
    if (std::abs(event(place).onset - stretch.onset) < context.margins.onset_gap_s) return std::nullopt;
    if (place != found && std::abs(event(place).onset - event(found).onset) < context.margins.onset_gap_s)
      return std::nullopt;
    if (!after && event(place).onset < stretch.onset && scene.class_at(place) != scene.class_at(found) &&
        event(place).offset > event(found).offset)
      return std::nullopt;
  }
  if (after ? event(found).onset < stretch.offset : event(found).offset > stretch.onset) return std::nullopt;
  return found;
}

// "What follows the third dog bark".
std::optional<Finding> find_beside_kth(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<int> sounds = scene.clear();
  context.rng.shuffle(sounds);
  for (const int sound : sounds) {
    const std::vector<JoinedEvent> all = joined_events(context, class_at(scene, sound));
    if (all.size() < 2 || !countable(context, class_at(scene, sound))) continue;
    std::vector<std::pair<std::size_t, bool>> ways;
    for (std::size_t k = 0; k < std::min<std::size_t>(all.size(), 10); ++k)
      for (const bool after : {true, false}) ways.emplace_back(k, after);
    context.rng.shuffle(ways);
    for (const auto& [k, after] : ways) {
      const auto found = neighbour(context, scene, all[k], sound, after);
      if (!found) continue;
      Finding finding = hard_finding(scene, after ? "after" : "before");
      finding.slots["k"] = ordinal_word(static_cast<int>(k) + 1);
      finding.slots["x"] = phrase_of(context, class_at(scene, sound).label);
      answer_with(finding, context, scene, scene.class_at(*found), {sound});
      finding.facts = {{"label", class_at(scene, sound).label}, {"k", k + 1}, {"side", finding.variant}};
      finding.evidence.push_back({class_at(scene, sound).label, all[k].onset, all[k].offset});
      add_evidence(finding, context, {*found});
      return finding;
    }
  }
  return std::nullopt;
}

// The class that clearly has most (least) of an attribute among all of the clip: each clear and measured.
std::optional<int> winner_of(const RuleContext& context, const RuleScene& scene, Attribute attribute,
                             bool most) {
  if (scene.classes.size() < 2 || scene.clear().size() != scene.classes.size()) return std::nullopt;
  std::vector<double> best;
  for (const SoundClass& sound : scene.classes) {
    if (attribute == Attribute::kLength && sound.events.size() > 1) return std::nullopt;
    std::optional<double> own;
    for (const int place : sound.events) {
      const auto value = value_of(event_at(context, place), attribute);
      if (!value) return std::nullopt;
      own = !own ? *value : most ? std::max(*own, *value) : std::min(*own, *value);
    }
    best.push_back(*own);
  }
  const auto winner =
      most ? std::max_element(best.begin(), best.end()) : std::min_element(best.begin(), best.end());
  for (auto other = best.begin(); other != best.end(); ++other)
    if (other != winner &&
        !clearly_more(most ? *winner : *other, most ? *other : *winner, attribute, context.margins))
      return std::nullopt;
  return static_cast<int>(winner - best.begin());
}

// "What comes right after the loudest sound".
std::optional<Finding> find_beside_most(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<FindingMaker> makers;
  for (const Attribute attribute : kAttributes)
    for (const bool most : {true, false})
      for (const bool after : {true, false})
        makers.push_back([&, attribute, most, after]() -> std::optional<Finding> {
          const auto winner = winner_of(context, scene, attribute, most);
          if (!winner || class_at(scene, *winner).events.size() != 1) return std::nullopt;
          const int own = class_at(scene, *winner).events[0];
          const RecordEvent& event = event_at(context, own);
          const auto found = neighbour(context, scene, {event.onset, event.offset}, *winner, after);
          if (!found) return std::nullopt;
          const AttributeWords& words = words_of(attribute);
          Finding finding = hard_finding(scene, after ? "after" : "before");
          finding.slots["super"] = most ? words.most : words.least;
          answer_with(finding, context, scene, scene.class_at(*found), {});
          finding.facts = {
              {"attribute", words.name}, {"which", most ? "most" : "least"}, {"side", finding.variant}};
          add_evidence(finding, context, {own, *found});
          return finding;
        });
  return first_of(context.rng, makers);
}

// "How many times does the loudest sound occur".
std::optional<Finding> find_count_most(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<FindingMaker> makers;
  for (const Attribute attribute : {Attribute::kLoudness, Attribute::kPitch, Attribute::kReverb})
    for (const bool most : {true, false})
      makers.push_back([&, attribute, most]() -> std::optional<Finding> {
        const auto winner = winner_of(context, scene, attribute, most);
        if (!winner || !countable(context, class_at(scene, *winner))) return std::nullopt;
        const auto number = static_cast<int>(joined_events(context, class_at(scene, *winner)).size());
        if (number > context.margins.most_counted) return std::nullopt;
        const AttributeWords& words = words_of(attribute);
        Finding finding = hard_finding(scene, "");
        finding.slots["super"] = most ? words.most : words.least;
        answer_count(finding, context, number);
        finding.facts = {{"attribute", words.name}, {"which", most ? "most" : "least"}};
        add_evidence(finding, context, class_at(scene, *winner).events);
        return finding;
      });
  return first_of(context.rng, makers);
}

// ---- The longest of those on one side
// ----------------------------------------------------------------------

std::optional<Finding> lasting_beside(const RuleContext& context, const RuleScene& scene, int x, bool after,
                                      bool longest) {
  const RecordEvent& anchor = event_at(context, class_at(scene, x).events[0]);
  std::vector<double> lasts(scene.classes.size(), 0);
  for (std::size_t i = 0; i < scene.classes.size(); ++i) {
    if (static_cast<int>(i) == x) continue;
    // Spans of one class may overlap: count each moment once.
    double reached = -1;
    for (const int place : scene.classes[i].events) {
      const RecordEvent& event = event_at(context, place);
      const int side = side_of(event.onset, event.offset, {anchor.onset, anchor.offset}, context.margins);
      if (side == 0) return std::nullopt;
      if (side != (after ? 1 : -1)) continue;
      lasts[i] += std::max(0.0, event.offset - std::max(event.onset, reached));
      reached = std::max(reached, event.offset);
    }
    if (lasts[i] > 0 && !scene.classes[i].clear) return std::nullopt;
  }
  int winner = -1, n = 0;
  for (std::size_t i = 0; i < lasts.size(); ++i) {
    if (lasts[i] <= 0) continue;
    ++n;
    const double best = winner < 0 ? 0 : lasts[static_cast<std::size_t>(winner)];
    if (winner < 0 || (longest ? lasts[i] > best : lasts[i] < best)) winner = static_cast<int>(i);
  }
  if (n < 2) return std::nullopt;
  std::vector<int> beside, excluded = {x};
  for (std::size_t i = 0; i < lasts.size(); ++i) {
    if (lasts[i] <= 0 || static_cast<int>(i) == winner) continue;
    const double own = lasts[static_cast<std::size_t>(winner)];
    if (!(longest ? ahead_in_time(own, lasts[i], context.margins)
                  : ahead_in_time(lasts[i], own, context.margins)))
      return std::nullopt;
    beside.push_back(static_cast<int>(i));
  }
  Finding finding = hard_finding(scene, after ? "after" : "before");
  finding.slots["x"] = phrase_of(context, class_at(scene, x).label);
  finding.slots["super"] = longest ? "longest" : "shortest";
  // One of the same side is always among the wrong ones.
  const int rival = context.rng.pick(beside);
  excluded.push_back(rival);
  answer_with(finding, context, scene, winner, excluded);
  finding.wrong.insert(finding.wrong.begin(), {phrase_of(context, class_at(scene, rival).label), "present"});
  finding.facts = {
      {"label", class_at(scene, x).label}, {"side", finding.variant}, {"which", finding.slots["super"]}};
  add_evidence(finding, context, class_at(scene, x).events);
  add_evidence(finding, context, class_at(scene, winner).events);
  return finding;
}

std::optional<Finding> find_lasting_beside(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<FindingMaker> makers;
  for (const int x : scene.clear(true))
    for (const bool after : {true, false})
      for (const bool longest : {true, false})
        makers.push_back(
            [&, x, after, longest] { return lasting_beside(context, scene, x, after, longest); });
  return first_of(context.rng, makers);
}

}  // namespace

std::vector<RuleType> general_rules() {
  return {
      {"general", "count_beside", false, {"choice", "short"}, find_count_beside},
      {"general", "compare_two", false, {"choice", "short"}, find_compare_two},
      {"general", "beside_kth", false, {"choice", "short"}, find_beside_kth},
      {"general", "beside_most", false, {"choice", "short"}, find_beside_most},
      {"general", "count_most", false, {"choice", "short"}, find_count_most},
      {"general", "lasting_beside", false, {"choice", "short"}, find_lasting_beside},
  };
}

}  // namespace af2
