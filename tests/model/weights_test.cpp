// Weight files: strict loading by name, and what each storage type keeps.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <fstream>
#include <set>

#include "af2/core/file.h"
#include "af2/model/af2_model.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

using NamedTensors = std::vector<std::pair<std::string, torch::Tensor>>;

NamedTensors some_tensors() {
  return {{"a.weight", test::uniform("a", {6, 40})},
          {"b.bias", test::uniform("b", {6})},
          {"c.conv", test::uniform("c", {3, 2, 5, 5})},
          {"d.gate", test::uniform("d", {1})}};
}

NamedTensors zeros_like(const NamedTensors& tensors) {
  NamedTensors out;
  for (const auto& [name, tensor] : tensors) out.emplace_back(name, torch::full_like(tensor, 7));
  return out;
}

class WeightFiles : public ::testing::Test {
 protected:
  SafeTensors save(const NamedTensors& tensors, SaveType type = SaveType::kF32) {
    save_tensors(scratch / "w.safetensors", tensors, type, {{"format", "pt"}});
    return SafeTensors::open(scratch / "w.safetensors");
  }
  test::Scratch scratch;
};

TEST_F(WeightFiles, Float32ComesBackBitForBit) {
  const NamedTensors tensors = some_tensors();
  NamedTensors back = zeros_like(tensors);
  EXPECT_TRUE(load_strict(save(tensors), back).empty());
  for (std::size_t i = 0; i < tensors.size(); ++i) EXPECT_TRUE(back[i].second.equal(tensors[i].second));
}

TEST_F(WeightFiles, BFloat16RoundsMatricesOnly) {
  const NamedTensors tensors = some_tensors();
  NamedTensors back = zeros_like(tensors);
  const SafeTensors file = save(tensors, SaveType::kBF16);
  EXPECT_TRUE(load_strict(file, back).empty());
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const torch::Tensor& value = tensors[i].second;
    const bool matrix = value.dim() >= 2;
    EXPECT_EQ(file.get(tensors[i].first).dtype, matrix ? DType::kBF16 : DType::kF32);
    EXPECT_TRUE(back[i].second.equal(matrix ? value.to(torch::kBFloat16).to(torch::kFloat32) : value));
    EXPECT_LE(test::max_error(back[i].second, value), 0x1p-9);
  }
}

TEST_F(WeightFiles, Int8StaysWithinHalfAStepOfEachRow) {
  NamedTensors tensors = some_tensors();
  tensors[0].second[3].zero_();         // a row of zeros stays zeros
  tensors[0].second[4].mul_(1e-3);      // each row has its own scale
  tensors[2].second[1][0][2][2] = -50;  // and its own outlier
  NamedTensors back = zeros_like(tensors);
  const SafeTensors file = save(tensors, SaveType::kI8);
  EXPECT_TRUE(load_strict(file, back).empty());  // the scales are no surplus
  for (std::size_t i = 0; i < tensors.size(); ++i) {
    const torch::Tensor &value = tensors[i].second, &have = back[i].second;
    if (value.dim() < 2) {
      EXPECT_TRUE(have.equal(value));
      continue;
    }
    EXPECT_EQ(file.get(tensors[i].first).dtype, DType::kI8);
    const torch::Tensor rows = value.flatten(1), error = (have.flatten(1) - rows).abs();
    const torch::Tensor half_step = rows.abs().amax(1, true) / 127 / 2;
    EXPECT_TRUE((error <= half_step * 1.0001).all().item<bool>());
    EXPECT_FALSE(have.equal(value));
  }
  EXPECT_TRUE(back[0].second[3].eq(0).all().item<bool>());
  EXPECT_LT(test::max_error(back[0].second[4], tensors[0].second[4]), 5e-6);
}

// One scale per row would be half as many bytes again as the values of a matrix of eight columns.
TEST_F(WeightFiles, NarrowMatricesHaveOneScalePerColumn) {
  NamedTensors tensors = {{"pairs.b", test::uniform("b", {60, 8})},
                          {"tall.a", test::uniform("a", {8, 60})},
                          {"conv", test::uniform("c", {60, 1, 3, 3})}};
  tensors[0].second.select(1, 3).mul_(1e-3);
  tensors[0].second.select(1, 5).zero_();
  NamedTensors back = zeros_like(tensors);
  const SafeTensors file = save(tensors, SaveType::kI8);
  EXPECT_EQ(file.get("pairs.b.scale").shape, (std::vector<std::int64_t>{1, 8}));
  EXPECT_EQ(file.get("tall.a.scale").shape, (std::vector<std::int64_t>{8}));
  EXPECT_EQ(file.get("conv.scale").shape, (std::vector<std::int64_t>{60}));
  EXPECT_TRUE(load_strict(file, back).empty());
  const torch::Tensor half_step = tensors[0].second.abs().amax(0) / 127 / 2;
  EXPECT_TRUE(((back[0].second - tensors[0].second).abs() <= half_step * 1.0001).all().item<bool>());
  EXPECT_TRUE(back[0].second.select(1, 5).eq(0).all().item<bool>());
}

