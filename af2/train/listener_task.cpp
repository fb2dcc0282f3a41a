// Training the audio transformer to hear how sounds lie in time, before questions are asked: in each token,
// which label sounds there, how many times that label sounds in the whole scene, the place of the label among
// the scene's labels, from the first and from the last, from the longest and from the loudest, and how long
// the sound is.
//
// The answers to "how many times", "which came first" and "which is the loudest" then lie in the memory that
// the cross-attention reads, learned from every time step of a scene and at a fraction of the cost of one
// question: neither the language model nor the cross-attention runs. The tower is frozen, and its tokens are
// kept for the scenes of a pool. The classifiers are for training only. Scenes are drawn as for the questions
// of the recipe; with `join_scenes` clips are several of them, one window after the other
// (listener_targets.h).
#include <algorithm>
#include <map>
#include <mutex>
#include <set>
#include <unordered_map>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/model/weights.h"
#include "af2/train/data_source.h"
#include "af2/train/listener_targets.h"
#include "af2/train/prefetch.h"
#include "af2/train/scene_tokens.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

// Added tokens, cross-attention, low-rank pairs: what reads the memory that this task trains.
bool is_behind_memory(const std::string& name) {
  return name == "added_embeddings" || starts_with(name, "lang_encoder.");
}

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
      init_from(weights, stored());
      for (const std::string& name : weights.names()) {
        const bool is_scale = name.ends_with(".scale") && weights.contains(name.substr(0, name.size() - 6));
        if (is_behind_memory(name) && !is_scale) handed_on_.emplace_back(name, read_tensor(weights, name));
      }
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
  // as it is in `init`, where a run before has trained it.
  NamedTensors stored() override {
    NamedTensors all = adapter_tensors(*model_.network);
    std::erase_if(all, [](const auto& item) { return is_behind_memory(item.first); });
    all.insert(all.end(), handed_on_.begin(), handed_on_.end());
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

  MicroBatchLoss loss(std::int64_t index) override {
    const ListenerBatch batch = batches_->next();
    const int64_t scenes = scenes_of(index);
    const int64_t clips = static_cast<int64_t>(batch.scenes.size()) / scenes;
    torch::Tensor tokens = shifted_tokens(hear(batch), options_.token_shift);  // [B, bins*steps, D]
    const int64_t bins = tokens.size(1) / steps_;
    tokens = tokens.reshape({clips, scenes * bins * steps_, -1});
    const torch::Tensor memory = model_.network->remember(tokens, {});
    std::vector<ListenerTargets> targets;
    for (int64_t clip = 0; clip < clips; ++clip)
      targets.push_back(listener_targets(
          {batch.scenes.begin() + clip * scenes, batch.scenes.begin() + (clip + 1) * scenes}));
    // Of each window for each of its bins, as the tokens lie: [clips, scenes*bins*steps, ...].
    const auto rows_of = [&](auto member) {
      std::vector<torch::Tensor> rows;
      for (const ListenerTargets& clip : targets) {
        const torch::Tensor of_windows = (clip.*member).unflatten(0, {scenes, 1, steps_});
        std::vector<int64_t> shape = of_windows.sizes().vec();
        shape[1] = bins;
        rows.push_back(of_windows.expand(shape).flatten(0, 2));
      }
      return torch::stack(rows);
    };
    const torch::Tensor shares = rows_of(&ListenerTargets::shares);
    torch::Tensor sum = -(shares * heads_->label->forward(memory).log_softmax(-1)).sum();
    const auto add = [&](torch::nn::Linear& head, auto member) {
      sum =
          sum +
          torch::nn::functional::cross_entropy(
              head->forward(memory).flatten(0, 1), rows_of(member).flatten(),
              torch::nn::functional::CrossEntropyFuncOptions().ignore_index(kIgnored).reduction(torch::kSum));
    };
    add(heads_->count, &ListenerTargets::count);
    add(heads_->from_first, &ListenerTargets::from_first);
    add(heads_->from_last, &ListenerTargets::from_last);
    add(heads_->from_longest, &ListenerTargets::from_longest);
    add(heads_->from_loudest, &ListenerTargets::from_loudest);
    add(heads_->length, &ListenerTargets::length);
    return {sum, static_cast<double>(memory.size(0) * memory.size(1)), batch.seconds};
  }

  // On fixed scenes of the validation split, where the truth says that a label sounds: is it the likeliest of
  // all (`label`, share of the steps); is its count right (`count`, of the scenes drawn for counting) and the
  // class of its length (`length`); which of two comes first and last, is the longer and the louder (`first`,
  // `last`, `longest`, `loudest`, of all pairs of a scene). With join_scenes the same of clips of so many
  // scenes, the largest number of them (`joined`).
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
    Json report = figures_of_clips(1);
    const auto most = static_cast<std::size_t>(*std::ranges::max_element(options_.join_scenes));
    if (most > 1) report["joined"] = figures_of_clips(most);
    return report;
  }

 private:
  struct Hits {
    int n = 0, right = 0;
    void add(bool hit) { ++n, right += hit; }
    Json json() const { return {{"n", n}, {"right", n > 0 ? static_cast<double>(right) / n : 0.0}}; }
  };

  // Of the validation scenes, `scenes` of them a clip.
  Json figures_of_clips(std::size_t scenes) {
    Hits label, count, first, last, longest, loudest, length;
    for (std::size_t begin = 0; begin + scenes <= known_val_.size(); begin += scenes) {
      const std::vector<std::shared_ptr<ListenerScene>> clip(
          known_val_.begin() + static_cast<std::ptrdiff_t>(begin),
          known_val_.begin() + static_cast<std::ptrdiff_t>(begin + scenes));
      const ListenerTargets truth = listener_targets(clip);
      std::vector<torch::Tensor> heard_in;
      for (const auto& scene : clip) heard_in.push_back(scene->tokens);
      const torch::Tensor memory = model_.network->remember(torch::cat(heard_in).unsqueeze(0), {})[0];
      const auto said = [&](torch::nn::Linear& head) {  // [windows*steps, classes], the bins' mean
        return head->forward(memory)
            .log_softmax(-1)
            .view({static_cast<int64_t>(scenes), -1, steps_, head->weight.size(0)})
            .mean(1)
            .flatten(0, 1);
      };
      const torch::Tensor best = said(heads_->label).narrow(1, 0, n_classes_ - 1).argmax(-1);
      const torch::Tensor counts = said(heads_->count), from_first = said(heads_->from_first),
                          from_last = said(heads_->from_last), from_longest = said(heads_->from_longest),
                          from_loudest = said(heads_->from_loudest), lengths = said(heads_->length);
      // Labels in the order of their onsets, with their steps.
      std::vector<std::pair<int, torch::Tensor>> heard;
      for (const int l : truth.labels) {
        std::vector<int64_t> at;
        for (std::size_t step = 0; step < truth.sounding.size(); ++step) {
          if (truth.sounding[step] != l) continue;
          at.push_back(static_cast<int64_t>(step));
          label.add(best[at.back()].item<int64_t>() == l);
        }
        if (!at.empty()) heard.emplace_back(l, torch::tensor(at));
      }
      const auto mean_place = [&](const torch::Tensor& places, const torch::Tensor& at) {
        return (places.index_select(0, at).mean(0).softmax(-1) * torch::arange(kPlaces)).sum().item<double>();
      };
      const auto class_of = [](const torch::Tensor& target, const torch::Tensor& at) {
        return target[at[0].item<int64_t>()].item<int64_t>();
      };
      const auto is_counted = [&](int l) {
        return std::any_of(clip.begin(), clip.end(),
                           [&](const auto& scene) { return scene->scene.counted_label == l; });
      };
      for (std::size_t i = 0; i < heard.size(); ++i) {
        length.add(lengths.index_select(0, heard[i].second).mean(0).argmax().item<int64_t>() ==
                   class_of(truth.length, heard[i].second));
        if (is_counted(heard[i].first))
          count.add(counts.index_select(0, heard[i].second).mean(0).argmax().item<int64_t>() ==
                    class_of(truth.count, heard[i].second));
        for (std::size_t k = i + 1; k < heard.size(); ++k) {
          first.add(mean_place(from_first, heard[i].second) < mean_place(from_first, heard[k].second));
          last.add(mean_place(from_last, heard[i].second) > mean_place(from_last, heard[k].second));
          const auto add_rank = [&](Hits& hits, const torch::Tensor& places, const torch::Tensor& target) {
            const int64_t a = class_of(target, heard[i].second), b = class_of(target, heard[k].second);
            if (a != b)
              hits.add((mean_place(places, heard[i].second) < mean_place(places, heard[k].second)) ==
                       (a < b));
          };
          add_rank(longest, from_longest, truth.from_longest);
          add_rank(loudest, from_loudest, truth.from_loudest);
        }
      }
    }
    return {{"scenes", known_val_.size() / scenes},
            {"label", label.json()},
            {"count", count.json()},
            {"first", first.json()},
            {"last", last.json()},
            {"longest", longest.json()},
            {"loudest", loudest.json()},
            {"length", length.json()}};
  }

  torch::Tensor hear(const ListenerBatch& batch) {
    torch::NoGradGuard no_grad;
    const std::vector<std::shared_ptr<PooledScene>> pooled(batch.scenes.begin(), batch.scenes.end());
    return tokens_of(*model_.network, batch.windows, pooled, pool_mutex_, options_.cell_dropout);
  }

  std::shared_ptr<ListenerScene> make_scene_targets(QaGroup group, torch::Tensor& window) const {
    window = torch::zeros({model_.config.audio.window_samples()});
    write_window(group.scene.samples, model_.config.audio, window.data_ptr<float>());
    const double hop_s = model_.config.audio.window_seconds / static_cast<double>(steps_);
    auto made =
        listener_scene(group.scene, frame_labels(group.scene, hop_s, static_cast<int>(steps_)), n_classes_);
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
    join_alike(batch, static_cast<std::size_t>(scenes_of(index)));
    return batch;
  }

  // Scenes of a clip in step `index`: they take turns.
  int scenes_of(std::int64_t index) const {
    return options_.join_scenes[static_cast<std::size_t>(index) % options_.join_scenes.size()];
  }

  // In every other clip the further scenes have a label of those before, where the batch has such a scene:
  // what sounds in several windows is counted together.
  static void join_alike(ListenerBatch& batch, std::size_t scenes) {
    for (std::size_t begin = 0; scenes > 1 && begin + scenes <= batch.scenes.size(); begin += 2 * scenes) {
      std::set<int> heard(batch.scenes[begin]->labels.begin(), batch.scenes[begin]->labels.end());
      for (std::size_t k = begin + 1; k < begin + scenes; ++k)
        for (std::size_t other = k; other < batch.scenes.size(); ++other) {
          const std::vector<int>& labels = batch.scenes[other]->labels;
          if (std::none_of(labels.begin(), labels.end(), [&](int label) { return heard.contains(label); }))
            continue;
          std::swap(batch.scenes[k], batch.scenes[other]);
          std::swap(batch.windows[k], batch.windows[other]);
          heard.insert(batch.scenes[k]->labels.begin(), batch.scenes[k]->labels.end());
          break;
        }
    }
  }

  TrainOptions options_;
  SoundBank bank_;
  ModelFolder model_;
  QaSource source_;
  int64_t n_classes_, steps_;
  Heads heads_{nullptr};
  NamedTensors handed_on_;                                 // of `init`, behind the memory
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
