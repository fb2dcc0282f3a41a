// In which arithmetic products are done: float32, or bfloat16 with float32 sums, where it is asked for.
//
// Norms, softmax, residual streams and log-mel stay in float32. Thread rule: Bf16Products counts for the
// thread that made it.
//
//   const Bf16Products narrow(options.bf16);
//   network.encode(windows);    // matrix products in bfloat16
#pragma once

#include <torch/torch.h>

#include <string>

namespace af2 {

// Whether this processor multiplies bfloat16 natively: elsewhere it is slower than float32.
bool has_fast_bf16();
// Whether oneDNN multiplies bfloat16 on it at all (on x86 from AVX-512 on); without, ATen's own products take
// minutes for a clip.
bool has_bf16();
// "fp32" or "f32" no, "bf16" yes, "auto" where the processor is fast at it. Where it has none, "bf16" is no
// too, and a notice says so once.
bool wants_bf16(const std::string& precision);

// While it lives, matrix products of this thread are in bfloat16 (`on`) or float32.
class Bf16Products {
 public:
  explicit Bf16Products(bool on);
  ~Bf16Products();
  Bf16Products(const Bf16Products&) = delete;
  Bf16Products& operator=(const Bf16Products&) = delete;
  static bool active();

 private:
  bool before_;
};

// x in bfloat16 where products are and gradients are off (autocast then converts nothing itself); else x.
torch::Tensor narrowed(const torch::Tensor& x);

// Weights of linear layers below `module` become bfloat16, so that they are not converted for every product:
// for inference, or of what training leaves frozen, under Bf16Products only. Those of convolutions stay: a stem's are multiplied by the factors of
// its BatchNorm, and rounded before and after lose twice as much.
void narrow_weights(torch::nn::Module& module);

}  // namespace af2
