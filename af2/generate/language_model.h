// A language model alone, as it comes: a GGUF file, or a Hugging Face folder of a Qwen2 or Llama model.
//
// It hears nothing: `af2 convert` takes it from one form to the other, `af2 info` and `af2 bench --text` look
// at it. Whole models: model_folder.h. Includes torch: for the layers generate and train only (facts without:
// language_facts.h). Thread rule: the loaded parts are constant.
//
//   LanguageModel model = load_language_model("Qwen2.5-0.5B", LanguageUse::kConversion);
//   huggingface_tensors(*model.network->lang_encoder->model);
#pragma once

#include <filesystem>
#include <memory>
#include <vector>

#include "af2/generate/language_facts.h"
#include "af2/io/checkpoint_layout.h"
#include "af2/io/gguf.h"
#include "af2/model/af2_model.h"

namespace af2 {

// For what the matrices will be used: products, or copies alone, for which none is read into memory.
enum class LanguageUse { kProducts, kConversion };

struct LanguageModel {
  std::filesystem::path path;              // the file or the folder
  Af2Config config;                        // name and lm; all else as small as it may be, and never used
  Gguf gguf;                               // of a GGUF file; its bytes back the matrices
  std::shared_ptr<CheckpointFiles> files;  // of a folder; theirs do
  Af2Model network{nullptr};               // without cross-attention
  std::vector<std::filesystem::path> weight_files;
};

// Throws kUser for a path that is no language model alone, kData for unreadable files, kModel for missing,
// misshaped or non-finite tensors, for those that the decoder has no place for, and for architectures and
// options that are not built in.
LanguageModel load_language_model(const std::filesystem::path& path, LanguageUse use);

// Every tensor of a GGUF. Throws kModel naming the first that is not finite.
void check_gguf(const Gguf& file);

}  // namespace af2