TEST_F(WeightFiles, FewerLevelsMakeFewerWholeNumbersAndLargerSteps) {
  for (const int levels : {15, 127}) {
    const NamedTensors tensors = {{"a", test::uniform("a", {6, 400})}, {"b", test::uniform("b", {50, 8})}};
    save_tensors(scratch / "w.safetensors", tensors, SaveType::kI8, {}, levels);
    const SafeTensors file = SafeTensors::open(scratch / "w.safetensors");
    std::set<int> values;
    for (const std::byte byte : file.get("a").bytes) values.insert(static_cast<std::int8_t>(byte));
    EXPECT_EQ(*values.begin(), -levels);
    EXPECT_EQ(*values.rbegin(), levels);
    for (const auto& [name, tensor] : tensors) {
      const torch::Tensor back = read_tensor(file, name);
      EXPECT_TRUE(back.equal(as_saved(tensor, SaveType::kI8, levels))) << name;
      EXPECT_LE(test::max_error(back, tensor), tensor.abs().max().item<double>() / levels / 2 * 1.0001);
    }
  }
}

TEST_F(WeightFiles, Int8WithoutItsScaleIsRefused) {
  save(some_tensors(), SaveType::kI8);
  const SafeTensors file = SafeTensors::open(scratch / "w.safetensors");
  std::vector<TensorView> kept;
  for (const auto& [name, view] : file.tensors())
    if (name != "a.weight.scale") kept.push_back(view);
  write_safetensors(scratch / "cut.safetensors", kept);
  NamedTensors back = zeros_like(some_tensors());
  test::expect_error(ErrorKind::kModel, {"a.weight.scale", "cut.safetensors"},
                     [&] { load_strict(SafeTensors::open(scratch / "cut.safetensors"), back); });
  for (TensorView& view : kept)
    if (view.name == "c.conv.scale") {
      view.shape = {1};
      view.bytes = view.bytes.first(4);
    }
  std::erase_if(kept, [](const TensorView& view) { return view.name.starts_with("a."); });
  write_safetensors(scratch / "cut.safetensors", kept);
  back.erase(back.begin());
  test::expect_error(ErrorKind::kModel, {"c.conv.scale"},
                     [&] { load_strict(SafeTensors::open(scratch / "cut.safetensors"), back); });
}

TEST_F(WeightFiles, MissingAndMisshapenTensorsAreNamedAndNothingIsTaken) {
  const NamedTensors tensors = some_tensors();
  NamedTensors fewer(tensors.begin(), tensors.end() - 1), back = zeros_like(tensors);
  test::expect_error(ErrorKind::kModel, {"lacks d.gate", "w.safetensors"},
                     [&] { load_strict(save(fewer), back); });
  NamedTensors other = some_tensors();
  other[2].second = test::uniform("c", {3, 2, 5, 4});
  test::expect_error(ErrorKind::kModel, {"c.conv", "3x2x5x4", "3x2x5x5", "w.safetensors"},
                     [&] { load_strict(save(other), back); });
  other[2].second = test::uniform("c", {3, 50});  // as many values in another shape
  test::expect_error(ErrorKind::kModel, {"c.conv"}, [&] { load_strict(save(other), back); });
  for (const auto& [name, tensor] : back) EXPECT_TRUE(tensor.eq(7).all().item<bool>()) << name;
}

TEST_F(WeightFiles, ManyMissingTensorsAreCounted) {
  NamedTensors wanted;
  for (int i = 0; i < 9; ++i) wanted.emplace_back("t" + std::to_string(i), torch::zeros({2}));
  test::expect_error(ErrorKind::kModel, {"t0", "t4", "4 more"},
                     [&] { load_strict(save(some_tensors()), wanted); });
}

TEST_F(WeightFiles, SurplusTensorsAreListed) {
  NamedTensors back = zeros_like({some_tensors()[1]});
  EXPECT_EQ(load_strict(save(some_tensors()), back),
            (std::vector<std::string>{"a.weight", "c.conv", "d.gate"}));
}

