// `af2 bench`: how fast this model is on this machine, for clips of several lengths.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "af2/cli/bench_parts.h"
#include "af2/cli/clip_flags.h"
#include "af2/core/bandwidth.h"
#include "af2/core/error.h"
#include "af2/core/progress.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

struct BenchFlags {
  ClipFlags clips;
  bool clap = false;
  std::string seconds = "10,30,120,300", batch, text_model;
  int reps = 3, tokens = 32, text = 0;
};

// "a,b,c" between two bounds.
std::vector<double> numbers(const std::string& text, const std::string& flag, double least, double most) {
  std::vector<double> all;
  for (const auto& part : split(text, ',')) {
    char* end = nullptr;
    const std::string word = trim(part);
    const double number = std::strtod(word.c_str(), &end);
    if (word.empty() || *end != '\0' || !(number >= least && number <= most))
      throw user_error(fmt::format("is no number from {:g} to {:g}: \"{}\"", least, most, word), flag,
                       "give several as a,b,c");
    all.push_back(number);
  }
  return all;
}

// Answers of flags.tokens tokens, whatever the model would stop at.
AnswerOptions whole_length(const BenchFlags& flags) {
  AnswerOptions options;
  options.max_new_tokens = flags.tokens;
  options.ignore_eos = true;
  return options;
}

struct Times {
  std::vector<double> encode_s, first_s, token_ms;
};

// The language model alone: a prompt of flags.text tokens, and the tokens after it.
void time_text(const Engine& engine, const BenchFlags& flags) {
  AnswerOptions options;
  options.ignore_eos = true;
  const Memory nothing = engine.nothing();
  std::vector<int> prompt;
  Random rng("af2/bench/text/1");
  while (static_cast<int>(prompt.size()) < flags.text)
    prompt.push_back(static_cast<int>(rng.below(static_cast<std::uint64_t>(engine.config().lm.vocab))));
  std::vector<double> prefill, token_ms;
  for (int rep = -1; rep < flags.reps; ++rep) {
    options.max_new_tokens = 1;
    const double prefill_ms = engine.answer_tokens(nothing, prompt, options).prefill_ms;
    options.max_new_tokens = flags.tokens;
    const Answer answer = engine.answer_tokens(nothing, {prompt.front()}, options);
    if (rep < 0) continue;
    prefill.push_back(flags.text / prefill_ms * 1e3);
    token_ms.push_back(answer.decode_ms / (flags.tokens - 1));
  }
  const double peak = peak_mib();                   // before the buffer that is read to measure the memory
  const bool here = engine.device().name == "cpu";  // else the weights are not in the main memory
  const double per_s = 1e3 / median(token_ms), read = here ? read_bandwidth() : 0;
  const double weights = static_cast<double>(engine.token_bytes(false)) * per_s / 1e9;
  if (flags.clips.json) {
    print_line(Json{{"type", "bench_text"},
                    {"model", engine.config().name},
                    {"prompt_tokens", flags.text},
                    {"prompt_tokens_per_s", median(prefill)},
                    {"tokens_per_s", per_s},
                    {"weight_gb_per_s", weights},
                    {"read_gb_per_s", here ? Json(read) : Json(nullptr)},
                    {"peak_mib", peak},
                    {"tokens", flags.tokens},
                    {"reps", flags.reps},
                    {"dtype", engine.device().dtype},
                    {"device", engine.device().name},
                    {"gpu_layers", engine.device().n_layers}}
                   .dump());
    return;
  }
  print_line("| prompt, tokens | prompt tokens/s | tokens/s | weights, GB/s | memory reads, GB/s | share |");
  print_line("| --- | --- | --- | --- | --- | --- |");
  print_line(fmt::format("| {} | {:.1f} | {:.1f} | {:.1f} | {} |", flags.text, median(prefill), per_s,
                         weights,
                         here ? fmt::format("{:.1f} | {:.0f} %", read, 100 * weights / read) : "- | -"));
}

