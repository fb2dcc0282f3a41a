#include "af2/factory/rules/recheck_scene.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/data/text_terms.h"

namespace af2 {
namespace {

// Classes are told apart by "#id" of the vocabulary, or by the plain label.
int id_of(const std::string& key) {
  return !key.empty() && key[0] == '#' ? std::stoi(key.substr(1)) : -1;
}

bool too_soft(const RecordEvent& event, const Margins& margins) {
  return event.snr.has_value() && event.snr.value() < margins.snr_db;
}

bool counts(const RecordEvent& event, const Margins& margins) {
  return event.role != "background" && event.offset - event.onset >= margins.event_s &&
         !too_soft(event, margins);
}

}  // namespace

RecheckScene::RecheckScene(const RecheckContext& context) : context_(context) {
  std::set<std::string> named;
  for (const RecordEvent& event : context.record.events) {
    const std::string key = key_of_label(event.label);
    named.insert(key);
    if (event.role != "background" && !too_soft(event, context.margins)) sounds_.push_back({key, &event});
  }
  for (const std::string& label : context.record.labels) named.insert(key_of_label(label));
  named_.assign(named.begin(), named.end());
  std::stable_sort(sounds_.begin(), sounds_.end(),
                   [](const auto& a, const auto& b) { return a.event->onset < b.event->onset; });
  for (const CheckedSound& sound : sounds_)
    if (std::find(keys_.begin(), keys_.end(), sound.key) == keys_.end()) keys_.push_back(sound.key);
}

std::string RecheckScene::key_of_label(const std::string& label) const {
  const int id = context_.words.find(label);
  return id >= 0 ? "#" + std::to_string(id) : plain_label(label);
}

std::string RecheckScene::key_of(const std::string& text) const {
  // What sounds goes first: a word may name more than one label of the vocabulary.
  const std::string wanted = normal_term(text);
  for (const std::string& key : named_) {
    const int id = id_of(key);
    if (id < 0) {
      if (normal_term(key) == wanted) return key;
      continue;
    }
    const LabelInfo& info = context_.words.at(id);
    for (const std::string* name : {&info.phrase, &info.short_name, &info.name})
      if (*name == text || normal_term(*name) == wanted) return key;
  }
  return key_of_label(text);
}

std::vector<const RecordEvent*> RecheckScene::sounds_of(const std::string& key) const {
  std::vector<const RecordEvent*> events;
  for (const CheckedSound& sound : sounds_)
    if (sound.key == key) events.push_back(sound.event);
  return events;
}

bool RecheckScene::is_confusable(const std::string& key_a, const std::string& key_b) const {
  const int a = id_of(key_a), b = id_of(key_b);
  return key_a == key_b || (a >= 0 && b >= 0 && context_.words.confusable(a, b));
}

bool RecheckScene::is_clear(const std::string& key) const {
  bool heard = false;
  for (const RecordEvent& event : context_.record.events) {
    if (key_of_label(event.label) != key) continue;
    if (!counts(event, context_.margins)) return false;
    heard = true;
  }
  return heard && std::none_of(named_.begin(), named_.end(), [&](const std::string& other) {
           return other != key && is_confusable(other, key);
         });
}

bool RecheckScene::has_background() const {
  return std::any_of(context_.record.events.begin(), context_.record.events.end(),
                     [](const RecordEvent& event) { return event.role == "background"; });
}

bool RecheckScene::places_are_clear(std::size_t n) const {
  if (sounds_.size() < n) return false;
  std::set<std::string> seen;
  for (std::size_t i = 0; i < n; ++i) {
    if (!is_clear(sounds_[i].key) || !seen.insert(sounds_[i].key).second) return false;
    if (i + 1 < sounds_.size() &&
        sounds_[i + 1].event->onset - sounds_[i].event->onset < context_.margins.onset_gap_s)
      return false;
  }
  return true;
}

bool RecheckScene::is_absent(const std::string& text) const {
  if (!context_.record.all_labelled) return false;
  const auto clash = [&](int id) {
    return std::any_of(named_.begin(), named_.end(),
                       [&](const std::string& key) { return is_confusable(key, "#" + std::to_string(id)); });
  };
  // Several labels may go by one phrase: one of them was meant.
  bool known = false;
  for (int id = 0; id < context_.words.size(); ++id) {
    const LabelInfo& info = context_.words.at(id);
    if (info.phrase != text && info.name != text) continue;
    known = true;
    if (!clash(id)) return true;
  }
  if (known) return false;
  const std::string key = key_of_label(text);
  return std::none_of(named_.begin(), named_.end(),
                      [&](const std::string& other) { return is_confusable(other, key); });
}

std::string RecheckScene::answer_problem(const std::string& key,
                                         const std::vector<std::string>& forbidden) const {
  const Item& item = context_.item;
  if (!is_clear(key)) return "the answer is no sound that can be told from the others";
  if (key_of(item.answer) != key) return "the answer is not " + item.answer;
  if (item.options.empty()) return "";
  if (item.kinds.size() != item.options.size()) return "a kind is missing";
  std::vector<std::string> keys;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const std::string option = key_of(item.options[i]);
    const bool right = static_cast<int>(i) == item.answer_index;
    if (right != (option == key)) return item.options[i] + (right ? " is not right" : " is right too");
    for (const std::string& other : keys)
      if (is_confusable(option, other)) return item.options[i] + " means the same as another option";
    if (std::find(forbidden.begin(), forbidden.end(), option) != forbidden.end())
      return item.options[i] + " may not be an option";
    keys.push_back(option);
    if (item.kinds[i] == "present" ? !is_clear(option)
                                   : item.kinds[i] != "absent" || !is_absent(item.options[i]))
      return item.options[i] + " is not " + item.kinds[i];
  }
  return "";
}

