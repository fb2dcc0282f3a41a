#include "af2/cli/eval_engine.h"

#include <algorithm>
#include <cmath>
#include <list>
#include <map>
#include <memory>
#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/progress.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kKeptSeconds = 600;  // of sound whose memories are kept

struct KeptMemory {
  std::string key;
  Memory memory;
  HeardSound heard;
  double load_ms = 0;
};

HeardSound heard_of(const WindowReport& report) {
  return {"", report.seconds, report.seconds_used, report.seconds_cut, report.n_windows};
}

// The engine with what it heard last.
class HearingEngine {
 public:
  HearingEngine(ClipFlags flags, int max_windows) : flags_(std::move(flags)) { flags_.windows = max_windows; }

  std::vector<Reply> answer(const std::vector<Ask>& asks) {
    if (!engine_) engine_ = std::make_unique<Engine>(load_engine(flags_));
    std::vector<Reply> replies(asks.size());
    std::vector<Question> questions;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < asks.size(); ++i) {
      try {
        const Memory memory = hear(asks[i], replies[i]);
        if (!asks[i].choices.empty()) {
          choose(asks[i], memory, replies[i]);
          continue;
        }
        AnswerOptions options;
        options.max_new_tokens = asks[i].max_new_tokens;
        options.stop = asks[i].stop;
        options.log_probabilities = true;
        questions.push_back(engine_->question(memory, asks[i].prompt, options));
        open.push_back(i);
      } catch (const Error& error) {
        if (error.kind() != ErrorKind::kData) throw;
        replies[i].error = error.what();
      }
    }
    const std::vector<Answer> answers = engine_->answer_all(questions);
    for (std::size_t k = 0; k < open.size(); ++k) write(answers[k], replies[open[k]]);
    return replies;
  }

 private:
  Memory hear(const Ask& ask, Reply& reply) {
    if (ask.hearing == Hearing::kOff || ask.audio.empty()) return engine_->nothing();
    if (ask.audio.size() > 1)
      throw data_error("names several clips, and this model hears one", ask.audio.front().path.string());
    const AskedSound& sound = ask.audio.front();
    const std::string key = sound.path.string() + "\n" + std::to_string(sound.start_s) + "\n" +
                            std::to_string(sound.duration_s) + "\n" +
                            std::to_string(static_cast<int>(ask.hearing));
    auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const KeptMemory& one) { return one.key == key; });
    if (found == kept_.end()) {
      kept_.push_front(listen(key, sound, ask.hearing));
      found = kept_.begin();
      reply.ms["load"] = found->load_ms;
      reply.ms["encode"] = found->memory.encode_ms();
      forget();
    } else {
      kept_.splice(kept_.begin(), kept_, found);
    }
    reply.heard = {found->heard};
    return found->memory;
  }

  KeptMemory listen(const std::string& key, const AskedSound& sound, Hearing hearing) {
    const double began = steady_seconds();
    DecodeOptions options = engine_->decode_options();
    options.start_s = sound.start_s, options.duration_s = sound.duration_s;
    if (hearing == Hearing::kFirstWindow) options.max_seconds = engine_->config().audio.window_seconds;
    Clip clip = decode_file(sound.path, options);
    if (hearing == Hearing::kSilence) std::fill(clip.samples.begin(), clip.samples.end(), 0.0f);
    KeptMemory kept{key, {}, {}, (steady_seconds() - began) * 1e3};
    if (hearing == Hearing::kSilence) {
      const WindowReport report = plan_windows(clip.samples, window_options(clip)).report;
      kept.heard = heard_of(report);
      // Windows of zeros are alike: silence of as many windows is heard once.
      auto known = silences_.find(report.n_windows);
      if (known == silences_.end()) known = silences_.emplace(report.n_windows, engine_->listen(clip)).first;
      kept.memory = known->second;
    } else {
      kept.memory = engine_->listen(clip);
      kept.heard = heard_of(kept.memory.report());
    }
    return kept;
  }

  WindowOptions window_options(const Clip& clip) const {
    const AudioConfig& audio = engine_->config().audio;
    WindowOptions options;
    options.rate_hz = audio.sample_rate, options.window_s = audio.window_seconds;
    options.max_windows = flags_.windows > 0 ? flags_.windows : audio.max_windows;
    options.clip_seconds = clip.wanted_seconds;
    return options;
  }

  void forget() {
    double seconds = 0;
    for (auto it = kept_.begin(); it != kept_.end(); ++it) {
      seconds += it->heard.seconds_used;
      if (seconds <= kKeptSeconds || it == kept_.begin()) continue;
      kept_.erase(it, kept_.end());
      return;
    }
  }

  void choose(const Ask& ask, const Memory& memory, Reply& reply) {
    const double began = steady_seconds();
    const std::vector<Choice> scored = engine_->weigh(memory, ask.prompt, ask.choices);
    const Choice& best = likeliest(scored);
    reply.text = best.text, reply.finish = "stop";
    reply.logprob_mean = std::log(std::max(best.share, 1e-12));
    reply.ms["prefill"] = (steady_seconds() - began) * 1e3;
  }

  static void write(const Answer& answer, Reply& reply) {
    reply.text = answer.text, reply.finish = answer.finish_reason;
    reply.tokens = static_cast<int>(answer.tokens.size());
    if (!answer.log_probabilities.empty())
      reply.logprob_mean =
          std::accumulate(answer.log_probabilities.begin(), answer.log_probabilities.end(), 0.0) /
          static_cast<double>(answer.log_probabilities.size());
    reply.ms["prefill"] = answer.prefill_ms, reply.ms["decode"] = answer.decode_ms;
  }

  ClipFlags flags_;
  std::unique_ptr<Engine> engine_;
  std::list<KeptMemory> kept_;      // the last one heard first
  std::map<int, Memory> silences_;  // by windows
};

}  // namespace

std::string model_files_hash(const fs::path& folder) {
  static const std::set<std::string> kinds = {".safetensors", ".gguf", ".json", ".pt", ".bin", ".model"};
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && kinds.contains(entry.path().extension().string()))
        files.push_back(entry.path());
  } else {
    files.push_back(folder);
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const fs::path& file : files)
    all += fs::relative(file, folder).generic_string() + " " + sha256_file(file) + "\n";
  return sha256_hex(std::as_bytes(std::span(all)));
}

EvalModel engine_model(const ClipFlags& flags, int max_windows) {
  check_clip_flags(flags);
  const fs::path folder = find_model_folder(flags.model);
  EvalModel model;
  const std::string files = model_files_hash(folder);
  const std::string dtype = flags.dtype.empty() ? "f32" : flags.dtype;
  const std::string how =
      files + " " + dtype + (max_windows > 0 ? " windows " + std::to_string(max_windows) : "");
  model.hash = sha256_hex(std::as_bytes(std::span(how)));
  model.name = fs::weakly_canonical(folder).filename().string();
  model.facts = {
      {"weights_sha256", files}, {"dtype", dtype}, {"device", flags.device}, {"program", AF2_VERSION}};
  const auto engine = std::make_shared<HearingEngine>(flags, max_windows);
  model.answer = [engine](const std::vector<Ask>& asks) { return engine->answer(asks); };
  return model;
}

}  // namespace af2
