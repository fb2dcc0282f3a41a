// The language model alone: to a GGUF file, to a Hugging Face folder.
#include <algorithm>
#include <optional>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/generate/convert_detail.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/model/lm_gguf.h"
#include "af2/model/lm_huggingface.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kShardBytes = 5'000'000'000;  // of a Hugging Face folder
constexpr const char* kFileType = "general.file_type";
constexpr const char* kQuantVersion = "general.quantization_version";

void set(GgufMetadata& metadata, const std::string& key, GgufValue value) {
  const auto at =
      std::find_if(metadata.begin(), metadata.end(), [&](const auto& m) { return m.first == key; });
  if (at == metadata.end())
    metadata.emplace_back(key, std::move(value));
  else
    at->second = std::move(value);
}

// What llama.cpp calls the mixture of types in a file.
void tell_type(GgufMetadata& metadata, DType type) {
  const std::pair<DType, std::uint32_t> numbers[] = {{DType::kF32, 0},  {DType::kF16, 1},  {DType::kQ4_0, 2},
                                                     {DType::kQ4_1, 3}, {DType::kQ8_0, 7}, {DType::kQ4_K, 14},
                                                     {DType::kBF16, 32}};
  for (const auto& [dtype, number] : numbers)
    if (dtype == type) set(metadata, kFileType, number);
  if (block_elements(type) > 1) set(metadata, kQuantVersion, std::uint32_t{2});
}

std::string torch_name(DType type) {
  return type == DType::kF16 ? "float16" : type == DType::kBF16 ? "bfloat16" : "float32";
}

// "model.safetensors", or "model-00001-of-00003.safetensors".
std::string shard_name(std::size_t k, std::size_t n) {
  return n == 1 ? "model.safetensors" : fmt::format("model-{:05}-of-{:05}.safetensors", k + 1, n);
}

Json config_of(const LanguageSource& source, const std::string& dtype) {
  if (!source.huggingface) {
    Json config = huggingface_config(source.decoder.config, dtype);
    for (const char* token : {"bos", "eos"}) {  // null, or transformers takes defaults of its own
      std::optional<std::uint64_t> id;
      if (source.gguf) id = source.gguf->find_uint("tokenizer.ggml." + std::string(token) + "_token_id");
      config[std::string(token) + "_token_id"] = id ? Json(*id) : Json();
    }
    return config;
  }
  const fs::path file = source.folder / "config.json";
  Json config = parse_json(read_file(file), file.string());
  for (const char* key : {"torch_dtype", "dtype"})
    if (config.contains(key)) config[key] = dtype;
  return config;
}

void write_tokenizer(const LanguageSource& source, const fs::path& folder) {
  if (!source.folder.empty() && holds_tokenizer(source.folder)) {
    copy_tokenizer(source.folder, folder);
    return;
  }
  if (source.gguf && source.gguf->has("tokenizer.ggml.tokens")) {
    if (!write_tokenizer_files(*source.gguf, folder))
      notice(
          "{}: its tokenizer has no tokenizer.json that gives the same tokens and is left out; copy it from "
          "the model's own folder",
          source.name);
    return;
  }
  notice("{}: comes without a tokenizer, and goes without one", source.name);
}

}  // namespace

void write_language_gguf(const LanguageSource& source, const ConvertOptions& options, TensorStream& stream,
                         const fs::path& file) {
  for (auto& item : lm_gguf_tensors(source.decoder)) {
    if (item.vector.defined())
      stream.add(item.name, item.vector);
    else
      stream.add_matrix(item.name, item.layer,
                        {.vocabulary = item.vocabulary, .order = row_in_decoder(item)});
  }
  GgufMetadata metadata;
  if (source.gguf) metadata = source.gguf->metadata();
  const bool fresh = metadata.empty();
  if (fresh) {
    metadata = lm_gguf_metadata(source.decoder.config, source.name);
    const GgufMetadata words = tokenizer_metadata(source.folder, source.decoder.config.vocab);
    if (words.empty())
      notice(
          "{}: its tokenizer is none that GGUF lists can hold, or is missing; other programs will not find "
          "it in {}",
          source.name, file.filename().string());
    metadata.insert(metadata.end(), words.begin(), words.end());
  }
  if (options.type != "keep")
    tell_type(metadata, convert_type(options.type));
  else if (fresh)
    tell_type(metadata, stream.matrix_type());
  stream.write_gguf(file, metadata);
}

void write_huggingface(const LanguageSource& source, const ConvertOptions& options, TensorStream& stream,
                       const fs::path& folder) {
  for (const auto& item : huggingface_tensors(source.decoder)) {
    if (item.vector.defined())
      stream.add(item.name, item.vector);
    else
      stream.add_matrix(item.name, item.layer, {});
  }
  make_target_folder(folder);
  const std::uint64_t limit = options.max_file_bytes > 0 ? options.max_file_bytes : kShardBytes;
  const auto parts = stream.write_safetensors(folder, limit, shard_name);
  if (parts.size() > 1) {
    Json map = Json::object();
    for (const auto& part : parts)
      for (const auto& name : part.tensors) map[name] = part.file;
    const Json index = {{"metadata", {{"total_size", stream.bytes()}}}, {"weight_map", std::move(map)}};
    write_file_atomic(folder / "model.safetensors.index.json", index.dump(2) + "\n");
  }
  write_tokenizer(source, folder);
  if (source.huggingface && fs::exists(source.folder / "generation_config.json"))
    fs::copy_file(source.folder / "generation_config.json", folder / "generation_config.json");
  write_file_atomic(folder / "config.json",
                    config_of(source, torch_name(stream.matrix_type())).dump(2) + "\n");
}

}  // namespace af2
