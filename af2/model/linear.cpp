#include "af2/model/linear.h"

#include <ATen/core/dispatch/Dispatcher.h>

#include <algorithm>
#include <cmath>
#include <cstdint>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/model/precision.h"
#include "af2/model/steady.h"
#include "af2/quant/dot.h"

namespace af2 {
namespace {

constexpr int64_t kGrain = 64;            // rows a thread takes at least
constexpr int64_t kFewRows = 16;          // of x: fewer go through the dot products of QMatrix
constexpr int64_t kPartValues = 1 << 20;  // of the weight, unpacked at once: they stay in the cache

torch::Tensor gelu_of(const torch::Tensor& x) {
  return steady(x, [](const torch::Tensor& part) { return torch::gelu(part); });
}

// x [n, in] . weight [out, in]^T + bias, then GELU where asked, in the type of x and weight. In oneDNN, which
// is faster than MKL where MKL does not know the processor, and which does bias and GELU on the way.
torch::Tensor product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias,
                      bool gelu) {
  static const std::optional<c10::OperatorHandle> fused =
      c10::Dispatcher::singleton().findSchema({"mkldnn::_linear_pointwise", ""});
  const torch::Tensor offset = bias.defined() ? bias.to(x.scalar_type()) : bias;
  if (!fused) {
    const torch::Tensor y = torch::nn::functional::linear(x, weight, offset);
    return gelu ? gelu_of(y) : y;
  }
  torch::jit::Stack stack;
  torch::jit::push(stack, x.contiguous(), weight, offset.defined() ? c10::IValue(offset) : c10::IValue(),
                   gelu ? "gelu" : "none", c10::List<std::optional<at::Scalar>>(),
                   gelu ? c10::IValue("none") : c10::IValue(""));
  fused->callBoxed(stack);
  return stack.back().toTensor();
}

// x . weight^T in float32 with gradients, every product in oneDNN (see product); and the same with a bias.
struct TrainedProduct : torch::autograd::Function<TrainedProduct> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight) {
    return of(context, x, weight, {});
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    const torch::autograd::variable_list saved = context->get_saved_variables();
    const torch::Tensor& weight = saved[0];
    const torch::Tensor g = gradients[0].reshape({-1, weight.size(0)});
    std::vector<int64_t> shape = gradients[0].sizes().vec();
    shape.back() = weight.size(1);
    torch::Tensor dx, dweight;
    if (context->needs_input_grad(0)) dx = product(g, weight.t(), {}, false).view(shape);
    if (context->needs_input_grad(1)) dweight = product(g.t(), saved[1].t(), {}, false);
    return {dx, dweight};
  }
  static torch::Tensor of(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                          const torch::Tensor& weight, const torch::Tensor& bias) {
    const torch::Tensor rows = x.reshape({-1, x.size(-1)});
    weight.requires_grad() ? context->save_for_backward({weight, rows})
                           : context->save_for_backward({weight});
    std::vector<int64_t> shape = x.sizes().vec();
    shape.back() = weight.size(0);
    return product(rows, weight, bias, false).view(shape);
  }
};
struct TrainedBiasedProduct : torch::autograd::Function<TrainedBiasedProduct> {
  static torch::Tensor forward(torch::autograd::AutogradContext* context, const torch::Tensor& x,
                               const torch::Tensor& weight, const torch::Tensor& bias) {
    return TrainedProduct::of(context, x, weight, bias);
  }
  static torch::autograd::variable_list backward(torch::autograd::AutogradContext* context,
                                                 const torch::autograd::variable_list& gradients) {
    torch::autograd::variable_list all = TrainedProduct::backward(context, gradients);
    all.push_back(context->needs_input_grad(2) ? gradients[0].reshape({-1, gradients[0].size(-1)}).sum(0)
                                               : torch::Tensor());
    return all;
  }
};

}  // namespace

thread_local int NoDraws::depth_ = 0;

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias)
    : in(in_features), out(out_features) {
  weight = register_parameter("weight", torch::empty({out, in}));
  if (with_bias) bias = register_parameter("bias", torch::zeros({out}));
}

