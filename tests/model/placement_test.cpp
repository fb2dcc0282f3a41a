// A network on a device computes what it computes on the CPU. The CPU stands for the GPU (dense copies and
// the code of a GPU); where there is a CUDA device, the same tests run on it too (ctest label gpu).
#include "af2/model/placement.h"

#include <gtest/gtest.h>
#include <torch/torch.h>

#include <algorithm>
#include <limits>

#include "af2/generate/convert.h"
#include "af2/generate/scan.h"
#include "af2/model/decode_step.h"
#include "af2/model/lm_gguf.h"
#include "noise_clip.h"
#include "placed_testing.h"
#include "published_checkpoint.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;

constexpr double kExact = 2e-4, kNarrow = 2e-2;

// ---- the network -----------------------------------------------------------------------------------------

class PlacedNetwork : public ::testing::TestWithParam<std::string> {
 protected:
  torch::Device device() const { return test::torch_device(GetParam()); }

  struct Heard {
    torch::Tensor tokens, memory, prompt;  // prompt: logits [1, T, vocab]
    std::vector<int64_t> greedy;
    torch::Tensor last;  // logits after the last greedy token
  };

  // Two windows, a prompt in two pieces and 32 greedy tokens after it; none of the last 16 tokens again.
  static Heard run(Af2Model& model) {
    const torch::NoGradGuard no_grad;
    Heard heard;
    const torch::Tensor ids = test::token_ids("placed", {1, 11}, model->config.lm.vocab + 4);
    heard.tokens = model->encode(test::sound_like("placed", 2, 20000)).flatten(0, 1).unsqueeze(0);
    heard.memory = model->remember(heard.tokens, {});
    const AudioContext audio = model->listen(heard.memory, {});
    KvCache cache;
    cache.reserve = 50;
    const torch::Tensor first = model->forward(ids.narrow(1, 0, 6), audio, &cache);
    const torch::Tensor second = model->forward(ids.narrow(1, 6, 5), audio, &cache);
    heard.prompt = model->logits(torch::cat({first, second}, 1));
    heard.last = heard.prompt[0][-1];
    torch::Tensor text = ids[0];
    for (int i = 0; i < 32; ++i) {
      torch::Tensor open = heard.last.clone();
      open.index_fill_(
          0, text.narrow(0, std::max<int64_t>(text.size(0) - 16, 0), std::min<int64_t>(text.size(0), 16)),
          -std::numeric_limits<float>::infinity());
      const torch::Tensor next = open.argmax().view({1});
      heard.greedy.push_back(next.item<int64_t>());
      text = torch::cat({text, next});
      heard.last = model->logits(model->forward(next.view({1, 1}), audio, &cache))[0][0];
    }
    return heard;
  }
};

TEST_P(PlacedNetwork, ComputesWhatTheCpuDoes) {
  AF2_SKIP_WITHOUT(GetParam());
  for (const LmConfig& lm : {test::tiny_llama(), test::tiny_qwen2()})
    for (const int every : {1, 2}) {
      Af2Model plain = test::placed_model(lm, every);
      const Heard want = run(plain);
      for (int n = 0; n <= lm.n_layers; ++n) {
        Af2Model exact = test::placed_model(lm, every), narrow = test::placed_model(lm, every);
        place(*exact, device(), torch::kFloat32, n);
        place(*narrow, device(), torch::kBFloat16, n);
        const std::string at = lm.arch + " every " + std::to_string(every) + " layers " + std::to_string(n);
        EXPECT_EQ(DecodeStep::fits(*exact), n == 0) << at;
        const Heard have = run(exact);
        EXPECT_TRUE(have.prompt.device().is_cpu());
        EXPECT_LT(test::relative_error(have.tokens.to(torch::kCPU), want.tokens), 1e-4) << at;
        EXPECT_LT(test::relative_error(have.memory.to(torch::kCPU), want.memory), 1e-4) << at;
        EXPECT_LT(test::max_error(have.prompt, want.prompt), kExact) << at;
        EXPECT_EQ(have.greedy, want.greedy) << at;
        EXPECT_LT(test::max_error(have.last, want.last), kExact) << at;
        const Heard rough = run(narrow);
        EXPECT_GT(test::max_error(rough.prompt, want.prompt), 0) << at;
        EXPECT_LT(test::relative_error(rough.prompt, want.prompt), kNarrow) << at;
      }
    }
}

