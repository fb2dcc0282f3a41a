#include "af2/train/scene_join.h"

#include <algorithm>
#include <cmath>

namespace af2 {
namespace {

constexpr double kMargin_s = 0.5;  // of background that a piece keeps on each side
constexpr double kAfterSound_s = 0.25, kLeastGap_s = 0.5;
constexpr double kFreeSteps = 2;      // between two groups of events
constexpr double kWithinStep = 1e-6;  // rounding of whole steps

std::int64_t whole_steps(double seconds, double hop_s) {
  return static_cast<std::int64_t>(std::floor(seconds / hop_s + kWithinStep));
}

}  // namespace

std::vector<ScenePiece> pieces_of(const Scene& scene, double hop_s) {
  struct Group {
    double onset, offset;
    std::vector<int> events;
  };
  std::vector<Group> groups;
  for (std::size_t i = 0; i < scene.events.size(); ++i) {
    const SceneEvent& event = scene.events[i];
    if (groups.empty() || event.onset_s >= groups.back().offset + kFreeSteps * hop_s)
      groups.push_back({event.onset_s, event.offset_s, {}});
    groups.back().offset = std::max(groups.back().offset, event.offset_s);
    groups.back().events.push_back(static_cast<int>(i));
  }
  std::vector<ScenePiece> pieces;
  for (std::size_t g = 0; g < groups.size(); ++g) {
    const double before = g == 0 ? 0 : (groups[g - 1].offset + groups[g].onset) / 2;
    const double after =
        g + 1 == groups.size() ? scene.seconds : (groups[g].offset + groups[g + 1].onset) / 2;
    ScenePiece piece;
    piece.hop_s = hop_s;
    piece.first_step = whole_steps(std::max(before, groups[g].onset - kMargin_s), hop_s);
    const double end = std::min(after, groups[g].offset + kMargin_s);
    piece.n_steps = std::max<std::int64_t>(1, whole_steps(end, hop_s) - piece.first_step);
    piece.events = groups[g].events;
    pieces.push_back(std::move(piece));
  }
  return pieces;
}

std::vector<ScenePiece> gaps_of(const Scene& scene, double hop_s) {
  std::vector<ScenePiece> gaps;
  const auto add = [&](double from, double to) {
    ScenePiece gap;
    gap.hop_s = hop_s;
    gap.first_step = static_cast<std::int64_t>(std::ceil(from / hop_s - kWithinStep));
    gap.n_steps = whole_steps(to, hop_s) - gap.first_step;
    if (to - from >= kLeastGap_s && gap.n_steps > 0) gaps.push_back(gap);
  };
  double quiet_since = 0;
  for (const SceneEvent& event : scene.events) {
    add(quiet_since, event.onset_s - kAfterSound_s);
    quiet_since = std::max(quiet_since, event.offset_s + kAfterSound_s);
  }
  add(quiet_since, scene.seconds);
  return gaps;
}

Scene join_scenes(const std::vector<std::pair<const Scene*, ScenePiece>>& pieces) {
  Scene joined;
  for (const auto& [scene, piece] : pieces) {
    const double shift = joined.seconds - piece.from_s();
    for (const int i : piece.events) {
      SceneEvent event = scene->events[static_cast<std::size_t>(i)];
      event.onset_s += shift, event.offset_s += shift;
      joined.events.push_back(std::move(event));
    }
    joined.seconds += piece.seconds();
    if (scene->background_label >= 0) joined.background_label = scene->background_label;
    if (joined.pool.empty()) joined.pool = scene->pool;
  }
  return joined;
}

bool may_follow(int background_label, const Scene& next) {
  return background_label < 0 || next.background_label < 0 || background_label == next.background_label;
}

}  // namespace af2
