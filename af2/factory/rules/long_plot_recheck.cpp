// Storylines, moods and causes of long scenes read back.
#include <algorithm>
#include <set>

#include "af2/core/text_util.h"
#include "af2/data/text_terms.h"
#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

const std::vector<RecordPart>& parts_of(const LongRecheckScene& scene) {
  return scene.context().record.story.parts;
}

void no_more_than_20_words(const LongRecheckScene& scene) {
  std::vector<std::string> texts = scene.context().item.options;
  texts.push_back(scene.context().item.answer);
  for (const std::string& text : texts)
    if (std::count(text.begin(), text.end(), ' ') >= 20) throw Refused{"has more than 20 words: " + text};
}

std::string check_storyline(const LongRecheckScene& scene) {
  no_more_than_20_words(scene);
  const auto clauses = scene.fact_list("clauses");
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, clauses);
    if (told.size() < 2) throw Refused{"tells of fewer than two parts: " + text};
    std::size_t n = 0;
    for (const RecordPart& part : parts_of(scene))
      if (n < told.size() && normal_term(part.text) == normal_term(told[n])) ++n;
    return n == told.size() ? Truth::kYes : Truth::kNo;
  });
}

std::string check_summary(const LongRecheckScene& scene) {
  no_more_than_20_words(scene);
  const RecordStory& story = scene.context().record.story;
  std::set<std::string> recipes = {story.recipe};
  for (const RecordPart& part : story.parts) recipes.insert(part.name);
  for (const std::string& other : scene.fact_list("other_recipes"))
    if (recipes.contains(other)) return "another option is of a recipe of this scene: " + other;
  return scene.judge([&](const std::string& text) {
    return normal_term(text) == normal_term(story.plot) ? Truth::kYes : Truth::kNo;
  });
}

std::string check_episode(const LongRecheckScene& scene) {
  no_more_than_20_words(scene);
  const std::vector<RecordPart>& parts = parts_of(scene);
  if (parts.size() < 2) return "has no parts to tell apart";
  const std::string which = scene.fact("which");
  std::size_t asked = which == "begin" ? 0 : parts.size() - 1;
  if (which == "after" || which == "before") {
    const std::string place = scene.fact("place");
    int n = 0;
    std::size_t known = 0;
    for (std::size_t i = 0; i < parts.size(); ++i)
      if (places_alike(parts[i].place, place)) ++n, known = i;
    if (n != 1) return "the place does not come once: " + place;
    if (which == "after" ? known + 1 == parts.size() : known == 0)
      return "no part lies on that side of " + place;
    asked = which == "after" ? known + 1 : known - 1;
  }
  return scene.judge([&](const std::string& text) {
    return normal_term(text) == normal_term(parts[asked].text) ? Truth::kYes : Truth::kNo;
  });
}

std::string check_mood(const LongRecheckScene& scene) {
  std::vector<std::string> course;
  for (const RecordPart& part : parts_of(scene)) {
    if (trim(part.mood).empty()) return "a part has no mood";
    if (course.empty() || !moods_alike(course.back(), part.mood)) course.push_back(part.mood);
  }
  if (course.size() < 2) return "the mood does not change";
  const bool ends = scene.fact("of") == "ends";
  if (ends) course = {course.front(), course.back()};
  if (ends && moods_alike(course[0], course[1])) return "the mood ends as it begins";
  const auto moods = scene.fact_list("moods");
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, moods);
    if (told.size() < 2) throw Refused{"tells of fewer than two moods: " + text};
    // Told in part, a course would be neither right nor wrong.
    if (told.size() != course.size()) return Truth::kUnclear;
    bool right = true;
    for (std::size_t i = 0; i < told.size(); ++i) right = right && moods_alike(told[i], course[i]);
    return right ? Truth::kYes : Truth::kNo;
  });
}

std::string check_mood_place(const LongRecheckScene& scene) {
  const std::string mood = scene.fact("mood");
  scene.places();
  return scene.judge([&](const std::string& text) {
    for (const RecordPart& part : parts_of(scene))
      if (places_alike(part.place, text) && (part.mood.empty() || moods_alike(part.mood, mood)))
        return place_phrase(part.place) == text ? Truth::kYes : Truth::kUnclear;
    return Truth::kNo;
  });
}

// `cause`: the sound of the facts is the second of the relation.
std::string check_related(const LongRecheckScene& scene, bool cause) {
  const Record& record = scene.context().record;
  const std::string label = scene.fact("label"), kind = scene.fact("kind");
  const auto at = [&](int place) -> const RecordEvent& {
    if (place < 0 || place >= static_cast<int>(record.events.size()))
      throw Refused{"a relation names an event that is not there"};
    return record.events[static_cast<std::size_t>(place)];
  };
  std::set<int> related;
  std::vector<std::string> partners;
  for (const RecordRelation& relation : record.story.relations) {
    const int named = cause ? relation.second : relation.first,
              other = cause ? relation.first : relation.second;
    if (!scene.same(at(named).label, label)) continue;
    if (relation.kind != kind) return "the sound is in another relation too: " + relation.kind;
    related.insert(named);
    partners.push_back(at(other).label);
  }
  if (partners.empty()) return "no relation has the sound " + label;
  // Every event of it, or one of it in the same part.
  for (std::size_t i = 0; i < record.events.size(); ++i) {
    if (!scene.same(record.events[i].label, label)) continue;
    bool so = related.contains(static_cast<int>(i));
    for (const RecordPart& part : parts_of(scene)) {
      const auto within = [&](int place) {
        const double onset = record.events[static_cast<std::size_t>(place)].onset;
        return onset >= part.start && onset < part.end;
      };
      so = so || (within(static_cast<int>(i)) && std::any_of(related.begin(), related.end(), within));
    }
    if (!so) return "it is not so every time: " + label;
  }
  // The relation as a sentence is an open answer of its own.
  if (scene.context().item.form == "open")
    for (const RecordRelation& relation : record.story.relations)
      if (relation.kind == kind && scene.same(at(cause ? relation.second : relation.first).label, label) &&
          normal_term(relation.text) == normal_term(scene.context().item.answer))
        return "";
  return scene.judge_labels([&](const std::string& option) {
    const bool partner = std::any_of(partners.begin(), partners.end(),
                                     [&](const std::string& other) { return scene.same(other, option); });
    return truth_of(partner, !partner && !scene.same(option, label));
  });
}

}  // namespace

RecheckTable long_plot_rechecks() {
  return {
      {"long.plot.storyline", guarded(check_storyline)},
      {"long.plot.episode", guarded(check_episode)},
      {"long.plot.summary", guarded(check_summary)},
      {"long.plot.mood", guarded(check_mood)},
      {"long.plot.mood_place", guarded(check_mood_place)},
      {"long.plot.cause", guarded([](const LongRecheckScene& scene) { return check_related(scene, true); })},
      {"long.plot.effect",
       guarded([](const LongRecheckScene& scene) { return check_related(scene, false); })}};
}

}  // namespace af2
