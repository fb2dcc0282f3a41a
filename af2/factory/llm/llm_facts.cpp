// Which facts of the rules (rules.h, recheck.h) an item of a language model rests on: the one place that maps
// a reply's arguments to them.
//
//   order      facts {"labels"}                      options: whole orders of short names
//   referring  facts {"which", "k" or "label"}       options: phrases of sounds
//   grounding  facts {"label"}                       options: the three parts
//   change     facts {"label"}                       options: the three changes
//   duration   facts {"which": longest or shortest}  options: phrases of sounds
//   most, least of an attribute: comparative, facts {"attribute", "which"}, the answer one phrase; or
//              comparative_tie, with "n", the answer a list of short names
// and of long clips
//   order      facts {"labels"}                      options: whole orders, "a, then b"
//   first      facts {"labels", "which"}             options: phrases of sounds that are there
//   position   facts {"label"}                       options: only in one third
#include <algorithm>
#include <array>
#include <cctype>
#include <cmath>
#include <cstdlib>
#include <map>
#include <optional>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/llm/llm_reply.h"

namespace af2 {
namespace {

// The fixed answers of the rules, and by which words a reply's are told.
struct FixedAnswer {
  const char* text;
  std::vector<std::string> words;
};
const std::array<FixedAnswer, 3>& third_answers() {
  static const std::array<FixedAnswer, 3> all = {
      {{"at the beginning", {"beginning", "start", "begin", "first", "early", "opening"}},
       {"in the middle", {"middle", "halfway", "centre", "center", "midway"}},
       {"at the end", {"end", "last", "late", "final", "ending"}}}};
  return all;
}
const std::array<FixedAnswer, 3>& long_thirds() {
  static const std::array<FixedAnswer, 3> all = {{{"only in the first third", third_answers()[0].words},
                                                  {"only in the middle third", third_answers()[1].words},
                                                  {"only in the last third", third_answers()[2].words}}};
  return all;
}
const std::array<FixedAnswer, 3>& change_answers() {
  static const std::array<FixedAnswer, 3> all = {
      {{"it gets louder", {"louder", "increase", "increases", "rises", "grows", "swells"}},
       {"it stays equally loud", {"unchanged", "same", "constant", "steady", "equally", "stays", "remains"}},
       {"it gets softer", {"softer", "quieter", "decrease", "decreases", "fades", "fainter", "weaker"}}}};
  return all;
}

struct Facts {
  LlmDraft& draft;
  const Record& record;
  const Vocabulary& words;
  const Margins& margins;

  Random unused{"af2/factory/llm/facts/1"};
  RuleContext context() { return {record, words, margins, unused}; }
  const std::string& label(int place) const { return record.events[static_cast<std::size_t>(place)].label; }

  void refuse(const char* reason, const std::string& detail) { draft.problem = {reason, detail}; }

  // The one class that these events are of; empty: none, or several.
  std::string one_label(const std::vector<int>& events) const {
    std::set<std::string> labels;
    for (const int place : events) labels.insert(label(place));
    return labels.size() == 1 ? *labels.begin() : "";
  }

  bool fixed_options(const std::array<FixedAnswer, 3>& answers) {
    std::set<std::string> seen;
    for (std::string& option : draft.item.options) {
      const std::vector<std::string> said = plain_words(option);
      int found = -1;
      for (int i = 0; i < 3; ++i)
        for (const std::string& word : answers[static_cast<std::size_t>(i)].words)
          if (std::find(said.begin(), said.end(), word) != said.end())
            found = found < 0 || found == i ? i : 3;
      if (found < 0 || found > 2 || !seen.insert(answers[static_cast<std::size_t>(found)].text).second) {
        refuse("wrong_arguments", "\"" + option + "\" is none of the three answers, or one of them twice");
        return false;
      }
      option = answers[static_cast<std::size_t>(found)].text;
    }
    return true;
  }

