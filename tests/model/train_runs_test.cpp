// Whole training runs on a tiny bank of tones: resuming, recipes, workers, signals, and a trained model
// folder that answers.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <csignal>
#include <cstdlib>
#include <thread>

#include "../base/refused.h"
#include "af2/core/signal.h"
#include "af2/generate/engine.h"
#include "af2/generate/model_folder.h"
#include "af2/model/clap_names.h"
#include "af2/model/precision.h"
#include "af2/train/data_source.h"
#include "af2/train/export.h"
#include "training_fixture.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::refused, test::Training;

TEST_F(Training, TowerResumesBitForBit) {
  expect_resume_is_exact("tower", 3);
}

// Products in bfloat16, weights and losses in float32: other losses, but nearly the same; the same where the
// processor has no such products.
TEST_F(Training, Bf16AutocastStaysNearFloat32) {
  for (const std::string task : {"tower", "adapter"}) {
    TrainOptions options = recipe(task, 3);
    train(options, scratch / (task + "-fp32"), false);
    options.precision = "bf16";
    const TrainResult result = train(options, scratch / (task + "-bf16"), false);
    const auto wide = metrics(task + "-fp32"), narrow = metrics(task + "-bf16");
    ASSERT_EQ(wide.size(), narrow.size());
    double differs = 0;
    for (std::size_t i = 0; i < wide.size(); ++i) {
      if (!wide[i].contains("loss")) continue;
      const double a = wide[i]["loss"].get<double>(), b = narrow[i]["loss"].get<double>();
      EXPECT_NEAR(b / a, 1, 0.02) << task << " step " << i;
      differs += std::abs(a - b);
    }
    EXPECT_EQ(differs > 0, has_bf16()) << task;
    const SafeTensors stored = SafeTensors::open(result.checkpoint / "model.safetensors");
    for (const auto& [name, view] : stored.tensors()) EXPECT_EQ(view.dtype, DType::kF32) << name;
  }
}

// The schedule is that of all steps, so that going on later gives the run that never stopped.
TEST_F(Training, StopAfterEndsARunOnItsSchedule) {
  TrainOptions options = recipe("tower", 4);
  options.optimizer.schedule = "cosine";
  const TrainResult whole = train(options, scratch / "whole", false);
  options.stop_after = 3;
  const TrainResult part = train(options, scratch / "part", false);
  EXPECT_TRUE(part.finished);
  EXPECT_EQ(part.steps, 3);
  options.stop_after = 0;
  expect_equal_checkpoints(whole.checkpoint, train(options, scratch / "part", true).checkpoint);
}

TEST_F(Training, AdapterResumesBitForBit) {
  expect_resume_is_exact("adapter", 3);
}

// Low-rank pairs beside the adapter, with which a later run of the same task goes on; the listener between
// the two hands on what it does not train.
TEST_F(Training, AdapterTrainsPairsOfTheLanguageModel) {
  TrainOptions options = recipe("adapter", 6);
  options.stage.train = {"adapter", "lm"};
  refused(ErrorKind::kUser, {"stage.lora.rank"}, [&] { train(options, scratch / "refused", false); });
  options.stage.lora.rank = 2;
  const TrainResult whole = expect_resume_is_exact(options, 3);
  const SafeTensors trained = SafeTensors::open(whole.checkpoint / "model.safetensors");
  const std::string b = "lang_encoder.model.layers.0.mlp.down_proj.lora.b";
  ASSERT_TRUE(trained.find(b));
  EXPECT_GT(read_tensor(trained, b).abs().max().item<double>(), 0);
  EXPECT_FALSE(trained.find("lang_encoder.model.layers.0.mlp.down_proj.weight"));
  TrainOptions listener = recipe("listener", 1);
  listener.init = (scratch / "whole").string();
  const SafeTensors heard =
      SafeTensors::open(train(listener, scratch / "listener", false).checkpoint / "model.safetensors");
  for (const std::string& name : trained.names()) {
    if (name.starts_with("audio_transformer_clap.")) continue;
    EXPECT_TRUE(heard.contains(name) && read_tensor(heard, name).equal(read_tensor(trained, name))) << name;
  }
  TrainOptions next = options;
  next.steps = 1, next.optimizer.lr = 1e-9, next.init = (scratch / "listener").string();
  const SafeTensors later =
      SafeTensors::open(train(next, scratch / "next", false).checkpoint / "model.safetensors");
  EXPECT_LT((read_tensor(later, b) - read_tensor(trained, b)).abs().max().item<double>(), 1e-6);
}

