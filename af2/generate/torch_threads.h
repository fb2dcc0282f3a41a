// One pool of threads and one thread count for everything: ranges of the base layer (core/threads.h) run on
// ATen's.
#pragma once

namespace af2 {

void use_torch_threads();

}  // namespace af2
