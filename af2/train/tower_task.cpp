// Training the audio tower from nothing: which label sounds in each time step of a rendered scene.
//
// Targets are soft: shares of energy of the labels in each step (data/scene.h), so that overlapping sounds
// share a step. A second, smaller loss asks for the classes of the whole window. Softmax cross-entropy over
// the labels and "background"; SpecAugment on the normalised mel (docs/spec/training.md section 4). With a
// teacher, each time step also predicts the teacher's features of the whole scene (sound_teacher.h).
#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <mutex>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/random.h"
#include "af2/io/safetensors.h"
#include "af2/model/af2_model.h"
#include "af2/model/logmel.h"
#include "af2/model/weights.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/sound_teacher.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

// Tower, classifier and, with a teacher, the prediction of its features; the last two are for training only.
struct TaggerImpl : torch::nn::Module {
  TaggerImpl(const Af2Config& config, int64_t n_classes, bool taught) {
    clap = register_module("clap", ClapHolder(config.clap, config.audio));
    head = register_module("head", torch::nn::Linear(config.clap.out_dim(), n_classes));
    if (taught)
      pupil = register_module("pupil", torch::nn::Linear(config.clap.out_dim(), SoundTeacher::kFeatures));
  }
  ClapHolder clap{nullptr};
  torch::nn::Linear head{nullptr}, pupil{nullptr};
};
TORCH_MODULE(Tagger);

struct TowerBatch {
  torch::Tensor samples;  // [B, window]
  torch::Tensor targets;  // [B, steps, classes] shares
  torch::Tensor keep;     // [B, F, M] SpecAugment, 1 keep
  double seconds = 0;
  std::vector<std::int64_t> scenes;         // [B] their numbers
  std::vector<torch::Tensor> spectrograms;  // [B] for the teacher; undefined where its features are known
};

constexpr int64_t kTeacherBatch = 8;      // scenes at once
constexpr int kScenesForStatistics = 48;  // that the teacher's features are standardised by

