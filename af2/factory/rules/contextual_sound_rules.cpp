// What a scene's recipe knows of its sounds: causes, replies, interruptions, purposes, place, weather, time
// of day (docs/spec/data.md section 2). The record says what is true; tables give what else would have been
// plausible.
#include <algorithm>
#include <set>

#include "af2/data/text_terms.h"
#include "af2/factory/rules/context_tables.h"
#include "af2/factory/rules/rules.h"

namespace af2 {
namespace {

constexpr std::size_t kOpenWords = 30;    // longest open answer
constexpr std::size_t kOptionWords = 10;  // longest option
constexpr std::size_t kNearPlaces = 6;    // wrong places are drawn from so many

// Which event of a relation is named in the question, and which is the answer.
struct RelationType {
  std::set<std::string> kinds;
  bool ask_origin = true;            // names what came first and asks what came of it; false: the other way
  bool hide = false;                 // the named sound is "the activity heard"
  bool by_relation = false;          // an open answer is the relation's sentence
  std::string level, before, after;  // an open answer else: text before and after the sound
};

std::size_t word_count(const std::string& text) {
  const std::vector<std::string> words = words_of(text);
  return static_cast<std::size_t>(std::count_if(words.begin(), words.end(), [](const std::string& word) {
    return word.find_first_not_of(".,;:!?()") != std::string::npos;
  }));
}

bool among(const RuleContext& context, const std::string& label, const std::vector<std::string>& list) {
  return std::any_of(list.begin(), list.end(),
                     [&](const std::string& other) { return context.words.confusable(label, other); });
}

// Everything that sounds, background too, each label once.
std::vector<std::string> sounding(const Record& record) {
  std::set<std::string> all(record.labels.begin(), record.labels.end());
  for (const RecordEvent& event : record.events) all.insert(event.label);
  return {all.begin(), all.end()};
}

// Labels for wrong answers: some that sound, some plausible ones that do not, then any.
std::vector<WrongAnswer> wrong_labels(const RuleContext& context, const std::vector<std::string>& never,
                                      std::vector<std::string> plausible, bool as_sentences) {
  std::vector<std::string> taken = never;
  std::vector<WrongAnswer> present, absent;
  const auto text = [&](const std::string& label) {
    return as_sentences ? sentence_of(context, label) : phrase_of(context, label);
  };
  std::vector<std::string> heard;
  for (const int place : counted_events(context.record, context.margins))
    heard.push_back(context.record.events[static_cast<std::size_t>(place)].label);
  context.rng.shuffle(heard);
  for (const std::string& label : heard) {
    if (among(context, label, taken)) continue;
    taken.push_back(label);
    present.push_back({text(label), "present"});
  }
  if (context.record.all_labelled) {
    for (const std::string& label : sounding(context.record)) taken.push_back(label);
    for (const std::string& label : absent_labels(context, 8)) plausible.push_back(label);
    for (const std::string& label : plausible) {
      if (context.words.find(label) < 0 || among(context, label, taken)) continue;
      taken.push_back(label);
      absent.push_back({text(label), "absent"});
    }
  }
  // At most two that sound come first, so that what merely sounds is no hint.
  std::vector<WrongAnswer> wrong;
  const std::size_t first = std::min<std::size_t>(2, present.size());
  wrong.insert(wrong.end(), present.begin(), present.begin() + static_cast<std::ptrdiff_t>(first));
  wrong.insert(wrong.end(), absent.begin(), absent.end());
  wrong.insert(wrong.end(), present.begin() + static_cast<std::ptrdiff_t>(first), present.end());
  return wrong;
}

// What came of itself: the cause, what is answered, what interrupts. A reply is the first of its relation.
int origin_of(const RecordRelation& relation) {
  return relation.kind == "answers" ? relation.second : relation.first;
}
int outcome_of(const RecordRelation& relation) {
  return relation.kind == "answers" ? relation.first : relation.second;
}

std::optional<Finding> find_relation(const RuleContext& context, const RelationType& type) {
  const std::vector<RecordRelation>& relations = context.record.story.relations;
  const std::vector<int> counted = counted_events(context.record, context.margins);
  const auto counts = [&](int place) {
    return std::find(counted.begin(), counted.end(), place) != counted.end();
  };
  const auto exists = [&](int place) {
    return place >= 0 && place < static_cast<int>(context.record.events.size());
  };
  const auto label = [&](int place) { return context.record.events[static_cast<std::size_t>(place)].label; };
  const auto mine = [&](const RecordRelation& relation) { return type.kinds.contains(relation.kind); };
  // An activity without a name can only be asked for where there is one.
  if (type.hide && std::count_if(relations.begin(), relations.end(), mine) != 1) return std::nullopt;
  std::vector<const RecordRelation*> usable;
  for (const RecordRelation& relation : relations) {
    if (!mine(relation) || !counts(relation.first) || !counts(relation.second)) continue;
    const std::string asked = label(type.ask_origin ? origin_of(relation) : outcome_of(relation));
    const std::string answer = label(type.ask_origin ? outcome_of(relation) : origin_of(relation));
    if (context.words.confusable(asked, answer)) continue;
    // The sound that is named must hang together with one other only, whatever the kind of the relation.
    const bool clear = std::all_of(relations.begin(), relations.end(), [&](const RecordRelation& other) {
      if (!exists(other.first) || !exists(other.second)) return true;
      const std::string there = label(type.ask_origin ? origin_of(other) : outcome_of(other));
      return !context.words.confusable(asked, there) ||
             label(type.ask_origin ? outcome_of(other) : origin_of(other)) == answer;
    });
    if (clear) usable.push_back(&relation);
  }
  if (usable.empty()) return std::nullopt;
  const RecordRelation& chosen = *context.rng.pick(usable);
  const int asked = type.ask_origin ? origin_of(chosen) : outcome_of(chosen);
  const int answer = type.ask_origin ? outcome_of(chosen) : origin_of(chosen);

  std::vector<std::string> plausible;
  const auto& causes = context_tables().causes;
  if (!type.ask_origin) {
    if (const auto row = causes.find(label(asked)); row != causes.end()) plausible = row->second;
  } else {
    for (const auto& [effect, list] : causes)
      if (std::find(list.begin(), list.end(), label(asked)) != list.end()) plausible.push_back(effect);
  }
  context.rng.shuffle(plausible);
  Finding finding;
  finding.slots["x"] = phrase_of(context, label(asked));
  finding.answer = type.hide ? sentence_of(context, label(answer)) : phrase_of(context, label(answer));
  finding.kind = "present";
  finding.sentence = type.by_relation && !chosen.text.empty()
                         ? as_sentence(chosen.text)
                         : as_sentence(type.before + phrase_of(context, label(answer)) + type.after);
  if (word_count(finding.sentence) > kOpenWords || word_count(finding.answer) > kOptionWords)
    return std::nullopt;
  finding.wrong = wrong_labels(context, {label(asked), label(answer)}, std::move(plausible), type.hide);
  for (const int place : {asked, answer})
    finding.evidence.push_back(evidence_of(context.record.events[static_cast<std::size_t>(place)]));
  finding.level = type.level;
  finding.facts = {{"first", chosen.first}, {"second", chosen.second}, {"kind", chosen.kind}};
  return finding;
}

std::optional<Finding> find_purpose(const RuleContext& context) {
  const Record& record = context.record;
  std::vector<int> usable;
  for (const int place : counted_events(record, context.margins)) {
    const RecordEvent& event = record.events[static_cast<std::size_t>(place)];
    if (event.purpose.rfind("to ", 0) != 0 || word_count(event.purpose) > kOptionWords) continue;
    // One sound, one purpose.
    const bool clear = std::all_of(record.events.begin(), record.events.end(), [&](const RecordEvent& other) {
      return !context.words.confusable(event.label, other.label) || other.purpose == event.purpose;
    });
    if (clear) usable.push_back(place);
  }
  if (usable.empty()) return std::nullopt;
  const int place = context.rng.pick(usable);
  const RecordEvent& event = record.events[static_cast<std::size_t>(place)];

  // Other purposes of the same sound first: only the surroundings tell them apart. Then those of what else
  // sounds, then of sounds of the same kind.
  std::vector<std::string> same, others, kin;
  const auto family = [&](const std::string& label) {
    const int found = context.words.find(label);
    return found < 0 ? std::string() : context.words.at(found).family;
  };
  for (const auto& [label, list] : context_tables().purposes) {
    const bool heard = std::any_of(record.events.begin(), record.events.end(),
                                   [&](const RecordEvent& other) { return other.label == label; });
    if (label == event.label)
      same = list;
    else if (heard)
      others.insert(others.end(), list.begin(), list.end());
    else if (!family(label).empty() && family(label) == family(event.label))
      kin.insert(kin.end(), list.begin(), list.end());
  }
  for (const RecordEvent& other : record.events)
    if (other.purpose.rfind("to ", 0) == 0 && other.label != event.label) others.push_back(other.purpose);
  for (auto* list : {&same, &others, &kin}) context.rng.shuffle(*list);
  for (const auto* list : {&others, &kin}) same.insert(same.end(), list->begin(), list->end());
  Finding finding;
  std::vector<std::string> taken = {event.purpose};
  for (const std::string& purpose : same) {
    if (word_count(purpose) > kOptionWords ||
        std::any_of(taken.begin(), taken.end(), [&](const std::string& t) { return alike(purpose, t); }))
      continue;
    taken.push_back(purpose);
    finding.wrong.push_back({purpose, "value"});
  }
  finding.slots["x"] = phrase_of(context, event.label);
  finding.answer = event.purpose;
  finding.sentence = as_sentence(event.purpose);
  finding.evidence = {evidence_of(event)};
  finding.level = "medium";
  finding.facts = {{"event", place}};
  return finding;
}

// Distinct labels of the record that a list has.
std::vector<std::string> fitting(const Record& record, const std::vector<std::string>& list) {
  std::vector<std::string> found;
  for (const std::string& label : sounding(record))
    if (std::find(list.begin(), list.end(), label) != list.end()) found.push_back(label);
  return found;
}

std::vector<ItemEvidence> evidence_for(const Record& record, const std::vector<std::string>& labels) {
  std::vector<ItemEvidence> evidence;
  for (const RecordEvent& event : record.events)
    if (std::find(labels.begin(), labels.end(), event.label) != labels.end() && evidence.size() < 5)
      evidence.push_back(evidence_of(event));
  return evidence;
}

// A clip of several places, or of changing weather, has no one answer.
bool one_setting(const Record& record, std::string RecordPart::*part, const std::string& whole) {
  return std::all_of(record.story.parts.begin(), record.story.parts.end(),
                     [&](const RecordPart& p) { return (p.*part).empty() || p.*part == whole; });
}

std::optional<Finding> find_setting(const RuleContext& context) {
  const Record& record = context.record;
  const std::string& place = record.story.place;
  const ContextPlace* right = place.empty() ? nullptr : find_place(place);
  if (!right || !one_setting(record, &RecordPart::place, place)) return std::nullopt;
  const std::vector<std::string> fit = fitting(record, right->labels);
  if (fit.empty()) return std::nullopt;
  Finding finding;
  std::vector<std::pair<std::size_t, std::string>> others;
  for (const ContextPlace& other : context_tables().places) {
    const std::size_t there = fitting(record, other.labels).size();
    if (other.group != right->group && 2 * there <= fit.size()) others.emplace_back(there, other.name);
  }
  // Among the places that come nearest.
  context.rng.shuffle(others);
  std::stable_sort(others.begin(), others.end(),
                   [](const auto& a, const auto& b) { return a.first > b.first; });
  if (others.size() > kNearPlaces) others.resize(kNearPlaces);
  context.rng.shuffle(others);
  for (const auto& [there, name] : others) finding.wrong.push_back({name, "value"});
  finding.answer = right->name;
  finding.sentence = "The sounds point to " + right->name + ".";
  finding.evidence = evidence_for(record, fit);
  finding.level = "medium";
  finding.facts = {{"place", place}};
  return finding;
}

std::optional<Finding> find_state_of(const RuleContext& context, const std::vector<ContextState>& states,
                                     const std::string& told, const char* fact) {
  const Record& record = context.record;
  const ContextState* right = told.empty() ? nullptr : find_state(states, told);
  if (!right) return std::nullopt;
  const std::vector<std::string> shown = fitting(record, right->labels);
  if (shown.empty()) return std::nullopt;  // told by the recipe, but not to be heard
  Finding finding;
  for (const ContextState& other : states) {
    const bool near = std::find(right->near.begin(), right->near.end(), other.name) != right->near.end() ||
                      std::find(other.near.begin(), other.near.end(), right->name) != other.near.end();
    if (&other != right && !near && fitting(record, other.labels).empty())
      finding.wrong.push_back({other.name, "value"});
  }
  context.rng.shuffle(finding.wrong);
  finding.answer = right->name;
  finding.sentence = as_sentence(right->name);
  finding.evidence = evidence_for(record, shown);
  finding.level = "easy";
  finding.facts = {{fact, told}};
  return finding;
}

RuleType relation_rule(const std::string& name, const RelationType& type, std::vector<std::string> forms) {
  return {"contextual_sound", name, false, std::move(forms),
          [type](const RuleContext& context) { return find_relation(context, type); }};
}

}  // namespace

std::vector<RuleType> contextual_sound_rules() {
  const std::set<std::string> causes = {"causes"}, replies = {"causes", "answers"},
                              breaks = {"interrupts", "stops"};
  return {
      relation_rule("cause", {causes, false, false, true, "medium", "it comes from ", ""},
                    {"open", "choice"}),
      relation_rule("effect", {causes, true, false, true, "medium", "it leads to ", ""}, {"open", "choice"}),
      relation_rule("activity", {causes, false, true, false, "hard", "", ""}, {"choice"}),
      {"contextual_sound", "purpose", false, {"open", "choice"}, find_purpose},
      relation_rule("next", {replies, true, false, false, "medium", "", " would most likely follow"},
                    {"choice", "open"}),
      relation_rule("before", {replies, false, false, false, "medium", "", " most likely came first"},
                    {"choice", "open"}),
      relation_rule("interrupted", {breaks, true, false, true, "medium", "", " breaks off"},
                    {"open", "choice"}),
      {"contextual_sound", "place", false, {"choice", "open"}, find_setting},
      {"contextual_sound",
       "weather",
       false,
       {"choice", "open"},
       [](const RuleContext& context) -> std::optional<Finding> {
         const std::string& told = context.record.story.weather;
         if (!one_setting(context.record, &RecordPart::weather, told)) return std::nullopt;
         return find_state_of(context, context_tables().weathers, told, "weather");
       }},
      {"contextual_sound",
       "time",
       false,
       {"choice", "open"},
       [](const RuleContext& context) -> std::optional<Finding> {
         const std::string& told = context.record.story.time;
         if (!one_setting(context.record, &RecordPart::time, told)) return std::nullopt;
         return find_state_of(context, context_tables().times, told, "time");
       }},
  };
}

}  // namespace af2
