#include "af2/train/stage_batch.h"

#include <fmt/format.h>

#include <algorithm>

#include "af2/core/random.h"

namespace af2 {

StageReader::StageReader(const TrainOptions& options, const ModelFolder& model, const TrainTokens& tokens,
                         const TokenStore* store)
    : options_(options),
      model_(model),
      tokens_(tokens),
      store_(store),
      sounds_{model.config.audio.sample_rate, model.config.audio.window_seconds,
              model.config.audio.channels == "first" ? Channels::kFirst : Channels::kMean,
              options.stage.augment} {}

StageBatch StageReader::read(const PlannedBatch& planned, const std::vector<TrainSet>& sets) const {
  StageBatch batch;
  batch.step = planned.step, batch.slice = planned.slice, batch.place = planned.place;
  for (const BlendItem& one : planned.batch.items) add(batch, sets, one, /*train=*/true);
  finish(batch);
  return batch;
}

std::vector<StageBatch> StageReader::read_validation(const std::vector<TrainSet>& sets, std::size_t s) const {
  const TrainSet& set = sets[s];
  std::vector<BlendItem> items;
  for (std::size_t i = 0; i < set.items.size(); ++i)
    items.push_back(
        {static_cast<std::uint32_t>(s), static_cast<std::uint32_t>(i), 0, set.items[i].windows, 0});
  Random(fmt::format("af2/validation/1/{}/{}", options_.seed, set.name)).shuffle(items);
  items.resize(std::min(items.size(), static_cast<std::size_t>(options_.val_items)));
  std::stable_sort(items.begin(), items.end(),
                   [](const BlendItem& a, const BlendItem& b) { return a.windows < b.windows; });
  const StageOptions& stage = options_.stage;
  std::vector<StageBatch> batches;
  for (const LengthBatch& part :
       length_batches(items, {stage.max_windows, stage.max_clips, stage.multiple})) {
    StageBatch& batch = batches.emplace_back();
    for (const BlendItem& one : part.items) add(batch, sets, one, /*train=*/false);
    finish(batch);
  }
  return batches;
}

// Reads one item into the batch, or notes why it cannot be used.
void StageReader::add(StageBatch& batch, const std::vector<TrainSet>& sets, const BlendItem& one,
                      bool train) const {
  const TrainSet& set = sets[one.set];
  const TrainItem& item = set.items[one.item];
  const TrainDraw draw{set.name, one.item, one.pass, static_cast<std::uint64_t>(options_.seed)};
  const std::string key = store_ ? TokenStore::key(item) : "";
  torch::Tensor known, windows;
  if (auto tokens = store_ ? store_->find(key) : std::nullopt) {
    known = *tokens;
    batch.seconds += std::min(item.seconds, static_cast<double>(known.size(0)) * sounds_.window_s);
  } else {
    TrainSoundOptions sounds = sounds_;
    if (!train) sounds.augment = {};
    TrainSound sound = load_train_sound(item, draw, sounds);
    if (!sound.problem.empty()) {
      batch.bad.emplace_back(sound.problem, sound.detail);
      return;
    }
    windows = torch::from_blob(sound.windows.data(), {sound.n_windows, model_.config.audio.window_samples()})
                  .clone();
    batch.seconds += sound.seconds;
  }
  if (train && options_.stage.trains_stem() && options_.stage.spec_augment)
    batch.keep_mel.push_back(keep_mel(draw, windows.size(0)));
  const std::string& output = train_output(item, set.name, one.pass, draw.seed);
  TrainIds ids = train_ids(item.prompt, output, tokens_, options_.stage.text);
  batch.texts.push_back({std::move(ids.prompt), std::move(ids.answer)});
  batch.items.push_back(one);
  batch.sounds.push_back(windows);
  batch.known.push_back(known);
  batch.keys.push_back(key);
}

void StageReader::finish(StageBatch& batch) const {
  if (!batch.items.empty()) batch.tokens = make_token_batch(batch.texts, model_.stop_ids.front());
}

// 1 where the spectrogram is seen, the same in each of a clip's windows: [W, F, M].
torch::Tensor StageReader::keep_mel(const TrainDraw& draw, int64_t n_windows) const {
  const AudioConfig& audio = model_.config.audio;
  const TowerTaskOptions& masks = options_.tower;
  torch::Tensor keep = torch::ones({n_windows, audio.n_frames(), audio.n_mels});
  Random rng(draw.name("af2/specaugment/1"));
  const auto stripes = [&](int64_t dim, int n, int widest) {
    for (int i = 0; i < n; ++i) {
      const int64_t most = std::min<int64_t>(widest, keep.size(dim) - 1);
      const auto width = static_cast<int64_t>(rng.below(static_cast<std::uint64_t>(most) + 1));
      const auto from =
          static_cast<int64_t>(rng.below(static_cast<std::uint64_t>(keep.size(dim) - width) + 1));
      keep.narrow(dim, from, width).zero_();
    }
  };
  stripes(1, masks.time_stripes, masks.max_time_stripe);
  stripes(2, masks.mel_stripes, masks.max_mel_stripe);
  return keep;
}

}  // namespace af2
