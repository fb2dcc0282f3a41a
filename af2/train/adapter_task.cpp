// Training the adapter: answers about rendered scenes, language model frozen (docs/spec/training.md sections
// 1, 2).
//
// `<audio>` prompt `<SEP>` answer `<|endofchunk|>` eos; targets are answer, `<|endofchunk|>` and eos. Several
// questions share a scene, whose tower output is computed once. Logits are taken at target positions only.
#include <algorithm>
#include <array>
#include <map>

#include "af2/core/error.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/text/prompt.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/task.h"
#include "af2/train/token_batch.h"

namespace af2 {
namespace {

struct AdapterBatch {
  torch::Tensor samples;          // [G, window], one row a scene
  std::vector<int64_t> scene_of;  // [B]
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
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    start_fresh();
    if (!options_.init.empty()) init_from(options_.init, adapter_tensors(*model_.network));
    for (auto& parameter : model_.network->parameters()) parameter.set_requires_grad(false);
    for (auto& item : trained()) item.tensor.set_requires_grad(true);
    bank_.load(split_from_name(options.train_split), std::max(1, options_.workers));
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& [name, tensor] : adapter_tensors(*model_.network)) {
      const bool tower = starts_with(name, "clap.");
      if ((tower && !options_.train_tower) || is_statistic(name)) continue;
      const bool plain = tensor.dim() < 2 || name == "added_embeddings";
      double scale = tower ? options_.optimizer.tower_lr_scale : 1.0;
      if (name.ends_with("_gate")) scale = options_.optimizer.gate_lr_scale;
      items.push_back({name, tensor, scale, !plain});
    }
    return items;
  }
  NamedTensors stored() override { return adapter_tensors(*model_.network); }

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

  // Loss per answer token of fixed questions, by type, and how many answers are the likeliest at every token.
  Json validate() override {
    torch::NoGradGuard no_grad;
    const QaSource source(bank_, split_from_name(options_.val_split),
                          static_cast<std::uint64_t>(options_.seed), options_.data);
    std::map<std::string, std::array<double, 4>> by_type;  // loss, tokens, items, exact
    int done = 0;
    std::vector<AdapterBatch> block;
    for (std::int64_t index = 0; done < options_.val_items; ++index) {
      if (index % kBlock == 0) block = make_block(source, index / kBlock);
      const AdapterBatch& batch = block[index % kBlock];
      const torch::Tensor log_p = target_log_p(batch);
      const torch::Tensor best = log_p.argmax(-1),
                          picked = log_p.gather(1, batch.tokens.labels.unsqueeze(1)).squeeze(1);
      for (std::size_t i = 0; i < batch.types.size(); ++i) {
        const torch::Tensor mine = batch.tokens.item_of == static_cast<int64_t>(i);
        auto& entry = by_type[batch.types[i]];
        entry[0] -= picked.masked_select(mine).sum().item<double>();
        entry[1] += mine.sum().item<double>();
        entry[2] += 1;
        entry[3] += (best == batch.tokens.labels).masked_select(mine).all().item<bool>();
        ++done;
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
    return report;
  }

 private:
  static bool is_statistic(const std::string& name) {
    return name.ends_with("running_mean") || name.ends_with("running_var");
  }

  // Added tokens begin as the mean of all rows with a little noise, so that their logits are ordinary.
  void start_fresh() {
    torch::NoGradGuard no_grad;
    auto& decoder = *model_.network->lang_encoder->model;
    const torch::Tensor mean = decoder.embed_tokens->weight.mean(0, true);
    const double deviation = decoder.embed_tokens->weight.std().item<double>();
    decoder.added_embeddings.copy_(mean + torch::randn_like(decoder.added_embeddings) * deviation * 0.5);
  }

  // A block is kBlock batches of questions of about one length, so that little is padding. Block k owns the
  // groups from k * kBlock * batch on; whole groups, shortest first, fill its batches; the batches are then
  // shuffled.
  std::vector<AdapterBatch> make_block(const QaSource& source, std::int64_t block) const {
    const std::size_t wanted = static_cast<std::size_t>(kBlock) * options_.batch;
    struct Asked {
      std::vector<float> window;
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
      const QaGroup group =
          source.item(static_cast<std::uint64_t>(block) * wanted + static_cast<std::uint64_t>(k));
      if (group.questions.empty()) continue;
      Asked asked{std::vector<float>(model_.config.audio.window_samples()), group.scene.seconds, {}, {}, 0};
      write_window(group.scene.samples, model_.config.audio, asked.window.data());
      for (const auto& question : group.questions) {
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
    std::vector<std::vector<torch::Tensor>> windows(kBlock);
    std::size_t done = 0;
    for (const Asked& asked : groups) {
      const std::size_t part = std::min<std::size_t>(done * kBlock / wanted, kBlock - 1);
      windows[part].push_back(torch::tensor(asked.window));
      batches[part].seconds += asked.seconds;
      for (std::size_t i = 0; i < asked.items.size(); ++i, ++done) {
        items[part].push_back(asked.items[i]);
        batches[part].types.push_back(asked.types[i]);
        batches[part].scene_of.push_back(static_cast<int64_t>(windows[part].size()) - 1);
      }
    }
    for (int part = 0; part < kBlock; ++part) {
      batches[part].samples = torch::stack(windows[part]);
      batches[part].tokens = make_token_batch(items[part], model_.stop_ids.front());
    }
    Random("af2/block/1/" + std::to_string(options_.seed) + "/" + std::to_string(block)).shuffle(batches);
    return batches;
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

  // Log-probabilities at the target positions: [targets, vocabulary].
  torch::Tensor target_log_p(const AdapterBatch& batch) {
    auto& network = *model_.network;
    torch::Tensor tokens;
    {
      const torch::AutoGradMode grad(torch::GradMode::is_enabled() && options_.train_tower);
      tokens = network.encode(batch.samples);  // [G, S, D]
    }
    const torch::Tensor memory = network.remember(tokens, {});
    AudioContext scenes = network.listen(memory, {}), context;
    const torch::Tensor rows = torch::tensor(batch.scene_of);
    for (const auto& block : scenes.blocks)
      context.blocks.push_back({block.keys.index_select(0, rows), block.values.index_select(0, rows)});
    const torch::Tensor hidden = network.forward(batch.tokens.ids, context);  // [B, T, D_l]
    const torch::Tensor wanted = hidden.flatten(0, 1).index_select(0, batch.tokens.positions);
    return network.logits(wanted).to(torch::kFloat32).log_softmax(-1);
  }

  MicroBatchLoss batch_loss(const AdapterBatch& batch) {
    const torch::Tensor log_p = target_log_p(batch);
    return {-log_p.gather(1, batch.tokens.labels.unsqueeze(1)).sum(),
            static_cast<double>(batch.tokens.labels.numel()), batch.seconds};
  }

  TrainOptions options_;
  SoundBank bank_;
  ModelFolder model_;
  QaSource source_;
  std::unique_ptr<Prefetcher<std::vector<AdapterBatch>>> blocks_;
  std::vector<AdapterBatch> block_;  // the one in use
};

}  // namespace

std::unique_ptr<TrainTask> make_adapter_task(const TrainOptions& options) {
  torch::manual_seed(static_cast<std::uint64_t>(options.seed));  // before a fresh network draws its values
  return std::make_unique<AdapterTask>(options);
}

}  // namespace af2