std::string RecheckScene::value_problem(const std::string& answer,
                                        const std::vector<std::string>& allowed) const {
  const Item& item = context_.item;
  if (item.answer != answer) return "the answer is " + answer + ", not " + item.answer;
  if (!item.options.empty() && item.kinds.size() != item.options.size()) return "a kind is missing";
  std::set<std::string> seen;
  for (std::size_t i = 0; i < item.options.size(); ++i) {
    const std::string& option = item.options[i];
    if ((static_cast<int>(i) == item.answer_index) != (option == answer))
      return option + (option == answer ? " is right too" : " is not right");
    if (!seen.insert(normal_term(option)).second) return option + " stands twice";
    if (!allowed.empty() && std::find(allowed.begin(), allowed.end(), option) == allowed.end())
      return option + " is no answer to the question";
    if (item.kinds[i] != "value") return option + " is a value, not " + item.kinds[i];
  }
  return "";
}

std::string RecheckScene::number_problem(int number) const {
  if (number < 1 || number > margins().most_counted) return "there are " + std::to_string(number);
  for (const std::string& option : context_.item.options) {
    if (option.empty() || option.size() > 3 || option.find_first_not_of("0123456789") != std::string::npos)
      return option + " is no number";
    if (std::stoi(option) < 1 || std::stoi(option) > margins().most_counted)
      return option + " is never right";
  }
  return value_problem(std::to_string(number));
}

const Json& RecheckScene::fact_json(const char* key) const {
  const auto found = context_.item.facts.find(key);
  if (found == context_.item.facts.end())
    throw data_error(std::string("has no fact ") + key, "item " + context_.item.id);
  return *found;
}

std::string RecheckScene::fact(const char* key) const {
  const Json& json = fact_json(key);
  if (!json.is_string())
    throw data_error(std::string(key) + " is no text", "facts of item " + context_.item.id);
  return json.get<std::string>();
}

int RecheckScene::number_fact(const char* key) const {
  const Json& json = fact_json(key);
  if (!json.is_number_integer())
    throw data_error(std::string(key) + " is no whole number", "facts of item " + context_.item.id);
  return json.get<int>();
}

std::vector<std::string> RecheckScene::list_fact(const char* key) const {
  std::vector<std::string> list;
  const Json& json = fact_json(key);
  bool texts = json.is_array();
  for (const Json& part : json) {
    texts = texts && part.is_string();
    if (texts) list.push_back(part.get<std::string>());
  }
  if (!texts)
    throw data_error(std::string(key) + " is no list of texts", "facts of item " + context_.item.id);
  return list;
}

Recheck with_scene(std::function<std::string(const RecheckScene&)> check) {
  return [check = std::move(check)](const RecheckContext& context) -> std::string {
    try {
      return check(RecheckScene(context));
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      return error.what();
    }
  };
}

double seconds_of(const std::vector<const RecordEvent*>& events) {
  // Swept over all borders: a stretch counts if any event covers it.
  std::set<double> borders;
  for (const RecordEvent* event : events) borders.insert(event->onset), borders.insert(event->offset);
  double sum = 0, from = 0;
  bool begun = false;
  for (const double border : borders) {
    if (begun && std::any_of(events.begin(), events.end(), [&](const RecordEvent* event) {
          return event->onset <= from && event->offset >= border;
        }))
      sum += border - from;
    from = border, begun = true;
  }
  return sum;
}

std::optional<double> measured(const RecordEvent& event, Attribute attribute) {
  if (attribute == Attribute::kLoudness) return event.level;
  if (attribute == Attribute::kPitch) return event.pitch;
  if (attribute == Attribute::kReverb) return event.reverb;
  return event.offset - event.onset;
}

bool differs(double a, double b, Attribute attribute, const Margins& margins) {
  const double low = std::min(a, b), high = std::max(a, b);
  if (attribute == Attribute::kLoudness) return high - low >= margins.level_db;
  const double share = attribute == Attribute::kPitch    ? margins.pitch_share
                       : attribute == Attribute::kReverb ? margins.reverb_share
                                                         : margins.duration_share;
  return high >= low * (1 + share);
}

std::vector<CheckedGroup> groups_of(const std::vector<const RecordEvent*>& events, const Margins& margins) {
  std::vector<CheckedGroup> groups;
  for (const RecordEvent* event : events) {
    // A group begins where no earlier event reaches to within the gap.
    double reached = -1e9;
    for (const RecordEvent* other : events)
      if (other != event && (other->onset < event->onset || (other->onset == event->onset && other < event)))
        reached = std::max(reached, other->offset);
    if (event->onset - reached >= margins.join_gap_s) groups.push_back({event->onset, event->offset});
    groups.back().offset = std::max(groups.back().offset, event->offset);
  }
  return groups;
}

}  // namespace af2
