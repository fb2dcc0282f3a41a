// The parts of a conversion: for convert.cpp, convert_language.cpp and convert_published.cpp, and for the
// export of a language model that was trained (af2/train/export.cpp).
//
// Each writes one layout from a loaded model; what is known before the loading (types, the target's place) is
// checked before. Thread rule: as convert.h.
#pragma once

#include <filesystem>
#include <string>

#include "af2/generate/model_folder.h"
#include "af2/generate/tensor_stream.h"

namespace af2 {

// The language model of whatever was loaded.
struct LanguageSource {
  DecoderImpl& decoder;
  std::string name;
  const Gguf* gguf = nullptr;    // whose metadata tells name and tokenizer; null or empty: there is none
  std::filesystem::path folder;  // of tokenizer files, where there are any
  bool huggingface = false;      // config.json there is that of this language model
};

// Throws kUser where something is there already (an empty folder is nothing); makes the folder.
void make_target_folder(const std::filesystem::path& target);
void refuse_existing(const std::filesystem::path& target);

// One GGUF file, tokenizer lists included where they say the same.
void write_language_gguf(const LanguageSource& source, const ConvertOptions& options, TensorStream& stream,
                         const std::filesystem::path& file);
// config.json, model.safetensors (or shards with an index), tokenizer files.
void write_huggingface(const LanguageSource& source, const ConvertOptions& options, TensorStream& stream,
                       const std::filesystem::path& folder);

// safe_ckpt/ and base_lm/. Throws kUser naming the settings that the layout cannot express.
void write_published(ModelFolder& model, const ConvertOptions& options, TensorStream& stream,
                     const std::filesystem::path& folder);

}  // namespace af2
