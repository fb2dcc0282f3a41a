// A long scene as a whole, read back.
#include <algorithm>
#include <map>

#include "af2/factory/rules/long_recheck_combine.h"
#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

// Seconds of a stretch that background events of a label fill, together.
double filled(const LongRecheckScene& scene, const std::string& label, Heard stretch) {
  double seconds = 0, end = stretch.start;
  for (const Heard& time : scene.times(label, true)) {
    const double from = std::max(time.start, end), to = std::min(time.end, stretch.end);
    if (to > from) seconds += to - from;
    end = std::max(end, to);
  }
  return seconds;
}

std::string check_background(const LongRecheckScene& scene) {
  const double length = scene.length();
  return scene.judge_labels([&](const std::string& label) {
    const double share = filled(scene, label, {0, length}) / length;
    return truth_of(share >= scene.margins().continuous_share, share < 0.5);
  });
}

std::string check_part_background(const LongRecheckScene& scene) {
  const auto spans = scene.spans_of_place(scene.fact("place"));
  if (spans.size() != 1) return "is no place that comes once";
  const Heard span = spans.front();
  const double slack = scene.margins().onset_gap_s;
  return scene.judge_labels([&](const std::string& label) {
    const double share = filled(scene, label, span) / (span.end - span.start);
    return truth_of(share >= scene.margins().continuous_share,
                    !scene.within(label, {span.start + slack, span.end - slack}, 0));
  });
}

std::string check_scenes(const LongRecheckScene& scene) {
  return scene.judge_number(static_cast<int>(scene.places().size()));
}

std::string check_longest_place(const LongRecheckScene& scene) {
  const auto seconds = [&](const std::string& place) {
    double sum = 0;
    for (const Heard& span : scene.spans_of_place(place)) sum += span.end - span.start;
    return sum;
  };
  return scene.judge([&](const std::string& text) {
    bool ahead = seconds(text) > 0, behind = false;
    for (const PlaceSpan& other : scene.places()) {
      if (places_alike(other.place, text)) continue;
      ahead = ahead && seconds(text) >= (1 + scene.margins().duration_share) * seconds(other.place);
      behind = behind || seconds(text) < seconds(other.place);
    }
    return truth_of(ahead, behind);
  });
}

std::string check_frequent(const LongRecheckScene& scene) {
  return scene.judge_labels([&](const std::string& label) {
    const auto n = static_cast<double>(scene.occasions(label).size());
    bool ahead = n > 0, behind = false;
    for (const RecordEvent& event : scene.context().record.events) {
      if (event.role == "background" || scene.same(event.label, label)) continue;
      const auto its = static_cast<double>(scene.times(event.label).size());
      ahead = ahead && n >= its + 2 && n >= its * (1 + scene.margins().duration_share);
      behind = behind || n < static_cast<double>(scene.occasions(event.label).size());
    }
    return truth_of(ahead, behind);
  });
}

std::string check_how_often(const LongRecheckScene& scene) {
  return scene.judge_number(static_cast<int>(scene.occasions(scene.fact("label")).size()));
}

Truth presence(const LongRecheckScene& scene, const std::string& label) {
  return truth_of(!scene.times(label).empty(), !scene.anywhere(label));
}

std::string check_presence(const LongRecheckScene& scene) {
  return scene.judge_yes_no(presence(scene, scene.fact("label")));
}

std::string check_absent(const LongRecheckScene& scene) {
  return scene.judge_labels([&](const std::string& label) {
    const Truth heard = presence(scene, label);
    return truth_of(heard == Truth::kNo, heard == Truth::kYes);
  });
}

// ---- Answers about stretches, put together ----------------------------------------------------------------

std::string check_combined_count(const LongRecheckScene& scene) {
  const auto heard = scene.occasions(scene.fact("label"));
  int placed = 0;
  const std::string why = stretches_problem(scene, [&](const Heard& stretch) {
    const auto n = std::count_if(heard.begin(), heard.end(), [&](const Heard& time) {
      return time.start >= stretch.start && time.end <= stretch.end;
    });
    placed += static_cast<int>(n);
    return std::to_string(n);
  });
  if (!why.empty()) return why;
  if (placed != static_cast<int>(heard.size())) return "a sound lies across the border of a stretch";
  return scene.judge_number(placed);
}

std::string check_combined_presence(const LongRecheckScene& scene) {
  const std::string label = scene.fact("label");
  const Truth all = presence(scene, label);
  const std::string why = stretches_problem(
      scene, [&](const Heard& stretch) { return scene.within(label, stretch, 0) ? "yes" : "no"; });
  return why.empty() ? scene.judge_yes_no(all) : why;
}

std::string check_combined_end(const LongRecheckScene& scene, bool last) {
  std::vector<RecordEvent> events;
  for (const RecordEvent& event : scene.context().record.events)
    if (event.role != "background") events.push_back(event);
  if (events.empty()) return "nothing is heard";
  std::stable_sort(events.begin(), events.end(), [&](const RecordEvent& a, const RecordEvent& b) {
    return last ? a.onset > b.onset : a.onset < b.onset;
  });
  const std::string why = stretches_problem(scene, [&](const Heard& stretch) {
    for (const RecordEvent& event : events)
      if (event.onset >= stretch.start && event.onset < stretch.end) return phrase_for(scene, event.label);
    return std::string("nothing in particular");
  });
  if (!why.empty()) return why;
  for (const RecordEvent& event : events)
    if (std::abs(event.onset - events.front().onset) < scene.margins().onset_gap_s &&
        !scene.same(event.label, events.front().label))
      return "two sounds begin nearly at once";
  return scene.judge_labels([&](const std::string& label) {
    return scene.same(label, events.front().label) ? Truth::kYes : Truth::kNo;
  });
}

std::string check_combined_places(const LongRecheckScene& scene) {
  const auto list = [&](const Heard& stretch, double least) {
    std::string text;
    for (const PlaceSpan& place : scene.places())
      if (std::min(place.end, stretch.end) - std::max(place.start, stretch.start) > least)
        text += (text.empty() ? "" : ", then ") + place.place;
    return text;
  };
  const std::string why = stretches_problem(scene, [&](const Heard& stretch) { return list(stretch, 1); });
  if (!why.empty()) return why;
  const std::string right = list({0, scene.length()}, 0);
  return scene.judge([&](const std::string& text) { return text == right ? Truth::kYes : Truth::kNo; });
}

std::string check_combine(const LongRecheckScene& scene) {
  const std::string of = scene.fact("of");
  if (of == "count") return check_combined_count(scene);
  if (of == "presence") return check_combined_presence(scene);
  if (of == "places") return check_combined_places(scene);
  if (of == "first" || of == "last") return check_combined_end(scene, of == "last");
  return "combines something unknown: " + of;
}

}  // namespace

RecheckTable long_general_rechecks() {
  return {{"long.general.background", guarded(check_background)},
          {"long.general.part_background", guarded(check_part_background)},
          {"long.general.scenes", guarded(check_scenes)},
          {"long.general.longest_place", guarded(check_longest_place)},
          {"long.general.frequent", guarded(check_frequent)},
          {"long.general.how_often", guarded(check_how_often)},
          {"long.general.presence", guarded(check_presence)},
          {"long.general.absent", guarded(check_absent)},
          {"long.general.combine", guarded(check_combine)}};
}

}  // namespace af2
