#include "af2/model/train_kernels.h"

#include <ATen/Parallel.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "af2/model/precision.h"

// Compiled for the vectors of several processors, which the loops below are written to be turned into.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define AF2_CLONES __attribute__((target_clones("avx512f", "avx2", "default")))
#else
#define AF2_CLONES
#endif

namespace af2 {
namespace {

using torch::autograd::AutogradContext;
using torch::autograd::variable_list;

constexpr int64_t kLanes = 16;       // sums side by side
constexpr int64_t kGrain = 1 << 14;  // values that a thread takes at least

// bfloat16 as the upper half of a float32.
using Half = std::uint16_t;

inline float wide(float value) {
  return value;
}
inline float wide(Half value) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(value) << 16);
}
inline void store(float value, float* to) {
  *to = value;
}
// To the nearest, ties to even.
inline void store(float value, Half* to) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const auto rounded = static_cast<Half>((bits + 0x7fffu + ((bits >> 16) & 1)) >> 16);
  *to = value == value ? rounded : static_cast<Half>(0x7fc0);
}

template <class A, class B, class F>
inline float summed(const A* a, const B* b, int64_t n, const F& term) {
  float lanes[kLanes] = {}, sum = 0;
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes)
    for (int64_t k = 0; k < kLanes; ++k) lanes[k] += term(wide(a[i + k]), wide(b[i + k]), i + k);
  for (const float lane : lanes) sum += lane;
  for (; i < n; ++i) sum += term(wide(a[i]), wide(b[i]), i);
  return sum;
}

// ---- RMSNorm: rows of d values each ----

template <class Y>
inline void norm_rows_of(const float* x, const float* weight, double eps, int64_t rows, int64_t d, Y* y,
                         float* inverse) {
  for (int64_t r = 0; r < rows; ++r, x += d, y += d) {
    const float squares = summed(x, x, d, [](float a, float b, int64_t) { return a * b; });
    const float inv = 1 / std::sqrt(squares / static_cast<float>(d) + static_cast<float>(eps));
    inverse[r] = inv;
    for (int64_t i = 0; i < d; ++i) store(weight[i] * (x[i] * inv), y + i);
  }
}
AF2_CLONES void norm_rows(const float* x, const float* weight, double eps, int64_t rows, int64_t d, float* y,
                          float* inverse) {
  norm_rows_of(x, weight, eps, rows, d, y, inverse);
}
AF2_CLONES void norm_rows(const float* x, const float* weight, double eps, int64_t rows, int64_t d, Half* y,
                          float* inverse) {
  norm_rows_of(x, weight, eps, rows, d, y, inverse);
}

// dx = inv * (g w - x inv^2 mean(g w x))
template <class G>
inline void norm_back_of(const G* g, const float* x, const float* weight, const float* inverse, int64_t rows,
                         int64_t d, float* dx) {
  for (int64_t r = 0; r < rows; ++r, g += d, x += d, dx += d) {
    const float inv = inverse[r];
    const float along = summed(g, x, d, [weight](float a, float b, int64_t i) { return a * weight[i] * b; });
    const float share = along * inv * inv / static_cast<float>(d);
    for (int64_t i = 0; i < d; ++i) dx[i] = inv * (wide(g[i]) * weight[i] - x[i] * share);
  }
}
AF2_CLONES void norm_back(const float* g, const float* x, const float* weight, const float* inverse,
                          int64_t rows, int64_t d, float* dx) {
  norm_back_of(g, x, weight, inverse, rows, d, dx);
}
AF2_CLONES void norm_back(const Half* g, const float* x, const float* weight, const float* inverse,
                          int64_t rows, int64_t d, float* dx) {
  norm_back_of(g, x, weight, inverse, rows, d, dx);
}

// ---- rotation: y = x cos + swapped(x) sin, of the first `dim` of dh values ----

// `back`: the transposed rotation, which turns gradients of y into those of x.
template <class T>
inline void rotate_of(const T* x, const float* cosine, const float* sine, int64_t dim, int64_t dh, bool back,
                      T* y) {
  const int64_t half = dim / 2;
  const float sign = back ? -1.0F : 1.0F;
  for (int64_t i = 0; i < half; ++i) {
    const float a = wide(x[i]), b = wide(x[i + half]);
    store(a * cosine[i] - sign * b * sine[i], y + i);
    store(b * cosine[i] + sign * a * sine[i], y + i + half);
  }
  for (int64_t i = dim; i < dh; ++i) y[i] = x[i];
}
AF2_CLONES void rotate(const float* x, const float* cosine, const float* sine, int64_t dim, int64_t dh,
                       bool back, float* y) {
  rotate_of(x, cosine, sine, dim, dh, back, y);
}
AF2_CLONES void rotate(const Half* x, const float* cosine, const float* sine, int64_t dim, int64_t dh,
                       bool back, Half* y) {
  rotate_of(x, cosine, sine, dim, dh, back, y);
}

const Half* halves(const torch::Tensor& x) {
  return reinterpret_cast<const Half*>(x.const_data_ptr<at::BFloat16>());
}
Half* halves(torch::Tensor& x) {
  return reinterpret_cast<Half*>(x.mutable_data_ptr<at::BFloat16>());
}