class TowerTask : public TrainTask {
 public:
  explicit TowerTask(const TrainOptions& options)
      : options_(options),
        config_(read_af2_config(std::filesystem::path(options.model) / "config.json")),
        bank_(SoundBank::open(options.bank)),
        logmel_(config_.audio),
        n_classes_(static_cast<int64_t>(bank_.labels().size()) + 1),
        steps_(config_.clap.time_steps(config_.audio)),
        split_(split_from_name(options.train_split)) {
    if (options_.tower.max_mel_stripe >= config_.audio.n_mels ||
        options_.tower.max_time_stripe >= config_.audio.n_frames())
      throw user_error("is as wide as the spectrogram",
                       "recipe key tower.max_mel_stripe or tower.max_time_stripe", "give a narrower stripe");
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    const bool taught = !options_.tower.teacher.empty();
    tagger_ = Tagger(config_, n_classes_, taught);
    if (!options_.init.empty()) init_from(options_.init, stored());
    bank_.load(split_, std::max(1, options_.workers));
    if (taught) {
      teacher_ = std::make_unique<SoundTeacher>(options_.tower.teacher);
      measure_teacher();
    }
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& item : tagger_->named_parameters())
      items.push_back({item.key(), item.value(), 1.0, item.value().dim() >= 2});
    return items;
  }
  NamedTensors stored() override { return stored_tensors(*tagger_); }
  void set_training(bool on) override { tagger_->train(on); }

  void start_at(std::int64_t index) override {
    batches_ = std::make_unique<Prefetcher<TowerBatch>>(index, options_.workers, 2 * options_.workers,
                                                        [this](std::int64_t i) { return make_batch(i); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    const TowerBatch batch = batches_->next();
    const torch::Tensor embedded = time_steps(batch.samples, batch.keep);  // [B, steps, D]
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
    if (teacher_) {
      const torch::Tensor taught = (known_features(batch) - teacher_mean_) / teacher_deviation_;
      const torch::Tensor missed =
          (tagger_->pupil->forward(embedded).to(torch::kFloat32) - taught).square().mean(-1);
      sum = sum + options_.tower.teacher_weight * (missed * weights).sum();
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
    std::map<int, std::vector<std::array<double, 3>>> by_label;
    for (std::size_t first = 0; first < recordings.size(); first += options_.batch) {
      const std::size_t last = std::min(recordings.size(), first + options_.batch);
      std::vector<torch::Tensor> windows;
      for (std::size_t i = first; i < last; ++i) windows.push_back(alone_in_window(recordings[i]));
      const torch::Tensor log_p =
          tagger_->head->forward(time_steps(torch::stack(windows), {})).log_softmax(-1);
      const torch::Tensor sounding = 1 - log_p.select(-1, n_classes_ - 1).exp();  // [B, steps]
      const torch::Tensor scores = (log_p.narrow(-1, 0, n_classes_ - 1) * sounding.unsqueeze(-1)).sum(1);
      for (std::size_t i = first; i < last; ++i)
        by_label[bank_.recordings()[recordings[i]].label].push_back(judge(scores[i - first], recordings[i]));
    }
    std::array<double, 3> mean = {};
    for (const auto& [label, hits] : by_label)
      for (int k = 0; k < 3; ++k) {
        double sum = 0;
        for (const auto& hit : hits) sum += hit[k];
        mean[k] += sum / static_cast<double>(hits.size()) / static_cast<double>(by_label.size());
      }
    return {{"n", recordings.size()},
            {"labels", by_label.size()},
            {"top1", mean[0]},
            {"top5", mean[1]},
            {"of_four", mean[2]}};
  }

 private:
  // [B, samples] -> [B, steps, D]: mean over the frequency bins of each time step.
  torch::Tensor time_steps(const torch::Tensor& samples, const torch::Tensor& keep) {
    torch::Tensor mel;
    {
      torch::NoGradGuard no_grad;
      mel = logmel_(samples);
    }
    const torch::Tensor tokens = tagger_->clap->nvclap->forward(mel, keep);  // [B, bins*steps, D]
    return tokens.view({tokens.size(0), -1, steps_, tokens.size(2)}).mean(1);
  }

  TowerBatch make_batch(std::int64_t index) const {
    const int64_t window = config_.audio.window_samples(), b = options_.batch;
    TowerBatch batch{torch::zeros({b, window}),
                     torch::zeros({b, steps_, n_classes_}),
                     torch::ones({b, config_.audio.n_frames(), config_.audio.n_mels}),
                     0,
                     {},
                     {}};
    const double hop_s = config_.audio.window_seconds / static_cast<double>(steps_);
    for (int64_t i = 0; i < b; ++i) {
      const std::int64_t number = index * b + i, pool = options_.scene_pool;
      batch.scenes.push_back(pool > 0 ? number % pool : number);
      const Scene scene = scene_of(batch.scenes.back());
      if (teacher_)
        batch.spectrograms.push_back(is_known(batch.scenes.back())
                                         ? torch::Tensor()
                                         : teacher_->spectrogram(whole_window(scene.samples)));
      write_window(scene.samples, config_.audio, batch.samples[i].data_ptr<float>());
      batch.seconds += scene.seconds;
      const FrameLabels labels = frame_labels(scene, hop_s, static_cast<int>(steps_));
      torch::Tensor row = batch.targets[i];
      auto targets = row.accessor<float, 2>();
      for (int64_t step = 0; step < steps_; ++step) {
        for (const auto& [label, share] : labels.steps[step]) targets[step][label] = share;
        targets[step][n_classes_ - 1] = labels.background[step];
      }
      Random stripes("af2/specaugment/1/" + name_of(number));
      mask_stripes(batch.keep[i], 0, options_.tower.time_stripes, options_.tower.max_time_stripe, stripes);
      mask_stripes(batch.keep[i], 1, options_.tower.mel_stripes, options_.tower.max_mel_stripe, stripes);
    }
    return batch;
  }

  std::string name_of(std::int64_t number) const {
    return std::to_string(options_.seed) + "/" + options_.train_split + "/" + std::to_string(number);
  }
  Scene scene_of(std::int64_t number) const {
    Random rng("af2/scene/1/" + name_of(number));
    return make_scene(bank_, split_, rng, options_.data.scene);
  }

  // [B, F, 96] -> [B, steps, features] as square roots, which are less skewed.
  torch::Tensor ask_teacher(const std::vector<torch::Tensor>& spectrograms) const {
    std::vector<torch::Tensor> parts;
    for (std::size_t i = 0; i < spectrograms.size(); i += kTeacherBatch) {
      const std::size_t last = std::min(spectrograms.size(), i + kTeacherBatch);
      const std::vector<torch::Tensor> part(spectrograms.begin() + static_cast<std::ptrdiff_t>(i),
                                            spectrograms.begin() + static_cast<std::ptrdiff_t>(last));
      parts.push_back(SoundTeacher::at_steps(teacher_->features(torch::stack(part)), steps_,
                                             config_.audio.window_seconds / static_cast<double>(steps_),
                                             options_.tower.teacher_reach_s));
    }
    return torch::cat(parts).sqrt();
  }

  void measure_teacher() {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> spectrograms;
    for (int i = 0; i < kScenesForStatistics; ++i)
      spectrograms.push_back(teacher_->spectrogram(whole_window(scene_of(i).samples)));
    const torch::Tensor all = ask_teacher(spectrograms).flatten(0, 1);
    teacher_mean_ = all.mean(0);
    teacher_deviation_ = all.std(0) + 0.05 * all.std();
  }

  // The teacher's spectrograms are of whole windows, like the tower's.
  std::vector<float> whole_window(std::vector<float> samples) const {
    samples.resize(static_cast<std::size_t>(config_.audio.window_samples()), 0.0f);
    return samples;
  }

  bool is_known(std::int64_t scene) const {
    const std::lock_guard lock(known_mutex_);
    return known_.contains(scene);
  }

  // The teacher's features of a batch [B, steps, features]; with a pool of scenes, each is asked for once.
  torch::Tensor known_features(const TowerBatch& batch) {
    torch::NoGradGuard no_grad;
    std::vector<torch::Tensor> asked;
    std::vector<std::size_t> where;
    std::vector<torch::Tensor> rows(batch.scenes.size());
    for (std::size_t i = 0; i < batch.scenes.size(); ++i) {
      const std::lock_guard lock(known_mutex_);
      const auto found = known_.find(batch.scenes[i]);
      if (found != known_.end()) {
        rows[i] = found->second.to(torch::kFloat32);
      } else {
        asked.push_back(batch.spectrograms[i]);
        where.push_back(i);
      }
    }
    if (!asked.empty()) {
      const torch::Tensor answers = ask_teacher(asked);
      for (std::size_t k = 0; k < where.size(); ++k) {
        // Kept in half precision, and used so the first time too: a resumed run sees the same values.
        const torch::Tensor kept = answers[static_cast<int64_t>(k)].to(torch::kBFloat16).clone();
        rows[where[k]] = kept.to(torch::kFloat32);
        const std::lock_guard lock(known_mutex_);
        if (options_.scene_pool > 0) known_[batch.scenes[where[k]]] = kept;
      }
    }
    return torch::stack(rows);
  }

  static void mask_stripes(torch::Tensor keep, int64_t axis, int n, int widest, Random& rng) {
    for (int i = 0; i < n; ++i) {
      const int64_t width = rng.range(0, widest);
      const int64_t first =
          static_cast<int64_t>(rng.below(static_cast<std::uint64_t>(keep.size(axis) - width)));
      keep.narrow(axis, first, width).zero_();
    }
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

  // Right first, right among the first five, right among four (expected over random distractors).
  std::array<double, 3> judge(const torch::Tensor& scores, int recording) const {
    const int label = bank_.recordings()[recording].label;
    const auto s = scores.accessor<float, 1>();
    int above = 0, others = 0;
    for (int64_t c = 0; c + 1 < n_classes_; ++c) {
      if (bank_.confusable(static_cast<int>(c), label)) continue;
      ++others;
      above += s[c] > s[label];
    }
    double four = 1;  // no distractor of three scores higher
    for (int k = 0; k < 3; ++k) four *= std::max(0.0, static_cast<double>(others - above - k) / (others - k));
    return {above == 0 ? 1.0 : 0.0, above < 5 ? 1.0 : 0.0, four};
  }

  TrainOptions options_;
  Af2Config config_;
  SoundBank bank_;
  LogMel logmel_;
  int64_t n_classes_, steps_;
  Split split_;
  Tagger tagger_{nullptr};
  std::unique_ptr<SoundTeacher> teacher_;
  torch::Tensor teacher_mean_, teacher_deviation_;  // [features]
  mutable std::mutex known_mutex_;
  std::map<std::int64_t, torch::Tensor> known_;  // scene -> bfloat16 [steps, features]
  std::unique_ptr<Prefetcher<TowerBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_tower_task(const TrainOptions& options) {
  return std::make_unique<TowerTask>(options);
}

}  // namespace af2
