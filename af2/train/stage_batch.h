// Batches of a stage, read by workers ahead of the training: sounds as windows, questions and answers as
// tokens, masks of the spectrogram, and what could not be heard (docs/spec/training.md sections 2, 4 and 8).
//
// A batch is a function of the plan and the seed alone. Clips whose tokens the store knows are not read.
// Thread rule: any thread, as long as the parts that it refers to live.
//
//   StageReader reader(options, model, tokens, store);
//   StageBatch batch = reader.read(plan.batch(0), plan.sets());
#pragma once

#include <torch/torch.h>

#include <string>
#include <utility>
#include <vector>

#include "af2/generate/model_folder.h"
#include "af2/train/stage_plan.h"
#include "af2/train/token_batch.h"
#include "af2/train/token_store.h"
#include "af2/train/train_options.h"

namespace af2 {

struct StageBatch {
  std::int64_t step = 0, slice = 0, place = 0;
  std::vector<BlendItem> items;         // [B] that can be heard
  std::vector<torch::Tensor> sounds;    // [B] of [W, samples]; undefined where the tokens are known
  std::vector<torch::Tensor> known;     // [B] of [W, S, D] bfloat16
  std::vector<std::string> keys;        // [B] of the token store
  std::vector<torch::Tensor> keep_mel;  // [B] of [W, F, M]: SpecAugment, where the tower is trained
  std::vector<TokenItem> texts;         // [B]
  TokenBatch tokens;
  double seconds = 0;
  std::vector<std::pair<std::string, std::string>> bad;  // reason, detail
};

class StageReader {
 public:
  // Keeps references; `store` may be null.
  StageReader(const TrainOptions& options, const ModelFolder& model, const TrainTokens& tokens,
              const TokenStore* store);

  // Of the training: sounds changed as stage.augment says, masks drawn.
  StageBatch read(const PlannedBatch& planned, const std::vector<TrainSet>& sets) const;
  // The first val_items of set `s`, in an order that is drawn by name, as they are.
  std::vector<StageBatch> read_validation(const std::vector<TrainSet>& sets, std::size_t s) const;

 private:
  void add(StageBatch& batch, const std::vector<TrainSet>& sets, const BlendItem& one, bool train) const;
  void finish(StageBatch& batch) const;
  torch::Tensor keep_mel(const TrainDraw& draw, int64_t n_windows) const;

  const TrainOptions& options_;
  const ModelFolder& model_;
  const TrainTokens& tokens_;
  const TokenStore* store_;
  TrainSoundOptions sounds_;
};

}  // namespace af2
