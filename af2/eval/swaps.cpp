#include "af2/eval/swaps.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "af2/core/random.h"

namespace af2 {

std::string duration_bucket(double seconds) {
  for (const int limit : {10, 30, 90, 300})
    if (seconds <= limit) return std::to_string(limit);
  return "long";
}

std::map<std::string, std::string> shuffled_partners(std::vector<SwapClip> clips, std::int64_t seed) {
  std::sort(clips.begin(), clips.end(), [](const SwapClip& a, const SwapClip& b) { return a.id < b.id; });
  clips.erase(std::unique(clips.begin(), clips.end(),
                          [](const SwapClip& a, const SwapClip& b) { return a.id == b.id; }),
              clips.end());
  std::map<std::string, std::vector<std::size_t>> buckets;
  for (std::size_t i = 0; i < clips.size(); ++i) buckets[duration_bucket(clips[i].seconds)].push_back(i);
  std::map<std::string, std::string> partners;
  for (const auto& [bucket, places] : buckets) {
    if (places.size() == 1) {
      const SwapClip& lone = clips[places.front()];
      const SwapClip* nearest = nullptr;
      for (const SwapClip& other : clips)
        if (&other != &lone &&
            (!nearest || std::abs(other.seconds - lone.seconds) < std::abs(nearest->seconds - lone.seconds)))
          nearest = &other;
      if (nearest) partners[lone.id] = nearest->id;
      continue;
    }
    // Sattolo: one cycle through all, so that none keeps its place.
    std::vector<std::size_t> cycle(places.size());
    std::iota(cycle.begin(), cycle.end(), std::size_t{0});
    Random rng("af2/eval/swap/1/" + std::to_string(seed) + "/" + bucket);
    for (std::size_t i = cycle.size() - 1; i > 0; --i) std::swap(cycle[i], cycle[rng.below(i)]);
    for (std::size_t i = 0; i < cycle.size(); ++i) partners[clips[places[i]].id] = clips[places[cycle[i]]].id;
  }
  return partners;
}

}  // namespace af2
