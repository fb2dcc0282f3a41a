// A long record in stretches of equal length with what is known of each: what a language model reads of long
// audio (docs/spec/data.md section 3, step 3).
//
// Not for prompts, nor for the parts that a scene was made of (RecordStory). Thread rule: free functions.
//
//   for (const Segment& segment : segments_of(record, segment_seconds(record))) show(segment);
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/record.h"

namespace af2 {

struct Segment {
  int number = 0;                                     // from 1
  double start = 0, end = 0;                          // seconds from the clip's start
  std::vector<std::string> captions, visual, action;  // of texts about stretches, in their order
  std::vector<int> events, speech;                    // places in the record of all that sounds in it

  template <class V>
  void visit(V& v) {
    v.field("number", number, "from 1");
    v.field("start", start, "seconds");
    v.field("end", end, "seconds");
    v.field("captions", captions, "texts about what is heard");
    v.field("visual", visual, "texts about what is seen");
    v.field("action", action, "texts about what is done");
    v.field("events", events, "places of events in the record");
    v.field("speech", speech, "places of what is said in the record");
  }
};

inline constexpr double kSegment_s = 10;       // MiraData's [paper]
inline constexpr double kActionSegment_s = 4;  // Video ReCap's, whose actions are told [paper]

// 4 s where the record tells actions, else 10 s.
double segment_seconds(const Record& record);

// Stretches of `seconds` from the clip's start; the last one is shorter, or joined to the one before where it
// would be less than a tenth of one. A text about a stretch of the clip stands where its middle lies; texts
// about the whole clip stand nowhere. Events and speech stand in every stretch with at least `overlap_s` of
// them, and where their middle lies. Throws kUser for seconds <= 0, kData for a record without duration.
std::vector<Segment> segments_of(const Record& record, double seconds, double overlap_s = 0.3);

}  // namespace af2
