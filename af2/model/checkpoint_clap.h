// An AF-CLAP checkpoint as published (clap_ckpt/epoch_16.pt), or any in the layout of LAION-CLAP, becomes an
// AF-CLAP network: sizes from shapes, strict loading (docs/spec/model.md sections 3, 4, 9).
//
// Not for af2's own folders (af2/generate/clap_folder.h). Thread rule: not reentrant on one network.
//
//   const CheckpointFiles files = CheckpointFiles::open("clap_ckpt/epoch_16.pt");
//   ClapModel clap(clap_config_of_checkpoint(files, ""));
//   load_clap_checkpoint(files, *clap, false);
#pragma once

#include <string>
#include <vector>

#include "af2/io/checkpoint_layout.h"
#include "af2/model/clap.h"

namespace af2 {

// `generation`: "", or 2025-03 or 2025-06 where neither the file's name nor its mel filters tell. Throws
// kModel naming the tensor that is missing or impossible, kUser when the generation is told nowhere.
ClapModelConfig clap_config_of_checkpoint(const CheckpointFiles& files, const std::string& generation);

// Matrices stay in the files where they are float32 (or bfloat16, for products in it): the files must outlive
// the network. Throws kModel listing what is missing or misshaped; returns names that nothing took.
std::vector<std::string> load_clap_checkpoint(const CheckpointFiles& files, ClapModelImpl& network,
                                              bool bf16);

}  // namespace af2
