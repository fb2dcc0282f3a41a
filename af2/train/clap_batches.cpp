#include "af2/train/clap_batches.h"

#include <algorithm>

#include "af2/data/nothing_captions.h"

namespace af2 {
namespace {

constexpr int kTriesPerPiece = 8;

}  // namespace

void keep_share(ClapBatch& batch, std::size_t first, std::size_t n) {
  if (n == batch.clips.size()) return;
  batch.clips = {batch.clips.begin() + static_cast<std::ptrdiff_t>(first),
                 batch.clips.begin() + static_cast<std::ptrdiff_t>(first + n)};
  std::map<std::size_t, std::size_t> places;
  std::vector<std::int64_t> numbers;
  std::vector<std::shared_ptr<ClapScene>> scenes;
  const auto moved = [&](std::size_t source) {
    const auto [at, fresh] = places.emplace(source, scenes.size());
    if (fresh) numbers.push_back(batch.numbers[source]), scenes.push_back(batch.scenes[source]);
    return at->second;
  };
  for (ClapClip& clip : batch.clips) {
    if (clip.pieces.empty()) clip.whole = moved(clip.whole);
    for (auto& [source, piece] : clip.pieces) source = moved(source);
  }
  batch.numbers = std::move(numbers);
  batch.scenes = std::move(scenes);
}

ClapBatches::ClapBatches(const TrainOptions& options, const ClapFolder& folder, const SoundBank& bank)
    : options_(options),
      folder_(folder),
      config_(folder.config),
      bank_(bank),
      writer_(bank),
      split_(split_from_name(options.train_split)),
      frozen_(options.tower.freeze_stem),
      map_steps_(config_.tower.frames(config_.audio) / std::max(1, config_.tower.stem_time_stride())) {
  if (!options_.clap.pairs.empty())
    pairs_ = std::make_unique<ClapPairsSource>(options_.clap.pairs, options_.seed, config_.audio);
}

std::string ClapBatches::name_of(std::int64_t number) const {
  return std::to_string(options_.seed) + "/" + options_.train_split + "/" + std::to_string(number);
}

torch::Tensor ClapBatches::window_of(const std::vector<float>& samples) const {
  const auto length = static_cast<std::size_t>(config_.audio.window_samples());
  const torch::Tensor window = torch::zeros({static_cast<int64_t>(length)});
  const std::size_t n = std::min(samples.size(), length);
  for (std::size_t copy = 0; n > 0 && copy < std::max<std::size_t>(1, length / n); ++copy)
    std::copy_n(samples.data(), n, window.data_ptr<float>() + copy * n);
  return window;
}

torch::Tensor ClapBatches::joined_map(const ClapClip& clip, const std::vector<torch::Tensor>& maps,
                                      const torch::Tensor& silence) const {
  if (clip.pieces.empty()) return maps[clip.whole];
  torch::Tensor map = silence.clone();
  std::int64_t steps = 0;
  for (const auto& [source, piece] : clip.pieces) steps += piece.n_steps;
  std::int64_t at = 0;
  for (std::int64_t copy = 0; copy < std::max<std::int64_t>(1, map_steps_ / steps); ++copy)
    for (const auto& [source, piece] : clip.pieces) {
      map.narrow(2, at, piece.n_steps).copy_(maps[source].narrow(2, piece.first_step, piece.n_steps));
      at += piece.n_steps;
    }
  return map;
}

Scene ClapBatches::draw_scene(Random& rng) const {
  SceneOptions scene = options_.data.scene;
  if (rng.chance(options_.clap.single_share)) {
    scene.min_events = scene.max_events = 1;
    scene.repeat_chance = 0;
    scene.min_seconds = options_.clap.min_single_seconds;
    scene.max_seconds = options_.clap.max_single_seconds;
    scene.max_event_seconds = std::min(scene.max_event_seconds, scene.min_seconds);
  }
  return make_scene(bank_, split_, rng, scene);
}

std::shared_ptr<ClapScene> ClapBatches::scene(std::int64_t number, const ScenePool<ClapScene>& pool) const {
  if (auto known = pool.find(number)) return known;
  auto kept = std::make_shared<ClapScene>();
  if (pairs_) {
    const PairClip clip = pairs_->clip(number);
    kept->scene.seconds = clip.seconds;
    kept->samples = window_of(clip.samples);
    return kept;
  }
  Random rng("af2/clap/scene/1/" + name_of(number));
  kept->scene = draw_scene(rng);
  kept->samples = window_of(kept->scene.samples);
  kept->scene.samples = {};
  kept->scene.stems = {};
  return kept;
}

ClapClip ClapBatches::join_clip(std::int64_t number, const std::function<std::size_t(std::int64_t)>& place,
                                const ClapBatch& batch) const {
  Random rng("af2/clap/join/1/" + name_of(number));
  const double hop_s = config_.audio.window_seconds / static_cast<double>(map_steps_);
  const int wanted = rng.range(1, options_.clap.most_pieces);
  ClapClip clip;
  std::int64_t steps = 0;
  int background = -1;
  for (int tries = 0; tries < wanted * kTriesPerPiece && static_cast<int>(clip.pieces.size()) < wanted;
       ++tries) {
    const std::size_t source =
        place(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(options_.scene_pool))));
    const Scene& scene = batch.scenes[source]->scene;
    const std::vector<ScenePiece> pieces = pieces_of(scene, hop_s);
    if (pieces.empty() || !may_follow(background, scene)) continue;
    const ScenePiece& piece = rng.pick(pieces);
    if (steps + piece.n_steps > map_steps_) continue;
    background = std::max(background, scene.background_label);
    steps += piece.n_steps;
    clip.pieces.emplace_back(source, piece);
  }
  std::vector<std::pair<const Scene*, ScenePiece>> parts;
  for (const auto& [source, piece] : clip.pieces) parts.emplace_back(&batch.scenes[source]->scene, piece);
  clip.scene = join_scenes(parts);
  return clip;
}

