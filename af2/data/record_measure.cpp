#include "af2/data/record_measure.h"

#include <algorithm>
#include <cmath>

#include "af2/audio/loudness.h"
#include "af2/audio/pitch.h"

namespace af2 {

int measure_events(Record& record, std::span<const float> samples, int rate_hz) {
  constexpr double kLeast_s = 0.3;  // data.md section 2: shorter events do not count
  int measured = 0;
  for (RecordEvent& event : record.events) {
    const bool alone =
        std::none_of(record.events.begin(), record.events.end(), [&](const RecordEvent& other) {
          return &other != &event && other.role != "background" && other.onset < event.offset &&
                 event.onset < other.offset;
        });
    if (!alone || event.role == "background" || event.offset - event.onset < kLeast_s) continue;
    const auto begin = static_cast<std::size_t>(std::lround(event.onset * rate_hz)),
               end = std::min(samples.size(), static_cast<std::size_t>(std::lround(event.offset * rate_hz)));
    if (begin >= end || event.level) continue;
    const std::span<const float> span = samples.subspan(begin, end - begin);
    event.level = std::round(loudness_lkfs(span, rate_hz) * 100) / 100;
    if (const auto hz = pitch_track(span, rate_hz).median_hz(); hz && !event.pitch)
      event.pitch = std::round(*hz * 10) / 10;
    ++measured;
  }
  return measured;
}

}  // namespace af2
