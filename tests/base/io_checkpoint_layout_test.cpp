// io: the layouts of published checkpoints, under one name for each tensor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/io/checkpoint_layout.h"
#include "af2/io/quant_blocks.h"
#include "af2/io/safetensors.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;
using namespace io_test;
using testing::ElementsAre;
using testing::HasSubstr;

// A float32 vector with these values.
struct Named {
  std::string name;
  std::vector<float> values;
};

void write_file(const fs::path& path, const std::vector<Named>& tensors) {
  std::vector<TensorView> views;
  for (const Named& t : tensors)
    views.push_back({t.name,
                     DType::kF32,
                     {static_cast<std::int64_t>(t.values.size())},
                     std::as_bytes(std::span(t.values))});
  write_safetensors(path, views);
}

// A folder as it is downloaded: two chunks, one layer under three spellings.
void write_published(const fs::path& folder) {
  fs::create_directories(folder / "safe_ckpt");
  write_file(folder / "safe_ckpt/model_chunk_0.safetensors",
             {{"lang_encoder.model.layers.0.decoder_layer.mlp.up_proj.weight", {1, 2}},
              {"lang_encoder.model.layers.0.gated_cross_attn_layer_sound.attn_gate", {3}},
              {"lang_encoder.model.layers.11.decoder_layer.input_layernorm.weight", {4}}});
  write_file(folder / "safe_ckpt/model_chunk_1.safetensors",
             {{"lang_encoder.old_decoder_blocks.0.mlp.up_proj.weight", {1, 2}},
              {"lang_encoder.gated_cross_attn_layers_sound.0.attn_gate", {3}},
              {"clap.nvclap.bn0.weight", {5, 6}},
              {"lang_encoder.lm_head.weight", {7}}});
  write_file_atomic(folder / "safe_ckpt/metadata.json",
                    R"({"model_chunk_0": ["a"], "model_chunk_1": ["b"]})");
}

std::vector<std::string> names_of(const CheckpointFiles& files) {
  std::vector<std::string> names;
  for (const auto& [name, tensor] : files.tensors()) {
    names.push_back(name);
    EXPECT_EQ(tensor.name, name);
  }
  return names;
}

TEST(CheckpointLayout, CanonicalNames) {
  using enum CheckpointLayout;
  const auto published = [](std::string_view name) { return canonical_name(name, kPublished); };
  EXPECT_EQ(published("lang_encoder.model.layers.7.decoder_layer.self_attn.q_proj.bias"),
            "lang_encoder.model.layers.7.self_attn.q_proj.bias");
  EXPECT_EQ(published("lang_encoder.model.layers.7.gated_cross_attn_layer_sound.ff.1.weight"),
            "lang_encoder.gated_cross_attn_layers_sound.7.ff.1.weight");
  EXPECT_EQ(published("lang_encoder.old_decoder_blocks.35.mlp.up_proj.weight"),
            "lang_encoder.model.layers.35.mlp.up_proj.weight");
  EXPECT_EQ(published("module.lang_encoder.model.norm.weight"), "lang_encoder.model.norm.weight");
  EXPECT_EQ(published("clap.nvclap.layers.0.blocks.1.attn.qkv.weight"),
            "clap.nvclap.layers.0.blocks.1.attn.qkv.weight");
  EXPECT_EQ(canonical_name("clap.afclap.bn0.bias", kTrainingCode), "clap.nvclap.bn0.bias");
  EXPECT_EQ(canonical_name("module.audio_branch.bn0.bias", kClap), "clap.nvclap.bn0.bias");
  EXPECT_EQ(canonical_name("module.logit_scale_a", kClap), "clap.logit_scale_a");
  EXPECT_EQ(canonical_name("model.layers.0.mlp.up_proj.weight", kHuggingFace),
            "lang_encoder.model.layers.0.mlp.up_proj.weight");
  EXPECT_EQ(canonical_name("lm_head.weight", kHuggingFace), "lang_encoder.lm_head.weight");
  // What only looks like a layer's number stays.
  EXPECT_EQ(published("lang_encoder.model.layers.x.decoder_layer.a"),
            "lang_encoder.model.layers.x.decoder_layer.a");
}

TEST(CheckpointLayout, PublishedFolderGivesEachTensorOnce) {
  const Scratch scratch;
  write_published(scratch / "af2");
  ASSERT_EQ(checkpoint_layout(scratch / "af2"), CheckpointLayout::kPublished);
  const CheckpointFiles files = CheckpointFiles::open(scratch / "af2");
  EXPECT_THAT(names_of(files),
              ElementsAre("clap.nvclap.bn0.weight", "lang_encoder.gated_cross_attn_layers_sound.0.attn_gate",
                          "lang_encoder.lm_head.weight", "lang_encoder.model.layers.0.mlp.up_proj.weight",
                          "lang_encoder.model.layers.11.input_layernorm.weight"));
  EXPECT_EQ(files.n_duplicates(), 2);
  EXPECT_THAT(to_float(*files.find("lang_encoder.model.layers.0.mlp.up_proj.weight")), ElementsAre(1, 2));
  EXPECT_EQ(files.find("lang_encoder.model.norm.weight"), nullptr);
  const std::int64_t one[] = {1}, two[] = {2};
  EXPECT_EQ(files.get("lang_encoder.lm_head.weight", one).shape[0], 1);
  EXPECT_THAT(message_of([&] { files.get("lang_encoder.lm_head.weight", two); }), HasSubstr("lm_head"));
  EXPECT_THAT(message_of([&] { files.get("nothing", two); }), HasSubstr("lacks the tensor nothing"));
  // The folder of chunks itself is the same checkpoint.
  EXPECT_EQ(names_of(CheckpointFiles::open(scratch / "af2/safe_ckpt")), names_of(files));
}

