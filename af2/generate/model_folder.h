// A model folder on disk becomes a network and a tokenizer (docs/spec/interfaces.md section 2).
//
// Includes torch: for the layers generate and train only. Thread rule: the loaded parts are constant.
//
//   ModelFolder model = load_model_folder("models/mini", {});
//   model.network->encode(...);  model.tokenizer.encode("...");
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "af2/io/gguf.h"
#include "af2/model/af2_model.h"
#include "af2/text/byte_bpe.h"

namespace af2 {

struct LoadOptions {
  bool low_bit_lm =
      true;              // keep the LM's matrices as they lie in the GGUF file; false: float32, for training
  bool adapters = true;  // false: tower, audio transformer and cross-attention keep their fresh values
};

struct ModelFolder {
  std::filesystem::path path;
  Af2Config config;
  Gguf lm_file;  // its bytes back the low-bit matrices
  Af2Model network{nullptr};
  ByteBpe tokenizer;
  std::vector<int> stop_ids;
  std::vector<std::string> surplus;  // tensors of the files that the model does not use
};

// Names in the files -> tensors of the network that the safetensors of a model folder hold: everything but
// the language model, whose only own part is `added_embeddings`.
std::vector<std::pair<std::string, torch::Tensor>> adapter_tensors(Af2ModelImpl& network);

// Throws kUser for a folder without config.json or a bad config, kData for unreadable files, kModel for
// missing, misshaped or truncated tensors.
ModelFolder load_model_folder(const std::filesystem::path& path, const LoadOptions& options);

// Where a model is looked for when `name` is empty or no path: AF2_MODEL, models/ beside the program's tree,
// the install prefix's share/af2/models. Throws kUser listing the places.
std::filesystem::path find_model(const std::string& name);

}  // namespace af2
