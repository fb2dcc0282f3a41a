// Training on several processes: the same gradients as one, batch norm over all, and what happens when one
// dies.
//
// The ranks are this program again, with the environment that torchrun sets and a filter for RankWorker.
#include "af2/train/ranks.h"

#include <gtest/gtest.h>

#include <csignal>
#include <thread>

#include "af2/model/batch_norm.h"
#include "af2/train/adamw.h"
#include "af2/train/gradient_sum.h"
#include "spawned.h"
#include "stage_fixture.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;
using test::exit_code_of, test::start_again;

// Only ever started by start_rank(): trains what AF2_TEST_RECIPE says, into AF2_TEST_RUN.
TEST(RankWorker, DISABLED_Trains) {
  const char* recipe = std::getenv("AF2_TEST_RECIPE");
  ASSERT_NE(recipe, nullptr);
  const fs::path run = std::getenv("AF2_TEST_RUN");
  fs::create_directories(run);
  try {
    StagesRun how;
    how.resume = true;
    train_stages(read_train_stages(recipe), "all", run, how);
  } catch (const Error& e) {
    write_file_atomic(run / ("error-" + std::string(std::getenv("RANK"))), e.what());
    FAIL() << e.what();
  }
}

class RanksTraining : public test::StageTraining {
 protected:
  RanksTraining() {
    ClapModelConfig config = make_clap();
    config.tower.drop_path = 0;  // what is dropped differs from rank to rank
    write_file_atomic(scratch / "model" / "clap" / "config.json", to_json(config).dump(2));
  }
  void SetUp() override {
#ifndef AF2_WITH_GLOO
    GTEST_SKIP() << "this build has no Gloo";
#endif
  }

  TrainOptions clap_recipe(int steps) const {
    TrainOptions options = recipe("clap", steps);
    options.batch = 4;
    options.clap.val_scenes = 4;
    options.clap.min_single_seconds = 0.8, options.clap.max_single_seconds = 2;
    options.rank_timeout_s = 60;
    options.workers = 0;
    options.val_every = 1000;
    return options;
  }

  // A rank of `size`, as a process of its own.
  pid_t start_rank(const std::string& run, int rank, int size) {
    const std::string settings[] = {"RANK=" + std::to_string(rank),
                                    "WORLD_SIZE=" + std::to_string(size),
                                    "MASTER_ADDR=127.0.0.1",
                                    "MASTER_PORT=" + std::to_string(port_),
                                    "AF2_TEST_RECIPE=" + (scratch / "recipe.json").string(),
                                    "AF2_TEST_RUN=" + (scratch / run).string()};
    return start_again("RankWorker.*", {std::begin(settings), std::end(settings)});
  }

  void write_recipe(TrainOptions options) {
    write_file_atomic(scratch / "recipe.json", to_json(options).dump(2));
    port_ = 20000 + static_cast<int>(fnv1a64(scratch.path().string() + std::to_string(runs_++)) % 20000);
  }

  void train_on(const std::string& run, int size) {
    std::vector<pid_t> children;
    for (int rank = 0; rank < size; ++rank) children.push_back(start_rank(run, rank, size));
    for (const pid_t child : children) EXPECT_EQ(exit_code_of(child), 0);
  }

  // Largest difference of each tensor in two files, over its largest value.
  void expect_near_tensors(const fs::path& a, const fs::path& b, double tolerance) const {
    const SafeTensors one = SafeTensors::open(a), other = SafeTensors::open(b);
    int compared = 0;
    for (const std::string& name : one.names()) {
      const torch::Tensor x = read_tensor(one, name).to(torch::kFloat64);
      const torch::Tensor y = read_tensor(other, name).to(torch::kFloat64);
      const double scale = x.abs().max().item<double>();
      EXPECT_LE((x - y).abs().max().item<double>(), tolerance * scale + 1e-9) << name;
      ++compared;
    }
    EXPECT_GT(compared, 20);
  }

  int port_ = 0, runs_ = 0;
};

