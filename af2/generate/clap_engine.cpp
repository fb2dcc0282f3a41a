#include "af2/generate/clap_engine.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/generate/clap_folder.h"
#include "af2/model/precision.h"

namespace af2 {
namespace {

constexpr double kRounding_s = 1e-6;  // seconds: rounding of starts and ends

Vector to_vector(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kFloat32).contiguous();
  Vector vector(flat.data_ptr<float>(), flat.data_ptr<float>() + flat.numel());
  if (!std::all_of(vector.begin(), vector.end(), [](float x) { return std::isfinite(x); }))
    throw model_error("gives a vector that holds no numbers", "AF-CLAP", "the weights are damaged");
  return vector;
}

}  // namespace

struct ClapEngine::Data {
  Data(ClapFolder loaded, const ClapEngineOptions& engine_options)
      : clap(std::move(loaded)),
        network(*clap.network),
        options(engine_options),
        features(clap.config.audio),
        bf16(wants_bf16(options.dtype)) {
    if (bf16) narrow_weights(network);
  }

  // What the windows of a clip pool to, each weighed by its share of the clip: [1, D].
  torch::Tensor window_mean(std::span<const float> samples) const {
    const auto window = static_cast<std::size_t>(clap.config.audio.window_samples());
    torch::Tensor sum;
    for (std::size_t first = 0; first < samples.size(); first += window) {
      const std::size_t n = std::min(window, samples.size() - first);
      const ClapMel mel{features.window(samples.subspan(first, n)), false};
      const double share = static_cast<double>(n) / static_cast<double>(samples.size());
      const torch::Tensor part = network.audio_pooled(mel).to(torch::kFloat64) * share;
      sum = sum.defined() ? sum + part : part;
    }
    return sum.to(torch::kFloat32).unsqueeze(0);
  }

  ClapFolder clap;
  ClapModelImpl& network;  // modules are not const, their forward in eval mode changes nothing
  ClapEngineOptions options;
  ClapFeatures features;
  bool bf16;
};

float cosine(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * b[i];
  return static_cast<float>(sum);
}

ClapEngine ClapEngine::load(const std::string& model, const ClapEngineOptions& options) {
  const std::filesystem::path path = find_clap(model);
  try {
    if (options.threads > 0) at::set_num_threads(options.threads);
    ClapLoadOptions load;
    load.bf16 = wants_bf16(options.dtype);
    load.text_folder = options.text_model;
    load.generation = options.generation;
    ClapEngine engine;
    engine.data_ = std::make_shared<Data>(load_clap_folder(path, load), options);
    return engine;
  } catch (const c10::Error& error) {
    throw internal_error(error.what_without_backtrace(), path.string());
  }
}

std::optional<std::filesystem::path> ClapEngine::find(const std::filesystem::path& model) {
  try {
    const std::filesystem::path path = find_clap(model.string());
    const bool named = path == model && std::filesystem::is_regular_file(path);  // it may hold anything
    if (named && CheckpointFiles::open(path).layout() != CheckpointLayout::kClap) return std::nullopt;
    return path;
  } catch (const Error& error) {
    if (error.kind() == ErrorKind::kUser) return std::nullopt;
    throw;
  }
}

std::pair<std::int64_t, std::int64_t> ClapEngine::n_parameters() const {
  std::int64_t audio = 0, text = 0;
  for (const auto& [name, tensor] : stored_tensors(data_->network))
    (name.starts_with("text_") || name == "logit_scale_t" ? text : audio) += tensor.numel();
  return {audio, text};
}

const ClapModelConfig& ClapEngine::config() const {
  return data_->clap.config;
}
const std::filesystem::path& ClapEngine::folder() const {
  return data_->clap.path;
}
const std::vector<std::string>& ClapEngine::surplus() const {
  return data_->clap.surplus;
}

std::filesystem::path ClapEngine::weights_file() const {
  const std::filesystem::path& path = folder();
  return std::filesystem::is_directory(path) ? clap_weights_file(path) : path;
}
const char* ClapEngine::dtype() const {
  return data_->bf16 ? "bf16" : "f32";
}

