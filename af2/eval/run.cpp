#include "af2/eval/run.h"

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/data/job_folder.h"
#include "af2/data/llm_cache.h"
#include "af2/eval/prediction.h"
#include "af2/eval/prompts.h"
#include "af2/eval/result_cache.h"
#include "af2/eval/swaps.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kBucketsS[] = {10, 30, 90, 300};  // clips of about a length share batches

int length_bucket(double seconds) {
  return static_cast<int>(std::upper_bound(std::begin(kBucketsS), std::end(kBucketsS), seconds) -
                          std::begin(kBucketsS));
}

// One question of one variant.
struct PlannedAsk {
  std::size_t variant = 0, item = 0;
  std::size_t sound_of = 0;  // the item whose clip is heard
};

// What a run holds while it goes.
struct RunState {
  const Benchmark& benchmark;
  const LabelSet& labels;
  const std::vector<EvalItem>& items;
  const RunOptions& options;
  std::vector<Variant> variants;
  std::vector<std::unique_ptr<LineFile>> files;  // [variants]
  std::vector<std::set<std::string>> done;       // [variants] ids
  std::map<std::string, std::string> hashes;     // of sound files, by path
};

Json run_config(const Benchmark& benchmark, const std::string& data_sha256, const EvalModel& model,
                const RunOptions& options, const std::vector<Variant>& variants) {
  Json names = Json::array();
  for (const Variant& variant : variants) names.push_back(variant.name);
  return {{"benchmark", benchmark.id},
          {"benchmark_sha256", benchmark.sha256},
          {"data_sha256", data_sha256},
          {"model", model.name},
          {"model_hash", model.hash},
          {"prompt", options.prompt},
          {"variants", names},
          {"answers", options.likeliest ? "likeliest" : "written"},
          {"max_new_tokens", options.max_new_tokens},
          {"windows", options.windows},
          {"seed", options.seed},
          {"limit", options.limit}};
}

// Items by length, clip, prompt, so that batches are alike and those about one clip lie together.
std::vector<std::size_t> run_order(const std::vector<EvalItem>& items) {
  std::vector<std::size_t> order(items.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  const auto key = [&](std::size_t i) {
    const EvalItem& item = items[i];
    return std::make_tuple(length_bucket(item.duration), item.audio, item.start, item.question.size(),
                           item.id);
  };
  std::sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) { return key(a) < key(b); });
  return order;
}

// [items] the item whose clip each hears when clips are swapped; itself where there is no other.
std::vector<std::size_t> swap_partners(const std::vector<EvalItem>& items, std::int64_t seed) {
  std::map<std::string, std::size_t> first;  // of each clip
  std::vector<SwapClip> clips;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (items[i].audio.empty()) continue;
    const std::string clip = items[i].audio.front() + "\n" + std::to_string(items[i].start);
    if (first.emplace(clip, i).second) clips.push_back({clip, items[i].duration});
  }
  const std::map<std::string, std::string> partner = shuffled_partners(std::move(clips), seed);
  std::vector<std::size_t> partners(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) {
    partners[i] = i;
    if (items[i].audio.empty()) continue;
    const auto found = partner.find(items[i].audio.front() + "\n" + std::to_string(items[i].start));
    if (found != partner.end()) partners[i] = first.at(found->second);
  }
  return partners;
}

// All asks in the order in which they are made: a batch of items with all its variants, but that swapped
// clips come when theirs are heard.
std::vector<PlannedAsk> plan_asks(const RunState& state) {
  const std::vector<std::size_t> partners = swap_partners(state.items, state.options.seed);
  std::map<std::size_t, std::vector<std::size_t>> swapped_onto;  // items that hear this one's clip
  for (std::size_t i = 0; i < partners.size(); ++i) swapped_onto[partners[i]].push_back(i);
  std::vector<PlannedAsk> plan;
  for (const std::size_t i : run_order(state.items)) {
    for (std::size_t v = 0; v < state.variants.size(); ++v) {
      const Variant& variant = state.variants[v];
      if (variant.swapped) {
        for (const std::size_t other : swapped_onto[i])
          if (takes_part(variant, state.items[other])) plan.push_back({v, other, i});
      } else if (takes_part(variant, state.items[i])) {
        plan.push_back({v, i, i});
      }
    }
  }
  return plan;
}