TEST_P(PlacedNetwork, PaddingAndBeamsMeanTheSame) {
  AF2_SKIP_WITHOUT(GetParam());
  const torch::NoGradGuard no_grad;
  Af2Model plain = test::placed_model(test::tiny_llama(), 1),
           placed = test::placed_model(test::tiny_llama(), 1);
  place(*placed, device(), torch::kFloat32, 2);
  const torch::Tensor tokens = test::uniform("placed/tokens", {2, 48, 64});
  torch::Tensor mask = torch::ones({2, 48}, torch::kInt64);
  mask[1].narrow(0, 30, 18).zero_();
  const torch::Tensor ids = test::token_ids("placed/beams", {2, 7}, 80);
  const auto logits = [&](Af2Model& model, bool one_clip) {
    const torch::Tensor memory = model->remember(tokens, mask);
    const AudioContext audio =
        one_clip ? model->listen(memory.narrow(0, 1, 1), {}) : model->listen(memory, mask);
    return model->logits(model->forward(ids, audio));
  };
  for (const bool one_clip : {false, true})
    EXPECT_LT(test::max_error(logits(placed, one_clip), logits(plain, one_clip)), kExact) << one_clip;
}

TEST_P(PlacedNetwork, EachPartLiesWhereItIsRead) {
  AF2_SKIP_WITHOUT(GetParam());
  for (const LmConfig& lm : {test::tiny_llama(), test::tiny_qwen2()}) {  // the head tied, and not
    Af2Model model = test::placed_model(lm, 2);
    const int some = 1, all = lm.n_layers;
    place(*model, device(), torch::kBFloat16, some);
    auto& decoder = *model->lang_encoder->model;
    const auto placed = [&](const torch::nn::Module& module) {
      const auto layers = linear_layers(module);
      for (const auto& tensor : module.parameters())
        EXPECT_EQ(tensor.device(), layers.front().second->is_placed() ? device() : torch::Device("cpu"));
      for (const auto& [name, layer] : layers)
        EXPECT_EQ(layer->weight.scalar_type(), layer->is_placed() ? torch::kBFloat16 : torch::kFloat32)
            << name;
      return layers.front().second->is_placed();
    };
    EXPECT_TRUE(placed(*model->clap) && placed(*model->audio_transformer_clap));
    EXPECT_TRUE(placed(*decoder.layers->ptr(0)));
    EXPECT_FALSE(placed(*decoder.layers->ptr(1)));
    EXPECT_FALSE(decoder.embed_tokens->is_placed());
    EXPECT_EQ(decoder.layers->ptr(0)->as<DecoderLayer>()->input_layernorm->weight.scalar_type(),
              torch::kFloat32);
    // The one block stands before layer 1, on the CPU: its keys are float32 there.
    const torch::Tensor silence = torch::zeros({1, 3, model->config.clap.out_dim()});
    const AudioContext audio = model->listen(silence, {});
    ASSERT_EQ(audio.blocks.size(), 1u);
    EXPECT_EQ(audio.blocks[0].keys.scalar_type(), torch::kFloat32);

    Af2Model whole = test::placed_model(lm, 2);
    place(*whole, device(), torch::kBFloat16, all + 7);
    EXPECT_EQ(whole->placement.n_layers, all);
    EXPECT_EQ(whole->listen(silence, {}).blocks[0].keys.scalar_type(), torch::kBFloat16);
    auto& other = *whole->lang_encoder->model;
    EXPECT_EQ(other.embed_tokens->is_placed(), lm.tied);
    EXPECT_TRUE(lm.tied || other.lm_head->is_placed());
    EXPECT_EQ(other.norm->weight.device(), device());
  }
}

