// A stage of the curriculum: answers about sounds of question sets, each of a few windows
// (docs/spec/training.md sections 1 to 4, 8 and 9).
//
// What is trained are any of the audio tower, the adapter (audio transformer and cross-attention) and the
// language model; the rest stays in eval mode, and is held to its hash when the run ends. Sounds are read
// ahead by workers (stage_batch.h), go through the tower (stage_hearing.h), and clips of a batch through the
// rest together. Which batch comes when is the plan's (stage_plan.h).
#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/generate/model_folder.h"
#include "af2/model/batch_norm.h"
#include "af2/model/low_rank.h"
#include "af2/model/precision.h"
#include "af2/train/answer_loss.h"
#include "af2/train/data_source.h"
#include "af2/train/parts.h"
#include "af2/train/prefetch.h"
#include "af2/train/stage_batch.h"
#include "af2/train/stage_hearing.h"
#include "af2/train/task.h"

namespace af2 {
namespace {

constexpr std::int64_t kLeastBad = 10;  // bad sounds of a slice that are never too many
constexpr int kSampleTokens = 64;       // of an answer that a validation writes

class StageTask : public TrainTask {
 public:
  StageTask(const TrainOptions& options, std::shared_ptr<Ranks> ranks)
      : options_(options),
        stage_(options.stage),
        ranks_(std::move(ranks)),
        model_(load_model_folder(options.model, load_options())),
        tokens_{model_.tokenizer, prompt_options(), model_.config.text.stop, model_.config.text.lead},
        plan_(stage_, tokens_, {stage_.windows, model_.config.audio.window_seconds}, seed(), ranks_->rank(),
              ranks_->size()) {
    start();
    if ((stage_.freeze_stem || options_.cell_dropout > 0) && model_.config.clap.cells.bands == 0)
      throw user_error("is for models whose tower makes its tokens of a stem (clap.cells)",
                       stage_.freeze_stem ? "recipe key stage.freeze_stem" : "recipe key cell_dropout",
                       "leave it out");
    parts_ = std::make_unique<ModelParts>(*model_.network, stage_, options_.optimizer);
    parts_->freeze();
    if (wants_bf16(options_.precision) && !parts_->stores_language_model())
      narrow_frozen_lm(*model_.network->lang_encoder->model);
    model_.network->set_recompute(stage_.gradient_checkpointing);
    if (synchronised())
      set_batch_norm_sum([ranks = ranks_](const torch::Tensor& part) { return ranks->summed(part); });
    frozen_ = parts_->frozen_hashes();
    if (!stage_.token_cache.empty()) store_ = std::make_unique<TokenStore>(stage_.token_cache, tower_hash());
    hearing_ = std::make_unique<StageHearing>(*model_.network, options_, store_.get());
    reader_ = std::make_unique<StageReader>(options_, model_, tokens_, store_.get());
    if (!stage_.val_sets.empty())
      val_sets_ = read_train_sets(stage_.val_sets, {}, tokens_, stage_.text,
                                  {stage_.windows, model_.config.audio.window_seconds}, seed());
    if (ranks_->first())
      for (const std::string& line : plan_.lines()) notice("{}", line);
  }

  std::vector<Trained> trained() override { return parts_->trained(); }
  NamedTensors stored() override { return parts_->stored(); }

  void settle(TrainOptions& options) override {
    options.steps = static_cast<int>(plan_.steps());
    options.accumulate = static_cast<int>(plan_.per_step());
  }
  std::vector<std::int64_t> marks() override { return plan_.slice_ends(); }

  void set_training(bool on) override { parts_->set_training(on); }

  void start_at(std::int64_t index) override {
    plan_.start_at(index / plan_.per_step());
    batches_ = std::make_unique<Prefetcher<StageBatch>>(
        index, options_.workers, 2 * options_.workers,
        [this](std::int64_t i) { return reader_->read(plan_.batch(i), plan_.sets()); });
  }

