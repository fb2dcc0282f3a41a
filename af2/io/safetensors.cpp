#include "af2/io/safetensors.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <set>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "af2/core/error.h"
#include "af2/io/atomic_file.h"
#include "af2/io/strict_json.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::string_view kMetadataKey = "__metadata__";

// The types of the format, in the order in which its reference writer sorts them.
constexpr std::array kTypes = {DType::kBool, DType::kU8,  DType::kI8,  DType::kF8E5M2, DType::kF8E4M3,
                               DType::kI16,  DType::kU16, DType::kF16, DType::kBF16,   DType::kI32,
                               DType::kU32,  DType::kF32, DType::kF64, DType::kI64,    DType::kU64};

int type_rank(DType dtype) {
  const auto found = std::find(kTypes.begin(), kTypes.end(), dtype);
  return found == kTypes.end() ? -1 : static_cast<int>(found - kTypes.begin());
}

std::uint64_t load_u64(const std::byte* p) {
  std::uint64_t value;
  std::memcpy(&value, p, sizeof value);
  return value;
}

struct Entry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;
  std::array<std::uint64_t, 2> offsets{};
};

// Takes the header's JSON event by event and accepts only the structure of the format:
// {"__metadata__": {text: text}, name: {"dtype": text, "shape": [n…], "data_offsets": [begin, end]}, …}
class SafeTensorsHeader final : public nlohmann::json_sax<nlohmann::json> {
 public:
  explicit SafeTensorsHeader(const std::string& where) : where_(where) {}

  std::vector<Entry> entries;
  StringMap metadata;

  bool start_object(std::size_t) override {
    if (place_ == Place::kStart)
      place_ = Place::kTop;
    else if (place_ == Place::kTop && has_key_)
      place_ = key_ == kMetadataKey ? Place::kMetadataValue : Place::kTensor;
    else
      refuse("an object");
    has_key_ = false;
    seen_ = 0;
    return true;
  }
  bool end_object() override {
    if (place_ == Place::kTensor && seen_ != 7)
      throw model_error("tensor " + entry_.name + " lacks dtype, shape or data_offsets", where_);
    if (place_ == Place::kTensor) entries.push_back(std::move(entry_));
    place_ = place_ == Place::kTop ? Place::kEnd : Place::kTop;
    return true;
  }
  bool key(string_t& text) override {
    if (place_ == Place::kTop) {
      if (!names_.insert(text).second) throw model_error("the tensor " + text + " is given twice", where_);
      entry_ = Entry{};
      entry_.name = text;
    } else if (place_ == Place::kTensor) {
      field_ = text == "dtype" ? 1 : text == "shape" ? 2 : text == "data_offsets" ? 4 : 0;
      if (field_ == 0 || (seen_ & field_))
        throw model_error("tensor " + entry_.name + ": unknown or repeated field \"" + text + "\"", where_);
      seen_ |= field_;
    }
    key_ = std::move(text);
    has_key_ = true;
    return true;
  }
  bool string(string_t& text) override {
    if (place_ == Place::kMetadataValue) {
      if (!metadata.emplace(key_, std::move(text)).second)
        throw model_error("the metadata key \"" + key_ + "\" is given twice", where_);
    } else if (place_ == Place::kTensor && field_ == 1) {
      const auto found =
          std::find_if(kTypes.begin(), kTypes.end(), [&](DType dtype) { return dtype_name(dtype) == text; });
      if (found == kTypes.end())
        throw model_error("tensor " + entry_.name + " has type \"" + text + "\"", where_);
      entry_.dtype = *found;
    } else {
      refuse("a string");
    }
    has_key_ = false;
    return true;
  }
  bool start_array(std::size_t) override {
    if (place_ != Place::kTensor || !has_key_ || (field_ != 2 && field_ != 4)) refuse("a list");
    place_ = Place::kNumbers;
    n_offsets_ = 0;
    has_key_ = false;
    return true;
  }
  bool end_array() override {
    if (field_ == 4 && n_offsets_ != 2)
      throw model_error("tensor " + entry_.name + " lacks an offset", where_);
    place_ = Place::kTensor;
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (place_ != Place::kNumbers) refuse("a number");
    if (value > static_cast<std::uint64_t>(INT64_MAX)) refuse("a number above 2^63");
    if (field_ == 2)
      entry_.shape.push_back(static_cast<std::int64_t>(value));
    else if (n_offsets_ < 2)
      entry_.offsets[n_offsets_++] = value;
    else
      throw model_error("tensor " + entry_.name + " has more than two offsets", where_);
    return true;
  }
  bool number_integer(number_integer_t) override { return refuse("a negative number"); }
  bool number_float(number_float_t, const string_t&) override { return refuse("a fraction"); }
  bool null() override { return refuse("null"); }
  bool boolean(bool) override { return refuse("a truth value"); }
  bool binary(binary_t&) override { return refuse("binary data"); }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception& error) override {
    throw model_error("the header is not valid JSON: " + std::string(error.what()), where_);
  }

 private:
  enum class Place { kStart, kTop, kMetadataValue, kTensor, kNumbers, kEnd };

  bool refuse(const char* what) const {
    throw model_error("the header has " + std::string(what) + " where the format allows none" +
                          (key_.empty() ? "" : " (at \"" + key_ + "\")"),
                      where_);
  }

  const std::string& where_;
  Place place_ = Place::kStart;
  std::string key_;
  bool has_key_ = false;
  std::set<std::string> names_;
  Entry entry_;
  unsigned field_ = 0, seen_ = 0;
  std::size_t n_offsets_ = 0;
};

