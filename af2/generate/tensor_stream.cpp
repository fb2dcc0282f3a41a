#include "af2/generate/tensor_stream.h"

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/threads.h"
#include "af2/io/quant_blocks.h"

namespace af2 {
namespace {

constexpr std::int64_t kChunk = 1 << 22;    // values that are converted at once
constexpr std::int64_t kRowsOfThread = 16;  // at least

bool is_float(DType type) {
  return type == DType::kF32 || type == DType::kF16 || type == DType::kBF16;
}

}  // namespace

DType convert_type(const std::string& name) {
  static const std::pair<const char*, DType> known[] = {
      {"f32", DType::kF32},   {"f16", DType::kF16},   {"bf16", DType::kBF16}, {"q8_0", DType::kQ8_0},
      {"q4_0", DType::kQ4_0}, {"q4_1", DType::kQ4_1}, {"q4_K", DType::kQ4_K}};
  for (const auto& [text, type] : known)
    if (name == text) return type;
  throw user_error("is none of f32, f16, bf16, q8_0, q4_0, q4_1, q4_K, keep: " + name, "--type");
}

TensorStream::TensorStream(const ConvertOptions& options, ConvertReport& report, Target target)
    : options_(options), report_(report), target_(target) {
  for (const auto& text : options.keep) try {
      keep_.emplace_back(text);
    } catch (const std::regex_error& error) {
      throw user_error("is no regular expression: " + text + " (" + error.what() + ")", "--keep");
    }
  if (options.type == "keep") return;
  const DType type = convert_type(options.type);
  if (target == Target::kSafeTensors && !is_float(type))
    throw user_error(options.type + " is a type of GGUF files; safetensors hold floats", "--dtype",
                     "give f32, f16 or bf16, or name a file that ends in .gguf");
}

bool TensorStream::stays(const std::string& name) const {
  return options_.type == "keep" || std::any_of(keep_.begin(), keep_.end(), [&](const std::regex& pattern) {
           return std::regex_search(name, pattern);
         });
}

DType TensorStream::gguf_type(const std::string& name, const Linear& layer, bool vocabulary) const {
  if (stays(name)) return layer->stored_type();
  DType wanted = convert_type(options_.type);
  const bool four_bits = wanted == DType::kQ4_0 || wanted == DType::kQ4_1 || wanted == DType::kQ4_K;
  if (vocabulary && four_bits) wanted = DType::kQ8_0;
  // Rows that are no multiple of 256 (the 0.5B's) keep to blocks of 32.
  if (wanted == DType::kQ4_K && layer->in % block_elements(wanted) != 0) wanted = DType::kQ4_1;
  return layer->in % block_elements(wanted) == 0 ? wanted : DType::kF16;
}

DType TensorStream::float_type(const std::string& name, DType now) const {
  if (!stays(name)) return convert_type(options_.type);
  if (is_float(now)) return now;
  throw user_error("would leave " + name + " in " + std::string(dtype_name(now)) + ", a type of GGUF files",
                   options_.type == "keep" ? "--dtype keep" : "--keep",
                   "give --dtype f32, f16 or bf16, or name a file that ends in .gguf");
}

void TensorStream::add_matrix(const std::string& name, const Linear& layer, MatrixOptions how) {
  const DType type = target_ == Target::kGguf ? gguf_type(name, layer, how.vocabulary)
                                              : float_type(name, layer->stored_type());
  if (std::none_of(sources_.begin(), sources_.end(), [](const Source& s) { return bool(s.layer); }))
    matrix_type_ = type;
  const std::int64_t more = how.more.defined() ? how.more.size(0) : 0;
  views_.push_back({name, type, {layer->out + more, layer->in}, {}});
  sources_.push_back(
      {layer, {}, std::move(how.order), how.more.defined() ? how.more.contiguous() : how.more});
}

void TensorStream::add(const std::string& name, const torch::Tensor& tensor) {
  DType type = DType::kF32;
  if (tensor.dim() >= 2) type = float_type(name, DType::kF32);
  views_.push_back({name, type, tensor.sizes().vec(), {}});
  sources_.push_back({Linear(nullptr), tensor.detach().to(torch::kFloat32).contiguous(), {}, {}});
}

std::uint64_t TensorStream::bytes() const {
  std::uint64_t sum = 0;
  for (const auto& view : views_) sum += static_cast<std::uint64_t>(*checked_bytes(view.dtype, view.shape));
  return sum;
}

void TensorStream::write_gguf(const std::filesystem::path& path, const GgufMetadata& metadata) {
  af2::write_gguf(path, metadata, views_, [&](std::size_t i) { return make(i); });
}

std::vector<TensorStream::Part> TensorStream::write_safetensors(
    const std::filesystem::path& folder, std::uint64_t limit,
    const std::function<std::string(std::size_t, std::size_t)>& file_name) {
  std::vector<std::pair<std::size_t, std::size_t>>
      ranges;  // first tensor of each file, and one past its last
  std::uint64_t size = 0;
  for (std::size_t i = 0; i < views_.size(); ++i) {
    const auto more = static_cast<std::uint64_t>(*checked_bytes(views_[i].dtype, views_[i].shape));
    if (ranges.empty() || size + more > limit) {
      ranges.emplace_back(i, i);
      size = 0;
    }
    ranges.back().second = i + 1;
    size += more;
  }
  std::vector<Part> parts;
  for (std::size_t k = 0; k < ranges.size(); ++k) {
    const auto [first, end] = ranges[k];
    Part part{file_name(k, ranges.size()), {}};
    for (std::size_t i = first; i < end; ++i) part.tensors.push_back(views_[i].name);
    const std::size_t at = first;
    af2::write_safetensors(folder / part.file, std::span(views_).subspan(first, end - first),
                           {{"format", "pt"}}, [&](std::size_t i) { return make(at + i); });
    parts.push_back(std::move(part));
  }
  return parts;
}

void TensorStream::convert_rows(const Source& source, const TensorView& view, std::int64_t first,
                                std::int64_t n, double* power, double* change) {
  const std::int64_t columns = view.row_elements(), row_bytes = view.row_bytes();
  values_.resize(static_cast<std::size_t>(n * columns));
  for (std::int64_t r = 0; r < n; ++r) {
    float* out = values_.data() + r * columns;
    const std::int64_t row = first + r;
    if (!source.layer)
      std::copy_n(source.tensor.data_ptr<float>() + row * columns, columns, out);
    else if (row < source.layer->out)
      source.layer->row(source.order.empty() ? row : source.order[row], out);
    else
      std::copy_n(source.more.data_ptr<float>() + (row - source.layer->out) * columns, columns, out);
  }
  std::byte* bytes = bytes_.data() + first * row_bytes;
  std::vector<double> powers(static_cast<std::size_t>(n)), changes(powers.size());
  try {
    parallel_for(0, n, kRowsOfThread, [&](std::int64_t begin, std::int64_t end) {
      std::vector<float> after(static_cast<std::size_t>(columns));
      for (std::int64_t r = begin; r < end; ++r) {
        const std::span before(values_.data() + r * columns, after.size());
        const std::span<std::byte> packed(bytes + r * row_bytes, static_cast<std::size_t>(row_bytes));
        quantize(view.dtype, before, packed);
        dequantize(view.dtype, packed, after);
        for (std::size_t k = 0; k < after.size(); ++k) {
          const double d = static_cast<double>(after[k]) - before[k];
          powers[r] += static_cast<double>(before[k]) * before[k];
          changes[r] += d * d;
        }
      }
    });
  } catch (const Error& error) {
    throw model_error(error.problem(), view.name, "the checkpoint is damaged; get it again");
  }
  for (const double p : powers) *power += p;
  for (const double c : changes) *change += c;
}

std::span<const std::byte> TensorStream::make(std::size_t i) {
  const TensorView& view = views_[i];
  const Source& source = sources_[i];
  const auto size = static_cast<std::size_t>(*checked_bytes(view.dtype, view.shape));
  if (!source.layer && view.dtype == DType::kF32)
    return {static_cast<const std::byte*>(source.tensor.data_ptr()), size};
  bytes_.resize(size);
  const std::int64_t row_bytes = view.row_bytes();
  // Rows that stay as they are stored, then those that are converted.
  const std::int64_t same = source.layer && source.layer->stored_type() == view.dtype ? source.layer->out : 0;
  for (std::int64_t r = 0; r < same; ++r)
    source.layer->stored_row(source.order.empty() ? r : source.order[r],
                             {bytes_.data() + r * row_bytes, static_cast<std::size_t>(row_bytes)});
  const std::int64_t together =
      std::max<std::int64_t>(1, kChunk / std::max<std::int64_t>(1, view.row_elements()));
  double power = 0, change = 0;
  for (std::int64_t first = same; first < view.n_rows(); first += together)
    convert_rows(source, view, first, std::min(together, view.n_rows() - first), &power, &change);
  if (change > 0)
    report_.changed.push_back({view.name, std::string(dtype_name(view.dtype)), std::sqrt(change / power)});
  return bytes_;
}

}  // namespace af2
