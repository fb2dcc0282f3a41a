#include "af2/factory/selection/embeddings.h"

#include <cmath>
#include <cstring>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/data/table.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

template <class Use>
void each_line(std::string_view text, const Use& use) {
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::size_t end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    if (line.find_first_not_of(" \t\r") != std::string_view::npos) use(line, number);
  }
}

std::string text_in(const Json& json, const char* key, const std::string& where) {
  if (!json.contains(key)) return "";
  if (!json[key].is_string()) throw data_error(std::string("`") + key + "` is not a text", where);
  return json[key].get<std::string>();
}

EmbeddingItem item_in(const Json& json, const std::string& where) {
  EmbeddingItem item;
  item.id = text_in(json, "id", where);
  item.text = text_in(json, "text", where);
  item.audio = text_in(json, "audio", where);
  if (json.contains("quality")) {
    if (!json["quality"].is_number() || !(json["quality"].get<double>() > 0))
      throw data_error("`quality` is no number above 0", where, "correct it or leave it out");
    item.quality = json["quality"].get<double>();
  }
  return item;
}

std::vector<EmbeddingItem> read_ids(const fs::path& path) {
  std::vector<EmbeddingItem> items;
  const std::string text = read_file(path);
  each_line(text, [&](std::string_view line, std::size_t number) {
    const std::string where = line_of(path.string(), number);
    if (line.front() == '{')
      items.push_back(item_in(parse_json(line, where), where));
    else
      items.push_back({.id = trim(line), .text = "", .audio = ""});
    if (trim(items.back().id).empty()) throw data_error("has no id", where, "give every row one");
  });
  return items;
}

}  // namespace

double dot(std::span<const double> a, std::span<const double> b) {
  // Four sums, added in a fixed order: the same bits everywhere, and quicker than one.
  double sums[4] = {0, 0, 0, 0};
  std::size_t i = 0;
  for (; i + 4 <= a.size(); i += 4)
    for (std::size_t j = 0; j < 4; ++j) sums[j] += a[i + j] * b[i + j];
  for (; i < a.size(); ++i) sums[0] += a[i] * b[i];
  return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}

Embeddings Embeddings::open(const fs::path& path, const fs::path& ids, bool unit_length) {
  Embeddings result;
  const std::string where = path.string();
  if (path.extension() == ".npy") {
    if (ids.empty())
      throw user_error("is missing: an .npy file has no ids", "--ids",
                       "name a file with a line for each row of " + where);
    result.array_ = NpyArray::open(path);
    const auto& shape = result.array_.shape();
    const DType dtype = result.array_.dtype();
    if (shape.size() != 2 || shape[0] < 1 || shape[1] < 1)
      throw data_error("has the shape " + shape_text(shape), where, "give an array of rows and columns");
    if (dtype != DType::kF32 && dtype != DType::kF64)
      throw data_error("holds " + std::string(dtype_name(dtype)), where, "save float32 or float64");
    result.wide_ = dtype == DType::kF64;
    result.dim_ = static_cast<std::size_t>(shape[1]);
    result.bytes_ = result.array_.view().bytes;
    result.items_ = read_ids(ids);
    if (result.items_.size() != static_cast<std::size_t>(shape[0]))
      throw data_error("has " + std::to_string(result.items_.size()) + " ids, " + where + " has " +
                           std::to_string(shape[0]) + " rows",
                       ids.string(), "give a line for each row");
  } else {
    if (!ids.empty())
      throw user_error("has its own ids", where, "leave --ids out, or give the vectors as an .npy file");
    const MappedFile file(path);
    const std::string_view text(reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size());
    each_line(text, [&](std::string_view line, std::size_t number) {
      const std::string place = line_of(where, number);
      const Json json = parse_json(line, place);
      if (!json.is_object() || !json.contains("embedding") || !json["embedding"].is_array())
        throw data_error("has no `embedding`", place, "give {\"id\": .., \"embedding\": [..]} a line");
      result.items_.push_back(item_in(json, place));
      if (trim(result.items_.back().id).empty()) throw data_error("has no id", place, "give every row one");
      if (result.dim_ == 0) result.dim_ = json["embedding"].size();
      if (json["embedding"].size() != result.dim_ || result.dim_ == 0)
        throw data_error("has " + std::to_string(json["embedding"].size()) + " numbers, the first line " +
                             std::to_string(result.dim_),
                         place + " key embedding", "give vectors of one length");
      for (const Json& value : json["embedding"]) {
        if (!value.is_number()) throw data_error("is no list of numbers", place + " key embedding");
        result.values_.push_back(value.get<float>());
      }
    });
    if (result.items_.empty()) throw data_error("has no rows", where);
  }
  result.finish(where, unit_length);
  return result;
}

Embeddings Embeddings::from_memory(std::vector<float> values, std::size_t d, std::vector<EmbeddingItem> items,
                                   bool unit_length) {
  Embeddings result;
  if (d == 0 || values.size() != d * items.size() || items.empty())
    throw internal_error(
        std::to_string(values.size()) + " values for " + std::to_string(items.size()) + " items",
        "embeddings");
  result.values_ = std::move(values);
  result.dim_ = d;
  result.items_ = std::move(items);
  result.finish("embeddings", unit_length);
  return result;
}

void Embeddings::finish(const std::string& where, bool unit_length) {
  if (!values_.empty()) bytes_ = std::as_bytes(std::span(values_));
  std::set<std::string_view> seen;
  for (const auto& item : items_)
    if (!seen.insert(item.id).second)
      throw data_error("id `" + item.id + "` stands twice", where, "give every row its own");
  scale_.assign(size(), 1), lengths_.assign(size(), 0);
  std::vector<double> values(dim_);
  for (std::size_t i = 0; i < size(); ++i) {
    row(i, values);
    const double length = std::sqrt(dot(values, values));
    const std::string place = "row " + std::to_string(i) + " (" + items_[i].id + ")";
    if (!std::isfinite(length)) throw data_error(place + " holds NaN or infinity", where, "leave it out");
    if (unit_length && length == 0)
      throw data_error(place + " is all zeros and has no direction", where, "leave it out");
    if (unit_length) scale_[i] = 1 / length;
    lengths_[i] = unit_length ? 1 : length;
  }
}

template <class T>
T Embeddings::raw(std::size_t element) const {
  T value;  // the bytes may lie at any alignment
  std::memcpy(&value, bytes_.data() + element * sizeof(T), sizeof(T));
  return value;
}

void Embeddings::row(std::size_t i, std::span<double> out) const {
  const std::size_t first = i * dim_;
  const double scale = scale_[i];
  if (wide_)
    for (std::size_t j = 0; j < dim_; ++j) out[j] = raw<double>(first + j) * scale;
  else
    for (std::size_t j = 0; j < dim_; ++j) out[j] = static_cast<double>(raw<float>(first + j)) * scale;
}

void Embeddings::block(std::size_t first, std::span<float> out) const {
  const std::size_t rows = out.size() / dim_;
  std::vector<double> values(dim_);
  for (std::size_t r = 0; r < rows; ++r) {
    row(first + r, values);
    for (std::size_t j = 0; j < dim_; ++j) out[r * dim_ + j] = static_cast<float>(values[j]);
  }
}

}  // namespace af2