void LinearImpl::set_low_bit(std::shared_ptr<const QMatrix> matrix) {
  if (matrix->rows() != out || matrix->columns() != in)
    throw internal_error("low-bit matrix has another shape than its layer");
  matrix_ = std::move(matrix);
  weight.set_data(torch::empty({0}));
}

bool LinearImpl::can_map(const TensorView& view, bool bf16) {
  const bool narrow = bf16 && view.dtype == DType::kBF16;
  if (!narrow && view.dtype != DType::kF32) return false;
  return reinterpret_cast<std::uintptr_t>(view.bytes.data()) % (narrow ? 2 : 4) == 0;
}

void LinearImpl::set_mapped(const TensorView& view) {
  if (!can_map(view, true)) {
    set_low_bit(std::make_shared<QMatrix>(view));
    return;
  }
  const bool narrow = view.dtype == DType::kBF16;
  if (view.shape != std::vector<std::int64_t>{out, in})
    throw internal_error("mapped matrix has another shape than its layer", view.name);
  // Never written: the weights of a loaded model are constant.
  weight.set_data(torch::from_blob(const_cast<std::byte*>(view.bytes.data()), {out, in},
                                   narrow ? torch::kBFloat16 : torch::kFloat32));
}

void LinearImpl::multiply(const float* x, int64_t n, float* y) const {
  multiply_weight(x, n, y);
  if (low_rank_) low_rank_->add_to(x, n, y);
}

void LinearImpl::multiply_each(const float* x, int64_t n, float* y) const {
  multiply_weight_each(x, n, y);
  if (low_rank_) low_rank_->add_to(x, n, y);
}

void LinearImpl::multiply_weight(const float* x, int64_t n, float* y) const {
  if (n == 1) {
    multiply_weight_each(x, n, y);
    return;
  }
  if (matrix_) {
    matrix_->multiply(x, n, y);
  } else {
    torch::Tensor result = torch::from_blob(y, {n, out});
    torch::mm_out(result, torch::from_blob(const_cast<float*>(x), {n, in}), weight.t());
  }
  add_bias(n, y);
}

void LinearImpl::multiply_weight_each(const float* x, int64_t n, float* y) const {
  if (matrix_) {
    matrix_->multiply_each(x, n, y);
  } else {
    const float* rows = weight.data_ptr<float>();
    parallel_for(0, out, kGrain, [&](int64_t begin, int64_t end) {
      // With several x no more rows at once than stay in the cache.
      const int64_t most = n > 1 ? kFewRows : end - begin;
      for (int64_t r = begin; r < end; r += most)
        for (int64_t i = 0; i < n; ++i)
          dot_f32(x + i * in, rows + r * in, std::min(most, end - r), in, y + i * out + r, 1);
    });
  }
  add_bias(n, y);
}

void LinearImpl::multiply_all(const std::vector<Product>& products, const float* x, int64_t n) {
  std::vector<QMatrix::Product> stored;
  for (const Product& product : products)
    if (product.layer->matrix_) stored.push_back({product.layer->matrix_.get(), product.y});
  if (stored.size() != products.size()) {
    for (const Product& product : products) product.layer->multiply_each(x, n, product.y);
    return;
  }
  QMatrix::multiply_all(stored, x, n);
  for (const Product& product : products) {
    product.layer->add_bias(n, product.y);
    if (product.layer->low_rank_) product.layer->low_rank_->add_to(x, n, product.y);
  }
}

void LinearImpl::add_bias(int64_t n, float* y) const {
  if (!bias.defined()) return;
  const float* b = bias.data_ptr<float>();
  for (int64_t i = 0; i < n; ++i)
    for (int64_t k = 0; k < out; ++k) y[i * out + k] += b[k];
}

