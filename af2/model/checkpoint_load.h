// Fills a network from the files of a published checkpoint, strictly.
//
// Matrices of the language model and the cross-attention stay in the mapped files (16-bit and low-bit types
// through quant/qmatrix.h, float32 as views), those of tower and audio transformer as views where they can;
// the rest becomes float32. A missing or misshaped tensor is refused by name before anything is used, a
// non-finite one when it is taken. Thread rule: not reentrant
// on one network; the files must outlive it.
#pragma once

#include <string>
#include <vector>

#include "af2/io/checkpoint_layout.h"
#include "af2/model/af2_model.h"

namespace af2 {

// Names that a checkpoint may hold and the model does not use (the tower's classifier, spectrogram filters
// …).
bool is_known_unused(const std::string& name);

// Returns the names that the network has no use for and that are not known as such. `bf16`: products
// will be in bfloat16, so that matrices in it stay mapped. Throws kModel.
std::vector<std::string> load_checkpoint(const CheckpointFiles& files, Af2ModelImpl& network, bool bf16);

// The same for a language model alone, of a Hugging Face folder: matrices stay in the mapped files.
std::vector<std::string> load_huggingface(const CheckpointFiles& files, DecoderImpl& decoder);

}  // namespace af2