// Calls f(0.0F or Half{}) by the type of x.
template <class F>
void by_type(const torch::Tensor& x, const F& f) {
  x.scalar_type() == torch::kBFloat16 ? f(Half{}) : f(0.0F);
}
template <class T>
const T* values(const torch::Tensor& x) {
  if constexpr (std::is_same_v<T, Half>)
    return halves(x);
  else
    return x.const_data_ptr<float>();
}
template <class T>
T* values_of(torch::Tensor& x) {
  if constexpr (std::is_same_v<T, Half>)
    return halves(x);
  else
    return x.mutable_data_ptr<float>();
}

struct RmsNormFunction : torch::autograd::Function<RmsNormFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& given,
                               const torch::Tensor& weight, double eps, bool narrow) {
    const torch::Tensor x = given.contiguous();
    const int64_t d = x.size(-1), n = x.numel() / d;
    torch::Tensor y = torch::empty(x.sizes(), x.options().dtype(narrow ? torch::kBFloat16 : torch::kFloat32)),
                  inverse = torch::empty({n}, x.options());
    const float *from = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>();
    auto* inv = inverse.mutable_data_ptr<float>();
    by_type(y, [&](auto type) {
      auto* to = values_of<decltype(type)>(y);
      at::parallel_for(0, n, std::max<int64_t>(1, kGrain / d), [&](int64_t first, int64_t last) {
        norm_rows(from + first * d, w, eps, last - first, d, to + first * d, inv + first);
      });
    });
    context->save_for_backward({x, weight, inverse});
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    const torch::Tensor &x = saved[0], &weight = saved[1], &inverse = saved[2], g = gradients[0].contiguous();
    const int64_t d = x.size(-1), n = x.numel() / d;
    torch::Tensor dx, dweight;
    if (context->needs_input_grad(0)) {
      dx = torch::empty(x.sizes(), x.options());
      const float *of = x.const_data_ptr<float>(), *w = weight.const_data_ptr<float>(),
                  *inv = inverse.const_data_ptr<float>();
      auto* to = dx.mutable_data_ptr<float>();
      by_type(g, [&](auto type) {
        const auto* from = values<decltype(type)>(g);
        at::parallel_for(0, n, std::max<int64_t>(1, kGrain / d), [&](int64_t first, int64_t last) {
          norm_back(from + first * d, of + first * d, w, inv + first, last - first, d, to + first * d);
        });
      });
    }
    if (context->needs_input_grad(1))
      dweight = (g.view({n, d}).to(torch::kFloat32) * x.view({n, d}) * inverse.unsqueeze(1)).sum(0);
    return {dx, dweight, {}, {}};
  }
};

// x [B, H, T, dh], its last dimension side by side -> the same, into y whose last one is too.
void rotate_all(const torch::Tensor& x, const torch::Tensor& cosine, const torch::Tensor& sine, bool back,
                torch::Tensor& y) {
  const int64_t heads = x.size(1), t = x.size(2), dh = x.size(3), dim = cosine.size(1);
  const float *cos = cosine.const_data_ptr<float>(), *sin = sine.const_data_ptr<float>();
  by_type(x, [&](auto type) {
    const auto* from = values<decltype(type)>(x);
    auto* to = values_of<decltype(type)>(y);
    at::parallel_for(0, x.size(0) * heads, std::max<int64_t>(1, kGrain / (t * dh)),
                     [&](int64_t first, int64_t last) {
                       for (int64_t k = first; k < last; ++k) {
                         const int64_t b = k / heads, h = k % heads;
                         const auto* row = from + b * x.stride(0) + h * x.stride(1);
                         auto* into = to + b * y.stride(0) + h * y.stride(1);
                         for (int64_t i = 0; i < t; ++i)
                           rotate(row + i * x.stride(2), cos + i * dim, sin + i * dim, dim, dh, back,
                                  into + i * y.stride(2));
                       }
                     });
  });
}

struct RotaryFunction : torch::autograd::Function<RotaryFunction> {
  static torch::Tensor forward(AutogradContext* context, const torch::Tensor& x, const torch::Tensor& cosine,
                               const torch::Tensor& sine) {
    context->save_for_backward({cosine, sine});
    torch::Tensor y = torch::empty(x.sizes(), x.options());
    rotate_all(x, cosine, sine, /*back=*/false, y);
    return y;
  }

  static variable_list backward(AutogradContext* context, const variable_list& gradients) {
    const variable_list saved = context->get_saved_variables();
    torch::Tensor g = gradients[0];
    if (g.stride(3) != 1) g = g.contiguous();
    // As projections give it, so that nothing is moved on the way back to them.
    torch::Tensor dx =
        torch::empty({g.size(0), g.size(2), g.size(1), g.size(3)}, g.options()).transpose(1, 2);
    rotate_all(g, saved[0], saved[1], /*back=*/true, dx);
    return {dx, {}, {}};
  }
};

}  // namespace

bool can_train_fused(const torch::Tensor& x) {
  return torch::GradMode::is_enabled() && x.device().is_cpu() && x.numel() > 0 && x.stride(-1) == 1 &&
         (x.scalar_type() == torch::kFloat32 || x.scalar_type() == torch::kBFloat16);
}

torch::Tensor trained_rms_norm(const torch::Tensor& x, const torch::Tensor& weight, double eps) {
  return RmsNormFunction::apply(x, weight, eps, Bf16Products::active());
}

torch::Tensor trained_rotary(const torch::Tensor& x, const RotaryTable& table) {
  return RotaryFunction::apply(x, table.cos.contiguous(), table.sin.contiguous());
}

}  // namespace af2