// Classifiers and audio transformer are trained, tower and cross-attention stay; an adapter run can begin
// there.
TEST_F(Training, ListenerResumesAndTheAdapterGoesOnFromIt) {
  expect_resume_is_exact("listener", 3);
  const fs::path before = scratch / "halves" / "step-3" / "model.safetensors";
  const SafeTensors early = SafeTensors::open(before);
  const SafeTensors late = SafeTensors::open(scratch / "whole" / "step-6" / "model.safetensors");
  for (const auto& [name, view] : early.tensors()) {
    const bool trained = name.starts_with("audio_transformer_clap.") || name.starts_with("heads.");
    EXPECT_EQ(read_tensor(early, name).equal(read_tensor(late, name)), !trained) << name;
  }
  TrainOptions options = recipe("adapter", 1);
  options.init = (scratch / "whole").string();
  options.optimizer.lr = 1e-9;
  const SafeTensors next =
      SafeTensors::open(train(options, scratch / "adapter", false).checkpoint / "model.safetensors");
  const std::string name = "audio_transformer_clap.layer_stack.0.slf_attn.w_qs.weight";
  EXPECT_LT((read_tensor(next, name) - read_tensor(late, name)).abs().max().item<double>(), 1e-6);
}

// How often and in which order tones sound is learned well above chance on recordings of the other split.
TEST_F(Training, ListenerHearsOrderAndCounts) {
  TrainOptions options = recipe("listener", 150);
  options.data.what_open = options.data.what_mc = options.data.caption = options.data.count = 0;
  options.data.order_first = options.data.order_last = 0;  // their scenes are longer than the window
  options.data.presence = 1;
  options.data.scene.overlap = 0;
  options.batch = 8;
  options.scene_pool = 160;
  options.optimizer.lr = 3e-3;
  options.save_every = options.val_every = 150;
  options.val_items = 70;
  train(options, scratch / "run", false);
  const Json report = metrics("run").back().at("validation");
  EXPECT_GE(report.at("first").at("n").get<int>(), 20);
  EXPECT_GT(report.at("first").at("right").get<double>(), 0.7) << report;
  EXPECT_GT(report.at("last").at("right").get<double>(), 0.7) << report;
}

// Clips of several windows: what sounds in all of them counts together, places are of the whole clip.
TEST_F(Training, ListenerLearnsAcrossWindows) {
  TrainOptions options = recipe("listener", 6);
  options.batch = 6;
  options.join_scenes = {1, 3, 2};
  options.scene_pool = 12;
  expect_resume_is_exact(options, 3);
  const Json report = metrics("whole").back().at("validation");
  EXPECT_GT(report.at("joined").at("label").at("n").get<int>(), 0);
  options.batch = 8;
  refused(ErrorKind::kUser, {"batch", "join_scenes"}, [&] { options.check("recipe"); });
  options.batch = 6, options.join_scenes = {};
  refused(ErrorKind::kUser, {"join_scenes"}, [&] { options.check("recipe"); });
  options.join_scenes = {2}, options.task = "adapter";
  refused(ErrorKind::kUser, {"join_scenes"}, [&] { options.check("recipe"); });
}

