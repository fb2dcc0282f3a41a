#include "af2/factory/rules/rules.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/story_pool.h"

namespace af2 {
namespace {

// Least similar in its wrong answers first would tell; what is fair is the finder's choice.
std::vector<WrongAnswer> distinct(const Finding& finding) {
  std::set<std::string> seen = {normal_term(finding.answer)};
  std::vector<WrongAnswer> wrong;
  for (const WrongAnswer& answer : finding.wrong)
    if (seen.insert(normal_term(answer.text)).second) wrong.push_back(answer);
  return wrong;
}

// The wording of a type for a form, and its name.
std::pair<std::string, std::string> draw_wording(const RuleType& type, const Finding& finding,
                                                 const ItemForm& form, Random& rng) {
  const std::string key = type_key(type.skill, type.name, type.is_long);
  std::vector<std::string> names = {key + ":" + form.form, key};
  if (!finding.variant.empty())
    names.insert(names.begin(), {key + "/" + finding.variant + ":" + form.form, key + "/" + finding.variant});
  for (const std::string& name : names) {
    const auto found = all_wordings().find(name);
    if (found == all_wordings().end()) continue;
    const auto& list = form.held_out ? found->second.held_out : found->second.usual;
    if (list.empty()) continue;
    const std::size_t place = rng.below(list.size());
    return {list[place], name + "." + (form.held_out ? "h" : "") + std::to_string(place)};
  }
  throw internal_error("no wording of " + names.front());
}

std::map<std::string, WordingList> parse_wordings() {
  std::map<std::string, WordingList> all;
  for (const auto& [file, text] : embedded_wordings()) {
    WordingList* list = nullptr;
    for (const std::string& raw : split(text, '\n')) {
      const std::string line = trim(raw);
      if (line.empty() || line[0] == '#') continue;
      if (line[0] == '[') {
        const auto [place, fresh] = all.try_emplace(line.substr(1, line.size() - 2));
        if (!fresh || line.back() != ']') throw internal_error("wordings " + file + ": " + line);
        list = &place->second;
      } else if (!list) {
        throw internal_error("wordings " + file + " begin without a key: " + line);
      } else if (line[0] == '*') {
        list->held_out.push_back(trim(line.substr(1)));
      } else {
        list->usual.push_back(line);
      }
    }
  }
  return all;
}

}  // namespace

std::string type_key(const std::string& skill, const std::string& name, bool is_long) {
  return (is_long ? "long." : "") + skill + "." + name;
}

const std::vector<RuleType>& rule_types() {
  static const std::vector<RuleType> all = [] {
    std::vector<RuleType> types;
    for (const auto& table :
         {temporal_rules, attribute_rules, counting_rules, contextual_sound_rules, contextual_speech_rules,
          information_rules, general_rules, hearing_rules, long_rules})
      for (RuleType& type : table()) types.push_back(std::move(type));
    return types;
  }();
  return all;
}

const RuleType& rule_type(const std::string& skill, const std::string& name, bool is_long) {
  for (const RuleType& type : rule_types())
    if (type.skill == skill && type.name == name && type.is_long == is_long) return type;
  throw user_error("is no type of question", type_key(skill, name, is_long),
                   "`af2 data skills --list-types` and `af2 data long --list-types` list them");
}

std::optional<Item> make_item(const RuleType& type, RuleContext& context, const ItemForm& form) {
  if (std::find(type.forms.begin(), type.forms.end(), form.form) == type.forms.end())
    throw user_error("type " + type_key(type.skill, type.name, type.is_long) + " has no form " + form.form,
                     "form", "it has " + join(type.forms, ", "));
  const std::optional<Finding> finding = type.find(context);
  if (!finding) return std::nullopt;
  Item item;
  item.record = context.record.id;
  item.audio = context.record.audio;
  item.start = context.record.start;
  item.duration = context.record.duration.value_or(0);
  item.skill = type.skill, item.type = type.name, item.is_long = type.is_long;
  item.form = form.form, item.level = finding->level;
  const auto [wording, name] = draw_wording(type, *finding, form, context.rng);
  item.question = fill_slots(wording, finding->slots);
  item.wording = name;
  item.answer = finding->answer;
  if (form.form == "choice") {
    const std::vector<WrongAnswer> wrong = distinct(*finding);
    if (form.options < 0 || !is_choice_size(static_cast<std::size_t>(form.options)))
      throw user_error("2 to 6 options are needed", "options");
    const int options =
        finding->most_options > 0 ? std::min(form.options, finding->most_options) : form.options;
    const auto n = static_cast<std::size_t>(options) - 1;
    if (wrong.size() < n) return std::nullopt;
    for (std::size_t i = 0; i < n; ++i)
      item.options.push_back(wrong[i].text), item.kinds.push_back(wrong[i].kind);
    // The others in drawn order, the right one at its letter.
    for (std::size_t i = n; i > 1; --i) {
      const auto j = static_cast<std::size_t>(context.rng.below(i));
      std::swap(item.options[i - 1], item.options[j]);
      std::swap(item.kinds[i - 1], item.kinds[j]);
    }
    const int letter =
        form.letter >= 0 && form.letter < options ? form.letter : static_cast<int>(context.rng.below(n + 1));
    item.options.insert(item.options.begin() + letter, finding->answer);
    item.kinds.insert(item.kinds.begin() + letter, finding->kind);
    item.answer_index = letter;
  } else if (form.form == "open" && !finding->sentence.empty()) {
    item.answer = finding->sentence;
  } else if (form.form == "yes_no" && finding->answer != "yes" && finding->answer != "no") {
    throw internal_error(type.name + " answers a yes/no question with " + finding->answer);
  }
  item.evidence = finding->evidence;
  item.facts = finding->facts;
  item.generator = "rules";
  item.group = context.record.group, item.source = context.record.source;
  item.licence = context.record.licence, item.attribution = context.record.attribution;
  return item;
}

std::vector<int> counted_events(const Record& record, const Margins& margins) {
  std::vector<int> places;
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    const RecordEvent& event = record.events[i];
    if (event.role == "background" || event.offset - event.onset < margins.event_s) continue;
    if (event.snr && *event.snr < margins.snr_db) continue;
    places.push_back(static_cast<int>(i));
  }
  std::stable_sort(places.begin(), places.end(), [&](int a, int b) {
    return record.events[static_cast<std::size_t>(a)].onset <
           record.events[static_cast<std::size_t>(b)].onset;
  });
  return places;
}