torch::Tensor LinearImpl::weight_in(torch::ScalarType type) const {
  if (!matrix_) return weight.scalar_type() == type ? weight : torch::Tensor();
  const std::byte* rows = matrix_->rows_in_order();
  if (type != torch::kBFloat16 || matrix_->dtype() != DType::kBF16 || !rows ||
      reinterpret_cast<std::uintptr_t>(rows) % 2 != 0)
    return {};
  return torch::from_blob(const_cast<std::byte*>(rows), {out, in}, torch::kBFloat16);
}

template <class Body>
void LinearImpl::for_each_part(torch::ScalarType type, const Body& body) const {
  const int64_t together = std::max<int64_t>(kGrain, kPartValues / in);
  torch::Tensor unpacked;
  for (int64_t first = 0; first < out; first += together) {
    const int64_t n = std::min(together, out - first);
    torch::Tensor part;
    if (!matrix_) {
      part = weight.narrow(0, first, n).to(type);
    } else {
      if (!unpacked.defined()) unpacked = torch::empty({together, in});
      float* rows = unpacked.data_ptr<float>();
      parallel_for(0, n, kGrain, [&](int64_t begin, int64_t end) {
        for (int64_t r = begin; r < end; ++r) matrix_->row(first + r, rows + r * in);
      });
      part = unpacked.narrow(0, 0, n).to(type);
    }
    body(first, part);
  }
}

void LinearImpl::multiply_parts(const torch::Tensor& x, torch::Tensor& y) const {
  for_each_part(x.scalar_type(), [&](int64_t first, const torch::Tensor& part) {
    y.narrow(1, first, part.size(0)).copy_(product(x, part, {}, false));
  });
}

void LinearImpl::place(torch::Device device, torch::ScalarType type) {
  const torch::NoGradGuard no_grad;
  const torch::Tensor dense = torch::empty({out, in}, torch::TensorOptions(type).device(device));
  if (const torch::Tensor whole = weight_in(type); whole.defined())
    dense.copy_(whole);
  else
    for_each_part(type, [&](int64_t first, const torch::Tensor& part) {
      dense.narrow(0, first, part.size(0)).copy_(part);
    });
  matrix_.reset();
  weight.set_data(dense);
  if (bias.defined()) bias.set_data(bias.to(device, type));
  if (low_rank_) low_rank_->to(device, type);
  placed_ = true;
}

void LinearImpl::add_low_rank(LowRank pair) {
  if (placed_ || low_rank_) throw internal_error("a layer that takes no low-rank pair");
  low_rank_ = register_module("lora", std::move(pair));
}

bool LinearImpl::merge_low_rank() {
  if (!low_rank_) return false;
  if (matrix_) throw internal_error("stored rows, to which no low-rank pair can be added");
  const torch::NoGradGuard no_grad;
  weight.set_data(weight + low_rank_->product());
  unregister_module("lora");
  low_rank_ = nullptr;
  return true;
}

torch::Tensor LinearImpl::apply(const torch::Tensor& x, bool gelu) {
  if (!low_rank_) return apply_weight(x, gelu);
  const torch::Tensor y = low_rank_->forward(x, apply_weight(x, false));
  return gelu ? torch::gelu(y) : y;
}

