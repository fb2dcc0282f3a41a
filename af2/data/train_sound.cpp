#include "af2/data/train_sound.h"

#include <algorithm>
#include <cmath>
#include <filesystem>

#include "af2/audio/windows.h"
#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/data/sound_place.h"

namespace af2 {
namespace {

void add_white_noise(std::vector<float>& samples, Random& rng, const SoundAugmentOptions& options) {
  if (rng.uniform() >= options.noise_share) return;
  double power = 0;
  for (const float x : samples) power += static_cast<double>(x) * x;
  power /= static_cast<double>(std::max<std::size_t>(samples.size(), 1));
  const double snr_db = rng.uniform(options.min_snr_db, options.max_snr_db);
  const double deviation = std::sqrt(power * std::pow(10, -snr_db / 10));
  for (float& x : samples) x += static_cast<float>(deviation * rng.normal());
}

}  // namespace

void SoundAugmentOptions::check(const std::string& where) const {
  const auto need = [&](bool ok, const char* key, const char* what) {
    if (!ok) throw user_error(what, where + "." + key, "correct the recipe");
  };
  need(noise_share >= 0 && noise_share <= 1, "noise_share", "must be in 0..1");
  need(std::isfinite(min_snr_db) && max_snr_db >= min_snr_db, "max_snr_db", "must not be below min_snr_db");
  need(max_shift_s >= 0 && std::isfinite(max_shift_s), "max_shift_s", "must not be negative");
}

std::string TrainDraw::name(const std::string& purpose) const {
  return purpose + "/" + std::to_string(seed) + "/" + set + "/" + std::to_string(item) + "/" +
         std::to_string(pass);
}

TrainSound load_train_sound(const TrainItem& item, const TrainDraw& draw, const TrainSoundOptions& options) {
  TrainSound sound;
  std::error_code none;
  if (!std::filesystem::exists(file_of_place(item.audio), none)) {
    sound.problem = kSoundProblems[0];
    sound.detail = item.audio + ": no such file";
    return sound;
  }
  const SoundAugmentOptions& augment = options.augment;
  const double cap_s = item.windows * options.window_s;
  DecodeOptions decode;
  decode.start_s = item.start_s;
  decode.duration_s = item.seconds;
  decode.channels = options.channels;
  decode.rate_hz = options.rate_hz;
  decode.max_seconds = cap_s;
  if (augment.crop && item.seconds > cap_s) {
    Random rng(draw.name("af2/crop/1"));
    decode.start_s += rng.uniform(0, item.seconds - cap_s);
    decode.duration_s = cap_s;
  }
  try {
    Clip clip = decode_place(item.audio, decode);
    Random rng(draw.name("af2/augment/1"));
    if (augment.max_shift_s > 0) {
      const double shift_s = rng.uniform(0, augment.max_shift_s);
      clip.samples.insert(clip.samples.begin(),
                          static_cast<std::size_t>(std::llround(shift_s * options.rate_hz)), 0.0f);
    }
    add_white_noise(clip.samples, rng, augment);
    WindowOptions windows;
    windows.rate_hz = options.rate_hz;
    windows.window_s = options.window_s;
    windows.max_windows = item.windows;
    Windows made = make_windows(clip.samples, windows);
    sound.windows = std::move(made.samples);
    sound.n_windows = made.report.n_windows;
    sound.seconds = made.report.seconds_used;
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    sound.problem = kSoundProblems[1];
    sound.detail = error.what();
  }
  return sound;
}

}  // namespace af2