TEST_F(RanksTraining, TwoAndFourRanksHaveTheGradientsOfOne) {
  for (const std::string objective : {"afclap", "infonce"}) {
    TrainOptions options = clap_recipe(1);
    options.clap.objective = objective;
    options.clap.symmetric = true;
    options.save_every = 1;
    options.optimizer.clip_norm = 0;
    for (const int size : {1, 2, 4}) {
      write_recipe(options);
      train_on(objective + std::to_string(size), size);
    }
    const fs::path one = scratch / (objective + "1") / "step-1";
    for (const int size : {2, 4}) {
      const fs::path several = scratch / (objective + std::to_string(size)) / "step-1";
      // After one step the averages of AdamW are the gradients, times a constant.
      expect_near_tensors(one / "optimizer.safetensors", several / "optimizer.safetensors", 2e-4);
      expect_near_tensors(one / "model.safetensors", several / "model.safetensors", 2e-2);
      const Json a = metrics(objective + "1")[0], b = metrics(objective + std::to_string(size))[0];
      EXPECT_NEAR(a["loss"].get<double>(), b["loss"].get<double>(), 1e-5);
      EXPECT_NEAR(a["grad_norm"].get<double>() / b["grad_norm"].get<double>(), 1, 1e-4);
      const torch::Tensor x =
          read_tensor(SafeTensors::open(one / "model.safetensors"), "audio_branch.bn0.running_mean");
      const torch::Tensor y =
          read_tensor(SafeTensors::open(several / "model.safetensors"), "audio_branch.bn0.running_mean");
      EXPECT_TRUE(torch::allclose(x, y, 1e-5, 1e-5));
    }
  }
}

TEST_F(RanksTraining, ADeadRankIsNamedAndAnotherNumberOfRanksGoesOn) {
  TrainOptions options = clap_recipe(100000);
  options.save_every = 2;
  write_recipe(options);
  const pid_t first = start_rank("run", 0, 2), second = start_rank("run", 1, 2);
  for (int tries = 0; tries < 600 && !fs::exists(scratch / "run" / "step-4"); ++tries)
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
  ASSERT_TRUE(fs::exists(scratch / "run" / "step-4"));
  const auto killed = std::chrono::steady_clock::now();
  kill(second, SIGKILL);
  EXPECT_EQ(exit_code_of(second), 128 + SIGKILL);
  EXPECT_NE(exit_code_of(first), 0);
  EXPECT_LT(std::chrono::steady_clock::now() - killed, std::chrono::duration<double>(options.rank_timeout_s));
  const std::string message = read_file(scratch / "run" / "error-0");
  EXPECT_NE(message.find("rank 0 of 2"), std::string::npos) << message;
  EXPECT_NE(message.find("rank 1 is gone"), std::string::npos) << message;
  const LatestCheckpoint last = latest_complete(scratch / "run");
  ASSERT_TRUE(last.folder);
  const int done = std::stoi(last.folder->filename().string().substr(5));
  options.steps = done + 2;
  write_recipe(options);
  train_on("run", 1);
  EXPECT_TRUE(is_complete(scratch / "run" / ("step-" + std::to_string(done + 2))));
}

// Drop path, dropout and the masks of the spectrogram included: each is drawn by what it is for.
TEST_F(RanksTraining, AStageIsTheSameOnOneTwoAndFour) {
  Json config = parse_json(read_file(scratch / "model" / "config.json"), "config");
  config["clap"]["drop_path"] = 0.3;
  write_file_atomic(scratch / "model" / "config.json", config.dump());
  TrainOptions options = stage({"clap", "adapter"}, 3);
  options.stage.batches_per_step = 4;
  options.optimizer.clip_norm = 0;
  options.rank_timeout_s = 60;
  options.save_every = 1, options.keep = 100;
  for (const int size : {1, 2, 4}) {
    write_recipe(options);
    train_on(std::to_string(size), size);
  }
  const std::vector<Json> one = metrics("1");
  ASSERT_GE(one.size(), 3u);
  for (const char* run : {"2", "4"}) {
    expect_near_tensors(scratch / "1" / "step-1" / "optimizer.safetensors",
                        scratch / run / "step-1" / "optimizer.safetensors", 1e-5);
    const std::vector<Json> several = metrics(run);
    ASSERT_EQ(several.size(), one.size());  // the last step too, where some ranks have no batch
    for (std::size_t i = 0; i < one.size(); ++i)
      EXPECT_NEAR(several[i]["loss"].get<double>() / one[i]["loss"].get<double>(), 1, 1e-4) << i;
  }

  // Another number of ranks goes on with the same order of clips.
  options.stop_after = 2;
  write_recipe(options);
  train_on("parts", 2);
  options.stop_after = 0;
  write_recipe(options);
  train_on("parts", 1);
  const std::vector<Json> parts = metrics("parts");
  ASSERT_EQ(parts.size(), one.size());
  EXPECT_NEAR(parts.back()["loss"].get<double>() / one.back()["loss"].get<double>(), 1, 1e-4);
}

