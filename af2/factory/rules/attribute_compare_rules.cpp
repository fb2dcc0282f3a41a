// Which sound has more of something: among all, of two, of two by their places.
#include <algorithm>
#include <array>

#include "af2/factory/rules/attribute_rules.h"
#include "af2/factory/rules/rule_scene.h"

namespace af2 {
namespace {

std::string with_capital(std::string text) {
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

const std::string& label_of_sound(const RuleScene& scene, int sound) {
  return scene.classes[static_cast<std::size_t>(sound)].label;
}

// The event of a class that has most (least) of the attribute; nothing where one is not measured.
std::optional<int> best_event(const RuleContext& context, const SoundClass& sound, Attribute attribute,
                              bool most) {
  // "The longest" of a repeated sound could be one of its events or all of them.
  if (attribute == Attribute::kLength && sound.events.size() > 1) return std::nullopt;
  int best = -1;
  for (const int place : sound.events) {
    const auto value = value_of(event_at(context, place), attribute);
    if (!value) return std::nullopt;
    const auto ahead = [&](int other) {
      const double own = *value, before = *value_of(event_at(context, other), attribute);
      return most ? own > before : own < before;
    };
    if (best < 0 || ahead(best)) best = place;
  }
  return best < 0 ? std::nullopt : std::optional<int>(best);
}

// Sounds that are compared, best first.
struct Ranking {
  struct Entry {
    int sound = 0, event = 0;
    double value = 0;
  };
  std::vector<Entry> entries;
  bool all = false;  // of the clip
};

// All sounds of the clip where each is clear and measured, else three or four that are.
std::optional<Ranking> rank(const RuleContext& context, const RuleScene& scene, Attribute attribute,
                            bool most) {
  Ranking ranking;
  for (const int sound : scene.clear())
    if (const auto event =
            best_event(context, scene.classes[static_cast<std::size_t>(sound)], attribute, most))
      ranking.entries.push_back({sound, *event, *value_of(event_at(context, *event), attribute)});
  ranking.all = ranking.entries.size() == scene.classes.size();
  if (!ranking.all) {
    context.rng.shuffle(ranking.entries);
    const std::size_t wanted = static_cast<std::size_t>(context.rng.range(3, 4));
    if (ranking.entries.size() > wanted) ranking.entries.resize(wanted);
  }
  if (ranking.entries.size() < 3) return std::nullopt;
  std::stable_sort(ranking.entries.begin(), ranking.entries.end(), [&](const auto& a, const auto& b) {
    return most ? a.value > b.value : a.value < b.value;
  });
  return ranking;
}

bool ahead(const RuleContext& context, Attribute attribute, bool most, double better, double worse) {
  return most ? clearly_more(better, worse, attribute, context.margins)
              : clearly_more(worse, better, attribute, context.margins);
}

// How many share the best value; 0 where another is neither tied with them nor clearly behind.
std::size_t tied(const RuleContext& context, const Ranking& ranking, Attribute attribute, bool most) {
  const auto& list = ranking.entries;
  std::size_t n = 1;
  while (n < list.size() && !ahead(context, attribute, most, list[0].value, list[n].value)) ++n;
  if (n < list.size() && !ahead(context, attribute, most, list[n - 1].value, list[n].value)) return 0;
  return n;
}

// Words that say which sounds are compared, and the facts.
void name_compared(Finding& finding, const RuleContext& context, const RuleScene& scene,
                   const Ranking& ranking, Attribute attribute, bool most) {
  const AttributeWords& words = words_of(attribute);
  finding.facts = {{"attribute", words.name}, {"which", most ? "most" : "least"}};
  finding.slots["super"] = most ? words.most : words.least;
  finding.slots["aside"] = aside_of(scene);
  if (ranking.all) return;
  std::vector<int> sounds;
  for (const auto& entry : ranking.entries) sounds.push_back(entry.sound);
  context.rng.shuffle(sounds);
  std::vector<std::string> names;
  Json labels = Json::array();
  for (const int sound : sounds) {
    names.push_back(short_of(context, label_of_sound(scene, sound)));
    labels.push_back(label_of_sound(scene, sound));
  }
  finding.slots["aside"] = "of " + list_of(names) + ", ";
  finding.facts["labels"] = labels;
}

// Tries attributes and directions in drawn order.
std::optional<Finding> over_attributes(const RuleContext& context,
                                       const std::function<std::optional<Finding>(Attribute, bool)>& find) {
  std::vector<FindingMaker> makers;
  for (const Attribute attribute : kAttributes)
    for (const bool most : {true, false})
      makers.push_back([&find, attribute, most] { return find(attribute, most); });
  return first_of(context.rng, makers);
}

// All sets of `size` of the compared sounds but the best ones, as lists of names, in drawn order.
std::vector<WrongAnswer> other_sets(const RuleContext& context, const std::vector<std::string>& names,
                                    std::size_t size, const std::string& right) {
  std::vector<WrongAnswer> sets;
  for (unsigned mask = 0; mask < 1u << names.size(); ++mask) {
    std::vector<std::string> set;
    for (std::size_t i = 0; i < names.size(); ++i)
      if (mask >> i & 1u) set.push_back(names[i]);
    if (set.size() == size && list_of(set) != right) sets.push_back({list_of(set), "value"});
  }
  context.rng.shuffle(sets);
  return sets;
}

}  // namespace

std::optional<Finding> find_comparative(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  return over_attributes(context, [&](Attribute attribute, bool most) -> std::optional<Finding> {
    const auto ranking = rank(context, scene, attribute, most);
    if (!ranking || tied(context, *ranking, attribute, most) != 1) return std::nullopt;
    const auto& best = ranking->entries[0];
    Finding finding;
    finding.level = "medium";
    if (ranking->all) {
      answer_with(finding, context, scene, best.sound);
    } else {
      finding.answer = phrase_of(context, label_of_sound(scene, best.sound));
      finding.kind = "present";
      for (std::size_t i = 1; i < ranking->entries.size(); ++i)
        finding.wrong.push_back(
            {phrase_of(context, label_of_sound(scene, ranking->entries[i].sound)), "present"});
      context.rng.shuffle(finding.wrong);
      finding.most_options = static_cast<int>(ranking->entries.size());
    }
    name_compared(finding, context, scene, *ranking, attribute, most);
    finding.sentence = with_capital(finding.answer) + " is the " + finding.slots["super"] + " of them.";
    add_evidence(finding, context, {best.event});
    return finding;
  });
}

std::optional<Finding> find_comparative_tie(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  return over_attributes(context, [&](Attribute attribute, bool most) -> std::optional<Finding> {
    const auto ranking = rank(context, scene, attribute, most);
    if (!ranking || ranking->entries.size() > 8) return std::nullopt;
    const std::size_t n = tied(context, *ranking, attribute, most);
    if (n < 2 || n > 3 || n == ranking->entries.size()) return std::nullopt;
    Finding finding;
    // The order of names within an answer says nothing: it is drawn once for all.
    std::vector<std::size_t> places(ranking->entries.size());
    for (std::size_t i = 0; i < places.size(); ++i) places[i] = i;
    context.rng.shuffle(places);
    std::vector<std::string> names, right;
    for (const std::size_t i : places) {
      names.push_back(short_of(context, label_of_sound(scene, ranking->entries[i].sound)));
      if (i < n) right.push_back(names.back());
    }
    for (std::size_t i = 0; i < n; ++i) add_evidence(finding, context, {ranking->entries[i].event});
    finding.answer = list_of(right);
    finding.wrong = other_sets(context, names, n, finding.answer);
    finding.most_options = static_cast<int>(finding.wrong.size()) + 1;
    finding.level = "hard";
    name_compared(finding, context, scene, *ranking, attribute, most);
    finding.slots["n"] = number_word(static_cast<int>(n));
    finding.facts["n"] = n;
    return finding;
  });
}

std::optional<Finding> find_pair(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  std::vector<int> sounds = scene.clear(true);
  context.rng.shuffle(sounds);
  // Which answer is looked for first is drawn; both sides of "louder" are alike.
  const bool tie_first = context.rng.below(3) == 0;
  std::vector<FindingMaker> ties, others;
  for (const Attribute attribute : kAttributes) {
    for (const bool tie : {true, false}) {
      auto& makers = tie ? ties : others;
      makers.push_back([&, attribute, tie]() -> std::optional<Finding> {
        const AttributeWords& words = words_of(attribute);
        const bool more = context.rng.chance(0.5);
        for (const int x : sounds) {
          for (const int y : sounds) {
            const int first = scene.classes[static_cast<std::size_t>(x)].events[0],
                      second = scene.classes[static_cast<std::size_t>(y)].events[0];
            const auto a = value_of(event_at(context, first), attribute),
                       b = value_of(event_at(context, second), attribute);
            if (x == y || !a || !b) continue;
            const bool x_wins = ahead(context, attribute, more, *a, *b),
                       y_wins = ahead(context, attribute, more, *b, *a);
            if (tie == (x_wins || y_wins)) continue;
            Finding finding;
            const std::string &left = phrase_of(context, label_of_sound(scene, x)),
                              &right = phrase_of(context, label_of_sound(scene, y));
            const std::string same = std::string("they are ") + words.same;
            finding.slots = {
                {"x", left}, {"y", right}, {"more", more ? words.more : words.less}, {"same", words.same}};
            const std::vector<WrongAnswer> all = {{left, "present"}, {right, "present"}, {same, "value"}};
            const std::size_t answer = x_wins ? 0 : y_wins ? 1 : 2;
            for (std::size_t i = 0; i < all.size(); ++i)
              if (i != answer) finding.wrong.push_back(all[i]);
            finding.answer = all[answer].text, finding.kind = all[answer].kind;
            finding.most_options = 3;
            finding.sentence = with_capital(answer == 2 ? left + " and " + right + " are " + words.same + "."
                                                        : finding.answer + " is " + finding.slots["more"] +
                                                              " than " + (answer == 0 ? right : left) + ".");
            finding.level = "medium";
            finding.facts = {{"attribute", words.name},
                             {"which", more ? "more" : "less"},
                             {"labels", Json::array({label_of_sound(scene, x), label_of_sound(scene, y)})}};
            add_evidence(finding, context, {first, second});
            return finding;
          }
        }
        return std::nullopt;
      });
    }
  }
  auto finding = first_of(context.rng, tie_first ? ties : others);
  return finding ? finding : first_of(context.rng, tie_first ? others : ties);
}

std::optional<Finding> find_at_time(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const int places = countable_places(context, scene, 5);
  const auto event = [&](int k) { return scene.heard[static_cast<std::size_t>(k) - 1]; };
  std::vector<FindingMaker> makers;
  for (const Attribute attribute : kAttributes)
    makers.push_back([&, attribute]() -> std::optional<Finding> {
      // By answer: more, less, alike. Those that are possible are equally likely.
      std::array<std::vector<std::pair<int, int>>, 3> pairs;
      for (int k = 1; k <= places; ++k)
        for (int j = 1; j <= places; ++j) {
          const auto a = value_of(event_at(context, event(k)), attribute),
                     b = value_of(event_at(context, event(j)), attribute);
          if (k == j || !a || !b) continue;
          pairs[clearly_more(*a, *b, attribute, context.margins)   ? 0
                : clearly_more(*b, *a, attribute, context.margins) ? 1
                                                                   : 2]
              .emplace_back(k, j);
        }
      std::vector<std::size_t> possible;
      for (std::size_t i = 0; i < 3; ++i)
        if (!pairs[i].empty()) possible.push_back(i);
      if (possible.empty()) return std::nullopt;
      const std::size_t answer = context.rng.pick(possible);
      const auto [k, j] = context.rng.pick(pairs[answer]);
      const AttributeWords& words = words_of(attribute);
      const std::array<std::string, 3> all = {words.more, words.less, words.same};
      Finding finding;
      finding.slots = {{"k", ordinal_word(k)},    {"j", ordinal_word(j)}, {"quality", words.quality},
                       {"more", words.more},      {"less", words.less},   {"same", words.same},
                       {"aside", aside_of(scene)}};
      for (std::size_t i = 0; i < 3; ++i)
        if (i != answer) finding.wrong.push_back({all[i], "value"});
      finding.answer = all[answer];
      finding.sentence = answer == 2 ? "The two sounds are " + all[2] + "."
                                     : "The " + ordinal_word(k) + " sound is " + all[answer] + " than the " +
                                           ordinal_word(j) + ".";
      finding.most_options = 3;
      finding.level = "medium";
      finding.facts = {{"attribute", words.name}, {"k", k}, {"j", j}};
      add_evidence(finding, context, {event(k), event(j)});
      return finding;
    });
  return first_of(context.rng, makers);
}

}  // namespace af2
