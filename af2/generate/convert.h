// From a checkpoint as its makers published it to one lean model folder: each tensor once, in the type asked
// for.
//
// Writes config.json, lm.gguf (the language model), xattn.gguf (matrices of the cross-attention),
// adapter.safetensors (tower, audio transformer, norms, gates, added tokens), the tokenizer's files where the
// source has them, and SHA256SUMS over all of it. What is read may be whatever load_model_folder reads: an
// af2 folder is converted to another type so ("quantised"). Tensors stream from the mapped source to the
// file one by one. Thread rule: one conversion at a time per target.
//
//   ConvertReport report = convert_model("audio-flamingo-2", "af2-3b", {.type = "q4_0"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

struct ConvertOptions {
  // Of the language model's and the cross-attention's matrices: f32, f16, bf16, q8_0, q4_0, q4_1, q4_K (its
  // rows that are no multiple of 256: q4_1), or keep (as the source has them). With the 4-bit types embedding
  // and output projection become q8_0.
  std::string type = "bf16";
  // Of the matrices in adapter.safetensors: f32, bf16 or i8; "": f32 for f32 and keep, else bf16.
  std::string adapter_type;
  std::vector<std::string> keep;  // regular expressions: matrices whose name one matches stay as they are
  std::filesystem::path base_lm;  // as LoadOptions
  std::string generation;
};

struct TensorError {
  std::string name, type;
  double relative = 0;  // root of the mean square of the change over that of the tensor
};

struct ConvertReport {
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of the weights
  std::vector<TensorError> changed;                 // tensors whose values changed, in file order
};

// `target` must not exist or be empty. Throws kUser for a bad option or target, else as load_model_folder;
// what was written stays incomplete (no config.json) when it fails.
ConvertReport convert_model(const std::filesystem::path& source, const std::filesystem::path& target,
                            const ConvertOptions& options);

// Recomputes SHA256SUMS of a folder. Throws kModel naming the first file that differs or is missing, kUser
// when there is no SHA256SUMS. Returns the number of files.
int verify_model_folder(const std::filesystem::path& folder);

}  // namespace af2
