// Published checkpoints of Audio Flamingo 2, written here in their layout from name-seeded weights: what is
// loaded computes what was saved.
#include "af2/model/checkpoint_load.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "../scratch.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/io/quant_blocks.h"
#include "af2/model/checkpoint_config.h"
#include "model_testing.h"
#include "named_weights.h"
#include "tests/base/io_zip_testing.h"
#include "tiny_gguf.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;
using Tensors = std::map<std::string, torch::Tensor>;

constexpr int kPadding = 3;  // rows of the embedding that no token has

// The published geometry, narrow: grid, windows and tokens are those of the real one.
Af2Config small_config(bool tied) {
  Af2Config config;
  config.lm = test::tiny_qwen2();
  config.lm.vocab = test::kTinyVocabulary;
  config.lm.tied = tied;
  config.lm.added_head = !tied;
  config.clap.embed_dim = 8, config.clap.depths = {2, 1, 1, 2}, config.clap.heads = {1, 2, 4, 4};
  config.audio_transformer.layers = 2;
  config.xattn.heads = 1;
  config.check("test");
  return config;
}

// Every tensor under the names of the published code's state dict, with its duplicates.
Tensors published_tensors(Af2ModelImpl& network) {
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

void write_tensors(const fs::path& path, const Tensors& tensors, SaveType type) {
  save_tensors(path, {tensors.begin(), tensors.end()}, type, {});
}

// tokenizer.json of test::add_tiny_tokenizer's vocabulary.
void write_tokenizer(const fs::path& folder) {
  test::TinyGguf lists;
  test::add_tiny_tokenizer(lists);
  Json vocab = Json::object(), merges = Json::array();
  for (const auto& [key, value] : lists.metadata) {
    if (key == "tokenizer.ggml.tokens") {
      int id = 0;
      for (const auto& token : std::get<std::vector<std::string>>(value)) vocab[token] = id++;
    }
    if (key == "tokenizer.ggml.merges")
      for (const auto& merge : std::get<std::vector<std::string>>(value)) merges.push_back(merge);
  }
  const Json end = {{"id", test::kTinyVocabulary - 1},
                    {"content", "<|endoftext|>"},
                    {"single_word", false},
                    {"lstrip", false},
                    {"rstrip", false},
                    {"normalized", false},
                    {"special", true}};
  vocab.erase("<|endoftext|>");
  const Json byte_level = {
      {"type", "ByteLevel"}, {"add_prefix_space", false}, {"trim_offsets", true}, {"use_regex", true}};
  const Json tokenizer = {
      {"version", "1.0"},      {"added_tokens", Json::array({end})},
      {"normalizer", nullptr}, {"pre_tokenizer", byte_level},
      {"decoder", byte_level}, {"model", {{"type", "BPE"}, {"vocab", vocab}, {"merges", merges}}}};
  write_file_atomic(folder / "tokenizer.json", tokenizer.dump());
}

void write_base(const fs::path& folder, const LmConfig& lm, const Json& more = Json::object()) {
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
void write_torch_file(const fs::path& path, const Tensors& state) {
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
    test::fill_named(*network, "published/");
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
    const torch::Tensor windows = test::sound_like("published", 1, 160000);
    const torch::Tensor ids = test::token_ids("published", {1, 9}, test::kTinyVocabulary + 4);
    const torch::Tensor tokens = model->encode(windows);
    return model->logits(model->forward(ids, model->listen(model->remember(tokens, {}), {})));
  }

  void expect_refused(ErrorKind kind, const std::vector<std::string>& words,
                      const LoadOptions& options = {}) const {
    test::expect_error(kind, words, [&] { load_model_folder(folder, options); });
  }

  test::Scratch scratch;
  fs::path folder = scratch / "af2";
  Af2Model network{nullptr};
  Tensors tensors;
};

TEST_F(Published, FolderAsDownloadedComputesWhatWasSaved) {
  for (const bool tied : {true, false}) {
    write(tied, SaveType::kF32);
    ModelFolder loaded = load_model_folder(folder, {});
    EXPECT_EQ(loaded.config.lm.tied, tied);
    EXPECT_EQ(loaded.config.lm.vocab, test::kTinyVocabulary);
    EXPECT_EQ(loaded.config.clap.depths, network->config.clap.depths);
    EXPECT_EQ(loaded.config.audio.f_max, 8000);
    EXPECT_EQ(loaded.config.audio.max_windows, 12);
    EXPECT_TRUE(loaded.surplus.empty()) << loaded.surplus.front();
    EXPECT_EQ(test::max_error(logits_of(loaded.network), logits_of(network)), 0);
    // Nothing of the language model's matrices was copied.
    const TensorView* up = loaded.files->find("lang_encoder.model.layers.0.mlp.up_proj.weight");
    auto& mlp = *loaded.network->lang_encoder->model->layers->ptr(0)->as<DecoderLayer>()->mlp;
    EXPECT_EQ(static_cast<const void*>(mlp.up_proj->weight.data_ptr()),
              static_cast<const void*>(up->bytes.data()));
  }
}

TEST_F(Published, SixteenBitWeightsStayInTheirFiles) {
  write(true, SaveType::kBF16);
  ModelFolder loaded = load_model_folder(folder, {});
  auto& mlp = *loaded.network->lang_encoder->model->layers->ptr(0)->as<DecoderLayer>()->mlp;
  EXPECT_TRUE(mlp.up_proj->is_low_bit());
  const torch::Tensor want = logits_of(network), have = logits_of(loaded.network);
  EXPECT_GT(test::max_error(have, want), 0);
  EXPECT_LT(test::relative_error(have, want), 2e-2);  // docs/spec/model.md section 10
}

TEST_F(Published, TheEngineAnswersFromIt) {
  write(true, SaveType::kF32);
  const Engine engine = Engine::load(folder, {.threads = 1});
  Clip clip;
  const torch::Tensor sound = test::sound_like("published/clip", 1, 250000)[0].contiguous();
  clip.samples.assign(sound.data_ptr<float>(), sound.data_ptr<float>() + sound.numel());
  clip.rate_hz = 16000;
  clip.seconds = clip.wanted_seconds = clip.file_seconds = 250000 / 16000.0;
  const af2::Memory memory = engine.listen(clip);
  EXPECT_EQ(memory.report().n_windows, 2);
  AnswerOptions options;
  options.max_new_tokens = 12;
  options.ignore_eos = true;
  const Answer answer = engine.answer(memory, "and you?", options);
  // Greedy decoding of the saved network without cache gives the same.
  torch::NoGradGuard no_grad;
  const Feature waveform = engine.feature(clip, FeatureLayer::kWaveform, {});
  const torch::Tensor windows = torch::tensor(waveform.values).view(waveform.shape);
  std::vector<torch::Tensor> heard;
  for (int64_t i = 0; i < windows.size(0); ++i) heard.push_back(network->encode(windows.narrow(0, i, 1)));
  const torch::Tensor tokens = torch::cat(heard).flatten(0, 1).unsqueeze(0);
  const AudioContext context = network->listen(network->remember(tokens, {}), {});
  std::vector<int64_t> ids;
  for (const int id : engine.prompt_ids("and you?")) ids.push_back(id);
  ASSERT_EQ(answer.tokens.size(), 12u);
  for (const int token : answer.tokens) {
    const torch::Tensor logits =
        network->logits(network->forward(torch::tensor(ids).unsqueeze(0), context))[0][-1];
    EXPECT_GT(logits[token].item<double>(), logits.max().item<double>() - 1e-3);
    ids.push_back(token);
  }
}

TEST_F(Published, TheGenerationIsToldNeverGuessed) {
  write(true, SaveType::kF32);
  fs::rename(folder / "clap_ckpt" / "epoch_16.pt", folder / "clap_ckpt" / "epoch_15.pt");
  const ModelFolder first = load_model_folder(folder, {});
  EXPECT_EQ(first.config.audio.f_max, 14000);
  EXPECT_EQ(first.config.audio.max_windows, 9);
  EXPECT_EQ(first.config.audio_transformer.rotary, "heads_noop");
  LoadOptions june;
  june.generation = "2025-06";
  expect_refused(ErrorKind::kUser, {"--generation", "contradicts"}, june);
  fs::remove_all(folder / "clap_ckpt");
  expect_refused(ErrorKind::kUser, {"--generation 2025-03 or 2025-06"});
  EXPECT_EQ(load_model_folder(folder, june).config.audio_transformer.rotary, "on");
  // The filters of the tower's own spectrogram tell it too: those above 8 kHz are empty.
  torch::Tensor filters = torch::ones({513, 64});
  tensors["clap.nvclap.logmel_extractor.melW"] = filters;
  write_folder(SaveType::kF32);
  fs::remove_all(folder / "clap_ckpt");
  EXPECT_EQ(load_model_folder(folder, {}).config.audio.f_max, 8000);
  filters.slice(1, 54) = 0;
  write_folder(SaveType::kF32);
  fs::remove_all(folder / "clap_ckpt");
  EXPECT_EQ(load_model_folder(folder, {}).config.audio.f_max, 14000);
}

TEST_F(Published, WhatIsWrongIsNamed) {
  write(true, SaveType::kF32);
  const Tensors whole = tensors;
  const auto without = [&](const std::vector<std::string>& names) {
    tensors = whole;
    for (const auto& name : names) EXPECT_EQ(tensors.erase(name), 1u) << name;
    write_folder(SaveType::kF32);
  };
  without({"audio_transformer_clap.layer_stack.1.pos_ffn.w_2.bias"});
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_stack.1.pos_ffn.w_2.bias (64)"});
  without({"lang_encoder.model.layers.1.decoder_layer.self_attn.k_proj.weight",
           "lang_encoder.old_decoder_blocks.1.self_attn.k_proj.weight"});
  expect_refused(ErrorKind::kModel, {"lang_encoder.model.layers.1.self_attn.k_proj.weight"});
  without({"clap.nvclap.layers.2.downsample.reduction.weight"});
  expect_refused(ErrorKind::kModel, {"clap.nvclap.layers.2.downsample.reduction.weight"});
  tensors = whole;
  tensors["audio_transformer_clap.layer_norm.weight"] = torch::ones({63});
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_norm.weight", "63", "64"});
  tensors = whole;
  tensors["audio_transformer_clap.layer_norm.weight"] = torch::full({64}, std::nan(""));
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"audio_transformer_clap.layer_norm.weight", "not finite"});
  tensors = whole;
  tensors["lang_encoder.model.something_else"] = torch::ones({2});
  write_folder(SaveType::kF32);
  EXPECT_EQ(load_model_folder(folder, {}).surplus,
            std::vector<std::string>{"lang_encoder.model.something_else"});
  // No tokenizer; no heads; a base model of another width; an architecture that is not built in.
  fs::remove_all(folder / "Qwen2.5-tiny");
  expect_refused(ErrorKind::kUser, {"tokenizer", "--lm"});
  write_tokenizer(folder);
  expect_refused(ErrorKind::kUser, {"heads", "--lm"});
  LmConfig wide = network->config.lm;
  wide.dim = 128;
  write_base(scratch / "other", wide);
  LoadOptions options;
  options.base_lm = scratch / "other";
  expect_refused(ErrorKind::kModel, {"other", "128", "96"}, options);
  write_base(scratch / "other", network->config.lm, {{"rope_scaling", {{"type", "yarn"}}}});
  expect_refused(ErrorKind::kModel, {"rope_scaling", "yarn"}, options);
  write_base(scratch / "other", network->config.lm, {{"model_type", "mamba"}});
  expect_refused(ErrorKind::kModel, {"mamba"}, options);
}