Ask ask_of(const RunState& state, const PlannedAsk& planned) {
  const Variant& variant = state.variants[planned.variant];
  const EvalItem item = varied(state.benchmark, variant, state.items[planned.item]);
  const EvalItem& heard = state.items[planned.sound_of];
  Ask ask;
  ask.prompt = prompt_for(state.benchmark, state.labels, item, variant.prompt_name);
  for (const std::string& path : heard.audio)
    ask.audio.push_back({state.options.root / path, heard.start, heard.start > 0 ? heard.duration : 0});
  ask.hearing = variant.hearing;
  if (state.options.likeliest) ask.choices = item.choices;
  const DecodingSpec& decoding = state.benchmark.decoding;
  ask.max_new_tokens =
      state.options.max_new_tokens > 0 ? state.options.max_new_tokens : decoding.max_new_tokens;
  ask.windows = state.options.windows.is_null() ? decoding.windows : state.options.windows;
  for (const std::string& stop : decoding.stop)
    if (!stop.starts_with("<")) ask.stop.push_back(stop);  // special tokens end an answer by themselves
  return ask;
}

// Content hashes of an ask's sounds, or why one cannot be read.
std::string hash_sounds(RunState& state, const Ask& ask, std::vector<std::string>& hashes) {
  for (const AskedSound& sound : ask.audio) {
    const std::string path = sound.path.string();
    auto found = state.hashes.find(path);
    if (found == state.hashes.end()) {
      std::error_code ignored;
      if (!fs::is_regular_file(sound.path, ignored)) return path + ": no such file";
      try {
        found = state.hashes.emplace(path, sha256_file(sound.path)).first;
      } catch (const Error& error) {
        return error.what();
      }
    }
    std::string hash = found->second;
    if (sound.start_s > 0 || sound.duration_s > 0)
      hash += "@" + std::to_string(sound.start_s) + "+" + std::to_string(sound.duration_s);
    hashes.push_back(hash);
  }
  return "";
}

struct BatchReplies {
  std::vector<Reply> replies;  // [asks]
  std::vector<char> cached;    // [asks]
};

// Replies from the cache, and of the model for the rest.
BatchReplies replies_to(RunState& state, EvalModel& model, const std::vector<Ask>& asks) {
  BatchReplies out{std::vector<Reply>(asks.size()), std::vector<char>(asks.size(), 0)};
  std::vector<std::size_t> open;
  std::vector<std::string> keys(asks.size());
  std::vector<std::vector<std::string>> hashes(asks.size());
  for (std::size_t i = 0; i < asks.size(); ++i) {
    out.replies[i].error = hash_sounds(state, asks[i], hashes[i]);
    if (!out.replies[i].error.empty()) continue;
    keys[i] = result_key(asks[i], hashes[i], model.hash);
    const auto known = state.options.cache ? state.options.cache->find(keys[i]) : std::nullopt;
    if (known) {
      out.replies[i] = reply_from_json(*known, state.options.cache->path().string());
      out.cached[i] = 1;
    } else {
      open.push_back(i);
    }
  }
  if (open.empty()) return out;
  std::vector<Ask> asked;
  for (const std::size_t i : open) asked.push_back(asks[i]);
  std::vector<Reply> replies = model.answer(asked);
  std::vector<std::pair<std::string, Json>> fresh;
  for (std::size_t k = 0; k < open.size(); ++k) {
    const std::size_t i = open[k];
    for (std::size_t h = 0; h < replies[k].heard.size() && h < hashes[i].size(); ++h)
      replies[k].heard[h].sha256 = hashes[i][h].substr(0, 64);
    if (replies[k].error.empty()) fresh.emplace_back(keys[i], reply_json(replies[k]));
    out.replies[i] = std::move(replies[k]);
  }
  if (state.options.cache && !fresh.empty()) state.options.cache->put(fresh);
  return out;
}

