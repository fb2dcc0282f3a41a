#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/factory/rules/temporal_recheck.h"

namespace af2 {
namespace {

// When each label of the facts first sounds; a problem where that cannot be put in order.
struct Begins {
  std::vector<std::string> keys;
  std::vector<double> onsets;
  std::string problem;
};

Begins begins_of(const RecheckScene& scene) {
  Begins begins;
  for (const std::string& label : scene.list_fact("labels")) {
    const std::string key = scene.key_of(label);
    if (!scene.is_clear(key)) begins.problem = label + " is not clear";
    double first = 1e9;
    for (const RecordEvent* event : scene.sounds_of(key)) first = std::min(first, event->onset);
    for (const double other : begins.onsets)
      if (std::max(first, other) - std::min(first, other) < scene.margins().onset_gap_s)
        begins.problem = "two of the sounds begin at nearly the same time";
    begins.keys.push_back(key);
    begins.onsets.push_back(first);
  }
  if (begins.keys.size() < 3 || begins.keys.size() > 5) begins.problem = "3 to 5 sounds are put in order";
  return begins;
}

// How many of the listed sounds begin before this one.
std::size_t rank_of(const Begins& begins, std::size_t i) {
  return static_cast<std::size_t>(std::count_if(begins.onsets.begin(), begins.onsets.end(),
                                                [&](double onset) { return onset < begins.onsets[i]; }));
}

// The classes that an option lists, in its order; empty: it is no permutation of the labels.
std::vector<std::string> listed(const RecheckScene& scene, const Begins& begins, const std::string& text) {
  std::vector<std::string> parts, keys;
  for (std::size_t from = 0; from <= text.size();) {
    const std::string separator = text.find(';') == std::string::npos ? ", " : "; ";
    const std::size_t to = std::min(text.find(separator, from), text.size());
    keys.push_back(scene.key_of(text.substr(from, to - from)));
    from = to + separator.size();
  }
  std::vector<std::string> a = keys, b = begins.keys;
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  return a == b ? keys : std::vector<std::string>();
}

bool is_by_time(const Begins& begins, const std::vector<std::string>& keys) {
  double before = -1;
  for (const std::string& key : keys) {
    const auto at = std::find(begins.keys.begin(), begins.keys.end(), key) - begins.keys.begin();
    if (begins.onsets[static_cast<std::size_t>(at)] <= before) return false;
    before = begins.onsets[static_cast<std::size_t>(at)];
  }
  return true;
}

// "First a, then b, and finally c." names the sounds in this order.
std::string sentence_problem(const RecheckScene& scene, const Begins& begins) {
  std::vector<std::size_t> places(begins.keys.size());
  for (std::size_t i = 0; i < places.size(); ++i) places[rank_of(begins, i)] = i;
  std::string rest = scene.context().item.answer;
  for (std::size_t rank = 0; rank < places.size(); ++rank) {
    const std::string opening = rank == 0                   ? "First "
                                : rank + 1 == places.size() ? ", and finally "
                                                            : ", then ";
    if (!starts_with(rest, opening)) return "the answer does not say the order";
    rest.erase(0, opening.size());
    const std::string closing = rank + 1 == places.size()   ? "."
                                : rank + 2 == places.size() ? ", and finally "
                                                            : ", then ";
    const std::size_t end = rest.find(closing);
    if (end == std::string::npos || scene.key_of(rest.substr(0, end)) != begins.keys[places[rank]])
      return "the answer names another order";
    rest.erase(0, end);
  }
  return rest == "." ? "" : "the answer goes on behind the order";
}

// ---- Referring --------------------------------------------------------------------------------------------

using Event = RecordEvent;

// All sounds but those of one event begin at least the gap before or after it.
bool begins_alone(const RecheckScene& scene, const Event* event) {
  for (const CheckedSound& sound : scene.sounds()) {
    const double away = sound.event->onset - event->onset;
    if (sound.event != event && std::max(away, -away) < scene.margins().onset_gap_s) return false;
  }
  return true;
}

std::string first_problem(const RecheckScene& scene) {
  const auto& sounds = scene.sounds();
  if (sounds.empty()) return "nothing sounds";
  for (const CheckedSound& sound : sounds)
    if (sound.key != sounds[0].key &&
        sound.event->onset < sounds[0].event->onset + scene.margins().onset_gap_s)
      return "two sounds come first";
  return scene.answer_problem(sounds[0].key);
}

std::string last_problem(const RecheckScene& scene) {
  const auto& sounds = scene.sounds();
  if (sounds.empty()) return "nothing sounds";
  const CheckedSound& last = sounds.back();
  for (const CheckedSound& sound : sounds) {
    if (sound.key == last.key) continue;
    if (last.event->onset - sound.event->onset < scene.margins().onset_gap_s) return "two sounds come last";
    if (sound.event->offset > last.event->offset) return "another sound ends last";
  }
  return scene.answer_problem(last.key);
}

std::string beside_problem(const RecheckScene& scene, bool after) {
  const std::string key = scene.key_of(scene.fact("label"));
  const auto named = scene.sounds_of(key);
  if (named.size() != 1 || !scene.is_clear(key)) return "the named sound does not occur once";
  const Event* own = named[0];
  const CheckedSound* other = nullptr;
  for (const CheckedSound& sound : scene.sounds()) {
    if (sound.event == own) continue;
    if (after && sound.event->onset >= own->onset && (!other || sound.event->onset < other->event->onset))
      other = &sound;
    if (!after && sound.event->onset <= own->onset && (!other || sound.event->onset >= other->event->onset))
      other = &sound;
  }
  if (!other) return "nothing is beside the named sound";
  if (!begins_alone(scene, own) || !begins_alone(scene, other->event)) return "the sounds begin too close";
  if (after ? other->event->onset < own->offset : own->onset < other->event->offset)
    return "the sounds overlap";
  for (const CheckedSound& sound : scene.sounds())
    if (!after && sound.event != own && sound.key != other->key && sound.event->onset < own->onset &&
        sound.event->offset > other->event->offset)
      return "another sound ends later";
  return scene.answer_problem(other->key, {key});
}

}  // namespace

std::string order_problem(const RecheckScene& scene) {
  const Begins begins = begins_of(scene);
  if (!begins.problem.empty()) return begins.problem;
  const Item& item = scene.context().item;
  if (item.options.empty()) return sentence_problem(scene, begins);
  std::set<std::vector<std::string>> seen;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const auto keys = listed(scene, begins, item.options[i]);
    if (keys.empty()) return item.options[i] + " does not list the sounds";
    if (!seen.insert(keys).second) return item.options[i] + " stands twice";
    if (is_by_time(begins, keys) != (static_cast<int>(i) == item.answer_index))
      return item.options[i] + (is_by_time(begins, keys) ? " is right too" : " is not the order");
  }
  if (item.answer_index < 0 || item.answer != item.options[static_cast<std::size_t>(item.answer_index)])
    return "the answer is not its option";
  return scene.value_problem(item.answer);
}

