// Training the audio tower: which label sounds in each time step of a rendered scene.
//
// Targets are soft: shares of energy of the labels in each step (data/scene.h), so that overlapping sounds
// share a step; a second, smaller loss asks for the classes of the whole window, a third for how many sounds
// begin in each step. Softmax cross-entropy over the labels and "background"; SpecAugment
// (docs/spec/training.md section 4). With a frozen stem (a pretrained one, tools/stem), what it hears in a
// scene is kept in memory for the scene's next visits, and each step also predicts the stem's features there:
// so the tokens keep what the stem knows beyond the labels of the training recordings.
#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/data/label_hits.h"
#include "af2/model/af2_model.h"
#include "af2/model/logmel.h"
#include "af2/model/weights.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/scene_pool.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

// Tower, classifier, count of onsets and, with a frozen stem, the prediction of its features; all but the
// tower are for training only.
struct TaggerImpl : torch::nn::Module {
  TaggerImpl(const Af2Config& config, int64_t n_classes, bool predicts_stem) {
    const int64_t d = config.clap.out_dim();
    clap = register_module("clap", ClapHolder(config.clap, config.audio));
    head = register_module("head", torch::nn::Linear(d, n_classes));
    onsets = register_module("onsets", torch::nn::Linear(d, 1));
    if (predicts_stem)
      features = register_module("features", torch::nn::Linear(d, config.clap.stem.back().channels));
  }
  ClapHolder clap{nullptr};
  torch::nn::Linear head{nullptr}, onsets{nullptr}, features{nullptr};
};
TORCH_MODULE(Tagger);

// A scene as the loss needs it. `map` is what a frozen stem hears, bfloat16 [C, m, t].
struct TowerScene {
  torch::Tensor samples;  // [window]; undefined once `map` is known
  torch::Tensor map;
  FrameLabels labels;
  std::vector<int> onsets;  // [steps] sounds that begin there
  double seconds = 0;
};

struct TowerBatch {
  std::vector<std::int64_t> numbers;                // [B]
  std::vector<std::shared_ptr<TowerScene>> scenes;  // [B]
  torch::Tensor targets;                            // [B, steps, classes] shares
  torch::Tensor onsets;                             // [B, steps]
  torch::Tensor keep;  // SpecAugment, 1 keep: [B, F, M], or [B, 1, m, t] of a map
  double seconds = 0;
};

constexpr int kScenesForStatistics = 48;  // that the stem's features are standardised by

