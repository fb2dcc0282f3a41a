#include "af2/data/envelope.h"

#include <algorithm>
#include <cmath>

namespace af2 {
namespace {

constexpr std::size_t kOnsetFrame = 40;      // 2.5 ms
constexpr std::size_t kLevelFrame = 160;     // 10 ms
constexpr std::size_t kBurstFrame = 320;     // 20 ms
constexpr double kAudibleRatio = 3.1623e-5;  // -45 dB in energy
constexpr double kSilence = 1e-12;           // -120 dB

double power_db(double energy) {
  return 10.0 * std::log10(std::max(energy, kSilence));
}

}  // namespace

std::vector<float> frame_energy(std::span<const float> samples, std::size_t frame) {
  std::vector<float> energy((samples.size() + frame - 1) / frame);
  for (std::size_t i = 0; i < energy.size(); ++i) {
    const auto part = samples.subspan(i * frame, std::min(frame, samples.size() - i * frame));
    double sum = 0;
    for (const float x : part) sum += static_cast<double>(x) * x;
    energy[i] = static_cast<float>(sum / static_cast<double>(part.size()));
  }
  return energy;
}

SampleSpan audible_span(std::span<const float> samples) {
  const std::vector<float> energy = frame_energy(samples, kOnsetFrame);
  if (energy.empty()) return {};
  const double loudest = *std::max_element(energy.begin(), energy.end());
  if (loudest <= kSilence) return {};
  double threshold = loudest * kAudibleRatio;
  std::vector<float> sorted = energy;
  const auto tenth = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 10);
  std::nth_element(sorted.begin(), tenth, sorted.end());
  if (*tenth < loudest * 3.16e-3) threshold = std::max(threshold, *tenth * 4.0);
  const auto loud = [&](float e) { return e >= threshold; };
  const auto first = std::find_if(energy.begin(), energy.end(), loud);
  const auto last = std::find_if(energy.rbegin(), energy.rend(), loud);
  const std::size_t begin = static_cast<std::size_t>(first - energy.begin()) * kOnsetFrame;
  const std::size_t end = static_cast<std::size_t>(energy.rend() - last) * kOnsetFrame;
  return {begin, std::min(end, samples.size())};
}

double active_level_db(std::span<const float> samples) {
  const std::vector<float> energy = frame_energy(samples, kLevelFrame);
  if (energy.empty()) return power_db(0);
  const float floor = *std::max_element(energy.begin(), energy.end()) * 0.01f;
  double sum = 0, n = 0;
  for (const float e : energy) {
    if (e < floor) continue;
    sum += e;
    n += 1;
  }
  return power_db(sum / std::max(n, 1.0));
}

int count_bursts(std::span<const float> samples) {
  const std::vector<float> energy = frame_energy(samples, kBurstFrame);
  if (energy.empty()) return 0;
  const float loudest = *std::max_element(energy.begin(), energy.end());
  if (loudest <= kSilence) return 0;
  int bursts = 0;
  int quiet_frames = 3;  // so that a sound loud from its first frame starts a burst
  for (const float e : energy) {
    if (e < loudest * 0.01f) {
      ++quiet_frames;
    } else if (e >= loudest * 0.0316f) {
      if (quiet_frames >= 3) ++bursts;
      quiet_frames = 0;
    }
  }
  return bursts;
}

}  // namespace af2
