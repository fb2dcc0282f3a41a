#include "af2/train/trainer.h"

#include <torch/torch.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <limits>
#include <map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/progress.h"
#include "af2/core/random.h"
#include "af2/core/signal.h"
#include "af2/io/checkpoint.h"
#include "af2/io/event_file.h"
#include "af2/model/precision.h"
#include "af2/model/weights.h"
#include "af2/train/adamw.h"
#include "af2/train/gradient_sum.h"
#include "af2/train/kept_checkpoints.h"
#include "af2/train/ranks.h"
#include "af2/train/recipe_changes.h"
#include "af2/train/run_page.h"
#include "af2/train/step_watch.h"
#include "af2/train/task.h"
#include "af2/train/weight_average.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kFinished = "finished.json";
constexpr const char* kTrainedWeights = "weights.safetensors";  // beside their average, which is the model
constexpr int kMostBadSteps = 10;
constexpr double kPageEvery_s = 20, kPageShare = 0.01;  // no more of the time than this share
constexpr std::size_t kDumpedSteps = 100;
constexpr std::size_t kSlicesToValidation = 5;

std::unique_ptr<TrainTask> make_task(const TrainOptions& options, std::shared_ptr<Ranks> ranks) {
  if (options.task == "clap") return make_clap_task(options, std::move(ranks));
  if (options.task == "stage") return make_stage_task(options, std::move(ranks));
  if (ranks->size() > 1)
    throw user_error("trains on one rank only", "task " + options.task,
                     "unset WORLD_SIZE (clap and stage alone train on several)");
  if (options.task == "tower") return make_tower_task(options);
  if (options.task == "listener") return make_listener_task(options);
  return make_adapter_task(options);
}

class Run {
 public:
  Run(const TrainOptions& options, fs::path folder, std::shared_ptr<Ranks> ranks)
      : recipe_(options), options_(options), folder_(std::move(folder)) {
    if (options_.threads > 0) at::set_num_threads(options_.threads);
    if (options_.deterministic) at::globalContext().setDeterministicAlgorithms(true, false);
    ranks_ = ranks ? std::move(ranks) : Ranks::from_environment(options_.rank_timeout_s);
    task_ = make_task(options_, ranks_);
    task_->settle(options_);
    marks_ = task_->marks();
    std::vector<TrainTask::Trained> items = task_->trained();
    std::vector<int> owners;
    if (options_.shard_optimizer && ranks_->size() > 1) owners = shard_owners(items, ranks_->size());
    optimizer_ =
        std::make_unique<AdamW>(std::move(items), options_.optimizer, std::move(owners), ranks_->rank());
    // The first rank alone validates and saves.
    average_ =
        std::make_unique<WeightAverage>(optimizer_->items(), ranks_->first() ? options_.optimizer.ema : 0);
    gradients_ = std::make_unique<GradientSum>(ranks_, optimizer_->items(), optimizer_->owners());
    watch_ = std::make_unique<StepWatch>(options_.steps, options_.divergence);
  }

  void open(bool resume, const std::vector<std::string>& allowed) {
    if (ranks_->first()) fs::create_directories(folder_);
    Json recipe = to_json(recipe_);
    task_->note(recipe);
    const LatestCheckpoint last = latest_complete(folder_);
    for (const auto& line : last.notices) notice("{}", line);
    if (last.folder) {
      if (!resume)
        throw user_error("holds a run with checkpoints", folder_.string(),
                         "resume it with --resume, or name another folder");
      refuse_changes(folder_, recipe, allowed);
      restore(*last.folder);
    }
    same_everywhere(recipe);
    if (ranks_->first()) {
      if (last.folder) drop_metrics_after(step_);
      write_file_atomic(folder_ / "config.json", recipe.dump(2) + "\n");
      metrics_.open(folder_ / "metrics.jsonl", std::ios::app);
      if (!metrics_) throw resource_error("cannot be written", (folder_ / "metrics.jsonl").string());
      events_ = std::make_unique<EventFile>(folder_, step_);
    }
    task_->start_at(step_ * options_.accumulate);
  }

