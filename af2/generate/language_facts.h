// What a language model alone is, from the heads of its files: for `af2 info`. Hides torch.
//
// Loading it: language_model.h. Thread rule: free functions.
//
//   if (is_language_model("lm.gguf")) LanguageFacts facts = language_facts("lm.gguf");
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "af2/model/af2_config.h"

namespace af2 {

// Whether `path` is a GGUF file, or a folder whose config.json names a model_type.
bool is_language_model(const std::filesystem::path& path);

struct LanguageFacts {
  struct Share {
    int tensors = 0;
    std::int64_t bytes = 0;
  };
  std::string name, form;  // form: "GGUF file", "Hugging Face folder"
  LmConfig lm;
  std::int64_t parameters = 0;
  std::map<std::string, Share> types;  // "Q4_0", "F32" …
  std::string tokenizer;               // in words
};

// Throws as load_language_model, but reads no weights.
LanguageFacts language_facts(const std::filesystem::path& path);

}  // namespace af2
