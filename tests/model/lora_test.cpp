// What a stage may train beside, or in place of, the weights as they are: low-rank pairs on the language
// model, and a moving average of the weights.
#include <gtest/gtest.h>

#include <set>

#include "../base/refused.h"
#include "af2/audio/decode.h"
#include "af2/core/file.h"
#include "af2/generate/convert.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/io/checkpoint.h"
#include "af2/model/linear.h"
#include "af2/model/low_rank.h"
#include "af2/train/export.h"
#include "af2/train/parts.h"
#include "af2/train/weight_average.h"
#include "stage_fixture.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused, test::StageTraining;

TEST(LowRankPairs, AddNothingAtFirstAndBecomePartOfTheWeight) {
  torch::manual_seed(1);
  struct Two : torch::nn::Module {
    Linear q = register_module("q_proj", Linear(12, 8, true)),
           k = register_module("k_proj", Linear(12, 8, false));
  };
  const auto module = std::make_shared<Two>();
  for (torch::Tensor& parameter : module->parameters()) torch::nn::init::normal_(parameter);
  Linear& layer = module->q;
  const torch::Tensor x = torch::randn({3, 12}), before = layer->forward(x);
  add_low_rank(*module, {"q_proj"}, 2, 4);
  EXPECT_TRUE(torch::equal(layer->forward(x), before));
  auto tensors = module->named_parameters();
  ASSERT_TRUE(tensors.contains("q_proj.lora.b"));
  EXPECT_FALSE(tensors.contains("k_proj.lora.b"));
  const torch::Tensor a = tensors["q_proj.lora.a"], b = tensors["q_proj.lora.b"];
  torch::nn::init::normal_(b);
  const torch::Tensor with = layer->forward(x);
  EXPECT_TRUE(torch::allclose(with - before, 4 * x.matmul(a.t()).matmul(b.t()), 1e-4, 1e-5));
  with.square().sum().backward();
  EXPECT_GT(a.grad().abs().max().item<double>(), 0);
  EXPECT_GT(b.grad().abs().max().item<double>(), 0);
  // Rows of plain floats, as decoding multiplies: alone, several, and several layers at once.
  torch::Tensor y = torch::empty({3, 8}), each = torch::empty({3, 8}), all = torch::empty({3, 8});
  {
    const torch::NoGradGuard no_grad;
    layer->multiply(x.const_data_ptr<float>(), 3, y.mutable_data_ptr<float>());
    layer->multiply_each(x.const_data_ptr<float>(), 3, each.mutable_data_ptr<float>());
    LinearImpl::multiply_all({{layer.get(), all.mutable_data_ptr<float>()}}, x.const_data_ptr<float>(), 3);
    for (const torch::Tensor& rows : {y, each, all}) EXPECT_TRUE(torch::allclose(rows, with, 1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(layer->forward(x), with, 1e-4, 1e-5));
    EXPECT_TRUE(torch::allclose(layer->forward(x[0]), with[0], 1e-4, 1e-5));
    EXPECT_TRUE(has_low_rank(*module));
  }
  EXPECT_EQ(merge_low_rank(*module), 1);
  EXPECT_EQ(merge_low_rank(*module), 0);
  EXPECT_TRUE(torch::allclose(layer->forward(x), with, 1e-4, 1e-5));
  EXPECT_FALSE(module->named_parameters().contains("q_proj.lora.b"));
  refused(ErrorKind::kUser, {"no linear layer w_proj", "q_proj"}, [&] {
    add_low_rank(*module, {"q_proj", "w_proj"}, 2, 4);
  });
}

// As a part of a placed layer, in its type.
TEST(LowRankPairs, ArePlacedWithTheirLayer) {
  torch::manual_seed(2);
  Linear layer(12, 8, false);
  layer->weight.set_requires_grad(false).normal_();
  layer->add_low_rank(LowRank(12, 8, 2, 0.5));
  for (torch::Tensor& parameter : layer->parameters()) torch::nn::init::normal_(parameter);
  const torch::NoGradGuard no_grad;
  const torch::Tensor x = torch::randn({3, 12}), before = layer->forward(x);
  layer->place(torch::kCPU, torch::kBFloat16);
  const torch::Tensor wide = layer->forward(x), narrow = layer->forward(layer->input(x));
  EXPECT_EQ(wide.scalar_type(), torch::kFloat32);
  EXPECT_EQ(narrow.scalar_type(), torch::kBFloat16);
  EXPECT_TRUE(torch::allclose(wide, before, 3e-2, 2e-1));
  EXPECT_TRUE(torch::allclose(narrow.to(torch::kFloat32), before, 3e-2, 2e-1));
}

struct LoraTraining : StageTraining {
  TrainOptions lora_stage(double passes = 2) const {
    TrainOptions options = stage({"adapter", "lm"}, passes);
    options.stage.lora.rank = 2;
    options.stage.lora.layers = {"q_proj", "down_proj"};
    return options;
  }
};

TEST_F(LoraTraining, TrainsThePairsAloneAndResumesBitForBit) {
  TrainOptions options = lora_stage(3);
  options.save_every = 1, options.keep = 100;
  const TrainResult whole = train(options, scratch / "whole", false);
  auto first = tensors_in(scratch / "whole" / "step-1" / "model.safetensors"),
       last = tensors_in(whole.checkpoint / "model.safetensors");
  int pairs = 0;
  for (const auto& [name, tensor] : last) {
    if (!name.starts_with("lang_encoder.model.")) continue;
    ASSERT_TRUE(is_low_rank(name)) << name;  // nothing else of the language model is in it
    EXPECT_EQ(torch::equal(tensor, first.at(name)), name.ends_with(".scale")) << name;
    pairs += name.ends_with(".a");
  }
  EXPECT_EQ(pairs, 4);  // of two layers
  const Json config = parse_json(read_file(scratch / "whole" / "config.json"), "config");
  EXPECT_TRUE(config["frozen"].contains("lm"));  // its hash is checked at the end
  options.stop_after = 2;
  train(options, scratch / "parts", false);
  options.stop_after = 0;
  expect_equal_checkpoints(whole.checkpoint, train(options, scratch / "parts", true).checkpoint);
}

TEST_F(LoraTraining, BecomesPartOfTheModelInExportAndInTheNextStage) {
  TrainOptions options = lora_stage(100);
  options.optimizer.lr = 5e-3, options.optimizer.gate_lr_scale = 10;
  options.stage.token_cache = (scratch / "tokens").string();
  options.stage.lora.layers = LoraOptions().layers;
  options.stage.val_sets = {set_of("tones")};
  options.val_items = options.stage.val_samples = 12;
  const TrainResult result = train(options, scratch / "run", false);
  fs::copy(scratch / "model", scratch / "answering", fs::copy_options::recursive);
  export_model({result.checkpoint}, scratch / "answering", {.dtype = "f32"});
  const Engine engine = Engine::load(scratch / "answering", {.threads = test::kThreads});
  // What training itself wrote at its last validation.
  const Json validation = metrics("run").back().at("validation"), samples = validation.at("samples");
  // It listens: another clip's sound tells less.
  EXPECT_GT(validation.at("tones").at("loss_other_clip").get<double>(),
            1.1 * validation.at("tones").at("loss").get<double>());
  ASSERT_EQ(samples.size(), 12u);
  std::set<std::string> answers;
  for (const Json& sample : samples) {
    const int i = std::stoi(sample.at("id").get<std::string>().substr(5));
    const Memory memory = engine.listen(decode_file(sound_path("tones", i), engine.decode_options()));
    const std::string answer = engine.answer(memory, "what is heard?", {}).text;
    EXPECT_EQ(answer, sample.at("answer")) << i;
    answers.insert(answer);
  }
  EXPECT_GE(answers.size(), 2u);
  refused(ErrorKind::kUser, {"low-rank"}, [&] {
    export_model({result.checkpoint, result.checkpoint}, scratch / "answering", {.dtype = "f32"});
  });

  // Pairs that stay beside the language model, whose file is the one of before, say the same.
  fs::copy(scratch / "model", scratch / "beside", fs::copy_options::recursive);
  export_model({result.checkpoint}, scratch / "beside", {.dtype = "f32", .keep_pairs = true});
  EXPECT_FALSE(fs::exists(scratch / "beside" / "lm-tuned.gguf"));
  EXPECT_EQ(read_file(scratch / "beside" / "config.json"), read_file(scratch / "model" / "config.json"));
  const auto check_answers = [&](const fs::path& folder) {
    const Engine pairs = Engine::load(folder, {.threads = test::kThreads});
    for (const Json& sample : samples) {
      const int i = std::stoi(sample.at("id").get<std::string>().substr(5));
      const Memory memory = pairs.listen(decode_file(sound_path("tones", i), pairs.decode_options()));
      EXPECT_EQ(pairs.answer(memory, "what is heard?", {}).text, sample.at("answer")) << i;
    }
  };
  check_answers(scratch / "beside");
  convert_model(scratch / "beside", scratch / "converted", {.type = "keep", .adapter_type = "f32"});
  check_answers(scratch / "converted");
  refused(ErrorKind::kUser, {"low-rank pairs", "--keep-pairs"}, [&] {
    convert_model(scratch / "beside", scratch / "lm.gguf", {.type = "keep", .layout = "gguf"});
  });
  refused(ErrorKind::kUser, {"no low-rank pairs", "--keep-pairs"}, [&] {
    export_model({train(stage({"adapter"}, 1), scratch / "plain", false).checkpoint}, scratch / "beside",
                 {.dtype = "f32", .keep_pairs = true});
  });

  // A stage that trains the same pairs goes on with them; any other makes them part of the weights.
  for (const bool same : {true, false}) {
    TrainOptions next = lora_stage(1);
    next.stage.lora.layers = options.stage.lora.layers;
    if (!same) next.stage.lora.rank = 3;
    next.init = (scratch / "run").string();
    next.optimizer.lr = 1e-9, next.optimizer.weight_decay = 0, next.stop_after = 1;
    const auto kept = tensors_in(result.checkpoint / "model.safetensors"),
               now = tensors_in(train(next, scratch / (same ? "same" : "other"), false).checkpoint /
                                "model.safetensors");
    const std::string b = "lang_encoder.model.layers.0.self_attn.q_proj.lora.b";
    EXPECT_EQ(now.at(b).size(1), same ? 2 : 3);
    EXPECT_EQ(torch::allclose(now.at(b), torch::zeros_like(now.at(b)), 0, 1e-6), !same);
    if (same) {
      EXPECT_TRUE(torch::allclose(now.at(b), kept.at(b), 1e-4, 1e-6));
    }
    EXPECT_EQ(now.contains("lang_encoder.model.layers.0.self_attn.q_proj.weight"), !same);
  }

  // What the export made of weights and pairs is what the next stage starts from.
  ModelFolder merged = load_model_folder(scratch / "answering", {.low_bit_lm = false});
  for (const bool strict : {true, false}) {
    TrainOptions next = stage({"adapter"}, 1);
    next.init = (scratch / "run").string();
    next.strict_init = strict;
    next.stop_after = 1;
    const std::string run = strict ? "next" : "loose";
    auto held = tensors_in(train(next, scratch / run, false).checkpoint / "model.safetensors");
    int compared = 0;
    for (const auto& [name, tensor] : ModelParts::all_tensors(*merged.network, /*with_lm=*/true)) {
      if (!name.starts_with("lang_encoder.model.")) continue;
      EXPECT_TRUE(torch::equal(tensor, held.at(name))) << name;
      ++compared;
    }
    EXPECT_GT(compared, 10);
  }
}

TEST_F(LoraTraining, OptionsThatDoNotFitAreRefusedByName) {
  TrainOptions options = lora_stage();
  options.stage.train = {"adapter"};
  refused(ErrorKind::kUser, {"stage.lora.rank", "lm"}, [&] { train(options, scratch / "run", false); });
  options = lora_stage();
  options.stage.lora.layers = {"w_proj"};
  refused(ErrorKind::kUser, {"w_proj"}, [&] { train(options, scratch / "run", false); });
  options = lora_stage();
  options.optimizer.ema = 1;
  refused(ErrorKind::kUser, {"optimizer.ema"}, [&] { train(options, scratch / "run", false); });
}

TEST_F(LoraTraining, AnAverageOfTheWeightsIsTheRunsModel) {
  TrainOptions options = stage({"adapter"}, 3);
  options.save_every = 1, options.keep = 100;
  options.stage.val_sets = {set_of("tones")}, options.val_every = 2;
  const TrainResult plain = train(options, scratch / "plain", false);
  options.optimizer.ema = 0.5;
  const TrainResult result = train(options, scratch / "averaged", false);
  ASSERT_EQ(plain.steps, result.steps);
  // Training itself is the same, and the average that of all steps' weights.
  std::map<std::string, torch::Tensor> average;
  double changed = 0;
  for (std::int64_t step = 1; step <= result.steps; ++step) {
    const fs::path folder = "step-" + std::to_string(step);
    auto weights = tensors_in(scratch / "averaged" / folder / "weights.safetensors"),
         alone = tensors_in(scratch / "plain" / folder / "model.safetensors"),
         model = tensors_in(scratch / "averaged" / folder / "model.safetensors");
    for (const auto& [name, tensor] : weights) {
      EXPECT_TRUE(torch::equal(tensor, alone.at(name))) << name << " " << step;
      if (step == 1) {
        average[name] = model.at(name);
        continue;
      }
      const double share =
          1 - std::min(0.5, (1.0 + static_cast<double>(step)) / (10.0 + static_cast<double>(step)));
      average[name] = average[name] + share * (tensor - average[name]);
      EXPECT_TRUE(torch::allclose(model.at(name), average[name], 1e-5, 1e-6)) << name << " " << step;
      changed = std::max(changed, (model.at(name) - tensor).abs().max().item<double>());
    }
  }
  EXPECT_GT(changed, 1e-5);
  EXPECT_NE(metrics("plain").back(), metrics("averaged").back());  // the validation hears the average

  options.stop_after = 2;
  train(options, scratch / "parts", false);
  options.stop_after = 0;
  expect_equal_checkpoints(result.checkpoint, train(options, scratch / "parts", true).checkpoint);
  EXPECT_EQ(metrics("averaged"), metrics("parts"));
}

}  // namespace
}  // namespace af2
