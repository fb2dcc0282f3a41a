// A language model alone from layout to layout, whole models back to the published one, and what is refused.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/core/options.h"
#include "af2/generate/convert.h"
#include "af2/generate/engine.h"
#include "af2/generate/language_model.h"
#include "af2/model/checkpoint_config.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

LmConfig sized(LmConfig lm, bool tied) {
  lm.vocab = test::kTinyVocabulary;
  lm.tied = tied;
  return lm;
}

std::vector<LmConfig> all_kinds() {
  return {sized(test::tiny_llama(), true), sized(test::tiny_llama(), false), sized(test::tiny_qwen2(), true),
          sized(test::tiny_qwen2(), false)};
}

// Every tensor of safetensors files as float32, by name.
test::Tensors tensors_in(const fs::path& folder) {
  const SafeTensors file = SafeTensors::open(folder);
  test::Tensors all;
  for (const auto& name : file.names()) all[name] = read_tensor(file, name);
  return all;
}

void expect_equal(const test::Tensors& a, const test::Tensors& b) {
  EXPECT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : b) {
    ASSERT_TRUE(a.contains(name)) << name;
    EXPECT_TRUE(torch::equal(a.at(name), tensor)) << name;
  }
}

class Layouts : public test::Published {
 protected:
  fs::path to(const std::string& name) const { return scratch / name; }

  // A Hugging Face folder of weights made from their names.
  test::Tensors write_huggingface(const fs::path& where, const LmConfig& lm) {
    test::write_base(where, lm, {{"vocab_size", lm.vocab}, {"torch_dtype", "float32"}});
    Decoder decoder(lm, 0);
    test::fill_named(*decoder, "layouts/");
    test::Tensors all;
    for (const auto& [name, tensor] : stored_tensors(*decoder))
      all[name == "lm_head.weight" ? name : "model." + name] = tensor.detach();
    test::write_tensors(where / "model.safetensors", all, SaveType::kF32);
    return all;
  }

  // A model folder with a quantised Llama, whose tokenizer lies in its GGUF alone.
  test::TinyGguf write_llama_folder(const fs::path& where, Af2Config config) {
    fs::create_directories(where);
    config.lm = sized(test::tiny_llama(), true);
    config.lm.file = "lm.gguf";
    test::TinyGguf lm = test::make_tiny_gguf(config.lm, "layouts/", DType::kQ8_0);
    test::add_tiny_tokenizer(lm);
    lm.write(where / "lm.gguf");
    write_file_atomic(where / "config.json", to_json(config).dump());
    network = Af2Model(config);
    test::fill_named(*network, "layouts/adapter/");
    save_tensors(where / "adapter.safetensors", adapter_tensors(*network), SaveType::kF32, {});
    return lm;
  }

  static torch::Tensor text_logits(Af2Model& model) {
    torch::NoGradGuard no_grad;
    const torch::Tensor ids = test::token_ids("layouts", {1, 9}, test::kTinyVocabulary);
    return model->logits(model->forward(ids, {}));
  }
};