  MicroBatchLoss loss(std::int64_t) override {
    StageBatch batch = batches_->next();
    count_bad(batch);
    if (batch.items.empty()) {
      // The others would wait for its part of their statistics.
      if (synchronised())
        throw data_error(fmt::format("step {} has no clip for rank {}", batch.step, ranks_->rank()),
                         "recipe key stage.clap_bn",
                         "choose frozen, or sets whose batches divide into whole steps");
      return {};
    }
    // Dropout and drop path are drawn by the batch's place in the run, whoever has it.
    torch::manual_seed(fnv1a64(fmt::format("af2/batch/1/{}/{}/{}", options_.seed, batch.step, batch.place)));
    torch::Tensor mask;
    const torch::Tensor tokens = hearing_->hear(batch, mask);
    const torch::Tensor log_p = target_log_p(*model_.network, batch.tokens, context_of(tokens, mask));
    const torch::Tensor sum = -log_p.gather(1, batch.tokens.labels.unsqueeze(1)).sum();
    const auto count = static_cast<double>(batch.tokens.labels.numel());
    const auto windows = static_cast<double>(tokens.size(1) / model_.config.audio_tokens_per_window());
    const double clip_seconds = windows * model_.config.audio.window_seconds;
    if (stage_.loss_norm == "microbatch") return {sum / count, 1, batch.seconds, count, clip_seconds};
    return {sum, count, batch.seconds, -1, clip_seconds};
  }

  // Of each set: loss per target, the same where each item hears another clip of its batch (how far that lies
  // above is how much hearing helps), share of items whose every target is the likeliest, and some answers
  // written freely. `loss`: of all targets. memory_differs as in answer_loss.h.
  Json validate() override {
    if (val_sets_.empty()) return Json::object();
    torch::NoGradGuard no_grad;
    Json report = Json::object(), samples = Json::array();
    double loss = 0, targets = 0, power = 0;
    std::vector<torch::Tensor> memories;
    for (std::size_t s = 0; s < val_sets_.size(); ++s) {
      const TrainSet& set = val_sets_[s];
      double set_loss = 0, set_targets = 0, exact = 0, deaf = 0, deaf_targets = 0;
      std::int64_t n = 0, bad = 0;
      int written = 0;
      for (StageBatch& batch : reader_->read_validation(val_sets_, s)) {
        bad += static_cast<std::int64_t>(batch.bad.size());
        if (batch.items.empty()) continue;
        torch::Tensor mask;
        const torch::Tensor tokens = hearing_->hear(batch, mask);
        const torch::Tensor memory = model_.network->remember(tokens, mask);
        memories.push_back(memory.mean(1));
        power += memory.square().mean(1).sum().item<double>();
        const AudioContext context = model_.network->listen(memory, mask);
        const auto figures = answer_figures(target_log_p(*model_.network, batch.tokens, context),
                                            batch.tokens, batch.items.size());
        // Each question asked about the clip of another item of the batch.
        if (const auto size = static_cast<int64_t>(batch.items.size()); size > 1) {
          const AudioContext others = context.rows((torch::arange(size) + size / 2).remainder(size));
          for (const AnswerFigures& of : answer_figures(target_log_p(*model_.network, batch.tokens, others),
                                                        batch.tokens, batch.items.size()))
            deaf += of.loss, deaf_targets += of.targets;
        }
        for (std::size_t i = 0; i < figures.size(); ++i, ++n) {
          set_loss += figures[i].loss;
          set_targets += figures[i].targets;
          exact += figures[i].exact;
          if (written < stage_.val_samples) {
            samples.push_back(sample_of(set, batch, i));
            ++written;
          }
        }
      }
      loss += set_loss;
      targets += set_targets;
      report[set.name] = {{"n", n},
                          {"loss", set_loss / std::max(1.0, set_targets)},
                          {"exact", exact / std::max<double>(1, static_cast<double>(n))}};
      if (deaf_targets > 0) report[set.name]["loss_other_clip"] = deaf / deaf_targets;
      if (bad > 0) report[set.name]["bad"] = bad;
    }
    report["loss"] = loss / std::max(1.0, targets);
    if (!memories.empty()) report["memory_differs"] = memory_differs(torch::cat(memories), power);
    if (!samples.empty()) report["samples"] = samples;
    return report;
  }

