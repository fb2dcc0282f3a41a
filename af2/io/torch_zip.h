// Checkpoints of torch.save (.pt, .pth, .ckpt, .bin): the tensors and plain values in them, read without
// Python, memory-mapped.
//
// An archive is a zip with a pickle ("data.pkl") that describes the values and one record of bytes per
// storage. Nothing in it is run: names other than those of plain data are refused (af2/io/pickle_globals.h).
// Every value gets a path: the keys on the way to it, joined with dots, list elements by number; a key that
// has dots keeps them ("model_state_dict.lang_encoder.model.norm.weight"). Refused, by name where there is
// one: tensors that are not contiguous, complex, sparse or quantised, or larger than their storage; two
// values with one path; big-endian archives; TorchScript programs; and the formats from before torch 1.6. Not
// a writer. Source: torch's docs/source/notes/serialization.rst ("Serialized file format for torch.save").
// Thread rule: constant after open; views live as long as the reader and survive moving it. Tensors that
// share a storage share bytes.
//
//   const TorchZip file = TorchZip::open("checkpoint_9.pt");
//   const TensorView& w = file.get("model_state_dict.lang_encoder.model.norm.weight");
//   std::vector<float> values = to_float(w);
//   std::int64_t epoch = file.find_int("epoch").value_or(0);
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "af2/core/file.h"
#include "af2/io/tensor_view.h"
#include "af2/io/zip_archive.h"

namespace af2 {

// Text is UTF-8. Bytes, element types and bare storages have no value here, nor does None.
using TorchScalar = std::variant<bool, std::int64_t, double, std::string>;

class TorchZip {
 public:
  // Throws kData when the file cannot be opened, kModel for anything that is refused.
  static TorchZip open(const std::filesystem::path& path);
  // The same over bytes that the caller keeps alive.
  static TorchZip parse(std::span<const std::byte> bytes, const std::string& where);

  // Tensors. The path of a file that holds one bare tensor is "".
  std::size_t size() const { return tensors_.size(); }
  const std::map<std::string, TensorView, std::less<>>& tensors() const { return tensors_; }
  bool contains(std::string_view name) const { return find(name) != nullptr; }
  const TensorView* find(std::string_view name) const;  // null when absent
  // Throws kModel naming the tensor and the file.
  const TensorView& get(std::string_view name) const;
  // Also checks the shape; -1 allows any size there.
  const TensorView& get(std::string_view name, std::span<const std::int64_t> shape) const;

  // Plain values. find_*: nothing (null) when there is none or it is None, kModel when it is something else.
  // numpy's numbers count as numbers.
  const std::map<std::string, TorchScalar, std::less<>>& scalars() const { return scalars_; }
  std::optional<bool> find_bool(std::string_view path) const;
  std::optional<std::int64_t> find_int(std::string_view path) const;
  std::optional<double> find_float(std::string_view path) const;  // whole numbers too
  const std::string* find_string(std::string_view path) const;

  const std::string& where() const { return zip_.where(); }
  // Reads the whole file and compares the checksum of each record; throws kModel naming one that is damaged.
  void verify() const;
  // Lets the kernel drop the tensor's pages after use; they are read again if touched (nothing for parsed
  // bytes).
  void release(const TensorView& tensor) const;

 private:
  const TorchScalar* find_scalar(std::string_view path) const;
  MappedFile file_;
  ZipArchive zip_;
  std::map<std::string, TensorView, std::less<>> tensors_;
  std::map<std::string, TorchScalar, std::less<>> scalars_;
  friend class TorchZipParser;
};

}  // namespace af2