torch::Tensor LinearImpl::apply_weight(const torch::Tensor& x, bool gelu) {
  if (placed_) {
    const torch::Tensor y = at::linear(input(x), weight, bias);
    return (gelu ? torch::gelu(y) : y).to(x.scalar_type());
  }
  const bool inference = !torch::GradMode::is_enabled() && x.numel() > 0 && x.device().is_cpu();
  if (!matrix_ && !inference) {
    const bool plain = x.device().is_cpu() && x.scalar_type() == torch::kFloat32 && x.numel() > 0 &&
                       weight.scalar_type() == torch::kFloat32 && !Bf16Products::active();
    if (plain) {
      const torch::Tensor y =
          bias.defined() ? TrainedBiasedProduct::apply(x, weight, bias) : TrainedProduct::apply(x, weight);
      return gelu ? torch::gelu(y) : y;
    }
    const torch::Tensor& rows = narrow_.defined() && Bf16Products::active() ? narrow_ : weight;
    const torch::Tensor y = torch::nn::functional::linear(x, rows, bias);
    return gelu ? torch::gelu(y) : y;
  }
  const torch::ScalarType type = Bf16Products::active() ? torch::kBFloat16 : torch::kFloat32;
  const torch::Tensor whole = weight_in(type);
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = out;
  const int64_t n = x.numel() / in;
  // A single row, and few stored ones, go through dot products, which is faster than a product of matrices.
  const bool dots = matrix_ || weight.scalar_type() == torch::kFloat32;
  if (dots && (n == 1 || (n < kFewRows && !whole.defined()))) {
    const torch::Tensor input = x.to(torch::kFloat32).contiguous();
    const torch::Tensor result = torch::empty({n, out});
    multiply_weight(input.data_ptr<float>(), n, result.data_ptr<float>());
    return (gelu ? gelu_of(result) : result).view(shape).to(x.scalar_type());
  }
  const torch::Tensor input = x.reshape({n, in}).to(type);
  if (whole.defined()) return product(input, whole, bias, gelu).view(shape).to(x.scalar_type());
  torch::Tensor result = torch::empty({n, out});
  multiply_parts(input, result);
  if (bias.defined()) result += bias;
  return (gelu ? gelu_of(result) : result).view(shape).to(x.scalar_type());
}

torch::Tensor LinearImpl::rows(const torch::Tensor& ids) {
  if (placed_) return torch::embedding(weight, ids).to(torch::kFloat32);
  if (!matrix_) return torch::embedding(weight, ids);
  std::vector<int64_t> shape = ids.sizes().vec();
  shape.push_back(in);
  torch::Tensor result = torch::empty(shape);
  const torch::Tensor flat = ids.contiguous().view(-1);
  for (int64_t i = 0; i < flat.numel(); ++i)
    matrix_->row(flat.data_ptr<int64_t>()[i], result.data_ptr<float>() + i * in);
  return result;
}

void LinearImpl::row(int64_t r, float* values) const {
  if (matrix_)
    matrix_->row(r, values);
  else
    std::copy_n(weight.data_ptr<float>() + r * in, in, values);
}

void LinearImpl::stored_row(int64_t r, std::span<std::byte> bytes) const {
  const std::span<const std::byte> stored =
      matrix_ ? matrix_->row_bytes(r) : std::as_bytes(std::span(weight.data_ptr<float>() + r * in, in));
  if (stored.size() != bytes.size()) throw internal_error("a stored row has another size");
  std::copy(stored.begin(), stored.end(), bytes.begin());
}

int64_t LinearImpl::stored_bytes() const {
  return matrix_ ? out * static_cast<int64_t>(matrix_->row_bytes(0).size())
                 : static_cast<int64_t>(weight.nbytes());
}

Linear drawn_linear(int64_t in_features, int64_t out_features, bool with_bias) {
  Linear layer(in_features, out_features, with_bias);
  if (NoDraws::active()) return layer;
  torch::nn::init::kaiming_uniform_(layer->weight, std::sqrt(5));
  const double most = 1 / std::sqrt(static_cast<double>(in_features));
  if (with_bias) torch::nn::init::uniform_(layer->bias, -most, most);
  return layer;
}

torch::Tensor linear_product(const torch::Tensor& x, const torch::Tensor& weight, const torch::Tensor& bias) {
  if (torch::GradMode::is_enabled() || !x.device().is_cpu())
    return torch::nn::functional::linear(x, weight, bias);
  return product(x.to(weight.scalar_type()), weight, bias, false).to(x.scalar_type());
}

std::vector<std::pair<std::string, Linear>> linear_layers(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, Linear>> all;
  for (const auto& item : module.named_modules())
    if (auto layer = std::dynamic_pointer_cast<LinearImpl>(item.value()))
      all.emplace_back(item.key() + ".weight", Linear(layer));
  return all;
}

}  // namespace af2