// A stretch of a pool's scene without its sounds; no pieces where none was found.
ClapClip ClapBatches::quiet_clip(std::int64_t number, const std::function<std::size_t(std::int64_t)>& place,
                                 const ClapBatch& batch) const {
  Random rng("af2/clap/quiet/1/" + name_of(number));
  const double hop_s = config_.audio.window_seconds / static_cast<double>(map_steps_);
  ClapClip clip;
  for (int tries = 0; tries < kTriesPerPiece && clip.pieces.empty(); ++tries) {
    const std::size_t source =
        place(static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(options_.scene_pool))));
    const Scene& scene = batch.scenes[source]->scene;
    const std::vector<ScenePiece> gaps = gaps_of(scene, hop_s);
    if (gaps.empty() || scene.background_label >= 0) continue;
    clip.pieces.emplace_back(source, rng.pick(gaps));
    clip.heard = scene.background == "silence" ? ClapClip::Heard::kSilence : ClapClip::Heard::kNoise;
    clip.scene = join_scenes({{&scene, clip.pieces[0].second}});
  }
  return clip;
}

ClapBatch ClapBatches::batch(std::int64_t index, const ScenePool<ClapScene>& pool) const {
  ClapBatch batch;
  std::map<std::int64_t, std::size_t> places;  // of each scene
  const auto place = [&](std::int64_t number) {
    const auto [at, fresh] = places.emplace(number, batch.scenes.size());
    if (fresh) {
      batch.numbers.push_back(number);
      batch.scenes.push_back(scene(number, pool));
    }
    return at->second;
  };
  std::map<std::string, std::int64_t> columns;  // of each text
  std::vector<ClapTexts> texts;
  const auto column = [&](const std::string& text) {
    const auto [at, fresh] = columns.emplace(text, static_cast<std::int64_t>(columns.size()));
    if (fresh) batch.texts.push_back(folder_.tokens(text));
    return at->second;
  };
  for (int64_t i = 0; i < options_.batch; ++i) {
    const std::int64_t number = index * options_.batch + i;
    ClapClip clip;
    const double drawn = Random("af2/clap/joins/1/" + name_of(number)).uniform();
    if (drawn < options_.clap.quiet_share)
      clip = quiet_clip(number, place, batch);
    else if (drawn < options_.clap.quiet_share + options_.clap.join_share)
      clip = join_clip(number, place, batch);
    if (clip.pieces.empty()) {
      clip.whole = place(options_.scene_pool > 0 ? number % options_.scene_pool : number);
      clip.scene = batch.scenes[clip.whole]->scene;
    }
    clip.skip_alone = clip.scene.labels().size() < 2 &&
                      Random("af2/clap/skip/1/" + name_of(number)).chance(options_.clap.skip_alone);
    batch.seconds += clip.scene.seconds;
    Random rng("af2/clap/captions/1/" + name_of(number));
    if (pairs_)
      texts.push_back(pairs_->texts(batch.numbers[clip.whole], number, options_.clap.captions));
    else if (clip.heard == ClapClip::Heard::kEvents)
      texts.push_back(writer_.texts(clip.scene, rng, options_.clap.captions));
    else
      texts.push_back(
          nothing_texts(bank_, clip.heard == ClapClip::Heard::kSilence, rng, options_.clap.captions));
    batch.clips.push_back(std::move(clip));
    for (const auto& caption : texts.back().captions) column(caption);
    batch.first.push_back(texts.back().captions.empty() ? -1 : column(texts.back().captions[0]));
    if (options_.clap.objective == "afclap")
      for (const auto& wrong : texts.back().negatives)
        for (const auto& negative : wrong) column(negative.text);
  }
  if (columns.empty()) column("");  // no sound could be read
  if (options_.clap.label_weight > 0)
    for (const LabelInfo& label : bank_.labels())
      batch.labels.push_back(column("the sound of " + label.short_name));
  set_targets(batch, texts, columns);
  if (!batch.labels.empty()) set_label_targets(batch);
  set_masks(batch, index);
  return batch;
}