class TowerTask : public TrainTask {
 public:
  explicit TowerTask(const TrainOptions& options)
      : options_(options),
        config_(read_af2_config(std::filesystem::path(options.model) / "config.json")),
        bank_(SoundBank::open(options.bank)),
        logmel_(config_.audio),
        n_classes_(static_cast<int64_t>(bank_.labels().size()) + 1),
        steps_(config_.clap.time_steps(config_.audio)),
        split_(split_from_name(options.train_split)),
        pool_(options.scene_pool > 0) {
    if (options_.tower.max_mel_stripe >= config_.audio.n_mels ||
        options_.tower.max_time_stripe >= config_.audio.n_frames())
      throw user_error("is as wide as the spectrogram",
                       "recipe key tower.max_mel_stripe or tower.max_time_stripe", "give a narrower stripe");
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    frozen_ = options_.tower.freeze_stem;
    if (frozen_ && (config_.clap.stem.empty() || options_.init.empty()))
      throw user_error("freezes a stem that is not there", "recipe key tower.freeze_stem",
                       "use a model whose config.json has clap.stem, and name its weights with init");
    tagger_ = Tagger(config_, n_classes_, frozen_);
    if (!options_.init.empty()) init_from(init_weights(options_.init), stored());
    bank_.load(split_, std::max(1, options_.workers));
    set_training(false);
    if (frozen_) measure_features();
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& item : tagger_->named_parameters()) {
      const bool of_stem = starts_with(item.key(), "clap.nvclap.patch_embed.stem.") ||
                           starts_with(item.key(), "clap.nvclap.bn0.") ||
                           starts_with(item.key(), "clap.nvclap.stem_tokens.context.");
      item.value().set_requires_grad(!(frozen_ && of_stem));
      if (item.value().requires_grad())
        items.push_back({item.key(), item.value(), 1.0, item.value().dim() >= 2});
    }
    return items;
  }
  NamedTensors stored() override { return stored_tensors(*tagger_); }
  void set_training(bool on) override {
    tagger_->train(on);
    if (!frozen_) return;
    tower().bn0->eval();
    tower().patch_embed->stem->eval();
  }

  void start_at(std::int64_t index) override {
    batches_ = std::make_unique<Prefetcher<TowerBatch>>(index, options_.workers, 2 * options_.workers,
                                                        [this](std::int64_t i) { return make_batch(i); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    const TowerBatch batch = batches_->next();
    const auto hear = [this](const torch::Tensor& windows) { return heard(windows, {}); };
    torch::Tensor map =
        frozen_ ? torch::stack(pool_.maps_of(batch.numbers, batch.scenes, hear)).to(torch::kFloat32)
                : heard(stacked_samples(batch), batch.keep);
    const torch::Tensor clean = map;  // [B, C, m, t]
    if (frozen_) map = torch::dropout(map * batch.keep, options_.tower.stem_dropout, tagger_->is_training());
    const torch::Tensor embedded = time_steps(map);  // [B, steps, D]
    const double smooth = options_.tower.label_smoothing;
    const torch::Tensor targets = batch.targets * (1 - smooth) + smooth / static_cast<double>(n_classes_);
    const torch::Tensor log_p = tagger_->head->forward(embedded).log_softmax(-1);  // [B, steps, C+1]
    const torch::Tensor background = batch.targets.select(-1, n_classes_ - 1);     // [B, steps]
    const torch::Tensor weights = 1 - background * (1 - options_.tower.background_weight);
    const torch::Tensor step_loss = -(targets * log_p).sum(-1) * weights;
    // Classes of the whole window: mean of what its sounding steps say.
    const torch::Tensor sounding = 1 - background;
    const torch::Tensor share = sounding.sum(1).clamp_min(1e-3).unsqueeze(-1);
    const torch::Tensor pooled = (embedded * sounding.unsqueeze(-1)).sum(1) / share;  // [B, D]
    const torch::Tensor clip_targets = (batch.targets * sounding.unsqueeze(-1)).sum(1) / share;
    const torch::Tensor clip_log_p = tagger_->head->forward(pooled).log_softmax(-1);
    const torch::Tensor clip_loss = -(clip_targets * clip_log_p).sum(-1);
    const double per_clip = static_cast<double>(steps_);
    torch::Tensor sum = step_loss.sum() + options_.tower.clip_weight * per_clip * clip_loss.sum();
    const torch::Tensor begun = tagger_->onsets->forward(embedded).to(torch::kFloat32).squeeze(-1);
    sum = sum + options_.tower.onset_weight * (begun - batch.onsets).square().sum();
    if (frozen_) {
      const torch::Tensor wanted = (features_at_steps(clean) - feature_mean_) / feature_deviation_;
      const torch::Tensor missed =
          (tagger_->features->forward(embedded).to(torch::kFloat32) - wanted).square().mean(-1);
      sum = sum + options_.tower.feature_weight * (missed * weights).sum();
    }
    return {sum, weights.sum().item<double>(), batch.seconds};
  }

  // Each recording of the validation split alone in a window of soft noise: how often its label comes first,
  // and first among four, averaged over labels.
  Json validate() override {
    torch::NoGradGuard no_grad;
    const Split split = split_from_name(options_.val_split);
    std::vector<int> recordings = bank_.recordings(split);
    Random("af2/val/1/" + std::to_string(options_.seed)).shuffle(recordings);
    if (static_cast<int>(recordings.size()) > options_.val_items) recordings.resize(options_.val_items);
    LabelHits hits(bank_);
    for (std::size_t first = 0; first < recordings.size(); first += options_.batch) {
      const std::size_t last = std::min(recordings.size(), first + options_.batch);
      std::vector<torch::Tensor> windows;
      for (std::size_t i = first; i < last; ++i) windows.push_back(alone_in_window(recordings[i]));
      const torch::Tensor log_p =
          tagger_->head->forward(time_steps(heard(torch::stack(windows), {}))).log_softmax(-1);
      const torch::Tensor sounding = 1 - log_p.select(-1, n_classes_ - 1).exp();  // [B, steps]
      const torch::Tensor scores =
          (log_p.narrow(-1, 0, n_classes_ - 1) * sounding.unsqueeze(-1)).sum(1).contiguous();
      for (std::size_t i = first; i < last; ++i)
        hits.add(row_of(scores, i - first), bank_.recordings()[recordings[i]].label);
    }
    return hits.figures();
  }

 private:
  HtsatImpl& tower() { return *tagger_->clap->nvclap; }

  // [B, samples] -> the stem's map [B, C, m, t].
  torch::Tensor heard(const torch::Tensor& samples, const torch::Tensor& keep) {
    torch::Tensor mel;
    {
      torch::NoGradGuard no_grad;
      mel = logmel_(samples);
    }
    return tower().to_stem(mel, keep);
  }
  // [B, C, m, t] -> [B, steps, D]: mean over the frequency bins of each time step.
  torch::Tensor time_steps(const torch::Tensor& map) {
    const torch::Tensor tokens = tower().from_stem(map);  // [B, bins*steps, D]
    return tokens.view({tokens.size(0), -1, steps_, tokens.size(2)}).mean(1);
  }
  // [B, C, m, t] -> [B, steps, C]: mean over the bands, greatest in each step; as square roots, which are
  // less skewed.
  torch::Tensor features_at_steps(const torch::Tensor& map) const {
    const torch::Tensor rows = map.to(torch::kFloat32).mean(2);  // [B, C, t]
    return rows.unflatten(2, {steps_, -1}).amax(3).transpose(1, 2).clamp_min(0).sqrt();
  }

  TowerBatch make_batch(std::int64_t index) const {
    const int64_t b = options_.batch;
    TowerBatch batch;
    batch.targets = torch::zeros({b, steps_, n_classes_});
    batch.onsets = torch::zeros({b, steps_});
    const ClapConfig& clap = config_.clap;
    const int64_t mel_stride = frozen_ ? clap.stem_mel_stride() : 1;
    const int64_t time_stride = frozen_ ? clap.stem_time_stride() : 1;
    const int64_t bands = config_.audio.n_mels / mel_stride;
    const int64_t frames = frozen_ ? clap.frames(config_.audio) / time_stride : config_.audio.n_frames();
    batch.keep = frozen_ ? torch::ones({b, 1, bands, frames}) : torch::ones({b, frames, bands});
    for (int64_t i = 0; i < b; ++i) {
      const std::int64_t number = index * b + i, pool = options_.scene_pool;
      batch.numbers.push_back(pool > 0 ? number % pool : number);
      batch.scenes.push_back(scene_for_batch(batch.numbers.back()));
      const TowerScene& scene = *batch.scenes.back();
      batch.seconds += scene.seconds;
      torch::Tensor row = batch.targets[i];
      auto targets = row.accessor<float, 2>();
      for (int64_t step = 0; step < steps_; ++step) {
        for (const auto& [label, share] : scene.labels.steps[step]) targets[step][label] = share;
        targets[step][n_classes_ - 1] = scene.labels.background[step];
        batch.onsets[i][step] = scene.onsets[step];
      }
      Random stripes("af2/specaugment/1/" + name_of(number));
      const torch::Tensor keep = frozen_ ? batch.keep[i][0].t() : batch.keep[i];  // [frames, bands]
      mask_stripes(keep, 0, options_.tower.time_stripes, options_.tower.max_time_stripe / time_stride,
                   stripes);
      mask_stripes(keep, 1, options_.tower.mel_stripes, options_.tower.max_mel_stripe / mel_stride, stripes);
    }
    return batch;
  }

  std::string name_of(std::int64_t number) const {
    return std::to_string(options_.seed) + "/" + options_.train_split + "/" + std::to_string(number);
  }

  // Scene `number`, rendered unless the pool knows what the stem hears in it.
  std::shared_ptr<TowerScene> scene_for_batch(std::int64_t number) const {
    if (auto known = pool_.find(number)) return known;
    Random rng("af2/scene/1/" + name_of(number));
    const Scene scene = make_scene(bank_, split_, rng, options_.data.scene);
    const double hop_s = config_.audio.window_seconds / static_cast<double>(steps_);
    auto kept = std::make_shared<TowerScene>();
    kept->samples = torch::zeros({config_.audio.window_samples()});
    write_window(scene.samples, config_.audio, kept->samples.data_ptr<float>());
    kept->labels = frame_labels(scene, hop_s, static_cast<int>(steps_));
    kept->onsets.resize(static_cast<std::size_t>(steps_));
    for (const SceneEvent& event : scene.events)
      ++kept->onsets[std::min(kept->onsets.size() - 1, static_cast<std::size_t>(event.onset_s / hop_s))];
    kept->seconds = scene.seconds;
    return kept;
  }

  static torch::Tensor stacked_samples(const TowerBatch& batch) {
    std::vector<torch::Tensor> rows;
    for (const auto& scene : batch.scenes) rows.push_back(scene->samples);
    return torch::stack(rows);
  }

  void measure_features() {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> all;
    for (int i = 0; i < kScenesForStatistics; ++i)
      all.push_back(features_at_steps(heard(scene_for_batch(i)->samples.unsqueeze(0), {})));
    const torch::Tensor features = torch::cat(all).flatten(0, 1);  // [scenes*steps, C]
    feature_mean_ = features.mean(0);
    feature_deviation_ = features.std(0) + 0.05 * features.std() + 1e-6;
  }

  torch::Tensor alone_in_window(int recording) const {
    const Sound& sound = bank_.sound(recording);
    std::vector<float> samples = sound.to_float(sound.audible);
    const std::size_t window = static_cast<std::size_t>(config_.audio.window_samples());
    samples.resize(std::min(samples.size(), window));
    Random rng("af2/val/place/1/" + bank_.recordings()[recording].id);
    std::vector<float> placed(window, 0.0f);
    const std::size_t at = rng.below(window - samples.size() + 1);
    for (std::size_t i = 0; i < window; ++i) placed[i] = static_cast<float>(1e-3 * rng.normal());
    for (std::size_t i = 0; i < samples.size(); ++i) placed[at + i] += samples[i];
    torch::Tensor out = torch::zeros({static_cast<int64_t>(window)});
    write_window(placed, config_.audio, out.data_ptr<float>());
    return out;
  }

  TrainOptions options_;
  Af2Config config_;
  SoundBank bank_;
  LogMel logmel_;
  int64_t n_classes_, steps_;
  Split split_;
  Tagger tagger_{nullptr};
  bool frozen_ = false;
  torch::Tensor feature_mean_, feature_deviation_;  // [C]
  ScenePool<TowerScene> pool_;
  std::unique_ptr<Prefetcher<TowerBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_tower_task(const TrainOptions& options) {
  return std::make_unique<TowerTask>(options);
}

}  // namespace af2
