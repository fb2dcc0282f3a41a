#include "af2/model/checkpoint_config.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/checkpoint_shapes.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr int kDimHead = 64;    // of the cross-attention, model.md section 6
constexpr int kMinRotary = 32;  // model.md section 5

// Sizes of Qwen2.5 that are not in tensor shapes (model.md section 7): heads, key heads.
struct QwenHeads {
  int dim, heads, kv_heads;
};
constexpr std::array<QwenHeads, 4> kQwen = {{{896, 14, 2}, {1536, 12, 2}, {2048, 16, 2}, {3584, 28, 4}}};

AudioTransformerConfig audio_transformer_config(const CheckpointShapes& shapes, int dim) {
  const std::string layers = "audio_transformer_clap.layer_stack.";
  AudioTransformerConfig config;
  config.layers = shapes.count(layers, ".slf_attn.w_qs.weight");
  if (config.layers == 0) shapes.size(layers + "0.slf_attn.w_qs.weight", 2, 0);
  // Half of a head is rotated, at least 32 of its values: one frequency for each pair of them.
  for (const std::string& name : {layers + "0.slf_attn.position_enc.inv_freq",
                                  std::string("audio_transformer_clap.position_enc.inv_freq")}) {
    if (!shapes.has(name)) continue;
    const int rotated = 2 * shapes.size(name, 1, 0);
    if (rotated <= kMinRotary) break;
    if (dim % (2 * rotated) != 0) shapes.wrong(name, "does not divide the width into heads");
    config.heads = dim / (2 * rotated);
    return config;
  }
  config.heads = 8;  // as published
  return config;
}

XattnConfig xattn_config(const CheckpointShapes& shapes, int n_layers, int dim) {
  XattnConfig config;
  const std::string prefix = "lang_encoder.gated_cross_attn_layers_sound.";
  int first = 0;
  while (first < n_layers && !shapes.has(prefix + std::to_string(first) + ".attn_gate")) ++first;
  if (first == n_layers) shapes.size(prefix + "0.attn_gate", 1, 0);
  config.every = first + 1;
  const std::string block = prefix + std::to_string(first) + ".";
  const int inner = shapes.size(block + "attn.to_q.weight", 2, 0);
  config.dim_head = kDimHead;
  if (inner % kDimHead != 0) shapes.wrong(block + "attn.to_q.weight", "does not divide into heads of 64");
  config.heads = inner / kDimHead;
  config.ff_mult = static_cast<double>(shapes.size(block + "ff.1.weight", 2, 0)) / dim;
  return config;
}

LmConfig lm_config(const CheckpointShapes& shapes, const CheckpointFiles& files, const CheckpointHints& hints,
                   int n_added) {
  const std::string model = "lang_encoder.model.", layer = model + "layers.0.";
  const fs::path& base = hints.base_lm;
  LmConfig config;
  config.dim = shapes.size(model + "embed_tokens.weight", 2, 1);
  if (!base.empty()) {
    config = lm_config_from_huggingface(base / "config.json");
    if (config.dim != shapes.size(model + "embed_tokens.weight", 2, 1))
      throw model_error("is " + std::to_string(config.dim) + " wide, the checkpoint's language model " +
                            std::to_string(shapes.size(model + "embed_tokens.weight", 2, 1)),
                        base.string(), "name the base model that the checkpoint was trained on");
  } else {
    const auto known =
        std::find_if(kQwen.begin(), kQwen.end(), [&](const QwenHeads& q) { return q.dim == config.dim; });
    if (known == kQwen.end() || !shapes.has(layer + "self_attn.q_proj.bias"))
      throw user_error("does not tell the heads of its language model, which is no known size of Qwen2.5",
                       files.path().string(), "name the folder of the base model with --lm");
    config.n_heads = known->heads;
    config.n_kv_heads = known->kv_heads;
  }
  config.arch = shapes.has(layer + "self_attn.q_proj.bias") ? "qwen2" : "llama";
  config.n_layers = shapes.count(model + "layers.", ".input_layernorm.weight");
  if (config.n_layers == 0) shapes.size(layer + "input_layernorm.weight", 1, 0);
  config.ffn_dim = shapes.size(layer + "mlp.gate_proj.weight", 2, 0);
  const int q_width = shapes.size(layer + "self_attn.q_proj.weight", 2, 0);
  if (q_width % config.n_heads != 0)
    shapes.wrong(layer + "self_attn.q_proj.weight", "does not divide into the heads");
  config.head_dim = q_width / config.n_heads;
  // The embedding may hold more rows than there are tokens: the base model's is padded.
  const int rows = shapes.size(model + "embed_tokens.weight", 2, 0);
  config.vocab = hints.vocab > 0 ? hints.vocab : rows - n_added;
  if (config.vocab < 1 || config.vocab + n_added > rows)
    throw model_error("has " + std::to_string(rows) + " rows of lang_encoder.model.embed_tokens.weight for " +
                          std::to_string(hints.vocab) + " tokens and " + std::to_string(n_added) +
                          " added ones",
                      files.path().string(), "tokenizer and checkpoint do not belong together");
  config.tied = head_is_tied(files);
  config.added_head = !config.tied;
  return config;
}

}  // namespace