// With a pool no larger than a run's first steps, later steps use what was heard before, with other
// questions.
TEST_F(Training, APoolOfScenesResumesToo) {
  TrainOptions options = recipe("adapter", 6);
  options.scene_pool = 12;
  options.token_shift = 1;
  train(options, scratch / "whole", false);
  options.steps = 3;
  train(options, scratch / "halves", false);
  options.steps = 6;
  train(options, scratch / "halves", true);
  const auto whole = metrics("whole"), halves = metrics("halves");
  ASSERT_EQ(whole.size(), halves.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    if (whole[i].contains("loss")) {
      EXPECT_NEAR(whole[i]["loss"].get<double>(), halves[i]["loss"].get<double>(), 1e-4) << i;
    }
  // The shift counts once the gates have left 0: without it the losses are others.
  options.token_shift = 0;
  train(options, scratch / "plain", false);
  const auto last_loss = [](const auto& records) {
    double loss = 0;
    for (const auto& record : records)
      if (record.contains("loss")) loss = record["loss"].template get<double>();
    return loss;
  };
  EXPECT_NE(last_loss(metrics("plain")), last_loss(whole));
  options.train_tower = true;
  test::expect_error(ErrorKind::kUser, {"scene_pool"}, [&] { options.check("recipe"); });
}

// A stem from a file stays as it is; what it hears in the scenes of a pool is made once and, like everything
// else, the same after a resume.
TEST_F(Training, AFrozenStemStaysAndItsPoolResumes) {
  torch::manual_seed(7);
  Af2Model other(read_af2_config(scratch / "model" / "config.json"));
  std::vector<std::pair<std::string, torch::Tensor>> stem;
  for (const auto& [name, tensor] : adapter_tensors(*other))
    if (name.find(".stem.") != std::string::npos || name.find(".bn0.") != std::string::npos)
      stem.emplace_back(name, tensor);
  ASSERT_FALSE(stem.empty());
  save_tensors(scratch / "stem.safetensors", stem, SaveType::kF32, {});
  TrainOptions options = recipe("tower", 6);
  options.init = (scratch / "stem.safetensors").string();
  options.tower.freeze_stem = true;
  options.tower.stem_dropout = 0.2;
  options.scene_pool = 5;
  const TrainResult whole = expect_resume_is_exact(options, 3);
  const SafeTensors trained = SafeTensors::open(whole.checkpoint / "model.safetensors");
  for (const auto& [name, tensor] : stem) EXPECT_TRUE(read_tensor(trained, name).equal(tensor)) << name;
  EXPECT_TRUE(trained.contains("features.weight"));

  options.init.clear();
  test::expect_error(ErrorKind::kUser, {"tower.freeze_stem", "init"},
                     [&] { train(options, scratch / "none", false); });
}

TEST_F(Training, WorkersDoNotChangeTheNumbers) {
  const auto none = losses_with_workers("tower", 0, 3);
  ASSERT_EQ(none.size(), 4u);  // three steps and a validation
  EXPECT_EQ(none, losses_with_workers("tower", 1, 3));
  EXPECT_EQ(none, losses_with_workers("tower", 4, 3));
}

TEST_F(Training, TowerLearnsTheTones) {
  TrainOptions options = recipe("tower", 100);
  options.optimizer.lr = 4e-3;
  options.batch = 4;
  options.tower.max_time_stripe = 5, options.tower.max_mel_stripe = 1;
  options.val_every = options.save_every = 1000;
  train(options, scratch / "run", false);
  double first = 0, last = 0;
  const auto records = metrics("run");
  for (int i = 0; i < 10; ++i) {
    first += records[static_cast<std::size_t>(i)]["loss"].get<double>();
    last += records[static_cast<std::size_t>(90 + i)]["loss"].get<double>();
  }
  EXPECT_LT(last, 0.9 * first);
}

TEST_F(Training, ADivergingRunEndsAndSaysWhatItLookedLike) {
  TrainOptions options = recipe("tower", 80);
  options.optimizer.lr = 30, options.optimizer.clip_norm = 0;
  options.divergence = 1.5;
  options.val_every = options.save_every = 1000;
  const std::string text = test::expect_error(ErrorKind::kInternal, {"divergence-"},
                                              [&] { train(options, scratch / "run", false); });
  const std::string name =
      text.substr(text.find("divergence-"), text.find(".json") + 5 - text.find("divergence-"));
  const Json dump = Json::parse(read_file(scratch / "run" / name));
  EXPECT_FALSE(dump["why"].get<std::string>().empty());
  EXPECT_GE(dump["steps"].size(), 10u);
  ASSERT_FALSE(dump["tensors"].empty());
  EXPECT_TRUE(dump["tensors"][0].contains("gradient_norm"));
}

TEST_F(Training, ARunCanBeWatched) {
  TrainOptions options = recipe("tower", 4);
  options.stop_after = 2;
  train(options, scratch / "run", false);
  options.stop_after = 0;
  train(options, scratch / "run", true);
  const std::string page = read_file(scratch / "run/run.html");
  EXPECT_NE(page.find("step 4 of 4, over"), std::string::npos);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(scratch / "run"))
    files += entry.path().filename().string().rfind("events.out.tfevents.", 0) == 0;
  EXPECT_EQ(files, 2);  // one of each start
}