TEST_F(RanksTraining, BadSoundsOfAllRanksAreCounted) {
  for (const int i : {1, 4, 6, 7, 11}) fs::remove(sound_path("tones", i));
  for (const int i : {2, 9}) write_file_atomic(sound_path("tones", i), "no sound");
  write_recipe(stage({"adapter"}, 3));
  for (const int size : {1, 2}) train_on("bad" + std::to_string(size), size);
  const std::vector<Json> one = metrics("bad1"), two = metrics("bad2");
  ASSERT_EQ(one.size(), two.size());
  for (std::size_t i = 0; i < one.size(); ++i)
    EXPECT_EQ(one[i].value("counters", Json()), two[i].value("counters", Json())) << i;
  EXPECT_EQ(two.back()["counters"]["bad"]["audio_missing"], 15);
  EXPECT_EQ(two.back()["counters"]["bad"]["audio_unreadable"], 6);
}

// Three stages in a row, the tower trained in the second.
TEST_F(RanksTraining, ACurriculumIsTheSameOnTwo) {
  TrainOptions common = stage();
  common.rank_timeout_s = 60;
  common.optimizer.clip_norm = 0;
  Json recipe = to_json(common);
  recipe["stages"] = Json::parse(
      R"([{"stage": {"name": "align", "windows": 1}},
          {"stage": {"name": "tune", "train": ["clap", "adapter"], "windows": 2}},
          {"stage": {"name": "long", "windows": 4}}])");
  write_recipe(common);  // takes a port
  for (const auto& [run, size] : {std::pair("one", 1), std::pair("two", 2)}) {
    write_recipe(common);
    write_file_atomic(scratch / "recipe.json", recipe.dump());
    train_on(run, size);
  }
  for (const char* name : {"align", "tune", "long"}) {
    const std::string folder = std::string("/stage-") + name;
    const auto one = metrics("one" + folder), two = metrics("two" + folder);
    ASSERT_EQ(one.size(), two.size()) << name;
    ASSERT_GE(one.size(), 2u);
    for (std::size_t i = 0; i < one.size(); ++i)
      EXPECT_NEAR(two[i]["loss"].get<double>() / one[i]["loss"].get<double>(), 1, 1e-3) << name << i;
  }
}

// Moments that lie with their owners: the same weights and the same checkpoint as whole ones, and any number
// of ranks goes on from it.
TEST_F(RanksTraining, AShardedOptimizerTrainsTheSame) {
  TrainOptions options = stage({"adapter"}, 3);
  options.stage.batches_per_step = 4;
  options.optimizer.clip_norm = 0.5;
  options.rank_timeout_s = 60;
  options.save_every = 1, options.keep = 100;
  write_recipe(options);
  train_on("whole", 2);
  options.shard_optimizer = true;
  for (const auto& [run, size] : {std::pair("two", 2), std::pair("four", 4)}) {
    write_recipe(options);
    train_on(run, size);
    expect_near_tensors(scratch / "whole" / "step-1" / "optimizer.safetensors",
                        scratch / run / "step-1" / "optimizer.safetensors", 1e-5);
    const auto whole = metrics("whole"), sharded = metrics(run);
    ASSERT_EQ(whole.size(), sharded.size());
    for (std::size_t i = 0; i < whole.size(); ++i) {
      EXPECT_NEAR(sharded[i]["loss"].get<double>() / whole[i]["loss"].get<double>(), 1, 1e-4) << run << i;
      EXPECT_NEAR(sharded[i]["grad_norm"].get<double>() / whole[i]["grad_norm"].get<double>(), 1, 1e-3);
    }
  }
  options.stop_after = 2;
  write_recipe(options);
  train_on("parts", 4);
  options.stop_after = 0;
  options.shard_optimizer = false;
  write_recipe(options);
  train_on("parts", 1);
  EXPECT_NEAR(metrics("parts").back()["loss"].get<double>() / metrics("whole").back()["loss"].get<double>(),
              1, 1e-4);
}

