#include "af2/synth/scene_mix.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "af2/audio/signal.h"
#include "af2/core/error.h"
#include "af2/synth/stretch.h"

namespace af2 {

std::vector<float> event_source(const SoundLibrary& library, const PlanEvent& event) {
  const TakeSamples samples = library.samples(event.take);
  const auto all = std::span<const float>(*samples);
  const auto part =
      all.subspan(static_cast<std::size_t>(event.take_begin), static_cast<std::size_t>(event.take_length));
  if (event.semitones == 0 && event.stretch == 1) return {part.begin(), part.end()};
  std::vector<float> changed = shift_and_stretch(part, library.rate_hz(), event.semitones, event.stretch);
  const SampleSpan span = audible_by_peak(changed, peak(changed));
  return {changed.begin() + static_cast<std::ptrdiff_t>(span.begin),
          changed.begin() + static_cast<std::ptrdiff_t>(span.end)};
}

std::vector<float> event_signal(const SoundLibrary& library, const ScenePlan& plan, const PlanEvent& event) {
  std::vector<float> signal = event_source(library, event);
  fade_ends(signal, static_cast<std::size_t>(event.fade));
  if (event.ramp_db != 0) {
    const auto n = static_cast<double>(signal.size());
    for (std::size_t i = 0; i < signal.size(); ++i)
      signal[i] *= static_cast<float>(from_db(event.ramp_db * static_cast<double>(i) / n));
  }
  if (event.room >= 0) signal = in_room(signal, *plan.rooms.at(static_cast<std::size_t>(event.room)));
  return signal;
}

bool is_plain(const SoundLibrary& library, const PlanEvent& event) {
  return event.room < 0 && event.ramp_db == 0 && event.semitones == 0 && event.stretch == 1 &&
         event.fade == std::lround(kEventFade_s * library.rate_hz()) &&
         event.take_length == library.facts(event.take).length;
}

LoopReader::LoopReader(TakeSamples samples, std::int64_t crossfade) : samples_(std::move(samples)) {
  const auto n = static_cast<std::int64_t>(samples_->size());
  crossfade_ = std::min(crossfade, n / 2);
  period_ = n - crossfade_;
}

float LoopReader::at(std::int64_t place) const {
  const std::int64_t r = place % period_;
  const std::vector<float>& x = *samples_;
  if (r >= crossfade_ || place < period_) return x[static_cast<std::size_t>(r)];
  // Equal power: what ends and what begins have nothing to do with one another.
  const double angle =
      0.5 * std::numbers::pi * (static_cast<double>(r) + 0.5) / static_cast<double>(crossfade_);
  return static_cast<float>(std::sin(angle) * x[static_cast<std::size_t>(r)] +
                            std::cos(angle) * x[static_cast<std::size_t>(period_ + r)]);
}

void LoopReader::add(std::int64_t begin, double gain, std::span<double> out) const {
  for (std::size_t i = 0; i < out.size();) {
    const std::int64_t place = begin + static_cast<std::int64_t>(i), r = place % period_;
    if (r < crossfade_ && place >= period_) {
      out[i++] += gain * at(place);
      continue;
    }
    const auto run = std::min<std::size_t>(out.size() - i, static_cast<std::size_t>(period_ - r));
    const float* from = samples_->data() + r;
    for (std::size_t k = 0; k < run; ++k) out[i + k] += gain * from[k];
    i += run;
  }
}

SceneMixer::SceneMixer(const SoundLibrary& library, const ScenePlan& plan, std::vector<Signal> known)
    : library_(library), plan_(plan), known_(std::move(known)) {
  for (const PlanBackground& b : plan.backgrounds) loops_.emplace_back(library.samples(b.take), b.crossfade);
}

void SceneMixer::add_background(std::int64_t begin, std::span<double> out) const {
  const std::int64_t end = begin + static_cast<std::int64_t>(out.size());
  for (std::size_t k = 0; k < plan_.backgrounds.size(); ++k) {
    const PlanBackground& b = plan_.backgrounds[k];
    const std::int64_t from = std::max(begin, b.begin), to = std::min(end, b.end);
    if (from >= to) continue;
    const auto span =
        out.subspan(static_cast<std::size_t>(from - begin), static_cast<std::size_t>(to - from));
    if (from >= b.begin + b.fade_in && to <= b.end - b.fade_out) {
      loops_[k].add(b.take_begin + from - b.begin, b.gain, span);
      continue;
    }
    std::vector<double> faded(span.size(), 0.0);
    loops_[k].add(b.take_begin + from - b.begin, b.gain, faded);
    for (std::size_t i = 0; i < faded.size(); ++i) {
      const std::int64_t at = from + static_cast<std::int64_t>(i);
      const auto part = [](std::int64_t done, std::int64_t of) {
        return std::sin(0.5 * std::numbers::pi * (static_cast<double>(done) + 0.5) / static_cast<double>(of));
      };
      if (at < b.begin + b.fade_in) faded[i] *= part(at - b.begin, b.fade_in);
      if (at >= b.end - b.fade_out) faded[i] *= part(b.end - 1 - at, b.fade_out);
      span[i] += faded[i];
    }
  }
}

std::pair<double, double> pan_gains(double pan) {
  const double angle = 0.25 * std::numbers::pi * (pan + 1);
  return {std::cos(angle), std::sin(angle)};
}

void SceneMixer::mix(std::int64_t begin, std::span<float> out, const EventFn& each,
                     std::span<float> background) {
  const auto channels = static_cast<std::size_t>(plan_.channels);
  const std::size_t n = out.size() / channels;
  const std::int64_t end = begin + static_cast<std::int64_t>(n);
  mono_.assign(n, 0.0);
  add_background(begin, mono_);
  if (!background.empty()) std::copy(mono_.begin(), mono_.end(), background.begin());
  if (channels == 1) {
    sum_ = mono_;
  } else {
    sum_.resize(2 * n);
    const double half = pan_gains(0).first;
    for (std::size_t i = 0; i < n; ++i) sum_[2 * i] = sum_[2 * i + 1] = half * mono_[i];
  }
  const auto over = [&](const PlanEvent& e) { return std::min(plan_.length, e.end() + e.tail); };
  std::erase_if(active_, [&](const Active& a) {
    return over(plan_.events[static_cast<std::size_t>(a.event)]) <= begin;
  });
  for (; next_ < plan_.events.size() && plan_.events[next_].onset < end; ++next_) {
    if (over(plan_.events[next_]) <= begin) continue;
    Signal signal = next_ < known_.size() ? known_[next_] : nullptr;
    if (!signal)
      signal = std::make_shared<const std::vector<float>>(event_signal(library_, plan_, plan_.events[next_]));
    active_.push_back({static_cast<int>(next_), std::move(signal)});
  }
  for (const Active& a : active_) {
    const PlanEvent& e = plan_.events[static_cast<std::size_t>(a.event)];
    const std::int64_t from = std::max(begin, e.onset), to = std::min(end, over(e));
    if (from >= to) continue;
    piece_.resize(static_cast<std::size_t>(to - from));
    const float* x = a.signal->data() + (from - e.onset);
    const auto gain = static_cast<float>(e.gain);
    for (std::size_t i = 0; i < piece_.size(); ++i) piece_[i] = gain * x[i];
    const auto first = static_cast<std::size_t>(from - begin);
    if (channels == 1) {
      for (std::size_t i = 0; i < piece_.size(); ++i) sum_[first + i] += piece_[i];
    } else {
      const auto [left, right] = pan_gains(e.pan);
      for (std::size_t i = 0; i < piece_.size(); ++i) {
        sum_[2 * (first + i)] += left * piece_[i];
        sum_[2 * (first + i) + 1] += right * piece_[i];
      }
    }
    if (each) each(a.event, from, piece_);
  }
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<float>(sum_[i]);
}

}  // namespace af2
