// Training the audio transformer to hear how sounds lie in time, before questions are asked: in each token,
// which label sounds there, how many times that label sounds in the whole scene, and the place of the label
// among the scene's labels, from the first and from the last.
//
// The answers to "how many times" and "which came first" then lie in the memory that the cross-attention
// reads, learned from every time step of a scene and at a fraction of the cost of one question: neither the
// language model nor the cross-attention runs. The tower is frozen, and its tokens are kept for the scenes of
// a pool. The four classifiers are for training only. Scenes are drawn as for the questions of the recipe.
#include <array>
#include <mutex>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/scene_tokens.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

constexpr int64_t kCounts = 6,
                  kPlaces = 4;          // classes of how often (1 .. 6 or more) and of the place (1 .. 4)
constexpr float kAudibleShare = 0.25f;  // of a step's energy: the label that has it stands for the step
constexpr int64_t kIgnored = -100;      // a step without such a label

struct HeadsImpl : torch::nn::Module {
  HeadsImpl(int64_t width, int64_t n_classes) {
    label = register_module("label", torch::nn::Linear(width, n_classes));
    count = register_module("count", torch::nn::Linear(width, kCounts));
    from_first = register_module("from_first", torch::nn::Linear(width, kPlaces));
    from_last = register_module("from_last", torch::nn::Linear(width, kPlaces));
  }
  torch::nn::Linear label{nullptr}, count{nullptr}, from_first{nullptr}, from_last{nullptr};
};
TORCH_MODULE(Heads);

struct ListenerScene : PooledScene {
  torch::Tensor shares;       // [steps, C+1], the last: background
  torch::Tensor count;        // [steps] int64: class, or kIgnored
  torch::Tensor from_first;   // [steps] int64
  torch::Tensor from_last;    // [steps] int64
  std::vector<int> sounding;  // [steps] label that stands for the step, or -1
};

struct ListenerBatch {
  std::vector<torch::Tensor> windows;                  // [B] samples; undefined where the tokens are known
  std::vector<std::shared_ptr<ListenerScene>> scenes;  // [B]
  double seconds = 0;
};

