#include "af2/data/scene.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>
#include <span>

#include "af2/audio/signal.h"
#include "af2/core/error.h"

namespace af2 {
namespace {

constexpr double kMaxSceneSeconds = 60;
constexpr double kMaxPeak = 0.98;
constexpr double kShortestEvent = 0.05;  // seconds an event may be cut to
constexpr double kFadeIn = 0.001;        // seconds: attacks stay
constexpr double kFadeOut = 0.010;

std::size_t to_samples(double seconds) {
  return static_cast<std::size_t>(std::lround(seconds * kBankRateHz));
}

struct Planned {
  int label = 0, recording = 0;
  std::size_t length = 0;    // samples, at most
  std::vector<float> audio;  // trimmed to its audible part
  std::size_t onset = 0;
  double snr_db = 0;
};

void check(const SceneOptions& o) {
  const auto need = [](bool good, const char* what) {
    if (!good) throw user_error(std::string("scene options: ") + what);
  };
  need(o.min_seconds >= 0.1 && o.min_seconds <= o.max_seconds && o.max_seconds <= kMaxSceneSeconds,
       "0.1 <= min_seconds <= max_seconds <= 60 is needed");
  need(o.min_events >= 1 && o.min_events <= o.max_events && o.max_events <= 64,
       "1 <= min_events <= max_events <= 64 is needed");
  need(o.max_event_seconds >= kShortestEvent, "max_event_seconds must be at least 0.05");
  need(o.min_snr_db <= o.max_snr_db && o.min_background_db <= o.max_background_db, "a level range is empty");
  need(o.min_gap_s >= 0 && o.min_onset_gap_s >= 0, "gaps must not be negative");
  need(o.repeats >= 0 && o.repeats <= 64, "repeats must be in 0..64");
  const std::array weights = {o.weight_silence, o.weight_white, o.weight_pink, o.weight_brown,
                              o.weight_ambience};
  need(std::all_of(weights.begin(), weights.end(), [](double w) { return w >= 0 && std::isfinite(w); }) &&
           std::accumulate(weights.begin(), weights.end(), 0.0) > 0,
       "background weights must be positive");
}

std::vector<int> eligible_labels(const SoundBank& bank, Split split, const SceneOptions& o) {
  std::vector<int> pool = o.countable ? bank.countable_labels(split) : bank.labels_in(split);
  if (!o.labels.empty())
    std::erase_if(pool,
                  [&](int l) { return std::find(o.labels.begin(), o.labels.end(), l) == o.labels.end(); });
  if (pool.empty())
    throw data_error(std::string("the bank has no fitting recordings for ") + split_name(split));
  return pool;
}

// The labels of the scene, first the asked one; no two that one word may name.
std::vector<int> draw_labels(const SoundBank& bank, const std::vector<int>& pool, Random& rng,
                             const SceneOptions& o) {
  if (o.first_label >= 0 && !std::binary_search(pool.begin(), pool.end(), o.first_label))
    throw data_error("label " + std::to_string(o.first_label) + " has no fitting recordings");
  std::vector<int> labels = {o.first_label >= 0 ? o.first_label : rng.pick(pool)};
  const int wanted = rng.range(o.min_events, o.max_events);
  std::vector<int> rest = pool;
  while (static_cast<int>(labels.size()) < wanted) {
    std::erase_if(rest, [&](int l) { return bank.confusable(l, labels.back()); });
    if (rest.empty()) {
      if (static_cast<int>(labels.size()) >= o.min_events) break;
      throw data_error("the bank has too few different labels for the scene");
    }
    labels.push_back(rng.pick(rest));
  }
  return labels;
}

int draw_recording(const SoundBank& bank, Split split, int label, Random& rng, const SceneOptions& o) {
  return o.countable ? bank.draw_countable(split, label, rng) : bank.draw(split, label, rng);
}

std::vector<Planned> plan_events(const SoundBank& bank, Split split, const std::vector<int>& labels,
                                 Random& rng, const SceneOptions& o) {
  std::vector<Planned> events;
  for (std::size_t i = 0; i < labels.size(); ++i) {
    int times = rng.chance(o.repeat_chance) ? rng.range(2, 3) : 1;
    if (i == 0 && o.repeats > 0) times = o.repeats;
    const int first = draw_recording(bank, split, labels[i], rng, o);
    const bool same = rng.chance(o.same_recording);
    for (int k = 0; k < times; ++k) {
      Planned event;
      event.label = labels[i];
      event.recording = k == 0 || same ? first : draw_recording(bank, split, labels[i], rng, o);
      const std::size_t audible = bank.sound(event.recording).audible.size();
      if (audible == 0)
        throw data_error("is silent", bank.recordings()[event.recording].path, "take it out of the bank");
      event.length = std::min(audible, to_samples(o.max_event_seconds));
      events.push_back(std::move(event));
    }
  }
  return events;
}

// Time from an onset to the next one, in samples, when nothing overlaps.
std::size_t slot(std::size_t length, const SceneOptions& o) {
  return std::max(length + to_samples(o.min_gap_s), to_samples(o.min_onset_gap_s));
}

// Shortens the events evenly from the longest until they fit one after the other; false if they cannot.
bool fit_lengths(std::vector<Planned>& events, std::size_t n, const SceneOptions& o) {
  std::size_t cap = n * 9 / 10;
  for (;; cap = cap * 9 / 10) {
    if (cap < to_samples(kShortestEvent)) return false;
    std::size_t total = 0;
    for (const Planned& e : events) total += slot(std::min(e.length, cap), o);
    if (total <= n * 95 / 100) break;
  }
  for (Planned& e : events) e.length = std::min(e.length, cap);
  return true;
}

// The audible part of the recording, cropped: from its attack when that loses little, else at a drawn place
// that holds something loud.
std::vector<float> event_audio(const Sound& sound, std::size_t length, bool keep_attack, Random& rng) {
  const SampleSpan all = sound.audible;
  if (length >= all.size()) return sound.to_float(all);
  std::vector<float> audio;
  for (int attempt = 0; !keep_attack && attempt < 8; ++attempt) {
    const std::size_t begin = all.begin + rng.below(all.size() - length + 1);
    audio = sound.to_float({begin, begin + length});
    float loudest = 0;
    for (const float e : frame_energy(audio, 160)) loudest = std::max(loudest, e);
    if (10 * std::log10(std::max(loudest, 1e-12f)) >= sound.loudest_db - 15) return audio;
  }
  return sound.to_float({all.begin, all.begin + length});
}

void render_events(const SoundBank& bank, std::vector<Planned>& events, Random& rng, const SceneOptions& o) {
  for (Planned& e : events) {
    const Sound& sound = bank.sound(e.recording);
    const bool keep_attack = o.countable || sound.audible.size() < to_samples(4.0);
    e.audio = event_audio(sound, e.length, keep_attack, rng);
    if (o.augment_events > 0) {
      AugmentOptions augmentation = o.event_augment;
      augmentation.strength = o.augment_events;
      e.audio = augment(e.audio, rng, augmentation);
    }
    const SampleSpan span = audible_span(e.audio);
    if (span.size() == 0) {  // augmentation left nothing: take the recording as it is
      e.audio = event_audio(sound, e.length, true, rng);
    } else {
      e.audio.erase(e.audio.begin() + static_cast<std::ptrdiff_t>(span.end), e.audio.end());
      e.audio.erase(e.audio.begin(), e.audio.begin() + static_cast<std::ptrdiff_t>(span.begin));
    }
    if (e.audio.size() > e.length) e.audio.resize(e.length);
    fade(e.audio, kFadeIn, kFadeOut, kBankRateHz);
  }
}

// One after the other, in drawn order with drawn pauses.
void place_in_line(std::vector<Planned>& events, std::size_t n, Random& rng, const SceneOptions& o) {
  rng.shuffle(events);
  std::size_t used = 0;
  for (std::size_t i = 0; i < events.size(); ++i)
    used += i + 1 < events.size() ? slot(events[i].audio.size(), o) : events[i].audio.size();
  std::vector<std::size_t> pauses(events.size());
  for (auto& pause : pauses) pause = rng.below(n - used + 1);
  std::sort(pauses.begin(), pauses.end());
  std::size_t at = 0;
  for (std::size_t i = 0; i < events.size(); ++i) {
    events[i].onset = at + pauses[i];
    at += slot(events[i].audio.size(), o);
  }
}

// Anywhere, at most two at once, never two of one label; false after 50 failed draws.
bool place_overlapping(std::vector<Planned>& events, std::size_t n, Random& rng, const SceneOptions& o) {
  const std::size_t gap = to_samples(o.min_gap_s), onset_gap = to_samples(o.min_onset_gap_s);
  for (int attempt = 0; attempt < 50; ++attempt) {
    bool good = true;
    for (Planned& e : events) e.onset = rng.below(n - e.audio.size() + 1);
    for (std::size_t i = 0; i < events.size() && good; ++i) {
      int others = 0;
      for (std::size_t j = 0; j < events.size() && good; ++j) {
        if (i == j) continue;
        const Planned &a = events[i], &b = events[j];
        const std::size_t apart = a.onset > b.onset ? a.onset - b.onset : b.onset - a.onset;
        const std::size_t room = a.label == b.label ? gap : 0;
        const bool touch =
            a.onset < b.onset + b.audio.size() + room && b.onset < a.onset + a.audio.size() + room;
        others += touch ? 1 : 0;
        if (apart < onset_gap || (touch && a.label == b.label)) good = false;
      }
      if (others > 1) good = false;
    }
    if (good) return true;
  }
  return false;
}

void draw_snrs(std::vector<Planned>& events, bool overlapping, Random& rng, const SceneOptions& o) {
  const double base = rng.uniform(o.min_snr_db, o.max_snr_db);
  std::sort(events.begin(), events.end(), [](const auto& a, const auto& b) { return a.onset < b.onset; });
  for (std::size_t i = 0; i < events.size(); ++i) {
    // Events at once stay within 8 dB of one another, repeats of a sound within 4 dB.
    double snr = overlapping ? base + rng.uniform(-4, 4) : rng.uniform(o.min_snr_db, o.max_snr_db);
    for (std::size_t j = 0; j < i; ++j) {
      if (events[j].label != events[i].label) continue;
      snr = events[j].snr_db + rng.uniform(-2, 2);
      break;
    }
    events[i].snr_db = std::clamp(snr, o.min_snr_db, o.max_snr_db);
  }
}

// n samples of a looped recording with crossfades of at most half a second, at `level_db`.
std::vector<float> loop_recording(const Sound& sound, std::size_t n, double level_db, Random& rng) {
  const std::size_t length = std::min(sound.audible.size(), n);
  const std::size_t begin = sound.audible.begin + rng.below(sound.audible.size() - length + 1);
  std::vector<float> part = sound.to_float({begin, begin + length});
  const std::size_t cross = std::min<std::size_t>(kBankRateHz / 2, length / 4);
  const double cross_s = static_cast<double>(cross) / kBankRateHz;
  if (length < n) fade(part, cross_s, cross_s, kBankRateHz);
  std::vector<float> result(n, 0.0f);
  for (std::size_t at = 0; at < n; at += std::max<std::size_t>(1, length - cross))
    for (std::size_t i = 0; i < length && at + i < n; ++i) result[at + i] += part[i];
  scale(result, static_cast<float>(from_db(level_db - active_level_db(result))));
  return result;
}

std::vector<float> make_background(const SoundBank& bank, Split split, std::size_t n, double level_db,
                                   Scene& scene, const std::vector<int>& labels, Random& rng,
                                   const SceneOptions& o) {
  std::vector<int> ambiences;
  for (const int label : bank.labels_in(split)) {
    const auto& names = o.ambience_labels;
    if (std::find(names.begin(), names.end(), bank.labels()[label].name) == names.end()) continue;
    if (std::none_of(labels.begin(), labels.end(), [&](int l) { return bank.confusable(l, label); }))
      ambiences.push_back(label);
  }
  const std::array weights = {o.weight_silence, o.weight_white, o.weight_pink, o.weight_brown,
                              o.weight_ambience};
  double at = rng.uniform() * std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t kind = 0;
  while (kind + 1 < weights.size() && at >= weights[kind]) at -= weights[kind++];
  if (kind == 4 && !ambiences.empty()) {
    const int recording = bank.draw(split, rng.pick(ambiences), rng);
    const Sound& sound = bank.sound(recording);
    if (sound.audible.size() >= to_samples(2.0)) {
      scene.background = bank.recordings()[recording].id;
      scene.background_label = bank.recordings()[recording].label;
      return loop_recording(sound, n, level_db, rng);
    }
  }
  if (kind == 0) {
    scene.background = "silence";
    return std::vector<float>(n, 0.0f);
  }
  scene.background = kind == 1 ? "white" : kind == 3 ? "brown" : "pink";
  std::vector<float> noise = coloured_noise(n, kind == 1 ? 0 : kind == 3 ? 2 : 1, kBankRateHz, rng);
  scale(noise, static_cast<float>(from_db(level_db)));
  return noise;
}

EnergyTrack energy_track(std::span<const float> samples, std::size_t onset) {
  EnergyTrack track;
  track.first = onset / kEnergyFrame;
  track.energy.resize((onset + samples.size() + kEnergyFrame - 1) / kEnergyFrame - track.first);
  for (std::size_t i = 0; i < samples.size(); ++i)
    track.energy[(onset + i) / kEnergyFrame - track.first] += samples[i] * samples[i];
  for (float& e : track.energy) e /= static_cast<float>(kEnergyFrame);
  return track;
}

void mix(const SoundBank& bank, std::vector<Planned>& events, double level_db, Scene& scene,
         const SceneOptions& o) {
  const std::vector<float> background = scene.samples;
  scene.background_energy = energy_track(background, 0);
  for (Planned& e : events) {
    SceneEvent event;
    event.label = e.label;
    event.recording_id = bank.recordings()[e.recording].id;
    event.onset_s = static_cast<double>(e.onset) / kBankRateHz;
    event.offset_s = static_cast<double>(e.onset + e.audio.size()) / kBankRateHz;
    event.repeat_index = scene.count(e.label);
    // Silence, and the pauses of an ambience, count as at most 10 dB under the nominal level.
    const double below = rms_db(std::span(background).subspan(e.onset, e.audio.size()));
    const double reference = scene.background == "silence" ? level_db : std::max(below, level_db - 10);
    event.gain_db = reference + e.snr_db - active_level_db(e.audio);
    event.snr_db = e.snr_db;
    scale(e.audio, static_cast<float>(from_db(event.gain_db)));
    for (std::size_t i = 0; i < e.audio.size(); ++i) scene.samples[e.onset + i] += e.audio[i];
    scene.event_energy.push_back(energy_track(e.audio, e.onset));
    scene.events.push_back(std::move(event));
    if (!o.stems) continue;
    std::vector<float> stem(scene.samples.size(), 0.0f);
    std::copy(e.audio.begin(), e.audio.end(), stem.begin() + static_cast<std::ptrdiff_t>(e.onset));
    scene.stems.push_back(std::move(stem));
  }
}

void limit_peak(Scene& scene) {
  const double most = peak(scene.samples);
  if (most <= kMaxPeak) return;
  scene.scale = kMaxPeak / most;
  const auto factor = static_cast<float>(scene.scale);
  scale(scene.samples, factor);
  for (auto& stem : scene.stems) scale(stem, factor);
  for (auto& track : scene.event_energy) scale(track.energy, factor * factor);
  scale(scene.background_energy.energy, factor * factor);
  for (SceneEvent& e : scene.events) e.gain_db += to_db(scene.scale);
}

}  // namespace

AugmentOptions event_augmentation() {
  AugmentOptions o;
  o.crop_chance = o.noise_chance = o.fade_chance = o.gain_chance = 0;
  o.coarse_chance = o.telephone_chance = 0;
  return o;
}

AugmentOptions whole_augmentation() {
  AugmentOptions o;
  o.crop_chance = o.speed_chance = o.stretch_chance = o.fade_chance = o.noise_chance = 0;
  return o;
}

bool Scene::has_label(int label) const {
  return count(label) > 0;
}

int Scene::count(int label) const {
  return static_cast<int>(
      std::count_if(events.begin(), events.end(), [&](const SceneEvent& e) { return e.label == label; }));
}

std::vector<int> Scene::labels() const {
  std::vector<int> result;
  for (const SceneEvent& e : events)
    if (std::find(result.begin(), result.end(), e.label) == result.end()) result.push_back(e.label);
  return result;
}

Scene make_scene(const SoundBank& bank, Split split, Random& rng, const SceneOptions& o) {
  check(o);
  Scene scene;
  scene.pool = eligible_labels(bank, split, o);
  const std::size_t n = to_samples(rng.uniform(o.min_seconds, o.max_seconds));
  scene.seconds = static_cast<double>(n) / kBankRateHz;
  std::vector<int> labels = draw_labels(bank, scene.pool, rng, o);
  if (o.repeats > 0) scene.counted_label = labels[0];
  std::vector<Planned> events = plan_events(bank, split, labels, rng, o);
  while (!fit_lengths(events, n, o)) {  // fewer labels, then no free repeats, then it is impossible
    if (static_cast<int>(labels.size()) > o.min_events) {
      std::erase_if(events, [&](const Planned& e) { return e.label == labels.back(); });
      labels.pop_back();
      continue;
    }
    const std::size_t before = events.size();
    for (const int label : labels) {
      const std::size_t keep = label == labels[0] && o.repeats > 0 ? static_cast<std::size_t>(o.repeats) : 1;
      std::size_t seen = 0;
      std::erase_if(events, [&](const Planned& e) { return e.label == label && ++seen > keep; });
    }
    if (events.size() == before)
      throw user_error("the events do not fit into " + std::to_string(scene.seconds) + " s", "scene options",
                       "ask for more seconds, fewer events or smaller gaps");
  }
  render_events(bank, events, rng, o);
  const bool overlapping = rng.chance(o.overlap) && place_overlapping(events, n, rng, o);
  if (!overlapping) place_in_line(events, n, rng, o);
  draw_snrs(events, overlapping, rng, o);
  const double level_db = rng.uniform(o.min_background_db, o.max_background_db);
  scene.samples = make_background(bank, split, n, level_db, scene, labels, rng, o);
  mix(bank, events, level_db, scene, o);
  if (o.augment_whole > 0) {
    AugmentOptions augmentation = o.whole_augment;
    augmentation.strength = o.augment_whole;
    augmentation.keep_length = true;
    scene.samples = augment(scene.samples, rng, augmentation);
  }
  limit_peak(scene);
  return scene;
}

}  // namespace af2
