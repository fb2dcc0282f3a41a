#include <bit>
#include <cstring>
#include <set>
#include <type_traits>

#include "af2/core/error.h"
#include "af2/io/atomic_file.h"
#include "af2/io/gguf.h"
#include "af2/io/gguf_detail.h"

namespace af2 {
namespace {

using namespace gguf_detail;

constexpr std::size_t kScalarTypes = std::variant_size_v<GgufValue> / 2;

template <class T>
void put(std::string* out, const T& value) {
  if constexpr (std::is_same_v<T, std::string>) {
    put(out, static_cast<std::uint64_t>(value.size()));
    *out += value;
  } else if constexpr (std::is_same_v<T, bool>) {
    out->push_back(value ? 1 : 0);
  } else {
    static_assert(std::is_arithmetic_v<T>);
    char bytes[sizeof(T)];
    std::memcpy(bytes, &value, sizeof(T));
    out->append(bytes, sizeof(T));
  }
}

void put_value(std::string* out, const GgufValue& value) {
  const std::size_t index = value.index() % kScalarTypes;
  const auto type = static_cast<std::uint32_t>(index < kArray ? index : index + 1);
  if (value.index() >= kScalarTypes) put(out, kArray);
  put(out, type);
  std::visit(
      [&](const auto& v) {
        using T = std::decay_t<decltype(v)>;
        if constexpr (std::is_arithmetic_v<T> || std::is_same_v<T, std::string>) {
          put(out, v);
        } else {
          put(out, static_cast<std::uint64_t>(v.size()));
          for (const auto& item : v) put(out, static_cast<typename T::value_type>(item));
        }
      },
      value);
}

std::uint32_t alignment_of(const GgufMetadata& metadata) {
  for (const auto& [key, value] : metadata) {
    if (key != kAlignmentKey) continue;
    const auto* number = std::get_if<std::uint32_t>(&value);
    if (!number || !std::has_single_bit(*number)) throw internal_error("not a power of two (uint32)", key);
    return *number;
  }
  return kDefaultAlignment;
}

std::uint32_t type_number(const TensorView& tensor) {
  for (const TypeNumber& type : kTensorTypes)
    if (type.dtype == tensor.dtype) return type.number;
  throw internal_error("GGUF has no type " + std::string(dtype_name(tensor.dtype)), tensor.name);
}

}  // namespace

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorView> tensors) {
  write_gguf(path, metadata, tensors, [&](std::size_t i) { return tensors[i].bytes; });
}

void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata,
                std::span<const TensorView> tensors,
                const std::function<std::span<const std::byte>(std::size_t)>& bytes_of) {
  const std::uint64_t alignment = alignment_of(metadata);
  std::string head = "GGUF";
  put(&head, std::uint32_t{3});
  put(&head, static_cast<std::uint64_t>(tensors.size()));
  put(&head, static_cast<std::uint64_t>(metadata.size()));
  std::set<std::string_view> names;
  for (const auto& [key, value] : metadata) {
    if (key.empty() || !names.insert(key).second)
      throw internal_error("an empty or repeated metadata key", key);
    put(&head, key);
    put_value(&head, value);
  }
  names.clear();
  std::uint64_t offset = 0;
  for (const TensorView& tensor : tensors) {
    const auto size = checked_bytes(tensor.dtype, tensor.shape);
    if (!size || tensor.shape.size() > kMaxDims)
      throw internal_error("GGUF cannot hold " + tensor.describe(), path.string());
    if (!names.insert(tensor.name).second) throw internal_error("two tensors have this name", tensor.name);
    put(&head, tensor.name);
    put(&head, static_cast<std::uint32_t>(tensor.shape.size()));
    for (std::size_t d = tensor.shape.size(); d-- > 0;)
      put(&head, static_cast<std::uint64_t>(tensor.shape[d]));
    put(&head, type_number(tensor));
    put(&head, offset);
    offset = aligned(offset + static_cast<std::uint64_t>(*size), alignment);
  }

  AtomicFile file(path);
  file.write(head);
  const auto pad = [&] { file.write_zeros(aligned(file.written(), alignment) - file.written()); };
  if (!tensors.empty()) pad();
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const std::span<const std::byte> bytes = bytes_of(i);
    const auto size = static_cast<std::uint64_t>(*checked_bytes(tensors[i].dtype, tensors[i].shape));
    if (bytes.size() != size)
      throw internal_error(std::to_string(bytes.size()) + " bytes for " + tensors[i].describe(),
                           path.string());
    file.write(bytes);
    pad();
  }
  file.commit();
}

}  // namespace af2
