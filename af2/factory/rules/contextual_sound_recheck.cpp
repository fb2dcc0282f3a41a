// Answers about causes, purposes and surroundings once more: from the record's story, by other code than the
// rules'.
#include <algorithm>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"
#include "af2/factory/rules/recheck.h"

namespace af2 {
namespace {

// Every way a label may be said, as normal terms: its sentence too.
std::vector<std::string> names_of(const RecheckContext& c, const std::string& label) {
  std::vector<std::string> names = {normal_term(plain_label(label))};
  if (const int found = c.words.find(label); found >= 0) {
    const LabelInfo& info = c.words.at(found);
    for (const std::string& text : {info.name, info.phrase, info.short_name, info.sentence})
      names.push_back(normal_term(text));
    for (const std::string& term : c.words.terms(found)) names.push_back(term);
  }
  return names;
}

bool names(const RecheckContext& c, const std::string& text, const std::string& label) {
  const std::vector<std::string> all = names_of(c, label);
  return std::find(all.begin(), all.end(), normal_term(text)) != all.end();
}

bool mentions(const RecheckContext& c, const std::string& text, const std::string& label) {
  const std::string padded = " " + normal_term(text) + " ";
  for (const std::string& name : names_of(c, label))
    if (!name.empty() && padded.find(" " + name + " ") != std::string::npos) return true;
  return false;
}

bool sounds(const Record& record, const std::string& label) {
  for (const RecordEvent& event : record.events)
    if (event.label == label) return true;
  return std::find(record.labels.begin(), record.labels.end(), label) != record.labels.end();
}

int fact_number(const RecheckContext& c, const char* name) {
  const auto found = c.item.facts.find(name);
  return found == c.item.facts.end() || !found->is_number_integer() ? -1 : found->get<int>();
}

// The event's label, or nothing where the record has no such event.
const std::string* label_at(const Record& record, int place) {
  if (place < 0 || place >= static_cast<int>(record.events.size())) return nullptr;
  return &record.events[static_cast<std::size_t>(place)].label;
}

bool is_choice(const Item& item) {
  return !item.options.empty();
}

// For relations: whether what comes of it is asked for, or what it comes of, and whether the sound in the
// question is hidden.
std::string check_relation(const RecheckContext& c, const std::vector<std::string>& kinds,
                           bool answer_is_later, bool hidden) {
  const int first = fact_number(c, "first"), second = fact_number(c, "second");
  const std::string* cause = label_at(c.record, first);
  const std::string* effect = label_at(c.record, second);
  if (!cause || !effect) return "the facts name no two events of the record";
  const RecordRelation* told = nullptr;
  int of_these_kinds = 0;
  for (const RecordRelation& relation : c.record.story.relations) {
    if (std::find(kinds.begin(), kinds.end(), relation.kind) == kinds.end()) continue;
    ++of_these_kinds;
    if (relation.first == first && relation.second == second) told = &relation;
  }
  if (!told) return "the record does not relate " + *cause + " to " + *effect + " in this way";
  // What answers comes after what it answers, though it is the first of the pair.
  const auto later_is_second = [](const RecordRelation& relation) { return relation.kind != "answers"; };
  const bool take_second = answer_is_later == later_is_second(*told);
  const std::string& answer = take_second ? *effect : *cause;
  const std::string& asked = take_second ? *cause : *effect;

  // Everything else that hangs together with the sound of the question.
  std::vector<std::string> also_right;
  for (const RecordRelation& relation : c.record.story.relations) {
    const bool take = answer_is_later == later_is_second(relation);
    const std::string* one = label_at(c.record, take ? relation.first : relation.second);
    const std::string* two = label_at(c.record, take ? relation.second : relation.first);
    if (one && two && *one == asked && *two != answer) also_right.push_back(*two);
  }
  if (!also_right.empty()) return asked + " also hangs together with " + also_right.front();
  if (hidden) {
    if (of_these_kinds != 1) return "the question does not say which activity it means";
    if (mentions(c, c.item.question, asked) || mentions(c, c.item.question, answer))
      return "the question names a sound that it should hide";
  } else if (!mentions(c, c.item.question, asked)) {
    return "the question does not name " + asked;
  }

  if (!is_choice(c.item)) {
    const bool by_sentence = !told->text.empty() && normal_term(c.item.answer) == normal_term(told->text);
    return by_sentence || mentions(c, c.item.answer, answer) ? "" : "the answer does not name " + answer;
  }
  const int answer_id = c.words.find(answer);
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    const std::string& option = c.item.options[i];
    const bool right = static_cast<int>(i) == c.item.answer_index;
    if (right) {
      if (!names(c, option, answer)) return "the answer is " + answer + ", not " + option;
      continue;
    }
    const int found = c.words.find(answer);
    const std::string whole =
        found < 0 ? normal_term(plain_label(answer)) : normal_term(c.words.at(found).phrase);
    if (names(c, option, answer) ||
        (" " + normal_term(option) + " ").find(" " + whole + " ") != std::string::npos)
      return "option " + option + " is right too";
    bool known = false, heard = false;
    for (int label = 0; label < c.words.size(); ++label) {
      const std::string& name = c.words.at(label).name;
      if (normal_term(option) != normal_term(c.words.at(label).phrase) &&
          normal_term(option) != normal_term(c.words.at(label).sentence) && !names(c, option, name))
        continue;
      known = true;
      heard = heard || sounds(c.record, name);
      if (answer_id >= 0 && c.words.confusable(label, answer_id) &&
          normal_term(option) == normal_term(c.words.at(label).phrase))
        return "option " + option + " may mean " + answer;
    }
    const std::string kind = i < c.item.kinds.size() ? c.item.kinds[i] : "";
    if (kind == "absent" && known && heard) return "option " + option + " sounds";
    if (kind == "present" && known && !heard) return "option " + option + " does not sound";
  }
  return "";
}

// The words of four and more letters.
std::vector<std::string> long_words(const std::string& text) {
  std::vector<std::string> kept;
  for (const std::string& word : words_of(text))
    if (word.size() >= 4) kept.push_back(word);
  std::sort(kept.begin(), kept.end());
  kept.erase(std::unique(kept.begin(), kept.end()), kept.end());
  return kept;
}

std::string check_purpose(const RecheckContext& c) {
  const int place = fact_number(c, "event");
  const std::string* label = label_at(c.record, place);
  if (!label) return "the facts name no event of the record";
  const std::string& purpose = c.record.events[static_cast<std::size_t>(place)].purpose;
  if (purpose.empty()) return "the record does not say what " + *label + " is for";
  if (!mentions(c, c.item.question, *label)) return "the question does not name " + *label;
  for (const RecordEvent& event : c.record.events)
    if (event.label == *label && event.purpose != purpose) return *label + " has more than one purpose";
  const std::string given =
      is_choice(c.item) ? c.item.options[static_cast<std::size_t>(c.item.answer_index)] : c.item.answer;
  if (normal_term(given) != normal_term(purpose)) return "the purpose is " + purpose + ", not " + given;
  const std::vector<std::string> meant = long_words(purpose);
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    if (static_cast<int>(i) == c.item.answer_index) continue;
    const std::vector<std::string> other = long_words(c.item.options[i]);
    if (normal_term(c.item.options[i]) == normal_term(purpose) ||
        (!meant.empty() && !other.empty() &&
         (std::includes(meant.begin(), meant.end(), other.begin(), other.end()) ||
          std::includes(other.begin(), other.end(), meant.begin(), meant.end()))))
      return "option " + c.item.options[i] + " is right too";
  }
  return "";
}

