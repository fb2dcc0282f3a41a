#include "af2/core/threads.h"

#include <atomic>

namespace af2 {
namespace {
std::atomic<RangeRunner> g_runner{nullptr};
}

void set_range_runner(RangeRunner runner) {
  g_runner = runner;
}

void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body) {
  if (begin >= end) return;
  if (RangeRunner runner = g_runner)
    runner(begin, end, grain, body);
  else
    body(begin, end);
}

}  // namespace af2
