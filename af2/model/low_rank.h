// Low-rank additions to linear layers (LoRA, Hu et al. 2021): y = W x + scale B A x, where A and B alone are
// trained. When the training is over they become part of W, or stay beside weights that are stored in low
// bits.
//
// They are submodules "lora" of their layers: "layers.0.self_attn.q_proj.lora.a". A begins as linear layers
// do, B at zero, so that a fresh pair adds nothing. Thread rule: forward and add_to are reentrant.
//
//   add_low_rank(*decoder, {"q_proj", "v_proj"}, /*rank=*/8, /*scale=*/2);
//   ... merge_low_rank(*decoder);
#pragma once

#include <torch/torch.h>

#include <string>
#include <vector>

#include "af2/io/safetensors.h"

namespace af2 {

struct LowRankImpl : torch::nn::Module {
  LowRankImpl(int64_t in, int64_t out, int64_t rank, double scale);
  // y [..., out], what the layer gives for x [..., in], with what the pair adds.
  torch::Tensor forward(const torch::Tensor& x, const torch::Tensor& y);
  // The same for n rows of plain floats on the CPU, each row alone: x [n, in], y [n, out].
  void add_to(const float* x, int64_t n, float* y) const;
  torch::Tensor product() const;  // [out, in], to be added to the layer's weight

  torch::Tensor a, b, scale;  // [rank, in], [out, rank], [1]; scale is not trained
};
TORCH_MODULE(LowRank);

// A fresh pair for each linear layer below `module` whose name, or whose whole path, is one of `layers`.
// Throws kUser where there is none of a name.
void add_low_rank(torch::nn::Module& module, const std::vector<std::string>& layers, int64_t rank,
                  double scale);
// Adds what the pairs give to the weights, and takes the pairs away. Returns how many there were.
int merge_low_rank(torch::nn::Module& module);

// The same for the layers and ranks of which the file holds pairs, below `prefix` in its names, such as
// "lang_encoder.model.", without their values. Returns whether it holds any.
bool add_low_rank_of(torch::nn::Module& module, const std::string& prefix, const SafeTensors& file);
// Whether a layer below `module` has a pair.
bool has_low_rank(const torch::nn::Module& module);

// Whether a tensor's name is that of a part of a pair; of that of an A, the path of its layer.
bool is_low_rank(const std::string& tensor_name);
std::string low_rank_layer(const std::string& tensor_name);

}  // namespace af2
