// ATen's parallel_for is a header that runs on one thread unless OpenMP is on where it is compiled: so this
// file is compiled with it (af2/CMakeLists.txt), and nothing else.
#include "af2/generate/torch_threads.h"

#include <ATen/Parallel.h>

#include "af2/core/threads.h"

namespace af2 {

void use_torch_threads() {
  set_range_runner([](std::int64_t begin, std::int64_t end, std::int64_t grain, const RangeBody& body) {
    at::parallel_for(begin, end, grain, body);
  });
}

}  // namespace af2
