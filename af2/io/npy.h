// NumPy's .npy files: one array each, little-endian, C order.
//
// Reads versions 1 and 2 of float32, float64, int16, int32, int64 and uint8; writes version 1 of float32 and
// int64, byte for byte as numpy.save. Source: the format description in numpy.lib.format. Not for .npz
// archives, Fortran order, big-endian or object arrays: those are refused by name. Thread rule: constant
// after open.
//
//   const NpyArray audio = NpyArray::open("clip.npy");      // e.g. kF32, shape {160000}
//   std::vector<float> samples = audio.to_float();
//   write_npy("out.npy", samples, {1, 160000});
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "af2/core/file.h"
#include "af2/io/tensor_view.h"

namespace af2 {

// The bytes of one .npy file; the view's name is `where`. Throws kData for anything but a whole, supported
// array.
TensorView parse_npy(std::span<const std::byte> bytes, const std::string& where);

// All elements of a parse_npy() view, row-major, as C++ converts numbers (float64 rounds; integers are not
// scaled).
std::vector<float> npy_to_float(const TensorView& view);

class NpyArray {
 public:
  // Throws kData when the file cannot be opened or is not such an array.
  static NpyArray open(const std::filesystem::path& path);

  DType dtype() const { return view_.dtype; }
  const std::vector<std::int64_t>& shape() const { return view_.shape; }
  const TensorView& view() const { return view_; }
  // As npy_to_float.
  std::vector<float> to_float() const;
  // Throws kData for floating-point arrays.
  std::vector<std::int64_t> to_int64() const;

 private:
  MappedFile file_;
  TensorView view_;
};

// Atomic. Throws kInternal when the shape's product is not values.size(), kResource when the disk is full.
void write_npy(const std::filesystem::path& path, std::span<const float> values,
               const std::vector<std::int64_t>& shape);
void write_npy(const std::filesystem::path& path, std::span<const std::int64_t> values,
               const std::vector<std::int64_t>& shape);

}  // namespace af2
