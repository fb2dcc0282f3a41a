// Training the adapter: answers about rendered scenes, language model frozen (docs/spec/training.md sections
// 1, 2).
//
// `<audio>` prompt `<SEP>` answer `<|endofchunk|>` eos; targets are answer, `<|endofchunk|>` and eos. Several
// questions share a scene, whose tower output is computed once; with a pool of scenes it is kept for later
// visits too, where other questions are asked. Logits are taken at target positions only.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/model/low_rank.h"
#include "af2/model/precision.h"
#include "af2/text/prompt.h"
#include "af2/train/answer_loss.h"
#include "af2/train/data_source.h"
#include "af2/train/parts.h"
#include "af2/train/prefetch.h"
#include "af2/train/scene_tokens.h"
#include "af2/train/task.h"
#include "af2/train/token_batch.h"

namespace af2 {
namespace {

struct AdapterBatch {
  std::vector<torch::Tensor> windows;                // [G] samples; undefined where the pool knows the scene
  std::vector<std::shared_ptr<PooledScene>> pooled;  // [G], empty pointers without a pool
  std::vector<int64_t> scene_of;                     // [B]
  TokenBatch tokens;
  std::vector<std::string> types;  // [B]
  double seconds = 0;
};

constexpr std::int64_t kMostDraws = 50;  // scenes tried per question wanted
constexpr int kBlock = 4;                // batches sorted by length together

class AdapterTask : public TrainTask {
 public:
  explicit AdapterTask(const TrainOptions& options)
      : options_(options),
        bank_(SoundBank::open(options.bank)),
        model_(load_model_folder(options.model, {.low_bit_lm = false, .adapters = false})),
        source_(bank_, split_from_name(options.train_split), static_cast<std::uint64_t>(options.seed),
                options.data) {
    if (options.stage.trains("lm") != options.stage.trains_low_rank())
      throw user_error("of task adapter are low-rank pairs: its own weights stay as they are",
                       "recipe keys stage.train: [adapter, lm] and stage.lora.rank", "give both or neither");
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    start_fresh(*model_.network);
    if (options.stage.trains_low_rank())
      add_low_rank(*model_.network->lang_encoder->model, options.stage.lora.layers, options.stage.lora.rank,
                   options.stage.lora.alpha / options.stage.lora.rank);
    if (!options_.init.empty()) init_from(init_weights(options_.init), stored());
    for (auto& parameter : model_.network->parameters()) parameter.set_requires_grad(false);
    for (auto& item : trained()) item.tensor.set_requires_grad(true);
    if (wants_bf16(options.precision)) narrow_frozen_lm(*model_.network->lang_encoder->model);
    bank_.load(split_from_name(options.train_split), std::max(1, options_.workers));
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& [name, tensor] : ModelParts::all_tensors(*model_.network, /*with_lm=*/false)) {
      const bool tower = starts_with(name, "clap.");
      if ((tower && !options_.train_tower) || is_statistic(name)) continue;
      if (is_low_rank(name) && name.ends_with(".scale")) continue;
      const bool plain = tensor.dim() < 2 || name == "added_embeddings";
      double scale = tower ? options_.optimizer.tower_lr_scale : 1.0;
      if (name.ends_with("_gate")) scale = options_.optimizer.gate_lr_scale;
      if (starts_with(name, "audio_transformer_clap.")) scale = options_.optimizer.transformer_lr_scale;
      items.push_back({name, tensor, scale, !plain});
    }
    return items;
  }
  NamedTensors stored() override { return ModelParts::all_tensors(*model_.network, /*with_lm=*/false); }

  // Frozen parts run in eval mode: no drop path, fixed BatchNorm statistics (also of a trained tower).
  void set_training(bool on) override {
    model_.network->eval();
    model_.network->audio_transformer_clap->train(on);
  }

  void start_at(std::int64_t index) override {
    blocks_ = std::make_unique<Prefetcher<std::vector<AdapterBatch>>>(
        index / kBlock, options_.workers, options_.workers,
        [this](std::int64_t block) { return make_block(source_, block); });
    block_.clear();
  }

  MicroBatchLoss loss(std::int64_t index) override {
    if (block_.empty() || index % kBlock == 0) block_ = blocks_->next();
    return batch_loss(block_[index % kBlock]);
  }