  void end_step() override {
    std::vector<double> counts;
    for (const char* reason : kSoundProblems) counts.push_back(static_cast<double>(bad_of_step_[reason]));
    bad_of_step_.clear();
    if (ranks_->size() > 1) {
      torch::Tensor all = torch::tensor(counts, torch::kFloat64);
      ranks_->sum({all});
      counts.assign(all.data_ptr<double>(), all.data_ptr<double>() + all.numel());
    }
    for (std::size_t i = 0; i < counts.size(); ++i) {
      if (counts[i] <= 0) continue;
      bad_[kSoundProblems[i]] += static_cast<std::int64_t>(counts[i]);
      bad_of_slice_ += static_cast<std::int64_t>(counts[i]);
    }
    const auto most =
        std::max(kLeastBad,
                 static_cast<std::int64_t>(stage_.max_bad * static_cast<double>(plan_.slice_items(slice_))));
    if (bad_of_slice_ > most)
      throw data_error(fmt::format("{} sounds of slice {} cannot be used", bad_of_slice_, slice_),
                       "stage.sets", "the lines above name them; stage.max_bad allows more");
  }

  Json counters() const override {
    if (bad_.empty()) return Json::object();
    return {{"bad", bad_}, {"bad_slice", {slice_, bad_of_slice_}}};
  }
  void set_counters(const Json& counters) override {
    bad_ = counters.value("bad", std::map<std::string, std::int64_t>());
    if (!counters.contains("bad_slice")) return;
    slice_ = counters["bad_slice"][0], bad_of_slice_ = counters["bad_slice"][1];
  }

  void check_frozen() override {
    const Json now = parts_->frozen_hashes();
    for (const auto& [part, hash] : frozen_.items())
      if (now[part] != hash)
        throw internal_error("has changed although it is frozen", part, "please report this");
    if (ranks_->first() && !frozen_.empty()) {
      std::vector<std::string> names;
      for (const auto& [part, hash] : frozen_.items()) names.push_back(part);
      notice("frozen and unchanged: {}", join(names, ", "));
    }
  }

  void note(Json& record) const override {
    record["frozen"] = frozen_;
    record["parameters"] = parts_->counts();
    Json sums = Json::object();
    for (const auto* sets : {&plan_.sets(), &val_sets_})
      for (const TrainSet& set : *sets)
        sums[set.name] = {{"sha256", set.sha256}, {"items", set.items.size()}};
    record["manifests"] = sums;
    record["plan"] = const_cast<StagePlan&>(plan_).json();
  }

 private:
  // Whether BatchNorm's statistics are those of several ranks.
  bool synchronised() const { return ranks_->size() > 1 && stage_.trains_stem() && stage_.clap_bn == "sync"; }
  std::uint64_t seed() const { return static_cast<std::uint64_t>(options_.seed); }

  PromptOptions prompt_options() const {
    PromptOptions prompt;
    prompt.lowercase = model_.config.text.lowercase;
    prompt.max_prompt_tokens = model_.config.text.max_prompt_tokens;
    return prompt;
  }

  LoadOptions load_options() const {
    LoadOptions load;
    load.low_bit_lm = false;
    load.adapters = takes_the_folders_weights();
    load.architecture = options_.architecture;
    return load;
  }
  bool takes_the_folders_weights() const {
    return options_.init.empty() && options_.architecture.empty() && holds_adapter(options_.model);
  }