DecodeOptions ClapEngine::decode_options() const {
  DecodeOptions options;
  options.rate_hz = config().audio.sample_rate;
  options.channels = config().audio.channels == "first" ? Channels::kFirst : Channels::kMean;
  return options;
}

Vector ClapEngine::audio(std::span<const float> samples) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  if (!config().tower.fusion && samples.size() > static_cast<std::size_t>(config().audio.window_samples()))
    return to_vector(data_->network.project_audio(data_->window_mean(samples))[0]);
  return to_vector(data_->network.embed_audio(data_->features(samples, data_->options.crop_seed)));
}

void ClapEngine::check_stretches(double window_s, double hop_s) const {
  const double longest_s = config().audio.window_seconds;
  if (!(window_s > 0) || window_s > longest_s + kRounding_s)
    throw user_error("must be above 0 and at most the model's window of " + std::to_string(longest_s) + " s",
                     "--window");
  if (!(hop_s > 0)) throw user_error("must be above 0", "--hop");
}

std::vector<ClapEngine::Stretch> ClapEngine::stretches(std::span<const float> samples, double window_s,
                                                       double hop_s) const {
  check_stretches(window_s, hop_s);
  const double rate = config().audio.sample_rate, all_s = static_cast<double>(samples.size()) / rate;
  std::vector<Stretch> found;
  std::vector<std::span<const float>> parts;
  for (std::size_t k = 0;; ++k) {
    // The last one ends where the clip ends.
    const bool last = static_cast<double>(k) * hop_s + window_s >= all_s - kRounding_s;
    const double start = last ? std::max(0.0, all_s - window_s) : static_cast<double>(k) * hop_s;
    const double end = std::min(start + window_s, all_s);
    const auto first = static_cast<std::size_t>(std::llround(start * rate));
    const auto past = std::min(static_cast<std::size_t>(std::llround(end * rate)), samples.size());
    found.push_back({start, end, {}});
    parts.push_back(samples.subspan(first, past - first));
    if (last) break;
  }
  std::vector<Vector> vectors = windows(parts);
  for (std::size_t i = 0; i < found.size(); ++i) found[i].vector = std::move(vectors[i]);
  return found;
}

std::vector<Vector> ClapEngine::windows(const std::vector<std::span<const float>>& parts) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  std::vector<Vector> vectors;
  for (std::size_t first = 0; first < parts.size(); first += kAtOnce) {
    std::vector<torch::Tensor> mels;
    for (std::size_t i = first; i < std::min(first + kAtOnce, parts.size()); ++i)
      mels.push_back(data_->features.window(parts[i]));
    for (const torch::Tensor& pooled : data_->network.windows_pooled(mels))
      vectors.push_back(to_vector(data_->network.project_audio(pooled.unsqueeze(0))[0]));
  }
  return vectors;
}

std::vector<int> ClapEngine::tokens(std::string_view text) const {
  return data_->clap.tokens(text);
}

bool ClapEngine::text_is_cut(std::string_view text) const {
  return clap_tokens({tokens(text)}, config().text).cut;
}

Vector ClapEngine::text(std::string_view text) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  return to_vector(data_->network.embed_text(tokens(text)));
}

std::vector<Vector> ClapEngine::texts(const std::vector<std::string>& all) const {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  // Elsewhere a batch is as long as its longest text, and few rows go through kernels of their own.
  const bool together = config().text.pooling == "all";
  std::vector<Vector> vectors;
  for (std::size_t first = 0; first < all.size();) {
    const std::size_t n = together ? std::min(kAtOnce, all.size() - first) : 1;
    std::vector<std::vector<int>> ids;
    for (std::size_t i = first; i < first + n; ++i) ids.push_back(tokens(all[i]));
    const torch::Tensor joint = data_->network.project_text(data_->network.text_pooled(ids));
    for (std::size_t i = 0; i < n; ++i) vectors.push_back(to_vector(joint[static_cast<std::int64_t>(i)]));
    first += n;
  }
  return vectors;
}

double ClapEngine::logit_scale() const {
  return std::exp(data_->network.logit_scale_a.item<double>());
}

}  // namespace af2
