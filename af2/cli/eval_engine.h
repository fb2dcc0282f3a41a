// af2's own engine as a model for evaluation (af2/eval/model.h).
//
// Loaded at the first question that no cache knows. Clips are kept as memories while questions about them
// follow each other. Thread rule: one caller at a time.
//
//   EvalModel model = engine_model(flags, max_windows);
#pragma once

#include "af2/cli/clip_flags.h"
#include "af2/eval/model.h"

namespace af2 {

inline constexpr double kHeardSeconds = 600;  // of sound whose memories are kept

// `flags`: model, threads, device, dtype. `max_windows` 0: the model's own cap. `keep_s`: seconds of sound
// that stay heard; 0: each question hears its clip anew. Throws kUser for a model that is not there; what its
// files hold is looked at when it is loaded.
EvalModel engine_model(const ClipFlags& flags, int max_windows, double keep_s = kHeardSeconds);

// SHA-256 over name and content of every file of weights and config of a model folder, and of those elsewhere
// that its config.json names, in order of their names.
std::string model_files_hash(const std::filesystem::path& folder);

}  // namespace af2