bool head_is_tied(const CheckpointFiles& files) {
  const TensorView *head = files.find("lang_encoder.lm_head.weight"),
                   *embedding = files.find("lang_encoder.model.embed_tokens.weight");
  if (!head || !embedding) return true;
  return head->dtype == embedding->dtype && head->shape == embedding->shape &&
         (head->bytes.data() == embedding->bytes.data() ||
          std::equal(head->bytes.begin(), head->bytes.end(), embedding->bytes.begin()));
}

Generation generation_from_name(const std::string& name) {
  if (name == "2025-03") return Generation::kMarch2025;
  if (name == "2025-06") return Generation::kJune2025;
  throw user_error("is neither 2025-03 nor 2025-06: " + name, "--generation",
                   "2025-03 is the first release, with clap_ckpt/epoch_15.pt");
}

void set_generation(Af2Config& config, Generation generation) {
  const bool march = generation == Generation::kMarch2025;
  const Af2Config june;
  config.audio.f_max = march ? kMarchMaxHz : june.audio.f_max;
  config.audio.max_windows = march ? 9 : june.audio.max_windows;
  config.audio_transformer.rotary = march ? "heads_noop" : june.audio_transformer.rotary;
}

std::optional<Generation> generation_of(const CheckpointFiles& files) {
  fs::path folder = fs::is_directory(files.path()) ? files.path() : files.path().parent_path();
  if (folder.filename() == "safe_ckpt") folder = folder.parent_path();
  if (files.path().filename() == "epoch_16.pt") return Generation::kJune2025;
  if (files.path().filename() == "epoch_15.pt") return Generation::kMarch2025;
  if (fs::exists(folder / "clap_ckpt" / "epoch_16.pt")) return Generation::kJune2025;
  if (fs::exists(folder / "clap_ckpt" / "epoch_15.pt")) return Generation::kMarch2025;
  // Filters over 8 kHz are empty at 16 kHz: the first release has ten of them.
  const TensorView* filters = files.find("clap.nvclap.logmel_extractor.melW");
  if (!filters || filters->shape.size() != 2) return std::nullopt;
  const std::vector<float> values = to_float(*filters);
  const std::int64_t columns = filters->shape[1];
  bool empty = true;
  for (std::int64_t at = columns - 1; at < static_cast<std::int64_t>(values.size()); at += columns)
    empty = empty && values[static_cast<std::size_t>(at)] == 0;
  return empty ? Generation::kMarch2025 : Generation::kJune2025;
}

