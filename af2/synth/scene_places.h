// When each event of a scene begins: places groups of events so that gaps, onsets, order and the most that
// may sound at once are as the spec asks.
//
// Not what sounds (scene_draft.cpp draws labels and takes). Positions are samples from the scene's start;
// draws come from the given Random, in the order of the groups. Thread rule: one thread.
//
//   ScenePlaces places(spec, library.rate_hz(), ScenePlaces::kNoEnd, rng);
//   places.place_all(std::move(groups), kin);  // throws Unmet: drawn anew by whoever asked
//   places.end_after_last();
//   for (const SceneGroup& group : places.groups()) put(group.begin, group.events);
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "af2/core/random.h"
#include "af2/synth/scene_plan.h"
#include "af2/synth/scene_spec.h"

namespace af2 {

// Why one try at a scene failed.
struct Unmet {
  std::string what;
};

// A label that sounds once or several times. Onsets are from the group's begin.
struct SceneGroup {
  int spec = 0;  // which event of the spec
  std::vector<PlanEvent> events;
  std::int64_t begin = 0, span = 0;
  std::int64_t end() const { return begin + span; }
};

// How messages name event `place` of a spec.
std::string spoken_name(const EventSpec& event, int place);

class ScenePlaces {
 public:
  static constexpr std::int64_t kNoEnd = std::numeric_limits<std::int64_t>::max() / 4;

  // `length`: of the scene, or kNoEnd: as long as its events need.
  ScenePlaces(const SceneSpec& spec, int rate_hz, std::int64_t length, Random& rng);

  // kin[i]: the group that group i refers to (after, inside, with), before i; -1: none.
  void place_all(std::vector<SceneGroup> waiting, const std::vector<int>& kin);
  // Puts the group at `begin` if nothing is in its way; else it is left out.
  void put_if_free(SceneGroup group, std::int64_t begin);
  // Of a scene without end: it ends after its last event, or what happens does so somewhere within the least
  // length.
  void end_after_last();

  std::int64_t length() const { return length_; }
  const std::vector<SceneGroup>& groups() const { return groups_; }

 private:
  std::int64_t samples(double seconds) const;
  std::string clash(const SceneGroup& group, std::int64_t begin, int kin) const;
  bool too_many_at(std::int64_t at) const;
  void place_one(SceneGroup group, int kin);
  std::int64_t propose(const EventSpec& e, const SceneGroup& group, int kin, std::string& why);
  void place_in_line(std::vector<SceneGroup>& waiting, const std::vector<int>& kin);
  std::vector<std::int64_t> pauses_between(std::int64_t n, std::int64_t used);

  const SceneSpec& spec_;
  const int rate_hz_;
  std::int64_t length_;
  const std::int64_t gap_, onset_gap_;
  Random& rng_;
  std::vector<SceneGroup> groups_;  // placed
};

}  // namespace af2