class ListenerTask : public TrainTask {
 public:
  explicit ListenerTask(const TrainOptions& options)
      : options_(options),
        bank_(SoundBank::open(options.bank)),
        model_(load_model_folder(options.model, {.low_bit_lm = true, .adapters = false})),
        source_(bank_, split_from_name(options.train_split), static_cast<std::uint64_t>(options.seed),
                options.data),
        n_classes_(static_cast<int64_t>(bank_.labels().size()) + 1),
        steps_(model_.config.audio_time_steps()) {
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    heads_ = Heads(model_.config.clap.out_dim(), n_classes_);
    if (!options_.init.empty()) init_from(init_weights(options_.init), stored());
    for (auto& parameter : model_.network->parameters()) parameter.set_requires_grad(false);
    for (auto& item : trained()) item.tensor.set_requires_grad(true);
    bank_.load(split_from_name(options.train_split), std::max(1, options_.workers));
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& item : model_.network->audio_transformer_clap->named_parameters(/*recurse=*/true))
      items.push_back({"audio_transformer_clap." + item.key(), item.value(), 1.0, item.value().dim() >= 2});
    for (auto& item : heads_->named_parameters())
      items.push_back({"heads." + item.key(), item.value(), 1.0, item.value().dim() >= 2});
    return items;
  }
  // All that the model has, so that the adapter can go on from a checkpoint of this task, and the
  // classifiers.
  NamedTensors stored() override {
    NamedTensors all = adapter_tensors(*model_.network);
    for (auto& item : heads_->named_parameters()) all.emplace_back("heads." + item.key(), item.value());
    return all;
  }
  void set_training(bool on) override {
    model_.network->eval();
    model_.network->audio_transformer_clap->train(on);
  }

  void start_at(std::int64_t index) override {
    batches_ = std::make_unique<Prefetcher<ListenerBatch>>(index, options_.workers, 2 * options_.workers,
                                                           [this](std::int64_t i) { return make_batch(i); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    const ListenerBatch batch = batches_->next();
    const torch::Tensor tokens = shifted_tokens(hear(batch), options_.token_shift);
    const torch::Tensor memory = model_.network->remember(tokens, {});  // [B, bins*steps, D]
    const int64_t bins = memory.size(1) / steps_;
    const auto targets = [&](auto member) {
      std::vector<torch::Tensor> rows;
      for (const auto& scene : batch.scenes) rows.push_back((*scene).*member);
      const torch::Tensor all = torch::stack(rows);  // [B, steps] or [B, steps, C+1], for each bin
      return torch::cat(std::vector<torch::Tensor>(static_cast<std::size_t>(bins), all), 1);
    };
    const torch::Tensor shares = targets(&ListenerScene::shares);
    torch::Tensor sum = -(shares * heads_->label->forward(memory).log_softmax(-1)).sum();
    const auto add = [&](torch::nn::Linear& head, auto member) {
      sum =
          sum +
          torch::nn::functional::cross_entropy(
              head->forward(memory).flatten(0, 1), targets(member).flatten(),
              torch::nn::functional::CrossEntropyFuncOptions().ignore_index(kIgnored).reduction(torch::kSum));
    };
    add(heads_->count, &ListenerScene::count);
    add(heads_->from_first, &ListenerScene::from_first);
    add(heads_->from_last, &ListenerScene::from_last);
    return {sum, static_cast<double>(memory.size(0) * memory.size(1)), batch.seconds};
  }

  // On fixed scenes of the validation split, where the truth says that a label sounds: is it the likeliest of
  // all (`label`, share of the steps); is its count right (`count`, of the scenes drawn for counting); which
  // of two comes first and last (`first`, `last`, of all pairs of a scene).
  Json validate() override {
    torch::NoGradGuard no_grad;
    const QaSource source(bank_, split_from_name(options_.val_split),
                          static_cast<std::uint64_t>(options_.seed), options_.data);
    if (known_val_.empty())
      for (int i = 0; i < options_.val_items; ++i) {
        torch::Tensor window;
        known_val_.push_back(make_scene_targets(source.item(static_cast<std::uint64_t>(i)), window));
        known_val_.back()->tokens = model_.network->encode(window.unsqueeze(0))[0];
      }
    Hits label, count, first, last;
    for (const auto& scene : known_val_) {
      const torch::Tensor memory = model_.network->remember(scene->tokens.unsqueeze(0), {})[0];
      const auto said = [&](torch::nn::Linear& head) {  // [steps, classes], the bins' mean
        return head->forward(memory).log_softmax(-1).view({-1, steps_, head->weight.size(0)}).mean(0);
      };
      const torch::Tensor best = said(heads_->label).narrow(1, 0, n_classes_ - 1).argmax(-1);
      const torch::Tensor counts = said(heads_->count), from_first = said(heads_->from_first),
                          from_last = said(heads_->from_last);
      std::vector<std::pair<int, torch::Tensor>>
          heard;  // labels in the order of their onsets, with their steps
      for (const int l : scene->scene.labels()) {
        std::vector<int64_t> at;
        for (int64_t step = 0; step < steps_; ++step) {
          if (scene->sounding[static_cast<std::size_t>(step)] != l) continue;
          at.push_back(step);
          label.add(best[step].item<int64_t>() == l);
        }
        if (!at.empty()) heard.emplace_back(l, torch::tensor(at));
      }
      const auto mean_place = [&](const torch::Tensor& places, const torch::Tensor& at) {
        return (places.index_select(0, at).mean(0).softmax(-1) * torch::arange(kPlaces)).sum().item<double>();
      };
      for (std::size_t i = 0; i < heard.size(); ++i) {
        if (heard[i].first == scene->scene.counted_label)
          count.add(counts.index_select(0, heard[i].second).mean(0).argmax().item<int64_t>() + 1 ==
                    scene->scene.count(heard[i].first));
        for (std::size_t k = i + 1; k < heard.size(); ++k) {
          first.add(mean_place(from_first, heard[i].second) < mean_place(from_first, heard[k].second));
          last.add(mean_place(from_last, heard[i].second) > mean_place(from_last, heard[k].second));
        }
      }
    }
    return {{"scenes", known_val_.size()},
            {"label", label.json()},
            {"count", count.json()},
            {"first", first.json()},
            {"last", last.json()}};
  }

 private:
  struct Hits {
    int n = 0, right = 0;
    void add(bool hit) { ++n, right += hit; }
    Json json() const { return {{"n", n}, {"right", n > 0 ? static_cast<double>(right) / n : 0.0}}; }
  };

  torch::Tensor hear(const ListenerBatch& batch) {
    torch::NoGradGuard no_grad;
    const std::vector<std::shared_ptr<PooledScene>> pooled(batch.scenes.begin(), batch.scenes.end());
    return tokens_of(*model_.network, batch.windows, pooled, pool_mutex_);
  }

  std::shared_ptr<ListenerScene> make_scene_targets(QaGroup group, torch::Tensor& window) const {
    auto made = std::make_shared<ListenerScene>();
    window = torch::zeros({model_.config.audio.window_samples()});
    write_window(group.scene.samples, model_.config.audio, window.data_ptr<float>());
    const double hop_s = model_.config.audio.window_seconds / static_cast<double>(steps_);
    const FrameLabels frames = frame_labels(group.scene, hop_s, static_cast<int>(steps_));
    const std::vector<int> labels = group.scene.labels();
    made->shares = torch::zeros({steps_, n_classes_});
    for (torch::Tensor* target : {&made->count, &made->from_first, &made->from_last})
      *target = torch::full({steps_}, kIgnored, torch::kInt64);
    auto shares = made->shares.accessor<float, 2>();
    for (int64_t step = 0; step < steps_; ++step) {
      int strongest = -1;
      float most = kAudibleShare;
      for (const auto& [label, share] : frames.steps[static_cast<std::size_t>(step)]) {
        shares[step][label] = share;
        if (share > most) most = share, strongest = label;
      }
      shares[step][n_classes_ - 1] = frames.background[static_cast<std::size_t>(step)];
      made->sounding.push_back(strongest);
      if (strongest < 0) continue;
      const auto place = std::find(labels.begin(), labels.end(), strongest) - labels.begin();
      const auto after = static_cast<int64_t>(labels.size()) - 1 - place;
      made->count[step] = std::min<int64_t>(group.scene.count(strongest), kCounts) - 1;
      made->from_first[step] = std::min<int64_t>(place, kPlaces - 1);
      made->from_last[step] = std::min<int64_t>(after, kPlaces - 1);
    }
    group.scene.samples = {};
    group.scene.event_energy.clear();
    group.scene.background_energy = {};
    made->scene = std::move(group.scene);
    return made;
  }

  ListenerBatch make_batch(std::int64_t index) const {
    ListenerBatch batch;
    for (std::int64_t i = 0; i < options_.batch; ++i) {
      const auto drawn = static_cast<std::uint64_t>(index * options_.batch + i);
      const auto pool = static_cast<std::uint64_t>(options_.scene_pool);
      const std::uint64_t number = pool > 0 ? drawn % pool : drawn;
      std::shared_ptr<ListenerScene> scene;
      if (pool > 0) {
        const std::lock_guard lock(pool_mutex_);
        const auto found = pool_.find(number);
        if (found != pool_.end() && found->second->known) scene = found->second;
      }
      torch::Tensor window;
      if (!scene) {
        scene = make_scene_targets(source_.item(number), window);
        const std::lock_guard lock(pool_mutex_);
        if (pool > 0) pool_[number] = scene;
      }
      batch.seconds += scene->scene.seconds;
      batch.windows.push_back(window);
      batch.scenes.push_back(std::move(scene));
    }
    return batch;
  }

  TrainOptions options_;
  SoundBank bank_;
  ModelFolder model_;
  QaSource source_;
  int64_t n_classes_, steps_;
  Heads heads_{nullptr};
  std::vector<std::shared_ptr<ListenerScene>> known_val_;  // tokens in float32
  mutable std::mutex pool_mutex_;
  mutable std::unordered_map<std::uint64_t, std::shared_ptr<ListenerScene>> pool_;  // by number of the scene
  std::unique_ptr<Prefetcher<ListenerBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_listener_task(const TrainOptions& options) {
  torch::manual_seed(static_cast<std::uint64_t>(options.seed));
  return std::make_unique<ListenerTask>(options);
}

}  // namespace af2