Generation settled_generation(const CheckpointFiles& files, const std::string& hint) {
  const std::optional<Generation> told = generation_of(files);
  if (hint.empty()) {
    if (told) return *told;
    throw user_error("does not tell whether it is of the release of March or of June 2025",
                     files.path().string(),
                     "give --generation 2025-03 or 2025-06, or put clap_ckpt/epoch_NN.pt beside it");
  }
  const Generation wanted = generation_from_name(hint);
  if (told && *told != wanted)
    throw user_error("contradicts the files, which are of the other release", "--generation",
                     "leave it out, or correct it");
  return wanted;
}

LmConfig lm_config_from_huggingface(const fs::path& config_json) {
  const std::string where = config_json.string();
  const Json json = parse_json(read_file(config_json), where);
  const auto number = [&](const char* key) {
    if (!json.contains(key) || !json[key].is_number())
      throw model_error(std::string("lacks the number ") + key, where, "get the whole folder of the model");
    return json[key].get<double>();
  };
  const auto size = [&](const char* key) {
    const double value = number(key);
    if (!(value >= 1 && value <= 1 << 24) || value != std::floor(value))
      throw model_error(std::string(key) + " is " + json[key].dump(), where);
    return static_cast<int>(value);
  };
  const auto refuse = [&](const std::string& what) {
    throw model_error(what + " is not built in", where, "give a Qwen2, Qwen2.5 or Llama model");
  };
  LmConfig config;
  if (!json.contains("model_type") || !json["model_type"].is_string())
    throw model_error("lacks model_type", where, "get the whole folder of the model");
  config.arch = json["model_type"].get<std::string>();
  if (config.arch != "qwen2" && config.arch != "llama") refuse("model_type " + config.arch);
  if (json.value("use_sliding_window", false)) refuse("a sliding window");
  if (json.contains("rope_scaling") && !json["rope_scaling"].is_null())
    refuse("rope_scaling " + json["rope_scaling"].dump());
  if (json.value("hidden_act", "silu") != "silu") refuse("hidden_act " + json["hidden_act"].dump());
  for (const char* key : {"attention_bias", "mlp_bias"})
    if (json.contains(key) && json[key] == true) refuse(key);
  if (json.contains("quantization_config") && !json["quantization_config"].is_null())
    refuse("quantization_config");
  // Newer folders hold the rotary base in a table of its own.
  const Json rope = json.value("rope_parameters", Json::object());
  if (rope.is_object() && rope.value("rope_type", "default") != "default")
    refuse("rope_parameters " + rope.dump());
  config.n_layers = size("num_hidden_layers");
  config.dim = size("hidden_size");
  config.n_heads = size("num_attention_heads");
  config.n_kv_heads = json.contains("num_key_value_heads") ? size("num_key_value_heads") : config.n_heads;
  config.head_dim = json.contains("head_dim") ? size("head_dim") : config.dim / config.n_heads;
  config.ffn_dim = size("intermediate_size");
  config.vocab = size("vocab_size");
  config.context = size("max_position_embeddings");
  config.rope_theta = json.contains("rope_theta") ? number("rope_theta") : 10000.0;
  if (rope.is_object() && rope.contains("rope_theta") && rope["rope_theta"].is_number())
    config.rope_theta = rope["rope_theta"].get<double>();
  config.rms_eps = number("rms_norm_eps");
  config.tied = json.value("tie_word_embeddings", false);
  return config;
}

Af2Config config_of_checkpoint(const CheckpointFiles& files, const CheckpointHints& hints) {
  const CheckpointShapes shapes(files);
  const Generation generation = settled_generation(files, hints.generation);
  Af2Config config;
  config.name = files.path().filename().string();
  config.licence = kPublishedLicence;
  config.clap = tower_config(shapes, "clap.nvclap.");
  config.audio_transformer = audio_transformer_config(shapes, config.clap.out_dim());
  config.audio.n_mels = shapes.size("clap.nvclap.bn0.weight", 1, 0);
  config.lm = lm_config(shapes, files, hints, static_cast<int>(config.text.added.size()));
  config.xattn = xattn_config(shapes, config.lm.n_layers, config.lm.dim);
  set_generation(config, generation);
  config.check(files.path().string());
  return config;
}

}  // namespace af2