// Several answers about one clip at once: prompts one by one, then every token of all of them together.
void time_batches(const Engine& engine, const BenchFlags& flags, double seconds,
                  const std::vector<double>& batches) {
  const AnswerOptions options = whole_length(flags);
  const Memory memory = engine.listen(synthetic_clip(seconds, engine.config().audio.sample_rate));
  if (!flags.clips.json) {
    print_line(fmt::format(
        "| answers at once ({:g} s of sound) | tokens/s of all | times the first row | answers/s |",
        seconds));
    print_line("| --- | --- | --- | --- |");
  }
  std::vector<std::vector<double>> rates(batches.size()), answers(batches.size());
  for (int rep = -1; rep < flags.reps; ++rep)
    for (std::size_t b = 0; b < batches.size(); ++b) {
      const auto n = static_cast<std::size_t>(batches[b]);
      const std::vector<Question> questions(n, engine.question(memory, "what do you hear?", options));
      const double start = steady_seconds();
      const std::vector<Answer> all = engine.answer_all(questions);
      const double whole = steady_seconds() - start;
      if (rep < 0) continue;
      // From the last one's first token on all prompts are read.
      rates[b].push_back(static_cast<double>(n) * (flags.tokens - 1) / (all.back().decode_ms / 1e3));
      answers[b].push_back(static_cast<double>(n) / whole);
    }
  for (std::size_t b = 0; b < batches.size(); ++b) {
    const double rate = median(rates[b]), first = median(rates[0]);
    if (flags.clips.json)
      print_line(Json{{"type", "bench_batch"},
                      {"model", engine.config().name},
                      {"seconds", seconds},
                      {"batch", batches[b]},
                      {"tokens_per_s", rate},
                      {"answers_per_s", median(answers[b])},
                      {"peak_mib", peak_mib()},
                      {"tokens", flags.tokens},
                      {"reps", flags.reps},
                      {"dtype", engine.device().dtype},
                      {"device", engine.device().name},
                      {"gpu_layers", engine.device().n_layers}}
                     .dump());
    else
      print_line(fmt::format("| {:g} | {:.1f} | {:.2f} | {:.2f} |", batches[b], rate, rate / first,
                             median(answers[b])));
  }
}