std::string join(const std::vector<std::string>& names) {
  constexpr std::size_t kShown = 20;
  std::string text;
  for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += (i ? ", " : "") + names[i];
  if (names.size() > kShown) text += " and " + std::to_string(names.size() - kShown) + " more";
  return text;
}

}  // namespace

SafeTensorsContent parse_safetensors(std::span<const std::byte> bytes, const std::string& where) {
  const auto truncated = [&](std::uint64_t needed) {
    return model_error("file truncated: it has " + std::to_string(bytes.size()) + " bytes and should have " +
                           std::to_string(needed) + (needed == 8 ? " or more" : ""),
                       where, "copy it again");
  };
  if (bytes.size() < 8) throw truncated(8);
  const std::uint64_t header_size = load_u64(bytes.data());
  if (header_size > kMaxHeader || header_size < 2)
    throw model_error(
        "not a safetensors file: its header would have " + std::to_string(header_size) + " bytes", where);
  if (header_size > bytes.size() - 8) throw truncated(8 + header_size);
  const auto* text = reinterpret_cast<const char*>(bytes.data()) + 8;
  if (*text != '{') throw model_error("not a safetensors file: the header does not start with '{'", where);

  SafeTensorsHeader reader(where);
  nlohmann::json::sax_parse(text, text + header_size, &reader);
  const std::span<const std::byte> data = bytes.subspan(8 + header_size);

  std::vector<Entry>& entries = reader.entries;
  std::sort(entries.begin(), entries.end(), [](const Entry& a, const Entry& b) {
    return std::tie(a.offsets, a.name) < std::tie(b.offsets, b.name);
  });
  std::uint64_t end = 0;
  for (const Entry& entry : entries) {
    const auto [first, last] = entry.offsets;
    const auto size = checked_bytes(entry.dtype, entry.shape);
    const std::string label = "tensor " + entry.name + " (" + shape_text(entry.shape) + ")";
    if (!size) throw model_error(label + " is larger than any file", where);
    if (last < first || last - first != static_cast<std::uint64_t>(*size))
      throw model_error(label + " needs " + std::to_string(*size) + " bytes, but its offsets are " +
                            std::to_string(first) + " to " + std::to_string(last),
                        where);
    if (first != end)
      throw model_error(label + " starts at byte " + std::to_string(first) +
                            (first < end ? ", inside the tensor before it: " : ", leaving a hole after ") +
                            std::to_string(end),
                        where);
    end = last;
  }
  if (end > data.size()) throw truncated(8 + header_size + end);
  if (end < data.size())
    throw model_error("has " + std::to_string(data.size() - end) + " bytes after its last tensor", where);

  SafeTensorsContent content;
  content.metadata = std::move(reader.metadata);
  content.tensors.reserve(entries.size());
  for (Entry& entry : entries) {
    const auto [first, last] = entry.offsets;
    content.tensors.push_back(
        {std::move(entry.name), entry.dtype, std::move(entry.shape), data.subspan(first, last - first)});
  }
  return content;
}

