// GGUF, the format of llama.cpp: typed metadata and (possibly low-bit) tensors in one little-endian file.
//
// Versions 2 and 3, memory-mapped, every count and offset checked against the file before it is used. Source:
// ggml's docs/gguf.md. Refused besides broken files: big-endian ones, version 1, nested arrays (ggml refuses
// them too), tensors that overlap or leave more than padding between them. Shapes are reversed into row-major
// order. Not for what the keys mean: af2/model and af2/text know that. Thread rule: constant after open;
// views live as long as the reader and survive moving it.
//
//   const Gguf file = Gguf::open("models/mini/lm.gguf");
//   std::uint64_t layers = file.get_uint("llama.block_count");
//   float eps = file.get_float("llama.attention.layer_norm_rms_epsilon");
//   const std::vector<std::string>& tokens = file.get_strings("tokenizer.ggml.tokens");
//   std::vector<float> embd = to_float(file.get("token_embd.weight"));     // [vocabulary, width]
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "af2/core/file.h"
#include "af2/io/tensor_view.h"

namespace af2 {

// Every value type of the format and arrays of them. Strings are bytes, not necessarily UTF-8.
using GgufValue =
    std::variant<std::uint8_t, std::int8_t, std::uint16_t, std::int16_t, std::uint32_t, std::int32_t, float,
                 bool, std::string, std::uint64_t, std::int64_t, double, std::vector<std::uint8_t>,
                 std::vector<std::int8_t>, std::vector<std::uint16_t>, std::vector<std::int16_t>,
                 std::vector<std::uint32_t>, std::vector<std::int32_t>, std::vector<float>, std::vector<bool>,
                 std::vector<std::string>, std::vector<std::uint64_t>, std::vector<std::int64_t>,
                 std::vector<double>>;
// In file order, which the writer keeps.
using GgufMetadata = std::vector<std::pair<std::string, GgufValue>>;

// "uint32", "string", "array of float32" …
std::string gguf_type_name(const GgufValue& value);

class Gguf {
 public:
  // Throws kData when the file cannot be opened, kModel when it is broken.
  static Gguf open(const std::filesystem::path& path);
  // The same over bytes that the caller keeps alive.
  static Gguf parse(std::span<const std::byte> bytes, const std::string& where);

  std::uint32_t version() const { return version_; }
  const std::string& where() const { return where_; }

  // Metadata. get_*: kModel when the key is absent or of another type. find_*: nothing (null) when it is
  // absent, and kModel when it has another type. Integers of any width are taken where they fit the asked
  // type.
  const GgufMetadata& metadata() const { return metadata_; }
  bool has(std::string_view key) const { return find_value(key) != nullptr; }
  const GgufValue* find_value(std::string_view key) const;
  const std::string& get_string(std::string_view key) const;
  std::uint64_t get_uint(std::string_view key) const;
  std::int64_t get_int(std::string_view key) const;
  float get_float(std::string_view key) const;  // float32 or float64
  bool get_bool(std::string_view key) const;
  const std::vector<std::string>& get_strings(std::string_view key) const;
  std::vector<std::int64_t> get_ints(std::string_view key) const;  // array of any integer type
  std::vector<float> get_floats(std::string_view key) const;
  const std::string* find_string(std::string_view key) const;
  std::optional<std::uint64_t> find_uint(std::string_view key) const;
  std::optional<std::int64_t> find_int(std::string_view key) const;
  std::optional<float> find_float(std::string_view key) const;
  std::optional<bool> find_bool(std::string_view key) const;
  const std::vector<std::string>* find_strings(std::string_view key) const;

  // Tensors.
  const std::vector<TensorView>& tensors() const { return tensors_; }  // in file order
  const TensorView* find(std::string_view name) const;
  const TensorView& get(std::string_view name) const;  // kModel naming the tensor
  const TensorView& get(std::string_view name, std::span<const std::int64_t> shape) const;  // -1: any size
  // Lets the kernel drop the tensor's pages after use (nothing for parsed bytes).
  void release(const TensorView& tensor) const;

 private:
  std::string where_;
  MappedFile file_;
  std::uint32_t version_ = 0;
  GgufMetadata metadata_;
  std::vector<TensorView> tensors_;
  std::map<std::string, std::size_t, std::less<>> key_index_, tensor_index_;
  friend class GgufParser;
};

// Writes version 3; tensors in the given order, aligned to "general.alignment" (uint32, a power of two) of
// `metadata` or 32. Atomic, streamed. Throws kInternal for duplicate names, types the format lacks (kBool,
// unsigned, float8), more than four dimensions or sizes that disagree; kResource when the disk is full.
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorView> tensors);
// The same for tensors that are made one by one: their views have no bytes, `bytes_of` gives those of tensor
// i (asked for in order, each once; they need to live until the next call).
void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorView> tensors,
                const std::function<std::span<const std::byte>(std::size_t)>& bytes_of);
inline void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                       const std::vector<TensorView>& tensors) {
  write_gguf(path, metadata, std::span<const TensorView>(tensors));
}

}  // namespace af2