TEST_F(WeightFiles, ValuesThatAreNotFiniteAreRefusedByName) {
  for (const float bad : {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
    for (const SaveType type : {SaveType::kF32, SaveType::kBF16}) {
      NamedTensors tensors = some_tensors(), back = zeros_like(tensors);
      tensors[2].second[2][1][4][4] = bad;
      test::expect_error(ErrorKind::kModel, {"c.conv", "not finite"},
                         [&] { load_strict(save(tensors, type), back); });
    }
  }
}

TEST_F(WeightFiles, TruncatedFilesAreRefused) {
  save(some_tensors());
  const std::string bytes = read_file(scratch / "w.safetensors");
  for (const std::size_t size : {std::size_t{4}, bytes.size() / 2, bytes.size() - 1}) {
    std::ofstream(scratch / "cut.safetensors", std::ios::binary) << bytes.substr(0, size);
    test::expect_error(ErrorKind::kModel, {"cut.safetensors"},
                       [&] { SafeTensors::open(scratch / "cut.safetensors"); });
  }
}

TEST_F(WeightFiles, AWholeModelRoundTripsAndAnswersTheSame) {
  const Af2Config config = test::tiny_config(test::tiny_qwen2(), test::tiny_stem_tower(), 1, 2);
  Af2Model model(config), again(config);
  test::fill_named(*model, "round/");
  test::fill_named(*again, "other/");
  model->eval(), again->eval();
  torch::NoGradGuard no_grad;
  const torch::Tensor windows = test::sound_like("round", 2, 20000),
                      ids = test::token_ids("round", {1, 9}, 79);
  const auto logits = [&](Af2Model& network) {
    const torch::Tensor memory = network->remember(network->encode(windows).view({1, -1, 32}), {});
    return network->logits(network->forward(ids, network->listen(memory, {})));
  };
  const torch::Tensor want = logits(model);
  EXPECT_GT(test::max_error(logits(again), want), 0.1);
  load_strict(save(stored_tensors(*model)), stored_tensors(*again));
  EXPECT_TRUE(logits(again).equal(want));
  load_strict(save(stored_tensors(*model), SaveType::kBF16), stored_tensors(*again));
  EXPECT_LT(test::relative_error(logits(again), want), 2e-2);  // section 10
  load_strict(save(stored_tensors(*model), SaveType::kI8), stored_tensors(*again));
  EXPECT_LT(test::relative_error(logits(again), want), 1e-1);
}

TEST(StoredTensors, HaveThePublishedNames) {
  const Af2Model model(test::tiny_config(test::tiny_qwen2(), test::tiny_patch_tower(), 1, 2));
  std::set<std::string> names;
  for (const auto& [name, tensor] : stored_tensors(*model)) EXPECT_TRUE(names.insert(name).second) << name;
  const std::string tower = "clap.nvclap.", memory = "audio_transformer_clap.", lm = "lang_encoder.";
  for (const std::string& name : {tower + "bn0.running_mean",
                                  tower + "bn0.running_var",
                                  tower + "bn0.weight",
                                  tower + "patch_embed.proj.weight",
                                  tower + "patch_embed.norm.bias",
                                  tower + "norm.weight",
                                  tower + "layers.0.blocks.1.attn.relative_position_bias_table",
                                  tower + "layers.0.blocks.1.attn.qkv.weight",
                                  tower + "layers.2.blocks.0.attn.proj.bias",
                                  tower + "layers.0.blocks.0.norm1.weight",
                                  tower + "layers.0.blocks.0.norm2.weight",
                                  tower + "layers.1.blocks.0.mlp.fc1.weight",
                                  tower + "layers.1.blocks.0.mlp.fc2.bias",
                                  tower + "layers.1.downsample.norm.weight",
                                  tower + "layers.1.downsample.reduction.weight",
                                  memory + "layer_norm.weight",
                                  memory + "layer_stack.1.slf_attn.w_qs.weight",
                                  memory + "layer_stack.1.slf_attn.w_ks.weight",
                                  memory + "layer_stack.1.slf_attn.w_vs.weight",
                                  memory + "layer_stack.1.slf_attn.fc.weight",
                                  memory + "layer_stack.1.slf_attn.layer_norm.bias",
                                  memory + "layer_stack.0.pos_ffn.w_1.bias",
                                  memory + "layer_stack.0.pos_ffn.w_2.weight",
                                  memory + "layer_stack.0.pos_ffn.layer_norm.weight",
                                  lm + "gated_cross_attn_layers_sound.0.attn.norm.weight",
                                  lm + "gated_cross_attn_layers_sound.1.attn.to_q.weight",
                                  lm + "gated_cross_attn_layers_sound.1.attn.to_kv.weight",
                                  lm + "gated_cross_attn_layers_sound.1.attn.to_out.weight",
                                  lm + "gated_cross_attn_layers_sound.0.attn_gate",
                                  lm + "gated_cross_attn_layers_sound.0.ff_gate",
                                  lm + "gated_cross_attn_layers_sound.0.ff.0.bias",
                                  lm + "gated_cross_attn_layers_sound.0.ff.1.weight",
                                  lm + "gated_cross_attn_layers_sound.0.ff.3.weight",
                                  lm + "model.embed_tokens.weight",
                                  lm + "model.layers.1.self_attn.k_proj.bias",
                                  lm + "model.layers.0.mlp.gate_proj.weight",
                                  lm + "model.layers.0.input_layernorm.weight",
                                  lm + "model.layers.0.post_attention_layernorm.weight",
                                  lm + "model.norm.weight"})
    EXPECT_TRUE(names.contains(name)) << name;
  for (const auto& name : names)
    for (const char* derived : {"attn_mask", "relative_position_index", "num_batches_tracked"})
      EXPECT_EQ(name.find(derived), std::string::npos) << name;
}

}  // namespace
}  // namespace af2
