#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/recheck_scene.h"

namespace af2 {
namespace {

bool is_open(const RecheckScene& scene) {
  return scene.context().item.form == "open";
}

// ---- Among several ----------------------------------------------------------------------------------------

struct Compared {
  std::string key;
  double value = 0;
};

// The compared sounds, best first; a problem where they cannot be compared.
struct Comparison {
  Attribute attribute = Attribute::kLoudness;
  bool most = true;
  std::vector<Compared> sounds;
  std::string problem;
};

Comparison comparison_of(const RecheckScene& scene) {
  Comparison all;
  all.attribute = attribute_from_name(scene.fact("attribute"));
  all.most = scene.fact("which") == "most";
  if (!all.most && scene.fact("which") != "least") all.problem = "compares neither most nor least";
  std::vector<std::string> keys = scene.keys();
  if (scene.context().item.facts.contains("labels")) {
    keys.clear();
    for (const std::string& label : scene.list_fact("labels")) keys.push_back(scene.key_of(label));
  }
  for (const std::string& key : keys) {
    std::vector<double> values;
    for (const RecordEvent* event : scene.sounds_of(key))
      if (const auto value = measured(*event, all.attribute)) values.push_back(*value);
    if (!scene.is_clear(key) || values.empty() || values.size() != scene.sounds_of(key).size()) {
      all.problem = "a sound that is compared is not clear or not measured";
      return all;
    }
    if (all.attribute == Attribute::kLength && values.size() > 1) {
      all.problem = "the length of a repeated sound can be taken in two ways";
      return all;
    }
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    all.sounds.push_back({key, all.most ? *high : *low});
  }
  if (all.sounds.size() < 3) all.problem = "fewer than three sounds are compared";
  std::sort(all.sounds.begin(), all.sounds.end(), [&](const Compared& a, const Compared& b) {
    return all.most ? a.value > b.value : a.value < b.value;
  });
  return all;
}

// Classes that are as good as the best; empty: others are near, so that it is not clear.
std::set<std::string> best_of(const RecheckScene& scene, const Comparison& all) {
  std::set<std::string> best;
  for (const Compared& sound : all.sounds)
    if (!differs(sound.value, all.sounds[0].value, all.attribute, scene.margins())) best.insert(sound.key);
  for (const Compared& in : all.sounds)
    for (const Compared& out : all.sounds)
      if (best.contains(in.key) && !best.contains(out.key) &&
          !differs(in.value, out.value, all.attribute, scene.margins()))
        return {};
  return best;
}

std::string comparative_problem(const RecheckScene& scene) {
  const Comparison all = comparison_of(scene);
  if (!all.problem.empty()) return all.problem;
  const auto best = best_of(scene, all);
  if (best.size() != 1) return "no sound is clearly ahead";
  const Item& item = scene.context().item;
  if (is_open(scene)) {
    const AttributeWords& words = words_of(all.attribute);
    const std::string ending = std::string(" is the ") + (all.most ? words.most : words.least) + " of them.";
    if (item.answer.size() <= ending.size() || !item.answer.ends_with(ending))
      return "the answer says another thing";
    const std::string name = item.answer.substr(0, item.answer.size() - ending.size());
    return scene.key_of(name) == *best.begin() ? "" : "the answer is not " + name;
  }
  // Where some are listed, only those can be meant.
  for (const std::string& option : item.options)
    if (item.facts.contains("labels") &&
        std::none_of(all.sounds.begin(), all.sounds.end(),
                     [&](const Compared& sound) { return sound.key == scene.key_of(option); }))
      return option + " is not among the listed sounds";
  return scene.answer_problem(*best.begin());
}

// The sounds that "a, b and c" names.
std::set<std::string> listed_keys(const RecheckScene& scene, std::string text) {
  std::set<std::string> keys;
  const std::string separator = text.find(';') == std::string::npos ? ", " : "; ";
  const std::string joint = separator == ", " ? " and " : "; and ";
  std::vector<std::string> parts;
  if (const std::size_t at = text.rfind(joint); at != std::string::npos) {
    parts.push_back(text.substr(at + joint.size()));
    text.erase(at);
  }
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t to = std::min(text.find(separator, from), text.size());
    parts.push_back(text.substr(from, to - from));
    from = to + separator.size();
  }
  for (const std::string& part : parts) keys.insert(scene.key_of(part));
  return keys;
}

std::string tie_problem(const RecheckScene& scene) {
  const Comparison all = comparison_of(scene);
  if (!all.problem.empty()) return all.problem;
  const auto best = best_of(scene, all);
  const Item& item = scene.context().item;
  if (best.size() < 2 || static_cast<int>(best.size()) != scene.number_fact("n") ||
      best.size() == all.sounds.size())
    return "the sounds are not tied, or no clear tie";
  if (listed_keys(scene, item.answer) != best) return "the answer does not name the tied sounds";
  std::set<std::set<std::string>> seen;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const auto keys = listed_keys(scene, item.options[i]);
    if ((keys == best) != (static_cast<int>(i) == item.answer_index))
      return item.options[i] + (keys == best ? " is right too" : " is not right");
    if (!seen.insert(keys).second) return item.options[i] + " stands twice";
    if (keys.size() != best.size()) return item.options[i] + " names another number of sounds";
    for (const std::string& key : keys)
      if (std::none_of(all.sounds.begin(), all.sounds.end(), [&](const Compared& s) { return s.key == key; }))
        return item.options[i] + " names a sound that is not compared";
  }
  return item.options.empty() ? "" : scene.value_problem(item.answer);
}

