#include "af2/cli/eval_engine.h"

#include <fmt/format.h>

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
#include "af2/core/text_util.h"
#include "af2/generate/scan.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

const std::string kCaptionPrompt = "describe what is heard in one sentence.";
constexpr int kCaptionTokens = 48, kShortestCaption = 6;
constexpr int kLabelTokens = 10;           // "110-120 s: "
constexpr std::size_t kCaptions = 8;       // clips whose captions are kept
constexpr double kShortestStretch = 0.05;  // of a scan: less than that is the rounding of a file's length

struct KeptMemory {
  std::string key;
  Memory memory;
  HeardSound heard;
  double load_ms = 0, file_seconds = 0;
};

// A part of a clip that is longer than what the model hears at once.
struct Stretch {
  double start_s = 0;
  Memory memory;
};

HeardSound heard_of(const WindowReport& report) {
  return {"", report.seconds, report.seconds_used, report.seconds_cut, report.n_windows};
}

// "10-20 s" of a window.
std::string span_text(std::size_t window, double window_s) {
  return fmt::format("{:g}-{:g} s", static_cast<double>(window) * window_s,
                     static_cast<double>(window + 1) * window_s);
}

struct KeptCaptions {
  std::string key, text;
  HeardSound heard;
};

// The engine with what it heard last.
class HearingEngine {
 public:
  HearingEngine(ClipFlags flags, int max_windows, double keep_s) : flags_(std::move(flags)), keep_s_(keep_s) {
    flags_.windows = max_windows;
  }

