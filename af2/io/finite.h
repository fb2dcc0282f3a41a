// Whether stored weights are numbers: a pass over the bytes, without turning them into floats.
//
// Thread rule: pure functions; the work is shared out by core/threads.h.
//
//   check_finite(file.get("blk.0.ffn_up.weight"), "lm.gguf");
#pragma once

#include <string>

#include "af2/io/tensor_view.h"

namespace af2 {

// False when a float value, or the scale of a block of low-bit values, is infinite or NaN. True for types
// without float form.
bool is_finite(const TensorView& tensor);

// Throws kModel naming `where` (a path) and the tensor.
void check_finite(const TensorView& tensor, const std::string& where);

}  // namespace af2
