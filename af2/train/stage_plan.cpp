#include "af2/train/stage_plan.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {

bool StageOptions::trains(const std::string& part) const {
  return std::find(train.begin(), train.end(), part) != train.end();
}

void StageOptions::check(const std::string& where) const {
  const auto need = [&](bool ok, const char* key, const char* what) {
    if (!ok) throw user_error(what, where + "." + key, "correct the recipe");
  };
  need(!sets.empty(), "sets", "names no set to train on");
  need(!train.empty(), "train", "trains nothing");
  for (std::size_t i = 0; i < train.size(); ++i) {
    need(train[i] == "clap" || train[i] == "adapter" || train[i] == "lm", "train",
         "must be of clap, adapter and lm");
    need(std::find(train.begin(), train.begin() + static_cast<std::ptrdiff_t>(i), train[i]) ==
             train.begin() + static_cast<std::ptrdiff_t>(i),
         "train", "names a part twice");
  }
  need(name.find_first_of("/\\ ") == std::string::npos && name != "..", "name",
       "must be good for a folder's name: no blank, no slash");
  need(windows >= 1, "windows", "must be at least 1");
  need(batches_per_step >= 1, "batches_per_step", "must be at least 1");
  need(loss_norm == "tokens" || loss_norm == "microbatch", "loss_norm", "must be tokens or microbatch");
  need(train_embeddings == "added" || train_embeddings == "all" || train_embeddings == "none",
       "train_embeddings", "must be added, all or none");
  need(wd_scope == "all" || wd_scope == "matrices" || wd_scope == "xattn", "wd_scope",
       "must be all, matrices or xattn");
  text.check(where + ".text.");
  need(lora.rank >= 0, "lora.rank", "must not be negative");
  need(lora.rank == 0 || trains("lm"), "lora.rank", "is for a stage that trains lm");
  need(lora.rank == 0 || !lora.layers.empty(), "lora.layers", "names no layer");
  need(std::isfinite(lora.alpha) && lora.alpha > 0, "lora.alpha", "must be above 0");
  need(clap_bn == "frozen" || clap_bn == "sync", "clap_bn", "must be frozen or sync");
  need(on_bad == "skip" || on_bad == "error", "on_bad", "must be skip or error");
  need(max_bad >= 0 && max_bad <= 1, "max_bad", "must be in 0..1");
  need(val_samples >= 0, "val_samples", "must not be negative");
  need(token_cache.empty() || !trains_stem(), "token_cache",
       "keeps what the tower hears, so the tower cannot be trained beside it");
  need(token_cache.empty() || !augment.any(), "token_cache",
       "keeps what is heard in a sound, so stage.augment cannot make another of it in each pass");
  augment.check(where + ".augment");
}

StagePlan::StagePlan(const StageOptions& options, const TrainTokens& tokens, const TrainWindows& windows,
                     std::uint64_t seed, int rank, int ranks)
    : sets_(read_train_sets(options.sets, {options.groups, options.only, options.exclude, options.fraction},
                            tokens, options.text, windows, seed)),
      blend_(blend_sets(sets_), {seed, options.slices, options.edges}),
      steps_(blend_, {options.max_windows, options.max_clips, options.multiple}, options.batches_per_step),
      rank_(rank),
      ranks_(ranks),
      per_step_(options.batches_per_step / ranks) {
  if (options.batches_per_step % ranks != 0)
    throw user_error(fmt::format("is {}, which {} ranks do not divide", options.batches_per_step, ranks),
                     "recipe key stage.batches_per_step",
                     "start a number of ranks that divides it: the order of training is the recipe's");
}

void StagePlan::start_at(std::int64_t step) {
  const std::lock_guard lock(mutex_);
  steps_.start_at(step);
  ahead_.clear();
  first_ahead_ = step;
}

PlannedBatch StagePlan::batch(std::int64_t index) {
  const std::lock_guard lock(mutex_);
  const std::int64_t step = index / per_step_;
  if (step < first_ahead_)
    throw internal_error(fmt::format("step {} was asked for after step {}", step, first_ahead_),
                         "stage plan");
  while (step >= first_ahead_ + static_cast<std::int64_t>(ahead_.size())) {
    std::optional<TrainStep> next = steps_.next();
    if (!next) return {step, blend_.slices() - 1, 0, {}};  // beyond the run: made ahead, never used
    ahead_.push_back(std::move(*next));
  }
  const TrainStep& of = ahead_[static_cast<std::size_t>(step - first_ahead_)];
  PlannedBatch planned{step, of.slice, index % per_step_ * ranks_ + rank_, {}};
  if (planned.place < static_cast<std::int64_t>(of.batches.size()))
    planned.batch = of.batches[static_cast<std::size_t>(planned.place)];
  // Workers may ask a few batches behind each other: steps stay for a while.
  constexpr std::int64_t kStay = 64;
  while (step - first_ahead_ > kStay) {
    ahead_.pop_front();
    ++first_ahead_;
  }
  return planned;
}

Json StagePlan::json() {
  return {{"sets", train_sets_json(sets_)},
          {"blend", blend_.plan()},
          {"steps", steps()},
          {"batches_per_step", per_step_ * ranks_},
          {"padding", steps_.padding().share()}};
}

std::vector<std::string> StagePlan::lines() {
  std::vector<std::string> lines;
  const Json plan = blend_.plan();
  for (std::size_t s = 0; s < sets_.size(); ++s) {
    const TrainSet& set = sets_[s];
    std::string line = fmt::format("set {}: {} items ({:.2f} h) of {} in {}, {} taken in {} passes", set.name,
                                   set.items.size(), set.hours, set.read, set.manifest,
                                   plan["sets"][s]["taken"].get<std::int64_t>(),
                                   static_cast<double>(set.passes_micro) / 1e6);
    for (const auto& [reason, n] : set.left_out.dropped)
      line += fmt::format("; {} left out: {}, first {}", n, reason, set.left_out.first.at(reason));
    if (set.over_cap > 0)
      line +=
          fmt::format("; {} longer than the cap, {:.0f} s of them not heard", set.over_cap, set.seconds_cut);
    lines.push_back(std::move(line));
    std::string parts = "  windows up to:";
    for (const Json& bucket : plan["sets"][s]["buckets"])
      parts += fmt::format(" {}: {}", bucket["up_to"].is_null() ? "more" : bucket["up_to"].dump(),
                           bucket["taken"].get<std::int64_t>());
    lines.push_back(std::move(parts));
  }
  lines.push_back(fmt::format(
      "{} items in {} slices make {} steps of up to {} batches; {:.1f} % of what is "
      "computed is padding",
      blend_.total(), blend_.slices(), steps(), per_step_ * ranks_, 100 * steps_.padding().share()));
  return lines;
}

}  // namespace af2
