// A whole model back to the layout that Audio Flamingo 2 is published in (docs/spec/model.md section 9).
//
// The layout keeps no table of sizes: its reader takes them from the shapes of the tensors, and all else is
// as the release has it. So a model goes back only where the reader would find the same one.
#include <algorithm>
#include <map>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/generate/convert_detail.h"
#include "af2/generate/tokenizer_files.h"
#include "af2/model/checkpoint_config.h"
#include "af2/model/lm_huggingface.h"
#include "af2/model/logmel.h"
#include "af2/model/rotary.h"
#include "af2/model/weights.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kChunkBytes = 2'000'000'000;
constexpr const char* kBase = "base_lm";

// Settings that the layout does not tell and whose loss leaves the network as it is.
bool is_behaviour(const std::string& key) {
  static const std::set<std::string> keys = {"audio.max_windows",      "audio.channels",     "text.lowercase",
                                             "text.max_prompt_tokens", "text.stop",          "text.lead",
                                             "text.conclusion",        "text.plain_choices", "text.contrast"};
  return keys.contains(key) || starts_with(key, "generation.");
}

void flatten(const Json& json, const std::string& prefix, std::map<std::string, std::string>* out) {
  for (const auto& [key, value] : json.items()) {
    if (value.is_object())
      flatten(value, prefix + key + ".", out);
    else
      (*out)[prefix + key] = value.dump();
  }
}

std::map<std::string, std::string> settings(Af2Config config) {
  config.lm = {};  // told by the tensors and by the base model's config.json
  config.name.clear(), config.xattn.file.clear();
  config.clap.drop_path = config.audio_transformer.dropout = 0;  // of training
  std::map<std::string, std::string> all;
  flatten(to_json(config), "", &all);
  return all;
}

// Rotated values of a head of the audio transformer.
int rotated(const Af2Config& config) {
  return static_cast<int>(audio_rotary_width(config.clap.out_dim() / config.audio_transformer.heads));
}

// The heads of the audio transformer as the reader finds them: by the table of rotary frequencies, where it
// is longer than the shortest.
int heads_told(const Af2Config& config) {
  const int n = rotated(config);
  return n > kLeastAudioRotary ? config.clap.out_dim() / (2 * n) : AudioTransformerConfig().heads;
}

// What the reader would make of this model's tensors.
Af2Config as_read(const Af2Config& config) {
  Af2Config read;
  read.clap.embed_dim = config.clap.embed_dim;
  read.clap.patch = config.clap.patch;
  read.clap.depths = config.clap.depths;
  read.clap.heads = config.clap.heads;
  read.clap.window = config.clap.window;
  read.clap.mlp_ratio = config.clap.mlp_ratio;
  read.audio_transformer.layers = std::max(config.audio_transformer.layers, 1);  // never without
  read.audio_transformer.heads = heads_told(config);
  read.audio.n_mels = config.audio.n_mels;
  read.xattn.every = config.xattn.every;
  read.xattn.heads = config.xattn.heads;
  read.xattn.ff_mult = config.xattn.ff_mult;
  Af2Config march = read;
  set_generation(march, Generation::kMarch2025);
  const bool is_march = config.audio.f_max == march.audio.f_max;
  read = is_march ? march : read;
  read.licence = kPublishedLicence;
  return read;
}

void refuse_inexpressible(const Af2Config& config) {
  const std::string where = "--layout published";
  if (!config.clap.stem.empty())
    throw user_error("has no names for the convolutional stem of this model's tower (clap.stem)", where,
                     "keep it as a model folder of af2 (--layout af2)");
  const auto has = settings(config), told = settings(as_read(config));
  std::vector<std::string> lost, changed;
  for (const auto& [key, value] : has) {
    const auto there = told.find(key);
    if (there != told.end() && there->second == value) continue;
    (is_behaviour(key) || key == "licence" ? lost : changed)
        .push_back(key + " " + value + (there == told.end() ? "" : " (there " + there->second + ")"));
  }
  if (!changed.empty())
    throw user_error("cannot say " + join(changed, ", "), where,
                     "keep it as a model folder of af2 (--layout af2)");
  if (!lost.empty()) notice("the published layout does not keep {}", join(lost, ", "));
}

