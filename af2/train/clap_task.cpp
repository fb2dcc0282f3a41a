// Training AF-CLAP: clips rendered from the sound bank beside captions that are true of them and captions
// that are false in one thing (data/captions.h); docs/spec/training.md section 5.
//
// With a frozen stem, what it hears in a scene is kept in memory for the scene's next visits, which bring
// other captions. Clips and texts may come from files instead (clap.pairs). Validation: how well recordings
// find their label among all labels, scenes their caption and captions their scene, and whether a caption
// beats the same one with its sounds in the other order.
#include <algorithm>
#include <cmath>
#include <map>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_folder.h"
#include "af2/model/clap_mel.h"
#include "af2/train/clap_loss.h"
#include "af2/train/clap_pairs_source.h"
#include "af2/train/clap_ranking.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/scene_pool.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

constexpr const char* kValidationTemplate = "the sound of ";

// A clip as the loss needs it.
struct ClapScene {
  torch::Tensor samples;  // [window]; undefined once `map` is known
  torch::Tensor map;      // what a frozen stem hears, bfloat16 [C, m, t]
  Scene scene;            // without its samples
};

struct ClapBatch {
  std::vector<std::int64_t> numbers;               // [B]
  std::vector<std::shared_ptr<ClapScene>> scenes;  // [B]
  std::vector<std::vector<int>> texts;             // [U] token ids
  std::vector<std::int64_t> first;                 // [B] text of each clip's first caption; -1: none
  ClapTargets targets;                             // [B, U]
  torch::Tensor keep;                              // SpecAugment, 1 keep: [B, F, M], or [B, 1, m, t] of a map
  double seconds = 0;
  std::int64_t masked = 0;  // captions equal to another clip's, masked out of that row
};

class ClapTask : public TrainTask {
 public:
  explicit ClapTask(const TrainOptions& options)
      : options_(options),
        folder_(open_clap_folder(options.model)),
        config_(folder_.config),
        bank_(options.bank.empty() ? SoundBank::from_memory({}, {}, {}) : SoundBank::open(options.bank)),
        writer_(bank_),
        features_(config_.audio),
        split_(split_from_name(options.train_split)),
        frozen_(options.tower.freeze_stem),
        pool_(options.scene_pool > 0) {
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    if (frozen_ && (config_.tower.stem.empty() || options_.init.empty()))
      throw user_error("freezes a stem that is not there", "recipe key tower.freeze_stem",
                       "use a model whose tower has a stem, and name its weights with init");
    clap_ = ClapModel(config_);
    take_token_rows(folder_.tokenizer_file, *clap_);
    if (!options_.init.empty()) init_from(options_.init, stored());
    if (options_.clap.pairs.empty())
      bank_.load(split_, std::max(1, options_.workers));
    else
      pairs_ = std::make_unique<ClapPairsSource>(options_.clap.pairs, options_.seed, config_.audio);
    if (!options_.clap.val_pairs.empty())
      val_pairs_ = std::make_unique<ClapPairsSource>(options_.clap.val_pairs, options_.seed, config_.audio);
    set_training(false);
  }

  std::vector<Trained> trained() override {
    std::vector<Trained> items;
    for (auto& item : clap_->named_parameters()) {
      const bool audio = starts_with(item.key(), "audio_branch.");
      const bool of_stem = starts_with(item.key(), "audio_branch.patch_embed.stem.") ||
                           starts_with(item.key(), "audio_branch.bn0.");
      const bool used = options_.clap.objective == "infonce" || item.key() != "logit_scale_t";
      item.value().set_requires_grad(used && !(frozen_ && of_stem));
      if (item.value().requires_grad())
        items.push_back({item.key(), item.value(), audio ? options_.optimizer.tower_lr_scale : 1.0,
                         item.value().dim() >= 2});
    }
    return items;
  }
  NamedTensors stored() override { return stored_tensors(*clap_); }
  void set_training(bool on) override {
    clap_->train(on);
    if (!frozen_) return;
    tower().bn0->eval();
    tower().patch_embed->stem->eval();
  }

