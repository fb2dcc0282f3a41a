// Between files and modules: strict loading of safetensors, saving.
//
// A missing or misshaped tensor is refused by name before anything is used, a non-finite one when it is read
// or mapped. Surplus names are returned: the caller decides.
// Thread rule: not reentrant on one module.
#pragma once

#include <torch/torch.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "af2/io/safetensors.h"
#include "af2/model/linear.h"

namespace af2 {

// Named parameters and buffers that a file must hold. Left out: what is computed from the sizes (attention
// masks, position indices, BatchNorm counters).
std::vector<std::pair<std::string, torch::Tensor>> stored_tensors(const torch::nn::Module& module);

// A float32 tensor from any float dtype of the file; I8 tensors need `NAME.scale` beside them: one per row,
// or of shape 1 x columns one per column.
torch::Tensor read_tensor(const SafeTensors& file, const std::string& name);

// Which weights may stay where they lie in the file, and whether bytes are known to be good.
struct MapOptions {
  std::vector<std::pair<std::string, Linear>> layers = {};  // by the names of their weights
  bool bf16 = false;     // bfloat16 ones too (for products in bfloat16); else float32 alone
  bool checked = false;  // non-finite values were looked for when the file was written
};

// Copies file tensors into `targets` (name in the file -> destination), but maps those of `map.layers`, whose
// file must then outlive them. Throws kModel listing missing names and shapes; returns names of the file that
// no target took (".scale" companions not counted).
std::vector<std::string> load_strict(const SafeTensors& file,
                                     const std::vector<std::pair<std::string, torch::Tensor>>& targets,
                                     const MapOptions& map = {});

enum class SaveType { kF32, kBF16, kI8 };
// "f32", "bf16", "i8"; throws kUser naming `where`.
SaveType save_type_from_name(const std::string& name, const std::string& where);
// Matrices in `type` (I8: symmetric, one scale per row, or per column where a matrix is narrow), everything
// smaller than 2-D in float32. `levels` (1 to 127): the largest whole number of an I8 matrix; with fewer, git
// and zip make a smaller file of the same bytes on disk (127: 8 bits a value, 15: 5).
void save_tensors(const std::filesystem::path& path,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors, SaveType type,
                  const StringMap& metadata, int levels = 127);
// What read_tensor gives back of a tensor that was saved so.
torch::Tensor as_saved(const torch::Tensor& tensor, SaveType type, int levels = 127);

}  // namespace af2