TEST_F(Layouts, HuggingFaceToGgufAndBackIsTheSame) {
  int k = 0;
  for (const LmConfig& lm : all_kinds()) {
    const std::string at = std::to_string(k++);
    const test::Tensors before = write_huggingface(to("hf" + at), lm);
    const fs::path file = to("lm" + at + ".gguf"), back = to("back" + at);
    EXPECT_TRUE(convert_model(to("hf" + at), file, {.type = "f32"}).changed.empty());
    EXPECT_TRUE(convert_model(file, back, {}).changed.empty());  // float32 without asking
    expect_equal(tensors_in(back), before);
    EXPECT_FALSE(fs::exists(back / "model.safetensors.index.json"));
    // Rotary pairs lie beside each other in a Llama file.
    torch::Tensor q = before.at("model.layers.1.self_attn.q_proj.weight");
    if (lm.arch == "llama")
      q = q.view({lm.n_heads, 2, lm.head_dim / 2, lm.dim}).transpose(1, 2).reshape(q.sizes());
    const Gguf gguf = Gguf::open(file);
    EXPECT_EQ(to_float(gguf.get("blk.1.attn_q.weight")),
              std::vector<float>(q.data_ptr<float>(), q.data_ptr<float>() + q.numel()));
    EXPECT_EQ(gguf.get_uint("general.file_type"), 0u);
    // Sizes and tokenizer are the same, and so is what it computes.
    LmConfig sizes = lm_config_from_huggingface(back / "config.json");
    LmConfig wanted = lm_config_from_huggingface(to("hf" + at) / "config.json");
    EXPECT_EQ(to_json(sizes).dump(), to_json(wanted).dump());
    const ByteBpe words = ByteBpe::from_tokenizer_json(back / "tokenizer.json"),
                  first = ByteBpe::from_tokenizer_json(to("hf" + at) / "tokenizer.json");
    EXPECT_EQ(words.size(), first.size());
    for (const char* text : {"what is heard? 12 and 3", " A dog<|endoftext|> and\n\nmore"})
      EXPECT_EQ(words.encode(text), first.encode(text)) << text;
    LanguageModel a = load_language_model(to("hf" + at), LanguageUse::kProducts),
                  b = load_language_model(file, LanguageUse::kProducts);
    EXPECT_EQ(test::max_error(text_logits(a.network), text_logits(b.network)), 0);
    EXPECT_EQ(verify_converted(file), 0);
    EXPECT_EQ(verify_converted(back), 0);
  }
}

TEST_F(Layouts, QuantisedGgufBecomesItsValues) {
  for (const LmConfig& lm : all_kinds()) {
    for (const DType type : {DType::kQ8_0, DType::kQ4_0}) {
      const std::string at = lm.arch + (lm.tied ? "t" : "u") + std::string(dtype_name(type));
      test::TinyGguf file = test::make_tiny_gguf(lm, "layouts/", type);
      file.write(to(at + ".gguf"));  // without a tokenizer, too
      EXPECT_TRUE(convert_model(to(at + ".gguf"), to(at), {.type = "f32"}).changed.empty());
      test::Tensors wanted;
      for (const auto& [name, tensor] : file.values)
        wanted[name == "lm_head.weight" ? name : "model." + name] = tensor;
      expect_equal(tensors_in(to(at)), wanted);
      EXPECT_FALSE(fs::exists(to(at) / "tokenizer.json"));
      test::expect_error(ErrorKind::kUser, {"--dtype keep", dtype_name(type).data()},
                         [&] { convert_model(to(at + ".gguf"), to("none"), {.type = "keep"}); });
      EXPECT_FALSE(fs::exists(to("none")));
    }
  }
}

TEST_F(Layouts, TypesAndShards) {
  const LmConfig lm = sized(test::tiny_llama(), false);
  const test::Tensors before = write_huggingface(to("hf"), lm);
  ConvertOptions options;
  options.type = "q4_0";
  options.keep = {"ffn_up"};
  const ConvertReport report = convert_model(to("hf"), to("small.gguf"), options);
  EXPECT_FALSE(report.changed.empty());
  EXPECT_LT(report.bytes_after, report.bytes_before / 3);
  const Gguf small = Gguf::open(to("small.gguf"));
  EXPECT_EQ(small.get("output.weight").dtype, DType::kQ8_0);
  EXPECT_EQ(small.get("blk.0.attn_q.weight").dtype, DType::kQ4_0);
  EXPECT_EQ(small.get("blk.0.ffn_up.weight").dtype, DType::kF32);
  EXPECT_EQ(small.get_uint("general.file_type"), 2u);
  // From GGUF to GGUF: what it says of itself comes along.
  convert_model(to("small.gguf"), to("wide.gguf"), {.type = "bf16"});
  const Gguf wide = Gguf::open(to("wide.gguf"));
  EXPECT_EQ(wide.get_uint("general.file_type"), 32u);
  EXPECT_EQ(wide.get_strings("tokenizer.ggml.tokens"), small.get_strings("tokenizer.ggml.tokens"));
  // 16 bits, vectors in float32, in several files.
  options = {.type = "bf16", .max_file_bytes = 40000};
  convert_model(to("hf"), to("sharded"), options);
  const SafeTensors shards = SafeTensors::open(to("sharded"));
  EXPECT_TRUE(fs::exists(to("sharded") / "model.safetensors.index.json"));
  EXPECT_FALSE(fs::exists(to("sharded") / "model.safetensors"));
  EXPECT_EQ(shards.size(), before.size());
  EXPECT_EQ(shards.get("model.norm.weight").dtype, DType::kF32);
  for (const auto& [name, tensor] : before)
    if (tensor.dim() == 2) {
      EXPECT_TRUE(torch::equal(read_tensor(shards, name), tensor.to(torch::kBFloat16).to(torch::kFloat32)))
          << name;
    }
  const Json config = parse_json(read_file(to("sharded") / "config.json"), "config");
  EXPECT_EQ(config["torch_dtype"], "bfloat16");
  load_language_model(to("sharded"), LanguageUse::kProducts);
}