TEST_P(PlacedNetwork, ACacheWithRoomStaysWhereItIs) {
  AF2_SKIP_WITHOUT(GetParam());
  const torch::NoGradGuard no_grad;
  Af2Model model = test::placed_model(test::tiny_llama(), 1);
  place(*model, device(), torch::kBFloat16, 2);
  const AudioContext audio = model->listen(torch::zeros({1, 3, 64}), {});
  KvCache cache;
  cache.reserve = 201;
  model->forward(torch::full({1, 3}, 5), audio, &cache);
  ASSERT_EQ(cache.keys.size(), 3u);
  const std::vector<void*> before = {cache.keys[0].data_ptr(), cache.values[2].data_ptr()};
  for (int i = 0; i < 198; ++i) model->forward(torch::full({1, 1}, i % 80), audio, &cache);
  EXPECT_EQ(cache.length, 201);
  EXPECT_EQ(before, (std::vector<void*>{cache.keys[0].data_ptr(), cache.values[2].data_ptr()}));
  EXPECT_EQ(cache.keys[0].scalar_type(), torch::kBFloat16);
  EXPECT_EQ(cache.keys[0].device(), device());
  EXPECT_EQ(cache.keys[2].scalar_type(), torch::kFloat32);
  EXPECT_TRUE(cache.keys[2].device().is_cpu());
}

// What becomes dense holds the values of the blocks, rows in the decoder's order.
TEST_P(PlacedNetwork, StoredRowsBecomeTheSameMatrices) {
  AF2_SKIP_WITHOUT(GetParam());
  const test::Scratch scratch;
  for (const LmConfig& lm : {test::tiny_llama(), test::tiny_qwen2()})
    for (const DType type : {DType::kQ4_1, DType::kQ8_0, DType::kBF16, DType::kF32}) {
      test::TinyGguf made = test::make_tiny_gguf(lm, "placed/", type);
      made.write(scratch / "lm.gguf");
      const Gguf file = Gguf::open(scratch / "lm.gguf");
      Af2Model model = test::placed_model(lm, 1);
      DecoderImpl& decoder = *model->lang_encoder->model;
      load_decoder(file, decoder, MatrixForm::kMapped);
      place(*model, device(), torch::kFloat32, lm.n_layers);
      int n = 0;
      for (const auto& [name, layer] : linear_layers(decoder)) {
        if (layer.get() == decoder.embed_tokens.get() && !lm.tied) {
          EXPECT_FALSE(layer->is_placed());  // rows of it are read on the CPU
          continue;
        }
        ASSERT_TRUE(layer->is_placed() && !layer->is_low_bit()) << name;
        EXPECT_TRUE(torch::equal(layer->weight.cpu(), made.values.at(name))) << name;
        ++n;
      }
      EXPECT_EQ(n, 7 * lm.n_layers + 1);
    }
}

INSTANTIATE_TEST_SUITE_P(StandIn, PlacedNetwork, ::testing::Values("cpu"));
INSTANTIATE_TEST_SUITE_P(Gpu, PlacedNetwork, ::testing::Values("cuda"));

// ---- how much fits ---------------------------------------------------------------------------------------

TEST(Footprint, CountsWhatIsPlaced) {
  Af2Model model(test::tiny_config(test::tiny_qwen2(), test::tiny_patch_tower(), 2, 2));
  model->eval();
  const Footprint wide = footprint(*model, torch::kFloat32), narrow = footprint(*model, torch::kBFloat16);
  ASSERT_EQ(wide.layers.size(), 2u);
  const auto bytes = [](const torch::nn::Module& module) {
    std::int64_t sum = 0;
    for (const auto& tensor : module.parameters()) sum += static_cast<std::int64_t>(tensor.nbytes());
    for (const auto& tensor : module.buffers()) sum += static_cast<std::int64_t>(tensor.nbytes());
    return sum;
  };
  const auto& decoder = *model->lang_encoder->model;
  const Af2Config& config = model->config;
  const std::int64_t text = 4 * 2 * (512 + 256) * std::int64_t{config.lm.n_kv_heads} * config.lm.head_dim;
  EXPECT_EQ(wide.layers[0], bytes(*decoder.layers->ptr(0)) + text);
  const std::int64_t sound = 4 * 2 * 12 * std::int64_t{config.clap.tokens_per_window()} * 2 * 16;
  EXPECT_EQ(wide.layers[1], bytes(*decoder.layers->ptr(1)) + text + sound +
                                bytes(*model->lang_encoder->gated_cross_attn_layers_sound["1"]));
  EXPECT_EQ(wide.head, 4 * 75 * 96);
  place(*model, torch::kCPU, torch::kBFloat16, 1);
  EXPECT_EQ(narrow.layers[0], bytes(*decoder.layers->ptr(0)) + text / 2);
  EXPECT_EQ(narrow.listening - (std::int64_t{1} << 30),
            bytes(*model->clap) + bytes(*model->audio_transformer_clap));
}

