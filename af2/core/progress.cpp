#include "af2/core/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>

namespace af2 {

double steady_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

bool stderr_is_terminal() {
  return ::isatty(STDERR_FILENO) == 1;
}

ProgressBar::ProgressBar(std::int64_t total)
    : total_(total), started_(steady_seconds()), on_(total > 0 && stderr_is_terminal()) {}

ProgressBar::~ProgressBar() {
  clear();
}

void ProgressBar::clear() {
  if (visible_) std::fputs("\r\033[K", stderr);
  visible_ = false;
}

void ProgressBar::update(std::int64_t done, const std::string& text) {
  if (first_ < 0) first_ = done;
  const double now = steady_seconds();
  if (!on_ || (now - drawn_ < 0.1 && done < total_)) return;
  drawn_ = now;
  const double share = static_cast<double>(done) / static_cast<double>(total_);
  const int filled = static_cast<int>(share * 20);
  const double per_item = done > first_ ? (now - started_) / static_cast<double>(done - first_) : 0;
  const int left = static_cast<int>(per_item * static_cast<double>(total_ - done));
  fmt::print(stderr, "\r\033[K[{}{}] {:.0f} % eta {}:{:02d} {}", std::string(filled, '#'),
             std::string(20 - filled, '.'), share * 100, left / 60, left % 60, text);
  std::fflush(stderr);
  visible_ = true;
}

}  // namespace af2
