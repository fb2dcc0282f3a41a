// How fast the threads of parallel_for read memory together: what a product of one row can reach at most.
//
// Thread rule: from one thread.
//
//   const double gb_per_s = read_bandwidth();
#pragma once

#include <cstddef>

namespace af2 {

// 10^9 bytes per second: the best of `runs` passes over `bytes`, which must exceed the caches.
double read_bandwidth(std::size_t bytes = std::size_t{512} << 20, int runs = 5);

}  // namespace af2