void SafeTensors::add_file(const fs::path& path) {
  const MappedFile& file = files_.emplace_back(path);
  SafeTensorsContent content = parse_safetensors(file.bytes(), path.string());
  for (TensorView& tensor : content.tensors) {
    const auto [place, added] = file_of_.emplace(tensor.name, path);
    if (!added)
      throw model_error("the tensor " + tensor.name + " is in two files: also in " + place->second.string(),
                        path.string(), "keep one of them");
    std::string name = tensor.name;
    tensors_.emplace(std::move(name), std::move(tensor));
  }
  metadata_.merge(content.metadata);
}

void SafeTensors::add_lacking(const fs::path& path,
                              const std::function<std::string(const std::string&)>& rename) {
  const MappedFile& file = files_.emplace_back(path);
  for (TensorView& tensor : parse_safetensors(file.bytes(), path.string()).tensors) {
    tensor.name = rename(tensor.name);
    if (tensor.name.empty() || !file_of_.emplace(tensor.name, path).second) continue;
    std::string name = tensor.name;
    tensors_.emplace(std::move(name), std::move(tensor));
  }
}

void SafeTensors::check_index(const fs::path& index) const {
  const nlohmann::json json = read_strict_json(index);
  if (!json.is_object() || !json.contains("weight_map") || !json["weight_map"].is_object())
    throw model_error("has no object \"weight_map\"", index.string());
  std::set<std::string> lost_files;
  std::vector<std::string> lost;
  for (const auto& [name, shard] : json["weight_map"].items()) {
    if (!shard.is_string()) throw model_error("the shard of " + name + " is not a file name", index.string());
    const std::string file_name = shard.get<std::string>();
    if (fs::path(file_name).filename() != file_name || file_name == "." || file_name == "..")
      throw model_error("the shard \"" + file_name + "\" is not a plain file name", index.string());
    const fs::path file = index.parent_path() / file_name;
    const auto found = file_of_.find(name);
    if (found != file_of_.end() && found->second == file) continue;
    if (std::none_of(files_.begin(), files_.end(), [&](const MappedFile& m) { return m.path() == file; }))
      lost_files.insert(file_name);
    else
      lost.push_back(name + " in " + file_name);
  }
  if (!lost_files.empty())
    throw model_error("shards are missing: " + join({lost_files.begin(), lost_files.end()}), index.string(),
                      "copy the whole folder");
  if (!lost.empty())
    throw model_error("tensors are missing: " + join(lost), index.string(), "copy the whole folder again");
}

