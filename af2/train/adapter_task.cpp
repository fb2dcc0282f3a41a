// Training the adapter: answers about rendered scenes, language model frozen (docs/spec/training.md sections
// 1, 2).
//
// `<audio>` prompt `<SEP>` answer `<|endofchunk|>` eos; targets are answer, `<|endofchunk|>` and eos. Several
// questions share a scene, whose tower output is computed once. Logits are taken at target positions only.
#include <algorithm>
#include <array>
#include <map>

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
      items.push_back({name, tensor, tower ? options_.optimizer.tower_lr_scale : 1.0, !plain});
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
    batches_ =
        std::make_unique<Prefetcher<AdapterBatch>>(index, options_.workers, 2 * options_.workers,
                                                   [this](std::int64_t i) { return make_batch(source_, i); });
  }

  MicroBatchLoss loss(std::int64_t) override { return batch_loss(batches_->next()); }

  // Loss per answer token of fixed questions, by type, and how many answers are the likeliest at every token.
  Json validate() override {
    torch::NoGradGuard no_grad;
    const QaSource source(bank_, split_from_name(options_.val_split),
                          static_cast<std::uint64_t>(options_.seed), options_.data);
    std::map<std::string, std::array<double, 4>> by_type;  // loss, tokens, items, exact
    int done = 0;
    for (std::int64_t index = 0; done < options_.val_items; ++index) {
      const AdapterBatch batch = make_batch(source, index);
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

  AdapterBatch make_batch(const QaSource& source, std::int64_t index) const {
    AdapterBatch batch;
    std::vector<TokenItem> items;
    std::vector<torch::Tensor> windows;
    // Batches take whole groups: batch k owns the numbers [k*B, (k+1)*B) and stops when it has B questions.
    for (std::int64_t k = 0; static_cast<int>(items.size()) < options_.batch; ++k) {
      const QaGroup group = source.item(static_cast<std::uint64_t>(index * options_.batch + k));
      if (group.questions.empty()) continue;
      windows.push_back(torch::zeros({model_.config.audio.window_samples()}));
      write_window(group.scene.samples, model_.config.audio, windows.back().data_ptr<float>());
      batch.seconds += group.scene.seconds;
      for (const auto& question : group.questions) {
        if (static_cast<int>(items.size()) == options_.batch) break;
        items.push_back(tokenize(question.prompt, question.output));
        batch.scene_of.push_back(static_cast<int64_t>(windows.size()) - 1);
        batch.types.push_back(question.type);
      }
    }
    batch.samples = torch::stack(windows);
    batch.tokens = make_token_batch(items, model_.stop_ids.front());
    return batch;
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
  std::unique_ptr<Prefetcher<AdapterBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_adapter_task(const TrainOptions& options) {
  return std::make_unique<AdapterTask>(options);
}

}  // namespace af2
