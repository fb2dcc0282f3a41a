#include "af2/audio/fft.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numbers>
#include <utility>

#include "af2/core/error.h"

namespace af2 {
namespace {

// std::complex's product checks for NaN; ours need not.
std::complex<float> times(std::complex<float> a, std::complex<float> b) {
  return {a.real() * b.real() - a.imag() * b.imag(), a.real() * b.imag() + a.imag() * b.real()};
}

}  // namespace

Fft::Fft(std::size_t n) : n_(n), twiddles_(n), reversed_(n) {
  if (n < 2 || !std::has_single_bit(n) || n > (std::size_t{1} << 30))
    throw internal_error("FFT size " + std::to_string(n) + " is no power of two");
  std::vector<std::complex<float>> turns(n / 2);
  for (std::size_t k = 0; k < n / 2; ++k) {
    const double angle = -2 * std::numbers::pi * static_cast<double>(k) / static_cast<double>(n);
    turns[k] = {static_cast<float>(std::cos(angle)), static_cast<float>(std::sin(angle))};
  }
  for (std::size_t half = 1; half < n; half *= 2)  // each stage's factors side by side
    for (std::size_t k = 0; k < half; ++k) twiddles_[half - 1 + k] = turns[k * (n / 2 / half)];
  for (std::size_t i = 1; i < n; ++i)
    reversed_[i] = static_cast<unsigned>(reversed_[i / 2] / 2 + (i % 2 ? n / 2 : 0));
}

void Fft::forward(std::complex<float>* z) const {
  for (std::size_t i = 0; i < n_; ++i)
    if (i < reversed_[i]) std::swap(z[i], z[reversed_[i]]);
  for (std::size_t half = 1; half < n_; half *= 2) {
    const std::complex<float>* turn = twiddles_.data() + half - 1;
    for (std::size_t start = 0; start < n_; start += 2 * half) {
      std::complex<float>*low = z + start, *high = low + half;
      for (std::size_t k = 0; k < half; ++k) {
        const std::complex<float> odd = times(high[k], turn[k]), even = low[k];
        low[k] = even + odd;
        high[k] = even - odd;
      }
    }
  }
}

void Fft::inverse(std::complex<float>* z) const {
  // The inverse is the forward transform with real and imaginary parts swapped.
  for (std::size_t i = 0; i < n_; ++i) z[i] = {z[i].imag(), z[i].real()};
  forward(z);
  const float share = 1.0f / static_cast<float>(n_);
  for (std::size_t i = 0; i < n_; ++i) z[i] = {z[i].imag() * share, z[i].real() * share};
}

std::vector<float> convolve(std::span<const float> x, std::span<const float> h) {
  std::vector<float> y(x.size(), 0.0f);
  if (x.empty() || h.empty()) return y;
  h = h.first(std::min(h.size(), x.size()));
  const std::size_t n = std::bit_ceil(std::max<std::size_t>(2 * h.size(), 1024));
  const std::size_t block = n - h.size() + 1;
  const Fft fft(n);
  std::vector<std::complex<float>> filter(n), z(n);
  for (std::size_t i = 0; i < h.size(); ++i) filter[i] = h[i];
  fft.forward(filter.data());
  // h is real: one transform carries two blocks, one as the real and one as the imaginary part.
  for (std::size_t first = 0; first < x.size(); first += 2 * block) {
    const std::size_t second = first + block;
    std::fill(z.begin(), z.end(), std::complex<float>());
    for (std::size_t i = 0; i < block && first + i < x.size(); ++i)
      z[i] = {x[first + i], second + i < x.size() ? x[second + i] : 0.0f};
    fft.forward(z.data());
    for (std::size_t k = 0; k < n; ++k) z[k] = times(z[k], filter[k]);
    fft.inverse(z.data());
    for (std::size_t i = 0; i < n && first + i < y.size(); ++i) y[first + i] += z[i].real();
    for (std::size_t i = 0; i < n && second + i < y.size(); ++i) y[second + i] += z[i].imag();
  }
  return y;
}

}  // namespace af2