SafeTensors SafeTensors::open(const fs::path& path) {
  SafeTensors result;
  result.path_ = path;
  std::error_code error;
  if (!fs::is_directory(path, error)) {
    result.add_file(path);
    return result;
  }
  std::vector<fs::path> files, indexes;
  constexpr std::string_view kIndex = ".index.json";
  for (fs::directory_iterator it(path, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    if (it->path().extension() == ".safetensors") files.push_back(path / name);
    if (name.ends_with(kIndex)) indexes.push_back(path / name);
  }
  if (error) throw data_error("cannot list the folder: " + error.message(), path.string());
  if (files.empty()) throw data_error("holds no .safetensors file", path.string(), "check the path");
  std::sort(files.begin(), files.end());
  result.files_.reserve(files.size());
  for (const fs::path& file : files) result.add_file(file);
  for (const fs::path& index : indexes) result.check_index(index);
  return result;
}

std::vector<std::string> SafeTensors::names() const {
  std::vector<std::string> result;
  result.reserve(tensors_.size());
  for (const auto& [name, tensor] : tensors_) result.push_back(name);
  return result;
}

const TensorView* SafeTensors::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

const TensorView& SafeTensors::get(std::string_view name) const {
  if (const TensorView* tensor = find(name)) return *tensor;
  throw model_error("lacks the tensor " + std::string(name), path_.string());
}

const TensorView& SafeTensors::get(std::string_view name, std::span<const std::int64_t> shape) const {
  return expect_shape(get(name), shape, path_.string());
}

void SafeTensors::release(const TensorView& tensor) const {
  for (const MappedFile& file : files_) {
    const auto whole = file.bytes();
    if (std::less_equal<>{}(whole.data(), tensor.bytes.data()) &&
        std::less_equal<>{}(tensor.bytes.data() + tensor.bytes.size(), whole.data() + whole.size()))
      return file.release(static_cast<std::size_t>(tensor.bytes.data() - whole.data()), tensor.bytes.size());
  }
}

void write_safetensors(const fs::path& path, std::span<const TensorView> tensors, const StringMap& metadata) {
  write_safetensors(path, tensors, metadata, [&](std::size_t i) { return tensors[i].bytes; });
}

void write_safetensors(const fs::path& path, std::span<const TensorView> tensors, const StringMap& metadata,
                       const std::function<std::span<const std::byte>(std::size_t)>& bytes_of) {
  std::vector<const TensorView*> order;
  for (const TensorView& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const TensorView* a, const TensorView* b) {
    return std::make_pair(-type_rank(a->dtype), std::string_view(a->name)) <
           std::make_pair(-type_rank(b->dtype), std::string_view(b->name));
  });

  const auto quoted = [](const std::string& text) { return nlohmann::json(text).dump(); };
  std::string header = "{";
  std::set<std::string_view> names = {kMetadataKey};
  if (!metadata.empty()) header += "\"__metadata__\":" + nlohmann::json(metadata).dump();
  std::uint64_t offset = 0;
  for (const TensorView* tensor : order) {
    const auto size = checked_bytes(tensor->dtype, tensor->shape);
    if (type_rank(tensor->dtype) < 0)
      throw internal_error("safetensors has no type " + std::string(dtype_name(tensor->dtype)), tensor->name);
    if (!size) throw internal_error("no size for " + tensor->describe(), path.string());
    if (!names.insert(tensor->name).second) throw internal_error("two tensors have this name", tensor->name);
    if (header.size() > 1) header += ',';
    header += quoted(tensor->name) + ":{\"dtype\":\"" + std::string(dtype_name(tensor->dtype)) +
              "\",\"shape\":" + nlohmann::json(tensor->shape).dump() + ",\"data_offsets\":[" +
              std::to_string(offset) + "," + std::to_string(offset + static_cast<std::uint64_t>(*size)) +
              "]}";
    offset += static_cast<std::uint64_t>(*size);
  }
  header += '}';
  header.append((8 - header.size() % 8) % 8, ' ');
  if (header.size() > kMaxHeader) throw internal_error("the header would exceed 100 MB", path.string());

  const std::uint64_t header_size = header.size();
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(&header_size, 1)));
  file.write(header);
  for (const TensorView* tensor : order) {
    const std::span<const std::byte> bytes = bytes_of(static_cast<std::size_t>(tensor - tensors.data()));
    if (bytes.size() != static_cast<std::uint64_t>(*checked_bytes(tensor->dtype, tensor->shape)))
      throw internal_error(std::to_string(bytes.size()) + " bytes for " + tensor->describe(), path.string());
    file.write(bytes);
  }
  file.commit();
}

}  // namespace af2
