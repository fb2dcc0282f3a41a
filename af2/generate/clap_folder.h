// An AF-CLAP on disk becomes a network and a tokenizer, and back: af2's own folders (config.json with format
// af2-clap, model.safetensors, the tokenizer's file), and checkpoints as published.
//
// Includes torch: for the layers generate and train only. Thread rule: the loaded parts are constant.
//
//   ClapFolder clap = load_clap_folder(find_clap(""), {});
//   clap.network->embed_text(clap.tokens("a dog barks"));
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/io/checkpoint_layout.h"
#include "af2/io/safetensors.h"
#include "af2/model/clap.h"
#include "af2/model/weights.h"
#include "af2/text/byte_bpe.h"
#include "af2/text/unigram.h"

namespace af2 {

struct ClapLoadOptions {
  bool bf16 = false;                       // products will be in bfloat16
  std::filesystem::path text_folder = {};  // with the tokenizer of a published checkpoint (spiece.model)
  std::string generation = {};             // of a published checkpoint whose files do not tell
};

struct ClapFolder {
  std::filesystem::path path;
  ClapModelConfig config;
  ClapModel network{nullptr};
  std::optional<Unigram> unigram;  // one of the two
  std::optional<ByteBpe> bpe;
  std::filesystem::path tokenizer_file;       // of its own, or the language model's GGUF
  std::vector<std::string> surplus;           // tensors of the files that the model does not use
  std::shared_ptr<SafeTensors> weights_file;  // back the mapped matrices
  std::shared_ptr<CheckpointFiles> files;

  // Ids of a text, without the end token.
  std::vector<int> tokens(std::string_view text) const;
};

// Whether a folder's config.json is an AF-CLAP's.
bool is_clap_folder(const std::filesystem::path& folder);

// Where such a folder has its weights.
std::filesystem::path clap_weights_file(const std::filesystem::path& folder);

// Where the AF-CLAP of `name` lies: an AF-CLAP folder or checkpoint itself, the `clap` folder of a model
// folder, the clap_ckpt of a published one; "" is the shipped model's. Throws kUser when there is none.
std::filesystem::path find_clap(const std::string& name);

// `path` as find_clap gives it. Throws kUser for a bad config or a missing tokenizer, kData for unreadable
// files, kModel for missing, misshaped or truncated tensors.
ClapFolder load_clap_folder(const std::filesystem::path& path, const ClapLoadOptions& options);

// Config and tokenizer alone, for training: `network` stays empty.
ClapFolder open_clap_folder(const std::filesystem::path& folder);
// The token embedding of the language model's file, where the config says that the text tower takes it.
void take_token_rows(const std::filesystem::path& lm_file, ClapModelImpl& network);

// Writes config.json, model.safetensors and a copy of `tokenizer_file` (not of a language model's, which
// is named from the folder); the folder is made where it is missing. Throws kResource.
void save_clap_folder(const std::filesystem::path& folder, ClapModelConfig config, ClapModelImpl& network,
                      const std::filesystem::path& tokenizer_file, SaveType type);

}  // namespace af2
