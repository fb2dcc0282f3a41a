// Which of a run's checkpoints stay (docs/spec/training.md section 6): the newest `keep`, each
// `keep_every`-th of those that were due, and the best one. Thread rule: free function.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "af2/train/train_options.h"

namespace af2 {

// Removes the others. `marks`: steps at the ends of slices, where save_every is 0; `best`: the step of the
// best validation, or -1.
void remove_old_checkpoints(const std::filesystem::path& run, const TrainOptions& options,
                            const std::vector<std::int64_t>& marks, std::int64_t best);

}  // namespace af2