// "lang_encoder.model.layers.3.mlp.up_proj.weight" -> "lang_encoder.model.layers.3.decoder_layer.mlp…": the
// published code wraps each layer together with its cross-attention.
std::string published_name(const std::string& name) {
  const std::string layers = "lang_encoder.model.layers.";
  if (name == "lang_encoder.model.lm_head.weight") return "lang_encoder.lm_head.weight";
  if (!starts_with(name, layers)) return name;
  const std::size_t dot = name.find('.', layers.size());
  return name.substr(0, dot) + ".decoder_layer" + name.substr(dot);
}

void list_tensors(ModelFolder& model, TensorStream& stream) {
  const auto linear = linear_layers(*model.network);
  const std::map<std::string, Linear> layers(linear.begin(), linear.end());
  auto& decoder = *model.network->lang_encoder->model;
  // Input and output rows of the added tokens follow those of the vocabulary.
  const torch::Tensor& added_head =
      decoder.added_head.defined() ? decoder.added_head : decoder.added_embeddings;
  for (const auto& [name, tensor] : stored_tensors(*model.network)) {
    if (name.ends_with(".added_embeddings") || name.ends_with(".added_head")) continue;
    const auto layer = layers.find(name);
    torch::Tensor more;
    if (name == "lang_encoder.model.embed_tokens.weight") more = decoder.added_embeddings;
    if (name == "lang_encoder.model.lm_head.weight") more = added_head;
    if (layer == layers.end())
      stream.add(published_name(name), tensor);
    else
      stream.add_matrix(published_name(name), layer->second, {.vocabulary = more.defined(), .more = more});
  }
  if (!decoder.lm_head)  // the published files hold both
    stream.add_matrix("lang_encoder.lm_head.weight", decoder.embed_tokens,
                      {.vocabulary = true, .more = added_head});
  // What tells the generation, and the heads of the audio transformer.
  stream.add("clap.nvclap.logmel_extractor.melW", mel_filterbank(model.config.audio));
  for (int i = 0; i < model.config.audio_transformer.layers; ++i)
    stream.add("audio_transformer_clap.layer_stack." + std::to_string(i) + ".slf_attn.position_enc.inv_freq",
               rotary_frequencies(rotated(model.config), kAudioRotaryBase, torch::kCPU));
}

void write_base(const ModelFolder& model, const fs::path& folder) {
  make_target_folder(folder);
  if (copy_tokenizer(model.tokenizer_folder, folder).empty() &&
      !(model.lm_file.has("tokenizer.ggml.tokens") && write_tokenizer_files(model.lm_file, folder)))
    throw user_error("needs a tokenizer.json, and this model's tokenizer gives none", "--layout published",
                     "put tokenizer.json of the language model into " + model.path.string());
  write_file_atomic(folder / "config.json", huggingface_config(model.config.lm, "float32").dump(2) + "\n");
}

}  // namespace

void write_published(ModelFolder& model, const ConvertOptions& options, TensorStream& stream,
                     const fs::path& folder) {
  refuse_inexpressible(model.config);
  list_tensors(model, stream);
  make_target_folder(folder);
  write_base(model, folder / kBase);
  make_target_folder(folder / "safe_ckpt");
  const auto chunk = [](std::size_t k) { return "model_chunk_" + std::to_string(k); };
  const auto parts = stream.write_safetensors(
      folder / "safe_ckpt", options.max_file_bytes > 0 ? options.max_file_bytes : kChunkBytes,
      [&](std::size_t k, std::size_t) { return chunk(k) + ".safetensors"; });
  Json chunks = Json::object();
  for (std::size_t k = 0; k < parts.size(); ++k) chunks[chunk(k)] = parts[k].tensors;
  write_file_atomic(folder / "safe_ckpt" / "metadata.json", chunks.dump() + "\n");
}

}  // namespace af2