  std::vector<Reply> answer(const std::vector<Ask>& asks) {
    if (!engine_) engine_ = std::make_unique<Engine>(load_engine(flags_));
    std::vector<Reply> replies(asks.size());
    std::vector<Question> questions;
    std::vector<std::size_t> open;
    for (std::size_t i = 0; i < asks.size(); ++i) {
      try {
        std::vector<Stretch> stretches;
        if (asks[i].windows == "scan" && scans(asks[i].hearing) && !asks[i].audio.empty())
          stretches = hear_stretches(asks[i], replies[i]);
        if (stretches.size() > 1) {
          scan(asks[i], stretches, replies[i]);
          continue;
        }
        const Memory memory = stretches.empty() ? hear(asks[i], replies[i]) : stretches.front().memory;
        std::string prompt = asks[i].prompt;
        if (asks[i].hearing == Hearing::kCascade && !asks[i].audio.empty())
          prompt += " " + captions(asks[i], replies[i]);
        if (!asks[i].choices.empty()) {
          choose(asks[i], prompt, memory, replies[i]);
          continue;
        }
        AnswerOptions options;
        options.max_new_tokens = asks[i].max_new_tokens;
        options.stop = asks[i].stop;
        options.log_probabilities = true;
        questions.push_back(engine_->question(memory, prompt, options));
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
    if (ask.hearing == Hearing::kOff || ask.hearing == Hearing::kCascade || ask.audio.empty())
      return engine_->nothing();
    const KeptMemory& kept = hear(one_sound(ask), ask.hearing, reply);
    reply.heard = {kept.heard};
    return kept.memory;
  }

  // Heard now, or before and kept. The reference holds until the next hearing.
  const KeptMemory& hear(const AskedSound& sound, Hearing hearing, Reply& reply) {
    const std::string key = key_of(sound, hearing);
    if (keep_s_ <= 0) kept_.clear(), silences_.clear();
    auto found =
        std::find_if(kept_.begin(), kept_.end(), [&](const KeptMemory& one) { return one.key == key; });
    if (found == kept_.end()) {
      kept_.push_front(listen(key, sound, hearing));
      found = kept_.begin();
      reply.ms["load"] += found->load_ms;
      reply.ms["encode"] += found->memory.encode_ms();
      forget();
    } else {
      kept_.splice(kept_.begin(), kept_, found);
    }
    return *found;
  }

  static bool scans(Hearing hearing) { return hearing == Hearing::kSound || hearing == Hearing::kSilence; }

  // The whole clip, as many windows at a time as the model hears at once.
  std::vector<Stretch> hear_stretches(const Ask& ask, Reply& reply) {
    const AudioConfig& audio = engine_->config().audio;
    const AskedSound& whole = one_sound(ask);
    const double cap_s = (flags_.windows > 0 ? flags_.windows : audio.max_windows) * audio.window_seconds;
    std::vector<Stretch> stretches;
    HeardSound all;
    double end_s = 0;
    for (AskedSound part = whole; stretches.empty() || part.start_s < end_s - kShortestStretch;
         part.start_s += cap_s) {
      const bool first = stretches.empty();
      part.duration_s = cap_s;
      if (whole.duration_s > 0)
        part.duration_s = std::min(cap_s, whole.start_s + whole.duration_s - part.start_s);
      const KeptMemory& kept = hear(part, ask.hearing, reply);
      stretches.push_back({part.start_s, kept.memory});
      if (first) end_s = whole.duration_s > 0 ? whole.start_s + whole.duration_s : kept.file_seconds;
      all.windows += kept.heard.windows;
      all.seconds += kept.heard.seconds, all.seconds_used += kept.heard.seconds_used;
      all.seconds_cut += kept.heard.seconds_cut;
    }
    reply.heard = {all};
    return stretches;
  }

  // As `af2 ask --long scan` does it; given answers are weighed as they are of a clip that is heard at once.
  void scan(const Ask& ask, const std::vector<Stretch>& stretches, Reply& reply) {
    const double began = steady_seconds();
    if (!ask.choices.empty()) {
      std::vector<Choice> sums;
      for (const Stretch& stretch : stretches)
        add_stretch(sums, engine_->weigh_listed(stretch.memory, ask.prompt, ask.choices));
      tell(sums, began, reply);
      return;
    }
    AnswerOptions options;
    options.max_new_tokens = ask.max_new_tokens;
    options.stop = ask.stop;
    options.log_probabilities = true;
    Scan asked(*engine_, ask.prompt, {}, options);
    for (const Stretch& stretch : stretches) asked.hear(stretch.memory, stretch.start_s);
    write(asked.finish().answer, reply);
  }

  static const AskedSound& one_sound(const Ask& ask) {
    if (ask.audio.size() > 1)
      throw data_error("names several clips, and this model hears one", ask.audio.front().path.string());
    return ask.audio.front();
  }

  static std::string key_of(const AskedSound& sound, Hearing hearing) {
    return fmt::format("{}\n{}\n{}\n{}", sound.path.string(), sound.start_s, sound.duration_s,
                       static_cast<int>(hearing));
  }

  // What the model says about each window of the clip alone, in turn: "heard: 0-10 s: rain. 10-20 s: ...".
  std::string captions(const Ask& ask, Reply& reply) {
    const AskedSound& sound = one_sound(ask);
    const std::string key = key_of(sound, ask.hearing);
    for (const KeptCaptions& one : kept_captions_)
      if (one.key == key) {
        reply.heard = {one.heard};
        return one.text;
      }
    KeptCaptions made{key, "heard:", {}};
    DecodeOptions decode = engine_->decode_options();
    decode.start_s = sound.start_s, decode.duration_s = sound.duration_s;
    const Clip whole = decode_file(sound.path, decode);
    const WindowReport report = plan_windows(whole.samples, window_options(whole)).report;
    // A quarter of the prompt is the question's. Windows that then find no room are told as not heard.
    const int budget = engine_->config().text.max_prompt_tokens / 4 * 3;
    const int told = std::clamp(budget / (kLabelTokens + kShortestCaption), 1, report.n_windows);
    const double window_s = engine_->config().audio.window_seconds;
    const auto samples = static_cast<std::size_t>(window_s * whole.rate_hz);
    made.heard = heard_of(report);
    made.heard.windows = told;
    made.heard.seconds_used = std::min(made.heard.seconds_used, told * window_s);
    made.heard.seconds_cut = made.heard.seconds - made.heard.seconds_used;
    AnswerOptions options;
    options.max_new_tokens = std::clamp(budget / told - kLabelTokens, kShortestCaption, kCaptionTokens);
    std::vector<Question> questions;
    for (int w = 0; w < told; ++w) {
      const std::size_t first = static_cast<std::size_t>(w) * samples;
      const std::size_t end = std::min(first + samples, whole.samples.size());
      Clip part = whole;
      part.samples.assign(whole.samples.begin() + static_cast<std::ptrdiff_t>(std::min(first, end)),
                          whole.samples.begin() + static_cast<std::ptrdiff_t>(end));
      part.seconds = part.wanted_seconds = static_cast<double>(part.samples.size()) / whole.rate_hz;
      if (!part.samples.empty())
        questions.push_back(engine_->question(engine_->listen(part), kCaptionPrompt, options));
    }
    const std::vector<Answer> said = engine_->answer_all(questions);
    for (std::size_t w = 0; w < said.size(); ++w) {
      const std::string caption = trim(said[w].text);
      made.text += " " + span_text(w, window_s) + ": " + caption + (caption.ends_with('.') ? "" : ".");
    }
    reply.heard = {made.heard};
    if (keep_s_ <= 0) return made.text;
    kept_captions_.push_front(made);
    if (kept_captions_.size() > kCaptions) kept_captions_.pop_back();
    return made.text;
  }

  KeptMemory listen(const std::string& key, const AskedSound& sound, Hearing hearing) {
    const double began = steady_seconds();
    DecodeOptions options = engine_->decode_options();
    options.start_s = sound.start_s, options.duration_s = sound.duration_s;
    if (hearing == Hearing::kFirstWindow) options.max_seconds = engine_->config().audio.window_seconds;
    Clip clip = decode_file(sound.path, options);
    if (hearing == Hearing::kSilence) std::fill(clip.samples.begin(), clip.samples.end(), 0.0f);
    KeptMemory kept{key, {}, {}, (steady_seconds() - began) * 1e3, clip.file_seconds};
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
      if (seconds <= keep_s_ || it == kept_.begin()) continue;
      kept_.erase(it, kept_.end());
      return;
    }
  }

  void choose(const Ask& ask, const std::string& prompt, const Memory& memory, Reply& reply) {
    const double began = steady_seconds();
    const std::vector<Choice> scored = engine_->weigh_listed(memory, prompt, ask.choices);
    tell(scored, began, reply);
  }

  static void tell(const std::vector<Choice>& scored, double began, Reply& reply) {
    const Choice& best = likeliest(scored);
    reply.text = best.text, reply.finish = "stop";
    for (const Choice& choice : scored) reply.shares.push_back(choice.share);
    reply.logprob_mean = std::log(std::max(best.share, 1e-12));
    reply.ms["prefill"] = (steady_seconds() - began) * 1e3;
  }

  void write(const Answer& answer, Reply& reply) const {
    // What is scored is the verdict: rules of matching know nothing of what a model writes before it.
    reply.text = behind_lead(answer.text, engine_->config().text.lead), reply.finish = answer.finish_reason;
    reply.tokens = static_cast<int>(answer.tokens.size());
    if (!answer.log_probabilities.empty())
      reply.logprob_mean =
          std::accumulate(answer.log_probabilities.begin(), answer.log_probabilities.end(), 0.0) /
          static_cast<double>(answer.log_probabilities.size());
    reply.ms["prefill"] = answer.prefill_ms, reply.ms["decode"] = answer.decode_ms;
  }

  ClipFlags flags_;
  double keep_s_ = kHeardSeconds;
  std::unique_ptr<Engine> engine_;
  std::list<KeptMemory> kept_;             // the last one heard first
  std::list<KeptCaptions> kept_captions_;  // the last one made first
  std::map<int, Memory> silences_;         // by windows
};

// Files of weights that config.json names outside of the folder. A broken config is the loader's to refuse.
std::vector<fs::path> named_elsewhere(const fs::path& folder) {
  std::vector<fs::path> files;
  if (!fs::exists(folder / "config.json")) return files;
  const Json config = Json::parse(read_file(folder / "config.json"), nullptr, /*allow_exceptions=*/false);
  for (const char* part : {"lm", "xattn", "clap"}) {
    const Json of_part = config.is_object() ? config.value(part, Json()) : Json();
    const Json name = of_part.is_object() ? of_part.value("file", Json()) : Json();
    if (!name.is_string()) continue;
    const fs::path file = name.get<std::string>();
    if (!file.empty() && (file.is_absolute() || *file.begin() == "..") && fs::is_regular_file(folder / file))
      files.push_back(folder / file);
  }
  return files;
}

}  // namespace