TEST_F(Layouts, PublishedToModelFolderAndBack) {
  for (const bool tied : {true, false}) {
    for (const bool march : {false, true}) {
      write(tied, SaveType::kF32);
      if (march) fs::rename(folder / "clap_ckpt" / "epoch_16.pt", folder / "clap_ckpt" / "epoch_15.pt");
      const std::string at = std::string(tied ? "tied" : "untied") + (march ? "3" : "6");
      convert_model(folder, to(at), {.type = "f32"});
      ConvertOptions options{.layout = "published", .max_file_bytes = 100000};
      const fs::path back = to(at + "-back");
      EXPECT_TRUE(convert_model(to(at), back, options).changed.empty());
      EXPECT_TRUE(fs::exists(back / "safe_ckpt" / "model_chunk_1.safetensors"));
      ModelFolder a = load_model_folder(folder, {}), b = load_model_folder(back, {});
      EXPECT_EQ(test::max_error(logits_of(a.network), logits_of(b.network)), 0);
      EXPECT_TRUE(b.surplus.empty());
      a.config.name = b.config.name = "";
      EXPECT_EQ(to_json(a.config).dump(), to_json(b.config).dump());
      EXPECT_EQ(b.config.audio.f_max, march ? 14000 : 8000);
      // Every tensor is there with its values; rows that no token has, and what nobody uses, are not.
      const CheckpointFiles before = CheckpointFiles::open(folder), after = CheckpointFiles::open(back);
      EXPECT_EQ(after.n_duplicates(), 0);
      for (const auto& [name, view] : before.tensors()) {
        if (name.find("tscam_conv") != std::string::npos) continue;
        const TensorView* there = after.find(name);
        ASSERT_TRUE(there) << name;
        std::vector<float> wanted = to_float(view);
        if (view.n_rows() == test::kTinyVocabulary + 4 + test::kPadding)
          wanted.resize(wanted.size() - static_cast<std::size_t>(test::kPadding * view.row_elements()));
        EXPECT_EQ(to_float(*there), wanted) << name;
      }
    }
  }
}