void ClapBatches::set_targets(ClapBatch& batch, const std::vector<ClapTexts>& texts,
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
        const bool both_quiet =
            batch.clips[j].heard != ClapClip::Heard::kEvents && batch.clips[i].heard == batch.clips[j].heard;
        const bool known_true =
            i != j && (both_quiet || positive[i][c] > 0 ||
                       (claim && writer_.truth_of(*claim, batch.clips[i].scene) != Truth::kFalse));
        if (!known_true) rival[i][c] += 1;
        batch.masked += i != j && positive[i][c] > 0;
      }
    }
}

void ClapBatches::set_label_targets(ClapBatch& batch) const {
  const auto b = static_cast<int64_t>(batch.clips.size()), n = static_cast<int64_t>(bank_.labels().size());
  batch.labels_heard = torch::zeros({b, n}), batch.labels_absent = torch::zeros({b, n});
  auto heard = batch.labels_heard.accessor<float, 2>();
  auto absent = batch.labels_absent.accessor<float, 2>();
  for (int64_t label = 0; label < n; ++label) {
    CaptionClaim claim;
    claim.parts.push_back({static_cast<int>(label), 0});
    for (int64_t i = 0; i < b; ++i) {
      const Truth truth = writer_.truth_of(claim, batch.clips[static_cast<std::size_t>(i)].scene);
      heard[i][label] = truth == Truth::kTrue ? 1.0f : 0.0f;
      absent[i][label] = truth == Truth::kFalse ? 1.0f : 0.0f;
    }
  }
}

void ClapBatches::set_masks(ClapBatch& batch, std::int64_t index) const {
  const int64_t b = options_.batch;
  const ClapConfig& tower = config_.tower;
  const int64_t mel_stride = frozen_ ? tower.stem_mel_stride() : 1;
  const int64_t time_stride = frozen_ ? tower.stem_time_stride() : 1;
  const int64_t bands = config_.audio.n_mels / mel_stride;
  const int64_t frames = frozen_ ? map_steps_ : config_.audio.n_frames();
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

}  // namespace af2
