#include "af2/synth/scene_places.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace af2 {
namespace {

constexpr int kPlaceTries = 40;  // of one group, before all is drawn anew
const Distribution kUsualGap = Distribution::uniform(0.5, 2), kTogether = Distribution::uniform(0, 0.2);

}  // namespace

std::string spoken_name(const EventSpec& event, int place) {
  return event.name.empty() ? fmt::format("event {}", place) : fmt::format("event `{}`", event.name);
}

ScenePlaces::ScenePlaces(const SceneSpec& spec, int rate_hz, std::int64_t length, Random& rng)
    : spec_(spec),
      rate_hz_(rate_hz),
      length_(length),
      gap_(samples(spec.min_gap)),
      onset_gap_(samples(spec.min_onset_gap)),
      rng_(rng) {}

std::int64_t ScenePlaces::samples(double seconds) const {
  return std::llround(seconds * rate_hz_);
}

// Where `group` may not begin at `begin`: why; empty: it may. `kin` is the placed group it refers to.
std::string ScenePlaces::clash(const SceneGroup& group, std::int64_t begin, int kin) const {
  if (begin < samples(spec_.margin)) return "it would begin too early";
  if (begin + group.span > length_ - samples(spec_.margin)) return "it would end behind the scene's end";
  for (const PlanEvent& e : group.events) {
    const std::int64_t from = begin + e.onset, to = from + e.length;
    std::vector<std::int64_t> starts = {from};
    for (std::size_t g = 0; g < groups_.size(); ++g) {
      const std::int64_t near = std::max(gap_, onset_gap_);
      if (groups_[g].begin > to + near || groups_[g].end() + near < from) continue;
      for (const PlanEvent& other : groups_[g].events) {
        const std::int64_t a = groups_[g].begin + other.onset, b = a + other.length;
        if (std::abs(a - from) < onset_gap_ && static_cast<int>(g) != kin)
          return "two onsets would be too close";
        if (a < to && from < b) {
          if (other.label == e.label) return "two of one label would overlap";
          if (a > from) starts.push_back(a);
        } else if (static_cast<int>(g) != kin && (a >= to ? a - to : from - b) < gap_) {
          return "the gap to its neighbour would be too short";
        }
      }
    }
    // The most that sound at once do so where one of them begins.
    if (std::any_of(starts.begin(), starts.end(), [&](std::int64_t at) { return too_many_at(at); }))
      return "more events at once than allowed";
  }
  return "";
}

// Whether one more event at `at` were one too many.
bool ScenePlaces::too_many_at(std::int64_t at) const {
  int at_once = 1;
  for (const SceneGroup& g : groups_) {
    if (g.begin > at || g.end() <= at) continue;
    for (const PlanEvent& other : g.events)
      at_once += g.begin + other.onset <= at && at < g.begin + other.onset + other.length;
  }
  return at_once > spec_.max_polyphony;
}

void ScenePlaces::place_all(std::vector<SceneGroup> waiting, const std::vector<int>& kin) {
  if (spec_.placement == "line") return place_in_line(waiting, kin);
  for (std::size_t i = 0; i < waiting.size(); ++i) place_one(std::move(waiting[i]), kin[i]);
}

void ScenePlaces::put_if_free(SceneGroup group, std::int64_t begin) {
  if (!clash(group, begin, -1).empty()) return;
  group.begin = begin;
  groups_.push_back(std::move(group));
}

void ScenePlaces::place_one(SceneGroup group, int kin) {
  const EventSpec& e = spec_.events[static_cast<std::size_t>(group.spec)];
  std::string why;
  for (int i = 0; i < kPlaceTries; ++i) {
    const std::int64_t begin = propose(e, group, kin, why);
    if (begin < 0) break;
    why = clash(group, begin, kin);
    if (!why.empty()) continue;
    group.begin = begin;
    groups_.push_back(std::move(group));
    return;
  }
  throw Unmet{fmt::format("{} does not fit: {}", spoken_name(e, group.spec), why)};
}

