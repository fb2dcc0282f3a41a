// From scores of overlapping stretches of a clip to events with a beginning and an end.
//
// A label's events are where its score stays above a threshold: begun by a high score, kept by a lower one
// (hysteresis), gaps closed, short ones dropped. What the scores are is another matter (AF-CLAP's, in
// af2/cli/command_events.cpp). Thread rule: free functions.
//
//   TimelineOptions options;
//   std::vector<TimedEvent> events = find_events(scores, {"dog", "bell"}, options);
#pragma once

#include <string>
#include <vector>

namespace af2 {

struct TimedEvent {
  double onset_s = 0, offset_s = 0;
  std::string label;
  double score = 0;       // the highest of its stretches
  bool supported = true;  // higher than the rest of the clip for its label, and than all other labels there
};

// Scores of one stretch, one for each label.
struct StretchScores {
  double start_s = 0, end_s = 0;
  std::vector<double> scores;
};

struct TimelineOptions {
  double threshold = 0.5;
  std::vector<double> thresholds;  // one for each label instead, where not empty
  double keep = 0.7;               // an event goes on while the score is above this share of the threshold
  double min_seconds = 0;          // shorter events are dropped
  double merge_gap_s = 0.5;        // events of a label with less silence between them become one
};

// Sorted by onset, then offset, then label. Stretches must be in order; each stands for the time nearer to
// its middle than to its neighbours' middles, within its own bounds. Throws kInternal for scores of another
// number than labels.
std::vector<TimedEvent> find_events(const std::vector<StretchScores>& stretches,
                                    const std::vector<std::string>& labels, const TimelineOptions& options);

}  // namespace af2