std::string phrase_of(const RuleContext& context, const std::string& label) {
  return context.words.worded(label, &LabelInfo::phrase);
}
std::string short_of(const RuleContext& context, const std::string& label) {
  return context.words.worded(label, &LabelInfo::short_name);
}
std::string sentence_of(const RuleContext& context, const std::string& label) {
  return context.words.worded(label, &LabelInfo::sentence);
}

std::vector<std::string> absent_labels(const RuleContext& context, int n) {
  std::vector<std::string> chosen;
  if (!context.record.all_labelled) return chosen;
  std::vector<int> taken;
  for (const RecordEvent& event : context.record.events) taken.push_back(context.words.find(event.label));
  for (const std::string& label : context.record.labels) taken.push_back(context.words.find(label));
  std::vector<int> rest(static_cast<std::size_t>(context.words.size()));
  for (std::size_t i = 0; i < rest.size(); ++i) rest[i] = static_cast<int>(i);
  context.rng.shuffle(rest);
  for (const int label : rest) {
    if (static_cast<int>(chosen.size()) == n) break;
    if (std::any_of(taken.begin(), taken.end(),
                    [&](int other) { return other >= 0 && context.words.confusable(label, other); }))
      continue;
    taken.push_back(label);
    chosen.push_back(context.words.at(label).name);
  }
  return chosen;
}

std::vector<std::string> absent_in_set(const RuleContext& context, int n) {
  const Record& record = context.record;
  if (!context.pool) return absent_labels(context, n);
  if (!record.all_labelled) return {};
  std::set<std::string> present(record.labels.begin(), record.labels.end());
  for (const RecordEvent& event : record.events) present.insert(event.label);
  // Labels that the vocabulary lacks are left out: nothing says what they may be confused with.
  std::vector<int> ids;
  for (const std::string& label : present) ids.push_back(context.words.find(label));
  return draw_from(
      context.pool->labels(), n, context.rng,
      [&](const std::string& label, const std::vector<std::string>& drawn) {
        const int id = context.words.find(label);
        return id >= 0 &&
               std::none_of(ids.begin(), ids.end(),
                            [&](int other) { return other >= 0 && context.words.confusable(id, other); }) &&
               std::none_of(drawn.begin(), drawn.end(),
                            [&](const std::string& other) { return context.words.confusable(label, other); });
      });
}

ItemEvidence evidence_of(const RecordEvent& event) {
  return {event.label, event.onset, event.offset};
}

const std::map<std::string, WordingList>& all_wordings() {
  static const std::map<std::string, WordingList> all = parse_wordings();
  return all;
}

std::string fill_slots(const std::string& wording, const std::map<std::string, std::string>& slots) {
  std::string text;
  for (std::size_t at = 0; at < wording.size();) {
    const std::size_t open = wording.find('{', at);
    if (open == std::string::npos) {
      text += wording.substr(at);
      break;
    }
    const std::size_t close = wording.find('}', open);
    if (close == std::string::npos) throw internal_error("a slot does not end: " + wording);
    const auto slot = slots.find(wording.substr(open + 1, close - open - 1));
    if (slot == slots.end()) throw internal_error("no text for a slot of: " + wording);
    text += wording.substr(at, open - at) + slot->second;
    at = close + 1;
  }
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  return text;
}

std::string as_sentence(std::string text) {
  text = trim(text);
  if (!text.empty() && text[0] >= 'a' && text[0] <= 'z') text[0] = static_cast<char>(text[0] - 'a' + 'A');
  if (!text.empty() && std::string(".!?").find(text.back()) == std::string::npos) text += '.';
  return text;
}

}  // namespace af2
