// Which sound comes when: whole orders, and one sound by its place.
#include <algorithm>

#include "af2/factory/rules/rule_scene.h"
#include "af2/factory/rules/temporal_rules.h"

namespace af2 {
namespace {

double first_onset(const RuleContext& context, const SoundClass& sound) {
  return event_at(context, sound.events[0]).onset;
}

// 3 to 5 clear classes (as many as drawn, or as there are) whose first onsets are apart, in drawn order.
std::vector<int> apart_sounds(const RuleContext& context, const RuleScene& scene) {
  std::vector<int> candidates = scene.clear(), chosen;
  context.rng.shuffle(candidates);
  const auto wanted = static_cast<std::size_t>(context.rng.range(3, 5));
  for (const int sound : candidates) {
    if (chosen.size() == wanted) break;
    const double onset = first_onset(context, scene.classes[static_cast<std::size_t>(sound)]);
    const bool apart = std::all_of(chosen.begin(), chosen.end(), [&](int other) {
      const double before = first_onset(context, scene.classes[static_cast<std::size_t>(other)]);
      return std::abs(onset - before) >= context.margins.onset_gap_s;
    });
    if (apart) chosen.push_back(sound);
  }
  if (chosen.size() < 3) chosen.clear();
  context.rng.shuffle(chosen);
  return chosen;
}

// Places in `sounds`, by first onset.
std::vector<int> sorted_places(const RuleContext& context, const RuleScene& scene,
                               const std::vector<int>& sounds) {
  std::vector<int> places(sounds.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[i] = static_cast<int>(i);
  std::sort(places.begin(), places.end(), [&](int a, int b) {
    const auto at = [&](int place) {
      return first_onset(context,
                         scene.classes[static_cast<std::size_t>(sounds[static_cast<std::size_t>(place)])]);
    };
    return at(a) < at(b);
  });
  return places;
}

// What both forms of the order question share.
struct Order {
  Finding finding;
  std::vector<std::string> names, phrases;  // as listed
  std::vector<int> places;                  // of them, by time
};

std::optional<Order> order_of(const RuleContext& context) {
  const RuleScene scene = scene_of(context);
  const std::vector<int> sounds = apart_sounds(context, scene);
  if (sounds.empty()) return std::nullopt;
  Order order;
  Json labels = Json::array();
  for (const int sound : sounds) {
    const SoundClass& named = scene.classes[static_cast<std::size_t>(sound)];
    order.names.push_back(short_of(context, named.label));
    order.phrases.push_back(phrase_of(context, named.label));
    labels.push_back(named.label);
  }
  order.places = sorted_places(context, scene, sounds);
  for (const int place : order.places)
    add_evidence(
        order.finding, context,
        {scene.classes[static_cast<std::size_t>(sounds[static_cast<std::size_t>(place)])].events[0]});
  order.finding.facts = {{"labels", labels}};
  order.finding.level = sounds.size() == 3 ? "medium" : "hard";
  return order;
}

std::string sequence_text(const std::vector<std::string>& names, const std::vector<int>& places) {
  std::vector<std::string> parts;
  for (const int place : places) parts.push_back(names[static_cast<std::size_t>(place)]);
  return sequence_of(parts);
}

// "First a dog barking, then rain, and finally a bell."
std::string order_sentence(const std::vector<std::string>& phrases, const std::vector<int>& places) {
  std::string text;
  for (std::size_t i = 0; i < places.size(); ++i) {
    text += i == 0 ? "First " : i + 1 == places.size() ? ", and finally " : ", then ";
    text += phrases[static_cast<std::size_t>(places[i])];
  }
  return text + ".";
}

// ---- Referring --------------------------------------------------------------------------------------------

struct Referrer {
  const RuleContext& context;
  const RuleScene scene;

  const RecordEvent& event(int place) const { return event_at(context, place); }
  double gap() const { return context.margins.onset_gap_s; }

  Finding found(const char* which, int place, const std::vector<int>& excluded, const char* level) const {
    Finding finding;
    finding.slots = {{"aside", aside_of(scene)}};
    finding.variant = which;
    finding.level = level;
    finding.facts = {{"which", which}};
    answer_with(finding, context, scene, scene.class_at(place), excluded);
    add_evidence(finding, context, {place});
    return finding;
  }

  std::optional<Finding> first() const {
    if (scene.classes.size() < 2 || !scene.sound(scene.heard[0]).clear) return std::nullopt;
    for (const int place : scene.heard)
      if (scene.class_at(place) != scene.class_at(scene.heard[0]) &&
          event(place).onset - event(scene.heard[0]).onset < gap())
        return std::nullopt;
    return found("first", scene.heard[0], {}, "easy");
  }

  // It begins last and nothing else goes on behind its end.
  std::optional<Finding> last() const {
    if (scene.classes.size() < 2 || !scene.sound(scene.heard.back()).clear) return std::nullopt;
    const int own = scene.heard.back();
    for (const int place : scene.heard)
      if (scene.class_at(place) != scene.class_at(own) &&
          (event(own).onset - event(place).onset < gap() || event(place).offset > event(own).offset))
        return std::nullopt;
    return found("last", own, {}, "easy");
  }

  std::optional<Finding> kth() const {
    const int most = countable_places(context, scene, 5);
    if (most < 2) return std::nullopt;
    const int k = context.rng.range(2, most);
    Finding finding = found("kth", scene.heard[static_cast<std::size_t>(k) - 1], {}, "easy");
    finding.slots["k"] = ordinal_word(k);
    finding.facts["k"] = k;
    return finding;
  }

  // Nothing else begins within the gap around the event.
  bool alone(int own) const {
    return std::all_of(scene.heard.begin(), scene.heard.end(), [&](int place) {
      return place == own || std::abs(event(place).onset - event(own).onset) >= gap();
    });
  }

  std::optional<Finding> beside(bool after) const {
    std::vector<int> sounds = scene.clear(true);
    context.rng.shuffle(sounds);
    for (const int sound : sounds) {
      const SoundClass& named = scene.classes[static_cast<std::size_t>(sound)];
      const int own = named.events[0];
      const auto at = std::find(scene.heard.begin(), scene.heard.end(), own);
      if (after ? at + 1 == scene.heard.end() : at == scene.heard.begin()) continue;
      const int other = after ? *(at + 1) : *(at - 1);
      if (!scene.sound(other).clear || !alone(own) || !alone(other)) continue;
      const RecordEvent &earlier = event(after ? own : other), &later = event(after ? other : own);
      if (later.onset < earlier.offset) continue;
      // Of what began before, nothing may end later than the one before X.
      if (!after && std::any_of(scene.heard.begin(), at, [&](int place) {
            return scene.class_at(place) != scene.class_at(other) &&
                   event(place).offset > event(other).offset;
          }))
        continue;
      Finding finding = found(after ? "after" : "before", other, {sound}, "medium");
      finding.slots["x"] = phrase_of(context, named.label);
      finding.facts["label"] = named.label;
      add_evidence(finding, context, {own});
      return finding;
    }
    return std::nullopt;
  }
};

}  // namespace

std::optional<Finding> find_order(const RuleContext& context) {
  std::optional<Order> order = order_of(context);
  if (!order) return std::nullopt;
  Finding& finding = order->finding;
  finding.slots = {{"list", list_of(order->names)}};
  finding.answer = sequence_text(order->names, order->places);
  finding.sentence = order_sentence(order->phrases, order->places);
  // Any other order is as wrong as any: those near the right one would point at it.
  std::vector<int> other = order->places;
  std::vector<std::vector<int>> seen = {order->places};
  while (seen.size() < 6) {
    context.rng.shuffle(other);
    if (std::find(seen.begin(), seen.end(), other) != seen.end()) continue;
    seen.push_back(other);
    finding.wrong.push_back({sequence_text(order->names, other), "value"});
  }
  return std::move(finding);
}

std::optional<Finding> find_order_letters(const RuleContext& context) {
  std::optional<Order> order = order_of(context);
  if (!order) return std::nullopt;
  order->finding.slots = {{"list", lettered_list(order->names)}};
  order->finding.answer = letter_sequence(order->places);
  return std::move(order->finding);
}

std::optional<Finding> find_referring(const RuleContext& context) {
  const Referrer refer{context, scene_of(context)};
  return first_of(context.rng,
                  {[&] { return refer.first(); }, [&] { return refer.last(); }, [&] { return refer.kth(); },
                   [&] { return refer.beside(true); }, [&] { return refer.beside(false); }});
}

}  // namespace af2
