// Vectors of items, as a selection reads them: an .npy file with a list of ids, or jsonl.
//
// .npy: [n, d] of float32 or float64, left in its mapped file; ids beside it, a line each: an id, or an
// object
// {"id", "text"?, "audio"?, "quality"?} (further keys are for others). jsonl: such objects with "embedding".
// Not for sound libraries (af2/index). Thread rule: constant after open().
//
//   const Embeddings vectors = Embeddings::open("captions.npy", "captions.jsonl", true);
//   std::vector<double> row(vectors.dim());
//   vectors.row(0, row);
#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "af2/io/npy.h"

namespace af2 {

struct EmbeddingItem {
  std::string id, text, audio;
  double quality = 1;  // above 0: how much it is wished for
};

class Embeddings {
 public:
  // `ids` is needed for .npy and must be empty for jsonl; with `unit_length` every row is scaled to length 1.
  // Throws kUser (ids missing or too many), kData naming file and line or row: not such a file, other
  // numbers of rows and ids, an id twice or empty, NaN or infinity, a row of zeros where it is scaled, rows
  // of different lengths, a quality not above 0.
  static Embeddings open(const std::filesystem::path& path, const std::filesystem::path& ids,
                         bool unit_length);
  // [ids.size(), d], row-major.
  static Embeddings from_memory(std::vector<float> values, std::size_t d, std::vector<EmbeddingItem> items,
                                bool unit_length);

  std::size_t size() const { return items_.size(); }
  std::size_t dim() const { return dim_; }
  const std::vector<EmbeddingItem>& items() const { return items_; }
  double length(std::size_t i) const { return lengths_[i]; }  // of row i as row() gives it

  // Row i, scaled.
  void row(std::size_t i, std::span<double> out) const;
  // Rows [first, first + out.size() / dim()), rounded to float32.
  void block(std::size_t first, std::span<float> out) const;

 private:
  Embeddings() = default;
  void finish(const std::string& where, bool unit_length);
  template <class T>
  T raw(std::size_t element) const;

  NpyArray array_;
  std::vector<float> values_;  // where there is no array_
  std::span<const std::byte> bytes_;
  bool wide_ = false;  // float64
  std::size_t dim_ = 0;
  std::vector<EmbeddingItem> items_;
  std::vector<double> scale_, lengths_;  // [n]
};

// The product of two rows, summed in order.
double dot(std::span<const double> a, std::span<const double> b);

}  // namespace af2
