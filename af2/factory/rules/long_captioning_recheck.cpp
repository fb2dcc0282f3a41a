// Captions of long scenes read back: what each says, in order, against the record.
#include <algorithm>

#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

std::string sentence_for(const LongRecheckScene& scene, const std::string& label) {
  return scene.context().words.worded(label, &LabelInfo::sentence);
}

// The form: at most 25 words, no list by commas, no talk of a sound.
std::string form_problem(const Item& item) {
  std::vector<std::string> texts = item.options;
  texts.push_back(item.answer);
  for (const std::string& text : texts) {
    const auto blanks = std::count(text.begin(), text.end(), ' ');
    if (blanks >= 25) return "has more than 25 words: " + text;
    if (text.find(',') != std::string::npos) return "has a comma: " + text;
    if (text.find("sound of") != std::string::npos) return "says sound of: " + text;
  }
  return "";
}

// The joined places of the record, as far as a telling in this order can be followed.
bool can_follow(const LongRecheckScene& scene, std::size_t n,
                const std::function<bool(std::size_t told, const PlaceSpan&)>& fits) {
  std::size_t told = 0;
  for (const PlaceSpan& place : scene.places())
    if (told < n && fits(told, place)) ++told;
  return told == n;
}

std::string check_places(const LongRecheckScene& scene) {
  if (const std::string why = form_problem(scene.context().item); !why.empty()) return why;
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, scene.fact_list("places"));
    if (told.size() < 2) throw Refused{"tells of fewer than two places: " + text};
    const bool follows = can_follow(scene, told.size(), [&](std::size_t i, const PlaceSpan& place) {
      return places_alike(told[i], place.place);
    });
    const bool ends =
        told.front() == scene.places().front().place && told.back() == scene.places().back().place;
    return truth_of(follows && ends, !follows);
  });
}

std::string check_moods(const LongRecheckScene& scene) {
  if (const std::string why = form_problem(scene.context().item); !why.empty()) return why;
  const auto places = scene.fact_list("places"), moods = scene.fact_list("moods");
  const auto& parts = scene.context().record.story.parts;
  return scene.judge([&](const std::string& text) {
    const auto where = scene.mentioned(text, places);
    // Moods may be words of places too: what is no place is left to them.
    std::vector<std::string> all = places;
    all.insert(all.end(), moods.begin(), moods.end());
    std::vector<std::string> how;
    for (const std::string& words : scene.mentioned(text, all))
      if (std::find(moods.begin(), moods.end(), words) != moods.end()) how.push_back(words);
    if (where.size() != 2 || how.size() != 2) throw Refused{"is no caption of two moods: " + text};
    const bool follows = can_follow(scene, 2, [&](std::size_t i, const PlaceSpan& place) {
      return places_alike(where[i], place.place) &&
             std::any_of(parts.begin(), parts.end(), [&](const RecordPart& part) {
               return part.start >= place.start && part.end <= place.end && moods_alike(part.mood, how[i]);
             });
    });
    return truth_of(follows, !follows);
  });
}

std::string check_in_places(const LongRecheckScene& scene) {
  const auto places = scene.fact_list("places");
  std::vector<std::string> all = places, sentences;
  for (const std::string& label : scene.fact_list("labels")) sentences.push_back(sentence_for(scene, label));
  all.insert(all.end(), sentences.begin(), sentences.end());
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, all);
    if (told.size() != 4) throw Refused{"does not tell of two sounds in two places: " + text};
    bool clear = true;
    const bool follows = can_follow(scene, 2, [&](std::size_t i, const PlaceSpan& place) {
      if (!places_alike(told[2 * i], place.place)) return false;
      const auto labels = scene.named(told[2 * i + 1]);
      return std::any_of(labels.begin(), labels.end(), [&](const std::string& label) {
        return scene.within(label, {place.start, place.end}, 0);
      });
    });
    for (std::size_t i = 0; i < 2; ++i)
      clear = clear && std::find(places.begin(), places.end(), told[2 * i]) != places.end();
    if (!clear) throw Refused{"does not tell of places and sounds in turn: " + text};
    return truth_of(follows, !follows);
  });
}

std::string check_in_order(const LongRecheckScene& scene) {
  std::vector<std::string> sentences;
  for (const std::string& label : scene.fact_list("labels")) sentences.push_back(sentence_for(scene, label));
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, sentences);
    if (told.size() != 3) throw Refused{"does not tell of three sounds: " + text};
    bool apart = true, possible = true;
    double end = -1, from = -1;
    for (const std::string& sentence : told) {
      const auto times = scene.times(scene.named(sentence).front());
      if (times.empty()) return Truth::kNo;
      apart = apart && times.front().start > end;
      for (const Heard& time : times) end = std::max(end, time.end);
      const auto next =
          std::find_if(times.begin(), times.end(), [&](const Heard& time) { return time.start > from; });
      possible = possible && next != times.end();
      if (possible) from = next->start;
    }
    return truth_of(apart, !possible);
  });
}

std::string check_captioned_sounds(const LongRecheckScene& scene) {
  if (const std::string why = form_problem(scene.context().item); !why.empty()) return why;
  return scene.fact("style") == "sounds" ? check_in_order(scene) : check_in_places(scene);
}

}  // namespace

RecheckTable long_captioning_rechecks() {
  return {{"long.captioning.places", guarded(check_places)},
          {"long.captioning.sounds", guarded(check_captioned_sounds)},
          {"long.captioning.moods", guarded(check_moods)}};
}

}  // namespace af2
