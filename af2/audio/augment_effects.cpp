// The single effects of af2/audio/augment.h.
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>

#include "af2/audio/augment.h"
#include "af2/audio/fft.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kButterworth4[2] = {0.54119610, 1.30656296};  // the two Q of a fourth-order Butterworth

constexpr float kTiny = 1e-20f;  // a peak whose inverse is still finite

void check_factor(double factor) {
  if (!(factor >= 0.25 && factor <= 4))
    throw user_error("a speed or stretch factor must be within 0.25 and 4");
}

std::size_t scaled_length(std::size_t n, double factor) {
  return n == 0 ? 0 : static_cast<std::size_t>(std::max(1.0, std::round(static_cast<double>(n) * factor)));
}

// Near-normal white noise, deviation 1: the sum of four 16-bit uniforms, one generator step a sample.
void white_noise(std::span<float> x, Random& rng) {
  constexpr double kMean = 4 * 32767.5;
  const double deviation = std::sqrt(4.0 / 12.0) * 65536.0;
  for (float& v : x) {
    const std::uint64_t bits = rng.next();
    const auto sum = static_cast<double>((bits & 0xffff) + ((bits >> 16) & 0xffff) + ((bits >> 32) & 0xffff) +
                                         (bits >> 48));
    v = static_cast<float>((sum - kMean) / deviation);
  }
}

// tanh within 3 %, by its Pade fraction, which reaches 1 at 3.
float bend(float x) {
  const float y = std::clamp(x, -3.0f, 3.0f);
  return y * (27 + y * y) / (27 + 9 * y * y);
}

// How well `a` continues as `b`: the square of their normalised product, 0 where they disagree in sign. Eight
// sums side by side, which a compiler turns into vectors.
float likeness(const float* a, const float* b, std::ptrdiff_t n) {
  constexpr std::ptrdiff_t kLanes = 8;
  float dots[kLanes] = {}, energies[kLanes] = {};
  for (std::ptrdiff_t i = 0; i + kLanes <= n; i += kLanes) {
    for (std::ptrdiff_t k = 0; k < kLanes; ++k) {
      dots[k] += a[i + k] * b[i + k];
      energies[k] += a[i + k] * a[i + k];
    }
  }
  float dot = 0, energy = 1e-9f;
  for (std::ptrdiff_t k = 0; k < kLanes; ++k) {
    dot += dots[k];
    energy += energies[k];
  }
  return dot > 0 ? dot * dot / energy : 0;
}

}  // namespace

void low_pass(std::span<float> x, double hz, double rate_hz) {
  for (const double q : kButterworth4) Biquad::low_pass(hz, rate_hz, q).run(x);
}

void high_pass(std::span<float> x, double hz, double rate_hz) {
  for (const double q : kButterworth4) Biquad::high_pass(hz, rate_hz, q).run(x);
}

std::vector<float> change_speed(std::span<const float> x, double factor, double rate_hz) {
  check_factor(factor);
  std::vector<float> from(x.begin(), x.end());
  if (factor > 1.001) low_pass(from, 0.45 * rate_hz / factor, rate_hz);
  std::vector<float> y(scaled_length(x.size(), 1 / factor));
  const auto last = static_cast<std::ptrdiff_t>(from.size()) - 1;
  const auto at = [&](std::ptrdiff_t i) {
    return from[static_cast<std::size_t>(std::clamp<std::ptrdiff_t>(i, 0, last))];
  };
  for (std::size_t i = 0; i < y.size(); ++i) {  // cubic Hermite through four samples (Catmull-Rom)
    const double position = static_cast<double>(i) * factor;
    const auto k = static_cast<std::ptrdiff_t>(position);
    const auto t = static_cast<float>(position - static_cast<double>(k));
    const float a = at(k - 1), b = at(k), c = at(k + 1), d = at(k + 2);
    y[i] = b + 0.5f * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)));
  }
  return y;
}