  void start_at(std::int64_t index) override {
    batches_ = std::make_unique<Prefetcher<ClapBatch>>(index, options_.workers, 2 * options_.workers,
                                                       [this](std::int64_t i) { return make_batch(i); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    const ClapBatch batch = batches_->next();
    masked_ += batch.masked;
    torch::Tensor map;
    if (frozen_) {
      const torch::Tensor heard =
          pool_.maps_of(batch.numbers, batch.scenes, [this](const torch::Tensor& w) { return stem(w, {}); });
      map = torch::dropout(heard * batch.keep, options_.tower.stem_dropout, clap_->is_training());
    } else {
      std::vector<torch::Tensor> windows;
      for (const auto& scene : batch.scenes) windows.push_back(scene->samples);
      map = stem(torch::stack(windows), batch.keep);
    }
    const torch::Tensor audio = of_map(map);                                          // [B, J]
    const torch::Tensor text = clap_->project_text(clap_->text_pooled(batch.texts));  // [U, J]
    const torch::Tensor scale = logit_scale(clap_->logit_scale_a);
    torch::Tensor sum;
    double count = static_cast<double>(std::count_if(batch.first.begin(), batch.first.end(),
                                                     [](std::int64_t column) { return column >= 0; }));
    if (options_.clap.objective == "infonce") {
      std::vector<std::int64_t> rows, columns;
      for (std::size_t i = 0; i < batch.first.size(); ++i)
        if (batch.first[i] >= 0)
          rows.push_back(static_cast<std::int64_t>(i)), columns.push_back(batch.first[i]);
      sum = infonce_loss(audio.index_select(0, torch::tensor(rows)),
                         text.index_select(0, torch::tensor(columns)), scale,
                         logit_scale(clap_->logit_scale_t));
      count = static_cast<double>(rows.size());
    } else {
      sum = afclap_loss(audio, text, batch.targets, scale);
      if (options_.clap.symmetric) {
        const double captions = (batch.targets.positive.sum(0) > 0).sum().item<double>();
        sum = (sum +
               text_to_audio_loss(audio, text, batch.targets, scale) * (count / std::max(1.0, captions))) /
              2;
      }
    }
    return {sum, count, batch.seconds};
  }

  Json validate() override {
    torch::NoGradGuard no_grad;
    const Split split = split_from_name(options_.val_split);
    if (masked_ > 0) notice("{} captions equal to another clip's were masked out so far", masked_);
    Json figures = bank_.recordings().empty() ? Json::object() : labels_of_recordings(split);
    figures.update(retrieval(val_pairs_ ? val_pairs_->to_rank(options_.clap.val_scenes)
                                        : scenes_to_rank(bank_, writer_, split, options_)));
    return figures;
  }
  void note(Json& record) const override {
    if (pairs_) record["clap"]["pairs_sum"] = pairs_->sum();
  }

 private:
  HtsatImpl& tower() { return *clap_->audio_branch; }

  // Windows [B, samples], as front end -> the stem's map.
  torch::Tensor stem(const torch::Tensor& windows, const torch::Tensor& keep) {
    torch::Tensor mel;
    {
      torch::NoGradGuard no_grad;
      std::vector<torch::Tensor> rows;
      for (int64_t i = 0; i < windows.size(0); ++i)
        rows.push_back(
            features_.window({windows[i].data_ptr<float>(), static_cast<std::size_t>(windows.size(1))}));
      mel = torch::cat(rows);
    }
    return tower().to_stem(mel, keep);
  }
  torch::Tensor of_map(const torch::Tensor& map) {
    return clap_->project_audio(tower().from_stem(map).to(torch::kFloat32).mean(1));
  }
  // A clip of any length up to a window, whole copies of it, then silence: [window].
  torch::Tensor window_of(const std::vector<float>& samples) const {
    const auto length = static_cast<std::size_t>(config_.audio.window_samples());
    const torch::Tensor window = torch::zeros({static_cast<int64_t>(length)});
    const std::size_t n = std::min(samples.size(), length);
    for (std::size_t copy = 0; copy < std::max<std::size_t>(1, length / n); ++copy)
      std::copy_n(samples.data(), n, window.data_ptr<float>() + copy * n);
    return window;
  }

  std::string name_of(std::int64_t number) const {
    return std::to_string(options_.seed) + "/" + options_.train_split + "/" + std::to_string(number);
  }

  Scene draw_scene(Split split, Random& rng) const {
    SceneOptions scene = options_.data.scene;
    if (rng.chance(options_.clap.single_share)) {
      scene.min_events = scene.max_events = 1;
      scene.repeat_chance = 0;
      scene.min_seconds = options_.clap.min_single_seconds;
      scene.max_seconds = options_.clap.max_single_seconds;
      scene.max_event_seconds = std::min(scene.max_event_seconds, scene.min_seconds);
    }
    return make_scene(bank_, split, rng, scene);
  }

  std::shared_ptr<ClapScene> scene_for_batch(std::int64_t number) const {
    if (auto known = pool_.find(number)) return known;
    auto kept = std::make_shared<ClapScene>();
    if (pairs_) {
      const PairClip clip = pairs_->clip(number);
      kept->scene.seconds = clip.seconds;
      kept->samples = window_of(clip.samples);
      return kept;
    }
    Random rng("af2/clap/scene/1/" + name_of(number));
    kept->scene = draw_scene(split_, rng);
    kept->samples = window_of(kept->scene.samples);
    kept->scene.samples = {};
    kept->scene.stems = {};
    return kept;
  }

  ClapBatch make_batch(std::int64_t index) const {
    const int64_t b = options_.batch;
    ClapBatch batch;
    std::map<std::string, std::int64_t> columns;  // of each text
    std::vector<ClapTexts> texts;
    const auto column = [&](const std::string& text) {
      const auto [place, fresh] = columns.emplace(text, static_cast<std::int64_t>(columns.size()));
      if (fresh) batch.texts.push_back(folder_.tokens(text));
      return place->second;
    };
    for (int64_t i = 0; i < b; ++i) {
      const std::int64_t number = index * b + i, pool = options_.scene_pool;
      batch.numbers.push_back(pool > 0 ? number % pool : number);
      batch.scenes.push_back(scene_for_batch(batch.numbers.back()));
      const ClapScene& scene = *batch.scenes.back();
      batch.seconds += scene.scene.seconds;
      Random rng("af2/clap/captions/1/" + name_of(number));
      texts.push_back(pairs_ ? pairs_->texts(batch.numbers.back(), number, options_.clap.captions)
                             : writer_.texts(scene.scene, rng, options_.clap.captions));
      for (const auto& caption : texts.back().captions) column(caption);
      batch.first.push_back(texts.back().captions.empty() ? -1 : column(texts.back().captions[0]));
      if (options_.clap.objective == "afclap")
        for (const auto& wrong : texts.back().negatives)
          for (const auto& negative : wrong) column(negative.text);
    }
    if (columns.empty()) column("");  // no sound could be read
    set_targets(batch, texts, columns);
    set_masks(batch, index);
    return batch;
  }

  void set_targets(ClapBatch& batch, const std::vector<ClapTexts>& texts,
                   const std::map<std::string, std::int64_t>& columns) const {
    const auto b = static_cast<int64_t>(texts.size()), u = static_cast<int64_t>(columns.size());
    batch.targets = {torch::zeros({b, u}), torch::zeros({b, u})};
    auto positive = batch.targets.positive.accessor<float, 2>();
    auto rival = batch.targets.rival.accessor<float, 2>();
    for (int64_t i = 0; i < b; ++i) {
      for (const auto& caption : texts[i].captions) positive[i][columns.at(caption)] += 1;
      if (options_.clap.objective == "afclap")
        for (const auto& wrong : texts[i].negatives)
          for (const auto& negative : wrong) rival[i][columns.at(negative.text)] += 1;
    }
    for (int64_t j = 0; j < b; ++j)
      for (const auto& caption : texts[j].captions) {
        const std::int64_t c = columns.at(caption);
        const auto claim = options_.clap.mask_true && !pairs_ ? writer_.read_caption(caption) : std::nullopt;
        for (int64_t i = 0; i < b; ++i) {
          const bool known_true =
              i != j && (positive[i][c] > 0 ||
                         (claim && writer_.truth_of(*claim, batch.scenes[i]->scene) != Truth::kFalse));
          if (!known_true) rival[i][c] += 1;
          batch.masked += i != j && positive[i][c] > 0;
        }
      }
  }

  void set_masks(ClapBatch& batch, std::int64_t index) const {
    const int64_t b = options_.batch;
    const ClapConfig& tower = config_.tower;
    const int64_t mel_stride = frozen_ ? tower.stem_mel_stride() : 1;
    const int64_t time_stride = frozen_ ? tower.stem_time_stride() : 1;
    const int64_t bands = config_.audio.n_mels / mel_stride;
    const int64_t frames = frozen_ ? tower.frames(config_.audio) / time_stride : config_.audio.n_frames();
    batch.keep = frozen_ ? torch::ones({b, 1, bands, frames}) : torch::ones({b, frames, bands});
    for (int64_t i = 0; i < b; ++i) {
      Random stripes("af2/specaugment/1/" + name_of(index * b + i));
      const torch::Tensor keep = frozen_ ? batch.keep[i][0].t() : batch.keep[i];  // [frames, bands]
      mask_stripes(keep, 0, options_.tower.time_stripes,
                   static_cast<int>(options_.tower.max_time_stripe / time_stride), stripes);
      mask_stripes(keep, 1, options_.tower.mel_stripes,
                   static_cast<int>(options_.tower.max_mel_stripe / mel_stride), stripes);
    }
  }

  // Vectors of clips [N, J] and of texts [N, J].
  torch::Tensor audio_vectors(const std::vector<std::vector<float>>& clips) {
    std::vector<torch::Tensor> rows;
    for (const auto& clip : clips) rows.push_back(of_map(stem(window_of(clip).unsqueeze(0), {})));
    return torch::cat(rows);
  }
  torch::Tensor text_vectors(const std::vector<std::string>& texts) {
    std::vector<torch::Tensor> rows;
    for (const auto& text : texts) rows.push_back(clap_->embed_text(folder_.tokens(text)));
    return torch::stack(rows);
  }

  // Recordings alone: how often their label comes first, among the first five, and first among four, averaged
  // over labels.
  Json labels_of_recordings(Split split) {
    std::vector<int> recordings = bank_.recordings(split);
    Random("af2/val/1/" + std::to_string(options_.seed)).shuffle(recordings);
    if (static_cast<int>(recordings.size()) > options_.val_items) recordings.resize(options_.val_items);
    std::vector<std::string> names;
    for (const LabelInfo& label : bank_.labels()) names.push_back(kValidationTemplate + label.short_name);
    std::vector<std::vector<float>> clips;
    for (const int recording : recordings) {
      const Sound& sound = bank_.sound(recording);
      clips.push_back(sound.to_float(sound.audible));
    }
    const torch::Tensor scores = audio_vectors(clips).matmul(text_vectors(names).t()).contiguous();
    std::map<int, std::vector<std::array<double, 3>>> by_label;
    const auto s = scores.accessor<float, 2>();
    for (std::size_t i = 0; i < recordings.size(); ++i) {
      const int label = bank_.recordings()[recordings[i]].label;
      int above = 0, others = 0;
      for (int c = 0; c < static_cast<int>(names.size()); ++c) {
        if (bank_.confusable(c, label)) continue;
        ++others;
        above += s[static_cast<int64_t>(i)][c] > s[static_cast<int64_t>(i)][label];
      }
      double four = 1;  // no distractor of three scores higher
      for (int k = 0; k < 3; ++k)
        four *= std::max(0.0, static_cast<double>(others - above - k) / std::max(1, others - k));
      by_label[label].push_back({above == 0 ? 1.0 : 0.0, above < 5 ? 1.0 : 0.0, four});
    }
    std::array<double, 3> mean = {};
    for (const auto& [label, hits] : by_label)
      for (const auto& hit : hits)
        for (std::size_t k = 0; k < 3; ++k)
          mean[k] += hit[k] / static_cast<double>(hits.size()) / static_cast<double>(by_label.size());
    return {{"recordings", recordings.size()},
            {"labels", by_label.size()},
            {"top1", mean[0]},
            {"top5", mean[1]},
            {"of_four", mean[2]}};
  }

  Json retrieval(const ClipsToRank& of) {
    return ranking_figures(of, audio_vectors(of.clips), text_vectors(of.captions),
                           of.wrong.empty() ? torch::Tensor() : text_vectors(of.wrong));
  }

  TrainOptions options_;
  ClapFolder folder_;
  ClapModelConfig config_;
  SoundBank bank_;
  CaptionWriter writer_;
  ClapFeatures features_;
  Split split_;
  bool frozen_;
  ClapModel clap_{nullptr};
  ScenePool<ClapScene> pool_;
  std::unique_ptr<ClapPairsSource> pairs_, val_pairs_;
  std::int64_t masked_ = 0;
  std::unique_ptr<Prefetcher<ClapBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_clap_task(const TrainOptions& options) {
  return std::make_unique<ClapTask>(options);
}

}  // namespace af2
