// What of a recipe may change while a run is going on: threads, intervals, how it is told; the rest makes
// another run (docs/spec/training.md section 6). Thread rule: free functions.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// Throws kUser listing the keys of `recipe` that differ from those in the run folder's config.json, but for
// those that may, and for `allowed` ones ("optimizer.lr").
void refuse_changes(const std::filesystem::path& run, const Json& recipe,
                    const std::vector<std::string>& allowed);

}  // namespace af2
