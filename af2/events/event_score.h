// How well found events agree with known ones: event-based and segment-based F1 of the DCASE challenges
// (Mesaros, Heittola, Virtanen, "Metrics for polyphonic sound event detection", 2016), micro-averaged.
//
// Thread rule: free functions.
//
//   EventCounts counts = match_events(known, found, {});      // of one clip; counts of clips add up
//   double f1 = counts.f1();
#pragma once

#include <cstdint>
#include <vector>

#include "af2/events/timeline.h"

namespace af2 {

struct EventCounts {
  std::int64_t right = 0, missed = 0, wrong = 0;
  double f1() const;  // 0 where there is nothing to count
  EventCounts& operator+=(const EventCounts& other);
};

// Each known event is found at most once: by an event of its label whose onset is within `collar_s`; as many
// as can be are matched.
EventCounts match_events(const std::vector<TimedEvent>& known, const std::vector<TimedEvent>& found,
                         double collar_s = 0.5);

// Per label and segment of `segment_s`: an event counts in every segment it touches. Seconds of the clip
// bound the segments.
EventCounts match_segments(const std::vector<TimedEvent>& known, const std::vector<TimedEvent>& found,
                           double seconds, double segment_s = 1);

}  // namespace af2
