#include "af2/audio/windows.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "af2/audio/signal.h"
#include "af2/core/error.h"

namespace af2 {

float through_int16(double x) {
  return static_cast<float>(std::trunc(std::clamp(x, -1.0, 1.0) * 32767.0) / 32767.0);
}

std::size_t window_count(std::size_t n_samples, std::size_t window_samples) {
  return n_samples <= window_samples ? 1 : (n_samples + window_samples - 1) / window_samples;
}

WindowPlan plan_windows(std::span<const float> samples, const WindowOptions& options) {
  const double exact = options.window_s * options.rate_hz;
  if (!(exact >= 1 && exact <= 1e9) || std::abs(exact - std::round(exact)) > 1e-6)
    throw user_error("a window of " + std::to_string(options.window_s) + " s at " +
                     std::to_string(options.rate_hz) + " Hz is no whole number of samples");
  if (options.max_windows < 0) throw user_error("the cap of windows must be 0 (none) or more");
  if (samples.empty()) throw data_error("no samples to cut into windows");

  WindowPlan plan;
  plan.window_samples = static_cast<std::size_t>(std::llround(exact));
  std::size_t n_windows = window_count(samples.size(), plan.window_samples);
  if (options.max_windows > 0) n_windows = std::min(n_windows, static_cast<std::size_t>(options.max_windows));
  plan.n_used = std::min(samples.size(), n_windows * plan.window_samples);

  const auto used = samples.first(plan.n_used);
  float low = used[0], high = used[0], zero = 0;
  for (const float x : used) {
    low = std::min(low, x);
    high = std::max(high, x);
    zero += x * 0.0f;
  }
  if (zero != 0) throw data_error("NaN or infinite samples");  // NaN compares unequal
  plan.max_abs = std::max(std::abs(low), std::abs(high));
  plan.all_non_negative = low >= 0;

  WindowReport& report = plan.report;
  const double rate = options.rate_hz;
  report.seconds_used = static_cast<double>(plan.n_used) / rate;
  report.seconds = std::max(options.clip_seconds, static_cast<double>(samples.size()) / rate);
  // A stated length that is a rounding away from the samples' is not a cut.
  report.seconds_cut = report.seconds - report.seconds_used;
  if (plan.n_used == samples.size() && report.seconds_cut < 0.01) {
    report.seconds = report.seconds_used;
    report.seconds_cut = 0;
  }
  report.n_windows = static_cast<int>(n_windows);
  report.clipped = clipped_share(used) > 0.001;
  report.silent = is_silent(used);
  report.peak = plan.max_abs;
  report.rms_db = rms_db(used);
  return plan;
}

void fill_window(std::span<const float> samples, const WindowPlan& plan, std::size_t index,
                 std::span<float> out) {
  if (index >= static_cast<std::size_t>(plan.report.n_windows) || out.size() != plan.window_samples ||
      samples.size() < plan.n_used)
    throw internal_error("fill_window: window " + std::to_string(index) + " is not in the plan");
  const std::size_t first = index * plan.window_samples;
  const std::size_t n = std::min(plan.window_samples, plan.n_used - std::min(first, plan.n_used));
  for (std::size_t i = 0; i < n; ++i) {
    const double x = samples[first + i];
    out[i] = plan.max_abs == 0       ? 0.0f
             : plan.all_non_negative ? through_int16(2 * x / plan.max_abs - 1.0)
                                     : through_int16(x / plan.max_abs);
  }
  std::fill(out.begin() + static_cast<std::ptrdiff_t>(n), out.end(), 0.0f);
}

Windows make_windows(std::span<const float> samples, const WindowOptions& options) {
  const WindowPlan plan = plan_windows(samples, options);
  const auto n_windows = static_cast<std::size_t>(plan.report.n_windows);
  Windows windows;
  windows.report = plan.report;
  windows.window_samples = plan.window_samples;
  windows.mask.assign(n_windows, 1.0f);
  windows.samples.resize(n_windows * plan.window_samples);
  for (std::size_t w = 0; w < n_windows; ++w)
    fill_window(samples, plan, w,
                std::span(windows.samples).subspan(w * plan.window_samples, plan.window_samples));
  return windows;
}

}  // namespace af2
