// The pieces of training: AdamW, the schedule, batches of tokens, prefetching, and ten steps of the adapter's
// training against tests/oracle/make_training_goldens.py.
#include <gtest/gtest.h>
#include <torch/torch.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "af2/model/af2_model.h"
#include "af2/train/adamw.h"
#include "af2/train/answer_loss.h"
#include "af2/train/prefetch.h"
#include "af2/train/token_batch.h"
#include "model_testing.h"
#include "named_weights.h"

namespace af2 {
namespace {

using test::max_error;
using test::relative_error;

// For the whole program: tiny tensors on a busy machine lose more by waiting for a second thread than they
// gain. OMP_NUM_THREADS asks for another number.
const bool kOneThread = [] {
  if (!std::getenv("OMP_NUM_THREADS")) at::set_num_threads(1);
  return true;
}();

// ---- AdamW ----

struct TrainedLeaves {
  torch::Tensor matrix = test::uniform("adamw/matrix", {5, 7}).clone().set_requires_grad(true);
  torch::Tensor bias = test::uniform("adamw/bias", {7}).clone().set_requires_grad(true);
  torch::Tensor slow = test::uniform("adamw/slow", {3, 4}).clone().set_requires_grad(true);
  std::vector<torch::Tensor> all() const { return {matrix, bias, slow}; }
  std::vector<TrainTask::Trained> items() const {
    return {{"matrix", matrix, 1.0, true}, {"bias", bias, 1.0, false}, {"slow", slow, 0.1, true}};
  }
  void set_gradients(int step) const {
    for (auto tensor : all())
      tensor.mutable_grad() =
          test::uniform("adamw/g" + std::to_string(step), tensor.sizes()) * (step == 3 ? 1e-6 : 2.0);
  }
};

OptimizerOptions adamw_options() {
  OptimizerOptions options;
  options.weight_decay = 0.1;
  options.clip_norm = 0;
  return options;
}

TEST(AdamW, EqualsThatOfPyTorch) {
  const TrainedLeaves ours, theirs;
  AdamW optimizer(ours.items(), adamw_options());
  using Options = torch::optim::AdamWOptions;
  const auto group = [](const torch::Tensor& tensor, double decay) {
    auto options = std::make_unique<Options>(1e-3);
    options->weight_decay(decay).betas({0.9, 0.999}).eps(1e-8);
    return torch::optim::OptimizerParamGroup({tensor}, std::move(options));
  };
  std::vector<torch::optim::OptimizerParamGroup> groups;
  groups.push_back(group(theirs.matrix, 0.1));
  groups.push_back(group(theirs.bias, 0));
  groups.push_back(group(theirs.slow, 0.1));
  torch::optim::AdamW reference(groups, Options(1e-3));
  for (int step = 0; step < 10; ++step) {
    const double lr = 1e-2 * (step + 1) / 10;
    ours.set_gradients(step);
    theirs.set_gradients(step);
    optimizer.step(lr);
    for (std::size_t i = 0; i < 3; ++i)
      static_cast<Options&>(reference.param_groups()[i].options()).lr(i == 2 ? lr * 0.1 : lr);
    reference.step();
    for (std::size_t i = 0; i < 3; ++i)
      EXPECT_LT(max_error(ours.all()[i], theirs.all()[i]), 2e-7) << "step " << step << " tensor " << i;
  }
  EXPECT_GT(max_error(ours.matrix, TrainedLeaves().matrix), 0.01);
}

TEST(AdamW, StateRestoresBitForBit) {
  const TrainedLeaves straight, resumed;
  AdamW all(straight.items(), adamw_options()), first(resumed.items(), adamw_options());
  const auto steps = [](AdamW& optimizer, const TrainedLeaves& leaves, int from, int to) {
    for (int step = from; step < to; ++step) {
      leaves.set_gradients(step);
      optimizer.step(1e-2);
    }
  };
  steps(all, straight, 0, 8);
  steps(first, resumed, 0, 5);
  AdamW second(resumed.items(), adamw_options());
  const NamedTensors from = first.state(), to = second.state();
  ASSERT_EQ(from.size(), 6u);
  EXPECT_EQ(from[0].first, "matrix.exp_avg");
  EXPECT_EQ(from[5].first, "slow.exp_avg_sq");
  for (std::size_t i = 0; i < from.size(); ++i) torch::Tensor(to[i].second).copy_(from[i].second);
  second.set_updates(first.updates());
  EXPECT_EQ(second.updates(), 5);
  steps(second, resumed, 5, 8);
  for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(straight.all()[i].equal(resumed.all()[i])) << i;
}

TEST(AdamW, ScalesAndClipsByTheGlobalNorm) {
  const TrainedLeaves leaves;
  OptimizerOptions options = adamw_options();
  options.clip_norm = 1;
  AdamW optimizer(leaves.items(), options);
  leaves.set_gradients(0);
  double square = 0;
  for (const auto& tensor : leaves.all()) square += tensor.grad().square().sum().item<double>();
  const double norm = std::sqrt(square) * 0.5;
  const torch::Tensor before = leaves.matrix.grad().clone();
  EXPECT_NEAR(optimizer.scale_and_clip(0.5), norm, 1e-5 * norm);
  EXPECT_LT(relative_error(leaves.matrix.grad(), before * (0.5 / norm)), 1e-5);
  // Below the limit nothing is clipped.
  const torch::Tensor clipped = leaves.matrix.grad().clone();
  EXPECT_NEAR(optimizer.scale_and_clip(0.25), 0.25, 1e-4);
  EXPECT_LT(relative_error(leaves.matrix.grad(), clipped * 0.25), 1e-6);
  optimizer.zero_grad();
  EXPECT_FALSE(leaves.bias.grad().defined());
  EXPECT_EQ(optimizer.scale_and_clip(1), 0);
}

// ---- schedule ----

TEST(Schedule, FollowsTheTable) {
  OptimizerOptions options;
  options.lr = 2e-3, options.warmup_steps = 4, options.final_lr_share = 0.1;
  struct Row {
    const char* schedule;
    std::int64_t step;
    double share;
  };
  const double cos_quarter = 0.1 + 0.9 * 0.5 * (1 + std::sqrt(0.5));
  for (const Row& row : std::vector<Row>{{"constant", 0, 0.25},
                                         {"constant", 2, 0.75},
                                         {"constant", 3, 1},
                                         {"constant", 4, 1},
                                         {"constant", 1000, 1},
                                         {"linear", 1, 0.5},
                                         {"linear", 4, 1},
                                         {"linear", 8, 1 - 0.9 * 4 / 16},
                                         {"linear", 12, 0.55},
                                         {"linear", 20, 0.1},
                                         {"linear", 500, 0.1},
                                         {"cosine", 3, 1},
                                         {"cosine", 4, 1},
                                         {"cosine", 8, cos_quarter},
                                         {"cosine", 12, 0.55},
                                         {"cosine", 20, 0.1}}) {
    options.schedule = row.schedule;
    EXPECT_NEAR(learning_rate(options, row.step, 20), 2e-3 * row.share, 1e-12)
        << row.schedule << " " << row.step;
  }
  options.warmup_steps = 0;
  options.schedule = "linear";
  EXPECT_EQ(learning_rate(options, 0, 20), 2e-3);
  options.warmup_steps = 50;  // longer than the run
  EXPECT_NEAR(learning_rate(options, 19, 20), 2e-3 * 20 / 50, 1e-12);
}

// ---- token batches ----

TEST(TokenBatch, TargetsAreTheAnswersAlone) {
  const TokenBatch batch = make_token_batch({{{10, 11, 12}, {20, 21}}, {{13}, {22, 23, 24, 25, 26, 27}}}, 99);
  EXPECT_TRUE(batch.ids.equal(torch::tensor({{10, 11, 12, 20, 99, 99}, {13, 22, 23, 24, 25, 26}})));
  EXPECT_TRUE(batch.rows.equal(torch::tensor({0, 1, 2, 3, 6, 7, 8, 9, 10, 11})));
  EXPECT_TRUE(batch.positions.equal(torch::tensor({2, 3, 4, 5, 6, 7, 8, 9})));
  EXPECT_TRUE(batch.labels.equal(torch::tensor({20, 21, 22, 23, 24, 25, 26, 27})));
  EXPECT_TRUE(batch.item_of.equal(torch::tensor({0, 0, 1, 1, 1, 1, 1, 1})));
}

// ---- prefetching ----

TEST(Prefetcher, OrderDoesNotDependOnTheWorkers) {
  for (const int workers : {0, 1, 2, 5}) {
    std::atomic<std::int64_t> asked{-1}, furthest{0};
    Prefetcher<std::int64_t> items(100, workers, 4, [&](std::int64_t i) {
      std::this_thread::sleep_for(std::chrono::microseconds((i * 7919) % 5 * 300));
      std::int64_t seen = furthest;
      while (i - asked > seen && !furthest.compare_exchange_weak(seen, i - asked)) {
      }
      return i * i;
    });
    for (std::int64_t i = 100; i < 160; ++i) {
      asked = i;
      EXPECT_EQ(items.next(), i * i) << workers << " workers";
    }
    asked = 160;
    EXPECT_LE(furthest, 101 + 4) << "made too far ahead";
  }
}

TEST(Prefetcher, ExceptionsArriveAtTheirItem) {
  for (const int workers : {0, 1, 3}) {
    Prefetcher<int> items(0, workers, 4, [](std::int64_t i) {
      if (i == 3) throw data_error("cannot be read", "item 3");
      return static_cast<int>(i);
    });
    for (int i = 0; i < 3; ++i) EXPECT_EQ(items.next(), i);
    test::expect_error(ErrorKind::kData, {"item 3"}, [&] { items.next(); });
    EXPECT_EQ(items.next(), 4) << workers << " workers";
  }
}

TEST(Prefetcher, EndsWhileItsWorkersAreBusy) {
  std::atomic<int> made{0};
  {
    Prefetcher<int> items(0, 3, 8, [&](std::int64_t i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      ++made;
      return static_cast<int>(i);
    });
    EXPECT_EQ(items.next(), 0);
  }
  const int then = made;
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  EXPECT_EQ(made, then);
}

// ---- ten steps of the adapter against the oracle ----

struct AdapterRun {
  AdapterRun() : model(config()) {
    test::fill_named(*model, "training/");
    model->eval();
    model->audio_transformer_clap->train();
    for (auto& item : model->named_parameters()) {
      const bool language_model =
          item.key().starts_with("lang_encoder.model.") && !item.key().ends_with("added_embeddings");
      item.value().set_requires_grad(!language_model && !item.key().starts_with("clap."));
      if (!item.value().requires_grad()) continue;
      const bool plain = item.value().dim() < 2 || item.key().ends_with("added_embeddings");
      items.push_back({item.key(), item.value(), 1.0, !plain});
    }
    std::sort(items.begin(), items.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  }

  static Af2Config config() {
    Af2Config c = test::tiny_config(test::tiny_llama(), test::tiny_patch_tower(), 1, 1);
    c.lm.n_layers = 2, c.lm.dim = 32, c.lm.n_heads = 2, c.lm.n_kv_heads = 1, c.lm.head_dim = 16;
    c.lm.ffn_dim = 48, c.lm.vocab = 40;
    c.clap.depths = {1, 1}, c.clap.heads = {2, 2};  // width 32
    c.audio_transformer.layers = 1, c.audio_transformer.heads = 2, c.audio_transformer.dropout = 0;
    c.xattn.dim_head = 8;
    c.check("test");
    return c;
  }

  // Sum of the losses of a micro-batch, and its targets.
  std::pair<torch::Tensor, double> loss(const std::string& name) {
    const torch::Tensor heard = test::uniform(name + "/heard", {2, 32, 32});
    torch::Tensor mask = torch::ones({2, 32}, torch::kInt64);
    mask[1].narrow(0, 16, 16).zero_();
    const int prompts[] = {5, 3, 7}, answers[] = {3, 4, 2};
    std::vector<TokenItem> tokens(3);
    for (int i = 0; i < 3; ++i) {
      const auto draw = [&](const char* part, int n) {
        const torch::Tensor ids =
            test::token_ids(name + "/" + part + "/" + std::to_string(i), {n}, config().lm.vocab + 4);
        return std::vector<int>(ids.data_ptr<int64_t>(), ids.data_ptr<int64_t>() + n);
      };
      tokens[i] = {draw("prompt", prompts[i]), draw("answer", answers[i])};
    }
    const TokenBatch batch = make_token_batch(tokens, 39);
    const AudioContext scenes = model->listen(model->remember(heard, mask), mask);
    const torch::Tensor rows = torch::tensor({0, 1, 1});
    AudioContext context;
    context.key_mask = mask.index_select(0, rows);
    for (const auto& block : scenes.blocks)
      context.blocks.push_back({block.keys.index_select(0, rows), block.values.index_select(0, rows)});
    const torch::Tensor log_p = target_log_p(*model, batch, context);
    return {-log_p.gather(1, batch.labels.unsqueeze(1)).sum(), static_cast<double>(batch.labels.numel())};
  }

  Af2Model model;
  std::vector<TrainTask::Trained> items;
};

// What is computed without the padding, and its gradients, against the padded batch.
TEST(AdapterTraining, PackedTextsAreThePaddedOnes) {
  AdapterRun run;
  const TokenBatch batch =
      make_token_batch({{{1, 2, 3}, {4, 5}}, {{6}, {7}}, {{8, 9}, {10, 11, 12, 13, 14}}}, 39);
  ASSERT_LT(batch.rows.size(0), batch.ids.numel());
  const int64_t width = run.model->config.clap.out_dim();
  torch::manual_seed(3);
  const torch::Tensor tokens = torch::randn({3, 12, width});
  torch::Tensor mask = torch::ones({3, 12});
  mask[1].narrow(0, 6, 6).zero_();
  std::vector<torch::Tensor> hidden, gradients;
  for (const bool packed : {false, true}) {
    for (auto& item : run.items) item.tensor.mutable_grad() = torch::Tensor();
    const AudioContext context = run.model->listen(run.model->remember(tokens, mask), mask);
    hidden.push_back(packed
                         ? run.model->forward_packed(batch.ids, batch.rows, context)
                         : run.model->forward(batch.ids, context).flatten(0, 1).index_select(0, batch.rows));
    hidden.back().sin().sum().backward();
    std::vector<torch::Tensor> flat;
    for (const auto& item : run.items)
      if (item.tensor.grad().defined()) flat.push_back(item.tensor.grad().flatten());
    gradients.push_back(torch::cat(flat));
  }
  EXPECT_TRUE(torch::allclose(hidden[0], hidden[1], 1e-4, 1e-5));
  EXPECT_GT(gradients[0].abs().max().item<double>(), 0);
  EXPECT_TRUE(torch::allclose(gradients[0], gradients[1], 1e-3, 1e-5));
}

TEST(AdapterTraining, TenStepsEqualTheOracle) {
  AdapterRun run;
  OptimizerOptions options;
  options.lr = 3e-3, options.warmup_steps = 4, options.schedule = "linear", options.final_lr_share = 0.02;
  options.weight_decay = 0.1, options.clip_norm = 1;
  AdamW optimizer(run.items, options);
  const torch::Tensor losses = test::golden("training", "losses"), norms = test::golden("training", "norms"),
                      sizes = test::golden("training", "gradient_norms"),
                      products = test::golden("training", "gradient_products");
  ASSERT_EQ(sizes.size(1), static_cast<int64_t>(run.items.size()));
  for (int64_t step = 0; step < 10; ++step) {
    optimizer.zero_grad();
    double sum = 0, count = 0;
    for (int micro = 0; micro < 2; ++micro) {
      const auto [loss, targets] = run.loss("training/" + std::to_string(step) + "/" + std::to_string(micro));
      loss.backward();
      sum += loss.item<double>();
      count += targets;
    }
    EXPECT_NEAR(sum / count / losses[step].item<double>(), 1, 1e-4) << "step " << step;
    for (std::size_t i = 0; i < run.items.size(); ++i) {
      const auto at = static_cast<int64_t>(i);
      const torch::Tensor grad = run.items[i].tensor.grad() / count;
      const torch::Tensor direction =
          test::uniform("training/" + run.items[i].name + "/direction", grad.sizes());
      const double size = sizes[step][at].item<double>();
      EXPECT_NEAR(grad.norm().item<double>() / size, 1, 1e-4) << run.items[i].name << " step " << step;
      EXPECT_NEAR((grad * direction).sum().item<double>(), products[step][at].item<double>(),
                  1e-4 * size * direction.norm().item<double>())
          << run.items[i].name << " step " << step;
      if (step == 0 || step == 9) {
        const torch::Tensor want =
            test::golden(step == 0 ? "gradients_first" : "gradients_last", run.items[i].name);
        EXPECT_LT(relative_error(grad, want), 1e-4) << run.items[i].name << " step " << step;
      }
    }
    EXPECT_NEAR(optimizer.scale_and_clip(1 / count) / norms[step].item<double>(), 1, 1e-4);
    optimizer.step(learning_rate(options, step, 20));
  }
}

TEST(AdapterTraining, TheSplitIntoMicroBatchesDoesNotChangeTheGradient) {
  // Two items alone and together with others: the loss is a sum, so gradients add up.
  AdapterRun run;
  const auto gradients = [&](const std::vector<std::string>& names) {
    for (auto& item : run.items) item.tensor.mutable_grad() = torch::Tensor();
    torch::Tensor sum = torch::zeros({});
    for (const auto& name : names) sum = sum + run.loss(name).first;
    sum.backward();
    std::vector<torch::Tensor> found;
    for (auto& item : run.items) found.push_back(item.tensor.grad().clone());
    return found;
  };
  const auto together = gradients({"m/0", "m/1"}), first = gradients({"m/0"}), second = gradients({"m/1"});
  for (std::size_t i = 0; i < run.items.size(); ++i)
    EXPECT_LT(relative_error(first[i] + second[i], together[i]), 1e-5) << run.items[i].name;
}

}  // namespace
}  // namespace af2