TEST_F(Training, RecipesThatDoNotFitTheRunAreRefusedByKey) {
  train(recipe("tower", 1), scratch / "run", false);
  test::expect_error(ErrorKind::kUser, {"--resume"},
                     [&] { train(recipe("tower", 2), scratch / "run", false); });
  TrainOptions other = recipe("tower", 2);
  other.optimizer.lr = 1e-3;
  other.data.scene.max_events = 3;
  const std::string text = test::expect_error(
      ErrorKind::kUser, {"optimizer.lr", "0.002 -> 0.001", "data.scene.max_events (2 -> 3)"},
      [&] { train(other, scratch / "run", true); });
  EXPECT_EQ(text.find("steps"), std::string::npos) << text;
  other = recipe("tower", 2);
  other.seed = 7;
  test::expect_error(ErrorKind::kUser, {"seed (42 -> 7)"}, [&] { train(other, scratch / "run", true); });
  other = recipe("tower", 2);
  other.workers = 0, other.val_items = 2, other.keep = 1;  // these may change
  EXPECT_EQ(train(other, scratch / "run", true).steps, 2);
  EXPECT_FALSE(fs::exists(scratch / "run" / "step-1"));  // keep: 1

  other = recipe("tower", 2);
  other.optimizer.schedule = "stairs";
  test::expect_error(ErrorKind::kUser, {"optimizer.schedule"}, [&] { train(other, scratch / "new", false); });
  other = recipe("dance", 2);
  test::expect_error(ErrorKind::kUser, {"task"}, [&] { train(other, scratch / "new", false); });
  EXPECT_FALSE(fs::exists(scratch / "new"));
}

TEST_F(Training, ADamagedCheckpointIsRefused) {
  const TrainResult result = train(recipe("tower", 1), scratch / "run", false);
  std::string bytes = read_file(result.checkpoint / "model.safetensors");
  bytes[bytes.size() - 5] ^= 1;
  write_file_atomic(result.checkpoint / "model.safetensors", bytes);
  test::expect_error(ErrorKind::kModel, {"model.safetensors"},
                     [&] { train(recipe("tower", 2), scratch / "run", true); });
}

