#include "af2/generate/convert.h"

#include <cmath>
#include <regex>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/core/threads.h"
#include "af2/generate/model_folder.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/lm_gguf.h"
#include "af2/model/weights.h"
#include "af2/text/byte_bpe.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kChunk = 1 << 22;    // values that are converted at once
constexpr std::int64_t kRowsOfThread = 16;  // at least

DType type_of(const std::string& name) {
  static const std::pair<const char*, DType> known[] = {
      {"f32", DType::kF32},   {"f16", DType::kF16},   {"bf16", DType::kBF16}, {"q8_0", DType::kQ8_0},
      {"q4_0", DType::kQ4_0}, {"q4_1", DType::kQ4_1}, {"q4_K", DType::kQ4_K}};
  for (const auto& [text, type] : known)
    if (name == text) return type;
  throw user_error("is none of f32, f16, bf16, q8_0, q4_0, q4_1, q4_K, keep: " + name, "--type");
}

// The matrices and vectors of one GGUF file, made as they are written.
class GgufFile {
 public:
  GgufFile(const ConvertOptions& options, ConvertReport& report) : options_(options), report_(report) {
    for (const auto& text : options.keep) try {
        keep_.emplace_back(text);
      } catch (const std::regex_error& error) {
        throw user_error("is no regular expression: " + text + " (" + error.what() + ")", "--keep");
      }
  }

  // `order[r]` is the row of the layer that is row r of the file (empty: as it is).
  void add(const std::string& name, const Linear& layer, bool vocabulary,
           std::vector<std::int64_t> order = {}) {
    views_.push_back({name, matrix_type(name, layer, vocabulary), {layer->out, layer->in}, {}});
    sources_.push_back({layer, {}, std::move(order)});
  }
  void add(const std::string& name, const torch::Tensor& vector) {
    views_.push_back({name, DType::kF32, vector.sizes().vec(), {}});
    sources_.push_back({Linear(nullptr), vector.contiguous(), {}});
  }

  void write(const fs::path& path, const GgufMetadata& metadata) {
    write_gguf(path, metadata, views_, [&](std::size_t i) { return make(i); });
  }

 private:
  struct Source {
    Linear layer{nullptr};
    torch::Tensor vector;
    std::vector<std::int64_t> order;
  };

  DType matrix_type(const std::string& name, const Linear& layer, bool vocabulary) const {
    const DType now = layer->stored_type();
    if (options_.type == "keep") return now;
    for (const auto& pattern : keep_)
      if (std::regex_search(name, pattern)) return now;
    DType wanted = type_of(options_.type);
    const bool four_bits = wanted == DType::kQ4_0 || wanted == DType::kQ4_1 || wanted == DType::kQ4_K;
    if (vocabulary && four_bits) wanted = DType::kQ8_0;
    // Rows that are no multiple of 256 (the 0.5B's) keep to blocks of 32.
    if (wanted == DType::kQ4_K && layer->in % block_elements(wanted) != 0) wanted = DType::kQ4_1;
    return layer->in % block_elements(wanted) == 0 ? wanted : DType::kF16;
  }

