// Batches of AF-CLAP's training: clips of the sound bank, captions that are true of them and captions that
// are false in one thing (data/captions.h), or clips and texts out of files, and which caption is whose.
//
// batch(i) is a function of i and the recipe, whatever was made before. With a frozen stem its scenes come
// from a pool: some as they are, some joined from stretches of several (train/scene_join.h). Not for what a
// model does with them (clap_task.cpp). Thread rule: constant; batch() may be called from any thread.
//
//   const ClapBatches data(options, folder, bank);
//   const ClapBatch batch = data.batch(17, pool);
#pragma once

#include <torch/torch.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "af2/generate/clap_folder.h"
#include "af2/train/clap_loss.h"
#include "af2/train/clap_pairs_source.h"
#include "af2/train/scene_join.h"
#include "af2/train/scene_pool.h"
#include "af2/train/train_options.h"

namespace af2 {

// A rendered scene as the pool keeps it.
struct ClapScene {
  torch::Tensor samples;  // [window]; undefined once `map` is known
  torch::Tensor map;      // what a frozen stem hears, bfloat16 [C, m, t]
  Scene scene;            // without its samples
};

// A clip: pieces of the batch's scenes one after the other, or (no pieces) scene `whole` as it is.
struct ClapClip {
  Scene scene;
  enum class Heard { kEvents, kNoise, kSilence } heard = Heard::kEvents;
  std::size_t whole = 0;
  std::vector<std::pair<std::size_t, ScenePiece>> pieces;
};

struct ClapBatch {
  std::vector<std::int64_t> numbers;               // [S] of the scenes, each once
  std::vector<std::shared_ptr<ClapScene>> scenes;  // [S]
  std::vector<ClapClip> clips;                     // [B], the recordings without captions last
  std::vector<std::vector<int>> texts;             // [U] token ids
  std::vector<std::int64_t> first;                 // [B] text of each clip's first caption; -1: none
  ClapTargets targets;                             // [B, U]
  std::vector<CaptionEdit> edits;
  std::vector<std::int64_t> labels;           // [L] text of each label; empty: they are not asked for
  torch::Tensor labels_heard, labels_absent;  // [B, L]
  torch::Tensor keep;                         // SpecAugment, 1 keep: [B, F, M], or [B, 1, m, t] of a map
  double seconds = 0;
  std::int64_t masked = 0;  // captions equal to another clip's, masked out of that row
};

// Leaves `n` clips from `first` on, and the scenes they need.
void keep_share(ClapBatch& batch, std::size_t first, std::size_t n);

class ClapBatches {
 public:
  // Keeps references to `folder` and `bank`.
  ClapBatches(const TrainOptions& options, const ClapFolder& folder, const SoundBank& bank);

  ClapBatch batch(std::int64_t index, const ScenePool<ClapScene>& pool) const;

  // A clip of any length up to a window: whole copies of it, then silence, [window].
  torch::Tensor window_of(const std::vector<float>& samples) const;
  // What the stem heard in a clip's pieces, copied to where the clip has them and repeated as window_of()
  // repeats; the rest is `silence`. Maps [C, m, t].
  torch::Tensor joined_map(const ClapClip& clip, const std::vector<torch::Tensor>& maps,
                           const torch::Tensor& silence) const;

  // Where clips and texts come from files; else null.
  const ClapPairsSource* pairs() const { return pairs_.get(); }
  const CaptionWriter& writer() const { return writer_; }
  std::string name_of(std::int64_t number) const;

 private:
  Scene draw_scene(Random& rng) const;
  // A recording of the bank in one of its forms: the first is what it is, others are augmented.
  Scene recording_scene(int recording, int form) const;
  std::shared_ptr<ClapScene> scene(std::int64_t number, const ScenePool<ClapScene>& pool) const;
  ClapClip join_clip(std::int64_t number, const std::function<std::size_t(std::int64_t)>& place,
                     const ClapBatch& batch) const;
  ClapClip quiet_clip(std::int64_t number, const std::function<std::size_t(std::int64_t)>& place,
                      const ClapBatch& batch) const;
  void set_targets(ClapBatch& batch, const std::vector<ClapTexts>& texts,
                   const std::map<std::string, std::int64_t>& columns) const;
  void set_label_targets(ClapBatch& batch) const;
  void set_masks(ClapBatch& batch, std::int64_t index) const;

  TrainOptions options_;
  const ClapFolder& folder_;
  const ClapModelConfig& config_;
  const SoundBank& bank_;
  CaptionWriter writer_;
  std::unique_ptr<ClapPairsSource> pairs_;
  Split split_;
  bool frozen_;
  std::int64_t map_steps_;  // of a window on the stem's grid
};

}  // namespace af2
