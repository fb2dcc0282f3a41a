// The waveform front end of AF2: cap, peak normalisation, whole windows, int16 rounding, and what was cut.
//
// Steps 2 to 5 of docs/spec/model.md section 1, bit for bit what the released NumPy code gives in float64.
// Not for AF-CLAP alone (no normalisation, no windows there). Thread rule: free functions without shared
// state; a WindowPlan is a value.
//
//   const Clip clip = decode_file("a.wav");
//   const Windows w = make_windows(clip.samples, {.clip_seconds = clip.wanted_seconds});
//   encode(w.samples.data(), w.report.n_windows, w.window_samples);   // [W, 160000]
//   if (w.report.seconds_cut > 0) warn("cut");
#pragma once

#include <cstddef>
#include <span>
#include <vector>

namespace af2 {

struct WindowOptions {
  int rate_hz = 16000;
  double window_s = 10;
  int max_windows = 12;     // 0: no cap
  double clip_seconds = 0;  // of the clip that the samples begin, when they are not all of it; 0: they are
};

struct WindowReport {
  double seconds = 0;       // of the clip
  double seconds_used = 0;  // heard by the model
  double seconds_cut = 0;   // the rest, beyond the cap
  int n_windows = 0;
  bool clipped = false;  // > 0.1 % of the used samples at full scale
  bool silent = false;   // peak of the used samples below -80 dB
  double peak = 0;       // of the used samples, before normalisation
  double rms_db = 0;
};

// How each window is made from the samples: for filling windows one by one, so that nothing holds an hour
// twice.
struct WindowPlan {
  WindowReport report;
  std::size_t window_samples = 0;
  std::size_t n_used = 0;         // samples, from the start
  double max_abs = 0;             // divisor; 0: digital silence, left as zeros
  bool all_non_negative = false;  // then 2 x / max - 1
};

struct Windows {
  std::vector<float> samples;  // [W, window_samples], contiguous
  std::vector<float> mask;     // [W], ones
  std::size_t window_samples = 0;
  WindowReport report;
};

// Number of windows of n samples before the cap: 1 up to one window, then 1 + ceil((n - w) / w).
std::size_t window_count(std::size_t n_samples, std::size_t window_samples);

// Looks at the samples (mono at options.rate_hz). Throws kData without samples or with NaN or infinite ones,
// kUser for a window that is no whole, positive number of samples or a negative cap.
WindowPlan plan_windows(std::span<const float> samples, const WindowOptions& options = {});

// Fills window `index` (< report.n_windows); out has plan.window_samples values. `samples` as planned.
void fill_window(std::span<const float> samples, const WindowPlan& plan, std::size_t index,
                 std::span<float> out);

// All windows at once.
Windows make_windows(std::span<const float> samples, const WindowOptions& options = {});

// Clamp to [-1, 1], x 32767, truncate toward zero, / 32767, computed in float64.
float through_int16(double x);

}  // namespace af2
