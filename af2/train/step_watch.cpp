#include "af2/train/step_watch.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <numeric>
#include <vector>

namespace af2 {
namespace {

constexpr std::size_t kWindow = 100, kFewest = 10;
constexpr std::size_t kDivergenceSteps = 20;

double mean_of_last(const std::deque<double>& values, std::size_t n) {
  return std::accumulate(values.end() - static_cast<std::ptrdiff_t>(n), values.end(), 0.0) /
         static_cast<double>(n);
}

void keep_last(std::deque<double>& values, double value) {
  if (!std::isfinite(value)) return;
  values.push_back(value);
  if (values.size() > kWindow) values.pop_front();
}

// "1:02:03", "4:05".
std::string time_left_text(double seconds) {
  const auto whole = static_cast<long>(std::max(0.0, seconds));
  return whole >= 3600 ? fmt::format("{}:{:02d}:{:02d}", whole / 3600, whole / 60 % 60, whole % 60)
                       : fmt::format("{}:{:02d}", whole / 60, whole % 60);
}

Json number_or_nothing(double value) {
  return std::isfinite(value) ? Json(value) : Json();
}

}  // namespace

double resident_mb() {
  std::ifstream file("/proc/self/statm");
  long pages = 0, resident = 0;
  if (!(file >> pages >> resident)) return 0;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1 << 20);
}

StepWatch::StepWatch(std::int64_t steps, double factor) : steps_(steps), factor_(factor) {}

double StepWatch::z_score(double value, const std::deque<double>& before) {
  if (before.size() < kFewest || !std::isfinite(value)) return 0;
  const double n = static_cast<double>(before.size());
  const double mean = std::accumulate(before.begin(), before.end(), 0.0) / n;
  double square = 0;
  for (const double one : before) square += (one - mean) * (one - mean);
  const double deviation = std::sqrt(square / n);
  return deviation > 1e-12 * std::abs(mean) ? (value - mean) / deviation : 0;
}

std::string StepWatch::divergence(const StepFigures& figures) {
  if (factor_ <= 0 || !std::isfinite(figures.loss)) return "";
  Alike& alike = alike_[figures.clip_seconds > 0 ? std::ilogb(figures.clip_seconds) : 0];
  alike.losses.push_back(figures.loss);
  if (alike.losses.size() < kDivergenceSteps) return "";
  if (alike.losses.size() > kDivergenceSteps) alike.losses.pop_front();
  std::vector<double> last(alike.losses.begin(), alike.losses.end());
  std::nth_element(last.begin(), last.begin() + kDivergenceSteps / 2, last.end());
  const double middle = last[kDivergenceSteps / 2];
  if (!alike.first) alike.first = middle;
  if (!alike.lowest || middle < *alike.lowest) alike.lowest = middle;
  const double lost = middle - *alike.lowest, gained = *alike.first - *alike.lowest;
  if (middle <= factor_ * *alike.lowest || lost <= gained / 2) return "";
  return fmt::format(
      "the median loss of the last {} steps {}is {:.4g}, more than {:g} times the lowest before, {:.4g}",
      kDivergenceSteps, figures.clip_seconds > 0 ? "with clips of that length " : "", middle, factor_,
      *alike.lowest);
}

StepSight StepWatch::see(const StepFigures& f) {
  StepSight sight;
  const double loss_z = z_score(f.loss, losses_), norm_z = z_score(f.grad_norm, norms_);
  keep_last(losses_, f.loss), keep_last(norms_, f.grad_norm), keep_last(times_, f.ms);
  const double seconds = f.ms / 1e3;
  const double audio_rate = seconds > 0 ? f.audio_seconds / seconds : 0,
               target_rate = seconds > 0 ? f.targets / seconds : 0;
  const double memory = resident_mb();
  const double left =
      times_.empty() ? 0 : mean_of_last(times_, times_.size()) / 1e3 * static_cast<double>(steps_ - f.step);
  sight.record = {{"step", f.step},
                  {"loss", number_or_nothing(f.loss)},
                  {"grad_norm", number_or_nothing(f.grad_norm)},
                  {"lr", f.lr},
                  {"targets", f.targets},
                  {"ms", f.ms},
                  {"skipped", f.skipped},
                  {"loss_z", loss_z},
                  {"norm_z", norm_z},
                  {"audio_rate", audio_rate},
                  {"target_rate", target_rate},
                  {"memory_mb", memory}};
  sight.line = fmt::format(
      "step {}/{} loss {:.4f} (z {:+.1f}) norm {:.2f} (z {:+.1f}) lr {:.2e} {:.0f} ms {:.1f}x real time "
      "{:.0f} "
      "targets/s {:.0f} MB, {} left",
      f.step, steps_, f.loss, loss_z, f.grad_norm, norm_z, f.lr, f.ms, audio_rate, target_rate, memory,
      time_left_text(left));
  if (f.clip_seconds > 0) sight.record["clip_seconds"] = f.clip_seconds;
  sight.diverging = divergence(f);
  return sight;
}

}  // namespace af2
