// Training the audio transformer to hear how sounds lie in time, before questions are asked: in each token,
// which label sounds there, how many times that label sounds in the whole scene, the place of the label among
// the scene's labels, from the first and from the last, from the longest and from the loudest, and how long
// the sound is.
//
// The answers to "how many times", "which came first" and "which is the loudest" then lie in the memory that
// the cross-attention reads, learned from every time step of a scene and at a fraction of the cost of one
// question: neither the language model nor the cross-attention runs. The tower is frozen, and its tokens are
// kept for the scenes of a pool. The classifiers are for training only. Scenes are drawn as for the questions
// of the recipe.
#include <algorithm>
#include <array>
#include <map>
#include <mutex>
#include <numeric>
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
                  kPlaces = 4;  // classes of how often (1 .. 6 or more) and of the place (1 .. 4)
constexpr double kLengths_s[] = {0.35, 0.7, 1.4, 2.8, 5.6};  // edges of the classes of length
constexpr int64_t kLengths = 6;
constexpr float kAudibleShare = 0.25f;  // of a step's energy: the label that has it stands for the step
constexpr const char* kAdded = "added_embeddings";
constexpr double kSampleRate = 16000;  // of scenes
constexpr int64_t kIgnored = -100;     // a step without such a label

struct HeadsImpl : torch::nn::Module {
  HeadsImpl(int64_t width, int64_t n_classes) {
    label = register_module("label", torch::nn::Linear(width, n_classes));
    count = register_module("count", torch::nn::Linear(width, kCounts));
    from_first = register_module("from_first", torch::nn::Linear(width, kPlaces));
    from_last = register_module("from_last", torch::nn::Linear(width, kPlaces));
    from_longest = register_module("from_longest", torch::nn::Linear(width, kPlaces));
    from_loudest = register_module("from_loudest", torch::nn::Linear(width, kPlaces));
    length = register_module("length", torch::nn::Linear(width, kLengths));
  }
  torch::nn::Linear label{nullptr}, count{nullptr}, from_first{nullptr}, from_last{nullptr},
      from_longest{nullptr}, from_loudest{nullptr}, length{nullptr};
};
TORCH_MODULE(Heads);

struct ListenerScene : PooledScene {
  torch::Tensor shares;  // [steps, C+1], the last: background
  // [steps] int64: class, or kIgnored
  torch::Tensor count, from_first, from_last, from_longest, from_loudest, length;
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
    if (!options_.init.empty()) {
      const SafeTensors weights = init_weights(options_.init);
      hands_on_ = weights.find(kAdded) != nullptr;
      init_from(weights, stored());
    }
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
  // Tower and audio transformer, from which the adapter can go on, and the classifiers; what lies behind them
  // too where a run before has trained it.
  NamedTensors stored() override {
    NamedTensors all = adapter_tensors(*model_.network);
    if (!hands_on_)
      std::erase_if(all, [](const auto& item) {
        return item.first == kAdded || starts_with(item.first, "lang_encoder.");
      });
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
    add(heads_->from_longest, &ListenerScene::from_longest);
    add(heads_->from_loudest, &ListenerScene::from_loudest);
    add(heads_->length, &ListenerScene::length);
    return {sum, static_cast<double>(memory.size(0) * memory.size(1)), batch.seconds};
  }

