// Time that passes only by sleeping: for tests of what waits.
#pragma once

#include <mutex>
#include <vector>

#include "af2/data/chat_endpoint.h"

namespace af2::test {

// From 1000 s on. Any thread.
class PatientClock {
 public:
  LlmClock clock() {
    return {[this] {
              const std::lock_guard lock(mutex_);
              return now_;
            },
            [this](double seconds) {
              const std::lock_guard lock(mutex_);
              now_ += seconds;
              slept_.push_back(seconds);
            }};
  }
  double now() const {
    const std::lock_guard lock(mutex_);
    return now_;
  }
  std::vector<double> slept() const {
    const std::lock_guard lock(mutex_);
    return slept_;
  }

 private:
  mutable std::mutex mutex_;
  double now_ = 1000;
  std::vector<double> slept_;
};

}  // namespace af2::test