// ---- Of two -----------------------------------------------------------------------------------------------

// 0: the first has clearly more, 1: the second, 2: neither.
int more_of(const RecheckScene& scene, Attribute attribute, double first, double second) {
  if (!differs(first, second, attribute, scene.margins())) return 2;
  return first > second ? 0 : 1;
}

std::string pair_problem(const RecheckScene& scene) {
  const Attribute attribute = attribute_from_name(scene.fact("attribute"));
  const AttributeWords& words = words_of(attribute);
  const std::string which = scene.fact("which");
  if (which != "more" && which != "less") return "asks neither for more nor for less";
  std::vector<std::string> keys, labels = scene.list_fact("labels");
  std::vector<double> values;
  for (const std::string& label : labels) {
    keys.push_back(scene.key_of(label));
    const auto events = scene.sounds_of(keys.back());
    if (events.size() != 1 || !scene.is_clear(keys.back())) return label + " does not occur once, clearly";
    const auto value = measured(*events[0], attribute);
    if (!value) return label + " is not measured";
    values.push_back(*value);
  }
  if (keys.size() != 2 || keys[0] == keys[1]) return "does not name two sounds";
  int answer = more_of(scene, attribute, values[0], values[1]);
  if (which == "less" && answer < 2) answer = 1 - answer;
  const std::string same = std::string("they are ") + words.same;
  const Item& item = scene.context().item;
  if (is_open(scene)) {
    const std::string joint =
        answer == 2 ? " and " : std::string(" is ") + (which == "more" ? words.more : words.less) + " than ";
    const std::string ending = answer == 2 ? std::string(" are ") + words.same + "." : ".";
    // A label may hold the joint itself: any cut that names the two will do.
    const std::size_t left = answer == 1 ? 1 : 0;
    for (std::size_t at = item.answer.find(joint); at != std::string::npos;
         at = item.answer.find(joint, at + 1)) {
      const std::string rest = item.answer.substr(at + joint.size());
      if (rest.ends_with(ending) && scene.key_of(item.answer.substr(0, at)) == keys[left] &&
          scene.key_of(rest.substr(0, rest.size() - ending.size())) == keys[1 - left])
        return "";
    }
    return "the answer says another thing";
  }
  const auto meaning = [&](const std::string& text) {
    return text == same ? 2 : scene.key_of(text) == keys[0] ? 0 : scene.key_of(text) == keys[1] ? 1 : -1;
  };
  if (meaning(item.answer) != answer) return "the answer is not " + item.answer;
  if (!item.options.empty() && item.kinds.size() != item.options.size()) return "a kind is missing";
  std::set<int> seen;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const int means = meaning(item.options[i]);
    if (means < 0 || !seen.insert(means).second) return item.options[i] + " is no answer, or stands twice";
    if ((means == answer) != (static_cast<int>(i) == item.answer_index))
      return item.options[i] + (means == answer ? " is right too" : " is not right");
    if (item.kinds[i] != (means == 2 ? "value" : "present"))
      return item.options[i] + " is not " + item.kinds[i];
  }
  return "";
}