// Buckets leave in their order while the backward pass runs, and what has no gradient counts as 0.
TEST(GradientSums, BucketsLeaveAsTheyFill) {
  struct Echo : Ranks {  // two ranks that have the same gradients
    int rank() const override { return 0; }
    int size() const override { return 2; }
    void sum(const std::vector<torch::Tensor>&) override {}
    void broadcast(const std::vector<torch::Tensor>&, int) override {}
    torch::Tensor gather(const torch::Tensor& rows) override { return rows; }
    torch::Tensor summed(const torch::Tensor& tensor) override { return tensor; }
    std::int64_t largest(std::int64_t number) override { return number; }
    std::unique_ptr<Exchange> start_sum(const torch::Tensor& flat, int owner) override {
      struct Doubled : Exchange {
        void wait() override {}
      };
      owners.push_back(owner);
      flat.mul_(2);
      return std::make_unique<Doubled>();
    }
    std::vector<int> owners;
  };
  const auto ranks = std::make_shared<Echo>();
  const int64_t large = 4 << 20;  // two of them pass a bucket's size
  std::vector<TrainTask::Trained> items;
  for (int i = 0; i < 4; ++i) {
    const torch::Tensor tensor = torch::full({large}, 1.0 + i).requires_grad_();
    items.push_back({"t" + std::to_string(i), tensor, 1, true});
  }
  const auto loss = [&] { return (items[0].tensor * items[1].tensor * items[3].tensor).sum(); };
  GradientSum sums(ranks, items, {});
  EXPECT_EQ(sums.buckets(), 4u);
  loss().backward();  // not the last one: it stays here
  EXPECT_TRUE(ranks->owners.empty());
  sums.last_pass();
  loss().backward();
  EXPECT_EQ(sums.left_early(),
            1u);  // the last tensor's; the third has no gradient, and holds the others back
  sums.finish();
  EXPECT_EQ(ranks->owners.size(), 4u);
  EXPECT_EQ(items[0].tensor.grad()[0].item<float>(), 2 * 2 * (2.0f * 4));  // two passes, two ranks
  EXPECT_EQ(items[2].tensor.grad()[0].item<float>(), 0.0f);
  sums.finish();  // a step without a pass on this rank
  EXPECT_EQ(ranks->owners.size(), 8u);
}

TEST(ShardedAdamW, EveryRankKeepsItsShareAlone) {
  std::vector<TrainTask::Trained> items;
  for (const int64_t n : {100, 10, 60, 50, 40, 3})
    items.push_back({"t" + std::to_string(n), torch::zeros({n}), 1, true});
  const std::vector<int> owners = shard_owners(items, 2);
  std::vector<int64_t> held(2);
  for (std::size_t i = 0; i < items.size(); ++i)
    held[static_cast<std::size_t>(owners[i])] += items[i].tensor.numel();
  EXPECT_NEAR(static_cast<double>(held[0]), static_cast<double>(held[1]), 20);
  std::size_t named = 0;
  for (int rank = 0; rank < 2; ++rank) {
    const AdamW optimizer(items, {}, owners, rank);
    for (const auto& [name, moment] : optimizer.state()) {
      EXPECT_TRUE(moment.defined());
      ++named;
    }
  }
  EXPECT_EQ(named, 2 * items.size());
}

