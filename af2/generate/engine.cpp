#include "af2/generate/engine.h"

#include <torch/torch.h>

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "af2/generate/engine_data.h"
#include "af2/model/placement.h"
#include "af2/model/precision.h"

namespace af2 {
namespace {

constexpr int64_t kWindowsAtOnce = 4;    // cut out of a clip
constexpr int64_t kWindowsOnDevice = 8;  // through the tower of a GPU

Feature to_feature(const torch::Tensor& tensor) {
  const torch::Tensor flat = tensor.to(torch::kCPU, torch::kFloat32).contiguous();
  const float* data = flat.data_ptr<float>();
  return {flat.sizes().vec(), std::vector<float>(data, data + flat.numel())};
}

// Whether a device is not simply the main memory's processor.
bool is_gpu(const EngineOptions& options, const DeviceFacts& device) {
  return !device.is_cpu() || options.cpu_as_gpu;
}

// Whether the device multiplies in bfloat16.
bool narrow_products(const EngineOptions& options, const DeviceFacts& device) {
  if (!is_gpu(options, device)) return wants_bf16(options.dtype);
  return options.dtype == "bf16" || (options.dtype != "f32" && device.fast_bf16);
}

}  // namespace

const WindowReport& Memory::report() const {
  return data_->report;
}
double Memory::encode_ms() const {
  return data_->encode_ms;
}

Engine::Data::Data(ModelFolder loaded, const EngineOptions& engine_options, const DeviceFacts& facts)
    : model(std::move(loaded)),
      network(*model.network),
      options(engine_options),
      bf16(wants_bf16(options.dtype)) {
  if (options.contrast) model.config.text.contrast = *options.contrast;
  device.name = facts.name;
  device.dtype = narrow_products(options, facts) ? "bf16" : "f32";
  if (is_gpu(options, facts)) {
    place_on(facts);
  } else if (bf16) {
    narrow_weights(*network.clap);
    narrow_weights(*network.audio_transformer_clap);
  }
}

void Engine::Data::place_on(const DeviceFacts& facts) {
  const torch::ScalarType type = device.dtype == "bf16" ? torch::kBFloat16 : torch::kFloat32;
  // The main memory, where it stands for a GPU's, is not counted.
  const DeviceFacts counted = facts.is_cpu() ? DeviceFacts{} : facts;
  const std::int64_t n = layers_to_place(footprint(network, type), options.gpu_layers, counted);
  if (type == torch::kFloat32) use_exact_float32();
  place(network, torch::Device(facts.name), type, n);
  device.n_layers = static_cast<int>(n);
}

Error Engine::Data::device_failure(const c10::Error& error) const {
  return device_error(error.what_without_backtrace(), device.name);
}

int Engine::Data::longest_behind(const AudioContext& audio, std::size_t n_prompt, int max_new_tokens) const {
  if (!audio.prefix.defined()) return max_new_tokens;
  const int64_t left = model.config.lm.context - audio.prefix_length() - static_cast<int64_t>(n_prompt);
  return std::min(max_new_tokens, static_cast<int>(std::max<int64_t>(left, 1)));
}

int64_t Engine::Data::cache_room(std::size_t n_prompt, const AudioContext& audio, int max_new_tokens) const {
  if (device.n_layers == 0) return 0;  // on the CPU caches grow as they are filled
  const auto prompt = static_cast<int64_t>(n_prompt) + audio.prefix_length();
  constexpr int64_t kAligned = 64;  // else a GPU copies the bias of the scores for every layer
  const int64_t most = std::min(prompt + max_new_tokens, std::max<int64_t>(model.config.lm.context, prompt));
  return (most + kAligned - 1) / kAligned * kAligned;
}

WindowOptions Engine::Data::window_options(const Clip& clip) const {
  WindowOptions windows;
  windows.rate_hz = model.config.audio.sample_rate;
  windows.window_s = model.config.audio.window_seconds;
  windows.max_windows = options.max_windows > 0 ? options.max_windows : model.config.audio.max_windows;
  windows.clip_seconds = clip.wanted_seconds;
  return windows;
}

Prompt Engine::Data::prompt(std::string_view question) const {
  PromptOptions prompt_options;
  prompt_options.lowercase = model.config.text.lowercase;
  prompt_options.max_prompt_tokens = model.config.text.max_prompt_tokens;
  prompt_options.sep_token = model.config.text.sep;
  return build_prompt(model.tokenizer, question, prompt_options);
}

void Engine::Data::check(const std::vector<int>& ids) const {
  const int vocab = model.tokenizer.size();
  for (const int id : ids)
    if (id < 0 || id >= vocab)
      throw user_error("token id " + std::to_string(id) + " is not in 0.." + std::to_string(vocab - 1),
                       "--tokens");
  if (ids.empty()) throw user_error("no tokens", "--tokens", "give at least one id");
}

torch::Tensor Engine::Data::tower(const Clip& clip, const WindowPlan& plan) const {
  // On the CPU one window at a time, so that a clip's tokens do not depend on its neighbours in a batch.
  const bool together = network.placement.active;
  const int64_t most = together ? kWindowsOnDevice : kWindowsAtOnce;
  std::vector<torch::Tensor> parts;
  for (int64_t first = 0; first < plan.report.n_windows; first += most) {
    const int64_t n = std::min<int64_t>(most, plan.report.n_windows - first);
    const torch::Tensor windows = torch::empty({n, static_cast<int64_t>(plan.window_samples)});
    for (int64_t i = 0; i < n; ++i)
      fill_window(clip.samples, plan, static_cast<std::size_t>(first + i),
                  {windows[i].data_ptr<float>(), plan.window_samples});
    if (together) parts.push_back(network.encode(windows));
    for (int64_t i = 0; i < n && !together; ++i) parts.push_back(network.encode(windows.narrow(0, i, 1)));
  }
  return torch::cat(parts);
}

torch::Tensor id_tensor(const std::vector<int>& ids) {
  return torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).unsqueeze(0);
}