  // On fixed scenes of the validation split, where the truth says that a label sounds: is it the likeliest of
  // all (`label`, share of the steps); is its count right (`count`, of the scenes drawn for counting) and the
  // class of its length (`length`); which of two comes first and last, is the longer and the louder (`first`,
  // `last`, `longest`, `loudest`, of all pairs of a scene).
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
    Hits label, count, first, last, longest, loudest, length;
    for (const auto& scene : known_val_) {
      const torch::Tensor memory = model_.network->remember(scene->tokens.unsqueeze(0), {})[0];
      const auto said = [&](torch::nn::Linear& head) {  // [steps, classes], the bins' mean
        return head->forward(memory).log_softmax(-1).view({-1, steps_, head->weight.size(0)}).mean(0);
      };
      const torch::Tensor best = said(heads_->label).narrow(1, 0, n_classes_ - 1).argmax(-1);
      const torch::Tensor counts = said(heads_->count), from_first = said(heads_->from_first),
                          from_last = said(heads_->from_last), from_longest = said(heads_->from_longest),
                          from_loudest = said(heads_->from_loudest), lengths = said(heads_->length);
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
      const auto class_of = [](const torch::Tensor& target, const torch::Tensor& at) {
        return target[at[0].item<int64_t>()].item<int64_t>();
      };
      for (std::size_t i = 0; i < heard.size(); ++i) {
        length.add(lengths.index_select(0, heard[i].second).mean(0).argmax().item<int64_t>() ==
                   class_of(scene->length, heard[i].second));
        if (heard[i].first == scene->scene.counted_label)
          count.add(counts.index_select(0, heard[i].second).mean(0).argmax().item<int64_t>() + 1 ==
                    scene->scene.count(heard[i].first));
        for (std::size_t k = i + 1; k < heard.size(); ++k) {
          first.add(mean_place(from_first, heard[i].second) < mean_place(from_first, heard[k].second));
          last.add(mean_place(from_last, heard[i].second) > mean_place(from_last, heard[k].second));
          const auto add_rank = [&](Hits& hits, const torch::Tensor& places, const torch::Tensor& target) {
            const int64_t a = class_of(target, heard[i].second), b = class_of(target, heard[k].second);
            if (a != b)
              hits.add((mean_place(places, heard[i].second) < mean_place(places, heard[k].second)) ==
                       (a < b));
          };
          add_rank(longest, from_longest, scene->from_longest);
          add_rank(loudest, from_loudest, scene->from_loudest);
        }
      }
    }
    return {{"scenes", known_val_.size()}, {"label", label.json()},  {"count", count.json()},
            {"first", first.json()},       {"last", last.json()},    {"longest", longest.json()},
            {"loudest", loudest.json()},   {"length", length.json()}};
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
    return tokens_of(*model_.network, batch.windows, pooled, pool_mutex_, options_.cell_dropout);
  }

  // Of each label: seconds of its longest sound, and mean square of its loudest one.
  static std::pair<std::map<int, double>, std::map<int, double>> lengths_and_levels(const Scene& scene) {
    std::map<int, double> longest, loudest;
    for (std::size_t i = 0; i < scene.events.size(); ++i) {
      const SceneEvent& event = scene.events[i];
      const auto& energy = scene.event_energy[i].energy;
      double& length = longest[event.label];
      double& level = loudest[event.label];
      length = std::max(length, event.offset_s - event.onset_s);
      const double frames =
          std::max(1.0, (event.offset_s - event.onset_s) * kSampleRate / static_cast<double>(kEnergyFrame));
      level = std::max(level, std::accumulate(energy.begin(), energy.end(), 0.0) / frames);
    }
    return {longest, loudest};
  }
  // How many labels have more, as a class.
  static int64_t place_of(int label, const std::map<int, double>& of_labels) {
    int64_t more = 0;
    for (const auto& [other, value] : of_labels) more += value > of_labels.at(label);
    return std::min<int64_t>(more, kPlaces - 1);
  }
  static int64_t length_class(double seconds) {
    return std::upper_bound(std::begin(kLengths_s), std::end(kLengths_s), seconds) - std::begin(kLengths_s);
  }

  std::shared_ptr<ListenerScene> make_scene_targets(QaGroup group, torch::Tensor& window) const {
    auto made = std::make_shared<ListenerScene>();
    window = torch::zeros({model_.config.audio.window_samples()});
    write_window(group.scene.samples, model_.config.audio, window.data_ptr<float>());
    const double hop_s = model_.config.audio.window_seconds / static_cast<double>(steps_);
    const FrameLabels frames = frame_labels(group.scene, hop_s, static_cast<int>(steps_));
    const std::vector<int> labels = group.scene.labels();
    const auto [longest, loudest] = lengths_and_levels(group.scene);
    made->shares = torch::zeros({steps_, n_classes_});
    for (torch::Tensor* target : {&made->count, &made->from_first, &made->from_last, &made->from_longest,
                                  &made->from_loudest, &made->length})
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
      made->from_longest[step] = place_of(strongest, longest);
      made->from_loudest[step] = place_of(strongest, loudest);
      made->length[step] = length_class(longest.at(strongest));
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
  bool hands_on_ = false;                                  // cross-attention and added tokens of `init`
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
