#include "af2/train/clap_batches.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "af2/data/nothing_captions.h"

namespace af2 {
namespace {

constexpr int kTriesPerPiece = 8;
constexpr double kSoftest_db = -35, kLoudest_db = -8, kMostPeak = 0.98;  // of singles, RMS
constexpr double kFormStrength = 0.7;                // of the augmentation of recordings without captions
constexpr double kAlone = 0.5, kMostMargin_s = 0.3;  // singles cut to their sound, and what is left around it

// What `classify` and `events` put a label into, and what people write; %s with its article, %n without.
constexpr std::array<const char*, 4> kLabelTexts = {"the sound of %s", "This is a sound of %n.",
                                                    "This is a sound of %s.", "%n"};
constexpr std::array<const char*, 2> kNothing = {"silence", "background noise"};

std::string label_text(std::string text, const std::string& name, const std::string& with_article) {
  const std::size_t at = text.find('%');
  return text.replace(at, 2, text[at + 1] == 's' ? with_article : name);
}

// Cuts a scene of one sound to the sound and up to kMostMargin_s on each side, at a level as recordings have
// it: in scenes, whose background has a level of its own, most are softer.
void cut_to_sound(Scene& scene, Random& rng) {
  const double rate = static_cast<double>(scene.samples.size()) / scene.seconds;
  const double from = std::max(0.0, scene.events[0].onset_s - rng.uniform(0, kMostMargin_s));
  const double to = std::min(scene.seconds, scene.events[0].offset_s + rng.uniform(0, kMostMargin_s));
  const auto first = static_cast<std::ptrdiff_t>(from * rate), last = static_cast<std::ptrdiff_t>(to * rate);
  scene.samples = {scene.samples.begin() + first, scene.samples.begin() + last};
  scene.seconds = static_cast<double>(last - first) / rate;
  scene.events[0].onset_s -= from, scene.events[0].offset_s -= from;
  double square = 0;
  float peak = 0;
  for (const float x : scene.samples) square += double{x} * x, peak = std::max(peak, std::abs(x));
  if (square == 0) return;
  const double rms = std::sqrt(square / static_cast<double>(scene.samples.size()));
  const double wanted = std::pow(10, rng.uniform(kSoftest_db, kLoudest_db) / 20);
  const auto gain = static_cast<float>(std::min(wanted / rms, kMostPeak / peak));
  for (float& x : scene.samples) x *= gain;
}

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
      map_steps_(config_.map_columns()) {
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
    scene.min_seconds = scene.max_seconds = scene.max_event_seconds =
        rng.uniform(options_.clap.min_single_seconds, options_.clap.max_single_seconds);
    Scene single = make_scene(bank_, split_, rng, scene);
    if (single.events.size() == 1 && rng.chance(kAlone)) cut_to_sound(single, rng);
    return single;
  }
  return make_scene(bank_, split_, rng, scene);
}

Scene ClapBatches::recording_scene(int recording, int form) const {
  const Sound& sound = bank_.sound(recording);
  Scene scene;
  scene.samples = sound.to_float(sound.audible);
  if (form > 0) {
    Random rng("af2/clap/recording/1/" + name_of(recording) + "/" + std::to_string(form));
    AugmentOptions options;
    options.strength = kFormStrength;
    const std::vector<float> changed = augment(scene.samples, rng, options);
    if (!changed.empty()) scene.samples = changed;
  }
  scene.seconds = static_cast<double>(scene.samples.size()) / config_.audio.sample_rate;
  const Recording& info = bank_.recordings()[static_cast<std::size_t>(recording)];
  scene.events.push_back({info.label, info.id, 0, scene.seconds});
  scene.background = "silence";
  return scene;
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
  if (number < 0) {
    const auto form = static_cast<std::int64_t>(options_.clap.recording_forms);
    kept->scene =
        recording_scene(static_cast<int>((-1 - number) / form), static_cast<int>((-1 - number) % form));
  } else {
    Random rng("af2/clap/scene/1/" + name_of(number));
    kept->scene = draw_scene(rng);
  }
  kept->samples = window_of(kept->scene.samples);
  kept->scene.samples = {};
  kept->scene.event_energy.clear();
  kept->scene.background_energy = {};
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
  for (int64_t i = 0; i < options_.clap.recordings; ++i) {
    const std::int64_t number = index * options_.clap.recordings + i;
    Random rng("af2/clap/recordings/1/" + name_of(number));
    ClapClip clip;
    const std::int64_t forms = options_.clap.recording_forms, recording = bank_.draw(split_, rng);
    clip.whole =
        place(-1 - recording * forms -
              static_cast<std::int64_t>(rng.below(static_cast<std::uint64_t>(forms))));  // below 0: no scene
    clip.scene = batch.scenes[clip.whole]->scene;
    batch.seconds += clip.scene.seconds;
    batch.clips.push_back(std::move(clip));
    batch.first.push_back(-1);
    texts.emplace_back();
  }
  if (options_.clap.label_weight > 0) {
    const std::string text =
        kLabelTexts[Random("af2/clap/labels/1/" + name_of(index)).below(kLabelTexts.size())];
    for (const LabelInfo& label : bank_.labels())
      batch.labels.push_back(column(label_text(text, label.name, label.short_name)));
    for (const char* nothing : kNothing) batch.labels.push_back(column(label_text(text, nothing, nothing)));
  }
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
    if (options_.clap.objective != "afclap") continue;
    for (std::size_t m = 0; m < texts[i].negatives.size(); ++m)
      for (const auto& negative : texts[i].negatives[m]) {
        rival[i][columns.at(negative.text)] += 1;
        batch.edits.push_back({i, columns.at(texts[i].captions[m]), columns.at(negative.text)});
      }
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
  const auto all = static_cast<int64_t>(batch.labels.size());
  batch.labels_heard = torch::zeros({b, all}), batch.labels_absent = torch::zeros({b, all});
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
  // Silence and noise, where nothing else sounds.
  for (int64_t i = 0; i < b; ++i) {
    const ClapClip::Heard what = batch.clips[static_cast<std::size_t>(i)].heard;
    const std::array<bool, kNothing.size()> is = {what == ClapClip::Heard::kSilence,
                                                  what == ClapClip::Heard::kNoise};
    for (std::size_t k = 0; k < is.size(); ++k) {
      heard[i][n + static_cast<int64_t>(k)] = is[k] ? 1.0f : 0.0f;
      absent[i][n + static_cast<int64_t>(k)] = is[k] ? 0.0f : 1.0f;
    }
  }
}

void ClapBatches::set_masks(ClapBatch& batch, std::int64_t index) const {
  const auto b = static_cast<int64_t>(batch.clips.size());
  const int64_t bands = frozen_ ? config_.map_rows() : config_.audio.n_mels;
  const int64_t frames = frozen_ ? map_steps_ : config_.audio.n_frames();
  const int64_t mel_stride = config_.audio.n_mels / bands;
  const int64_t time_stride = frozen_ ? config_.tower.frames(config_.audio) / frames : 1;
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
