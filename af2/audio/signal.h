// Levels and simple filters of mono float signals.
//
// For reports and augmentation. Not for spectra (af2/audio/fft.h, model/logmel). Thread rule: free functions
// without shared state; a Biquad holds a state and belongs to one signal.
//
//   if (is_silent(x)) return;
//   Biquad::low_pass(3400, 16000).run(x);
//   std::printf("%.1f dB\n", rms_db(x));
#pragma once

#include <span>
#include <vector>

namespace af2 {

inline constexpr float kSilencePeak = 1e-4f;  // -80 dB of full scale

float peak(std::span<const float> x);  // max |x|, 0 of nothing
double rms(std::span<const float> x);  // sqrt of the mean square, 0 of nothing
double to_db(double amplitude);        // 20 log10, at least -200
double from_db(double db);             // amplitude
double rms_db(std::span<const float> x);
double clipped_share(std::span<const float> x, float full_scale = 32767.0f / 32768);  // |x| >= full_scale
bool is_silent(std::span<const float> x);  // peak below kSilencePeak; also nothing
void scale(std::span<float> x, float factor);

// A second-order filter, direct form II transposed. The designs are those of the bilinear transform in R.
// Bristow-Johnson's "Audio EQ Cookbook"; frequencies are held below 0.49 of the rate.
class Biquad {
 public:
  static Biquad low_pass(double hz, double rate_hz, double q = 0.70710678);
  static Biquad high_pass(double hz, double rate_hz, double q = 0.70710678);
  static Biquad peaking(double hz, double rate_hz, double q, double gain_db);
  static Biquad low_shelf(double hz, double rate_hz, double gain_db);
  static Biquad high_shelf(double hz, double rate_hz, double gain_db);

  void run(std::span<float> x);                  // in place; the state goes on to the next call
  double gain(double hz, double rate_hz) const;  // amplitude response

 private:
  Biquad(double b0, double b1, double b2, double a0, double a1, double a2);
  double b0_, b1_, b2_, a1_, a2_;
  double z1_ = 0, z2_ = 0;
};

// y[n] = y[n-1] + a (x[n] - y[n-1]) with the time constant of a first-order low-pass at `hz`, in place.
void one_pole_low_pass(std::span<float> x, double hz, double rate_hz);

}  // namespace af2
