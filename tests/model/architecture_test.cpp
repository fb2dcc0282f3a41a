// The architecture switches of the paper's ablations: each builds, trains, saves, loads and answers.
#include <gmock/gmock.h>

#include <algorithm>
#include <cmath>

#include "af2/generate/convert.h"
#include "af2/model/placement.h"
#include "architecture_testing.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

struct Switch {
  std::string name, patch;
  std::vector<int64_t> before = {0, 1, 2, 3, 4, 5};  // decoder layers with a cross-attention block
  int tokens = 16;                                   // of a window
};

class ArchitectureSwitch : public ::testing::TestWithParam<Switch> {
 protected:
  static AnswerOptions six_tokens() {
    AnswerOptions options;
    options.max_new_tokens = 6;
    options.ignore_eos = true;
    return options;
  }
  const test::ArchitectureFolder folder;
};

// Two clips of two windows; the language model is frozen, everything else learns.
TEST_P(ArchitectureSwitch, GivesEveryTrainedTensorAGradient) {
  ModelFolder model = folder.fresh(GetParam().patch);
  auto& network = *model.network;
  EXPECT_EQ(network.lang_encoder->xattn_before, GetParam().before);
  EXPECT_EQ(network.lang_encoder->gated_cross_attn_layers_sound->size(), GetParam().before.size());
  EXPECT_EQ(network.lang_encoder->prefix_adapter.is_empty(), !GetParam().before.empty());
  EXPECT_EQ(model.config.audio_tokens_per_window(), GetParam().tokens);
  for (auto& parameter : network.parameters()) parameter.set_requires_grad(false);
  const auto statistic = [](const std::string& name) { return name.find("running_") != std::string::npos; };
  auto trained = adapter_tensors(network);
  std::erase_if(trained, [&](const auto& item) { return statistic(item.first); });
  for (auto& [name, tensor] : trained) tensor.set_requires_grad(true);
  const torch::Tensor windows = test::sound_like("architecture", 4, model.config.audio.window_samples());
  const torch::Tensor tokens = network.encode(windows);
  ASSERT_EQ(tokens.size(1), GetParam().tokens);
  const torch::Tensor memory = network.remember(tokens.reshape({2, -1, tokens.size(2)}), {});
  const torch::Tensor ids = test::token_ids("architecture", {2, 9}, model.config.lm.vocab + 4);
  const torch::Tensor hidden = network.forward(ids, network.listen(memory, {}));
  ASSERT_EQ(hidden.sizes(), (std::vector<int64_t>{2, 9, model.config.lm.dim}));
  const torch::Tensor log_p = network.logits(hidden).narrow(1, 0, 8).log_softmax(-1);
  (-log_p.gather(2, ids.narrow(1, 1, 8).unsqueeze(2)).sum()).backward();
  for (const auto& [name, tensor] : trained) {
    ASSERT_TRUE(tensor.grad().defined()) << name;
    EXPECT_TRUE(tensor.grad().isfinite().all().item<bool>()) << name;
    EXPECT_GT(tensor.grad().abs().max().item<float>(), 0) << name;
  }
}

TEST_P(ArchitectureSwitch, IsSavedLoadedAndAnswers) {
  ModelFolder made = folder.fresh(GetParam().patch);
  folder.save(made, "saved");
  ModelFolder loaded = load_model_folder(folder.path("saved"), {});
  EXPECT_EQ(test::config_json(loaded.config), test::config_json(made.config));
  EXPECT_TRUE(loaded.surplus.empty());
  const auto before = adapter_tensors(*made.network), after = adapter_tensors(*loaded.network);
  ASSERT_EQ(before.size(), after.size());
  for (std::size_t i = 0; i < before.size(); ++i) {
    EXPECT_EQ(before[i].first, after[i].first);
    EXPECT_TRUE(torch::equal(before[i].second, after[i].second)) << before[i].first;
  }

  const Engine engine = Engine::load(folder.path("saved"), {.threads = 1});
  const Clip clip = test::noise_clip("architecture", 3);
  const torch::Tensor memory = test::tensor_of(engine.feature(clip, FeatureLayer::kMemory, {}));
  ASSERT_EQ(memory.size(0), 3 * GetParam().tokens);
  const torch::NoGradGuard no_grad;
  const AudioContext audio = loaded.network->listen(memory.unsqueeze(0), {});
  const Memory heard = engine.listen(clip);
  const Answer answer = engine.answer(heard, "what?", six_tokens());
  ASSERT_EQ(answer.tokens.size(), 6u);
  test::expect_likeliest(*loaded.network, audio, engine.prompt_ids("what?"), answer.tokens);
  const double about = engine.score(heard, "what?", "a band"),
               deaf = engine.score(engine.nothing(), "what?", "a band");
  EXPECT_GT(std::abs(about - deaf), 1e-3) << "the clip counts";

  AnswerOptions beams = six_tokens();
  beams.beams = 3;
  EXPECT_EQ(engine.answer(heard, "what?", beams).tokens.size(), 6u);
  const Engine placed =
      Engine::load(folder.path("saved"), {.threads = 1, .dtype = "f32", .gpu_layers = 3, .cpu_as_gpu = true});
  EXPECT_NEAR(placed.score(placed.listen(clip), "what?", "a band"), about, 1e-3);
}

