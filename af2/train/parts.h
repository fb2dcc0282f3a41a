// The parts of a model that a stage trains or freezes: clap (the audio tower), adapter (audio transformer and
// cross-attention), lm (docs/spec/training.md section 1).
//
// What is frozen gets no gradient, stays in eval mode, and has a hash that tells whether it stayed as it was.
// The added tokens' rows, and with train_embeddings `all` the whole embedding, are trained beside any part.
// Thread rule: one owner.
#pragma once

#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/io/safetensors.h"
#include "af2/model/af2_model.h"
#include "af2/train/stage_options.h"
#include "af2/train/task.h"

namespace af2 {

class ModelParts {
 public:
  // Keeps a reference to the network.
  ModelParts(Af2ModelImpl& network, const StageOptions& options, const OptimizerOptions& optimizer);

  // What a checkpoint may hold, by the names of adapter_tensors(); the language model's by their own. Its
  // low-rank pairs are always among them, its own weights with_lm.
  static NamedTensors all_tensors(Af2ModelImpl& network, bool with_lm);

  // Tensors that are trained, with their rates and whether they decay.
  std::vector<TrainTask::Trained> trained() const;
  // Of a checkpoint: everything but a language model's own weights that no stage trained.
  NamedTensors stored() const;
  // Whether the language model's own weights are among them: where a stage trains or has trained them.
  bool stores_language_model() const;
  // {trained, frozen}: numbers of parameters.
  Json counts() const;
  // Gives the language model the pairs of a file of such tensors, without their values, where that holds any
  // (model/low_rank.h). Returns whether it does.
  static bool add_low_rank_of(Af2ModelImpl& network, const SafeTensors& file);
  // Whether the pairs that the language model has are those of a file of such tensors: layers, shapes,
  // scales.
  static bool holds_pairs_of(Af2ModelImpl& network, const SafeTensors& file);
  // Whether a file of such tensors holds weights of the language model itself.
  static bool holds_language_model(const SafeTensors& file);
  // Gradients for what is trained alone.
  void freeze();
  // Modes: what is frozen, and with clap_bn `frozen` the tower's statistics, stay as in use.
  void set_training(bool on);
  // SHA-256 of all tensors of `part` (or of the tower's `stem`), trained or not.
  std::string hash_of(const std::string& part) const;
  // {part: SHA-256 of its tensors that are not trained}, of parts that have any.
  Json frozen_hashes() const;

 private:
  bool trains(const std::string& name) const;

  Af2ModelImpl& network_;
  StageOptions options_;
  OptimizerOptions optimizer_;
};

// The language model's matrices, all frozen, become bfloat16, as they are multiplied under Bf16Products:
// autocast would convert them anew at every step. The embedding stays, with a copy for the logits.
void narrow_frozen_lm(DecoderImpl& decoder);

}  // namespace af2
