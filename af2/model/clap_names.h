// One tensor, two names: what AF-CLAP calls a tensor of its tower, and what the tower inside Audio Flamingo 2
// does. AF-CLAP's `audio_branch.X` is `clap.nvclap.X` there; of a tower by statistics (model/stem_tokens.h)
// the statistics' own norm and map come from AF-CLAP too.
#pragma once

#include <filesystem>
#include <string>

#include "af2/io/safetensors.h"
#include "af2/model/af2_config.h"

namespace af2 {

// "" where the other side has no such tensor.
std::string name_in_clap(const std::string& of_tower);
std::string name_in_tower(const std::string& of_clap);

// The safetensors of a model folder, with the tensors of the tower that it has from AF-CLAP (key clap.file of
// its config.json, a path beside it). Throws kData, kModel.
SafeTensors open_adapter(const std::filesystem::path& folder, const ClapConfig& clap);

}  // namespace af2
