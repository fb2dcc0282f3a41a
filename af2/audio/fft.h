// A small radix-2 complex FFT and convolution by it, for augmentation and tests.
//
// Not for the model's log-mel (that is libtorch's). Thread rule: an Fft is constant after its making.
//
//   const Fft fft(1024);
//   std::vector<std::complex<float>> z(1024);
//   fft.forward(z.data());  fft.inverse(z.data());  // inverse divides by the size
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace af2 {

class Fft {
 public:
  // n: a power of two, at least 2. Throws kInternal otherwise.
  explicit Fft(std::size_t n);

  std::size_t size() const { return n_; }
  void forward(std::complex<float>* z) const;  // in place, exp(-2 pi i k t / n)
  void inverse(std::complex<float>* z) const;  // in place, divided by n

 private:
  std::size_t n_;
  // Of each stage in turn: exp(-pi i k / half), k < half, from half - 1 on.
  std::vector<std::complex<float>> twiddles_;
  std::vector<unsigned> reversed_;
};

// The first x.size() samples of x * h (the tail is cut), by overlap-add, two blocks at a time.
std::vector<float> convolve(std::span<const float> x, std::span<const float> h);

}  // namespace af2