std::string order_letters_problem(const RecheckScene& scene) {
  const Begins begins = begins_of(scene);
  if (!begins.problem.empty()) return begins.problem;
  std::string letters(3 * begins.keys.size(), ' ');
  for (std::size_t i = 0; i < begins.keys.size(); ++i) {
    const std::string own = {'(', static_cast<char>('A' + i), ')'};
    letters.replace(3 * rank_of(begins, i), 3, own);
    // The question gives the sound this letter.
    const std::string& question = scene.context().item.question;
    const std::size_t at = question.find(own + " ");
    const std::size_t end =
        at == std::string::npos ? at : question.find(i + 1 == begins.keys.size() ? "." : ". (", at);
    if (end == std::string::npos || scene.key_of(question.substr(at + 4, end - at - 4)) != begins.keys[i])
      return "the question does not list the sound " + own;
  }
  return scene.value_problem(letters);
}

std::string referring_problem(const RecheckScene& scene) {
  const std::string which = scene.fact("which");
  if (which == "first") return first_problem(scene);
  if (which == "last") return last_problem(scene);
  if (which == "kth") {
    const int k = scene.number_fact("k");
    if (k < 2 || !scene.places_are_clear(static_cast<std::size_t>(k)))
      return "the sounds cannot be counted off";
    return scene.answer_problem(scene.sounds()[static_cast<std::size_t>(k) - 1].key);
  }
  if (which == "after" || which == "before") return beside_problem(scene, which == "after");
  return "does not know the place " + which;
}

}  // namespace af2
