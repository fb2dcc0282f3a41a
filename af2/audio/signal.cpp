#include "af2/audio/signal.h"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <numbers>

namespace af2 {

float peak(std::span<const float> x) {
  float most = 0;
  for (const float v : x) most = std::max(most, std::abs(v));
  return most;
}

double rms(std::span<const float> x) {
  if (x.empty()) return 0;
  double sum = 0;
  for (const float v : x) sum += static_cast<double>(v) * v;
  return std::sqrt(sum / static_cast<double>(x.size()));
}

double to_db(double amplitude) {
  return 20 * std::log10(std::max(amplitude, 1e-10));
}
double from_db(double db) {
  return std::pow(10.0, db / 20);
}
double rms_db(std::span<const float> x) {
  return to_db(rms(x));
}

double clipped_share(std::span<const float> x, float full_scale) {
  if (x.empty()) return 0;
  std::size_t n = 0;
  for (const float v : x) n += std::abs(v) >= full_scale;
  return static_cast<double>(n) / static_cast<double>(x.size());
}

bool is_silent(std::span<const float> x) {
  return peak(x) < kSilencePeak;
}

void scale(std::span<float> x, float factor) {
  for (float& v : x) v *= factor;
}

Biquad::Biquad(double b0, double b1, double b2, double a0, double a1, double a2)
    : b0_(b0 / a0), b1_(b1 / a0), b2_(b2 / a0), a1_(a1 / a0), a2_(a2 / a0) {}

namespace {

struct Angle {
  double cos, alpha;
  Angle(double hz, double rate_hz, double q) {
    const double w = 2 * std::numbers::pi * std::clamp(hz / rate_hz, 1e-5, 0.49);
    cos = std::cos(w);
    alpha = std::sin(w) / (2 * q);
  }
};

}  // namespace

Biquad Biquad::low_pass(double hz, double rate_hz, double q) {
  const Angle w(hz, rate_hz, q);
  return {(1 - w.cos) / 2, 1 - w.cos, (1 - w.cos) / 2, 1 + w.alpha, -2 * w.cos, 1 - w.alpha};
}

Biquad Biquad::high_pass(double hz, double rate_hz, double q) {
  const Angle w(hz, rate_hz, q);
  return {(1 + w.cos) / 2, -1 - w.cos, (1 + w.cos) / 2, 1 + w.alpha, -2 * w.cos, 1 - w.alpha};
}

Biquad Biquad::peaking(double hz, double rate_hz, double q, double gain_db) {
  const Angle w(hz, rate_hz, q);
  const double a = std::pow(10.0, gain_db / 40);
  return {1 + w.alpha * a, -2 * w.cos, 1 - w.alpha * a, 1 + w.alpha / a, -2 * w.cos, 1 - w.alpha / a};
}

// Both shelves with slope 1, for which the cookbook's alpha is that of q = 1/sqrt(2).
Biquad Biquad::low_shelf(double hz, double rate_hz, double gain_db) {
  const Angle w(hz, rate_hz, std::numbers::sqrt2 / 2);
  const double a = std::pow(10.0, gain_db / 40), s = 2 * std::sqrt(a) * w.alpha, c = w.cos;
  return {a * ((a + 1) - (a - 1) * c + s), 2 * a * ((a - 1) - (a + 1) * c), a * ((a + 1) - (a - 1) * c - s),
          (a + 1) + (a - 1) * c + s,       -2 * ((a - 1) + (a + 1) * c),    (a + 1) + (a - 1) * c - s};
}

Biquad Biquad::high_shelf(double hz, double rate_hz, double gain_db) {
  const Angle w(hz, rate_hz, std::numbers::sqrt2 / 2);
  const double a = std::pow(10.0, gain_db / 40), s = 2 * std::sqrt(a) * w.alpha, c = w.cos;
  return {a * ((a + 1) + (a - 1) * c + s), -2 * a * ((a - 1) + (a + 1) * c), a * ((a + 1) + (a - 1) * c - s),
          (a + 1) - (a - 1) * c + s,       2 * ((a - 1) - (a + 1) * c),      (a + 1) - (a - 1) * c - s};
}

void Biquad::run(std::span<float> x) {
  double z1 = z1_, z2 = z2_;
  for (float& v : x) {
    const double in = v, out = b0_ * in + z1;
    z1 = b1_ * in - a1_ * out + z2;
    z2 = b2_ * in - a2_ * out;
    v = static_cast<float>(out);
  }
  // Tiny remains would turn into denormal numbers, a hundred times slower.
  z1_ = std::abs(z1) < 1e-30 ? 0 : z1;
  z2_ = std::abs(z2) < 1e-30 ? 0 : z2;
}

double Biquad::gain(double hz, double rate_hz) const {
  const std::complex<double> z = std::polar(1.0, -2 * std::numbers::pi * hz / rate_hz);
  return std::abs((b0_ + b1_ * z + b2_ * z * z) / (1.0 + a1_ * z + a2_ * z * z));
}

void one_pole_low_pass(std::span<float> x, double hz, double rate_hz) {
  const double a = 1 - std::exp(-2 * std::numbers::pi * hz / rate_hz);
  double y = 0;
  for (float& v : x) {
    y += a * (v - y);
    v = static_cast<float>(y);
  }
}

}  // namespace af2
