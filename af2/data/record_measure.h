// What can be measured of a record's events in its sound: loudness and pitch (docs/spec/data.md section 2,
// attributes).
//
// Only of events that sound alone: what overlaps cannot be told apart in a mix. Thread rule: free functions.
//
//   const Clip clip = decode_file(record.audio);
//   measure_events(record, clip.samples, clip.rate_hz);    // event.level, event.pitch
#pragma once

#include <span>

#include "af2/data/record.h"

namespace af2 {

// Sets `level` (LKFS over the event's span) and, where most of it has one, `pitch` (median, Hz) of each event
// that has none, lasts at least 0.3 s and overlaps no other but those of the background. Returns how many
// were measured.
int measure_events(Record& record, std::span<const float> samples, int rate_hz);

}  // namespace af2