  TrainResult loop() {
    std::int64_t n_trained = 0;
    for (const auto& item : optimizer_->items()) n_trained += item.tensor.numel();
    const std::string on = ranks_->size() > 1 ? fmt::format(" on {} ranks", ranks_->size()) : "";
    if (ranks_->first())
      notice("training {} parameters, {} steps of {} {} from step {}{}", n_trained, options_.steps,
             options_.accumulate, options_.task == "stage" ? "batches" : fmt::format("x {}", options_.batch),
             step_, on);
    ProgressBar bar(options_.steps);
    double saved_at = steady_seconds();
    task_->set_training(true);
    const std::int64_t last =
        options_.stop_after > 0 ? std::min(options_.stop_after, options_.steps) : options_.steps;
    // Any rank's signal, or the first one's clock, counts for all: they save and stop together.
    while (step_ < last && (signal_ = static_cast<int>(ranks_->largest(stop_signal()))) == 0) {
      one_step(bar);
      if (due(options_.val_every, kSlicesToValidation) || step_ == last) validate(bar);
      const bool late = steady_seconds() - saved_at > options_.save_minutes * 60;
      if (due(options_.save_every, 1) || ranks_->largest(late) != 0 || step_ == last) {
        save();
        saved_at = steady_seconds();
      }
    }
    if (signal_ != 0 && step_ < last) save();
    if (step_ >= last) {
      task_->check_frozen();
      const Json done = {{"steps", step_}, {"of", options_.steps}};
      if (ranks_->first()) write_file_atomic(folder_ / kFinished, done.dump() + "\n");
      ranks_->largest(0);  // what comes next may look for it
    }
    write_page(/*over=*/true);
    return {step_, step_ >= last, signal_, folder_ / ("step-" + std::to_string(step_))};
  }

 private:
  // Whether step_ is one of every `every` steps; with 0, one of every `slices` ends of slices.
  bool due(int every, std::size_t slices) const {
    if (every > 0) return step_ % every == 0;
    const auto mark = std::lower_bound(marks_.begin(), marks_.end(), step_);
    return mark != marks_.end() && *mark == step_ &&
           (static_cast<std::size_t>(mark - marks_.begin()) + 1) % slices == 0;
  }

  void one_step(ProgressBar& bar) {
    const double start = steady_seconds();
    // Dropout and drop path of a step depend on seed, step and rank alone, not on what ran before.
    const std::string rank = ranks_->size() > 1 ? fmt::format("/{}", ranks_->rank()) : std::string();
    torch::manual_seed(
        fnv1a64("af2/step/1/" + std::to_string(options_.seed) + "/" + std::to_string(step_) + rank));
    optimizer_->zero_grad();
    StepSums sums;
    double clip_seconds = 0;
    for (int micro = 0; micro < options_.accumulate; ++micro) {
      const MicroBatchLoss part = forward(step_ * options_.accumulate + micro);
      if (!part.sum.defined()) continue;
      if (micro + 1 == options_.accumulate) gradients_->last_pass();
      part.sum.backward();
      sums.loss += part.sum.item<double>();
      sums.count += part.count;
      sums.targets += part.targets >= 0 ? part.targets : part.count;
      sums.audio_seconds += part.audio_seconds;
      clip_seconds = std::max(clip_seconds, part.clip_seconds);
    }
    if (ranks_->size() > 1) sum_over_ranks(sums);
    task_->end_step();
    const double loss_sum = sums.loss, count = sums.count;
    const double loss = count > 0 ? loss_sum / count : 0;
    const double norm = optimizer_->scale_and_clip(
        count > 0 ? 1.0 / count : 0, is_sharded() ? [this](double square) { return sum_over_ranks(square); }
                                                  : std::function<double(double)>());
    const double lr = learning_rate(options_.optimizer, step_, options_.steps);
    if (std::isfinite(loss) && std::isfinite(norm)) {
      optimizer_->step(lr);
      share_weights();
      average_->update(optimizer_->updates());
      bad_in_row_ = 0;
    } else {
      ++skipped_;
      warning("step {}: loss {} and gradient norm {} are not finite; step skipped", step_, loss, norm);
      if (++bad_in_row_ >= kMostBadSteps) diverged("ten steps in a row had no finite loss");
    }
    ++step_;
    const double ms = (steady_seconds() - start) * 1e3;
    const StepSight sight =
        watch_->see({step_, loss, norm, lr, ms, sums.targets, sums.audio_seconds, skipped_, clip_seconds});
    if (ranks_->first()) tell(sight, bar);
    // The first rank decides: the others may not know the steps before a resume.
    if (ranks_->largest(ranks_->first() && !sight.diverging.empty()) != 0)
      diverged(sight.diverging.empty() ? "the first rank's loss diverges" : sight.diverging);
  }

