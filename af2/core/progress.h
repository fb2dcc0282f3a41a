// A one-line progress bar on stderr, only where stderr is a terminal.
#pragma once

#include <cstdint>
#include <string>

namespace af2 {

class ProgressBar {
 public:
  explicit ProgressBar(std::int64_t total);
  ~ProgressBar();
  // Redraws at most ten times a second: "[#####.....] 50 % eta 1:23 text".
  void update(std::int64_t done, const std::string& text);
  // Removes the bar, so that a whole line may be printed.
  void clear();

 private:
  std::int64_t total_, first_ = -1;
  double started_, drawn_ = 0;
  bool on_, visible_ = false;
};

// Seconds of a clock that only moves forward.
double steady_seconds();
bool stderr_is_terminal();

}  // namespace af2