std::string tensor_library() {
  return std::string("libtorch ") + TORCH_VERSION + (list_devices().size() > 1 ? ", cuda and cpu" : ", cpu");
}

std::filesystem::path find_model_folder(const std::string& name) {
  return find_model(name);
}

Engine Engine::load(const std::filesystem::path& folder, const EngineOptions& options) {
  const DeviceFacts device = find_device(options.device);
  try {
    if (options.threads > 0) at::set_num_threads(options.threads);
    LoadOptions load;
    load.base_lm = options.base_lm;
    load.generation = options.generation;
    load.language_alone = options.language_alone;
    load.bf16 = narrow_products(options, device);
    Engine engine;
    engine.data_ = std::make_shared<Data>(load_model_folder(folder, load), options, device);
    return engine;
  } catch (const c10::Error& error) {
    const Error told = device_error(error.what_without_backtrace(), device.name);
    if (told.kind() == ErrorKind::kResource) throw told;
    throw internal_error(error.what_without_backtrace(), folder.string());
  }
}

const Af2Config& Engine::config() const {
  return data_->model.config;
}
const EngineDevice& Engine::device() const {
  return data_->device;
}
const std::filesystem::path& Engine::folder() const {
  return data_->model.path;
}
const std::vector<std::string>& Engine::surplus() const {
  return data_->model.surplus;
}

std::pair<std::int64_t, std::int64_t> Engine::n_parameters() const {
  const LmConfig& lm = data_->model.config.lm;
  const std::int64_t heads = std::int64_t{lm.n_heads + lm.n_kv_heads} * 2 * lm.head_dim;
  const std::int64_t layer = lm.dim * heads + std::int64_t{3} * lm.dim * lm.ffn_dim + 2 * lm.dim;
  const std::int64_t language =
      lm.n_layers * layer + std::int64_t{lm.vocab} * lm.dim * (lm.tied ? 1 : 2) + lm.dim;
  std::int64_t adapter = 0;
  for (const auto& [name, tensor] : adapter_tensors(data_->network)) adapter += tensor.numel();
  for (const auto& [name, matrix] : cross_attention_matrices(data_->network))
    if (matrix->is_low_bit()) adapter += matrix->in * matrix->out;  // in no tensor
  return {language, adapter};
}