// Where it might begin; -1 and why: nowhere.
std::int64_t ScenePlaces::propose(const EventSpec& e, const SceneGroup& group, int kin, std::string& why) {
  const std::int64_t edge = samples(spec_.margin), last = length_ - edge - group.span;
  const auto between = [&](std::int64_t low, std::int64_t high) -> std::int64_t {
    if (high < low) {
      why = "there is not enough room for it";
      return -1;
    }
    return low + static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(high - low) + 1));
  };
  if (e.onset) return std::max<std::int64_t>(0, samples(e.onset->draw_from(rng_)));
  if (kin >= 0) {
    const SceneGroup& other = groups_[static_cast<std::size_t>(kin)];
    if (!e.with.empty()) return other.begin + samples((e.gap ? *e.gap : kTogether).draw_from(rng_));
    if (!e.inside.empty()) {
      if (other.span < group.span) {
        why = "it is longer than what it shall lie in";
        return -1;
      }
      const std::int64_t from = other.begin + (e.gap ? samples(e.gap->draw_from(rng_)) : 0);
      return e.gap ? std::min(from, other.end() - group.span) : between(from, other.end() - group.span);
    }
    if (e.gap) return other.end() + samples(e.gap->draw_from(rng_));
    if (length_ == kNoEnd) return other.end() + samples(kUsualGap.draw_from(rng_));
    return between(other.end() + gap_, last);
  }
  if (length_ < kNoEnd) return between(edge, last);
  std::int64_t end = 0;
  for (const SceneGroup& g : groups_) end = std::max(end, g.end());
  return std::max(end, edge) + samples((e.gap ? *e.gap : kUsualGap).draw_from(rng_));
}

// Groups that refer to none, each with those that refer to it, one such unit after the other.
void ScenePlaces::place_in_line(std::vector<SceneGroup>& waiting, const std::vector<int>& kin) {
  std::vector<int> root(waiting.size());
  std::vector<std::vector<std::size_t>> units;
  std::map<int, std::size_t> unit_of;
  for (std::size_t i = 0; i < waiting.size(); ++i) {
    root[i] = kin[i] < 0 ? static_cast<int>(i) : root[static_cast<std::size_t>(kin[i])];
    const auto [place, fresh] = unit_of.emplace(root[i], units.size());
    if (fresh) units.emplace_back();
    units[place->second].push_back(i);
  }
  rng_.shuffle(units);
  // Each unit by itself, from its own beginning.
  const std::int64_t whole = length_, edge = samples(spec_.margin);
  std::vector<std::vector<SceneGroup>> built;
  std::int64_t used = 0;
  for (const auto& unit : units) {
    groups_.clear();
    length_ = kNoEnd;
    std::map<int, int> place;  // of what is placed already, among groups_
    for (const std::size_t i : unit) {
      if (root[i] == static_cast<int>(i)) {
        waiting[i].begin = edge;
        groups_.push_back(waiting[i]);
      } else {
        place_one(waiting[i], place.at(kin[i]));
      }
      place[static_cast<int>(i)] = static_cast<int>(groups_.size()) - 1;
    }
    std::int64_t last = 0;
    for (SceneGroup& g : groups_) last = std::max(last, (g.begin -= edge) + g.span);
    used += last;
    built.push_back(groups_);
  }
  length_ = whole;
  groups_.clear();
  const std::vector<std::int64_t> pauses = pauses_between(static_cast<std::int64_t>(built.size()), used);
  std::int64_t at = edge;
  for (std::size_t u = 0; u < built.size(); ++u) {
    std::int64_t last = 0;
    for (SceneGroup& g : built[u]) {
      last = std::max(last, g.end());
      g.begin += at + pauses[u];
      groups_.push_back(g);
    }
    at += last + std::max(gap_, onset_gap_);
  }
}

// How much later than one straight after the other each of `n` units begins, those before it included; the
// units are `used` long in all.
std::vector<std::int64_t> ScenePlaces::pauses_between(std::int64_t n, std::int64_t used) {
  std::vector<std::int64_t> pauses;
  if (length_ == kNoEnd) {
    std::int64_t sum = 0;
    for (std::int64_t i = 0; i < n; ++i) pauses.push_back(sum += samples(kUsualGap.draw_from(rng_)));
    return pauses;
  }
  const std::int64_t apart = std::max(gap_, onset_gap_);
  const std::int64_t slack =
      length_ - 2 * samples(spec_.margin) - used - std::max<std::int64_t>(0, n - 1) * apart;
  if (slack < 0) throw Unmet{"the events are longer than the scene"};
  for (std::int64_t i = 0; i < n; ++i)
    pauses.push_back(static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(slack) + 1)));
  std::sort(pauses.begin(), pauses.end());
  return pauses;
}

void ScenePlaces::end_after_last() {
  std::int64_t last = 0;
  for (const SceneGroup& g : groups_) last = std::max(last, g.end());
  length_ = std::max(samples(1), last + samples(spec_.rest.draw_from(rng_)));
  const std::int64_t least = samples(spec_.at_least.draw_from(rng_));
  if (least <= length_) return;
  // What happens does so somewhere within.
  const auto later = static_cast<std::int64_t>(rng_.below(static_cast<std::uint64_t>(least - length_) + 1));
  for (SceneGroup& g : groups_) g.begin += later;
  length_ = least;
}

}  // namespace af2
