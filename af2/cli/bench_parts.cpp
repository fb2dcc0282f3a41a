#include "af2/cli/bench_parts.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>

#include "af2/cli/clap_flags.h"
#include "af2/cli/command.h"
#include "af2/core/json.h"
#include "af2/core/progress.h"
#include "af2/core/random.h"

namespace af2 {

Clip synthetic_clip(double seconds, int rate_hz) {
  Clip clip;
  Random rng("af2/bench/1");
  clip.samples.resize(static_cast<std::size_t>(std::llround(seconds * rate_hz)));
  for (std::size_t i = 0; i < clip.samples.size(); ++i) {
    const double t = static_cast<double>(i) / rate_hz;
    clip.samples[i] =
        static_cast<float>(0.3 * std::sin(2765 * t) + 0.2 * std::sin(9100 * t) + 0.05 * rng.normal());
  }
  clip.rate_hz = clip.source_rate_hz = rate_hz;
  clip.source_channels = 1;
  clip.seconds = clip.wanted_seconds = clip.file_seconds = seconds;
  return clip;
}

double peak_mib() {
  struct rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return static_cast<double>(usage.ru_maxrss) / 1024;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return n % 2 == 1 ? values[n / 2] : (values[n / 2 - 1] + values[n / 2]) / 2;
}

void time_clap(const ClipFlags& clips, const std::string& text_model, const std::vector<double>& seconds,
               int reps) {
  ClapFlags flags;
  flags.clips = clips;
  flags.text_model = text_model;
  const double start = steady_seconds();
  const ClapEngine clap = load_clap(flags);
  const double load_s = steady_seconds() - start;
  const auto timed = [&](const auto& work) {
    std::vector<double> times;
    for (int rep = -1; rep < reps; ++rep) {
      const double began = steady_seconds();
      work();
      if (rep >= 0) times.push_back(steady_seconds() - began);
    }
    return median(times);
  };
  const auto tell = [&](const std::string& what, double one_s) {
    if (clips.json)
      print_line(Json{{"type", "bench_clap"},
                      {"model", clap.config().name},
                      {"what", what},
                      {"seconds_each", one_s},
                      {"per_s", 1 / one_s},
                      {"load_s", load_s},
                      {"peak_mib", peak_mib()},
                      {"reps", reps},
                      {"dtype", clap.dtype()}}
                     .dump());
    else
      print_line(fmt::format("| {} | {:.4f} | {:.2f} | {:.0f} |", what, one_s, 1 / one_s, peak_mib()));
  };
  if (!clips.json) {
    print_line(fmt::format("{}, products in {}, loaded in {:.2f} s; median of {} after one unmeasured run",
                           clap.config().name, clap.dtype(), load_s, reps));
    print_line("| vector of | s | vectors/s | peak memory, MiB |");
    print_line("| --- | --- | --- | --- |");
  }
  for (const double length : seconds) {
    const Clip clip = synthetic_clip(length, clap.config().audio.sample_rate);
    tell(fmt::format("a clip of {:g} s", length), timed([&] { clap.audio(clip.samples); }));
  }
  constexpr std::size_t kTogether = 16;
  const Clip window = synthetic_clip(clap.config().audio.window_seconds, clap.config().audio.sample_rate);
  const std::vector<std::span<const float>> windows(kTogether, window.samples);
  tell(fmt::format("one of {} windows of {:g} s", kTogether, clap.config().audio.window_seconds),
       timed([&] { clap.windows(windows); }) / static_cast<double>(kTogether));
  const std::string text = "a dog barks twice while rain falls on a tin roof, and later a door is shut";
  tell(fmt::format("a text of {} tokens", clap.tokens(text).size()), timed([&] { clap.text(text); }));
  const std::vector<std::string> texts(kTogether, text);
  tell(fmt::format("one of {} texts of {} tokens", kTogether, clap.tokens(text).size()),
       timed([&] { clap.texts(texts); }) / static_cast<double>(kTogether));
}

}  // namespace af2
