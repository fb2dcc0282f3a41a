#include "af2/synth/room.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "af2/audio/decode.h"
#include "af2/audio/fft.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/synth/sound_library.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kLongest_s = 20;
constexpr double kFirst_db = -5, kLast_db = -35, kLeast_db = -25;

// From the strongest sample on, of energy 1. What comes before it is delay, and would move onsets.
void normalise(std::vector<float>& response) {
  const auto loudest = std::max_element(response.begin(), response.end(),
                                        [](float a, float b) { return std::abs(a) < std::abs(b); });
  response.erase(response.begin(), loudest);
  response.resize(audible_by_peak(response, peak(response)).end);
  double energy = 0;
  for (const float x : response) energy += static_cast<double>(x) * x;
  scale(response, static_cast<float>(1 / std::sqrt(energy)));
}

}  // namespace

std::optional<double> reverberation_time(std::span<const float> response, int rate_hz) {
  const std::size_t n = response.size();
  std::vector<double> left(n + 1, 0.0);  // energy from sample i to the end
  for (std::size_t i = n; i-- > 0;) left[i] = left[i + 1] + static_cast<double>(response[i]) * response[i];
  if (left[0] <= 0) return std::nullopt;
  const auto decay_db = [&](std::size_t i) { return 10 * std::log10(std::max(left[i] / left[0], 1e-30)); };
  std::size_t first = 0;
  while (first < n && decay_db(first) > kFirst_db) ++first;
  for (const double target : {kLast_db, kLeast_db}) {
    std::size_t last = first;
    while (last < n && decay_db(last) > target) ++last;
    if (last >= n || last < first + 2) continue;
    double sx = 0, sy = 0, sxx = 0, sxy = 0;
    const auto m = static_cast<double>(last - first);
    for (std::size_t i = first; i < last; ++i) {
      const double x = static_cast<double>(i - first) / rate_hz, y = decay_db(i);
      sx += x, sy += y, sxx += x * x, sxy += x * y;
    }
    const double slope = (m * sxy - sx * sy) / (m * sxx - sx * sx);
    if (slope < 0) return -60 / slope;
  }
  return std::nullopt;
}

Room read_room(const fs::path& path, int rate_hz) {
  DecodeOptions options;
  options.rate_hz = rate_hz, options.max_seconds = kLongest_s;
  Room room;
  room.name = path.filename().string();
  room.response = decode_file(path, options).samples;
  if (is_silent(room.response)) throw data_error("is silent", path.string(), "take it out");
  normalise(room.response);
  const auto rt60 = reverberation_time(room.response, rate_hz);
  if (!rt60)
    throw data_error("no reverberation time can be measured: it does not fall by 25 dB", path.string(),
                     "give an impulse response");
  room.rt60 = *rt60;
  return room;
}

Room noise_room(double rt60, double direct_db, int rate_hz, Random& rng) {
  Room room;
  room.name = fmt::format("noise of {:.2f} s", rt60);
  const auto n = static_cast<std::size_t>(rt60 * rate_hz);
  std::vector<float> tail(n);
  double energy = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double fall = std::pow(10, -3 * static_cast<double>(i) / (rt60 * rate_hz));
    tail[i] = static_cast<float>(fall * rng.normal());
    energy += static_cast<double>(tail[i]) * tail[i];
  }
  // 4 ms lie between the direct sound and the first that walls send back.
  const auto delay = static_cast<std::size_t>(0.004 * rate_hz);
  room.response.assign(n + delay, 0.0f);
  room.response[0] = static_cast<float>(std::sqrt(energy) * from_db(direct_db));
  std::copy(tail.begin(), tail.end(), room.response.begin() + static_cast<std::ptrdiff_t>(delay));
  normalise(room.response);
  const auto measured = reverberation_time(room.response, rate_hz);
  room.rt60 = measured ? *measured : rt60;
  return room;
}

std::vector<fs::path> rooms_in(const fs::path& folder) {
  std::vector<fs::path> files;
  if (fs::is_directory(folder))
    for (const auto& entry : fs::directory_iterator(folder))
      if (entry.is_regular_file() && entry.path().filename().string()[0] != '.')
        files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  if (files.empty())
    throw data_error("has no impulse responses", folder.string(), "name a folder of sound files");
  return files;
}

std::vector<float> in_room(std::span<const float> dry, const Room& room) {
  std::vector<float> padded(dry.begin(), dry.end());
  padded.resize(dry.size() + room.response.size() - 1, 0.0f);
  return convolve(padded, room.response);
}

}  // namespace af2
