// What sounds in each time step of a scene.
#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/data/scene.h"

namespace af2 {
namespace {

constexpr double kAudibleFloor = 1e-7;  // -70 dB of full scale

}  // namespace

FrameLabels frame_labels(const Scene& scene, double hop_s, int n_steps) {
  if (!(hop_s > 0) || n_steps < 0) throw user_error("frame labels need a positive hop and step count");
  FrameLabels result;
  result.hop_s = hop_s;
  result.steps.resize(static_cast<std::size_t>(n_steps));
  result.background.assign(static_cast<std::size_t>(n_steps), 1.0f);
  const double frame_s = static_cast<double>(kEnergyFrame) / kBankRateHz;
  for (std::size_t step = 0; step < result.steps.size(); ++step) {
    const auto begin = static_cast<std::size_t>(std::lround(static_cast<double>(step) * hop_s / frame_s));
    const auto end = std::max(
        begin + 1, static_cast<std::size_t>(std::lround(static_cast<double>(step + 1) * hop_s / frame_s)));
    const auto sum = [&](const EnergyTrack& track) {
      double total = 0;
      const std::size_t last = std::min(end, track.first + track.energy.size());
      for (std::size_t i = std::max(begin, track.first); i < last; ++i)
        total += track.energy[i - track.first];
      return total;
    };
    double total = sum(scene.background_energy) + kAudibleFloor * static_cast<double>(end - begin);
    std::vector<std::pair<int, double>> heard;
    for (std::size_t i = 0; i < scene.events.size(); ++i) {
      const double energy = sum(scene.event_energy[i]);
      if (energy <= 0) continue;
      total += energy;
      const int label = scene.events[i].label;
      const auto same =
          std::find_if(heard.begin(), heard.end(), [&](const auto& h) { return h.first == label; });
      if (same == heard.end()) {
        heard.emplace_back(label, energy);
      } else {
        same->second += energy;
      }
    }
    for (const auto& [label, energy] : heard) {
      const auto share = static_cast<float>(energy / total);
      if (share < 0.02f) continue;
      result.steps[step].push_back({label, share});
      result.background[step] -= share;
    }
  }
  return result;
}

}  // namespace af2