TEST_F(RanksTraining, StatisticsOfATunedTowerAreThoseOfAllRanks) {
  TrainOptions options = stage({"clap", "adapter"}, 2);
  options.stage.sets[0].passes = 2, options.stage.slices = 1;
  options.stage.edges = {100};
  options.stage.windows = 1;
  options.stage.max_clips = 6, options.stage.multiple = 1;  // four batches of six clips: two whole steps
  options.stage.clap_bn = "sync";
  options.rank_timeout_s = 60;
  write_recipe(options);
  train_on("sync", 2);
  options.stage.clap_bn = "frozen";
  write_recipe(options);
  train_on("frozen", 2);
  const auto mean = [&](const std::string& run) {
    return tensors_in(latest_complete(scratch / run).folder.value() / "model.safetensors")
        .at("clap.nvclap.bn0.running_mean");
  };
  EXPECT_FALSE(torch::equal(mean("sync"), mean("frozen")));
  EXPECT_FALSE(parse_json(read_file(scratch / "sync" / "config.json"), "config")["frozen"].contains("clap"));
}

TEST_F(RanksTraining, RanksThatDoNotDivideAStepAreRefused) {
  TrainOptions options = stage();
  options.stage.batches_per_step = 3;
  write_recipe(options);
  const pid_t first = start_rank("run", 0, 2), second = start_rank("run", 1, 2);
  EXPECT_NE(exit_code_of(first), 0);
  EXPECT_NE(exit_code_of(second), 0);
  const std::string message = read_file(scratch / "run" / "error-0");
  EXPECT_NE(message.find("stage.batches_per_step"), std::string::npos) << message;
}

TEST_F(RanksTraining, WhatDoesNotFitIsRefusedByName) {
  struct Environment {
    ~Environment() {
      for (const char* name : {"RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT"}) unsetenv(name);
    }
  } cleared;
  setenv("WORLD_SIZE", "two", 1);
  test::expect_error(ErrorKind::kUser, {"WORLD_SIZE", "two"}, [] { Ranks::from_environment(1); });
  setenv("WORLD_SIZE", "2", 1);
  test::expect_error(ErrorKind::kUser, {"RANK", "torchrun"}, [] { Ranks::from_environment(1); });
  setenv("RANK", "2", 1);
  test::expect_error(ErrorKind::kUser, {"RANK", "0..1"}, [] { Ranks::from_environment(1); });
  setenv("RANK", "0", 1);
  setenv("MASTER_PORT", "29512", 1);
  test::expect_error(ErrorKind::kUser, {"MASTER_ADDR"}, [] { Ranks::from_environment(1); });
  setenv("MASTER_ADDR", "127.0.0.1", 1);
  test::expect_error(ErrorKind::kRemote, {"rank 0 of 2"}, [] { Ranks::from_environment(1); });  // alone
  setenv("WORLD_SIZE", "1", 1);
  EXPECT_EQ(Ranks::from_environment(1)->size(), 1);
}

TEST(BatchNormOverRanks, EqualsTheWholeBatchInOne) {
  torch::manual_seed(3);
  const torch::Tensor x = torch::randn({4, 5, 2, 3}) * 4 - 30;
  BatchNorm synced(torch::nn::BatchNorm2dOptions(5));
  torch::nn::BatchNorm2d plain(torch::nn::BatchNorm2dOptions(5));
  const torch::Tensor a = x.clone().requires_grad_(), b = x.clone().requires_grad_();
  set_batch_norm_sum([](const torch::Tensor& t) { return t; });  // as one rank of one
  const torch::Tensor y = synced->forward(a);
  set_batch_norm_sum({});
  const torch::Tensor z = plain->forward(b);
  EXPECT_TRUE(torch::allclose(y, z, 1e-4, 1e-5));
  const torch::Tensor weights = torch::randn_like(x);
  (y * weights).sum().backward();
  (z * weights).sum().backward();
  EXPECT_TRUE(torch::allclose(a.grad(), b.grad(), 1e-3, 1e-5));
  EXPECT_TRUE(torch::allclose(synced->running_mean, plain->running_mean, 1e-5, 1e-6));
  EXPECT_TRUE(torch::allclose(synced->running_var, plain->running_var, 1e-5, 1e-6));
}

}  // namespace
}  // namespace af2
