#include "af2/events/event_score.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>

namespace af2 {
namespace {

std::map<std::string, std::vector<double>> onsets_of(const std::vector<TimedEvent>& events) {
  std::map<std::string, std::vector<double>> onsets;
  for (const TimedEvent& event : events) onsets[event.label].push_back(event.onset_s);
  for (auto& [label, times] : onsets) std::sort(times.begin(), times.end());
  return onsets;
}

std::set<std::pair<std::string, std::int64_t>> segments_of(const std::vector<TimedEvent>& events,
                                                           double seconds, double segment_s) {
  std::set<std::pair<std::string, std::int64_t>> segments;
  for (const TimedEvent& event : events) {
    const double end = std::min(event.offset_s, seconds);
    for (auto k = static_cast<std::int64_t>(event.onset_s / segment_s);
         static_cast<double>(k) * segment_s < end; ++k)
      segments.emplace(event.label, k);
  }
  return segments;
}

}  // namespace

double EventCounts::f1() const {
  const auto all = static_cast<double>(2 * right + missed + wrong);
  return all > 0 ? 2.0 * static_cast<double>(right) / all : 0;
}

EventCounts& EventCounts::operator+=(const EventCounts& other) {
  right += other.right, missed += other.missed, wrong += other.wrong;
  return *this;
}

EventCounts match_events(const std::vector<TimedEvent>& known, const std::vector<TimedEvent>& found,
                         double collar_s) {
  EventCounts counts;
  const auto wanted = onsets_of(known), given = onsets_of(found);
  counts.missed = static_cast<std::int64_t>(known.size());
  counts.wrong = static_cast<std::int64_t>(found.size());
  for (const auto& [label, times] : wanted) {
    const auto of_label = given.find(label);
    if (of_label == given.end()) continue;
    // With intervals of equal width, the earliest possible partner for each in order matches the most.
    std::size_t next = 0;
    for (const double time : times) {
      while (next < of_label->second.size() && of_label->second[next] < time - collar_s) ++next;
      if (next == of_label->second.size() || of_label->second[next] > time + collar_s) continue;
      ++next;
      ++counts.right, --counts.missed, --counts.wrong;
    }
  }
  return counts;
}

EventCounts match_segments(const std::vector<TimedEvent>& known, const std::vector<TimedEvent>& found,
                           double seconds, double segment_s) {
  const auto wanted = segments_of(known, seconds, segment_s), given = segments_of(found, seconds, segment_s);
  EventCounts counts;
  for (const auto& segment : wanted) given.contains(segment) ? ++counts.right : ++counts.missed;
  counts.wrong = static_cast<std::int64_t>(given.size()) - counts.right;
  return counts;
}

}  // namespace af2