  // Options that are one sound each, in the rules' words; those that name no event must be absent.
  bool sound_options() {
    Item& item = draft.item;
    for (std::size_t i = 0; i < item.options.size(); ++i) {
      std::string& option = item.options[i];
      if (draft.option_events[i].empty()) {
        for (const RecordEvent& event : record.events)
          if (names_label(option, event.label, words)) {
            refuse("text_and_arguments_differ", "\"" + option + "\" names a sound that is there");
            return false;
          }
        item.kinds.push_back("absent");
        continue;
      }
      const std::string named = one_label(draft.option_events[i]);
      if (named.empty() || !names_label(option, named, words)) {
        refuse("text_and_arguments_differ", "\"" + option + "\" is not the sound that its numbers name");
        return false;
      }
      const RuleContext rules = context();
      option = phrase_of(rules, named);
      item.kinds.push_back("present");
    }
    return true;
  }

  void order() {
    Item& item = draft.item;
    std::vector<std::string> all;
    for (std::size_t i = 0; i < item.options.size(); ++i) {
      std::vector<std::string> labels, names;
      const RuleContext rules = context();
      for (const int place : draft.option_events[i]) {
        labels.push_back(label(place));
        names.push_back(short_of(rules, label(place)));
        if (!names_label(item.options[i], labels.back(), words))
          return refuse("text_and_arguments_differ",
                        "\"" + item.options[i] + "\" does not name \"" + labels.back() + "\"");
      }
      std::vector<std::string> sorted = labels;
      std::sort(sorted.begin(), sorted.end());
      if (i == 0) all = sorted;
      if (sorted.size() < 3 || sorted.size() > 5 || sorted != all ||
          std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end())
        return refuse("wrong_arguments", "the options are not orders of the same three to five sounds");
      const bool commas = std::any_of(names.begin(), names.end(), [](const std::string& name) {
        return name.find(',') != std::string::npos;
      });
      item.options[i] = join(names, item.is_long ? ", then " : commas ? "; " : ", ");
      item.kinds.push_back("value");
    }
    item.facts["labels"] = all;
  }

  void referring() {
    const Json& given = draft.reply["place"];
    const std::string place = given.is_string() ? given.get<std::string>() : "";
    if (draft.item.is_long && place != "first" && place != "last") return tell();
    if (!sound_options()) return;
    Json& facts = draft.item.facts;
    if (draft.item.is_long) {
      std::set<std::string> labels;
      for (const auto& events : draft.option_events) {
        if (events.empty()) return refuse("wrong_arguments", "has an option that is not there");
        labels.insert(one_label(events));
      }
      draft.item.type = "first";
      facts["labels"] = labels;
      facts["which"] = place;
    } else if (place == "first" || place == "last" || place == "1") {
      facts["which"] = place == "1" ? "first" : place;
    } else if (place == "before" || place == "after") {
      const Json& anchor = draft.reply["anchor"];
      const auto event = anchor.is_number_integer() ? anchor.get<std::int64_t>() - 1 : -1;
      if (event < 0 || event >= static_cast<std::int64_t>(record.events.size()))
        return refuse("unknown_event", "has no sound that it comes before or after");
      const std::string& named = label(static_cast<int>(event));
      if (!names_label(draft.item.question, named, words))
        return refuse("text_and_arguments_differ", "the question does not name \"" + named + "\"");
      facts["which"] = place;
      facts["label"] = named;
    } else if (place.size() == 1 && place[0] >= '2' && place[0] <= '9') {
      facts["which"] = "kth";
      facts["k"] = place[0] - '0';
    } else {
      refuse("wrong_arguments", "says no place that is known");
    }
  }

  void about_one(const std::array<FixedAnswer, 3>& answers) {
    const std::string named = one_label(draft.events);
    if (named.empty()) return refuse("wrong_arguments", "is not about one sound");
    if (!names_label(draft.item.question, named, words))
      return refuse("text_and_arguments_differ", "the question does not name \"" + named + "\"");
    if (!fixed_options(answers)) return;
    draft.item.kinds.assign(draft.item.options.size(), "value");
    draft.item.facts["label"] = named;
  }

  void duration(const std::string& which) {
    if (!sound_options()) return;
    draft.item.type = "duration";
    draft.item.facts["which"] = which;
  }

  // Rests on what others told: no rule knows it.
  void tell() { draft.item.type = "told_" + draft.item.type; }

