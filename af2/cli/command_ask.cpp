// `af2 ask` and `af2 caption`: an answer, or a description, for each clip.
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
};

std::string prompt_of(const AskFlags& flags) {
  std::string prompt = flags.prompt;
  if (!flags.prompt_file.empty()) {
    if (!prompt.empty()) throw user_error("-p and -f exclude each other", "-f");
    prompt = read_file(flags.prompt_file);
  }
  if (trim(prompt).empty() && flags.tokens.empty())
    throw user_error("no question given", "-p", "af2 ask -p \"What do you hear?\" FILE");
  return flags.choices.empty() ? prompt : with_choices(prompt, split(flags.choices, '|'));
}

void answer_clip(const Engine& engine, const AskFlags& flags, const std::string& prompt, bool several,
                 int index, const std::string& path) {
  const ClipFlags& clips = flags.clips;
  HeardClip heard = read_clip(engine, clips, path);
  const Memory memory = engine.listen(heard.clip);
  heard.report = memory.report();
  const bool stream_text = flags.decoding.stream && !clips.json && !several;
  const auto on_text = [&](std::string_view text) {
    if (stream_text) print_raw(text);
    if (flags.decoding.stream && clips.json)
      print_line(Json{{"type", "delta"}, {"index", index}, {"text", text}}.dump());
  };
  const Answer answer = flags.tokens.empty() ? engine.answer(memory, prompt, flags.decoding.answer, on_text)
                                             : engine.answer_tokens(memory, parse_token_list(flags.tokens),
                                                                    flags.decoding.answer, on_text);
  tell_warnings(heard, answer.warnings);
  verbose("{}: {:.1f} s heard, encode {:.0f} ms, first token {:.0f} ms, {} tokens in {:.0f} ms", path,
          heard.report.seconds_used, memory.encode_ms(), answer.prefill_ms, answer.tokens.size(),
          answer.decode_ms);
  if (clips.json) {
    Json audio = audio_json(heard, clips);
    for (const auto& word : answer.warnings) audio["warnings"].push_back(word);
    Json line = {{"type", "answer"}, {"index", index},      {"path", path},
                 {"prompt", prompt}, {"text", answer.text}, {"finish_reason", answer.finish_reason},
                 {"audio", audio}};
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
    print_line(several ? path + "\t" + one_line(answer.text) : answer.text);
  }
}

int run(const AskFlags& flags, const std::string& prompt) {
  const bool several = list_clips(flags.clips).size() > 1;
  const Engine engine = load_engine(flags.clips);
  if (flags.decoding.answer.sampling.temperature > 0) notice("seed {}", flags.decoding.answer.sampling.seed);
  return for_each_clip(flags.clips, [&](int index, const std::string& path) {
    answer_clip(engine, flags, prompt, several, index, path);
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
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  take_flags_from_environment(*verb);
  verb->footer("example: af2 caption street.mp3 rain.flac");
  verb->callback([flags, verb, &runner] {
    settle_decoding(*verb, flags->decoding);
    runner = [flags] { return run(*flags, "describe the sound in one sentence."); };
  });
}

}  // namespace af2