std::int64_t Engine::token_bytes(bool with_audio) const {
  const auto& decoder = *data_->network.lang_encoder->model;
  std::int64_t bytes = 0;
  for (const auto& [name, layer] : linear_layers(*data_->network.lang_encoder)) {
    const bool xattn = name.find("gated_cross_attn") != std::string::npos;
    const bool one_row = layer.get() == decoder.embed_tokens.get() && decoder.lm_head;
    // Keys and values of the clip, or its prefix, are made once.
    const bool once = name.ends_with("to_kv.weight") || name.starts_with("prefix_adapter.");
    if (once || (xattn && !with_audio) || one_row) continue;
    bytes += layer->stored_bytes();
  }
  return bytes;
}

Memory Engine::nothing() const {
  Memory memory;
  memory.data_ = std::make_shared<Memory::Data>();
  return memory;
}

DecodeOptions Engine::decode_options() const {
  DecodeOptions options;
  const AudioConfig& audio = config().audio;
  options.rate_hz = audio.sample_rate;
  options.channels = audio.channels == "first" ? Channels::kFirst : Channels::kMean;
  options.max_seconds = audio.window_seconds *
                        (data_->options.max_windows > 0 ? data_->options.max_windows : audio.max_windows);
  return options;
}

Memory Engine::listen(const Clip& clip) const try {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  const double start = steady_seconds();
  const WindowPlan plan = plan_windows(clip.samples, data_->window_options(clip));
  const torch::Tensor tokens = data_->tower(clip, plan).flatten(0, 1).unsqueeze(0);  // [1, W*S, D]
  auto data = std::make_shared<Memory::Data>();
  data->context = data_->network.listen(data_->network.remember(tokens, {}), {});
  data->report = plan.report;
  wait_for_device(data_->device.name);
  data->encode_ms = (steady_seconds() - start) * 1e3;
  Memory memory;
  memory.data_ = std::move(data);
  return memory;
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

std::vector<int> Engine::prompt_ids(std::string_view prompt) const {
  return data_->prompt(prompt).ids;
}

std::string Engine::token_text(int id) const {
  return data_->model.tokenizer.decode(std::vector{id});
}

std::pair<int, double> Engine::logit_bias(const std::string& text) const {
  return parse_logit_bias(text, data_->model.tokenizer);
}

FeatureLayer feature_layer(const std::string& name) {
  const std::vector<std::string> names = {"waveform", "logmel", "tower", "memory", "logits"};
  const auto at = std::find(names.begin(), names.end(), name);
  if (at == names.end())
    throw user_error("is none of waveform, logmel, tower, memory, logits: " + name, "--layer");
  return static_cast<FeatureLayer>(at - names.begin());
}

Feature Engine::feature(const Clip& clip, FeatureLayer layer, const std::vector<int>& ids) const try {
  const torch::InferenceMode inference;
  const Bf16Products products(data_->bf16);
  if (layer == FeatureLayer::kLogits) {
    if (ids.empty())
      throw user_error("logits need a prompt", "--layer logits", "give -p TEXT or --tokens id,id,…");
    const Memory memory = listen(clip);
    return to_feature(
        data_->network.logits(data_->network.forward(id_tensor(ids), memory.data_->context))[0]);
  }
  const WindowOptions options = data_->window_options(clip);
  if (layer == FeatureLayer::kWaveform || layer == FeatureLayer::kLogmel) {
    Windows windows = make_windows(clip.samples, options);
    const torch::Tensor samples = torch::from_blob(
        windows.samples.data(), {windows.report.n_windows, static_cast<int64_t>(windows.window_samples)});
    return to_feature(layer == FeatureLayer::kWaveform ? samples : data_->network.logmel(samples));
  }
  const torch::Tensor tokens = data_->tower(clip, plan_windows(clip.samples, options));  // [W, S, D]
  if (layer == FeatureLayer::kTower) return to_feature(tokens);
  return to_feature(data_->network.remember(tokens.flatten(0, 1).unsqueeze(0), {})[0]);
} catch (const c10::Error& error) {
  throw data_->device_failure(error);
}

}  // namespace af2
