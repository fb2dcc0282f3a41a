#include "af2/model/placement.h"

#include <fmt/format.h>

#include <algorithm>

namespace af2 {
namespace {

// Values on the way, and what libraries take for themselves: as measured on an H100.
constexpr std::int64_t kActivations = std::int64_t{1} << 30;

// Weights of a module when its matrices are dense in `width` bytes a value.
std::int64_t weight_bytes(const torch::nn::Module& module, std::int64_t width) {
  std::int64_t bytes = 0;
  for (const auto& tensor : module.parameters()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  for (const auto& tensor : module.buffers()) bytes += static_cast<std::int64_t>(tensor.nbytes());
  for (const auto& [name, layer] : linear_layers(module)) {
    bytes += layer->in * layer->out * width - static_cast<std::int64_t>(layer->weight.nbytes());
    if (layer->bias.defined()) bytes += layer->out * width - static_cast<std::int64_t>(layer->bias.nbytes());
  }
  return bytes;
}

void place_module(torch::nn::Module& module, torch::Device device, torch::ScalarType type) {
  for (auto& [name, layer] : linear_layers(module)) layer->place(device, type);
  module.to(device);  // the rest, as it is
}

std::shared_ptr<torch::nn::Module> block_before(const LangEncoderImpl& language, std::int64_t layer) {
  const auto& before = language.xattn_before;
  if (std::find(before.begin(), before.end(), layer) == before.end()) return nullptr;
  return (*language.gated_cross_attn_layers_sound)[std::to_string(layer)];
}

void move_parameter(torch::Tensor& parameter, torch::Device device) {
  if (parameter.defined()) parameter.set_data(parameter.to(device));
}

}  // namespace

std::int64_t Footprint::bytes(std::int64_t n_layers) const {
  const auto all = static_cast<std::int64_t>(layers.size());
  std::int64_t sum = listening + (n_layers >= all ? head : 0);
  for (std::int64_t i = 0; i < std::min(n_layers, all); ++i) sum += layers[static_cast<std::size_t>(i)];
  return sum;
}

std::int64_t Footprint::layers_within(std::int64_t free_bytes) const {
  auto n = static_cast<std::int64_t>(layers.size());
  while (n >= 0 && bytes(n) > free_bytes) --n;
  return n;
}

Footprint footprint(const Af2ModelImpl& network, torch::ScalarType type) {
  const auto width = static_cast<std::int64_t>(c10::elementSize(type));
  const Af2Config& config = network.config;
  const LangEncoderImpl& language = *network.lang_encoder;
  const std::int64_t audio_tokens = std::int64_t{config.audio.max_windows} * config.audio_tokens_per_window();
  const std::int64_t text_tokens = std::int64_t{config.text.max_prompt_tokens} +
                                   config.generation.max_new_tokens +
                                   (config.has_prefix() ? audio_tokens : 0);
  Footprint needs;
  needs.listening = weight_bytes(*network.clap, width) +
                    weight_bytes(*network.audio_transformer_clap, width) + kActivations;
  if (language.prefix_adapter) needs.listening += weight_bytes(*language.prefix_adapter, width);
  for (std::int64_t i = 0; i < config.lm.n_layers; ++i) {
    std::int64_t bytes = weight_bytes(*language.model->layers->ptr(static_cast<std::size_t>(i)), width) +
                         2 * width * text_tokens * config.lm.n_kv_heads * config.lm.head_dim;
    if (const auto block = block_before(language, i))
      bytes +=
          weight_bytes(*block, width) + 2 * width * audio_tokens * config.xattn.heads * config.xattn.dim_head;
    needs.layers.push_back(bytes);
  }
  needs.head = std::int64_t{config.lm.vocab} * config.lm.dim * width;
  return needs;
}

std::int64_t layers_to_place(const Footprint& needs, std::int64_t wanted, const DeviceFacts& device) {
  const auto all = static_cast<std::int64_t>(needs.layers.size());
  const auto free = static_cast<std::int64_t>(device.free_bytes);
  const std::int64_t most = free > 0 ? needs.layers_within(free) : all;
  const std::int64_t n = wanted < 0 ? std::max<std::int64_t>(most, 0) : std::min(wanted, all);
  if (n <= most) return n;
  const auto gib = [](std::int64_t bytes) { return static_cast<double>(bytes) / (1 << 30); };
  throw resource_error(
      fmt::format("{:.2f} GiB of memory are needed for the model with {} of {} layers, {:.2f} GiB are free",
                  gib(needs.bytes(n)), n, all, gib(free)),
      device.name,
      most < 0 ? "give --device cpu" : fmt::format("give --gpu-layers {} or less, or --device cpu", most));
}

void place(Af2ModelImpl& network, torch::Device device, torch::ScalarType type, std::int64_t n_layers) {
  const torch::NoGradGuard no_grad;
  const std::int64_t all = network.config.lm.n_layers;
  if (!device.is_cpu()) use_attention_without_plans();
  network.placement = {true, device, type, std::clamp<std::int64_t>(n_layers, 0, all)};
  network.logmel.to(device);
  place_module(*network.clap, device, type);
  place_module(*network.audio_transformer_clap, device, type);
  LangEncoderImpl& language = *network.lang_encoder;
  if (language.prefix_adapter) place_module(*language.prefix_adapter, device, type);
  for (std::int64_t i = 0; i < network.placement.n_layers; ++i) {
    place_module(*language.model->layers->ptr(static_cast<std::size_t>(i)), device, type);
    if (const auto block = block_before(language, i)) place_module(*block, device, type);
  }
  if (network.placement.n_layers < all || all == 0) return;
  DecoderImpl& decoder = *language.model;
  decoder.norm->to(device);
  if (decoder.lm_head) {
    decoder.lm_head->place(device, type);
    move_parameter(decoder.added_head, device);
  } else {
    decoder.embed_tokens->place(device, type);
    move_parameter(decoder.added_embeddings, device);
  }
}

}  // namespace af2