  std::span<const std::byte> make(std::size_t i) {
    const TensorView& view = views_[i];
    const Source& source = sources_[i];
    const auto size = static_cast<std::size_t>(*checked_bytes(view.dtype, view.shape));
    if (source.vector.defined()) return {static_cast<const std::byte*>(source.vector.data_ptr()), size};
    bytes_.resize(size);
    const std::int64_t columns = view.shape[1], row_bytes = view.row_bytes();
    const bool same = source.layer->stored_type() == view.dtype;
    const std::int64_t together = std::max<std::int64_t>(1, kChunk / columns);
    std::vector<float> values;
    double power = 0, change = 0;
    for (std::int64_t first = 0; first < view.shape[0]; first += together) {
      const std::int64_t n = std::min(together, view.shape[0] - first);
      std::byte* out = bytes_.data() + first * row_bytes;
      const auto row = [&](std::int64_t r) { return source.order.empty() ? r : source.order[r]; };
      if (same) {
        for (std::int64_t r = 0; r < n; ++r)
          source.layer->stored_row(row(first + r),
                                   {out + r * row_bytes, static_cast<std::size_t>(row_bytes)});
        continue;
      }
      values.resize(static_cast<std::size_t>(n * columns));
      for (std::int64_t r = 0; r < n; ++r) source.layer->row(row(first + r), values.data() + r * columns);
      std::vector<double> powers(static_cast<std::size_t>(n)), changes(powers.size());
      try {
        parallel_for(0, n, kRowsOfThread, [&](std::int64_t begin, std::int64_t end) {
          std::vector<float> after(static_cast<std::size_t>(columns));
          for (std::int64_t r = begin; r < end; ++r) {
            const std::span before(values.data() + r * columns, after.size());
            const std::span<std::byte> bytes(out + r * row_bytes, static_cast<std::size_t>(row_bytes));
            quantize(view.dtype, before, bytes);
            dequantize(view.dtype, bytes, after);
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
      for (const double p : powers) power += p;
      for (const double c : changes) change += c;
    }
    if (change > 0)
      report_.changed.push_back({view.name, std::string(dtype_name(view.dtype)), std::sqrt(change / power)});
    return bytes_;
  }

  const ConvertOptions& options_;
  ConvertReport& report_;
  std::vector<std::regex> keep_;
  std::vector<TensorView> views_;
  std::vector<Source> sources_;
  std::vector<std::byte> bytes_;  // of the tensor being written
};

// The lists that other programs read a GGUF's tokenizer from; af2 itself takes tokenizer.json. Left out where
// they would not say the same.
void add_tokenizer(GgufMetadata& metadata, const ModelFolder& model) {
  if (!fs::exists(model.tokenizer_folder / "tokenizer.json")) return;
  std::optional<TokenizerLists> lists =
      lists_of(read_tokenizer_json(model.tokenizer_folder / "tokenizer.json"));
  if (!lists || static_cast<int>(lists->tokens.size()) != model.config.lm.vocab) return;
  const auto end = std::find(lists->tokens.begin(), lists->tokens.end(), "<|endoftext|>");
  if (end != lists->tokens.end())
    metadata.emplace_back("tokenizer.ggml.eos_token_id",
                          static_cast<std::uint32_t>(end - lists->tokens.begin()));
  metadata.emplace_back("tokenizer.ggml.model", std::string("gpt2"));
  metadata.emplace_back("tokenizer.ggml.pre", lists->pre);
  metadata.emplace_back("tokenizer.ggml.add_bos_token", false);
  metadata.emplace_back("tokenizer.ggml.tokens", std::move(lists->tokens));
  metadata.emplace_back("tokenizer.ggml.merges", std::move(lists->merges));
  metadata.emplace_back("tokenizer.ggml.token_type",
                        std::vector<std::int32_t>(lists->types.begin(), lists->types.end()));
}

void write_language_model(ModelFolder& model, const fs::path& path, const ConvertOptions& options,
                          ConvertReport& report) {
  GgufFile file(options, report);
  for (auto& item : lm_gguf_tensors(*model.network->lang_encoder->model)) {
    if (item.vector.defined())
      file.add(item.name, item.vector);
    else
      file.add(item.name, item.layer, item.vocabulary, row_in_decoder(item));
  }
  GgufMetadata metadata = model.lm_file.metadata();
  if (metadata.empty()) {
    metadata = lm_gguf_metadata(model.config.lm, model.config.name);
    add_tokenizer(metadata, model);
  }
  file.write(path, metadata);
}

void write_cross_attention(ModelFolder& model, const fs::path& path, const ConvertOptions& options,
                           ConvertReport& report) {
  GgufFile file(options, report);
  for (auto& [name, layer] : cross_attention_matrices(*model.network)) file.add(name, layer, false);
  file.write(path, {{"general.architecture", std::string("af2-xattn")}});
}

void copy_tokenizer(const fs::path& from, const fs::path& to) {
  for (const char* name : {"tokenizer.json", "vocab.json", "merges.txt"})
    if (fs::exists(from / name)) fs::copy_file(from / name, to / name);
}

void write_sums(const fs::path& folder, const std::vector<std::string>& files) {
  std::string text;
  for (const auto& name : files) text += sha256_file(folder / name) + "  " + name + "\n";
  write_file_atomic(folder / kChecksums, text);
}

}  // namespace

ConvertReport convert_model(const fs::path& source, const fs::path& target, const ConvertOptions& options) {
  if (options.type != "keep") type_of(options.type);
  std::string adapter_type = options.adapter_type;
  if (adapter_type.empty()) adapter_type = options.type == "f32" || options.type == "keep" ? "f32" : "bf16";
  const SaveType save_as = save_type_from_name(adapter_type, "--adapter-type");
  if (fs::exists(target) && !(fs::is_directory(target) && fs::is_empty(target)))
    throw user_error("is there already", target.string(), "name a folder that does not exist or is empty");

  LoadOptions load;
  load.base_lm = options.base_lm;
  load.generation = options.generation;
  ModelFolder model = load_model_folder(source, load);
  std::error_code code;
  fs::create_directories(target, code);
  if (code) throw resource_error("cannot create: " + code.message(), target.string());

  ConvertReport report;
  for (const auto& file : model.weight_files) report.bytes_before += fs::file_size(file);
  write_language_model(model, target / "lm.gguf", options, report);
  write_cross_attention(model, target / "xattn.gguf", options, report);
  std::vector<std::pair<std::string, torch::Tensor>> rest;
  const auto matrices = cross_attention_matrices(*model.network);
  for (auto& [name, tensor] : adapter_tensors(*model.network)) {
    const bool in_gguf = std::any_of(matrices.begin(), matrices.end(),
                                     [&, wanted = name](const auto& m) { return m.first == wanted; });
    if (!in_gguf) rest.emplace_back(name, tensor);
  }
  save_tensors(target / "adapter.safetensors", rest, save_as, {{"format", "af2"}, {"dtype", adapter_type}});
  copy_tokenizer(model.tokenizer_folder, target);

  Af2Config config = model.config;
  config.lm.file = "lm.gguf";
  config.xattn.file = "xattn.gguf";
  write_file_atomic(target / "config.json", to_json(config).dump(2) + "\n");
  std::vector<std::string> files;
  for (const char* name : {"config.json", "lm.gguf", "xattn.gguf", "adapter.safetensors", "tokenizer.json",
                           "vocab.json", "merges.txt"})
    if (fs::exists(target / name)) files.push_back(name);
  write_sums(target, files);
  for (const char* name : {"lm.gguf", "xattn.gguf", "adapter.safetensors"})
    report.bytes_after += fs::file_size(target / name);
  return report;
}

int verify_model_folder(const fs::path& folder) {
  if (!fs::exists(folder / kChecksums))
    throw user_error(std::string("holds no ") + kChecksums, folder.string(), "`af2 convert` writes one");
  int n = 0;
  for (const auto& line : split(read_file(folder / kChecksums), '\n')) {
    if (trim(line).empty()) continue;
    const std::size_t gap = line.find("  ");
    if (gap != 64) throw model_error("line \"" + line + "\" is no sum", (folder / kChecksums).string());
    const fs::path file = folder / line.substr(gap + 2);
    if (!fs::exists(file)) throw model_error("is missing", file.string(), "copy the folder again");
    if (sha256_file(file) != line.substr(0, gap))
      throw model_error("is not what was written (SHA-256 differs)", file.string(), "copy the folder again");
    ++n;
  }
  return n;
}

}  // namespace af2
