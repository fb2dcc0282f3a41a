// Skill "information", computed a second time: chords from their tones, tempo from beats, players from notes.
#include "af2/data/text_terms.h"
#include "af2/factory/rules/music_recheck.h"
#include "af2/factory/rules/tables.h"

namespace af2 {
namespace {

// Where the sound of an event is, by the part that it lies in or the whole story.
std::string place_of(const Record& record, const RecordEvent& event) {
  std::string place = record.story.place;
  for (const RecordPart& part : record.story.parts)
    if (!part.place.empty() && event.onset >= part.start && event.offset <= part.end) return part.place;
  return place;
}

struct Made {
  std::string problem, maker, place;
  const MadeSound* sound = nullptr;
};

Made made_by(const RecheckContext& c) {
  Made made;
  const std::string label = fact(c.item, "sound");
  for (const RecordEvent& event : c.record.events) {
    if (label.empty() || event.label != label) continue;
    if (!made.maker.empty() && normal_term(made.maker) != normal_term(event.maker))
      return {"the sound has two makers", "", "", nullptr};
    made.maker = event.maker, made.place = place_of(c.record, event);
  }
  if (made.maker.empty()) made.problem = "nothing says who makes the sound " + label;
  if (made.place.empty() && made.problem.empty())
    made.problem = "nothing in the scene tells makers of it apart";
  made.sound = made_sound(label);
  return made;
}

// Right is the maker of the scene; near, whom the table lets make the same sound at the same place.
std::string source(const RecheckContext& c) {
  const Made made = made_by(c);
  if (!made.problem.empty()) return made.problem;
  return judge(
      c.item, [&](const std::string& text) { return normal_term(text) == normal_term(made.maker); },
      [&](const std::string& text) {
        if (made.sound)
          for (const SoundMaker& maker : made.sound->makers)
            if (normal_term(maker.name) == normal_term(text)) return belongs(maker, made.place);
        return false;
      });
}

std::string is_source(const RecheckContext& c) {
  const Made made = made_by(c);
  if (!made.problem.empty()) return made.problem;
  const std::string claim = fact(c.item, "claim");
  if (made.sound && normal_term(claim) != normal_term(made.maker))
    for (const SoundMaker& maker : made.sound->makers)
      if (normal_term(maker.name) == normal_term(claim) && belongs(maker, made.place))
        return "both could be: " + claim;
  return judge_claim(c.item,
                     [&](const std::string& text) { return normal_term(text) == normal_term(made.maker); });
}

}  // namespace

RecheckTable information_rechecks() {
  RecheckTable table = {{"information.source", source}, {"information.is_source", is_source}};
  for (const auto& part : {harmony_rechecks, playing_rechecks, foundational_rechecks}) table.merge(part());
  return table;
}

}  // namespace af2