std::string model_files_hash(const fs::path& folder) {
  static const std::set<std::string> kinds = {".safetensors", ".gguf", ".json", ".pt", ".bin", ".model"};
  std::vector<fs::path> files;
  if (fs::is_directory(folder)) {
    for (const auto& entry : fs::recursive_directory_iterator(folder))
      if (entry.is_regular_file() && kinds.contains(entry.path().extension().string()))
        files.push_back(entry.path());
    for (const fs::path& file : named_elsewhere(folder)) files.push_back(file);
  } else {
    files.push_back(folder);
  }
  std::sort(files.begin(), files.end());
  std::string all;
  for (const fs::path& file : files)
    all += fs::relative(file, folder).generic_string() + " " + sha256_file(file) + "\n";
  return sha256_hex(std::as_bytes(std::span(all)));
}

EvalModel engine_model(const ClipFlags& flags, int max_windows, double keep_s) {
  check_clip_flags(flags);
  const fs::path folder = find_model_folder(flags.model);
  EvalModel model;
  const std::string files = model_files_hash(folder);
  const std::string dtype = flags.dtype.empty() ? "f32" : flags.dtype;
  // Kept replies are found by it: raised where the same model's reply to the same question is another.
  constexpr const char* kReplies =
      "replies 3";  // 2: written ones without their lead, choices with and without list; 3: shares
  const std::string how = files + " " + dtype + " " + kReplies +
                          (max_windows > 0 ? " windows " + std::to_string(max_windows) : "") +
                          (flags.contrast ? " contrast " + std::to_string(*flags.contrast) : "");
  model.hash = sha256_hex(std::as_bytes(std::span(how)));
  model.name = fs::weakly_canonical(folder).filename().string();
  model.facts = {
      {"weights_sha256", files}, {"dtype", dtype}, {"device", flags.device}, {"program", AF2_VERSION}};
  if (flags.contrast) model.facts["contrast"] = *flags.contrast;
  const auto engine = std::make_shared<HearingEngine>(flags, max_windows, keep_s);
  model.answer = [engine](const std::vector<Ask>& asks) { return engine->answer(asks); };
  return model;
}

}  // namespace af2