TEST(CheckpointLayout, MissingChunksAndContradictionsAreNamed) {
  const Scratch scratch;
  const fs::path folder = scratch / "af2";
  write_published(folder);
  fs::rename(folder / "safe_ckpt/model_chunk_1.safetensors", folder / "aside");
  EXPECT_THAT(message_of([&] { CheckpointFiles::open(folder); }), HasSubstr("model_chunk_1.safetensors"));
  write_file(folder / "safe_ckpt/model_chunk_1.safetensors",
             {{"lang_encoder.old_decoder_blocks.0.mlp.up_proj.weight", {1, 2.5}}});
  EXPECT_THAT(message_of([&] { CheckpointFiles::open(folder); }),
              HasSubstr("lang_encoder.model.layers.0.mlp.up_proj.weight twice"));
  write_file_atomic(folder / "safe_ckpt/metadata.json", R"({"../aside": []})");
  EXPECT_THAT(message_of([&] { CheckpointFiles::open(folder); }), HasSubstr("no file name"));
  for (const char* bad : {"", "[]", "{}", "{\"model_chunk_0\"", "\"model_chunk_0\""}) {
    write_file_atomic(folder / "safe_ckpt/metadata.json", bad);
    EXPECT_THAT(message_of([&] { CheckpointFiles::open(folder); }), HasSubstr("metadata.json")) << bad;
  }
}

TEST(CheckpointLayout, BaseModelFillsWhatIsMissing) {
  const Scratch scratch;
  write_published(scratch / "af2");
  fs::create_directories(scratch / "base");
  write_file_atomic(scratch / "base/config.json", R"({"model_type": "qwen2"})");
  write_file(scratch / "base/model.safetensors",
             {{"model.norm.weight", {8}}, {"model.layers.0.mlp.up_proj.weight", {9, 9}}});
  CheckpointFiles files = CheckpointFiles::open(scratch / "af2");
  {
    const CheckpointFiles base = CheckpointFiles::open(scratch / "base");
    EXPECT_EQ(base.layout(), CheckpointLayout::kHuggingFace);
    files.fill_from(base);
  }
  EXPECT_THAT(to_float(*files.find("lang_encoder.model.norm.weight")), ElementsAre(8));
  EXPECT_THAT(to_float(*files.find("lang_encoder.model.layers.0.mlp.up_proj.weight")), ElementsAre(1, 2));
}

// Made by torch.save; the optimizer's moments stay aside.
TEST(CheckpointLayout, TorchFiles) {
  const CheckpointFiles training = CheckpointFiles::open(data_file("torch_training.pt"));
  EXPECT_EQ(training.layout(), CheckpointLayout::kTrainingCode);
  EXPECT_THAT(names_of(training),
              ElementsAre("bn.bias", "bn.num_batches_tracked", "bn.running_mean", "bn.running_var",
                          "bn.weight", "norm.bias", "norm.weight", "proj.weight"));
  const CheckpointFiles clap = CheckpointFiles::open(data_file("torch_clap.pt"));
  EXPECT_EQ(clap.layout(), CheckpointLayout::kClap);
  EXPECT_THAT(names_of(clap),
              ElementsAre("clap.logit_scale_a", "clap.nvclap.bn0.num_batches_tracked",
                          "clap.nvclap.bn0.weight", "clap.nvclap.layers.0.blocks.0.attn.qkv.weight",
                          "clap.nvclap.layers.0.blocks.0.attn.relative_position_index"));
  EXPECT_FALSE(checkpoint_layout(data_file("torch_plain.pt")));
}

TEST(CheckpointLayout, OtherThingsAreNoCheckpoint) {
  const Scratch scratch;
  fs::create_directories(scratch / "own");
  write_file_atomic(scratch / "own/config.json", R"({"format": "af2"})");
  EXPECT_FALSE(checkpoint_layout(scratch / "own"));
  EXPECT_FALSE(checkpoint_layout(scratch / "own/config.json"));
  EXPECT_FALSE(checkpoint_layout(scratch / "absent"));
  EXPECT_THROW(CheckpointFiles::open(scratch / "own"), Error);
  EXPECT_THROW(CheckpointFiles::open(scratch / "absent"), Error);
}

}  // namespace
}  // namespace af2