  void tell(StepSight sight, ProgressBar& bar) {
    if (const Json counters = task_->counters(); !counters.empty()) sight.record["counters"] = counters;
    metrics_ << sight.record.dump() << '\n' << std::flush;
    std::vector<std::pair<std::string, double>> scalars;
    for (const auto& [key, value] : sight.record.items())
      if (key != "step" && value.is_number()) scalars.emplace_back("train/" + key, value.get<double>());
    events_->scalars(step_, scalars);
    bar.update(step_, sight.line);
    if (!stderr_is_terminal()) fmt::print(stderr, "{}\n", sight.line);
    if (steady_seconds() - page_at_ > std::max(kPageEvery_s, page_took_s_ / kPageShare))
      write_page(/*over=*/false);
  }

  void write_page(bool over) {
    if (!ranks_->first()) return;
    const double began = steady_seconds();
    const std::string title = fs::weakly_canonical(folder_).filename().string() + ", " + options_.task;
    write_file_atomic(folder_ / "run.html",
                      run_page(title, read_file(folder_ / "metrics.jsonl"), options_.steps, over));
    page_at_ = steady_seconds();
    page_took_s_ = page_at_ - began;
  }

  // Why, the last steps, and what every trained tensor and its gradient look like now.
  [[noreturn]] void diverged(const std::string& why) {
    const fs::path file = folder_ / ("divergence-" + std::to_string(step_) + ".json");
    if (ranks_->first()) {
      torch::NoGradGuard no_grad;
      Json tensors = Json::array();
      const auto norm_of = [](const torch::Tensor& tensor) {
        const double norm = tensor.defined() ? tensor.norm().item<double>() : 0;
        return std::isfinite(norm) ? Json(norm) : Json("not finite");
      };
      for (const auto& item : optimizer_->items())
        tensors.push_back({{"name", item.name},
                           {"norm", norm_of(item.tensor)},
                           {"gradient_norm", norm_of(item.tensor.grad())}});
      std::vector<std::string> lines = split(read_file(folder_ / "metrics.jsonl"), '\n');
      Json last = Json::array();
      for (std::size_t i = lines.size() > kDumpedSteps ? lines.size() - kDumpedSteps : 0; i < lines.size();
           ++i)
        if (const Json record = Json::parse(lines[i], nullptr, false); !record.is_discarded())
          last.push_back(record);
      const Json dump = {{"why", why}, {"step", step_}, {"steps", last}, {"tensors", tensors}};
      write_file_atomic(file, dump.dump(1) + "\n");
      write_page(/*over=*/true);
    }
    throw internal_error(why, "step " + std::to_string(step_),
                         "lower optimizer.lr; the last checkpoint is intact, " + file.string() +
                             " holds the last steps and the norms of all tensors");
  }

  // Under autocast with bf16: products in bfloat16, weights, norms and losses in float32.
  MicroBatchLoss forward(std::int64_t index) {
    const Bf16Products products(wants_bf16(options_.precision));
    return task_->loss(index);
  }

  struct StepSums {
    double loss = 0, count = 0, targets = 0, audio_seconds = 0;
  };

  // Sums and gradients become those of all ranks' parts together.
  void sum_over_ranks(StepSums& sums) {
    gradients_->finish();
    const torch::Tensor totals =
        torch::tensor({sums.loss, sums.count, sums.targets, sums.audio_seconds}, torch::kFloat64);
    ranks_->sum({totals});
    const auto of = totals.accessor<double, 1>();
    sums = {of[0], of[1], of[2], of[3]};
  }
  double sum_over_ranks(double number) {
    const torch::Tensor total = torch::tensor({number}, torch::kFloat64);
    ranks_->sum({total});
    return total.item<double>();
  }
  bool is_sharded() const { return !optimizer_->owners().empty(); }

  // After a step of a sharded optimizer: every rank takes what the owners changed.
  void share_weights() {
    if (!is_sharded()) return;
    for (int owner = 0; owner < ranks_->size(); ++owner) {
      std::vector<torch::Tensor> tensors;
      for (std::size_t i = 0; i < optimizer_->items().size(); ++i)
        if (optimizer_->owners()[i] == owner) tensors.push_back(optimizer_->items()[i].tensor);
      if (!tensors.empty()) ranks_->broadcast(tensors, owner);
    }
  }