  void attribute(const std::string& type) {
    static const std::map<std::string, const char*> kNames = {
        {"level", "loudness"}, {"pitch", "pitch"}, {"reverb", "reverb"}, {"duration", "length"}};
    Item& item = draft.item;
    const auto name = kNames.find(draft.reply["attribute"].get<std::string>());
    if (type == "about" || name == kNames.end()) return tell();
    if (type == "value") return value(name->first);
    std::set<std::string> labels;
    for (const int place : draft.events) labels.insert(label(place));
    if (labels.empty() || labels.size() > 3) return refuse("wrong_arguments", "names no sound, or too many");
    std::vector<std::string> names;
    const RuleContext rules = context();
    for (const std::string& one : labels) {
      if (!names_label(item.answer, one, words))
        return refuse("text_and_arguments_differ", "the answer does not name \"" + one + "\"");
      names.push_back(short_of(rules, one));
    }
    item.facts["attribute"] = name->second;
    item.facts["which"] = type;
    if (labels.size() == 1) {
      item.type = "comparative";
      item.answer = phrase_of(rules, *labels.begin());
      return;
    }
    item.type = "comparative_tie";
    item.facts["n"] = labels.size();
    const std::string last = names.back();
    names.pop_back();
    item.answer = join(names, ", ") + " and " + last;
  }

  // A number with its unit, held to what was measured; rules ask for no numbers.
  void value(const std::string& attribute) {
    tell();
    const std::string named = one_label(draft.events);
    if (named.empty() || !names_label(draft.item.question + " " + draft.item.answer, named, words))
      return refuse("wrong_arguments", "is not about one sound that it names");
    const RecordEvent& event = record.events[static_cast<std::size_t>(draft.events.front())];
    const std::optional<double> known = attribute == "level"    ? event.level
                                        : attribute == "pitch"  ? event.pitch
                                        : attribute == "reverb" ? event.reverb
                                                                : event.offset - event.onset;
    const std::optional<double> said = number_in(draft.item.answer);
    if (!known || !said) return refuse("wrong_value", "names no value, or one that is not known");
    const double slack = attribute == "level"    ? margins.level_db
                         : attribute == "pitch"  ? margins.pitch_share * std::abs(*known)
                         : attribute == "reverb" ? margins.reverb_share * std::abs(*known)
                                                 : margins.duration_share * std::abs(*known);
    // Loudness is said with or without its sign.
    const double away =
        attribute == "level" ? std::abs(std::abs(*said) - std::abs(*known)) : std::abs(*said - *known);
    if (away > slack)
      refuse("wrong_value", "says " + Json(*said).dump() + ", measured was " + Json(*known).dump());
  }

  static std::optional<double> number_in(const std::string& text) {
    const std::size_t at = text.find_first_of("0123456789");
    if (at == std::string::npos) return std::nullopt;
    std::size_t end = at;
    while (end < text.size() &&
           (std::isdigit(static_cast<unsigned char>(text[end])) != 0 || text[end] == '.'))
      ++end;
    const double number = std::strtod(text.substr(at, end - at).c_str(), nullptr);
    return at > 0 && text[at - 1] == '-' ? -number : number;
  }
};

}  // namespace

void put_facts(LlmDraft& draft, const Record& record, const Vocabulary& words, const Margins& margins) {
  Item& item = draft.item;
  if (draft.problem || starts_with(item.type, "told_")) return;
  Facts facts{draft, record, words, margins};
  const std::string type = item.type;
  if (item.skill == "attribute")
    facts.attribute(type);
  else if (item.skill != "temporal" || record.events.empty())
    facts.tell();
  else if (type == "order")
    facts.order();
  else if (type == "referring")
    facts.referring();
  else if (type == "grounding" && item.is_long)
    facts.about_one(long_thirds()), item.type = "position";
  else if (type == "grounding")
    facts.about_one(third_answers());
  else if (type == "change" && item.is_long)
    facts.tell();
  else if (type == "change")
    facts.about_one(change_answers());
  else if (type == "longest" || type == "shortest")
    facts.duration(type);
  if (!draft.problem && item.answer_index >= 0)
    item.answer = item.options[static_cast<std::size_t>(item.answer_index)];
}

}  // namespace af2
