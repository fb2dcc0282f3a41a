// Converted folders: what they compute, what they hold, and what is refused.
#include "af2/generate/convert.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include "af2/core/file.h"
#include "af2/core/options.h"
#include "af2/generate/clap_engine.h"
#include "af2/generate/clap_folder.h"
#include "af2/generate/engine.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

class Convert : public test::Published {
 protected:
  fs::path to(const std::string& name) const { return scratch / name; }
  static ConvertOptions type(const std::string& name, const std::string& adapter = "") {
    ConvertOptions options;
    options.type = name;
    options.adapter_type = adapter;
    return options;
  }
  // Relative error of the logits of a folder against the network that was saved.
  double error_of(const fs::path& path) {
    ModelFolder loaded = load_model_folder(path, {});
    return test::relative_error(logits_of(loaded.network), logits_of(network));
  }
};

TEST_F(Convert, Float32ComputesTheSameBits) {
  for (const bool tied : {true, false}) {
    write(tied, SaveType::kF32);
    const fs::path out = to(tied ? "tied" : "not-tied");
    const ConvertReport report = convert_model(folder, out, type("f32"));
    EXPECT_TRUE(report.changed.empty());
    EXPECT_LT(report.bytes_after, report.bytes_before);  // duplicates are gone
    ModelFolder loaded = load_model_folder(out, {});
    EXPECT_EQ(test::max_error(logits_of(loaded.network), logits_of(network)), 0);
    EXPECT_TRUE(loaded.surplus.empty());
    EXPECT_EQ(loaded.config.audio.f_max, 8000);
    EXPECT_EQ(verify_model_folder(out), 5);
    // Other programs find the tokenizer in the GGUF, and it is the same one.
    const Gguf lm = Gguf::open(out / "lm.gguf");
    std::vector<int> types;
    for (const std::int64_t t : lm.get_ints("tokenizer.ggml.token_type"))
      types.push_back(static_cast<int>(t));
    const ByteBpe lists =
        ByteBpe::from_lists(lm.get_strings("tokenizer.ggml.tokens"), lm.get_strings("tokenizer.ggml.merges"),
                            types, lm.get_string("tokenizer.ggml.pre"));
    EXPECT_EQ(lists.size(), loaded.config.lm.vocab);
    for (const char* text : {"what is heard?", " A dog, 12 bells<|endoftext|>"})
      EXPECT_EQ(lists.encode(text), loaded.tokenizer.encode(text)) << text;
    // Mapped, not copied.
    auto& mlp = *loaded.network->lang_encoder->model->layers->ptr(0)->as<DecoderLayer>()->mlp;
    const TensorView& up = loaded.lm_file.get("blk.0.ffn_up.weight");
    EXPECT_EQ(static_cast<const void*>(mlp.up_proj->weight.data_ptr()),
              static_cast<const void*>(up.bytes.data()));
  }
}

TEST_F(Convert, SmallerTypesStayWithinTheirError) {
  write(true, SaveType::kF32);
  const std::pair<const char*, double> bounds[] = {{"f16", 2e-2}, {"bf16", 4e-2}, {"q8_0", 4e-2},
                                                   {"q4_1", 0.4}, {"q4_0", 0.4},  {"q4_K", 0.4}};
  for (const auto& [name, bound] : bounds) {
    const ConvertReport report = convert_model(folder, to(name), type(name, "f32"));
    EXPECT_FALSE(report.changed.empty()) << name;
    const double error = error_of(to(name));
    EXPECT_GT(error, 0) << name;
    EXPECT_LT(error, bound) << name;
  }
  const Gguf four = Gguf::open(to("q4_0") / "lm.gguf");
  EXPECT_EQ(four.get("blk.1.ffn_down.weight").dtype, DType::kQ4_0);
  EXPECT_EQ(four.get("token_embd.weight").dtype, DType::kQ8_0);
  EXPECT_EQ(four.get("output_norm.weight").dtype, DType::kF32);
  EXPECT_EQ(Gguf::open(to("q4_0") / "xattn.gguf").tensors().front().dtype, DType::kQ4_0);
  // Short rows are no blocks of 256 (whole ones: tests/e2e/test_published.py).
  EXPECT_EQ(Gguf::open(to("q4_K") / "lm.gguf").get("blk.1.ffn_down.weight").dtype, DType::kQ4_1);
}

