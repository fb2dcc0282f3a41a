#include "af2/core/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <vector>

#include "af2/core/threads.h"

namespace af2 {

double read_bandwidth(std::size_t bytes, int runs) {
  constexpr std::int64_t kLanes = 32, kGrain = 1 << 16;
  const std::vector<std::uint64_t> words(bytes / sizeof(std::uint64_t) / kLanes * kLanes, 1);
  std::atomic<std::uint64_t> total = 0;  // used, or nothing would be read
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(0, static_cast<std::int64_t>(words.size()) / kLanes, kGrain,
                 [&](std::int64_t begin, std::int64_t end) {
                   std::uint64_t sums[kLanes] = {};
                   for (std::int64_t i = begin; i < end; ++i)
                     for (std::int64_t k = 0; k < kLanes; ++k) sums[k] += words[i * kLanes + k];
                   for (const std::uint64_t sum : sums) total += sum;
                 });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(words.size() * sizeof(std::uint64_t)) / took.count() / 1e9);
  }
  return total > 0 ? best : 0;
}

}  // namespace af2
