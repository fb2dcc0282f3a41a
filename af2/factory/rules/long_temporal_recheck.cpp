// Position, order, overlap and change over a long scene, read back.
#include <algorithm>
#include <map>

#include "af2/core/text_util.h"
#include "af2/factory/rules/long_recheck_detail.h"
#include "af2/factory/rules/long_tables.h"
#include "af2/factory/rules/long_types.h"

namespace af2 {
namespace {

using namespace long_recheck;

// Parts of a list "a, then b, then c".
std::vector<std::string> listed(const std::string& text) {
  std::vector<std::string> parts;
  const std::string comma = ", then ";
  std::size_t from = 0;
  for (std::size_t at; (at = text.find(comma, from)) != std::string::npos; from = at + comma.size())
    parts.push_back(text.substr(from, at - from));
  parts.push_back(text.substr(from));
  return parts;
}

// In how many of its occasions a sound lies in each third, and how many are in none for certain.
struct Thirds {
  int in[3] = {0, 0, 0}, unclear = 0;
};

Thirds thirds_of(const LongRecheckScene& scene, const std::string& label, bool by_onset) {
  Thirds thirds;
  const double length = scene.length(), slack = scene.margins().border_share * length;
  for (const Heard& heard : scene.occasions(label)) {
    const double end = by_onset ? heard.start : heard.end;
    if (end <= length / 3 - slack)
      ++thirds.in[0];
    else if (heard.start >= length / 3 + slack && end <= 2 * length / 3 - slack)
      ++thirds.in[1];
    else if (heard.start >= 2 * length / 3 + slack)
      ++thirds.in[2];
    else
      ++thirds.unclear;
  }
  return thirds;
}

std::string check_position(const LongRecheckScene& scene) {
  const Thirds n = thirds_of(scene, scene.fact("label"), false);
  std::string right;
  if (n.in[0] > 0 && n.in[1] > 0 && n.in[2] > 0)
    right = "in every third of it";
  else if (n.unclear > 0)
    return "a sound lies at the border of a third";
  else if (n.in[0] > 0 && n.in[1] + n.in[2] == 0)
    right = "only in the first third";
  else if (n.in[1] > 0 && n.in[0] + n.in[2] == 0)
    right = "only in the middle third";
  else if (n.in[2] > 0 && n.in[0] + n.in[1] == 0)
    right = "only in the last third";
  return scene.judge([&](const std::string& text) { return text == right ? Truth::kYes : Truth::kNo; });
}

std::string check_order(const LongRecheckScene& scene) {
  const auto labels = scene.fact_list("labels");
  return scene.judge([&](const std::string& text) {
    const auto names = listed(text);
    if (names.size() != labels.size()) throw Refused{"does not order all sounds: " + text};
    bool ascending = true, clear = true;
    double before = -1;
    std::vector<std::string> left = labels;
    for (const std::string& name : names) {
      const auto meant = scene.named(name);
      const auto label = std::find_if(left.begin(), left.end(), [&](const std::string& candidate) {
        return std::any_of(meant.begin(), meant.end(),
                           [&](const std::string& other) { return scene.same(candidate, other); });
      });
      if (label == left.end()) throw Refused{"orders another sound: " + name};
      const auto times = scene.times(*label);
      if (times.empty()) throw Refused{"is not heard: " + name};
      ascending = ascending && times.front().start > before;
      clear = clear && std::abs(times.front().start - before) >= scene.margins().onset_gap_s;
      before = times.front().start;
      left.erase(label);
    }
    return truth_of(ascending && (clear || before < 0), !ascending);
  });
}

std::string check_order_places(const LongRecheckScene& scene) {
  return scene.judge([&](const std::string& text) {
    double end = -1;
    bool follows = true;
    for (const std::string& place : listed(text)) {
      const auto spans = scene.spans_of_place(place);
      if (spans.size() != 1) throw Refused{"is no place that comes once: " + place};
      follows = follows && spans.front().start > end;
      end = spans.front().start;
    }
    return follows ? Truth::kYes : Truth::kNo;
  });
}

std::string check_first(const LongRecheckScene& scene) {
  const bool last = scene.fact("which") == "last";
  const auto rank = [&](const std::string& label) {
    const auto times = scene.times(label);
    if (times.empty()) throw Refused{"is not heard: " + label};
    double latest = 0;
    for (const Heard& time : times) latest = std::max(latest, time.end);
    return last ? -latest : times.front().start;
  };
  const auto labels = scene.fact_list("labels");
  return scene.judge_labels([&](const std::string& option) {
    if (scene.times(option).empty()) return Truth::kNo;
    bool ahead = true, behind = false;
    for (const std::string& other : labels) {
      if (scene.same(other, option)) continue;
      const double lead = rank(other) - rank(option);
      ahead = ahead && lead >= scene.margins().onset_gap_s;
      behind = behind || lead <= -scene.margins().onset_gap_s;
    }
    return truth_of(ahead, behind);
  });
}

std::string check_next_place(const LongRecheckScene& scene) {
  const std::string known = scene.fact("place");
  const auto& places = scene.places();
  const bool after = scene.fact("side") == "after";
  if (scene.spans_of_place(known).size() != 1) return "is no place that comes once: " + known;
  std::string right;
  for (std::size_t i = 0; i < places.size(); ++i) {
    if (!places_alike(places[i].place, known)) continue;
    if (after ? i + 1 == places.size() : i == 0) return "no place lies on that side of " + known;
    right = places[after ? i + 1 : i - 1].place;
  }
  return scene.judge(
      [&](const std::string& text) { return truth_of(text == right, !places_alike(text, right)); });
}

std::string check_overlap(const LongRecheckScene& scene) {
  const std::string named = scene.fact("label");
  const auto times = scene.times(named);
  if (times.empty()) return "is not heard: " + named;
  return scene.judge_labels([&](const std::string& label) {
    bool together = false, near = false;
    for (const Heard& time : times) {
      for (const Heard& other : scene.occasions(label))
        together = together || std::min(time.end, other.end) - std::max(time.start, other.start) >=
                                   scene.margins().overlap_s;
      near = near || scene.within(label, time, scene.margins().onset_gap_s);
    }
    return truth_of(together && !scene.same(label, named), !near);
  });
}

std::string check_change(const LongRecheckScene& scene) {
  const Thirds n = thirds_of(scene, scene.fact("label"), true);
  if (n.unclear > 0) return "a sound begins at the border of a third";
  const int first = n.in[0], last = n.in[2];
  std::string right;
  if (first + last == 0 && n.in[1] > 1)
    right = "it is left out at both ends";
  else if (first + last > 0 && last == first)
    right = "it stays about as frequent";
  else if (last - first >= 2 && last >= 2 * first)
    right = "it becomes more frequent";
  else if (first - last >= 2 && first >= 2 * last)
    right = "it becomes less frequent";
  return scene.judge([&](const std::string& text) { return text == right ? Truth::kYes : Truth::kNo; });
}

std::string check_half(const LongRecheckScene& scene) {
  const bool second = scene.fact("half") == "second";
  const double middle = scene.length() / 2, slack = scene.margins().border_share * scene.length();
  return scene.judge_labels([&](const std::string& label) {
    const auto times = scene.times(label);
    bool all = !times.empty(), other = false;
    for (const Heard& time : times) {
      const bool early = time.end <= middle - slack, late = time.start >= middle + slack;
      all = all && (second ? late : early);
      other = other || (second ? early : late);
    }
    return truth_of(all, other || !scene.anywhere(label));
  });
}

}  // namespace

RecheckTable long_temporal_rechecks() {
  return {{"long.temporal.position", guarded(check_position)},
          {"long.temporal.order", guarded(check_order)},
          {"long.temporal.order_places", guarded(check_order_places)},
          {"long.temporal.first", guarded(check_first)},
          {"long.temporal.next_place", guarded(check_next_place)},
          {"long.temporal.overlap", guarded(check_overlap)},
          {"long.temporal.change", guarded(check_change)},
          {"long.temporal.half", guarded(check_half)}};
}

}  // namespace af2
