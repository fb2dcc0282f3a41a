// Training AF-CLAP: clips rendered from the sound bank beside captions that are true of them and captions
// that are false in one thing (data/captions.h); docs/spec/training.md section 5.
//
// With a frozen stem, what it hears in a scene is kept in memory for the scene's next visits, which bring
// other captions. Clips and texts may come from files instead (clap.pairs). Validation: how well recordings
// find their label among all labels, scenes their caption and captions their scene, and whether a caption
// beats the same one with its sounds in the other order.
#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/data/label_hits.h"
#include "af2/model/batch_norm.h"
#include "af2/model/clap_mel.h"
#include "af2/train/clap_batches.h"
#include "af2/train/clap_ranking.h"
#include "af2/train/data_source.h"
#include "af2/train/prefetch.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

constexpr const char* kValidationTemplate = "the sound of ";

class ClapTask : public TrainTask {
 public:
  ClapTask(const TrainOptions& options, std::shared_ptr<Ranks> ranks)
      : options_(options),
        ranks_(std::move(ranks)),
        folder_(open_clap_folder(options.model)),
        config_(folder_.config),
        bank_(options.bank.empty() ? SoundBank::from_memory({}, {}, {}) : SoundBank::open(options.bank)),
        data_(options, folder_, bank_),
        features_(config_.audio),
        frozen_(options.tower.freeze_stem),
        pool_(options.scene_pool > 0) {
    torch::manual_seed(static_cast<std::uint64_t>(options_.seed));
    if ((options_.batch + options_.clap.recordings) % ranks_->size() != 0)
      throw user_error(fmt::format("{} clips cannot be shared evenly by {} ranks",
                                   options_.batch + options_.clap.recordings, ranks_->size()),
                       "recipe key batch (and clap.recordings)", "take a multiple of the ranks");
    if (frozen_ && (config_.tower.stem.empty() || options_.init.empty()))
      throw user_error("freezes a stem that is not there", "recipe key tower.freeze_stem",
                       "use a model whose tower has a stem, and name its weights with init");
    clap_ = ClapModel(config_);
    take_token_rows(folder_.tokenizer_file, *clap_);
    if (!options_.init.empty()) init_from(init_weights(options_.init), stored());
    if (options_.clap.pairs.empty())
      bank_.load(split_from_name(options_.train_split), std::max(1, options_.workers));
    if (!options_.clap.val_pairs.empty())
      val_pairs_ = std::make_unique<ClapPairsSource>(options_.clap.val_pairs, options_.seed, config_.audio);
    set_training(false);
    if (ranks_->size() > 1) set_batch_norm_sum([this](const torch::Tensor& t) { return ranks_->summed(t); });
  }

