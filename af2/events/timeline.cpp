#include "af2/events/timeline.h"

#include <algorithm>
#include <limits>
#include <tuple>

#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kSame_s = 1e-9;

// The time that each stretch stands for.
std::vector<std::pair<double, double>> cells(const std::vector<StretchScores>& stretches) {
  std::vector<std::pair<double, double>> all;
  const auto middle = [&](std::size_t i) { return (stretches[i].start_s + stretches[i].end_s) / 2; };
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    double from = stretches[i].start_s, to = stretches[i].end_s;
    if (i > 0) from = std::max(from, (middle(i - 1) + middle(i)) / 2);
    if (i + 1 < stretches.size()) to = std::min(to, (middle(i) + middle(i + 1)) / 2);
    all.emplace_back(from, to);
  }
  return all;
}

// A run of stretches of one label.
struct Run {
  std::size_t first = 0, last = 0;
  double best = 0;
};

std::vector<Run> runs_of(const std::vector<StretchScores>& stretches, std::size_t label, double high,
                         double low) {
  std::vector<Run> runs;
  const auto score = [&](std::size_t i) { return stretches[i].scores[label]; };
  for (std::size_t i = 0; i < stretches.size(); ++i) {
    if (score(i) < high) continue;
    Run run{i, i, score(i)};
    while (run.first > 0 && score(run.first - 1) >= low && (runs.empty() || run.first - 1 > runs.back().last))
      --run.first;
    while (run.last + 1 < stretches.size() && score(run.last + 1) >= low) {
      ++run.last;
      run.best = std::max(run.best, score(run.last));
    }
    i = run.last;
    runs.push_back(run);
  }
  return runs;
}

// Whether the run's best stretch is better for its label than every stretch outside of it, and its label the
// best there.
bool is_supported(const std::vector<StretchScores>& stretches, std::size_t label, const Run& run) {
  std::size_t best = run.first;
  for (std::size_t i = run.first; i <= run.last; ++i)
    if (stretches[i].scores[label] > stretches[best].scores[label]) best = i;
  const double score = stretches[best].scores[label];
  for (std::size_t i = 0; i < stretches.size(); ++i)
    if ((i < run.first || i > run.last) && stretches[i].scores[label] >= score) return false;
  for (std::size_t other = 0; other < stretches[best].scores.size(); ++other)
    if (other != label && stretches[best].scores[other] >= score) return false;
  return true;
}

}  // namespace

std::vector<TimedEvent> find_events(const std::vector<StretchScores>& stretches,
                                    const std::vector<std::string>& labels, const TimelineOptions& options) {
  for (const auto& stretch : stretches)
    if (stretch.scores.size() != labels.size()) throw internal_error("scores of another number than labels");
  if (!options.thresholds.empty() && options.thresholds.size() != labels.size())
    throw internal_error("thresholds of another number than labels");
  const auto cell = cells(stretches);
  std::vector<TimedEvent> events;
  for (std::size_t label = 0; label < labels.size(); ++label) {
    const double high = options.thresholds.empty() ? options.threshold : options.thresholds[label];
    // A share of a negative threshold would lie above it.
    const double low = high > 0 ? high * options.keep : high;
    std::vector<TimedEvent> found;
    for (const Run& run : runs_of(stretches, label, high, low)) {
      const TimedEvent event{cell[run.first].first, cell[run.last].second, labels[label], run.best,
                             is_supported(stretches, label, run)};
      if (!found.empty() && event.onset_s - found.back().offset_s < options.merge_gap_s - kSame_s) {
        found.back().offset_s = event.offset_s;
        found.back().score = std::max(found.back().score, event.score);
        found.back().supported = found.back().supported || event.supported;
      } else {
        found.push_back(event);
      }
    }
    for (const TimedEvent& event : found)
      if (event.offset_s - event.onset_s >= options.min_seconds - kSame_s) events.push_back(event);
  }
  std::sort(events.begin(), events.end(), [](const TimedEvent& a, const TimedEvent& b) {
    return std::tie(a.onset_s, a.offset_s, a.label) < std::tie(b.onset_s, b.offset_s, b.label);
  });
  return events;
}

}  // namespace af2