  // All moments, on the first rank; the others hand over theirs.
  NamedTensors whole_moments() {
    NamedTensors own = optimizer_->state();
    if (!is_sharded()) return own;
    NamedTensors whole;
    std::map<std::string, torch::Tensor> mine(own.begin(), own.end());
    for (std::size_t i = 0; i < optimizer_->items().size(); ++i)
      for (const char* kind : {".exp_avg", ".exp_avg_sq"}) {
        const std::string name = optimizer_->items()[i].name + kind;
        const torch::Tensor moment = mine.contains(name)
                                         ? mine[name]
                                         : torch::empty_like(optimizer_->items()[i].tensor, torch::kFloat32);
        ranks_->broadcast({moment}, optimizer_->owners()[i]);
        if (ranks_->first()) whole.emplace_back(name, moment);
      }
    return whole;
  }

  // Every rank must train the same recipe from the same step; weights are those of the first.
  void same_everywhere(const Json& recipe) {
    if (ranks_->size() == 1) return;
    Json compared = recipe;
    for (const char* own : {"threads", "workers", "bank"}) compared.erase(own);
    const auto hash = static_cast<std::int64_t>(fnv1a64(compared.dump()) >> 1);
    const std::string me = fmt::format("rank {} of {}", ranks_->rank(), ranks_->size());
    if (ranks_->largest(hash) != -ranks_->largest(-hash))
      throw user_error("the ranks have different recipes", me, "start every rank with the same file");
    const std::int64_t furthest = ranks_->largest(step_), nearest = -ranks_->largest(-step_);
    if (furthest != nearest)
      throw user_error(fmt::format("the ranks resume from steps {} to {}", nearest, furthest), me,
                       "every rank must see the same run folder: " + folder_.string());
    std::vector<torch::Tensor> weights;
    for (const auto& [name, tensor] : task_->stored()) weights.push_back(tensor);
    ranks_->broadcast(weights);
  }

  // On the first rank; the others wait in their next exchange.
  void validate(ProgressBar& bar) {
    if (!ranks_->first()) return;
    task_->set_training(false);
    Json record;
    {
      const WeightAverage::InPlace averaged(*average_);
      record = {{"step", step_}, {"validation", task_->validate()}};
    }
    task_->set_training(true);
    if (record["validation"].empty()) return;
    if (const double loss = record["validation"].value("loss", std::numeric_limits<double>::infinity());
        loss < best_) {
      best_ = loss;
      best_step_ = step_;
    }
    metrics_ << record.dump() << '\n' << std::flush;
    std::vector<std::pair<std::string, double>> scalars;
    for (const auto& [key, value] : record["validation"].items())
      if (value.is_number()) scalars.emplace_back("val/" + key, value.get<double>());
    if (!scalars.empty()) events_->scalars(step_, scalars);
    for (const Json& sample : record["validation"].value("samples", Json::array()))
      events_->text(
          step_, "val/" + sample.at("set").get<std::string>(),
          fmt::format("{}  \nasked: {}  \nwanted: {}  \nwritten: {}", sample.at("id").get<std::string>(),
                      sample.at("prompt").get<std::string>(), sample.at("wanted").get<std::string>(),
                      sample.at("answer").get<std::string>()));
    bar.clear();
    notice("validation {}", record.dump());
  }

  void save() {
    const NamedTensors moments = whole_moments();
    if (ranks_->first()) write_checkpoint(moments);
    ranks_->largest(0);  // no rank goes on, or ends, before it is whole
  }

  void write_checkpoint(const NamedTensors& moments) {
    const fs::path target = folder_ / ("step-" + std::to_string(step_));
    if (is_complete(target)) return;
    CheckpointWriter writer(target);
    {
      const WeightAverage::InPlace averaged(*average_);
      save_tensors(writer.path() / "model.safetensors", task_->stored(), SaveType::kF32, {});
    }
    if (average_->is_kept())
      save_tensors(writer.path() / kTrainedWeights, average_->weights(), SaveType::kF32, {});
    save_tensors(writer.path() / "optimizer.safetensors", moments, SaveType::kF32, {});
    Json state = {
        {"step", step_}, {"seed", options_.seed}, {"skipped", skipped_}, {"updates", optimizer_->updates()}};
    if (best_step_ >= 0) state["best"] = {{"step", best_step_}, {"loss", best_}};
    if (const Json counters = task_->counters(); !counters.empty()) state["counters"] = counters;
    write_file_atomic(writer.path() / "state.json", state.dump(2) + "\n");
    writer.commit();
    remove_old_checkpoints(folder_, options_, marks_, best_step_);
  }

