#include "af2/audio/augment.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <numbers>
#include <string>

#include "af2/audio/signal.h"
#include "af2/core/error.h"

namespace af2 {
namespace {

void check(const Range& range, const char* name, double least, double most) {
  if (!(range.low <= range.high) || !(range.low >= least) || !(range.high <= most))
    throw user_error(std::string("augmentation: ") + name + " must be a range within " +
                     std::to_string(least) + " and " + std::to_string(most));
}

void check(const AugmentOptions& o) {
  if (o.rate_hz < 1000) throw user_error("augmentation: rate_hz must be at least 1000");
  if (!(o.strength >= 0)) throw user_error("augmentation: strength must be 0 or more");
  if (!(o.crop_keep > 0 && o.crop_keep <= 1)) throw user_error("augmentation: crop_keep must be in (0, 1]");
  if (o.most_peaks < 1 || o.most_peaks > 20) throw user_error("augmentation: most_peaks must be 1 to 20");
  check(o.speed, "speed", 0.25, 4);
  check(o.stretch, "stretch", 0.25, 4);
  check(o.tilt_db, "tilt_db", -40, 40);
  check(o.peak_db, "peak_db", -40, 40);
  check(o.low_pass_hz, "low_pass_hz", 20, 1e6);
  check(o.high_pass_hz, "high_pass_hz", 1, 1e6);
  check(o.t60_s, "t60_s", 0.01, 20);
  check(o.direct_db, "direct_db", -60, 100);
  check(o.snr_db, "snr_db", -60, 200);
  check(o.noise_slope, "noise_slope", -1, 2);
  check(o.drive_db, "drive_db", -40, 60);
  check(o.fade_s, "fade_s", 0, 60);
  check(o.gain_db, "gain_db", -100, 100);
}

double draw(Random& rng, const Range& range) {
  return rng.uniform(range.low, range.high);
}
double draw_log(Random& rng, const Range& range) {
  return std::exp(rng.uniform(std::log(range.low), std::log(range.high)));
}

void crop(std::vector<float>& y, double keep, Random& rng) {
  const std::size_t n = y.size();
  const auto kept =
      std::max<std::size_t>(1, static_cast<std::size_t>(rng.uniform(keep, 1.0) * static_cast<double>(n)));
  const std::size_t first = rng.below(n - kept + 1);
  y = std::vector<float>(y.begin() + static_cast<std::ptrdiff_t>(first),
                         y.begin() + static_cast<std::ptrdiff_t>(first + kept));
}

void random_peaks(std::vector<float>& y, const AugmentOptions& o, Random& rng) {
  const int n = rng.range(1, o.most_peaks);
  for (int i = 0; i < n; ++i) {
    const double hz = draw_log(rng, {80, std::max(100.0, 0.45 * o.rate_hz)});
    const double q = draw_log(rng, {0.5, 4});
    Biquad::peaking(hz, o.rate_hz, q, draw(rng, o.peak_db)).run(y);
  }
}

void random_fade(std::vector<float>& y, const AugmentOptions& o, Random& rng) {
  const double in_s = draw(rng, o.fade_s), out_s = draw(rng, o.fade_s);
  const int ends = rng.range(1, 3);  // in, out, both
  fade(y, ends != 2 ? in_s : 0, ends != 1 ? out_s : 0, o.rate_hz);
}

}  // namespace

std::vector<float> augment(std::span<const float> samples, Random& rng, const AugmentOptions& o) {
  check(o);
  std::vector<float> y(samples.begin(), samples.end());
  const Random seeds(rng.next());
  enum Effect {
    kCrop,
    kSpeed,
    kStretch,
    kTilt,
    kPeaks,
    kLowPass,
    kHighPass,
    kTelephone,
    kReverb,
    kNoise,
    kSoftClip,
    kCoarse,
    kFade,
    kGain,
    kEffects
  };
  std::array<std::uint64_t, kEffects> seed;
  Random seeder = seeds;
  for (auto& s : seed) s = seeder.next();
  if (y.empty()) return y;
  const auto on = [&](Effect effect, double chance, auto apply) {
    Random own(seed[effect]);
    if (!own.chance(chance * o.strength)) return false;
    apply(own);
    return true;
  };
  const double rate = o.rate_hz;
  on(kCrop, o.crop_chance, [&](Random& r) { crop(y, o.crop_keep, r); });
  if (!on(kSpeed, o.speed_chance, [&](Random& r) { y = change_speed(y, draw_log(r, o.speed), rate); }))
    on(kStretch, o.stretch_chance, [&](Random& r) { y = time_stretch(y, draw_log(r, o.stretch), rate); });
  on(kTilt, o.tilt_chance, [&](Random& r) { tilt(y, draw(r, o.tilt_db), rate); });
  on(kPeaks, o.peaks_chance, [&](Random& r) { random_peaks(y, o, r); });
  on(kLowPass, o.low_pass_chance, [&](Random& r) { low_pass(y, draw_log(r, o.low_pass_hz), rate); });
  on(kHighPass, o.high_pass_chance, [&](Random& r) { high_pass(y, draw_log(r, o.high_pass_hz), rate); });
  on(kReverb, o.reverb_chance, [&](Random& r) {
    const double t60_s = draw_log(r, o.t60_s), direct_db = draw(r, o.direct_db);
    y = reverb(y, t60_s, direct_db, rate, r);
  });
  on(kNoise, o.noise_chance, [&](Random& r) {
    const double snr_db = draw(r, o.snr_db), slope = draw(r, o.noise_slope);
    add_noise(y, snr_db, slope, rate, r);
  });
  on(kTelephone, o.telephone_chance, [&](Random&) { telephone(y, rate); });
  on(kSoftClip, o.soft_clip_chance, [&](Random& r) { soft_clip(y, draw(r, o.drive_db)); });
  on(kCoarse, o.coarse_chance, [&](Random& r) { r.chance(0.5) ? mu_law(y) : quantise_8_bit(y); });
  on(kFade, o.fade_chance, [&](Random& r) { random_fade(y, o, r); });
  on(kGain, o.gain_chance, [&](Random& r) { scale(y, static_cast<float>(from_db(draw(r, o.gain_db)))); });
  if (o.keep_length) y.resize(samples.size(), 0.0f);
  return y;
}

}  // namespace af2
