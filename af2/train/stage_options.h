// What a stage of the curriculum trains, and on which sets (docs/spec/training.md sections 1 to 4): key
// `stage` of a recipe whose task is `stage`. Thread rule: plain values.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "af2/data/train_sets.h"
#include "af2/data/train_sound.h"

namespace af2 {

// Low-rank pairs that are trained in place of the language model's own matrices (model/low_rank.h).
struct LoraOptions {
  int rank = 0;
  double alpha = 16;
  std::vector<std::string> layers = {"q_proj",    "k_proj",  "v_proj",   "o_proj",
                                     "gate_proj", "up_proj", "down_proj"};

  template <class V>
  void visit(V& v) {
    v.field("rank", rank,
            "of the pairs that are trained in place of the language model's own matrices, where train names "
            "lm (task adapter too); 0: the matrices themselves");
    v.field("alpha", alpha, "what they give is multiplied by alpha / rank");
    v.field("layers", layers, "linear layers of the language model that get one");
  }
};

struct StageOptions {
  std::string name;
  std::vector<std::string> train = {"adapter"};
  int windows = 3;
  std::vector<TrainSetOptions> sets, val_sets;
  std::vector<std::string> groups, only, exclude;
  double fraction = 1;
  int slices = 200;
  std::vector<int> edges = {1, 2, 3, 6, 9, 12, 18, 30};
  int max_windows = 64, max_clips = 32, multiple = 2;
  int batches_per_step = 1;
  LoraOptions lora;
  TrainTextOptions text;
  SoundAugmentOptions augment;
  std::string loss_norm = "tokens";
  std::string train_embeddings = "added";
  std::string wd_scope = "all";
  bool freeze_stem = false;
  bool spec_augment = true;
  bool gradient_checkpointing = false;
  std::string clap_bn = "frozen";
  std::string token_cache;
  std::string on_bad = "skip";
  double max_bad = 0.001;
  int val_samples = 2;
  bool lm_trained_before = false;

  // Whether the stage trains `part`: clap, adapter or lm; the latter also where it trains low-rank pairs.
  bool trains(const std::string& part) const;
  bool trains_low_rank() const { return lora.rank > 0; }
  // Whether what the stem of the tower hears changes in the course of the training.
  bool trains_stem() const { return trains("clap") && !freeze_stem; }
  // Throws kUser naming the key below `where`.
  void check(const std::string& where) const;

  template <class V>
  void visit(V& v) {
    v.field("name", name, "of the stage: its folder below the run is stage-NAME");
    v.field("train", train, "of clap (the audio tower), adapter (audio transformer, cross-attention), lm");
    v.field("windows", windows, "most windows of a clip");
    v.field("sets", sets, "manifests to train on, with passes over each");
    v.field("val_sets", val_sets, "manifests to validate on: val_items of each");
    v.field("groups", groups, "of sets that are used; empty: of all groups");
    v.field("only", only, "names of the sets that are used; empty: all");
    v.field("exclude", exclude, "names of sets that are not used");
    v.field("fraction", fraction, "of every set's items, drawn by name");
    v.field("slices", slices, "into which the passes are cut; a checkpoint each where save_every is 0");
    v.field("edges", edges, "upper edges of the buckets of length, windows");
    v.field("max_windows", max_windows, "of a batch: clips times the windows of the longest");
    v.field("max_clips", max_clips, "of a batch");
    v.field("multiple", multiple, "of which batches have a multiple of clips, where they can");
    v.field("batches_per_step", batches_per_step, "on all ranks together");
    v.field("lora", lora, "LoRA on the language model");
    v.field("text", text, "of questions and answers");
    v.field("augment", augment, "of sounds");
    v.field("loss_norm", loss_norm, "tokens: mean over a step's targets; microbatch: of its batches' means");
    v.field("train_embeddings", train_embeddings, "added: those of the added tokens; all; none");
    v.field(
        "wd_scope", wd_scope,
        "what weight decay holds: all, as published; matrices; xattn, of the cross-attention alone. Added "
        "tokens have none");
    v.field(
        "freeze_stem", freeze_stem,
        "of a trained tower the stem stays as it is (models with clap.cells), and what it hears may be kept");
    v.field("spec_augment", spec_augment, "masks on the spectrogram where the tower is trained");
    v.field(
        "gradient_checkpointing", gradient_checkpointing,
        "decoder layers and the tower's blocks keep no inner values, but are computed again in the backward "
        "pass: less memory, a third more time");
    v.field("clap_bn", clap_bn,
            "of a trained tower: frozen statistics, or sync: of each step, over all ranks");
    v.field("token_cache", token_cache,
            "folder that keeps what a frozen tower hears, so that a clip is read and heard once");
    v.field("on_bad", on_bad, "a sound that cannot be used: skip (counted, its place stays empty) or error");
    v.field("max_bad", max_bad, "share of a slice whose sounds may be bad, ten items at least");
    v.field("val_samples", val_samples, "answers written at each validation, of each set");
    v.field("lm_trained_before", lm_trained_before,
            "an earlier stage trained the language model: it is kept");
  }
};

}  // namespace af2