  ~ClapTask() override { set_batch_norm_sum({}); }

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
    batches_ =
        std::make_unique<Prefetcher<ClapBatch>>(index, options_.workers, 2 * options_.workers,
                                                [this](std::int64_t i) { return data_.batch(i, pool_); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    ClapBatch batch = batches_->next();
    masked_ += batch.masked;
    const torch::Tensor audio = ranks_->gather(vectors_of(batch));  // [B, J]
    const torch::Tensor text = text_of(batch);                      // [U, J]
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
    if (options_.clap.edit_weight > 0)
      sum = sum + options_.clap.edit_weight * edit_loss(audio, text, batch.edits, scale);
    if (!batch.labels.empty())
      sum = sum + options_.clap.label_weight * label_loss(audio,
                                                          text.index_select(0, torch::tensor(batch.labels)),
                                                          batch.labels_heard, batch.labels_absent, scale);
    // Every rank has the whole loss and gives its part of it.
    return {sum / ranks_->size(), count / ranks_->size(), batch.seconds};
  }

  Json validate() override {
    torch::NoGradGuard no_grad;
    const Split split = split_from_name(options_.val_split);
    if (masked_ > 0) notice("{} captions equal to another clip's were masked out so far", masked_);
    Json figures = bank_.recordings().empty() ? Json::object() : labels_of_recordings(split);
    figures.update(retrieval(val_pairs_ ? val_pairs_->to_rank(options_.clap.val_scenes)
                                        : scenes_to_rank(bank_, data_.writer(), split, options_)));
    return figures;
  }
  void note(Json& record) const override {
    if (data_.pairs()) record["clap"]["pairs_sum"] = data_.pairs()->sum();
  }

 private:
  HtsatImpl& tower() { return *clap_->audio_branch; }

  // Windows [B, samples] -> what the stem hears, as ClapModelImpl::stem_map.
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
    return clap_->stem_map(mel, keep);
  }
  // Vectors of this rank's share of the clips [B / R, J].
  torch::Tensor vectors_of(ClapBatch& batch) { return of_map(map_of(batch)); }
  // Vectors of a batch's texts [U, J], each heard by one rank: even shares, the last ones filled up.
  torch::Tensor text_of(const ClapBatch& batch) {
    const auto n = static_cast<std::int64_t>(batch.texts.size());
    const std::int64_t share = (n + ranks_->size() - 1) / ranks_->size();
    std::vector<std::vector<int>> own;
    for (std::int64_t i = 0; i < share; ++i)
      own.push_back(batch.texts[static_cast<std::size_t>(std::min(n - 1, ranks_->rank() * share + i))]);
    return ranks_->gather(clap_->project_text(clap_->text_pooled(own))).narrow(0, 0, n);
  }
  // What the stem hears in this rank's share of a batch's clips [B / R, C, m, t]. All ranks draw the whole
  // batch, whose labels say which captions are true of which clips.
  torch::Tensor map_of(ClapBatch& batch) {
    const std::int64_t share = static_cast<std::int64_t>(batch.clips.size()) / ranks_->size(),
                       first = ranks_->rank() * share;
    const torch::Tensor keep = batch.keep.narrow(0, first, share);
    keep_share(batch, static_cast<std::size_t>(first), static_cast<std::size_t>(share));
    std::vector<torch::Tensor> rows;
    if (!frozen_) {
      for (const auto& clip : batch.clips) rows.push_back(batch.scenes[clip.whole]->samples);
      return stem(torch::stack(rows), keep);
    }
    const auto hear = [this](const torch::Tensor& windows) { return stem(windows, {}); };
    const std::vector<torch::Tensor> maps = pool_.maps_of(batch.numbers, batch.scenes, hear);
    if (!silence_.defined()) {
      torch::NoGradGuard no_grad;
      silence_ = hear(torch::zeros({1, config_.audio.window_samples()}))[0].to(torch::kBFloat16);
    }
    for (const auto& clip : batch.clips) rows.push_back(data_.joined_map(clip, maps, silence_));
    const torch::Tensor heard = torch::stack(rows).to(torch::kFloat32);
    return torch::feature_dropout(heard * keep, options_.tower.stem_dropout, clap_->is_training());
  }
  torch::Tensor of_map(const torch::Tensor& map) { return clap_->project_audio(clap_->of_stem(map)); }
  // Vectors of clips [N, J] and of texts [N, J].
  torch::Tensor audio_vectors(const std::vector<std::vector<float>>& clips) {
    std::vector<torch::Tensor> rows;
    for (const auto& clip : clips) rows.push_back(of_map(stem(data_.window_of(clip).unsqueeze(0), {})));
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
    LabelHits hits(bank_);
    for (std::size_t i = 0; i < recordings.size(); ++i)
      hits.add(row_of(scores, i), bank_.recordings()[recordings[i]].label);
    return hits.figures();
  }

  Json retrieval(const ClipsToRank& of) {
    return ranking_figures(of, audio_vectors(of.clips), text_vectors(of.captions),
                           of.wrong.empty() ? torch::Tensor() : text_vectors(of.wrong));
  }

  TrainOptions options_;
  std::shared_ptr<Ranks> ranks_;
  ClapFolder folder_;
  ClapModelConfig config_;
  SoundBank bank_;
  ClapBatches data_;
  ClapFeatures features_;
  bool frozen_;
  ClapModel clap_{nullptr};
  ScenePool<ClapScene> pool_;
  torch::Tensor silence_;  // what a frozen stem hears in nothing, [C, m, t]
  std::unique_ptr<ClapPairsSource> val_pairs_;
  std::int64_t masked_ = 0;
  std::unique_ptr<Prefetcher<ClapBatch>> batches_;
};

}  // namespace

std::unique_ptr<TrainTask> make_clap_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks) {
  return std::make_unique<ClapTask>(options, std::move(ranks));
}

}  // namespace af2