// What the source cannot be compared with: its tokenizer in the GGUF, low bits, and other heads than eight.
TEST_F(Layouts, AnyModelThatLoadsGoesBack) {
  Af2Config config = test::small_config(true);
  config.clap.embed_dim = 32;
  config.audio_transformer.heads = 2;
  config.text.lead = ": ";
  const test::TinyGguf lm = write_llama_folder(to("mine"), config);
  convert_model(to("mine"), to("back"), {.layout = "published"});
  ModelFolder a = load_model_folder(to("mine"), {}), b = load_model_folder(to("back"), {});
  EXPECT_EQ(b.config.audio_transformer.heads, 2);
  EXPECT_EQ(b.config.lm.arch, "llama");
  EXPECT_EQ(b.config.text.lead, "");  // told in a notice
  const CheckpointFiles files = CheckpointFiles::open(to("back"));
  for (const auto& [name, values] : lm.values) {
    const std::vector<float> there = to_float(*files.find("lang_encoder.model." + name));
    const torch::Tensor head = torch::tensor(there).view({-1, values.dim() > 1 ? values.size(1) : 1});
    EXPECT_TRUE(torch::equal(head.narrow(0, 0, values.size(0)).reshape(values.sizes()), values)) << name;
  }
  EXPECT_LT(test::relative_error(logits_of(b.network), logits_of(a.network)), 2e-2);
  EXPECT_EQ(b.tokenizer.encode("an owl and 12 bells"), a.tokenizer.encode("an owl and 12 bells"));
  convert_model(to("mine"), to("half"), {.type = "bf16", .layout = "published"});
  ModelFolder half = load_model_folder(to("half"), {});
  EXPECT_LT(test::relative_error(logits_of(half.network), logits_of(a.network)), 6e-2);
  // Its language model alone.
  convert_model(to("mine"), to("alone"), {.layout = "huggingface"});
  EXPECT_EQ(tensors_in(to("alone")).size(), lm.values.size());
  convert_model(to("mine"), to("alone.gguf"), {.type = "keep", .layout = "gguf"});
  EXPECT_TRUE(std::ranges::equal(Gguf::open(to("alone.gguf")).get("blk.0.attn_k.weight").bytes,
                                 Gguf::open(to("mine") / "lm.gguf").get("blk.0.attn_k.weight").bytes));
}

TEST_F(Layouts, WhatThePublishedLayoutCannotSayIsRefused) {
  const auto refused = [&](const Af2Config& config, const std::vector<std::string>& words) {
    fs::remove_all(to("mine"));
    write_llama_folder(to("mine"), config);
    test::expect_error(ErrorKind::kUser, words,
                       [&] { convert_model(to("mine"), to("back"), {.layout = "published"}); });
    EXPECT_FALSE(fs::exists(to("back")));
  };
  const LmConfig lm = test::tiny_llama();
  refused(test::tiny_config(lm, test::tiny_stem_tower(), 1, 1), {"clap.stem"});
  refused(test::tiny_config(lm, test::tiny_patch_tower(), 1, 1),
          {"clap.spec_size 64 (there 256)", "xattn.dim_head 16", "audio.window_seconds"});
  Af2Config config = test::small_config(true);
  config.audio_transformer.rotary = "off";
  refused(config, {"audio_transformer.rotary"});
  config = test::small_config(true);
  config.audio_transformer.heads = 4;  // heads of 16: no table tells them
  refused(config, {"audio_transformer.heads 4 (there 8)"});
  config = test::small_config(true);
  config.text.sep = "<|endofchunk|>";
  refused(config, {"text.sep"});
}

