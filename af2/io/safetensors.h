// The safetensors format: one file, or a folder of shards, memory-mapped and checked before anything is
// handed out.
//
// Source: the format description of github.com/huggingface/safetensors. Refused: a header over 100 MB or that
// does not start with '{', duplicate keys, unknown fields or types, offsets that overlap, leave holes or
// disagree with dtype and shape, and a file longer or shorter than its tensors. (The format asks for no
// alignment of tensors: files of older writers have odd offsets, so bytes are to be copied, not cast.) Not
// for torch's .pt archives. Thread rule: constant after open; views live as long as the reader and survive
// moving it.
//
//   const SafeTensors file = SafeTensors::open("models/mini");
//   const TensorView& w = file.get("audio_transformer.norm.weight");
//   std::vector<float> values = to_float(w);
//   write_safetensors("out.safetensors", {{"w", DType::kF32, {3}, bytes}}, {{"format", "pt"}});
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/file.h"
#include "af2/io/tensor_view.h"

namespace af2 {

using StringMap = std::map<std::string, std::string, std::less<>>;

struct SafeTensorsContent {
  std::vector<TensorView> tensors;  // in file order; bytes point into the parsed buffer
  StringMap metadata;               // "__metadata__"
};

// One file's bytes. Throws kModel with `where` in the message. The header is read without building a tree, so
// memory stays within a small multiple of its size.
SafeTensorsContent parse_safetensors(std::span<const std::byte> bytes, const std::string& where);

class SafeTensors {
 public:
  // A .safetensors file, or a folder: all its *.safetensors files merged. Each *.index.json there must hold:
  // every tensor it lists lies in the shard it names. Throws kData when nothing can be opened, kModel for
  // broken files, a name in two files, and missing shards or tensors (listed by name).
  static SafeTensors open(const std::filesystem::path& path);

  std::size_t size() const { return tensors_.size(); }
  std::vector<std::string> names() const;  // sorted
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const TensorView* find(std::string_view name) const;  // null when absent
  // Throws kModel naming the tensor and the file or folder.
  const TensorView& get(std::string_view name) const;
  // Also checks the shape; -1 allows any size there.
  const TensorView& get(std::string_view name, std::span<const std::int64_t> shape) const;
  // Merged over the files; for a key in several files the first file by name wins.
  const StringMap& metadata() const { return metadata_; }
  const std::filesystem::path& path() const { return path_; }
  // Takes over the tensors of another file under the names that `rename` gives them: "" leaves one out, and
  // so does a name that is held already. Throws kData, kModel for that file.
  void add_lacking(const std::filesystem::path& file,
                   const std::function<std::string(const std::string&)>& rename);
  // Lets the kernel drop the tensor's pages after use; they are read again if touched.
  void release(const TensorView& tensor) const;

 private:
  void add_file(const std::filesystem::path& path);
  void check_index(const std::filesystem::path& index) const;
  std::filesystem::path path_;
  std::vector<MappedFile> files_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, std::filesystem::path, std::less<>> file_of_;
  StringMap metadata_;
};

// Writes a file whose bytes depend on names, types, shapes, bytes and metadata only, equal to those of the
// Python library: tensors by descending element type (8-byte types first, so that each is aligned), then by
// name; header padded to 8 bytes. Streams each tensor's bytes; atomic (temporary file, sync, rename). Throws
// kInternal for a duplicate name, a size that disagrees with the shape or a block type, kResource when the
// disk is full.
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const StringMap& metadata = {});
// The same for tensors that are made one by one: their views have no bytes, `bytes_of` gives those of tensor
// i (each asked for once, in the order of the file; they need to live until the next call).
void write_safetensors(const std::filesystem::path& path, std::span<const TensorView> tensors,
                       const StringMap& metadata,
                       const std::function<std::span<const std::byte>(std::size_t)>& bytes_of);
inline void write_safetensors(const std::filesystem::path& path, const std::vector<TensorView>& tensors,
                              const StringMap& metadata = {}) {
  write_safetensors(path, std::span<const TensorView>(tensors), metadata);
}

}  // namespace af2
