// Events as files that other programs read (docs/spec/interfaces.md section 5).
//
// Times are those of the file, sorted as given; LF line ends, UTF-8. Without events every format is a valid,
// empty file. Thread rule: free functions.
//
//   std::string text = write_events(EventFormat::kSrt, {{"dog.wav", 10.0, events}});
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/events/timeline.h"

namespace af2 {

enum class EventFormat { kSrt, kVtt, kCsv, kTsv, kAudacity, kJams, kJson };
// "srt", "vtt", "csv", "tsv", "audacity", "jams", "json"; throws kUser naming `where`.
EventFormat event_format(const std::string& name, const std::string& where);

// What was found in one clip.
struct ClipEvents {
  std::string path;
  double seconds = 0;  // of the file
  std::vector<TimedEvent> events;
  std::string method = "clap-scan";  // or "model"
  Json settings = Json::object(), audio = Json::object();
};

// One clip. `version` of the program, for jams. Only tsv can hold several (write_tsv).
std::string write_events(EventFormat format, const ClipEvents& clip, const std::string& version);
// DCASE: one file for many clips.
std::string write_tsv(const std::vector<ClipEvents>& clips);

// A picture of the timeline, a lane for each label: for a browser, with a title for every bar.
std::string write_svg(const ClipEvents& clip);

}  // namespace af2