  // Loss per answer token of fixed questions, by type, how many answers are the likeliest at every token, and
  // `memory_differs`: the share of the memory's power that lies in differences between scenes (near 0: it
  // says the same whatever sounds).
  Json validate() override {
    torch::NoGradGuard no_grad;
    const QaSource source(bank_, split_from_name(options_.val_split),
                          static_cast<std::uint64_t>(options_.seed), options_.data);
    std::map<std::string, std::array<double, 4>> by_type;  // loss, tokens, items, exact
    int done = 0;
    std::vector<torch::Tensor> memories;  // [G, D] each, mean over time
    double power = 0;
    std::vector<AdapterBatch> block;
    for (std::int64_t index = 0; done < options_.val_items; ++index) {
      if (index % kBlock == 0) block = make_block(source, index / kBlock);
      const AdapterBatch& batch = block[index % kBlock];
      const torch::Tensor memory = model_.network->remember(hear(batch, 0), {});
      memories.push_back(memory.mean(1));
      power += memory.square().mean(1).sum().item<double>();
      const auto figures = answer_figures(log_p_of(batch, memory), batch.tokens, batch.types.size());
      for (std::size_t i = 0; i < batch.types.size(); ++i, ++done) {
        auto& entry = by_type[batch.types[i]];
        entry[0] += figures[i].loss;
        entry[1] += figures[i].targets;
        entry[2] += 1;
        entry[3] += figures[i].exact;
      }
    }
    Json report = Json::object();
    double loss = 0, tokens = 0;
    for (const auto& [type, entry] : by_type) {
      loss += entry[0];
      tokens += entry[1];
      report[type] = {{"n", entry[2]}, {"loss", entry[0] / entry[1]}, {"exact", entry[3] / entry[2]}};
    }
    report["loss"] = loss / std::max(1.0, tokens);
    report["memory_differs"] = memory_differs(torch::cat(memories), power);
    return report;
  }

 private:
  // A block is kBlock batches of questions of about one length, so that little is padding. Block k owns the
  // groups from k * kBlock * batch on; whole groups, shortest first, fill its batches; the batches are then
  // shuffled.
  std::vector<AdapterBatch> make_block(const QaSource& source, std::int64_t block) const {
    const std::size_t wanted = static_cast<std::size_t>(kBlock) * options_.batch;
    struct Asked {
      torch::Tensor window;
      std::shared_ptr<PooledScene> pooled;
      double seconds = 0;
      std::vector<TokenItem> items;
      std::vector<std::string> types;
      std::size_t longest = 0;
    };
    std::vector<Asked> groups;
    std::size_t n_items = 0;
    for (std::int64_t k = 0; n_items < wanted; ++k) {
      if (k > kMostDraws * static_cast<std::int64_t>(wanted))
        throw data_error("gives no scene that a question of this recipe fits", options_.bank,
                         "lower data.scene.min_events, or change the weights of the question types");
      const std::uint64_t number = static_cast<std::uint64_t>(block) * wanted + static_cast<std::uint64_t>(k);
      Asked asked;
      const std::vector<QaItem> questions = draw(source, number, asked.window, asked.pooled, asked.seconds);
      if (questions.empty()) continue;
      for (const auto& question : questions) {
        if (n_items == wanted) break;
        asked.items.push_back(tokenize(question.prompt, question.output));
        asked.types.push_back(question.type);
        asked.longest =
            std::max(asked.longest, asked.items.back().prompt.size() + asked.items.back().answer.size());
        ++n_items;
      }
      groups.push_back(std::move(asked));
    }
    std::stable_sort(groups.begin(), groups.end(),
                     [](const Asked& a, const Asked& b) { return a.longest < b.longest; });

    std::vector<AdapterBatch> batches(kBlock);
    std::vector<std::vector<TokenItem>> items(kBlock);
    std::size_t done = 0;
    for (const Asked& asked : groups) {
      const std::size_t part = std::min<std::size_t>(done * kBlock / wanted, kBlock - 1);
      batches[part].windows.push_back(asked.window);
      batches[part].pooled.push_back(asked.pooled);
      batches[part].seconds += asked.seconds;
      for (std::size_t i = 0; i < asked.items.size(); ++i, ++done) {
        items[part].push_back(asked.items[i]);
        batches[part].types.push_back(asked.types[i]);
        batches[part].scene_of.push_back(static_cast<int64_t>(batches[part].windows.size()) - 1);
      }
    }
    for (int part = 0; part < kBlock; ++part)
      batches[part].tokens = make_token_batch(items[part], model_.stop_ids.front());
    Random("af2/block/1/" + std::to_string(options_.seed) + "/" + std::to_string(block)).shuffle(batches);
    return batches;
  }