TEST(Footprint, AsManyLayersAsFit) {
  const Footprint needs{100, {10, 20, 10}, 5};
  EXPECT_EQ(needs.bytes(0), 100);
  EXPECT_EQ(needs.bytes(2), 130);
  EXPECT_EQ(needs.bytes(3), 145);
  EXPECT_EQ(needs.layers_within(99), -1);
  EXPECT_EQ(needs.layers_within(109), 0);
  EXPECT_EQ(needs.layers_within(144), 2);
  EXPECT_EQ(needs.layers_within(145), 3);
  const auto with = [](std::uint64_t free) { return DeviceFacts{"cuda:0", "", 1000, free, true}; };
  EXPECT_EQ(layers_to_place(needs, EngineOptions::kLayersFit, with(144)), 2);
  EXPECT_EQ(layers_to_place(needs, EngineOptions::kLayersFit, with(145)), 3);
  EXPECT_EQ(layers_to_place(needs, EngineOptions::kLayersFit, with(0)), 3) << "not known";
  EXPECT_EQ(layers_to_place(needs, 0, with(144)), 0);
  EXPECT_EQ(layers_to_place(needs, 1, with(144)), 1);
  EXPECT_EQ(layers_to_place(needs, EngineOptions::kAllLayers, with(145)), 3);
  test::expect_error(ErrorKind::kResource, {"cuda:0", "3 of 3 layers", "--gpu-layers 2"},
                     [&] { layers_to_place(needs, EngineOptions::kAllLayers, with(144)); });
  test::expect_error(ErrorKind::kResource, {"cuda:0", "0 of 3 layers", "--device cpu"},
                     [&] { layers_to_place(needs, EngineOptions::kLayersFit, with(99)); });
}

// ---- the engine ------------------------------------------------------------------------------------------

class PlacedEngine : public test::Published, public ::testing::WithParamInterface<std::string> {
 protected:
  Engine load(const fs::path& model, int layers, const std::string& dtype) const {
    EngineOptions options;
    options.threads = 1;
    options.dtype = dtype;
    options.device = GetParam();
    options.cpu_as_gpu = test::is_stand_in(GetParam());
    options.gpu_layers = layers;
    return Engine::load(model, options);
  }
  static AnswerOptions length(int n) {
    AnswerOptions options;
    options.max_new_tokens = n;
    options.ignore_eos = true;
    return options;
  }
  static torch::Tensor logits(const Engine& engine) {
    const Feature feature = engine.feature(test::noise_clip("placed/one", 3), FeatureLayer::kLogits,
                                           engine.prompt_ids("what is it?"));
    return torch::tensor(feature.values).view(feature.shape);
  }
};