// What the checkpoint lacks comes from the base model's folder; what it has wins.
TEST_F(Published, TheBaseModelFillsIn) {
  write(true, SaveType::kF32);
  Tensors base;
  for (const auto& [name, tensor] : tensors) {
    const std::string old_list = "lang_encoder.old_decoder_blocks.";
    if (name.starts_with(old_list)) base["model.layers." + name.substr(old_list.size())] = tensor;
  }
  base["model.embed_tokens.weight"] = torch::zeros_like(tensors["lang_encoder.model.embed_tokens.weight"]);
  std::erase_if(tensors, [](const auto& item) {
    return item.first.find("decoder_layer.") != std::string::npos ||
           item.first.find("old_decoder") != std::string::npos;
  });
  write_folder(SaveType::kF32);
  expect_refused(ErrorKind::kModel, {"lang_encoder.model.layers.0"});
  write_tensors(folder / "Qwen2.5-tiny" / "model.safetensors", base, SaveType::kF32);
  ModelFolder loaded = load_model_folder(folder, {});
  EXPECT_EQ(test::max_error(logits_of(loaded.network), logits_of(network)), 0);
}

// A checkpoint_N.pt of the training code: "module." before every name, the tower as clap.afclap.
TEST_F(Published, TrainingCheckpoint) {
  write(true, SaveType::kF32);
  Tensors state;
  for (const auto& [name, tensor] : tensors) {
    const std::string tower = "clap.nvclap.";
    state["module." + (name.starts_with(tower) ? "clap.afclap." + name.substr(tower.size()) : name)] =
        tensor.contiguous();
  }
  fs::create_directories(scratch / "run");
  const fs::path file = scratch / "run" / "checkpoint_3.pt";
  write_torch_file(file, state);
  LoadOptions options;
  options.base_lm = folder / "Qwen2.5-tiny";
  options.generation = "2025-06";
  ModelFolder loaded = load_model_folder(file, options);
  // Its records lie at odd addresses here, so that products go another way than float32 matrices.
  EXPECT_LT(test::max_error(logits_of(loaded.network), logits_of(network)), 1e-4);
}

}  // namespace
}  // namespace af2