TEST_F(Training, AdapterTrainsItsOwnPartsAndTheFolderAnswers) {
  const TrainResult result = train(recipe("adapter", 3), scratch / "run", false);
  const fs::path folder = scratch / "model";
  fs::copy(result.checkpoint / "model.safetensors", folder / "model.safetensors");
  const SafeTensors trained = SafeTensors::open(folder / "model.safetensors");
  EXPECT_FALSE(trained.contains("lang_encoder.model.embed_tokens.weight"));  // frozen, in lm.gguf
  for (const char* gate : {"attn_gate", "ff_gate"}) {
    const std::string name = std::string("lang_encoder.gated_cross_attn_layers_sound.0.") + gate;
    const torch::Tensor value = read_tensor(trained, name);
    EXPECT_NE(value.item<double>(), 0) << name;
  }
  // The tower is frozen: it is that of a fresh network of the recipe's seed.
  torch::manual_seed(42);
  Af2Model fresh(read_af2_config(folder / "config.json"));
  for (const auto& [name, tensor] : adapter_tensors(*fresh)) {
    if (name.starts_with("clap.")) {
      EXPECT_TRUE(read_tensor(trained, name).equal(tensor)) << name;
    }
    if (name.starts_with("audio_transformer_clap.")) {
      EXPECT_FALSE(read_tensor(trained, name).equal(tensor)) << name;
    }
  }

  // Greedy answers of the engine (low-bit, cached) are those of the float32 network without cache.
  const Engine engine = Engine::load(folder, {.threads = test::kThreads});
  EXPECT_TRUE(engine.surplus().empty());
  const Clip clip = decode_file(scratch / "bank" / "audio" / "bell0.wav", engine.decode_options());
  const af2::Memory memory = engine.listen(clip);
  const std::string question = "What do you hear?";
  AnswerOptions twenty;
  twenty.max_new_tokens = 20;
  twenty.ignore_eos = true;
  const Answer answer = engine.answer(memory, question, twenty);
  ASSERT_EQ(answer.tokens.size(), 20u);
  EXPECT_EQ(answer.tokens, engine.answer(memory, question, twenty).tokens);

  ModelFolder model = load_model_folder(folder, {.low_bit_lm = false});
  torch::NoGradGuard no_grad;
  const Feature windows = engine.feature(clip, FeatureLayer::kWaveform, {});
  const torch::Tensor samples = torch::tensor(windows.values).view(windows.shape);
  const torch::Tensor tokens = model.network->encode(samples);
  const torch::Tensor heard = model.network->remember(tokens.view({1, -1, tokens.size(2)}), {});
  const AudioContext context = model.network->listen(heard, {});
  std::vector<int> ids = engine.prompt_ids(question);
  const std::size_t prompt = ids.size();
  for (std::size_t i = 0; i < answer.tokens.size(); ++i) {
    const torch::Tensor row = torch::tensor(std::vector<int64_t>(ids.begin(), ids.end())).view({1, -1});
    const torch::Tensor logits = model.network->logits(model.network->forward(row, context))[0][-1];
    // The engine's choice is the likeliest, or as good as that.
    EXPECT_GT(logits[answer.tokens[i]].item<double>(), logits.max().item<double>() - 1e-3) << i;
    ids.push_back(answer.tokens[i]);
  }
  const Feature feature =
      engine.feature(clip, FeatureLayer::kLogits, std::vector<int>(ids.begin(), ids.begin() + prompt));
  const torch::Tensor row =
      torch::tensor(std::vector<int64_t>(ids.begin(), ids.begin() + prompt)).view({1, -1});
  const torch::Tensor logits = model.network->logits(model.network->forward(row, context))[0];
  EXPECT_LT(test::max_error(torch::tensor(feature.values).view(feature.shape), logits), 1e-3);
}

// A model whose tower is AF-CLAP's own file holds no second copy of it.
TEST_F(Training, WhatTheTowerHasFromAfClapIsNotWrittenAgain) {
  const TrainResult run = train(recipe("adapter", 1), scratch / "one", false);
  const fs::path folder = scratch / "model", file = folder / "adapter.safetensors";
  export_model({run.checkpoint}, folder, {.dtype = "i8"});
  const auto whole = adapter_tensors(*load_model_folder(folder, {}).network);
  // AF-CLAP: the tower but one map, which is another there, and a text tower.
  const std::string own = "clap.nvclap.layers.0.blocks.0.attn.proj.weight";
  std::vector<std::pair<std::string, torch::Tensor>> clap = {{"text_branch.x", torch::ones({40, 40})}};
  std::size_t shared = 0;
  for (const auto& [name, tensor] : whole)
    if (const std::string there = name_in_clap(name); !there.empty()) {
      clap.emplace_back(there, name == own ? tensor + 0.01 : tensor);
      shared += name != own;
    }
  ASSERT_GT(shared, 20u);
  fs::create_directory(folder / "clap");
  save_tensors(folder / "clap/model.safetensors", clap, SaveType::kI8, {});
  Json config = read_config_file(folder / "config.json");
  config["clap"]["file"] = "clap/model.safetensors";
  write_file_atomic(folder / "config.json", config.dump());

  export_model({run.checkpoint}, folder, {.dtype = "i8"});
  const SafeTensors alone = SafeTensors::open(file);
  for (const auto& [name, tensor] : whole)
    EXPECT_EQ(alone.contains(name), name == own || name_in_clap(name).empty()) << name;
  ModelFolder model = load_model_folder(folder, {});
  const auto again = adapter_tensors(*model.network);
  ASSERT_EQ(again.size(), whole.size());
  for (std::size_t i = 0; i < whole.size(); ++i)
    EXPECT_LT(test::max_error(again[i].second, whole[i].second), 1e-6) << whole[i].first;
  EXPECT_EQ(init_weights(folder).get(own).shape, alone.get(own).shape);
  EXPECT_TRUE(init_weights(folder).contains("clap.nvclap.bn0.weight"));

  fs::remove(folder / "clap/model.safetensors");
  test::expect_error(ErrorKind::kModel, {"clap/model.safetensors", "clap.file"},
                     [&] { load_model_folder(folder, {}); });
  test::expect_error(ErrorKind::kUser, {"clap/model.safetensors", "clap.file"},
                     [&] { export_model({run.checkpoint}, folder, {.dtype = "i8"}); });
}