// The row whose name or other word stands in the text, the longest word first.
template <class Row>
const Row* row_in(const std::vector<Row>& rows, const std::string& text) {
  const std::string padded = " " + join(words_of(text), " ") + " ";
  const Row* found = nullptr;
  std::size_t length = 0;
  const auto look = [&](const Row& row, const std::string& word) {
    const std::string term = normal_term(word);
    if (term.size() > length && padded.find(" " + term + " ") != std::string::npos)
      found = &row, length = term.size();
  };
  for (const Row& row : rows) {
    for (const std::string& word : row.aliases) look(row, word);
    look(row, row.name);
  }
  return found;
}

template <class Row>
const Row* row_named(const std::vector<Row>& rows, const std::string& name) {
  for (const Row& row : rows)
    if (normal_term(row.name) == normal_term(name)) return &row;
  return nullptr;
}

bool shows(const Record& record, const std::vector<std::string>& labels) {
  return std::any_of(labels.begin(), labels.end(),
                     [&](const std::string& label) { return sounds(record, label); });
}

// What the answer has to say: the row's name alone, or within an open answer.
std::string check_name(const Item& item, const std::string& name) {
  if (is_choice(item)) {
    const std::string& option = item.options[static_cast<std::size_t>(item.answer_index)];
    return normal_term(option) == normal_term(name) ? "" : "the answer is " + name + ", not " + option;
  }
  const std::string padded = " " + normal_term(item.answer) + " ";
  return padded.find(" " + normal_term(name) + " ") != std::string::npos
             ? ""
             : "the answer is " + name + ", not " + item.answer;
}

