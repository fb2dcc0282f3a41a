// Tensors on their way from a loaded network to a file: listed first, made one by one while they are written.
//
// GGUF: matrices in the type asked for, vectors float32. safetensors: floats only. What changes its values on
// the way goes into the report. Not for what is in a file, or its names (convert.cpp, convert_layouts.cpp).
// Thread rule: one owner.
//
//   TensorStream stream(options, report, TensorStream::Target::kGguf);
//   stream.add_matrix("blk.0.ffn_up.weight", layer, {});
//   stream.write_gguf("lm.gguf", metadata);
#pragma once

#include <torch/torch.h>

#include <functional>
#include <regex>
#include <string>
#include <vector>

#include "af2/generate/convert.h"
#include "af2/io/gguf.h"
#include "af2/io/safetensors.h"
#include "af2/model/linear.h"

namespace af2 {

// "q4_0" -> kQ4_0. Throws kUser for "keep" and for what is no such type.
DType convert_type(const std::string& name);

class TensorStream {
 public:
  enum class Target { kGguf, kSafeTensors };
  struct MatrixOptions {
    bool vocabulary = false;               // embedding or output projection: 8 bits where others get 4
    std::vector<std::int64_t> order = {};  // order[r]: row of the layer that is row r of the file; empty: as
                                           // it is
    torch::Tensor more = {};               // rows behind those of the layer
  };
  // A file of a folder and the names of its tensors.
  struct Part {
    std::string file;
    std::vector<std::string> tensors;
  };

  // Throws kUser for a bad --keep, or a type that the target has not.
  TensorStream(const ConvertOptions& options, ConvertReport& report, Target target);

  void add_matrix(const std::string& name, const Linear& layer, MatrixOptions how);
  // Vectors stay float32; of more dimensions only in safetensors, in the type asked for.
  void add(const std::string& name, const torch::Tensor& tensor);

  void write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata);
  // Files of at most `limit` bytes of tensors (a larger tensor has one alone); file_name(k, n) names the k-th
  // of n.
  std::vector<Part> write_safetensors(const std::filesystem::path& folder, std::uint64_t limit,
                                      const std::function<std::string(std::size_t, std::size_t)>& file_name);
  std::uint64_t bytes() const;  // of all tensors as they are written
  // Of the matrices: the first one's.
  DType matrix_type() const { return matrix_type_; }

 private:
  struct Source {
    Linear layer{nullptr};  // or
    torch::Tensor tensor;   // float32, contiguous
    std::vector<std::int64_t> order;
    torch::Tensor more;
  };
  bool stays(const std::string& name) const;
  DType gguf_type(const std::string& name, const Linear& layer, bool vocabulary) const;
  DType float_type(const std::string& name, DType now) const;
  std::span<const std::byte> make(std::size_t i);
  void convert_rows(const Source& source, const TensorView& view, std::int64_t first, std::int64_t n,
                    double* power, double* change);

  const ConvertOptions& options_;
  ConvertReport& report_;
  Target target_;
  std::vector<std::regex> keep_;
  std::vector<TensorView> views_;
  std::vector<Source> sources_;
  DType matrix_type_ = DType::kF32;
  std::vector<std::byte> bytes_;  // of the tensor being written
  std::vector<float> values_;     // of the rows being converted
};

}  // namespace af2
