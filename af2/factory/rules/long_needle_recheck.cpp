// Questions about one rare sound read back.
#include <algorithm>

#include "af2/factory/rules/long_recheck_combine.h"
#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

std::string check_content(const LongRecheckScene& scene) {
  return scene.judge_labels([&](const std::string& label) {
    return truth_of(!scene.times(label).empty(), !scene.anywhere(label));
  });
}

std::string check_once(const LongRecheckScene& scene) {
  return scene.judge_labels([&](const std::string& label) {
    const auto heard = scene.occasions(label);
    const bool often = heard.size() > 1 && heard[1].start - heard[0].end >= scene.margins().onset_gap_s;
    return truth_of(heard.size() == 1, often);
  });
}

// The label of the event that comes next to the only time of another, in the direction asked for.
std::string label_beside(const LongRecheckScene& scene, const std::string& label, bool after) {
  const Heard only = scene.only_time(label);
  const RecordEvent* next = nullptr;
  const auto distance = [&](const RecordEvent& event) {
    return after ? event.onset - only.end : only.start - event.offset;
  };
  const auto reaches = [&](const RecordEvent& event) {
    return event.role != "background" && (after ? event.offset > only.end : event.onset < only.start);
  };
  for (const RecordEvent& event : scene.context().record.events) {
    if (!reaches(event)) continue;
    if (distance(event) < 0) throw Refused{event.label + " sounds together with " + label};
    if (!next || distance(event) < distance(*next)) next = &event;
  }
  if (!next) throw Refused{"nothing is heard beside " + label};
  for (const RecordEvent& event : scene.context().record.events)
    if (reaches(event) && !scene.same(event.label, next->label) &&
        distance(event) < distance(*next) + scene.margins().onset_gap_s)
      throw Refused{event.label + " comes nearly as soon as " + next->label};
  return next->label;
}

std::string check_neighbour(const LongRecheckScene& scene) {
  const std::string label = scene.fact("label");
  const std::string beside = label_beside(scene, label, scene.fact("side") == "after");
  return scene.judge_labels([&](const std::string& option) {
    return truth_of(scene.same(option, beside), !scene.mistaken(option, beside));
  });
}

std::string check_needle_place(const LongRecheckScene& scene) {
  const Heard only = scene.only_time(scene.fact("label"));
  return scene.judge([&](const std::string& text) {
    bool inside = false, touched = false;
    for (const Heard& span : scene.spans_of_place(text)) {
      inside = inside || (span.start <= only.start && only.end <= span.end);
      touched = touched || (span.start < only.end && only.start < span.end);
    }
    return truth_of(inside, !touched);
  });
}

// How a label's events lie to the places of a name: all inside, none near.
Truth place_truth(const LongRecheckScene& scene, const std::string& label, const std::string& place,
                  double slack) {
  const auto spans = scene.spans_of_place(place);
  if (spans.empty()) throw Refused{"is no place of the record: " + place};
  bool all = true, none = true;
  for (const Heard& time : scene.times(label))
    all = all && std::any_of(spans.begin(), spans.end(), [&](const Heard& span) {
            return span.start <= time.start && time.end <= span.end;
          });
  for (const Heard& span : spans) none = none && !scene.within(label, span, slack);
  return truth_of(all && !scene.times(label).empty(), none);
}

std::string check_only_there(const LongRecheckScene& scene) {
  const std::string place = scene.fact("place");
  return scene.judge_labels([&](const std::string& label) { return place_truth(scene, label, place, 0); });
}

std::string check_happened(const LongRecheckScene& scene) {
  return scene.judge_yes_no(
      place_truth(scene, scene.fact("label"), scene.fact("place"), scene.margins().onset_gap_s));
}

std::string check_needle_combine(const LongRecheckScene& scene) {
  const std::string label = scene.fact("label");
  const std::string beside = label_beside(scene, label, scene.fact("side") == "after");
  const std::string says = phrase_for(scene, beside), named = phrase_for(scene, label);
  const Heard only = scene.only_time(label);
  std::string why = stretches_problem(scene, [&](const Heard& stretch) {
    return stretch.start <= only.start && only.end <= stretch.end ? says : named + " is not heard";
  });
  if (!why.empty()) return why;
  return scene.judge_labels([&](const std::string& option) {
    return truth_of(scene.same(option, beside), !scene.mistaken(option, beside));
  });
}

}  // namespace

RecheckTable long_needle_rechecks() {
  return {{"long.needle.content", guarded(check_content)},
          {"long.needle.once", guarded(check_once)},
          {"long.needle.neighbour", guarded(check_neighbour)},
          {"long.needle.place", guarded(check_needle_place)},
          {"long.needle.only_there", guarded(check_only_there)},
          {"long.needle.happened", guarded(check_happened)},
          {"long.needle.combine", guarded(check_needle_combine)}};
}

}  // namespace af2
