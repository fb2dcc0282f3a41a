// What lies between two sounds, read back.
#include <algorithm>

#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

Heard stretch_between(const LongRecheckScene& scene) {
  const Heard stretch{scene.only_time(scene.fact("first")).end, scene.only_time(scene.fact("second")).start};
  const double apart = stretch.end - stretch.start;
  if (apart < scene.margins().subscene_s || apart < scene.margins().subscene_share * scene.length())
    throw Refused{"the two sounds are too near to one another"};
  return stretch;
}

Truth heard_truth(const LongRecheckScene& scene, const std::string& label, const Heard& stretch) {
  const auto times = scene.times(label);
  const bool wholly = std::any_of(times.begin(), times.end(), [&](const Heard& time) {
    return time.start >= stretch.start && time.end <= stretch.end;
  });
  return truth_of(wholly, !scene.within(label, stretch, 0));
}

std::string check_part_sounds(const LongRecheckScene& scene) {
  const Heard stretch = stretch_between(scene);
  return scene.judge_labels([&](const std::string& label) { return heard_truth(scene, label, stretch); });
}

std::string check_has(const LongRecheckScene& scene) {
  return scene.judge_yes_no(heard_truth(scene, scene.fact("label"), stretch_between(scene)));
}

std::string check_story(const LongRecheckScene& scene) {
  const Heard stretch = stretch_between(scene);
  std::vector<std::string> sentences;
  for (const std::string& label : scene.fact_list("labels"))
    sentences.push_back(scene.context().words.worded(label, &LabelInfo::sentence));
  return scene.judge([&](const std::string& text) {
    const auto told = scene.mentioned(text, sentences);
    if (told.size() < 2) throw Refused{"tells of fewer than two sounds: " + text};
    double end = stretch.start, from = stretch.start;
    bool apart = true, possible = true;
    for (const std::string& sentence : told) {
      std::vector<Heard> inside;
      for (const std::string& label : scene.named(sentence))
        for (const Heard& time : scene.times(label))
          if (time.end > stretch.start && time.start < stretch.end) inside.push_back(time);
      if (inside.empty()) return Truth::kNo;
      double latest = end;
      bool late_enough = false;
      double next = 0;
      for (const Heard& time : inside) {
        apart = apart && time.start >= end && time.end <= stretch.end;
        latest = std::max(latest, time.end);
        if (time.start >= from && (!late_enough || time.start < next)) late_enough = true, next = time.start;
      }
      end = latest;
      possible = possible && late_enough;
      if (late_enough) from = next;
    }
    return truth_of(apart, !possible);
  });
}

std::string check_part_place(const LongRecheckScene& scene) {
  const Heard stretch = stretch_between(scene);
  const double slack = scene.margins().onset_gap_s;
  return scene.judge([&](const std::string& text) {
    bool some = false, all = true, none = true;
    for (const Heard& span : scene.spans_of_place(text)) {
      const bool touches = span.start < stretch.end - slack && span.end > stretch.start + slack;
      const bool wholly = span.start >= stretch.start && span.end <= stretch.end;
      some = some || wholly;
      all = all && (wholly || !touches);
      none = none && !touches;
    }
    return truth_of(some && all, none);
  });
}

std::string check_count(const LongRecheckScene& scene) {
  const Heard stretch = stretch_between(scene);
  int n = 0;
  for (const Heard& time : scene.occasions(scene.fact("label"))) {
    if (time.start >= stretch.start && time.end <= stretch.end)
      ++n;
    else if (time.start < stretch.end && time.end > stretch.start)
      return "a sound lies across the border of the stretch";
  }
  return n < 1 || n > scene.margins().most_counted ? "is not counted" : scene.judge_number(n);
}

}  // namespace

RecheckTable long_subscene_rechecks() {
  return {{"long.subscene.sounds", guarded(check_part_sounds)},
          {"long.subscene.story", guarded(check_story)},
          {"long.subscene.place", guarded(check_part_place)},
          {"long.subscene.has", guarded(check_has)},
          {"long.subscene.count", guarded(check_count)}};
}

}  // namespace af2