// WSOLA: frames of 40 ms are laid at half-frame steps; each is taken near its place in x, moved by up to
// 8 ms to where it continues the previous frame best.
std::vector<float> time_stretch(std::span<const float> x, double factor, double rate_hz) {
  check_factor(factor);
  const auto step = static_cast<std::ptrdiff_t>(std::max(8.0, 0.02 * rate_hz));
  const std::ptrdiff_t search = step * 2 / 5, n = static_cast<std::ptrdiff_t>(x.size());
  std::vector<float> y(scaled_length(x.size(), factor), 0.0f);
  if (n < 4 * step) return change_speed(x, 1 / factor, rate_hz);  // too short to have a pitch to keep
  std::vector<float> window(static_cast<std::size_t>(2 * step));
  for (std::size_t i = 0; i < window.size(); ++i)
    window[i] = static_cast<float>(
        0.5 - 0.5 * std::cos(std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(step)));
  const auto n_out = static_cast<std::ptrdiff_t>(y.size());
  const std::ptrdiff_t most = n - 2 * step;  // the last start of a whole frame
  std::ptrdiff_t source = 0;
  for (std::ptrdiff_t out = -step; out < n_out; out += step) {
    if (out >= 0) {
      const auto wanted = static_cast<std::ptrdiff_t>(static_cast<double>(out) / factor);
      const std::ptrdiff_t natural = std::min(source + step, most);  // what would follow the last frame
      const std::ptrdiff_t low = std::clamp<std::ptrdiff_t>(wanted - search, 0, most);
      const std::ptrdiff_t high = std::clamp<std::ptrdiff_t>(wanted + search, 0, most);
      float best = -1;
      source = std::clamp<std::ptrdiff_t>(wanted, 0, most);
      for (std::ptrdiff_t start = low; start <= high; start += 2) {
        const float score = likeness(x.data() + start, x.data() + natural, step);
        if (score > best) {
          best = score;
          source = start;
        }
      }
      if (best <= 0) source = std::clamp<std::ptrdiff_t>(wanted, 0, most);
    }
    // The first frame starts half before the output: its second half is the beginning of x.
    const std::ptrdiff_t from = out < 0 ? -step : source;
    for (std::ptrdiff_t i = out < 0 ? step : 0; i < 2 * step && out + i < n_out; ++i)
      y[static_cast<std::size_t>(out + i)] +=
          window[static_cast<std::size_t>(i)] * x[static_cast<std::size_t>(from + i)];
    if (out < 0) source = -step;
  }
  return y;
}

std::vector<float> coloured_noise(std::size_t n, double slope, double rate_hz, Random& rng) {
  std::vector<float> x(n);
  white_noise(x, rng);
  if (n > 0 && std::abs(slope) > 1e-6) {
    // A staircase: each pole-zero pair bends the response for part of two octaves, on average by the slope.
    constexpr double kRatio = 4;
    constexpr std::size_t kMostPairs = 12;
    std::array<float, kMostPairs> pole{}, zero{}, in{}, out{};
    std::size_t n_pairs = 0;
    for (double hz = 20; hz < 0.45 * rate_hz && n_pairs < kMostPairs; hz *= kRatio, ++n_pairs) {
      pole[n_pairs] = static_cast<float>(std::exp(-2 * std::numbers::pi * hz / rate_hz));
      zero[n_pairs] =
          static_cast<float>(std::exp(-2 * std::numbers::pi * hz * std::pow(kRatio, slope / 2) / rate_hz));
    }
    for (float& v : x) {
      for (std::size_t k = 0; k < n_pairs; ++k) {
        out[k] = v - zero[k] * in[k] + pole[k] * out[k];
        in[k] = v;
        v = out[k];
      }
    }
  }
  const double level = rms(x);
  if (level > 0) scale(x, static_cast<float>(1 / level));
  return x;
}

