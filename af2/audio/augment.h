// Seeded augmentation of training sounds: level, band, noise, pitch, stretch, room, equaliser, distortion.
//
// For mono float signals on their way into scenes and batches. Not for inference. Thread rule: free functions
// without shared state; a Random belongs to its caller. Same samples, options and generator state: same
// result.
//
//   Random rng("af2/augment/1/42/dog_017/pass3");
//   std::vector<float> y = augment(x, rng, {});     // lengths change with speed, stretch and crop
//   AugmentOptions gentle; gentle.strength = 0.5;   // half of every chance
#pragma once

#include <span>
#include <vector>

#include "af2/core/random.h"

namespace af2 {

struct Range {
  double low, high;
};

struct AugmentOptions {
  int rate_hz = 16000;
  double strength = 1;       // multiplies every chance below, 0: nothing is done
  bool keep_length = false;  // cut or zero-pad the result to the length of the input

  double crop_chance = 0.2;
  double crop_keep = 0.6;  // at least this share stays
  double speed_chance = 0.4;
  Range speed{0.7, 1.4};        // pitch and speed together; drawn evenly in log
  double stretch_chance = 0.2;  // only where speed was not changed
  Range stretch{0.7, 1.4};      // of the duration, pitch kept
  double tilt_chance = 0.3;
  Range tilt_db{-6, 6};  // treble against bass
  double peaks_chance = 0.3;
  int most_peaks = 3;
  Range peak_db{-9, 9};
  double low_pass_chance = 0.15;
  Range low_pass_hz{2000, 7000};
  double high_pass_chance = 0.15;
  Range high_pass_hz{50, 400};
  double telephone_chance = 0.05;
  double reverb_chance = 0.25;
  Range t60_s{0.1, 1.2};
  Range direct_db{-3, 15};  // energy of the direct sound over that of the room
  double noise_chance = 0.4;
  Range snr_db{5, 40};
  Range noise_slope{-0.5, 2};  // power falls as 1/f^slope: 0 white, 1 pink, 2 brown
  double soft_clip_chance = 0.1;
  Range drive_db{0, 15};
  double coarse_chance = 0.05;  // 8 bit or mu-law
  double fade_chance = 0.2;
  Range fade_s{0.005, 0.3};
  double gain_chance = 1;
  Range gain_db{-20, 6};
};

// Draws and applies the above, in that order. Never NaN; silence stays silence; nothing is clamped to +-1.
// Each effect draws from a generator of its own, so that switching one off leaves the others' draws as they
// were. Throws kUser when a range is upside down or a rate or share makes no sense.
std::vector<float> augment(std::span<const float> samples, Random& rng, const AugmentOptions& options);

// The single effects. Rates in Hz; lengths are kept unless said.
// Speed and pitch times `factor` (0.25..4), low-pass before thinning: round(n / factor) samples, at least 1.
std::vector<float> change_speed(std::span<const float> x, double factor, double rate_hz);
// Duration times `factor` (0.25..4), pitch kept (WSOLA): round(n * factor) samples, at least 1.
std::vector<float> time_stretch(std::span<const float> x, double factor, double rate_hz);
// Fourth-order Butterworth low-pass or high-pass, in place.
void low_pass(std::span<float> x, double hz, double rate_hz);
void high_pass(std::span<float> x, double hz, double rate_hz);
void telephone(std::span<float> x, double rate_hz);  // 300 to 3400 Hz, mu-law
// n samples of noise whose power falls as 1/f^slope (slope -1..2) between 20 Hz and 6 kHz, rms 1.
std::vector<float> coloured_noise(std::size_t n, double slope, double rate_hz, Random& rng);
// Adds noise so that rms(x) / rms(noise) is exactly snr_db; nothing to a silent x.
void add_noise(std::span<float> x, double snr_db, double slope, double rate_hz, Random& rng);
// A synthetic room: exponentially decaying, darkening noise of T60 `t60_s` after 2 to 20 ms, with the direct
// sound `direct_db` above it in energy. The tail beyond the end is cut; the rms of x is kept.
std::vector<float> reverb(std::span<const float> x, double t60_s, double direct_db, double rate_hz,
                          Random& rng);
void tilt(std::span<float> x, double db, double rate_hz);  // shelves of -db/2 and +db/2 around 1 kHz
void soft_clip(std::span<float> x, double drive_db);       // about tanh of x over its peak, peak kept
void quantise_8_bit(std::span<float> x);                   // 255 even steps over the peak
void mu_law(std::span<float> x);                           // 255 steps, mu = 255, over the peak
void fade(std::span<float> x, double in_s, double out_s, double rate_hz);  // raised cosine

}  // namespace af2