int run(const BenchFlags& flags) {
  if (flags.reps < 1 || flags.tokens < 2)
    throw user_error("--reps must be at least 1 and -n at least 2", "af2 bench");
  const std::vector<double> seconds = numbers(flags.seconds, "--seconds", 0.1, 86400);
  const std::vector<double> batches =
      flags.batch.empty() ? std::vector<double>() : numbers(flags.batch, "--batch", 1, 1024);
  if (!batches.empty() && flags.text > 0)
    throw user_error("--batch and --text exclude each other", "--batch");
  if (flags.clap) {
    if (!batches.empty() || flags.text > 0)
      throw user_error("measures clips and texts of AF-CLAP alone", "--clap", "leave --batch and --text out");
    time_clap(flags.clips, flags.text_model, seconds, flags.reps);
    return 0;
  }
  const double start = steady_seconds();
  const Engine engine = load_engine(flags.clips, flags.text > 0);
  const double load_s = steady_seconds() - start;
  const AnswerOptions options = whole_length(flags);
  if (!flags.clips.json) {
    print_line(
        fmt::format("{} on {}, products in {}, loaded in {:.2f} s; median of {} after one unmeasured run",
                    engine.config().name, device_text(engine), engine.device().dtype, load_s, flags.reps));
    if (flags.text == 0 && batches.empty())
      print_line(
          "| audio, s | heard, s | listen, s | first token, s | tokens/s | audio s per s | peak memory, MiB "
          "|");
    if (flags.text == 0 && batches.empty()) print_line("| --- | --- | --- | --- | --- | --- | --- |");
  }
  if (flags.text > 0) {
    time_text(engine, flags);
    return 0;
  }
  if (!batches.empty()) {
    time_batches(engine, flags, seconds[0], batches);
    return 0;
  }
  for (const double length : seconds) {
    const Clip clip = synthetic_clip(length, engine.config().audio.sample_rate);
    Times times;
    double heard_s = 0;
    for (int rep = -1; rep < flags.reps; ++rep) {
      const Memory memory = engine.listen(clip);
      heard_s = memory.report().seconds_used;
      const Answer answer = engine.answer(memory, "what do you hear?", options);
      if (rep < 0) continue;
      times.encode_s.push_back(memory.encode_ms() / 1e3);
      times.first_s.push_back((memory.encode_ms() + answer.prefill_ms) / 1e3);
      times.token_ms.push_back(answer.decode_ms / (flags.tokens - 1));
    }
    const double encode = median(times.encode_s), first = median(times.first_s),
                 token = median(times.token_ms);
    const double whole = first + token / 1e3 * (flags.tokens - 1);
    if (flags.clips.json)
      print_line(Json{{"type", "bench"},
                      {"model", engine.config().name},
                      {"seconds", length},
                      {"seconds_used", heard_s},
                      {"load_s", load_s},
                      {"listen_s", encode},
                      {"first_token_s", first},
                      {"tokens_per_s", 1e3 / token},
                      {"audio_s_per_s", heard_s / whole},
                      {"peak_mib", peak_mib()},
                      {"tokens", flags.tokens},
                      {"reps", flags.reps},
                      {"dtype", engine.device().dtype},
                      {"device", engine.device().name},
                      {"gpu_layers", engine.device().n_layers}}
                     .dump());
    else
      print_line(fmt::format("| {:g} | {:g} | {:.3f} | {:.3f} | {:.1f} | {:.1f} | {:.0f} |", length, heard_s,
                             encode, first, 1e3 / token, heard_s / whole, peak_mib()));
  }
  return 0;
}

}  // namespace

void add_bench(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<BenchFlags>();
  CLI::App* verb = app.add_subcommand("bench", "how fast a model is on this machine");
  verb->add_option(
      "-m,--model", flags->clips.model,
      "model folder or published checkpoint, with --text a GGUF file or Hugging Face folder too; without "
      "it AF2_MODEL or the bundled one");
  verb->add_option("--lm", flags->clips.base_lm,
                   "of a published checkpoint: folder of its base language model");
  verb->add_option("--generation", flags->clips.generation,
                   "of a published checkpoint whose files do not tell its release")
      ->check(CLI::IsMember({"2025-03", "2025-06"}));
  verb->add_flag("--clap", flags->clap,
                 "vectors of AF-CLAP instead of answers: clips of each of --seconds, and texts");
  verb->add_option("--text-model", flags->text_model,
                   "of a published AF-CLAP: folder of Flan-T5 with spiece.model");
  verb->add_option("--seconds", flags->seconds, "lengths of the clips, a,b,c");
  verb->add_option("--text", flags->text,
                   "instead of clips: the language model alone, after a prompt of so many tokens")
      ->check(CLI::Range(1, 1 << 20));
  verb->add_option(
      "--batch", flags->batch,
      "instead of lengths: so many answers at once, a,b,c, about a clip of the first of --seconds");
  verb->add_option("-n,--max-tokens", flags->tokens, "tokens of each answer");
  verb->add_option("--reps", flags->reps, "measured runs of each length");
  verb->add_option("--windows", flags->clips.windows, "cap of 10 s windows; 0: the model's");
  add_device_flags(*verb, flags->clips);
  verb->add_option("-t,--threads", flags->clips.threads, "threads; 0: all cores");
  verb->add_flag("--json", flags->clips.json, "one JSON object per length");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 bench --seconds 10,60 --reps 5");
  verb->callback([flags, &runner] { runner = [flags] { return run(*flags); }; });
}

}  // namespace af2
