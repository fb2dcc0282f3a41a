// A linear layer whose weight is either a float tensor or rows in a 16- or low-bit format that stay as they
// lie in the memory-mapped file.
//
// Both give the product with the same dequantised weights; stored rows are for inference only. With
// gradients off, products run in oneDNN, in float32, or in bfloat16 with float32 sums under Bf16Products.
// A layer that was placed (model/placement.h) has a dense weight on its device, and multiplies in the
// weight's type, whatever Bf16Products says. Thread rule: forward is reentrant.
#pragma once

#include <torch/torch.h>

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "af2/model/low_rank.h"
#include "af2/quant/qmatrix.h"

namespace af2 {

// While one lives, the layers of drawn_linear() made in its thread stay empty: for networks that are about to
// be loaded, whose billion random draws would take longer than the loading.
class NoDraws {
 public:
  NoDraws() { ++depth_; }
  ~NoDraws() { --depth_; }
  NoDraws(const NoDraws&) = delete;
  NoDraws& operator=(const NoDraws&) = delete;
  static bool active() { return depth_ > 0; }

 private:
  static thread_local int depth_;
};

struct LinearImpl : torch::nn::Module {
  // The weight is left as it comes: it is loaded, or drawn by drawn_linear().
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias);
  // [..., in] -> [..., out], in the type of x; bfloat16 x only under Bf16Products, or where it was placed.
  torch::Tensor forward(const torch::Tensor& x) { return apply(x, false); }
  torch::Tensor forward_gelu(const torch::Tensor& x) { return apply(x, true); }  // GELU of it, exact form
  // The same for n rows of plain floats on the CPU (the weight float32): x [n, in] -> y [n, out].
  void multiply(const float* x, int64_t n, float* y) const;
  // Each row by the product of a single one: bit for bit what multiply gives for it alone, at any n.
  void multiply_each(const float* x, int64_t n, float* y) const;
  // multiply_each of several layers of the same width with the same x: fewer meetings of the threads.
  struct Product {
    const LinearImpl* layer;
    float* y;
  };
  static void multiply_all(const std::vector<Product>& products, const float* x, int64_t n);
  torch::Tensor rows(const torch::Tensor& ids);  // [...] int64 -> [..., in], the weight as embedding
  // Row r of the weight as floats; values [in].
  void row(int64_t r, float* values) const;
  // The type it is stored in, and the bytes of row r in that type.
  DType stored_type() const { return matrix_ ? matrix_->dtype() : DType::kF32; }
  void stored_row(int64_t r, std::span<std::byte> bytes) const;
  // Bytes of the whole weight as it is stored.
  int64_t stored_bytes() const;

  // The weight becomes a view of a float32 or bfloat16 matrix of a mapped file, which must outlive the layer
  // (rows at odd addresses stay as stored rows). The shape must agree.
  void set_mapped(const TensorView& view);
  // Whether set_mapped would make a plain view: float32, or bfloat16 where `bf16`, at an even address.
  static bool can_map(const TensorView& view, bool bf16);
  // Replaces the float weight by stored rows; the shape must agree.
  void set_low_bit(std::shared_ptr<const QMatrix> matrix);
  bool is_low_bit() const { return matrix_ != nullptr; }

  // The weight becomes a dense matrix of `type` on `device`, copied there part by part. For inference.
  void place(torch::Device device, torch::ScalarType type);
  bool is_placed() const { return placed_; }
  // x in the type that a placed layer multiplies in, for several layers that read it; else x as it is.
  torch::Tensor input(const torch::Tensor& x) const { return placed_ ? x.to(weight.scalar_type()) : x; }
  torch::Device device() const { return weight.device(); }

  // A copy in bfloat16 for training's products under Bf16Products, of a weight that is not trained and is
  // read as an embedding too: autocast would make one for every product.
  void keep_narrow() { narrow_ = weight.to(torch::kBFloat16); }

  // A pair that is trained in place of the weight, and adds to what that gives, once per layer; and the
  // weight, which must not be stored rows, with what it adds, the pair taken away: whether there was one.
  void add_low_rank(LowRank pair);
  bool merge_low_rank();
  bool has_low_rank() const { return static_cast<bool>(low_rank_); }

  int64_t in, out;
  torch::Tensor weight;  // [out, in], float32 or bfloat16; empty when low-bit
  torch::Tensor bias;    // [out] or undefined

 private:
  // multiply and multiply_each without the pair.
  void multiply_weight(const float* x, int64_t n, float* y) const;
  void multiply_weight_each(const float* x, int64_t n, float* y) const;
  void add_bias(int64_t n, float* y) const;  // y [n, out]
  torch::Tensor apply(const torch::Tensor& x, bool gelu);
  torch::Tensor apply_weight(const torch::Tensor& x, bool gelu);
  // The weight as a tensor for one product in `type`, where it lies in that type; else undefined.
  torch::Tensor weight_in(torch::ScalarType type) const;
  // Calls body(first, rows [n, in] in `type`) for all of the weight, a part at a time, with one buffer.
  template <class Body>
  void for_each_part(torch::ScalarType type, const Body& body) const;
  // Many rows: the weight is taken part by part (stored rows unpacked), each part one product of matrices,
  // in bfloat16 under Bf16Products. x [n, in] -> y [n, out].
  void multiply_parts(const torch::Tensor& x, torch::Tensor& y) const;

  std::shared_ptr<const QMatrix> matrix_;
  LowRank low_rank_ = nullptr;
  torch::Tensor narrow_;  // see keep_narrow
  bool placed_ = false;
};
TORCH_MODULE(Linear);

// One that is also trained from nothing: drawn as torch::nn::Linear draws, unless NoDraws.
Linear drawn_linear(int64_t in_features, int64_t out_features, bool with_bias = false);

// x [n, in] . weight [out, in]^T + bias as Linear computes it with gradients off: the same bits at any number
// of threads, which ATen's convolutions and MKL do not give. With gradients on, ATen's own product.
torch::Tensor linear_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias);

// All linear layers below a module, by the names of their weights: "layers.0.blocks.0.attn.qkv.weight" ….
std::vector<std::pair<std::string, Linear>> linear_layers(const torch::nn::Module& module);

}  // namespace af2
