#include "af2/factory/lead.h"

#include <algorithm>
#include <vector>

#include "af2/core/text_util.h"
#include "af2/factory/rules/rule_words.h"

namespace af2 {
namespace {

struct Facts {
  const Json& facts;
  const Vocabulary& words;

  bool has(const char* key) const { return facts.contains(key); }
  std::string text(const char* key) const {
    const auto found = facts.find(key);
    return found != facts.end() && found->is_string() ? found->get<std::string>() : "";
  }
  int number(const char* key) const {
    const auto found = facts.find(key);
    return found != facts.end() && found->is_number_integer() ? found->get<int>() : 0;
  }
  std::string phrase(const char* key) const {
    const std::string label = text(key);
    return label.empty() ? "" : words.worded(label, &LabelInfo::phrase);
  }
  std::vector<std::string> list(const char* key, std::string LabelInfo::*how) const {
    std::vector<std::string> texts;
    const auto found = facts.find(key);
    if (found != facts.end() && found->is_array())
      for (const Json& one : *found)
        if (one.is_string()) texts.push_back(words.worded(one.get<std::string>(), how));
    return texts;
  }
};

// "loudest", "softer", "first": which of several is asked for; of an attribute in general its name.
std::string which_of(const Facts& facts) {
  const std::string which = facts.text("which"), attribute = facts.text("attribute");
  if (attribute.empty()) return which == "kth" || which == "only" ? "" : which;
  for (const Attribute one : kAttributes) {
    const AttributeWords& words = words_of(one);
    if (attribute != words.name) continue;
    if (which == "most") return words.most;
    if (which == "least") return words.least;
    if (which == "more") return words.more;
    if (which == "less") return words.less;
    return words.quality;
  }
  return attribute;
}

// The labels that sound, each once, by first onset; nothing that sounds all the while.
std::vector<std::string> heard_labels(const Record& record) {
  std::vector<const RecordEvent*> events;
  for (const RecordEvent& event : record.events)
    if (event.role != "background") events.push_back(&event);
  std::stable_sort(events.begin(), events.end(),
                   [](const RecordEvent* a, const RecordEvent* b) { return a->onset < b->onset; });
  std::vector<std::string> labels;
  for (const RecordEvent* event : events)
    if (std::find(labels.begin(), labels.end(), event->label) == labels.end()) labels.push_back(event->label);
  return labels;
}

// What is heard in place of a sound that is not.
std::string instead_of(const Facts& facts, const Record* record) {
  const std::vector<std::string> heard = record ? heard_labels(*record) : std::vector<std::string>();
  return heard.empty() ? "" : facts.words.worded(heard.front(), &LabelInfo::phrase);
}

// "a dog, rain" of what the evidence names, each once.
std::string evidence_names(const Item& item, const Facts& facts, std::string LabelInfo::*how) {
  std::vector<std::string> names;
  for (const ItemEvidence& one : item.evidence) {
    const std::string name = facts.words.worded(one.label, how);
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  }
  return sequence_of(names);
}

}  // namespace

std::string lead_of(const Item& item, const Vocabulary& words, const Record* record) {
  const Facts facts{item.facts, words};
  // The answer itself goes through what is heard.
  if (item.type == "order" || item.type == "description") return "";
  if (item.type == "order_letters") return evidence_names(item, facts, &LabelInfo::short_name);
  if (item.type == "kinds") {
    std::vector<std::string> names;
    for (const std::string& label : record ? heard_labels(*record) : std::vector<std::string>())
      names.push_back(facts.words.worded(label, &LabelInfo::short_name));
    return sequence_of(names);
  }
  const bool of_one_sound = item.type == "presence" || item.type == "happened";
  if (of_one_sound && item.answer == "no") return instead_of(facts, record);
  std::vector<std::string> parts;
  const auto add = [&](const std::string& part) {
    if (!part.empty()) parts.push_back(part);
  };
  const std::string which = which_of(facts), side = facts.text("side");
  const std::vector<std::string> labels = facts.list("labels", &LabelInfo::phrase);
  if (of_one_sound) {
    add(facts.phrase("label"));
  } else if (facts.has("anchor")) {  // how often one sound comes on a side of another
    add(facts.phrase("label")), add(side), add(facts.phrase("anchor"));
  } else if (facts.has("first") && facts.has("second")) {
    add(facts.phrase("label"));
    if (!facts.text("first").empty())
      add("between " + facts.phrase("first") + " and " + facts.phrase("second"));
  } else {
    // "before the softest", but "longest after rain falling".
    const bool of_side = !side.empty() && !facts.has("label");
    if (of_side) add(side);
    add(which);
    if (!of_side) add(side);
    if (facts.number("k") > 0) add(ordinal_word(facts.number("k")));
    if (facts.number("j") > 0) add("to " + ordinal_word(facts.number("j")));
    add(facts.phrase("label"));
    // How often, how long: of the sound that is meant.
    const bool counted = item.type == "count_placed" || item.type == "count_most" ||
                         item.type == "how_long" || item.type == "band";
    if (counted && !facts.has("label")) add(evidence_names(item, facts, &LabelInfo::phrase));
    if (labels.size() == 2) add((which.empty() ? "" : "of ") + list_of(labels));
    // Of a short clip it may be the answer.
    if (item.is_long) add(facts.text("place"));
    if (item.type == "compare_two") add("of the " + facts.text("place") + " two");
    for (const char* key : {"chord", "instrument", "claim", "moment", "bar"}) add(facts.text(key));
    if (!facts.text("a").empty() && !facts.text("b").empty()) add(facts.text("a") + ", " + facts.text("b"));
  }
  // Where the answer is what the facts name, nothing but it is asked for.
  const std::string lead = join(parts, " ");
  return lead == item.answer ? "" : lead;
}

}  // namespace af2