std::string at_time_problem(const RecheckScene& scene) {
  const Attribute attribute = attribute_from_name(scene.fact("attribute"));
  const AttributeWords& words = words_of(attribute);
  const int k = scene.number_fact("k"), j = scene.number_fact("j");
  if (k < 1 || j < 1 || k == j || !scene.places_are_clear(static_cast<std::size_t>(std::max(k, j))))
    return "the sounds cannot be counted off";
  const auto first = measured(*scene.sounds()[static_cast<std::size_t>(k) - 1].event, attribute),
             second = measured(*scene.sounds()[static_cast<std::size_t>(j) - 1].event, attribute);
  if (!first || !second) return "a sound is not measured";
  const std::vector<std::string> all = {words.more, words.less, words.same};
  const int answer = more_of(scene, attribute, *first, *second);
  const std::string& right = all[static_cast<std::size_t>(answer)];
  if (!is_open(scene)) return scene.value_problem(right, all);
  const std::string said =
      answer == 2 ? "The two sounds are " + right + "."
                  : "The " + ordinal_word(k) + " sound is " + right + " than the " + ordinal_word(j) + ".";
  return scene.value_problem(said);
}

// ---- Descriptive ------------------------------------------------------------------------------------------

// The event that label or place names; null: none, clearly.
const RecordEvent* named_event(const RecheckScene& scene) {
  if (scene.context().item.facts.contains("label")) {
    const std::string key = scene.key_of(scene.fact("label"));
    const auto events = scene.sounds_of(key);
    return events.size() == 1 && scene.is_clear(key) ? events[0] : nullptr;
  }
  const int k = scene.number_fact("k");
  const bool fits = k >= 1 && !scene.has_background() && scene.places_are_clear(static_cast<std::size_t>(k));
  return fits ? scene.sounds()[static_cast<std::size_t>(k) - 1].event : nullptr;
}

// The seconds that the words mean; 0: none.
double seconds_meant(const std::string& words) {
  if (words == seconds_words(0.5)) return 0.5;
  for (int seconds = 1; seconds <= 60; ++seconds)
    if (words == seconds_words(seconds)) return seconds;
  return 0;
}

std::string how_long_problem(const RecheckScene& scene) {
  const RecordEvent* event = named_event(scene);
  if (!event) return "the sound has no single length";
  const Item& item = scene.context().item;
  std::string said = item.answer;
  if (is_open(scene)) {
    if (!starts_with(said, "It lasts ") || said.back() != '.') return "the answer says another thing";
    said = said.substr(9, said.size() - 10);
  }
  const double lasts = event->offset - event->onset, clip = scene.context().record.duration.value_or(1e9);
  const auto fits = [&](double seconds) {
    return seconds > 0 && !differs(seconds, lasts, Attribute::kLength, scene.margins());
  };
  if (!fits(seconds_meant(said))) return "the sound does not last " + said;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const double seconds = seconds_meant(item.options[i]);
    if (seconds <= 0 || seconds > clip) return item.options[i] + " cannot be";
    if (fits(seconds) != (static_cast<int>(i) == item.answer_index))
      return item.options[i] + (fits(seconds) ? " is right too" : " is not right");
  }
  return is_open(scene) ? "" : scene.value_problem(item.answer);
}

