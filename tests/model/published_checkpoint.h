// Published checkpoints of Audio Flamingo 2, written here in their layout from name-seeded weights, and the
// fixture of tests that load them.
#pragma once

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/generate/model_folder.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/weights.h"
#include "model_testing.h"
#include "named_weights.h"
#include "tests/base/io_zip_testing.h"
#include "tiny_gguf.h"

namespace af2::test {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, torch::Tensor>;

inline constexpr int kPadding = 3;  // rows of the embedding that no token has

// The published geometry, narrow: grid, windows and tokens are those of the real one.
inline Af2Config small_config(bool tied) {
  Af2Config config;
  config.lm = tiny_qwen2();
  config.lm.vocab = kTinyVocabulary;
  config.lm.tied = tied;
  config.lm.added_head = !tied;
  config.clap.embed_dim = 8, config.clap.depths = {2, 1, 1, 2}, config.clap.heads = {1, 2, 4, 4};
  config.audio_transformer.layers = 2;
  config.xattn.heads = 1;
  config.check("test");
  return config;
}

// Every tensor under the names of the published code's state dict, with its duplicates.
inline Tensors published_tensors(Af2ModelImpl& network) {
  Tensors tensors;
  const auto vocabulary = [&](const torch::Tensor& rows, const torch::Tensor& added) {
    return torch::cat({rows, added, torch::full({kPadding, rows.size(1)}, 7.0f)});
  };
  auto& decoder = *network.lang_encoder->model;
  for (const auto& [name, tensor] : stored_tensors(network)) {
    if (name.ends_with("added_embeddings") || name.ends_with("added_head")) continue;
    const std::string layers = "lang_encoder.model.layers.",
                      blocks = "lang_encoder.gated_cross_attn_layers_sound.";
    if (name == "lang_encoder.model.embed_tokens.weight") {
      tensors[name] = vocabulary(tensor, decoder.added_embeddings);
    } else if (name == "lang_encoder.model.lm_head.weight") {
      tensors["lang_encoder.lm_head.weight"] = vocabulary(tensor, decoder.added_head);
    } else if (name.starts_with(layers)) {
      const std::size_t dot = name.find('.', layers.size());
      tensors[name.substr(0, dot) + ".decoder_layer" + name.substr(dot)] = tensor;
      tensors["lang_encoder.old_decoder_blocks." + name.substr(layers.size())] = tensor;
    } else if (name.starts_with(blocks)) {
      const std::size_t dot = name.find('.', blocks.size());
      tensors[name] = tensor;
      tensors[layers + name.substr(blocks.size(), dot - blocks.size()) + ".gated_cross_attn_layer_sound" +
              name.substr(dot)] = tensor;
    } else {
      tensors[name] = tensor;
    }
  }
  if (!decoder.lm_head)
    tensors["lang_encoder.lm_head.weight"] = tensors["lang_encoder.model.embed_tokens.weight"];
  tensors["clap.nvclap.tscam_conv.weight"] = torch::ones({2, 2});  // known, and not used
  return tensors;
}

inline void write_tensors(const fs::path& path, const Tensors& tensors, SaveType type) {
  save_tensors(path, {tensors.begin(), tensors.end()}, type, {});
}

// tokenizer.json of add_tiny_tokenizer's vocabulary.
inline void write_tokenizer(const fs::path& folder) {
  TinyGguf lists;
  add_tiny_tokenizer(lists);
  Json vocab = Json::object(), merges = Json::array();
  for (const auto& [key, value] : lists.metadata) {
    if (key == "tokenizer.ggml.tokens") {
      int id = 0;
      for (const auto& token : std::get<std::vector<std::string>>(value)) vocab[token] = id++;
    }
    if (key == "tokenizer.ggml.merges")
      for (const auto& merge : std::get<std::vector<std::string>>(value)) merges.push_back(merge);
  }
  const Json end = {
      {"id", kTinyVocabulary - 1}, {"content", "<|endoftext|>"}, {"single_word", false}, {"lstrip", false},
      {"rstrip", false},           {"normalized", false},        {"special", true}};
  vocab.erase("<|endoftext|>");
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json tokenizer = {
      {"version", "1.0"},      {"added_tokens", Json::array({end})},
      {"normalizer", nullptr}, {"pre_tokenizer", byte_level},
      {"decoder", byte_level}, {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
  write_file_atomic(folder / "tokenizer.json", tokenizer.dump());
}

inline void write_base(const fs::path& folder, const LmConfig& lm, const Json& more = Json::object()) {
  fs::create_directories(folder);
  Json config = {{"model_type", lm.arch},
                 {"num_hidden_layers", lm.n_layers},
                 {"hidden_size", lm.dim},
                 {"num_attention_heads", lm.n_heads},
                 {"num_key_value_heads", lm.n_kv_heads},
                 {"intermediate_size", lm.ffn_dim},
                 {"vocab_size", lm.vocab + 4 + kPadding},
                 {"max_position_embeddings", lm.context},
                 {"rope_theta", lm.rope_theta},
                 {"rms_norm_eps", lm.rms_eps},
                 {"tie_word_embeddings", lm.tied}};
  config.update(more);
  write_file_atomic(folder / "config.json", config.dump());
  write_tokenizer(folder);
}

// {"model_state_dict": state}, as torch.save writes it.
inline void write_torch_file(const fs::path& path, const Tensors& state) {
  using namespace io_test;
  std::vector<ZipPart> parts(1);
  std::string entries;
  for (const auto& [name, tensor] : state) {
    const std::string key = std::to_string(parts.size() - 1);
    const std::string storage = p_tuple(p_text("storage") + p_global("torch", "FloatStorage") + p_text(key) +
                                        p_text("cpu") + p_int(tensor.numel()));
    entries +=
        p_text(name) + p_global("torch._utils", "_rebuild_tensor_v2") +
        p_tuple(storage + "Q" + p_int(0) + p_ints(tensor.sizes().vec()) + p_ints(tensor.strides().vec()) +
                "\x89" + p_global("collections", "OrderedDict") + ")R") +
        "R";
    parts.push_back(part_of("checkpoint/data/" + key,
                            std::string(static_cast<const char*>(tensor.data_ptr()), tensor.nbytes())));
  }
  parts[0] =
      part_of("checkpoint/data.pkl", p_whole("}" + p_text("model_state_dict") + "}(" + entries + "us"));
  const Bytes bytes = make_zip(parts);
  write_file_atomic(path, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

class Published : public ::testing::Test {
 protected:
  void write(bool tied, SaveType type) {
    network = Af2Model(small_config(tied));
    fill_named(*network, "published/");
    network->eval();
    tensors = published_tensors(*network);
    write_folder(type);
  }
  // safe_ckpt in two chunks, the base model's config and tokenizer, and a file that tells the generation.
  void write_folder(SaveType type) {
    fs::remove_all(folder);
    fs::create_directories(folder / "safe_ckpt");
    fs::create_directories(folder / "clap_ckpt");
    write_file_atomic(folder / "clap_ckpt" / "epoch_16.pt", "not opened: the checkpoint has the tower");
    Tensors halves[2];
    std::size_t i = 0;
    for (const auto& item : tensors) halves[i++ % 2].insert(item);
    for (int k = 0; k < 2; ++k)
      write_tensors(folder / "safe_ckpt" / ("model_chunk_" + std::to_string(k) + ".safetensors"), halves[k],
                    type);
    write_file_atomic(folder / "safe_ckpt" / "metadata.json",
                      R"({"model_chunk_0": [], "model_chunk_1": []})");
    write_base(folder / "Qwen2.5-tiny", network->config.lm);
  }

  torch::Tensor logits_of(Af2Model& model) const {
    torch::NoGradGuard no_grad;
    const torch::Tensor windows = sound_like("published", 1, 160000);
    const torch::Tensor ids = token_ids("published", {1, 9}, kTinyVocabulary + 4);
    const torch::Tensor tokens = model->encode(windows);
    return model->logits(model->forward(ids, model->listen(model->remember(tokens, {}), {})));
  }

  void expect_refused(ErrorKind kind, const std::vector<std::string>& words,
                      const LoadOptions& options = {}) const {
    expect_error(kind, words, [&] { load_model_folder(folder, options); });
  }

  Scratch scratch;
  fs::path folder = scratch / "af2";
  Af2Model network{nullptr};
  Tensors tensors;
};

}  // namespace af2::test
