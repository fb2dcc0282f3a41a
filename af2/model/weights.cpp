#include "af2/model/weights.h"

#include <map>
#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/io/finite.h"
#include "af2/io/quant_blocks.h"

namespace af2 {
namespace {

bool is_derived(const std::string& name) {
  for (const char* end : {"attn_mask", "relative_position_index", "num_batches_tracked"})
    if (name.size() >= std::string(end).size() && name.ends_with(end)) return true;
  return false;
}

std::vector<std::int64_t> shape_of(const torch::Tensor& tensor) {
  return tensor.sizes().vec();
}

}  // namespace

std::vector<std::pair<std::string, torch::Tensor>> stored_tensors(const torch::nn::Module& module) {
  std::vector<std::pair<std::string, torch::Tensor>> found;
  for (const auto& item : module.named_parameters()) found.emplace_back(item.key(), item.value());
  for (const auto& item : module.named_buffers())
    if (!is_derived(item.key())) found.emplace_back(item.key(), item.value());
  return found;
}

namespace {

torch::Tensor read_unchecked(const SafeTensors& file, const std::string& name) {
  const TensorView& view = file.get(name);
  torch::Tensor tensor = torch::empty(view.shape, torch::kFloat32);
  if (view.dtype == DType::kI8) {
    const std::int64_t rows = view.shape.empty() ? 1 : view.shape[0];
    const std::int64_t columns = rows ? view.n_elements() / rows : 0;
    const bool by_column = file.get(name + ".scale").shape.size() == 2;
    const std::vector<std::int64_t> scale_shape =
        by_column ? std::vector<std::int64_t>{1, columns} : std::vector<std::int64_t>{rows};
    const std::vector<float> scales = to_float(file.get(name + ".scale", scale_shape));
    const auto* values = reinterpret_cast<const std::int8_t*>(view.bytes.data());
    float* out = tensor.data_ptr<float>();
    for (std::int64_t r = 0; r < rows; ++r)
      for (std::int64_t c = 0; c < columns; ++c)
        out[r * columns + c] = scales[by_column ? c : r] * values[r * columns + c];
  } else {
    dequantize(view.dtype, view.bytes, {tensor.data_ptr<float>(), static_cast<std::size_t>(tensor.numel())});
  }
  return tensor;
}

void check_tensor(const SafeTensors& file, const std::string& name) {
  check_finite(file.get(name), file.path().string());
  if (file.get(name).dtype == DType::kI8) check_finite(file.get(name + ".scale"), file.path().string());
}

}  // namespace

torch::Tensor read_tensor(const SafeTensors& file, const std::string& name) {
  torch::Tensor tensor = read_unchecked(file, name);
  check_tensor(file, name);
  return tensor;
}

std::vector<std::string> load_strict(const SafeTensors& file,
                                     const std::vector<std::pair<std::string, torch::Tensor>>& targets,
                                     const MapOptions& map) {
  std::vector<std::string> missing;
  std::set<std::string> surplus;
  for (const auto& [name, view] : file.tensors()) surplus.insert(name);
  for (const auto& [name, target] : targets) {
    const TensorView* view = file.find(name);
    if (!view)
      missing.push_back(name + " (" + shape_text(target.sizes()) + ")");
    else if (view->shape != shape_of(target))
      throw model_error(
          "is " + shape_text(view->shape) + " where the model needs " + shape_text(target.sizes()),
          file.path().string() + " tensor " + name, "use the config.json that belongs to these weights");
    surplus.erase(name);
    surplus.erase(name + ".scale");
  }
  if (!missing.empty()) {
    const std::size_t n = missing.size();
    if (n > 5) missing.resize(5);
    throw model_error(
        "lacks " + join(missing, ", ") + (n > 5 ? " and " + std::to_string(n - 5) + " more" : ""),
        file.path().string(), "get the complete file, or the config.json that belongs to it");
  }
  torch::NoGradGuard no_grad;
  const std::map<std::string, Linear> layers(map.layers.begin(), map.layers.end());
  for (auto [name, target] : targets) {
    const TensorView& view = file.get(name);
    const auto layer = layers.find(name);
    if (!map.checked) check_tensor(file, name);
    if (layer != layers.end() && LinearImpl::can_map(view, map.bf16))
      Linear(layer->second)->set_mapped(view);
    else
      target.copy_(read_unchecked(file, name));
  }
  return {surplus.begin(), surplus.end()};
}

namespace {

// A matrix of fewer columns would spend a fifth of its bytes or more on the scales of its rows.
constexpr std::int64_t kNarrow = 32;

struct WholeNumbers {
  torch::Tensor values, scale;  // int8 in the tensor's shape; float32: rows, or 1 x columns
};

WholeNumbers in_whole_numbers(const torch::Tensor& value, int levels) {
  const torch::Tensor rows = value.flatten(1);
  const bool by_column = value.dim() == 2 && rows.size(1) < kNarrow && rows.size(0) > rows.size(1);
  const torch::Tensor scale = (rows.abs().amax(by_column ? 0 : 1) / levels).clamp_min(1e-12);
  const torch::Tensor over = rows / scale.unsqueeze(by_column ? 0 : 1);
  return {over.round().clamp(-levels, levels).to(torch::kInt8).view(value.sizes()),
          by_column ? scale.unsqueeze(0) : scale};
}

}  // namespace

torch::Tensor as_saved(const torch::Tensor& tensor, SaveType type, int levels) {
  torch::NoGradGuard no_grad;
  const torch::Tensor value = tensor.detach().to(torch::kCPU, torch::kFloat32);
  if (value.dim() < 2 || type == SaveType::kF32) return value;
  if (type == SaveType::kBF16) return value.to(torch::kBFloat16).to(torch::kFloat32);
  const WholeNumbers whole = in_whole_numbers(value, levels);
  const torch::Tensor scale = whole.scale.dim() == 2 ? whole.scale : whole.scale.unsqueeze(1);
  return (whole.values.flatten(1).to(torch::kFloat32) * scale).view(value.sizes());
}

void save_tensors(const std::filesystem::path& path,
                  const std::vector<std::pair<std::string, torch::Tensor>>& tensors, SaveType type,
                  const StringMap& metadata, int levels) {
  torch::NoGradGuard no_grad;
  std::vector<torch::Tensor> kept;  // keeps the bytes alive until they are written
  std::vector<TensorView> views;
  const auto add = [&](const std::string& name, const torch::Tensor& tensor, DType dtype) {
    kept.push_back(tensor.contiguous());
    const auto* data = static_cast<const std::byte*>(kept.back().data_ptr());
    views.push_back({name, dtype, shape_of(tensor), {data, kept.back().nbytes()}});
  };
  for (const auto& [name, tensor] : tensors) {
    const torch::Tensor value = tensor.detach().to(torch::kCPU, torch::kFloat32);
    if (value.dim() < 2 || type == SaveType::kF32) {
      add(name, value, DType::kF32);
    } else if (type == SaveType::kBF16) {
      add(name, value.to(torch::kBFloat16), DType::kBF16);
    } else {
      const WholeNumbers whole = in_whole_numbers(value, levels);
      add(name, whole.values, DType::kI8);
      add(name + ".scale", whole.scale, DType::kF32);
    }
  }
  write_safetensors(path, views, metadata);
}

SaveType save_type_from_name(const std::string& name, const std::string& where) {
  if (name == "f32") return SaveType::kF32;
  if (name == "bf16") return SaveType::kBF16;
  if (name == "i8") return SaveType::kI8;
  throw user_error("is none of f32, bf16, i8: " + name, where);
}

}  // namespace af2
