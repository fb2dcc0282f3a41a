#include "af2/audio/pitch.h"

#include <algorithm>
#include <cmath>

#include "af2/audio/signal.h"
#include "af2/core/error.h"

namespace af2 {
namespace {

// The lag of one frame's period in samples, or 0. `difference` is scratch.
double period_of(std::span<const float> frame, std::size_t least, std::size_t most, double threshold,
                 std::vector<double>& difference) {
  const std::size_t width = frame.size() - most;  // as many products for every lag
  difference.assign(most + 1, 0);
  for (std::size_t lag = 1; lag <= most; ++lag) {
    float sum = 0;
    for (std::size_t i = 0; i < width; ++i) {
      const float d = frame[i] - frame[i + lag];
      sum += d * d;
    }
    difference[lag] = sum;
  }
  // Each in proportion to the mean of those before it (equation 8).
  double sum = 0;
  for (std::size_t lag = 1; lag <= most; ++lag) {
    sum += difference[lag];
    difference[lag] = sum > 0 ? difference[lag] * static_cast<double>(lag) / sum : 1;
  }
  std::size_t lag = least;
  while (lag <= most && difference[lag] >= threshold) ++lag;
  if (lag > most) return 0;
  while (lag + 1 <= most && difference[lag + 1] < difference[lag]) ++lag;  // down to the dip's floor
  if (lag <= 1 || lag >= most) return static_cast<double>(lag);
  const double a = difference[lag - 1], b = difference[lag], c = difference[lag + 1];
  const double bend = a - 2 * b + c;
  return static_cast<double>(lag) + (bend > 0 ? 0.5 * (a - c) / bend : 0);
}

}  // namespace

std::optional<double> PitchTrack::median_hz(double least_voiced) const {
  std::vector<double> found;
  for (const double x : hz)
    if (x > 0) found.push_back(x);
  if (found.empty() || voiced < least_voiced) return std::nullopt;
  std::sort(found.begin(), found.end());
  const std::size_t middle = found.size() / 2;
  return found.size() % 2 == 1 ? found[middle] : (found[middle - 1] + found[middle]) / 2;
}

PitchTrack pitch_track(std::span<const float> samples, double rate_hz, const PitchOptions& options) {
  if (!(options.min_hz > 0 && options.min_hz < options.max_hz && options.max_hz <= rate_hz / 4))
    throw user_error("0 < min_hz < max_hz <= a quarter of the rate is needed", "pitch options");
  if (!(options.hop_s > 0)) throw user_error("must be above 0", "pitch options hop_s");
  const auto least = static_cast<std::size_t>(rate_hz / options.max_hz);
  const auto most = static_cast<std::size_t>(std::ceil(rate_hz / options.min_hz));
  const std::size_t width = 2 * most,
                    hop = std::max<std::size_t>(1, static_cast<std::size_t>(options.hop_s * rate_hz));
  PitchTrack track;
  if (samples.size() < width) return track;
  const std::size_t n = (samples.size() - width) / hop + 1;
  std::vector<double> level(n), difference;
  for (std::size_t i = 0; i < n; ++i) level[i] = rms_db(samples.subspan(i * hop, width));
  const double loudest = *std::max_element(level.begin(), level.end());
  std::size_t heard = 0, with_pitch = 0;
  track.hz.assign(n, 0);
  for (std::size_t i = 0; i < n; ++i) {
    if (level[i] < loudest + options.least_db || is_silent(samples.subspan(i * hop, width))) continue;
    ++heard;
    const double period =
        period_of(samples.subspan(i * hop, width), least, most, options.threshold, difference);
    if (period <= 0) continue;
    track.hz[i] = rate_hz / period;
    ++with_pitch;
  }
  track.voiced = heard > 0 ? static_cast<double>(with_pitch) / static_cast<double>(heard) : 0;
  return track;
}

}  // namespace af2
