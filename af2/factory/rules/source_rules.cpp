// Who makes a sound, where other makers could: what tells them apart is the scene (data.md section 2,
// "source").
#include "af2/data/text_terms.h"
#include "af2/factory/rules/information_detail.h"
#include "af2/factory/rules/tables.h"

namespace af2 {
namespace {

struct MadeEvent {
  int place = 0;                    // in record.events
  std::vector<std::string> others;  // makers that the scene rules out
};

std::string scene_place(const Record& record, const RecordEvent& event) {
  for (const RecordPart& part : record.story.parts)
    if (part.start <= event.onset && event.offset <= part.end && !part.place.empty()) return part.place;
  return record.story.place;
}

std::vector<MadeEvent> made_events(const RuleContext& context) {
  std::vector<MadeEvent> events;
  for (const int place : counted_events(context.record, context.margins)) {
    const RecordEvent& event = context.record.events[static_cast<std::size_t>(place)];
    if (event.maker.empty()) continue;
    // One sound with two makers in one clip: which is meant?
    bool alone = true;
    for (const RecordEvent& other : context.record.events)
      if (other.label == event.label && normal_term(other.maker) != normal_term(event.maker)) alone = false;
    MadeEvent made{place, other_makers(event.label, event.maker, scene_place(context.record, event))};
    if (alone && !made.others.empty()) events.push_back(std::move(made));
  }
  return events;
}

// With "the" where the right answer has it, so that the article does not tell.
std::string as_definite(const std::string& maker, const std::string& right) {
  if (!right.starts_with("the ")) return maker;
  for (const char* article : {"a ", "an "})
    if (maker.starts_with(article)) return "the " + maker.substr(std::string(article).size());
  return maker;
}

std::optional<Finding> source(const RuleContext& context) {
  const std::vector<MadeEvent> events = made_events(context);
  if (events.empty()) return std::nullopt;
  const MadeEvent& made = context.rng.pick(events);
  const RecordEvent& event = context.record.events[static_cast<std::size_t>(made.place)];
  Finding finding;
  // The sound as the table names it: a label's own phrase may say who makes it.
  finding.slots["sound"] = "sound of " + made_sound(event.label)->phrase;
  finding.facts = {{"sound", event.label}};
  finding.answer = event.maker;
  std::vector<std::string> others = made.others;
  context.rng.shuffle(others);
  for (const std::string& other : others) finding.wrong.push_back({as_definite(other, event.maker)});
  finding.evidence = {evidence_of(event)};
  finding.level = "medium";
  return finding;
}

}  // namespace

std::vector<RuleType> source_rules() {
  return {{"information", "source", false, {"choice", "short", "open"}, source},
          claim_type("is_source", source)};
}

}  // namespace af2