// What a folder computes does not change when it is converted again, and --keep leaves matrices alone.
TEST_F(Convert, AModelFolderIsQuantisedAgain) {
  write(false, SaveType::kF32);
  convert_model(folder, to("wide"), type("f32"));
  ConvertOptions options;
  options.type = "q8_0";
  options.keep = {"^blk\\.0\\.", "to_q"};
  const ConvertReport report = convert_model(to("wide"), to("narrow"), options);
  for (const auto& t : report.changed) {
    EXPECT_FALSE(t.name.starts_with("blk.0.")) << t.name;
    EXPECT_EQ(t.name.find("to_q"), std::string::npos) << t.name;
    EXPECT_LT(t.relative, 0.02) << t.name;
  }
  const Gguf lm = Gguf::open(to("narrow") / "lm.gguf");
  EXPECT_EQ(lm.get("blk.0.ffn_up.weight").dtype, DType::kF32);
  EXPECT_EQ(lm.get("blk.1.ffn_up.weight").dtype, DType::kQ8_0);
  const ConvertReport again = convert_model(to("narrow"), to("same"), type("keep"));
  EXPECT_TRUE(again.changed.empty());
  ModelFolder a = load_model_folder(to("narrow"), {}), b = load_model_folder(to("same"), {});
  EXPECT_EQ(test::max_error(logits_of(a.network), logits_of(b.network)), 0);
}

// A Llama model's rows of q and k are permuted in GGUF: converting puts them back as they were.
TEST_F(Convert, AnAfClapGoesAlong) {
#ifndef AF2_WITH_SENTENCEPIECE
  GTEST_SKIP() << "this build has no SentencePiece";
#endif
  write(true, SaveType::kF32);
  convert_model(folder, to("first"), type("f32"));
  EXPECT_FALSE(ClapEngine::find(to("first")));
  ClapModelConfig config;
  config.audio = test::tiny_audio();
  config.audio.window_seconds = 0.5;
  config.tower = test::tiny_patch_tower();
  config.text.vocab = 200, config.text.layers = 1, config.text.dim = 8, config.text.heads = 1;
  config.text.dim_head = 8, config.text.ffn_dim = 8;
  config.joint_dim = 4;
  ClapModel clap(config);
  save_clap_folder(to("first") / "clap", config, *clap,
                   fs::path(AF2_SOURCE_DIR) / "tests/data/text/unigram.model", SaveType::kF32);
  EXPECT_EQ(ClapEngine::find(to("first")), to("first") / "clap");
  convert_model(to("first"), to("second"), type("q8_0"));
  EXPECT_EQ(ClapEngine::load(to("second").string(), {}).text("a bell"),
            ClapEngine::load(to("first").string(), {}).text("a bell"));
  EXPECT_EQ(verify_model_folder(to("second")), 8);
  const fs::path weights = to("second") / "clap/model.safetensors";
  write_file_atomic(weights, read_file(weights) + " ");
  test::expect_error(ErrorKind::kModel, {"clap/model.safetensors"},
                     [&] { verify_model_folder(to("second")); });
  ConvertOptions published;
  published.layout = "published";
  testing::internal::CaptureStderr();
  convert_model(to("first"), to("third"), published);
  EXPECT_NE(testing::internal::GetCapturedStderr().find("first/clap: the AF-CLAP stays behind"),
            std::string::npos);
}