void write_batch(RunState& state, LineFile& timings, const std::vector<PlannedAsk>& planned,
                 const std::vector<Ask>& asks, const BatchReplies& got) {
  for (std::size_t i = 0; i < planned.size(); ++i) {
    const EvalItem& item = state.items[planned[i].item];
    const Variant& variant = state.variants[planned[i].variant];
    Prediction prediction{item.id,
                          item.cluster,
                          variant.prompt_name,
                          asks[i].prompt,
                          state.items[planned[i].sound_of].audio,
                          got.replies[i]};
    state.files[planned[i].variant]->append(prediction_line(prediction));
    if (got.cached[i] || got.replies[i].ms.empty()) continue;
    timings.append(Json{{"id", item.id}, {"variant", variant.name}, {"ms", got.replies[i].ms}}.dump());
  }
}

}  // namespace

EvalItem varied(const Benchmark& benchmark, const Variant& variant, const EvalItem& item) {
  return variant.rotation > 0 ? rotated_options(benchmark, item, static_cast<std::size_t>(variant.rotation))
                              : item;
}

RunResult run_benchmark(const Benchmark& benchmark, const LabelSet& labels,
                        const std::vector<EvalItem>& all_items, const std::string& data_sha256,
                        EvalModel& model, const RunOptions& options) {
  std::vector<EvalItem> items = all_items;
  if (options.limit > 0 && items.size() > static_cast<std::size_t>(options.limit))
    items.resize(static_cast<std::size_t>(options.limit));
  RunState state{
      benchmark, labels, items, options, variants_of(benchmark, items, options.baselines, options.prompt),
      {},        {},     {}};
  open_job_folder(options.out, run_config(benchmark, data_sha256, model, options, state.variants));
  for (const Variant& variant : state.variants) {
    auto& done = state.done.emplace_back();
    state.files.push_back(std::make_unique<LineFile>(
        options.out / variant.file(),
        [&](const std::string& line) { done.insert(Json::parse(line).at("id").get<std::string>()); }));
    if (state.files.back()->broken_lines() > 0)
      throw data_error("holds lines that are no predictions", (options.out / variant.file()).string(),
                       "remove the file to answer its items again");
  }
  LineFile timings(options.out / "timings.jsonl", [](const std::string&) {});

  RunResult result;
  result.items = static_cast<std::int64_t>(items.size());
  const double began = steady_seconds();
  std::vector<PlannedAsk> plan = plan_asks(state);
  std::erase_if(plan,
                [&](const PlannedAsk& one) { return state.done[one.variant].contains(items[one.item].id); });
  ProgressBar bar(static_cast<std::int64_t>(plan.size()));
  const auto batch = static_cast<std::size_t>(std::max(1, options.batch));
  try {
    for (std::size_t first = 0; first < plan.size(); first += batch) {
      if (const int signal = stop_signal()) throw Stopped{"signal " + std::to_string(signal)};
      const std::vector<PlannedAsk> some(
          plan.begin() + static_cast<std::ptrdiff_t>(first),
          plan.begin() + static_cast<std::ptrdiff_t>(std::min(plan.size(), first + batch)));
      std::vector<Ask> asks;
      for (const PlannedAsk& planned : some) asks.push_back(ask_of(state, planned));
      const BatchReplies got = replies_to(state, model, asks);
      write_batch(state, timings, some, asks, got);
      for (std::size_t i = 0; i < some.size(); ++i) {
        ++result.asks, result.cached += got.cached[i];
        if (got.replies[i].error.empty()) continue;
        ++result.failed;
        if (result.failed <= 10)
          warning("{} ({}): {}", items[some[i].item].id, state.variants[some[i].variant].name,
                  got.replies[i].error);
      }
      bar.update(static_cast<std::int64_t>(first + some.size()),
                 std::to_string(first + some.size()) + " of " + std::to_string(plan.size()) + " answers");
    }
  } catch (const Stopped& stopped) {
    result.stopped = stopped.reason;
  }
  bar.clear();
  result.seconds = steady_seconds() - began;
  return result;
}

}  // namespace af2