std::string check_place(const RecheckContext& c) {
  const std::vector<ContextPlace>& places = context_tables().places;
  const ContextPlace* right = row_in(places, c.record.story.place);
  if (!right) return "the record tells no place that is known";
  if (!shows(c.record, right->labels)) return "no sound of the clip belongs to " + right->name;
  for (const RecordPart& part : c.record.story.parts)
    if (!part.place.empty() && part.place != c.record.story.place) return "the clip has several places";
  if (std::string why = check_name(c.item, right->name); !why.empty()) return why;
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    if (static_cast<int>(i) == c.item.answer_index) continue;
    const ContextPlace* other = row_named(places, c.item.options[i]);
    if (!other) return "option " + c.item.options[i] + " is no place that is known";
    // Half of the sounds that fit the right place, or more, must speak against it, and no others make up for
    // them.
    int here = 0, there = 0;
    for (int label = 0; label < c.words.size(); ++label) {
      const std::string& name = c.words.at(label).name;
      if (!sounds(c.record, name)) continue;
      here += std::count(right->labels.begin(), right->labels.end(), name) > 0;
      there += std::count(other->labels.begin(), other->labels.end(), name) > 0;
    }
    const bool excluded = here >= 2 * there && here > 0;
    if (other->group == right->group || !excluded) return "option " + other->name + " may be right too";
  }
  return "";
}

std::string check_state(const RecheckContext& c, const std::vector<ContextState>& states,
                        const std::string& told, std::string RecordPart::*part) {
  const ContextState* right = row_in(states, told);
  if (!right) return "the record does not tell it";
  if (!shows(c.record, right->labels)) return "no sound of the clip shows that " + right->name;
  for (const RecordPart& p : c.record.story.parts)
    if (!(p.*part).empty() && p.*part != told) return "it changes within the clip";
  if (std::string why = check_name(c.item, right->name); !why.empty()) return why;
  const auto near = [](const ContextState& a, const ContextState& b) {
    return std::find(a.near.begin(), a.near.end(), b.name) != a.near.end();
  };
  for (std::size_t i = 0; i < c.item.options.size(); ++i) {
    if (static_cast<int>(i) == c.item.answer_index) continue;
    const ContextState* other = row_named(states, c.item.options[i]);
    if (!other) return "option " + c.item.options[i] + " is not known";
    if (other == right || near(*right, *other) || near(*other, *right) || shows(c.record, other->labels))
      return "option " + other->name + " may be right too";
  }
  return "";
}

Recheck relation_check(std::vector<std::string> kinds, bool answer_is_later, bool hidden = false) {
  return [kinds = std::move(kinds), answer_is_later, hidden](const RecheckContext& c) {
    return check_relation(c, kinds, answer_is_later, hidden);
  };
}

}  // namespace

RecheckTable contextual_sound_rechecks() {
  return {
      {"contextual_sound.cause", relation_check({"causes"}, false)},
      {"contextual_sound.effect", relation_check({"causes"}, true)},
      {"contextual_sound.activity", relation_check({"causes"}, false, true)},
      {"contextual_sound.next", relation_check({"causes", "answers"}, true)},
      {"contextual_sound.before", relation_check({"causes", "answers"}, false)},
      {"contextual_sound.interrupted", relation_check({"interrupts", "stops"}, true)},
      {"contextual_sound.purpose", check_purpose},
      {"contextual_sound.place", check_place},
      {"contextual_sound.weather",
       [](const RecheckContext& c) {
         return check_state(c, context_tables().weathers, c.record.story.weather, &RecordPart::weather);
       }},
      {"contextual_sound.time",
       [](const RecheckContext& c) {
         return check_state(c, context_tables().times, c.record.story.time, &RecordPart::time);
       }},
  };
}

}  // namespace af2