  // From an earlier stage, from AF-CLAP, from the model folder, or from nothing. Low-rank pairs of an earlier
  // stage go on where this one trains the same; else they become part of the language model, which is then
  // one that was trained.
  void start() {
    bool goes_on = false;
    if (!takes_the_folders_weights()) {
      bool merges = false;
      if (!options_.init.empty()) {
        const SafeTensors weights = init_weights(options_.init);
        goes_on = stage_.trains_low_rank() && add_pairs_like(weights);
        merges = !goes_on && ModelParts::add_low_rank_of(*model_.network, weights);
        // Pairs leave the language model's own weights as they were.
        const bool with_lm =
            ModelParts::holds_language_model(weights) || (stage_.lm_trained_before && !merges && !goes_on);
        stage_.lm_trained_before = with_lm || merges;
        const NamedTensors all = ModelParts::all_tensors(*model_.network, with_lm);
        if (!options_.strict_init) start_fresh(*model_.network);
        (options_.strict_init ? init_strictly : init_from)(weights, all);
      } else {
        start_fresh(*model_.network);
      }
      if (merges) merge_low_rank(*model_.network->lang_encoder->model);
    }
    if (stage_.trains_low_rank() && !goes_on) add_pairs();
  }
  void add_pairs() {
    add_low_rank(*model_.network->lang_encoder->model, stage_.lora.layers, stage_.lora.rank,
                 stage_.lora.alpha / stage_.lora.rank);
  }
  // Adds the stage's pairs where the file holds the same ones: layers, shapes and scales.
  bool add_pairs_like(const SafeTensors& file) {
    DecoderImpl& decoder = *model_.network->lang_encoder->model;
    add_pairs();
    if (ModelParts::holds_pairs_of(*model_.network, file)) return true;
    merge_low_rank(decoder);  // fresh ones add nothing
    return false;
  }

  std::string tower_hash() const {
    const AudioConfig& audio = model_.config.audio;
    const StemTokensConfig& cells = model_.config.clap.cells;
    std::string cut = fmt::format("{}/{}/{}/{}", audio.sample_rate, audio.window_seconds, audio.channels,
                                  model_.config.audio_feature);
    if (cells.bands > 0)  // what is kept is of the stem
      cut = fmt::format("{}/{}/{}/{}", parts_->hash_of("stem"), cut, cells.bands, cells.steps);
    else
      cut = parts_->hash_of("clap") + "/" + cut;
    return sha256_hex(std::as_bytes(std::span(cut)));
  }

  // Alone, as a user would ask: its own prompt and its own windows.
  Json sample_of(const TrainSet& set, StageBatch& batch, std::size_t i) {
    const TrainItem& item = set.items[batch.items[i].item];
    StageBatch alone;
    alone.sounds = {batch.sounds[i]}, alone.known = {batch.known[i]}, alone.keys = {batch.keys[i]};
    torch::Tensor mask;
    const AudioContext context = context_of(hearing_->hear(alone, mask), mask);
    const std::vector<int> ids =
        greedy_answer(*model_.network, batch.texts[i].prompt, context, model_.stop_ids, kSampleTokens);
    return {{"set", set.name},
            {"id", item.id.empty() ? item.audio : item.id},
            {"prompt", item.prompt},
            {"answer", model_.tokenizer.decode(ids)},
            {"wanted", item.outputs.front()}};
  }

  AudioContext context_of(const torch::Tensor& tokens, const torch::Tensor& mask) {
    return model_.network->listen(model_.network->remember(tokens, mask), mask);
  }

  void count_bad(const StageBatch& batch) {
    if (batch.slice != slice_) slice_ = batch.slice, bad_of_slice_ = 0;
    for (const auto& [reason, detail] : batch.bad) {
      ++bad_of_step_[reason];
      if (stage_.on_bad == "error")
        throw data_error(detail, "stage.sets", "mend or remove it, or set stage.on_bad to skip");
      warning("{}: {}; its place stays empty", reason, detail);
    }
  }

  TrainOptions options_;
  StageOptions stage_;
  std::shared_ptr<Ranks> ranks_;
  ModelFolder model_;
  TrainTokens tokens_;
  StagePlan plan_;
  std::vector<TrainSet> val_sets_;
  std::unique_ptr<ModelParts> parts_;
  Json frozen_;
  std::unique_ptr<TokenStore> store_;
  std::unique_ptr<StageHearing> hearing_;
  std::unique_ptr<StageReader> reader_;
  std::unique_ptr<Prefetcher<StageBatch>> batches_;
  std::map<std::string, std::int64_t> bad_, bad_of_step_;  // by reason: of the run, of this rank's step
  std::int64_t slice_ = -1, bad_of_slice_ = 0;
};

}  // namespace

std::unique_ptr<TrainTask> make_stage_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks) {
  torch::manual_seed(static_cast<std::uint64_t>(options.seed));  // before a fresh network draws its values
  return std::make_unique<StageTask>(options, std::move(ranks));
}

}  // namespace af2
