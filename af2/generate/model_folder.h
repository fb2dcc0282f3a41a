// A model on disk becomes a network and a tokenizer: af2's own folders (docs/spec/interfaces.md section 2),
// and the published checkpoints of Audio Flamingo 2 as they are downloaded (docs/spec/model.md section 9).
//
// Includes torch: for the layers generate and train only. Thread rule: the loaded parts are constant.
//
//   ModelFolder model = load_model_folder("models/mini", {});
//   model.network->encode(...);  model.tokenizer.encode("...");
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "af2/io/checkpoint_layout.h"
#include "af2/io/gguf.h"
#include "af2/io/safetensors.h"
#include "af2/model/af2_model.h"
#include "af2/text/byte_bpe.h"

namespace af2 {

// Beside a folder that `af2 convert` wrote: a line of SHA-256 and name for each file.
inline constexpr const char* kChecksums = "SHA256SUMS";

struct LoadOptions {
  bool low_bit_lm =
      true;           // keep the LM's matrices as they lie in the GGUF file; false: float32, for training
  bool bf16 = false;  // products will be in bfloat16: matrices stored so stay in the file too
  // false: tower, audio transformer and cross-attention (or prefix adapter) keep their fresh values
  bool adapters = true;
  std::filesystem::path base_lm = {};  // of a published checkpoint; "": looked for beside it
  // A language model without anything to hear by is taken too (language_model.h); else it is refused.
  bool language_alone = false;
  bool as_stored = false;       // no matrix of the LM is copied, whatever its form: for conversion
  std::string generation = {};  // of a published checkpoint whose files do not tell: 2025-03 or 2025-06
  // Another network around the same language model, for training from fresh values (`adapters` false): a
  // merge patch over the folder's config.json (read_af2_config), such as {"xattn": {"every": 3}}. Empty:
  // none.
  Json architecture = {};
};

struct ModelFolder {
  std::filesystem::path path;
  Af2Config config;
  Gguf lm_file;                            // its bytes back the low-bit matrices
  std::shared_ptr<CheckpointFiles> files;  // those of a published checkpoint do
  Af2Model network{nullptr};
  ByteBpe tokenizer;
  std::vector<int> stop_ids;
  std::vector<std::string> surplus;           // tensors of the files that the model does not use
  std::shared_ptr<SafeTensors> adapter_file;  // backs those of tower and audio transformer
  std::shared_ptr<Gguf> xattn_file;           // backs the cross-attention's matrices where they have a file
  std::vector<std::filesystem::path> weight_files;
  std::filesystem::path tokenizer_folder;  // holds tokenizer.json, or vocab.json and merges.txt, or neither
};

// Names in the files -> tensors of the network that the safetensors of a model folder hold: everything but
// the language model, whose only own parts are `added_embeddings` and low-rank pairs (model/low_rank.h).
std::vector<std::pair<std::string, torch::Tensor>> adapter_tensors(Af2ModelImpl& network);

// Whether the model at `path` comes with values for them, or with a language model alone.
bool holds_adapter(const std::filesystem::path& path);

// `path` is a model folder or its config.json, a published folder or a .pt of the training code. Throws kUser
// for a folder without config.json, a bad config or a bad architecture, kData for unreadable files, kModel
// for missing, misshaped or truncated tensors.
ModelFolder load_model_folder(const std::filesystem::path& path, const LoadOptions& options);

// The base language model of a published checkpoint: a folder beside its files that holds a tokenizer or a
// config.json with model_type, as downloaded or in the cache layout of Hugging Face. Nothing when there is
// none.
std::optional<std::filesystem::path> find_base_lm(const std::filesystem::path& checkpoint);

// Where a model is looked for when `name` is empty or no path: AF2_MODEL, models/ beside the program's tree,
// the install prefix's share/af2/models. Throws kUser listing the places.
std::filesystem::path find_model(const std::string& name);

}  // namespace af2