// What `af2 convert` writes is the same model.
TEST_P(ArchitectureSwitch, IsConverted) {
  folder.save(folder.fresh(GetParam().patch), "saved");
  ConvertOptions options;
  options.type = "f32";
  convert_model(folder.path("saved"), folder.path("converted"), options);
  verify_model_folder(folder.path("converted"));
  EXPECT_EQ(fs::exists(folder.path("converted") / "xattn.gguf"), !GetParam().before.empty());
  const auto scores = [&](const std::string& name) {
    const Engine engine = Engine::load(folder.path(name), {.threads = 1});
    return engine.score(engine.listen(test::noise_clip("architecture", 3)), "what?", "a band");
  };
  EXPECT_NEAR(scores("converted"), scores("saved"), 1e-3);
}

INSTANTIATE_TEST_SUITE_P(
    Ablations, ArchitectureSwitch,
    ::testing::Values(Switch{"full", "{}"}, Switch{"prefix", R"({"conditioning": "prefix"})", {}},
                      Switch{"head", R"({"audio_feature": "head"})", {0, 1, 2, 3, 4, 5}, 1},
                      Switch{"no_transformer", R"({"audio_transformer": {"layers": 0}})"},
                      Switch{"no_rotary", R"({"audio_transformer": {"rotary": "off"}})"},
                      Switch{"every_3", R"({"xattn": {"every": 3}})", {2, 5}},
                      Switch{"every_6", R"({"xattn": {"every": 6}})", {5}},
                      Switch{"all_at_once",
                             R"({"conditioning": "prefix", "audio_feature": "head",
                                 "audio_transformer": {"layers": 0}})",
                             {},
                             1}),
    [](const auto& test) { return test.param.name; });

// ---- what each switch computes ---------------------------------------------------------------------------

TEST(Architecture, HeadIsTheMeanOfTheTokens) {
  const torch::NoGradGuard no_grad;
  Af2Model plain = test::six_layer_model("{}"), head = test::six_layer_model(R"({"audio_feature": "head"})");
  const torch::Tensor windows = test::sound_like("architecture", 2, plain->config.audio.window_samples());
  const torch::Tensor tokens = plain->encode(windows), one = head->encode(windows);
  ASSERT_EQ(one.sizes(), (std::vector<int64_t>{2, 1, 64}));
  EXPECT_LT(test::max_error(one, tokens.mean(1, true)), 1e-6);
  EXPECT_GT(test::max_error(one, tokens.narrow(1, 0, 1)), 1e-2);
  EXPECT_EQ(head->config.audio_time_steps(), 1);
  EXPECT_EQ(plain->config.audio_time_steps(), 8);
  EXPECT_EQ(head->config.clap.tokens_per_window(), 16) << "the tower's own";
  // Keys and values of twelve windows: 16 times fewer.
  const Footprint all = footprint(*plain, torch::kFloat32), few = footprint(*head, torch::kFloat32);
  EXPECT_EQ(all.layers[0] - few.layers[0], 2 * 4 * 12 * 15 * 2 * 16);
}

TEST(Architecture, WithoutTransformerTheTokensAreTheMemory) {
  const torch::NoGradGuard no_grad;
  Af2Model off = test::six_layer_model(R"({"audio_transformer": {"layers": 0, "heads": 7}})");
  EXPECT_TRUE(off->audio_transformer_clap->parameters().empty());
  const torch::Tensor tokens = test::uniform("architecture/tokens", {2, 32, 64});
  EXPECT_TRUE(torch::equal(off->remember(tokens, {}), tokens));
}