TEST_F(Training, SeveralRunsAreExportedAsTheirMean) {
  const TrainResult one = train(recipe("adapter", 1), scratch / "one", false);
  const TrainResult two = train(recipe("adapter", 2), scratch / "two", false);
  const fs::path folder = scratch / "model", file = folder / "adapter.safetensors";
  const std::string name = "audio_transformer_clap.layer_stack.0.slf_attn.w_qs.weight";
  const auto exported = [&](const std::vector<fs::path>& runs) {
    export_model(runs, folder, {.dtype = "f32"});
    return read_tensor(SafeTensors::open(file), name).clone();
  };
  const torch::Tensor first = exported({one.checkpoint}), second = exported({scratch / "two"});
  EXPECT_FALSE(first.equal(second));
  const torch::Tensor mean = exported({scratch / "one", two.checkpoint});
  EXPECT_LT(test::max_error(mean, (first + second) / 2), 1e-7);
  EXPECT_LT(
      test::max_error(exported({one.checkpoint, one.checkpoint, two.checkpoint}), (2 * first + second) / 3),
      1e-7);
  test::expect_error(ErrorKind::kUser, {"-i"}, [&] { export_model({}, folder, {.dtype = "f32"}); });
  test::expect_error(ErrorKind::kUser, {"no complete checkpoint"},
                     [&] { export_model({folder}, folder, {.dtype = "f32"}); });
}

TEST_F(Training, AdapterCanTrainTheTowerWhoseStatisticsStayFixed) {
  TrainOptions options = recipe("adapter", 3);
  options.train_tower = true;
  const TrainResult result = train(options, scratch / "run", false);
  const SafeTensors trained = SafeTensors::open(result.checkpoint / "model.safetensors");
  torch::manual_seed(42);
  Af2Model fresh(read_af2_config(scratch / "model" / "config.json"));
  int statistics = 0, norms = 0;
  for (const auto& [name, tensor] : adapter_tensors(*fresh)) {
    if (!name.starts_with("clap.")) continue;
    const bool same = read_tensor(trained, name).equal(tensor);
    if (name.find(".running_") != std::string::npos) {
      EXPECT_TRUE(same) << name;
      ++statistics;
    } else if (tensor.dim() == 1 && name.ends_with("norm.weight")) {  // no weight decay: moved by gradients
      EXPECT_FALSE(same) << name;
      ++norms;
    }
  }
  EXPECT_EQ(statistics, 10);  // bn0 and four of the stem
  EXPECT_GE(norms, 3);
}

TEST_F(Training, SigtermSavesAndTheRunCanBeResumed) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto interrupted = [&] {
    install_stop_signals();
    const fs::path run = scratch / "stopped";
    std::thread sender([run] {
      const auto size = [&] {
        std::error_code none;
        const auto n = fs::file_size(run / "metrics.jsonl", none);
        return none ? 0 : n;
      };
      while (size() == 0) std::this_thread::sleep_for(std::chrono::milliseconds(5));
      std::raise(SIGTERM);
    });
    TrainOptions options = recipe("tower", 100000);
    options.save_every = options.val_every = 100000;
    const TrainResult result = train(options, run, false);
    sender.join();
    const bool good = result.signal == SIGTERM && !result.finished && result.steps > 0 &&
                      is_complete(result.checkpoint) &&
                      result.checkpoint.filename() == "step-" + std::to_string(result.steps) &&
                      latest_complete(run).step == result.steps;
    fs::remove_all(scratch.path());
    std::exit(good ? 42 : 1);
  };
  EXPECT_EXIT(interrupted(), ::testing::ExitedWithCode(42), "");
}

}  // namespace
}  // namespace af2
