// How loud everything in a drafted scene is: gains that meet the asked levels, and what is measured of each
// event as mixed.
#include <algorithm>
#include <cmath>

#include "af2/audio/loudness.h"
#include "af2/audio/pitch.h"
#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/synth/scene_mix.h"
#include "af2/synth/scene_plan.h"

namespace af2 {
namespace {

constexpr double kMostPeak = 0.999;     // over it the whole is scaled
constexpr double kPause_db = 10;        // where the background pauses, it counts as so far under its level
constexpr double kMeasuredLoop_s = 60;  // of a background
constexpr std::size_t kKept = 8 << 20;  // samples of signals that are kept from measuring to the peak
constexpr double kLeastVoiced = 0.5;
constexpr double kPitchHop_s = 0.01;  // of SoundLibrary::pitch

std::vector<float> to_floats(const std::vector<double>& x) {
  return {x.begin(), x.end()};
}

// Of a part of a take: the median of its frames that have a pitch, if half of them have.
std::optional<double> pitch_of_part(const PitchTrack& track, double from_s, double to_s) {
  const auto n = track.hz.size();
  const auto first = std::min(n, static_cast<std::size_t>(from_s / kPitchHop_s)),
             last = std::min(n, static_cast<std::size_t>(to_s / kPitchHop_s));
  std::vector<double> voiced;
  for (std::size_t i = first; i < last; ++i)
    if (track.hz[i] > 0) voiced.push_back(track.hz[i]);
  if (voiced.empty() || static_cast<double>(voiced.size()) < kLeastVoiced * static_cast<double>(last - first))
    return std::nullopt;
  const auto middle = voiced.begin() + static_cast<std::ptrdiff_t>(voiced.size() / 2);
  std::nth_element(voiced.begin(), middle, voiced.end());
  return *middle;
}

// Of its signal at gain 1. Returns the signal where it had to be made.
Signal measure(const SoundLibrary& library, const ScenePlan& plan, PlanEvent& event) {
  const TakeFacts& facts = library.facts(event.take);
  const int rate = plan.rate_hz;
  const PitchTrack& track = library.pitch(event.take);
  std::optional<double> hz =
      event.take_length == facts.length
          ? track.median_hz(kLeastVoiced)
          : pitch_of_part(track, static_cast<double>(event.take_begin) / rate,
                          static_cast<double>(event.take_begin + event.take_length) / rate);
  if (hz) event.pitch_hz = *hz * std::exp2(event.semitones / 12);
  if (is_plain(library, event)) {
    event.lkfs = facts.lkfs, event.change_db = facts.change_db, event.peak = facts.peak;
    return nullptr;
  }
  auto signal = std::make_shared<const std::vector<float>>(event_signal(library, plan, event));
  const auto span = std::span<const float>(*signal).first(static_cast<std::size_t>(event.length));
  event.lkfs = loudness_lkfs(span, rate);
  event.change_db = level_change_db(span);
  event.peak = peak(*signal);
  return signal;
}

// The highest sample of the mix, or `least` where none is above it. Looks only where it can be.
double highest_peak(const SoundLibrary& library, const ScenePlan& plan, std::vector<Signal> known,
                    double least) {
  double background = 0;
  for (const PlanBackground& b : plan.backgrounds)
    // Where its loop begins again, two of its samples add up.
    background += b.gain * library.facts(b.take).peak * (b.crossfade > 0 ? std::sqrt(2.0) : 1.0);
  const auto block = static_cast<std::int64_t>(plan.rate_hz) / 4;
  const auto channels = static_cast<std::size_t>(plan.channels);
  SceneMixer mixer(library, plan, std::move(known));
  std::vector<float> out;
  double highest = least;
  std::size_t next = 0;
  std::vector<std::size_t> open;
  for (std::int64_t begin = 0; begin < plan.length; begin += block) {
    const std::int64_t end = std::min(plan.length, begin + block);
    std::erase_if(open, [&](std::size_t i) { return plan.events[i].end() + plan.events[i].tail <= begin; });
    for (; next < plan.events.size() && plan.events[next].onset < end; ++next) open.push_back(next);
    double bound = background;
    for (const std::size_t i : open) bound += plan.events[i].peak;
    if (bound <= highest) continue;
    out.resize(static_cast<std::size_t>(end - begin) * channels);
    mixer.mix(begin, out);
    highest = std::max<double>(highest, peak(out));
  }
  return highest;
}

}  // namespace

void set_levels(const SoundLibrary& library, ScenePlan& plan) {
  const int rate = plan.rate_hz;
  for (PlanBackground& b : plan.backgrounds) {
    const LoopReader loop(library.samples(b.take), b.crossfade);
    const auto n =
        std::min({b.end - b.begin, loop.period(), static_cast<std::int64_t>(kMeasuredLoop_s * rate)});
    std::vector<double> piece(static_cast<std::size_t>(n), 0.0);
    loop.add(b.take_begin, 1, piece);
    const double lkfs = loudness_lkfs(to_floats(piece), rate);
    if (lkfs <= kSilenceLkfs)
      throw data_error("is silent over a whole stretch", library.take(b.take).id,
                       "take it out of the backgrounds");
    b.gain = from_db(b.lufs - lkfs);
  }
  SceneMixer mixer(library, plan);
  std::vector<Signal> kept(plan.events.size());
  std::size_t kept_samples = 0;
  for (std::size_t i = 0; i < plan.events.size(); ++i) {
    PlanEvent& event = plan.events[i];
    Signal signal = measure(library, plan, event);
    if (signal && kept_samples + signal->size() <= kKept) {
      kept_samples += signal->size();
      kept[i] = std::move(signal);
    }
    double reference = event.reference_lufs;
    std::optional<double> below;
    if (!plan.backgrounds.empty()) {
      std::vector<double> span(static_cast<std::size_t>(event.length), 0.0);
      mixer.add_background(event.onset, span);
      below = loudness_lkfs(to_floats(span), rate);
      reference = std::max(*below, reference - kPause_db);
    }
    const double wanted = reference + event.asked_snr_db;
    event.gain = from_db(wanted - event.lkfs);
    event.peak = static_cast<float>(event.peak * event.gain);
    event.lkfs = wanted;
    if (below) event.snr_db = wanted - *below;
  }
  const double highest = highest_peak(library, plan, std::move(kept), kMostPeak);
  if (highest <= kMostPeak) return;
  plan.scale = kMostPeak / highest;
  for (PlanBackground& b : plan.backgrounds) b.gain *= plan.scale;
  for (PlanEvent& event : plan.events) {
    event.gain *= plan.scale;
    event.peak = static_cast<float>(event.peak * plan.scale);
    event.lkfs += to_db(plan.scale);
  }
}

ScenePlan plan_scene(const SoundLibrary& library, Split split, const SceneSpec& spec, Random& rng) {
  ScenePlan plan = draft_scene(library, split, spec, rng);
  set_levels(library, plan);
  return plan;
}

std::int64_t append_scene(ScenePlan& plan, const ScenePlan& part, std::int64_t crossfade) {
  if (plan.length > 0 &&
      (plan.rate_hz != part.rate_hz || plan.channels != part.channels || plan.split != part.split))
    throw internal_error("scenes of another rate, number of channels or split cannot be joined");
  if (plan.length == 0) plan.rate_hz = part.rate_hz, plan.channels = part.channels, plan.split = part.split;
  crossfade = std::min({crossfade, plan.length, part.length / 2});
  const std::int64_t begin = plan.length - crossfade;
  for (PlanBackground& b : plan.backgrounds)
    if (b.end == plan.length) b.fade_out = crossfade;
  const int rooms = static_cast<int>(plan.rooms.size());
  int groups = 0;
  for (const PlanEvent& e : plan.events) groups = std::max(groups, e.group + 1);
  for (PlanBackground b : part.backgrounds) {
    b.begin += begin, b.end += begin;
    b.fade_in = crossfade;
    plan.backgrounds.push_back(b);
  }
  for (PlanEvent e : part.events) {
    e.onset += begin, e.group += groups;
    if (e.room >= 0) e.room += rooms;
    plan.events.push_back(std::move(e));
  }
  plan.rooms.insert(plan.rooms.end(), part.rooms.begin(), part.rooms.end());
  plan.length = begin + part.length;
  std::stable_sort(plan.events.begin(), plan.events.end(),
                   [](const PlanEvent& a, const PlanEvent& b) { return a.onset < b.onset; });
  return begin;
}

}  // namespace af2