void add_noise(std::span<float> x, double snr_db, double slope, double rate_hz, Random& rng) {
  const double level = rms(x);
  if (!(level > 0)) return;
  const std::vector<float> noise = coloured_noise(x.size(), slope, rate_hz, rng);
  const auto amount = static_cast<float>(level * from_db(-snr_db));
  for (std::size_t i = 0; i < x.size(); ++i) x[i] += amount * noise[i];
}

std::vector<float> reverb(std::span<const float> x, double t60_s, double direct_db, double rate_hz,
                          Random& rng) {
  const auto length = std::max<std::size_t>(2, static_cast<std::size_t>(t60_s * rate_hz));
  const auto delay = static_cast<std::size_t>(rng.uniform(0.002, 0.02) * rate_hz) + 1;
  std::vector<float> room(length);
  white_noise(room, rng);
  one_pole_low_pass(room, rng.uniform(1500, 6000), rate_hz);     // walls swallow treble
  const double fall = std::pow(10.0, -3.0 / (t60_s * rate_hz));  // 60 dB in t60
  double envelope = 1;
  for (float& v : room) {
    v *= static_cast<float>(envelope);
    envelope *= fall;
  }
  const double energy = rms(room) * std::sqrt(static_cast<double>(length));
  std::vector<float> response(delay + length, 0.0f);
  response[0] = 1;
  if (energy > 0)
    for (std::size_t i = 0; i < length; ++i)
      response[delay + i] = static_cast<float>(room[i] * from_db(-direct_db) / energy);
  std::vector<float> y = convolve(x, response);
  const double before = rms(x), after = rms(y);
  if (before > 0 && after > 0)
    scale(y, static_cast<float>(before / after));
  else
    y.assign(x.begin(), x.end());
  return y;
}

void tilt(std::span<float> x, double db, double rate_hz) {
  Biquad::low_shelf(1000, rate_hz, -db / 2).run(x);
  Biquad::high_shelf(1000, rate_hz, db / 2).run(x);
}

void soft_clip(std::span<float> x, double drive_db) {
  const float most = peak(x);
  if (!(most > kTiny)) return;
  const auto drive = static_cast<float>(from_db(drive_db));
  const float in = drive / most, out = most / bend(drive);
  for (float& v : x) v = out * bend(in * v);
}

void quantise_8_bit(std::span<float> x) {
  const float most = peak(x);
  if (!(most > kTiny)) return;
  const float up = 127.0f / most, down = most / 127.0f;
  for (float& v : x) v = std::nearbyint(v * up) * down;
}

void mu_law(std::span<float> x) {
  const float most = peak(x);
  if (!(most > kTiny)) return;
  std::array<float, 128> expanded;
  for (std::size_t i = 0; i < expanded.size(); ++i)
    expanded[i] = most * static_cast<float>((std::pow(256.0, static_cast<double>(i) / 127) - 1) / 255);
  const auto steps = static_cast<float>(127 / std::log(256.0));
  for (float& v : x) {
    const float level = std::log(1 + 255 * std::abs(v) / most) * steps;
    v = std::copysign(expanded[std::min<std::size_t>(127, static_cast<std::size_t>(level + 0.5f))], v);
  }
}

void telephone(std::span<float> x, double rate_hz) {
  high_pass(x, 300, rate_hz);
  low_pass(x, 3400, rate_hz);
  mu_law(x);
}

void fade(std::span<float> x, double in_s, double out_s, double rate_hz) {
  const auto length = [&](double s) {
    return std::min(x.size(), static_cast<std::size_t>(std::max(0.0, s * rate_hz)));
  };
  const auto weight = [](std::size_t i, std::size_t n) {
    return static_cast<float>(
        0.5 - 0.5 * std::cos(std::numbers::pi * (static_cast<double>(i) + 0.5) / static_cast<double>(n)));
  };
  const std::size_t n_in = length(in_s), n_out = length(out_s);
  for (std::size_t i = 0; i < n_in; ++i) x[i] *= weight(i, n_in);
  for (std::size_t i = 0; i < n_out; ++i) x[x.size() - 1 - i] *= weight(i, n_out);
}

}  // namespace af2
