#include "af2/core/bandwidth.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstring>

#include "af2/core/pages.h"
#include "af2/core/threads.h"

namespace af2 {
namespace {

// In the widest vectors there are: narrow loads would measure the loop.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
__attribute__((target_clones("avx512f", "avx2", "default")))
#endif
std::uint64_t
sum_words(const std::uint64_t* words, std::int64_t n) {
  constexpr std::int64_t kLanes = 64;
  std::uint64_t sums[kLanes] = {}, sum = 0;
  for (std::int64_t i = 0; i + kLanes <= n; i += kLanes)
    for (std::int64_t k = 0; k < kLanes; ++k) sums[k] += words[i + k];
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

double read_bandwidth(std::size_t bytes, int runs) {
  constexpr std::int64_t kGrain = 1 << 21;
  const AlignedBytes memory = aligned_bytes(bytes);
  std::memset(memory.get(), 1, bytes);
  const auto* words = reinterpret_cast<const std::uint64_t*>(memory.get());
  const auto n = static_cast<std::int64_t>(bytes / sizeof(std::uint64_t));
  std::atomic<std::uint64_t> total = 0;  // used, or nothing would be read
  double best = 0;
  for (int run = 0; run < runs; ++run) {
    const auto start = std::chrono::steady_clock::now();
    parallel_for(0, n, kGrain, [&](std::int64_t begin, std::int64_t end) {
      total += sum_words(words + begin, end - begin);
    });
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    best = std::max(best, static_cast<double>(n) * sizeof(std::uint64_t) / took.count() / 1e9);
  }
  return total > 0 ? best : 0;
}

}  // namespace af2
