// `af2 ask` and `af2 caption`: an answer, or a description, for each clip or each stretch of one.
#include <cmath>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
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
  if (!trim(prompt).empty()) return with_flagged_choices(flags, prompt);
  if (flags.tokens.empty() && flags.clips.manifest.empty())
    throw user_error("no question given", "-p", "af2 ask -p \"What do you hear?\" FILE");
  return "";
}

// Seconds from the file's start of the stretch that an answer is about.
struct Stretch {
  double start_s = 0, end_s = 0;
};

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
  const Answer answer = flags.tokens.empty() ? engine.answer(memory, prompt, flags.decoding.answer, on_text)
                                             : engine.answer_tokens(memory, parse_token_list(flags.tokens),
                                                                    flags.decoding.answer, on_text);
  tell_warnings(heard, answer.warnings);
  verbose("{}: {:.1f} s heard, encode {:.0f} ms, first token {:.0f} ms, {} tokens in {:.0f} ms", heard.path,
          heard.report.seconds_used, memory.encode_ms(), answer.prefill_ms, answer.tokens.size(),
          answer.decode_ms);
  if (clips.json) {
    Json audio = audio_json(heard);
    for (const auto& word : answer.warnings) audio["warnings"].push_back(word);
    Json line = {{"type", "answer"}, {"index", index},      {"path", heard.path},
                 {"prompt", prompt}, {"text", answer.text}, {"finish_reason", answer.finish_reason},
                 {"audio", audio}};
    if (stretch) {
      line["start"] = stretch->start_s;
      line["end"] = stretch->end_s;
    }
    line["usage"] = {{"prompt_tokens", answer.prompt_tokens}, {"completion_tokens", answer.tokens.size()}};
    line["timings"] = {{"encode_ms", memory.encode_ms()},
                       {"prefill_ms", answer.prefill_ms},
                       {"decode_ms", answer.decode_ms}};
    line["seed"] = flags.decoding.answer.sampling.seed;
    line["model"] = engine.config().name;
    print_line(line.dump());
  } else if (stream_text) {
    print_raw("\n");
  } else {
    std::string line = several || stretch ? one_line(answer.text) : answer.text;
    if (stretch) line = fmt::format("{:.3f}\t{:.3f}\t{}", stretch->start_s, stretch->end_s, line);
    print_line(several ? heard.path + "\t" + line : line);
  }
}

// Answers about every `every_s` seconds of a clip, whatever its length.
void answer_stretches(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
                      int index, HeardClip& whole) {
  const auto step = static_cast<std::size_t>(std::llround(flags.every_s * whole.clip.rate_hz));
  const double rate = whole.clip.rate_hz;
  for (std::size_t first = 0; first < whole.clip.samples.size(); first += step) {
    const std::size_t last = std::min(whole.clip.samples.size(), first + step);
    HeardClip part = whole;
    part.clip.samples.assign(whole.clip.samples.begin() + static_cast<std::ptrdiff_t>(first),
                             whole.clip.samples.begin() + static_cast<std::ptrdiff_t>(last));
    part.clip.seconds = part.clip.wanted_seconds = static_cast<double>(last - first) / rate;
    part.start_s = whole.start_s + static_cast<double>(first) / rate;
    if (first > 0) part.clip.notes.clear();  // said once
    print_answer(engine, flags, prompt, several, index, part,
                 Stretch{part.start_s, whole.start_s + static_cast<double>(last) / rate});
  }
}

void answer_clip(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
                 int index, const ClipItem& item) {
  const std::string own = item.prompt.empty() ? prompt : with_flagged_choices(flags, item.prompt);
  if (own.empty() && flags.tokens.empty())
    throw data_error("has no prompt in the manifest", item.name(), "add one there, or give -p");
  HeardClip heard = read_clip(engine, flags.clips, item, flags.every_s > 0 ? Cap::kNone : Cap::kModel);
  if (flags.every_s > 0)
    answer_stretches(engine, flags, own, several, index, heard);
  else
    print_answer(engine, flags, own, several, index, heard, std::nullopt);
}

int run(const AskFlags& flags, const std::string& prompt) {
  const bool several = list_clips(flags.clips).size() > 1;
  if (!flags.decoding.out.empty()) set_output_file(flags.decoding.out);
  const Engine engine = load_engine(flags.clips);
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
  verb->add_option("--choices", flags->choices, "answers to choose from: \"a|b|c\"");
  verb->add_option("--tokens", flags->tokens, "prompt as token ids, instead of -p, for exact replays");
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 ask -p \"What do you hear?\" dog.wav\n"
      "  af2 ask --manifest questions.jsonl --json -o answers.jsonl\n"
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
