// `af2 ask` and `af2 caption`: an answer, or a description, for each clip or each stretch of one.
#include <algorithm>
#include <cmath>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/stretches.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/text_util.h"
#include "af2/generate/scan.h"
#include "af2/text/prompt.h"

namespace af2 {
namespace {

struct AskFlags {
  ClipFlags clips;
  DecodingFlags decoding;
  std::string prompt, prompt_file, choices, tokens;
  std::string style = "short";
  double every_s = 0;
};

const std::vector<std::pair<std::string, std::string>> kStyles = {
    {"short", "describe the sound in one sentence."},
    {"long", "describe all sounds in detail, in the order in which they occur."},
    {"music", "describe the music: genre, instruments, tempo and mood."}};

std::string with_flagged_choices(const AskFlags& flags, const std::string& prompt) {
  return flags.choices.empty() ? prompt : with_choices(prompt, split(flags.choices, '|'));
}

// The question of the flags; empty where only a manifest asks.
std::string prompt_of(const AskFlags& flags) {
  std::string prompt = flags.prompt;
  if (!flags.prompt_file.empty()) {
    if (!prompt.empty()) throw user_error("-p and -f exclude each other", "-f");
    prompt = read_file(flags.prompt_file);
  }
  if (!flags.choices.empty() && !flags.tokens.empty())
    throw user_error("--choices and --tokens exclude each other", "--choices");
  if (!flags.choices.empty() && (flags.decoding.answer.grammar || !flags.decoding.logit_bias.empty()))
    throw user_error("goes with none of --grammar-file, --json-schema and --logit-bias", "--choices",
                     "the given answers are weighed as they are");
  if (flags.clips.long_mode == "scan" && !flags.tokens.empty())
    throw user_error("--long scan needs a question in words", "--tokens", "give -p");
  if (!trim(prompt).empty()) return with_flagged_choices(flags, prompt);
  if (flags.tokens.empty() && flags.clips.manifest.empty())
    throw user_error("no question given", "-p", "af2 ask -p \"What do you hear?\" FILE");
  return "";
}

// Seconds from the file's start of the stretch that an answer is about.
struct Stretch {
  double start_s = 0, end_s = 0;
};

std::vector<std::string> choices_of(const AskFlags& flags) {
  return flags.choices.empty() ? std::vector<std::string>{} : split(flags.choices, '|');
}

Json choices_json(const std::vector<Choice>& scored) {
  Json list = Json::array();
  for (const Choice& choice : scored)
    list.push_back(
        {{"text", choice.text}, {"share", choice.share}, {"log_probability", choice.log_probability}});
  return list;
}

// The likeliest of the given answers, as if it had been written; `scored` gets all of them.
Answer choose(const Engine& engine, const Memory& memory, const std::string& prompt,
              const std::vector<std::string>& choices, std::vector<Choice>& scored) {
  Answer answer;
  const double start = steady_seconds();
  scored = engine.choose(memory, prompt, choices);
  answer.text = likeliest(scored).text;
  answer.finish_reason = "stop";
  answer.prompt_tokens = static_cast<int>(engine.prompt_ids(prompt).size());
  answer.prefill_ms = (steady_seconds() - start) * 1e3;
  return answer;
}

// The reply of interfaces.md section 1.
Json answer_json(const Engine& engine, const AskFlags& flags, const std::string& prompt, int index,
                 const HeardClip& heard, const Answer& answer, double encode_ms,
                 const std::vector<Choice>& scored) {
  Json audio = audio_json(heard);
  for (const auto& word : answer.warnings) audio["warnings"].push_back(word);
  Json line = {{"type", "answer"}, {"index", index},      {"path", heard.path},
               {"prompt", prompt}, {"text", answer.text}, {"finish_reason", answer.finish_reason},
               {"audio", audio}};
  line["usage"] = {{"prompt_tokens", answer.prompt_tokens}, {"completion_tokens", answer.tokens.size()}};
  line["timings"] = {
      {"encode_ms", encode_ms}, {"prefill_ms", answer.prefill_ms}, {"decode_ms", answer.decode_ms}};
  if (!scored.empty()) line["choices"] = choices_json(scored);
  if (!flags.tokens.empty()) line["tokens"] = answer.tokens;
  for (std::size_t i = 0; i < answer.log_probabilities.size(); ++i)
    line["logprobs"].push_back(
        {{"token", engine.token_text(answer.tokens[i])}, {"logprob", answer.log_probabilities[i]}});
  line["seed"] = flags.decoding.answer.sampling.seed;
  line["model"] = engine.config().name;
  return line;
}

void print_answer(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
                  int index, HeardClip& heard, const std::optional<Stretch>& stretch) {
  const ClipFlags& clips = flags.clips;
  const Memory memory = engine.listen(heard.clip);
  heard.report = memory.report();
  const bool stream_text = flags.decoding.stream && !clips.json && !several && !stretch;
  const auto on_text = [&](std::string_view text) {
    if (stream_text) print_raw(text);
    if (flags.decoding.stream && clips.json)
      print_line(Json{{"type", "delta"}, {"index", index}, {"text", text}}.dump());
  };
  const std::vector<std::string> choices = choices_of(flags);
  std::vector<Choice> scored;
  Answer answer;
  if (!choices.empty())
    answer = choose(engine, memory, prompt, choices, scored);
  else if (flags.tokens.empty())
    answer = engine.answer(memory, prompt, flags.decoding.answer, on_text);
  else
    answer = engine.answer_tokens(memory, parse_token_list(flags.tokens), flags.decoding.answer, on_text);
  if (!choices.empty()) on_text(answer.text);
  tell_warnings(heard, answer.warnings);
  verbose("{}: {:.1f} s heard, encode {:.0f} ms, first token {:.0f} ms, {} tokens in {:.0f} ms", heard.path,
          heard.report.seconds_used, memory.encode_ms(), answer.prefill_ms, answer.tokens.size(),
          answer.decode_ms);
  if (clips.json) {
    Json line = answer_json(engine, flags, prompt, index, heard, answer, memory.encode_ms(), scored);
    if (stretch) {
      line["start"] = stretch->start_s;
      line["end"] = stretch->end_s;
    }
    print_line(line.dump());
  } else if (stream_text) {
    print_raw("\n");
  } else {
    std::string line = several || stretch ? one_line(answer.text) : answer.text;
    if (stretch) line = fmt::format("{:.3f}\t{:.3f}\t{}", stretch->start_s, stretch->end_s, line);
    print_line(several ? heard.path + "\t" + line : line);
  }
}

// `--long scan`: every stretch of the window cap is heard, and the answers are combined.
void scan_clip(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
               int index, const ClipItem& item) {
  const ClipFlags& clips = flags.clips;
  Scan scan(engine, prompt, choices_of(flags), flags.decoding.answer);
  HeardClip whole;
  for_each_stretch(engine, clips, item, engine.decode_options().max_seconds, [&](HeardClip& part) {
    const StretchAnswer& heard = scan.hear(part.clip, part.start_s);
    for (const auto& note : part.clip.notes) notice("{}: {}", part.path, note);
    verbose("{}: {:.1f} to {:.1f} s: {}", part.path, heard.start_s, heard.end_s, one_line(heard.text));
    if (whole.path.empty()) {
      whole = part;
      whole.clip.samples.clear();
    }
    for (const auto& word : part.warnings)
      if (word != "silent" &&
          std::find(whole.warnings.begin(), whole.warnings.end(), word) == whole.warnings.end())
        whole.warnings.push_back(word);
    whole.report.seconds += part.clip.seconds;
    whole.report.seconds_used += part.clip.seconds;
  });
  const ScanAnswer found = scan.finish();
  whole.report.n_windows = found.n_windows;
  tell_warnings(whole, found.answer.warnings);
  if (!clips.json) {
    const std::string line = several ? one_line(found.answer.text) : found.answer.text;
    print_line(several ? whole.path + "\t" + line : line);
    return;
  }
  Json line = answer_json(engine, flags, prompt, index, whole, found.answer, found.encode_ms, found.choices);
  line["stretches"] = Json::array();
  for (const auto& part : found.stretches) {
    Json entry = {{"start", part.start_s}, {"end", part.end_s}, {"text", part.text}};
    if (!part.choices.empty()) entry["choices"] = choices_json(part.choices);
    line["stretches"].push_back(std::move(entry));
  }
  print_line(line.dump());
}

void answer_clip(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
                 int index, const ClipItem& item) {
  const std::string own = item.prompt.empty() ? prompt : with_flagged_choices(flags, item.prompt);
  if (own.empty() && flags.tokens.empty())
    throw data_error("has no prompt in the manifest", item.name(), "add one there, or give -p");
  if (flags.every_s > 0) {
    for_each_stretch(engine, flags.clips, item, flags.every_s, [&](HeardClip& part) {
      print_answer(engine, flags, own, several, index, part,
                   Stretch{part.start_s, part.start_s + part.clip.seconds});
    });
    return;
  }
  if (flags.clips.long_mode == "scan") {
    scan_clip(engine, flags, own, several, index, item);
    return;
  }
  HeardClip heard = read_clip(engine, flags.clips, item, Cap::kModel);
  print_answer(engine, flags, own, several, index, heard, std::nullopt);
}

int run(AskFlags flags, const std::string& prompt) {
  const bool several = list_clips(flags.clips).size() > 1;
  if (!flags.decoding.out.empty()) set_output_file(flags.decoding.out);
  const Engine engine = load_engine(flags.clips);
  flags.decoding.answer = answer_options(engine, flags.decoding);
  if (flags.decoding.answer.sampling.temperature > 0) notice("seed {}", flags.decoding.answer.sampling.seed);
  return for_each_clip(flags.clips, [&](int index, const ClipItem& item) {
    answer_clip(engine, flags, prompt, several, index, item);
  });
}

}  // namespace

void add_ask(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App* verb = app.add_subcommand("ask", "answer a question about each clip");
  verb->add_option("-p,--prompt", flags->prompt, "the question");
  verb->add_option("-f,--prompt-file", flags->prompt_file, "a file that holds the question");
  verb->add_option(
      "--choices", flags->choices,
      "answers to choose from: \"a|b|c\"; the likeliest is given, with --json the share of each");
  verb->add_flag("--logprobs", flags->decoding.answer.log_probabilities,
                 "with --json: the log-probability of every token of the answer");
  verb->add_option("--tokens", flags->tokens, "prompt as token ids, instead of -p, for exact replays");
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 ask -p \"What do you hear?\" dog.wav\n"
      "  af2 ask --manifest questions.jsonl --json -o answers.jsonl\n"
      "  af2 ask -p \"How many barks?\" -j '{\"type\": \"integer\"}' dog.wav\n"
      "  af2 ask -p \"Which animal is it?\" --choices \"a cat|a dog|a cow\" --json clips/\n"
      "  ffmpeg -i talk.mp4 -f wav - | af2 ask -p \"Is there music?\" -");
  verb->callback([flags, verb, &runner] {
    settle_decoding(*verb, flags->decoding);
    const std::string prompt = prompt_of(*flags);
    runner = [flags, prompt] { return run(*flags, prompt); };
  });
}

void add_caption(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<AskFlags>();
  CLI::App* verb = app.add_subcommand("caption", "describe each clip in a sentence");
  std::vector<std::string> styles;
  for (const auto& [name, prompt] : kStyles) styles.push_back(name);
  verb->add_option("--style", flags->style, "short, long or music")->check(CLI::IsMember(styles));
  verb->add_option("--every", flags->every_s,
                   "a caption for every stretch of so many seconds, with its times");
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 caption street.mp3 rain.flac\n"
      "  af2 caption --every 10 walk.m4a");
  verb->callback([flags, verb, &runner] {
    settle_decoding(*verb, flags->decoding);
    if (verb->count("--every") > 0 && !(flags->every_s >= 0.1 && std::isfinite(flags->every_s)))
      throw user_error("must be 0.1 s or more", "--every");
    for (const auto& [name, prompt] : kStyles)
      if (name == flags->style) runner = [flags, prompt = prompt] { return run(*flags, prompt); };
  });
}

}  // namespace af2
