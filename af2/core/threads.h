// Work over index ranges by several threads, with the pool that the program already has.
//
// The base layer starts no threads of its own: until somebody installs a runner, ranges run on the calling
// thread. The torch layers install ATen's pool, so that one pool and one thread count serve everything.
// Thread rule: install before the first use; parallel_for may be called from any thread.
#pragma once

#include <cstdint>
#include <functional>

namespace af2 {

using RangeBody = std::function<void(std::int64_t begin, std::int64_t end)>;
using RangeRunner = void (*)(std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body);

void set_range_runner(RangeRunner runner);
// Covers [begin, end) by calls of `body` on disjoint ranges of about `grain` or more.
void parallel_for(std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body);

}  // namespace af2