  // Questions of item `number`, and the window of its scene unless the pool knows what the tower hears in it.
  std::vector<QaItem> draw(const QaSource& source, std::uint64_t number, torch::Tensor& window,
                           std::shared_ptr<PooledScene>& pooled, double& seconds) const {
    const bool from_pool = options_.scene_pool > 0 && &source == &source_;
    const auto pool = static_cast<std::uint64_t>(options_.scene_pool);
    const std::uint64_t index = from_pool ? number % pool : number, visit = from_pool ? number / pool : 0;
    if (from_pool) {
      const std::lock_guard lock(pool_mutex_);
      auto& entry = pool_[index];
      if (!entry) entry = std::make_shared<PooledScene>();
      pooled = entry;
    }
    if (pooled && pooled->known) {
      seconds = pooled->scene.seconds;
      return source.ask_again(pooled->scene, pooled->type, index, visit);
    }
    QaGroup group = source.item(index);
    seconds = group.scene.seconds;
    window = torch::zeros({model_.config.audio.window_samples()});
    write_window(group.scene.samples, model_.config.audio, window.data_ptr<float>());
    if (!pooled) return std::move(group.questions);
    const QuestionType type = question_from_name(group.questions.front().type);
    std::vector<QaItem> questions =
        visit == 0 ? std::move(group.questions) : source.ask_again(group.scene, type, index, visit);
    group.scene.samples = {};
    group.scene.event_energy.clear();
    group.scene.background_energy = {};
    const std::lock_guard lock(pool_mutex_);
    if (!pooled->known) {
      pooled->scene = std::move(group.scene);
      pooled->type = type;
    }
    return questions;
  }

  // What the tower hears in each scene of a batch: [G, S, D].
  torch::Tensor hear(const AdapterBatch& batch, double dropout) {
    const torch::AutoGradMode grad(torch::GradMode::is_enabled() && options_.train_tower);
    return tokens_of(*model_.network, batch.windows, batch.pooled, pool_mutex_, dropout);
  }

  TokenItem tokenize(const std::string& prompt, const std::string& output) const {
    PromptOptions options;
    options.lowercase = model_.config.text.lowercase;
    options.max_prompt_tokens = model_.config.text.max_prompt_tokens;
    TokenItem item;
    item.prompt = build_prompt(model_.tokenizer, prompt, options).ids;
    item.answer = model_.tokenizer.encode(clean_question(output, options.lowercase), /*parse_special=*/false);
    for (const auto& stop : model_.config.text.stop) item.answer.push_back(*model_.tokenizer.id_of(stop));
    return item;
  }

  torch::Tensor log_p_of(const AdapterBatch& batch, const torch::Tensor& memory) {
    const AudioContext context = model_.network->listen(memory, {}).rows(torch::tensor(batch.scene_of));
    return target_log_p(*model_.network, batch.tokens, context);
  }

  MicroBatchLoss batch_loss(const AdapterBatch& batch) {
    const torch::Tensor tokens = shifted_tokens(hear(batch, options_.cell_dropout), options_.token_shift);
    const torch::Tensor log_p = log_p_of(batch, model_.network->remember(tokens, {}));
    return {-log_p.gather(1, batch.tokens.labels.unsqueeze(1)).sum(),
            static_cast<double>(batch.tokens.labels.numel()), batch.seconds};
  }

  TrainOptions options_;
  SoundBank bank_;
  ModelFolder model_;
  QaSource source_;
  mutable std::mutex pool_mutex_;
  mutable std::unordered_map<std::uint64_t, std::shared_ptr<PooledScene>> pool_;  // by number of the scene
  std::unique_ptr<Prefetcher<std::vector<AdapterBatch>>> blocks_;
  std::vector<AdapterBatch> block_;  // the one in use
};

}  // namespace

std::unique_ptr<TrainTask> make_adapter_task(const TrainOptions& options) {
  torch::manual_seed(static_cast<std::uint64_t>(options.seed));  // before a fresh network draws its values
  return std::make_unique<AdapterTask>(options);
}

}  // namespace af2
