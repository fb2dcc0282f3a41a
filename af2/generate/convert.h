// From each layout that models come in to another: a published checkpoint to one lean model folder and back,
// a language model alone from a Hugging Face folder to a GGUF file and back, each tensor once, in the type
// asked for.
//
// A model folder is config.json, lm.gguf (the language model), xattn.gguf (matrices of the cross-attention),
// adapter.safetensors (tower, audio transformer, norms, gates, added tokens), the tokenizer's files where the
// source has them, and SHA256SUMS over all of it. What is read may be whatever load_model_folder reads: an
// af2 folder is converted to another type so ("quantised"). Back: safe_ckpt/ with the names of the published
// code and base_lm/ with tokenizer and config.json. Tensors stream from the mapped source to the file one by
// one. Thread rule: one conversion at a time per target.
//
//   ConvertReport report = convert_model("audio-flamingo-2", "af2-3b", {.type = "q4_0"});
//   convert_model("Qwen2.5-0.5B", "qwen.gguf", {.type = "q8_0"});
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

struct ConvertOptions {
  // Of the language model's and the cross-attention's matrices: f32, f16, bf16, q8_0, q4_0, q4_1, q4_K (its
  // rows that are no multiple of 256: q4_1), or keep (as the source has them). With the 4-bit types embedding
  // and output projection become q8_0. A published or Hugging Face folder holds floats, its vectors float32.
  // "": bf16 in a model folder or GGUF file, f32 elsewhere.
  std::string type = {};
  // Of the matrices in adapter.safetensors: f32, bf16 or i8; "": f32 for f32 and keep, else bf16.
  std::string adapter_type = {};
  // Regular expressions: matrices whose name one matches stay as they are.
  std::vector<std::string> keep = {};
  // af2, published, huggingface or gguf. "": a whole model becomes a model folder, a language model alone a
  // GGUF file where the target ends in .gguf, else a Hugging Face folder. Of a whole model the last two take
  // the language model.
  std::string layout = {};
  std::uint64_t max_file_bytes = 0;    // of safetensors; 0: 2 GB a published chunk, 5 GB a Hugging Face shard
  std::filesystem::path base_lm = {};  // as LoadOptions
  std::string generation = {};
};

struct TensorError {
  std::string name, type;
  double relative = 0;  // root of the mean square of the change over that of the tensor
};

struct ConvertReport {
  std::uint64_t bytes_before = 0, bytes_after = 0;  // of the weights
  std::vector<TensorError> changed;                 // tensors whose values changed, in file order
};

// `target` must not exist or be an empty folder. Throws kUser for a bad option or target and for a model that
// the layout cannot express, else as load_model_folder and load_language_model; what was written stays
// incomplete (no config.json or metadata.json) when it fails.
ConvertReport convert_model(const std::filesystem::path& source, const std::filesystem::path& target,
                            const ConvertOptions& options);

// Loads what was written; of a model folder the sums first, whose number it returns (else 0). Throws as
// verify_model_folder and the loaders.
int verify_converted(const std::filesystem::path& target);

// Recomputes SHA256SUMS of a folder. Throws kModel naming the first file that differs or is missing, kUser
// when there is no SHA256SUMS. Returns the number of files.
int verify_model_folder(const std::filesystem::path& folder);

}  // namespace af2