TEST(Architecture, RotaryOffForgetsPlaces) {
  const torch::NoGradGuard no_grad;
  const auto model = [](const std::string& rotary) {
    return test::six_layer_model(R"({"audio_transformer": {"rotary": ")" + rotary + "\"}}");
  };
  const torch::Tensor tokens = test::uniform("architecture/tokens", {1, 32, 64});
  const auto turned = [](Af2Model network, const torch::Tensor& x) {
    return test::max_error(network->remember(x.flip(1), {}).flip(1), network->remember(x, {}));
  };
  EXPECT_LT(turned(model("off"), tokens), 1e-5) << "tokens in another order, the same values";
  EXPECT_GT(turned(model("on"), tokens), 1e-3);
  EXPECT_TRUE(torch::equal(model("off")->remember(tokens, {}), model("heads_noop")->remember(tokens, {})));
}

// ---- settings --------------------------------------------------------------------------------------------

TEST(Architecture, BadSettingsAreRefused) {
  const auto refused = [](const std::string& patch, const std::vector<std::string>& words) {
    test::expect_error(ErrorKind::kUser, words, [&] { test::six_layer_model(patch); });
  };
  refused(R"({"conditioning": "both"})", {"key conditioning", "xattn or prefix"});
  refused(R"({"audio_feature": "mean"})", {"key audio_feature", "tokens or head"});
  refused(R"({"conditioning": "prefix", "xattn": {"file": "xattn.gguf"}})", {"key xattn.file", "prefix"});
  refused(R"({"conditioning": "prefix", "lm": {"context": 16}})", {"16 audio tokens", "lm.context"});
  refused(R"({"audio": {"n_fft": 65536}})", {"key audio.window_seconds", "n_fft"});
}

TEST(Architecture, APatchChangesAllButTheLanguageModel) {
  const test::ArchitectureFolder folder;
  const auto refused = [&](const std::string& patch, const std::vector<std::string>& words) {
    test::expect_error(ErrorKind::kUser, words, [&] { folder.fresh(patch); });
  };
  refused(R"({"lm": {"n_layers": 2}})", {"architecture key lm", "language model"});
  refused(R"({"text": {"added": ["<SEP>"]}})", {"architecture key text.added"});
  refused(R"({"xattn": {"evry": 2}})", {"unknown key \"evry\"", "\"every\""});
  refused(R"({"xattn": {"every": 7}})", {"key xattn.every", "6 layers", "hear nothing"});
  refused(R"(["prefix"])", {"architecture", "table"});
  const ModelFolder model =
      folder.fresh(R"({"text": {"lead": ":"}, "audio_transformer": {"dropout": null}})");
  EXPECT_EQ(model.config.text.lead, ":");
  EXPECT_EQ(model.config.audio_transformer.dropout, AudioTransformerConfig().dropout);

  folder.save(folder.fresh("{}"), "saved");
  LoadOptions with_weights;
  with_weights.architecture = Json::parse(R"({"xattn": {"every": 3}})");
  test::expect_error(ErrorKind::kUser, {"architecture", "fresh values"},
                     [&] { load_model_folder(folder.path("saved"), with_weights); });
}

// A folder whose cross-attention lies in a file of its own: that file belongs to its own network alone.
TEST(Architecture, AFileOfTheCrossAttentionStaysBehind) {
  const test::ArchitectureFolder folder;
  folder.save(folder.fresh("{}"), "saved");
  convert_model(folder.path("saved"), folder.path("converted"), {});
  for (const char* patch : {R"({"conditioning": "prefix"})", R"({"xattn": {"every": 3}})"}) {
    const ModelFolder model = folder.fresh(patch, "converted");
    EXPECT_EQ(model.config.xattn.file, "") << patch;
    EXPECT_EQ(model.xattn_file, nullptr);
  }
  EXPECT_EQ(load_model_folder(folder.path("converted"), {}).config.xattn.file, "xattn.gguf");
  ConvertOptions published;
  published.layout = "published";
  folder.save(folder.fresh(R"({"conditioning": "prefix", "audio_feature": "head"})"), "prefix");
  test::expect_error(ErrorKind::kUser,
                     {"conditioning \"prefix\" (there \"xattn\")", "audio_feature \"head\""},
                     [&] { convert_model(folder.path("prefix"), folder.path("out"), published); });
}

TEST(Architecture, WeightsOfAnotherNetworkAreRefused) {
  const test::ArchitectureFolder folder;
  folder.save(folder.fresh("{}"), "saved");
  Json config = Json::parse(read_file(folder.path("saved") / "config.json"));
  config["conditioning"] = "prefix";
  write_file_atomic(folder.path("saved") / "config.json", config.dump());
  test::expect_error(ErrorKind::kModel, {"lacks", "lang_encoder.prefix_adapter."},
                     [&] { load_model_folder(folder.path("saved"), {}); });
}

}  // namespace
}  // namespace af2
