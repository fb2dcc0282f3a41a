// Small steps that tasks share: one window of a scene, starting from other weights, rows of scores.
#pragma once

#include <filesystem>
#include <span>
#include <vector>

#include "af2/io/safetensors.h"
#include "af2/model/af2_config.h"
#include "af2/train/task.h"

namespace af2 {

// Writes the front end's one window (docs/spec/model.md section 1) of samples at the model's rate; longer
// input is cut.
void write_window(const std::vector<float>& samples, const AudioConfig& config, float* out);

// The weights that a run starts from: of a run, checkpoint or model folder, or a .safetensors file.
SafeTensors init_weights(const std::filesystem::path& from);

// Copies every tensor whose name and shape agree; a tower is found under "audio_branch." (AF-CLAP) and
// "clap.nvclap." (inside a whole model) alike; one by statistics takes AF-CLAP's map of them. Says how many
// were taken; throws kModel when none is.
void init_from(const SafeTensors& weights, const NamedTensors& targets);

// The same, but every tensor must be there in its shape, and no other: what an earlier stage ended with.
// Throws kModel listing what is missing or too much.
void init_strictly(const SafeTensors& weights, const NamedTensors& targets);

// Row i of float32 [N, C], contiguous, which must outlive it.
inline std::span<const float> row_of(const torch::Tensor& rows, std::size_t i) {
  const auto n = static_cast<std::size_t>(rows.size(1));
  return {rows.data_ptr<float>() + i * n, n};
}

}  // namespace af2
