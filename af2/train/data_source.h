// Small steps that both tasks share: one window of a scene, and starting from other weights.
#pragma once

#include <filesystem>
#include <vector>

#include "af2/model/af2_config.h"
#include "af2/train/task.h"

namespace af2 {

// Writes the front end's one window (docs/spec/model.md section 1) of samples at the model's rate; longer
// input is cut.
void write_window(const std::vector<float>& samples, const AudioConfig& config, float* out);

// Copies every tensor of `from` (a run, checkpoint or model folder, or a .safetensors file) whose name and
// shape agree; a tower is found under "audio_branch." (AF-CLAP) and "clap.nvclap." (inside a whole model)
// alike. Says how many were taken; throws kModel when none is.
void init_from(const std::filesystem::path& from, const NamedTensors& targets);

}  // namespace af2