TEST_F(Layouts, WrongUsesAreRefused) {
  const LmConfig lm = sized(test::tiny_llama(), true);
  write_huggingface(to("hf"), lm);
  const auto refused = [&](ErrorKind kind, const std::vector<std::string>& words, const fs::path& from,
                           const fs::path& out, const ConvertOptions& options = {}) {
    test::expect_error(kind, words, [&] { convert_model(from, out, options); });
    if (out != to("taken.gguf")) {
      EXPECT_FALSE(fs::exists(out)) << out;
    }
  };
  refused(ErrorKind::kUser, {"q8_0", "safetensors", ".gguf"}, to("hf"), to("out"), {.type = "q8_0"});
  refused(ErrorKind::kUser, {"--layout", "onnx"}, to("hf"), to("out"), {.layout = "onnx"});
  for (const char* layout : {"af2", "published"})
    refused(ErrorKind::kUser, {"language model alone"}, to("hf"), to("out"), {.layout = layout});
  refused(ErrorKind::kUser, {".gguf"}, to("hf"), to("out.gguf"), {.layout = "huggingface"});
  refused(ErrorKind::kUser, {"--adapter-type"}, to("hf"), to("out"), {.adapter_type = "f32"});
  refused(ErrorKind::kUser, {"--lm"}, to("hf"), to("out"), {.base_lm = to("hf")});
  write_file_atomic(to("taken.gguf"), "mine");
  refused(ErrorKind::kUser, {"is there already"}, to("hf"), to("taken.gguf"));
  EXPECT_EQ(read_file(to("taken.gguf")), "mine");
  refused(ErrorKind::kModel, {}, to("taken.gguf"), to("out"));
  write(true, SaveType::kF32);
  refused(ErrorKind::kUser, {".gguf", "--layout gguf"}, folder, to("out.gguf"));
  refused(ErrorKind::kUser, {"q4_K", "safetensors"}, folder, to("out"),
          {.type = "q4_K", .layout = "published"});

  // Damaged or foreign folders.
  const auto with = [&](const Json& more, const std::function<void(test::Tensors&)>& change) {
    fs::remove_all(to("bad"));
    test::Tensors all = write_huggingface(to("bad"), lm);
    Json config = parse_json(read_file(to("bad") / "config.json"), "config");
    config.update(more);
    write_file_atomic(to("bad") / "config.json", config.dump());
    change(all);
    test::write_tensors(to("bad") / "model.safetensors", all, SaveType::kF32);
  };
  const auto nothing = [](test::Tensors&) {};
  with(Json::object(), [](auto& all) { all.erase("model.layers.1.mlp.up_proj.weight"); });
  refused(ErrorKind::kModel, {"layers.1.mlp.up_proj.weight"}, to("bad"), to("out"));
  with(Json::object(), [](auto& all) { all["model.layers.0.self_attn.q_norm.weight"] = torch::ones({16}); });
  refused(ErrorKind::kModel, {"q_norm", "no place"}, to("bad"), to("out"));
  with(Json::object(), [](auto& all) { all["model.norm.weight"][3] = std::nan(""); });
  refused(ErrorKind::kModel, {"model.norm.weight", "finite"}, to("bad"), to("out"));
  with({{"vocab_size", 300}}, nothing);
  refused(ErrorKind::kModel, {"261", "300"}, to("bad"), to("out"));
  with({{"rope_parameters", {{"rope_type", "yarn"}, {"rope_theta", 1e4}}}}, nothing);
  refused(ErrorKind::kModel, {"rope_parameters"}, to("bad"), to("out"));
  with({{"model_type", "mistral"}}, nothing);
  refused(ErrorKind::kModel, {"mistral"}, to("bad"), to("out"));
  // Files of scaled rotary positions, which would be read wrong.
  test::TinyGguf gguf = test::make_tiny_gguf(lm, "layouts/", DType::kF32);
  gguf.metadata.emplace_back("llama.rope.scaling.type", std::string("linear"));
  gguf.write(to("scaled.gguf"));
  refused(ErrorKind::kModel, {"linear"}, to("scaled.gguf"), to("out"));
  gguf.metadata.pop_back();
  gguf.add("rope_freqs.weight", torch::ones({8}), DType::kF32);
  gguf.write(to("freqs.gguf"));
  refused(ErrorKind::kModel, {"rope_freqs.weight"}, to("freqs.gguf"), to("out"));
}

TEST_F(Layouts, ALanguageModelAloneSpeaksButHearsNothing) {
  const LmConfig lm = sized(test::tiny_qwen2(), true);
  write_huggingface(to("hf"), lm);
  convert_model(to("hf"), to("lm.gguf"), {.type = "f32"});
  const std::string text = "an owl and a bell, and another owl";
  double first = 0;
  for (const char* name : {"hf", "lm.gguf"}) {
    test::expect_error(ErrorKind::kUser, {"hears nothing", "af2 convert"},
                       [&] { load_model_folder(to(name), {}); });
    EngineOptions options;
    options.language_alone = true;
    const double found = Engine::load(to(name), options).perplexity(text).value;
    EXPECT_GT(found, 1);
    if (first > 0) {
      EXPECT_EQ(found, first);
    }
    first = found;
    const LanguageFacts facts = language_facts(to(name));
    EXPECT_EQ(facts.lm.vocab, test::kTinyVocabulary);
    EXPECT_EQ(facts.types.at("F32").tensors, 2 * 12 + 2);
    EXPECT_NE(facts.tokenizer.find("261 tokens"), std::string::npos) << facts.tokenizer;
  }
}

}  // namespace
}  // namespace af2