TEST_P(PlacedEngine, AnswersAsTheCpuDoes) {
  AF2_SKIP_WITHOUT(GetParam());
  const Clip one = test::noise_clip("placed/one", 3), two = test::noise_clip("placed/two", 12);
  for (const bool tied : {true, false}) {
    write(tied, SaveType::kF32);
    const Engine plain = Engine::load(folder, {.threads = 1});
    const Memory heard = plain.listen(one), longer = plain.listen(two);
    const Answer want = plain.answer(heard, "what?", length(32));
    ASSERT_EQ(want.tokens.size(), 32u);
    AnswerOptions logged = length(5), beams = length(6);
    logged.log_probabilities = true;
    beams.beams = 3;
    for (const int layers : {0, 1, EngineOptions::kAllLayers, EngineOptions::kLayersFit}) {
      const Engine engine = load(folder, layers, "f32");
      EXPECT_EQ(engine.device().n_layers, layers == 0 || layers == 1 ? layers : 2);
      EXPECT_EQ(engine.device().dtype, "f32");
      EXPECT_EQ(engine.n_parameters(), plain.n_parameters());
      const Memory memory = engine.listen(one), second = engine.listen(two);
      EXPECT_EQ(engine.answer(memory, "what?", length(32)).tokens, want.tokens) << layers;
      EXPECT_LT(test::max_error(logits(engine), logits(plain)), kExact) << layers;
      // Several at once; one of them without a clip, one by beams.
      const auto ask = [&](const Engine& asked, const Memory& first, const Memory& other) {
        return asked.answer_all(
            {asked.question(first, "who?", logged), asked.question(other, "why?", length(9)),
             asked.question(asked.nothing(), "who?", length(7)), asked.question(other, "where?", beams)});
      };
      const auto wanted = ask(plain, heard, longer), got = ask(engine, memory, second);
      for (std::size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(got[i].tokens, wanted[i].tokens) << i;
      for (std::size_t i = 0; i < 5; ++i)
        EXPECT_NEAR(got[0].log_probabilities.at(i), wanted[0].log_probabilities.at(i), kExact);
      const auto shares = engine.choose(memory, "which?", {"a dog", "one cow", "no"}),
                 known = plain.choose(heard, "which?", {"a dog", "one cow", "no"});
      for (std::size_t i = 0; i < shares.size(); ++i)
        EXPECT_NEAR(shares[i].log_probability, known[i].log_probability, 1e-3) << layers;
      for (const bool written : {false, true})
        EXPECT_NEAR(engine.perplexity("and you? a band", 512, written).value /
                        plain.perplexity("and you? a band", 512, written).value,
                    1, 1e-4);
      for (const FeatureLayer stage :
           {FeatureLayer::kWaveform, FeatureLayer::kLogmel, FeatureLayer::kTower, FeatureLayer::kMemory}) {
        const Feature have = engine.feature(two, stage, {}), need = plain.feature(two, stage, {});
        ASSERT_EQ(have.shape, need.shape);
        EXPECT_LT(test::relative_error(torch::tensor(have.values), torch::tensor(need.values)), 1e-4);
      }
    }
  }
}

TEST_P(PlacedEngine, ScansToo) {
  AF2_SKIP_WITHOUT(GetParam());
  write(true, SaveType::kF32);
  std::vector<std::string> found;
  for (const Engine& engine : {Engine::load(folder, {.threads = 1}), load(folder, 1, "f32")}) {
    Scan scan(engine, "what?", {}, length(3));
    scan.hear(test::noise_clip("placed/one", 3), 0);
    scan.hear(test::noise_clip("placed/two", 12), 3);
    found.push_back(scan.finish().answer.text);
  }
  EXPECT_EQ(found[0], found[1]);
}

// Converted folders in every stored type, and a checkpoint in bfloat16: on the device their values, dense.
TEST_P(PlacedEngine, StoredTypesArePlaced) {
  AF2_SKIP_WITHOUT(GetParam());
  write(true, SaveType::kF32);
  for (const char* type : {"f32", "bf16", "f16", "q8_0", "q4_0", "q4_1", "q4_K", "published bf16"}) {
    fs::path model = scratch / type;
    if (std::string(type) == "published bf16") {
      write_folder(SaveType::kBF16);
      model = folder;
    } else {
      ConvertOptions options;
      options.type = type;
      convert_model(folder, model, options);
    }
    const torch::Tensor want = logits(Engine::load(model, {.threads = 1}));
    for (const int layers : {0, 1, EngineOptions::kAllLayers}) {
      EXPECT_LT(test::relative_error(logits(load(model, layers, "f32")), want), 1e-3)
          << type << " " << layers;
      const Engine narrow = load(model, layers, "bf16");
      EXPECT_EQ(narrow.device().dtype, "bf16");
      EXPECT_LT(test::relative_error(logits(narrow), want), kNarrow) << type << " " << layers;
    }
  }
}

TEST_P(PlacedEngine, TooLittleMemoryIsAnErrorOfTheResource) {
  AF2_SKIP_WITHOUT(GetParam());
  write(true, SaveType::kF32);
  const Engine engine = load(folder, 1, "f32");
  AnswerOptions options = length(4);
  options.cancelled = []() -> bool {
    throw c10::OutOfMemoryError({__func__, __FILE__, __LINE__},
                                "CUDA out of memory. Tried to allocate 7.00 GiB. Process 7 has it all.");
  };
  test::expect_error(ErrorKind::kResource, {engine.device().name + ":", "Tried to allocate 7.00 GiB; give"},
                     [&] { engine.answer(engine.nothing(), "what?", options); });
}

INSTANTIATE_TEST_SUITE_P(StandIn, PlacedEngine, ::testing::Values("cpu"));
INSTANTIATE_TEST_SUITE_P(Gpu, PlacedEngine, ::testing::Values("cuda"));

}  // namespace
}  // namespace af2