std::string band_problem(const RecheckScene& scene) {
  const RecordEvent* event = named_event(scene);
  const Attribute attribute = attribute_from_name(scene.fact("attribute"));
  const auto value = event ? measured(*event, attribute) : std::nullopt;
  if (!value) return "the sound is not measured";
  std::vector<double> borders;
  if (attribute == Attribute::kPitch) borders = {250, 1000};  // Hz
  if (attribute == Attribute::kReverb) borders = {0.3, 1.0};  // seconds
  if (attribute == Attribute::kLength) borders = {1.0, 3.0};  // seconds
  if (borders.empty()) return "loudness has no words of its own";
  for (const double border : borders)
    if (!differs(*value, border, attribute, scene.margins())) return "the value is between two words";
  const auto& words = words_of(attribute).bands;
  const std::string right = *value < borders[0] ? words[0] : *value > borders[1] ? words[2] : words[1];
  return scene.value_problem(right, {words.begin(), words.end()});
}

// ---- Who speaks -------------------------------------------------------------------------------------------

struct Voice {
  double start, end;
  std::string who;  // "a man"; empty: not known
};

// Each word of a label about speech that says whose it is.
std::string who_says(const std::string& label) {
  static const std::map<std::string, std::string> kWho = {
      {"man", "a man"},      {"male", "a man"},    {"woman", "a woman"},
      {"female", "a woman"}, {"child", "a child"}, {"kid", "a child"},
      {"boy", "a child"},    {"girl", "a child"},  {"children", "a child"}};
  std::set<std::string> found;
  for (const std::string& word : words_of(plain_label(label)))
    if (const auto who = kWho.find(word); who != kWho.end()) found.insert(who->second);
  if (found.contains("a child")) return "a child";
  return found.size() == 1 ? *found.begin() : "";
}

bool is_about_speech(const std::string& label) {
  static const std::set<std::string> kWords = {"speech", "speaking",     "speaks",    "talking",
                                               "talks",  "conversation", "narration", "monologue"};
  const auto words = words_of(plain_label(label));
  return std::any_of(words.begin(), words.end(),
                     [](const std::string& word) { return kWords.contains(word); });
}

std::string speaker_problem(const RecheckScene& scene) {
  const Record& record = scene.context().record;
  std::vector<Voice> voices;
  for (const RecordSpeech& speech : record.speech)
    if (speech.no_speech <= 0.5)
      voices.push_back({speech.start, speech.end, speech.speaker.empty() ? "" : "a " + speech.speaker});
  const bool from_labels = voices.empty();
  for (const RecordEvent& event : record.events) {
    if (!from_labels || !is_about_speech(event.label)) continue;
    const bool counts = event.offset - event.onset >= scene.margins().event_s;
    voices.push_back({event.onset, event.offset, counts ? who_says(event.label) : ""});
  }
  if (voices.empty()) return "nobody speaks";
  const std::vector<std::string> all(kSpeakerWords.begin(), kSpeakerWords.end());
  const Voice *first = &voices[0], *last = &voices[0];
  std::set<std::string> who;
  for (const Voice& voice : voices) {
    if (std::find(all.begin(), all.end(), voice.who) == all.end()) return "it is not known who speaks";
    who.insert(voice.who);
    if (voice.start < first->start) first = &voice;
    if (voice.start >= last->start) last = &voice;
  }
  const std::string which = scene.fact("which");
  if (which == "only") {
    if (who.size() != 1) return "several people speak";
    return scene.value_problem(first->who, all);
  }
  if (which != "first" && which != "last") return "does not know the place " + which;
  if (who.size() < 2) return "one person speaks";
  const Voice* meant = which == "first" ? first : last;
  for (const Voice& voice : voices) {
    if (voice.who == meant->who) continue;
    const double away = which == "first" ? voice.start - meant->start : meant->start - voice.start;
    if (away < scene.margins().onset_gap_s || (which == "last" && voice.end > meant->end))
      return "two speak at nearly the same time";
  }
  return scene.value_problem(meant->who, all);
}

}  // namespace

RecheckTable attribute_rechecks() {
  return {
      {"attribute.comparative", with_scene(comparative_problem)},
      {"attribute.comparative_tie", with_scene(tie_problem)},
      {"attribute.pair", with_scene(pair_problem)},
      {"attribute.at_time", with_scene(at_time_problem)},
      {"attribute.how_long", with_scene(how_long_problem)},
      {"attribute.band", with_scene(band_problem)},
      {"attribute.speaker", with_scene(speaker_problem)},
  };
}

}  // namespace af2