TEST_F(Convert, LlamaRowsKeepTheirOrder) {
  const fs::path mini = to("mini");
  fs::create_directories(mini);
  Af2Config config = test::tiny_config(test::tiny_llama(), test::tiny_patch_tower(), 1, 1);
  config.lm.vocab = test::kTinyVocabulary;
  config.lm.file = "lm.gguf";
  test::TinyGguf lm = test::make_tiny_gguf(config.lm, "convert/", DType::kQ8_0);
  test::add_tiny_tokenizer(lm);
  lm.write(mini / "lm.gguf");
  write_file_atomic(mini / "config.json", to_json(config).dump());
  network = Af2Model(config);
  test::fill_named(*network, "convert/adapter/");
  save_tensors(mini / "adapter.safetensors", adapter_tensors(*network), SaveType::kF32, {});
  convert_model(mini, to("kept"), type("keep"));
  convert_model(mini, to("wide"), type("f32"));
  const Gguf before = Gguf::open(mini / "lm.gguf"), kept = Gguf::open(to("kept") / "lm.gguf");
  ASSERT_EQ(kept.tensors().size(), before.tensors().size());
  for (const auto& view : before.tensors())
    EXPECT_TRUE(std::ranges::equal(kept.get(view.name).bytes, view.bytes)) << view.name;
  EXPECT_EQ(kept.get_strings("tokenizer.ggml.tokens"), before.get_strings("tokenizer.ggml.tokens"));
  const TensorView& q = before.get("blk.0.attn_q.weight");
  EXPECT_EQ(to_float(Gguf::open(to("wide") / "lm.gguf").get(q.name)), to_float(q));
}

TEST_F(Convert, BadInputIsRefused) {
  write(true, SaveType::kF32);
  const auto refused = [&](ErrorKind kind, const std::vector<std::string>& words, const ConvertOptions& o) {
    test::expect_error(kind, words, [&] { convert_model(folder, to("out"), o); });
  };
  refused(ErrorKind::kUser, {"--type", "q5_1"}, type("q5_1"));
  refused(ErrorKind::kUser, {"--adapter-type", "q8_0"}, type("f32", "q8_0"));
  ConvertOptions bad;
  bad.keep = {"("};
  refused(ErrorKind::kUser, {"--keep", "regular expression"}, bad);
  fs::remove_all(to("out"));
  fs::create_directories(to("out"));
  write_file_atomic(to("out") / "mine.txt", "keep me");
  refused(ErrorKind::kUser, {"out", "is there already"}, {});
  EXPECT_EQ(read_file(to("out") / "mine.txt"), "keep me");
  // A weight that is not finite cannot be quantised.
  fs::remove_all(to("out"));
  const std::string name = "lang_encoder.gated_cross_attn_layers_sound.0.ff.1.weight";
  tensors[name] = tensors[name].clone();
  tensors[name][3][5] = std::nan("");
  tensors["lang_encoder.model.layers.0.gated_cross_attn_layer_sound.ff.1.weight"] = tensors[name];
  write_folder(SaveType::kF32);
  refused(ErrorKind::kModel, {name, "finite"}, type("q8_0"));
  EXPECT_FALSE(fs::exists(to("out") / "config.json"));
}

TEST_F(Convert, ADamagedFolderIsFound) {
  write(true, SaveType::kF32);
  convert_model(folder, to("out"), type("q8_0"));
  EXPECT_EQ(verify_model_folder(to("out")), 5);
  std::string bytes = read_file(to("out") / "xattn.gguf");
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file_atomic(to("out") / "xattn.gguf", bytes);
  test::expect_error(ErrorKind::kModel, {"xattn.gguf", "SHA-256"}, [&] { verify_model_folder(to("out")); });
  fs::remove(to("out") / "xattn.gguf");
  test::expect_error(ErrorKind::kModel, {"xattn.gguf", "missing"}, [&] { verify_model_folder(to("out")); });
  fs::remove(to("out") / "SHA256SUMS");
  test::expect_error(ErrorKind::kUser, {"SHA256SUMS"}, [&] { verify_model_folder(to("out")); });
}

}  // namespace
}  // namespace af2