  // A killed run may have logged steps that its last checkpoint does not hold: they will be done again.
  void drop_metrics_after(std::int64_t step) {
    const fs::path path = folder_ / "metrics.jsonl";
    if (!fs::exists(path)) return;
    std::string kept;
    for (const auto& line : split(read_file(path), '\n')) {
      if (trim(line).empty()) continue;
      const Json record = Json::parse(line, nullptr, /*allow_exceptions=*/false);
      if (record.is_discarded() || record.value("step", step + 1) > step) continue;
      kept += line + "\n";
      if (!record.contains("loss") || !record["loss"].is_number()) continue;
      watch_->see({record["step"], record["loss"], record.value("grad_norm", 0.0), record.value("lr", 0.0),
                   record.value("ms", 0.0), 0, 0, 0, record.value("clip_seconds", 0.0)});
    }
    write_file_atomic(path, kept);
  }

  static void load_all(const fs::path& file, const NamedTensors& targets, bool all_of_it = true) {
    const auto surplus = load_strict(SafeTensors::open(file), targets);
    if (all_of_it && !surplus.empty())
      throw model_error("holds " + surplus.front() + ", which this recipe does not train", file.string(),
                        "resume with the recipe that the run began with");
  }

  void restore(const fs::path& checkpoint) {
    verify(checkpoint);
    load_all(checkpoint / "model.safetensors", task_->stored());
    if (options_.optimizer.ema > 0) {
      average_->take();
      NamedTensors weights;
      for (const auto& item : optimizer_->items()) weights.emplace_back(item.name, item.tensor);
      load_all(checkpoint / kTrainedWeights, weights);
    }
    load_all(checkpoint / "optimizer.safetensors", optimizer_->state(), !is_sharded());
    const Json state = parse_json(read_file(checkpoint / "state.json"), (checkpoint / "state.json").string());
    step_ = state.at("step");
    skipped_ = state.at("skipped");
    optimizer_->set_updates(state.at("updates"));
    if (state.contains("best")) best_step_ = state["best"].at("step"), best_ = state["best"].at("loss");
    task_->set_counters(state.value("counters", Json::object()));
    notice("resumed from {}", checkpoint.string());
  }

  TrainOptions recipe_, options_;  // as written; as settled by the data
  fs::path folder_;
  std::vector<std::int64_t> marks_;
  std::shared_ptr<Ranks> ranks_;
  std::unique_ptr<TrainTask> task_;
  std::unique_ptr<AdamW> optimizer_;
  std::unique_ptr<WeightAverage> average_;
  std::unique_ptr<GradientSum> gradients_;
  std::unique_ptr<StepWatch> watch_;
  std::ofstream metrics_;
  std::unique_ptr<EventFile> events_;
  double page_at_ = 0, page_took_s_ = 0;
  std::int64_t step_ = 0, skipped_ = 0, best_step_ = -1;
  double best_ = std::numeric_limits<double>::infinity();  // loss of a validation
  int bad_in_row_ = 0, signal_ = 0;
};

}  // namespace

TrainResult train(const TrainOptions& options, const fs::path& run, bool resume,
                  const std::vector<std::string>& allowed_changes, std::shared_ptr<Ranks> ranks) {
  options.check("recipe");
  Run job(options, run, std::move(ranks));
  job.open(resume, allowed_changes);
  return job.loop();
}

bool is_finished(const TrainOptions& options, const fs::path& run,
                 const std::vector<std::string>& allowed_changes) {
  if (!fs::exists(run / kFinished)) return false;
  TrainOptions copy = options;
  refuse_changes(run, to_json(copy), allowed_changes);
  const Json done = parse_json(read_file(run / kFinished), (run / kFinished).string());
  const std::int64_t steps = done.at("steps"), of = done.at("of");
  return steps >= (options.stop_after > 0 ? std::min<std::int64_t>(options.stop_after, of) : of);
}

}  // namespace af2
