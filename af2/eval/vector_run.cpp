#include "af2/eval/vector_run.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/data/job_folder.h"
#include "af2/eval/prediction.h"
#include "af2/eval/result_cache.h"
#include "af2/io/atomic_file.h"
#include "af2/io/npy.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr std::size_t kKeptAtOnce = 32;  // vectors that go into the cache together

std::string filled_template(const std::string& form, const std::string& hole, const std::string& text) {
  std::string filled = form;
  const std::size_t at = filled.find(hole);
  if (at == std::string::npos) throw user_error("has no " + hole + ": " + form, "template");
  return filled.replace(at, hole.size(), text);
}

// The vector of one clip, from the cache where it is there.
class ClipVectors {
 public:
  ClipVectors(VectorModel& model, ResultCache* cache) : model_(model), cache_(cache) {}
  ~ClipVectors() = default;

  std::vector<float> of(const AskedSound& sound, std::string& sha256, bool& cached) {
    sha256 = sha256_file(sound.path);
    const std::string text = "vector 1 " + model_.hash + " " + sha256 + " " + std::to_string(sound.start_s) +
                             " " + std::to_string(sound.duration_s);
    const std::string key = sha256_hex(std::as_bytes(std::span(text)));
    if (const auto known = cache_ ? cache_->find(key) : std::nullopt) {
      cached = true;
      return known->get<std::vector<float>>();
    }
    std::vector<float> vector = model_.audio(sound);
    if (cache_) fresh_.emplace_back(key, Json(vector));
    if (fresh_.size() >= kKeptAtOnce) keep();
    return vector;
  }
  void keep() {
    if (cache_ && !fresh_.empty()) cache_->put(fresh_);
    fresh_.clear();
  }

 private:
  VectorModel& model_;
  ResultCache* cache_;
  std::vector<std::pair<std::string, Json>> fresh_;
};

float product(const std::vector<float>& a, const std::vector<float>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  return static_cast<float>(sum);
}

}  // namespace

bool compares_vectors(const Benchmark& benchmark) {
  return benchmark.task == "retrieval" || benchmark.kind == "zero_shot_clap";
}

std::vector<std::string> compared_texts(const Benchmark& benchmark, const LabelSet& labels,
                                        const std::vector<EvalItem>& items, int form) {
  std::vector<std::string> texts;
  if (benchmark.task == "retrieval") {
    const std::string caption = benchmark.retrieval.is_object()
                                    ? benchmark.retrieval.value("text_template", std::string("{caption}"))
                                    : std::string("{caption}");
    for (const EvalItem& item : items)
      for (const std::string& ref : item.refs) texts.push_back(filled_template(caption, "{caption}", ref));
    return texts;
  }
  if (form < 0 || static_cast<std::size_t>(form) > labels.alt_templates.size())
    throw user_error("has templates 0 to " + std::to_string(labels.alt_templates.size()), benchmark.id,
                     "0 is the usual one");
  const std::string& usual = labels.text_template.empty() ? std::string("{label}") : labels.text_template;
  const std::string chosen = form == 0 ? usual : labels.alt_templates[static_cast<std::size_t>(form - 1)];
  for (const std::string& label : labels.list)
    texts.push_back(filled_template(chosen, "{label}", labels.shown(label)));
  return texts;
}

RunResult run_vectors(const Benchmark& benchmark, const LabelSet& labels,
                      const std::vector<EvalItem>& all_items, const std::string& data_sha256,
                      VectorModel& model, const RunOptions& options, int form) {
  std::vector<EvalItem> items = all_items;
  if (options.limit > 0 && items.size() > static_cast<std::size_t>(options.limit))
    items.resize(static_cast<std::size_t>(options.limit));
  std::sort(items.begin(), items.end(), [](const EvalItem& a, const EvalItem& b) { return a.id < b.id; });
  open_job_folder(options.out, Json{{"benchmark", benchmark.id},
                                    {"benchmark_sha256", benchmark.sha256},
                                    {"data_sha256", data_sha256},
                                    {"model", model.name},
                                    {"model_hash", model.hash},
                                    {"prompt", "default"},
                                    {"variants", {"main"}},
                                    {"answers", "vectors"},
                                    {"template", form},
                                    {"limit", options.limit}});
  RunResult result;
  result.items = static_cast<std::int64_t>(items.size());
  const double began = steady_seconds();
  const std::vector<std::string> texts = compared_texts(benchmark, labels, items, form);
  const std::vector<std::vector<float>> text_vectors = model.texts(texts);
  std::vector<float> scores(items.size() * texts.size(), std::numeric_limits<float>::quiet_NaN());
  ClipVectors clips(model, options.cache);
  AtomicFile out(options.out / "predictions.jsonl");
  ProgressBar bar(result.items);
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (const int signal = stop_signal()) {
      clips.keep();
      result.stopped = "signal " + std::to_string(signal);
      return result;
    }
    const EvalItem& item = items[i];
    Prediction said{item.id, item.cluster, "default", "", item.audio, {}};
    ++result.asks;
    try {
      if (item.audio.empty()) throw data_error("has no clip", item.where);
      std::string sha256;
      bool cached = false;
      const AskedSound sound{options.root / item.audio.front(), item.start,
                             item.start > 0 ? item.duration : 0};
      const std::vector<float> vector = clips.of(sound, sha256, cached);
      result.cached += cached;
      std::size_t best = 0;
      for (std::size_t t = 0; t < texts.size(); ++t) {
        scores[i * texts.size() + t] = product(vector, text_vectors[t]);
        if (scores[i * texts.size() + t] > scores[i * texts.size() + best]) best = t;
      }
      said.reply.finish = "stop";
      said.reply.heard = {{sha256, item.duration, item.duration, 0, 0}};
      if (benchmark.task != "retrieval" && !texts.empty()) said.reply.text = labels.shown(labels.list[best]);
    } catch (const Error& error) {
      if (error.kind() != ErrorKind::kData) throw;
      said.reply.error = error.what();
      if (++result.failed <= 10) warning("{}: {}", item.id, error.what());
    }
    out.write(prediction_line(said) + "\n");
    bar.update(static_cast<std::int64_t>(i + 1),
               std::to_string(i + 1) + " of " + std::to_string(items.size()) + " clips");
  }
  clips.keep();
  bar.clear();
  write_npy(options.out / "label_scores.npy", scores,
            {static_cast<std::int64_t>(items.size()), static_cast<std::int64_t>(texts.size())});
  out.commit();
  result.seconds = steady_seconds() - began;
  return result;
}

}  // namespace af2
