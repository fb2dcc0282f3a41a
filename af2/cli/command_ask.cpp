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
  int batch = 1;
};

const std::vector<std::pair<std::string, std::string>> kStyles = {
    {"short", "describe the sound in one sentence."},
    {"long", "describe all sounds in detail, in the order in which they occur."},
    {"music", "describe the music: genre, instruments, tempo and mood."}};

std::string with_flagged_choices(const AskFlags& flags, const std::string& prompt) {
  return flags.choices.empty() ? prompt : with_choices(prompt, split(flags.choices, '|'));
}

// The question of the flags, without the list of choices; empty where only a manifest asks.
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
  if (!trim(prompt).empty()) {
    with_flagged_choices(flags, prompt);  // refuses choices that are none
    return prompt;
  }
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
  answer.prompt_tokens = static_cast<int>(engine.prompt_ids(with_choices(prompt, choices)).size());
  answer.prefill_ms = (steady_seconds() - start) * 1e3;
  return answer;
}

// The reply of interfaces.md section 1.
Json answer_json(const Engine& engine, const AskFlags& flags, const std::string& prompt, int index,
                 const HeardClip& heard, const Answer& answer, double encode_ms,
                 const std::vector<Choice>& scored) {
  Json audio = audio_json(heard);
  for (const auto& word : answer.warnings) audio["warnings"].push_back(word);
  Json line = {{"type", "answer"},    {"index", index},
               {"path", heard.path},  {"prompt", with_flagged_choices(flags, prompt)},
               {"text", answer.text}, {"finish_reason", answer.finish_reason},
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

// A clip that was heard, the question about it, and the answer.
struct Asked {
  int index = 0;
  HeardClip heard;
  Memory memory;
  std::string prompt;
  std::optional<Stretch> stretch = {};
  std::vector<Choice> scored = {};
  Answer answer = {};
};

// What a run keeps: the flags' choices, whether lines name their clip, and the clip heard last, about which
// the next line of a manifest may ask too.
struct AskRun {
  const Engine& engine;
  const AskFlags& flags;
  std::string prompt;
  bool several = false;
  std::string last_name = {};
  HeardClip last_heard = {};
  std::optional<Memory> last = {};

  bool streams_text(const Asked& asked) const {
    return flags.decoding.stream && !flags.clips.json && !several && !asked.stretch;
  }

  std::string prompt_for(const ClipItem& item) const {
    if (item.prompt.empty() && prompt.empty() && flags.tokens.empty())
      throw data_error("has no prompt in the manifest", item.name(), "add one there, or give -p");
    return item.prompt.empty() ? prompt : item.prompt;
  }
};

Asked heard_part(const AskRun& run, int index, const std::string& prompt, HeardClip heard) {
  Memory memory = run.engine.listen(heard.clip);
  heard.report = memory.report();
  heard.clip.samples = {};
  return {index, std::move(heard), std::move(memory), prompt};
}

// Reads and hears a clip, unless it is the one heard last.
Asked hear(AskRun& run, int index, const ClipItem& item) {
  const std::string prompt = run.prompt_for(item);
  const std::string name =
      fmt::format("{}\n{}\n{}", item.name(), item.start_s.value_or(-1), item.duration_s.value_or(-1));
  if (run.last && name == run.last_name) return {index, run.last_heard, *run.last, prompt};
  Asked asked = heard_part(run, index, prompt, read_clip(run.engine, run.flags.clips, item, Cap::kModel));
  if (std::find(item.paths.begin(), item.paths.end(), "-") == item.paths.end()) {
    run.last_name = name;
    run.last_heard = asked.heard;
    run.last = asked.memory;
  }
  return asked;
}

// Answers all of them at once.
void answer_asked(const AskRun& run, const std::vector<Asked*>& all) {
  const AskFlags& flags = run.flags;
  const std::vector<std::string> choices = choices_of(flags);
  std::vector<Question> questions;
  for (Asked* asked : all) {
    const auto on_text = [asked, &run, &flags](std::string_view text) {
      if (run.streams_text(*asked)) print_raw(text);
      if (flags.decoding.stream && flags.clips.json)
        print_line(Json{{"type", "delta"}, {"index", asked->index}, {"text", text}}.dump());
    };
    if (!choices.empty()) {
      asked->answer = choose(run.engine, asked->memory, asked->prompt, choices, asked->scored);
      on_text(asked->answer.text);
    } else if (flags.tokens.empty()) {
      questions.push_back(run.engine.question(asked->memory, asked->prompt, flags.decoding.answer, on_text));
    } else {
      questions.push_back({asked->memory, parse_token_list(flags.tokens), 0, flags.decoding.answer, on_text});
    }
  }
  if (questions.empty()) return;
  std::vector<Answer> answers = run.engine.answer_all(questions);
  for (std::size_t i = 0; i < all.size(); ++i) all[i]->answer = std::move(answers[i]);
}

void print_answer(const AskRun& run, const Asked& asked) {
  const ClipFlags& clips = run.flags.clips;
  const Answer& answer = asked.answer;
  const HeardClip& heard = asked.heard;
  tell_warnings(heard, answer.warnings);
  verbose("{}: {:.1f} s heard, encode {:.0f} ms, first token {:.0f} ms, {} tokens in {:.0f} ms", heard.path,
          heard.report.seconds_used, asked.memory.encode_ms(), answer.prefill_ms, answer.tokens.size(),
          answer.decode_ms);
  if (clips.json) {
    Json line = answer_json(run.engine, run.flags, asked.prompt, asked.index, heard, answer,
                            asked.memory.encode_ms(), asked.scored);
    if (asked.stretch) {
      line["start"] = asked.stretch->start_s;
      line["end"] = asked.stretch->end_s;
    }
    print_line(line.dump());
  } else if (run.streams_text(asked)) {
    print_raw("\n");
  } else {
    std::string line = run.several || asked.stretch ? one_line(answer.text) : answer.text;
    if (asked.stretch)
      line = fmt::format("{:.3f}\t{:.3f}\t{}", asked.stretch->start_s, asked.stretch->end_s, line);
    print_line(run.several ? heard.path + "\t" + line : line);
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

// `--every`: each stretch on its own.
void answer_stretches(const AskRun& run, int index, const ClipItem& item) {
  const std::string prompt = run.prompt_for(item);
  for_each_stretch(run.engine, run.flags.clips, item, run.flags.every_s, [&](HeardClip& part) {
    const Stretch stretch{part.start_s, part.start_s + part.clip.seconds};
    Asked asked = heard_part(run, index, prompt, part);
    asked.stretch = stretch;
    answer_asked(run, {&asked});
    print_answer(run, asked);
  });
}

// A batch of clips: each is read and heard, those that could be are answered together.
void answer_batch(AskRun& run, std::vector<ClipTask>& tasks) {
  std::vector<Asked*> open;
  for (ClipTask& task : tasks) {
    if (run.flags.every_s > 0) {
      task.print = [&run, &task] { answer_stretches(run, task.index, *task.item); };
    } else if (run.flags.clips.long_mode == "scan") {
      task.print = [&run, &task] {
        scan_clip(run.engine, run.flags, run.prompt_for(*task.item), run.several, task.index, *task.item);
      };
    } else {
      task.attempt([&] {
        auto asked = std::make_shared<Asked>(hear(run, task.index, *task.item));
        open.push_back(asked.get());
        task.print = [&run, asked] { print_answer(run, *asked); };
      });
    }
  }
  if (open.empty()) return;
  ClipTask together;
  together.attempt([&] { answer_asked(run, open); });
  for (ClipTask& task : tasks)
    if (together.failed() && !task.failed()) task.failure = together.failure;
}

int run(AskFlags flags, const std::string& prompt) {
  const bool several = list_clips(flags.clips).size() > 1;
  if (!flags.decoding.out.empty()) set_output_file(flags.decoding.out);
  const Engine engine = load_engine(flags.clips);
  flags.decoding.answer = answer_options(engine, flags.decoding);
  if (flags.decoding.answer.sampling.temperature > 0) notice("seed {}", flags.decoding.answer.sampling.seed);
  AskRun state{engine, flags, prompt, several};
  return for_each_batch(flags.clips, static_cast<std::size_t>(flags.batch),
                        [&](std::vector<ClipTask>& tasks) { answer_batch(state, tasks); });
}

void add_batch_flag(CLI::App& verb, AskFlags& flags) {
  verb.add_option("-b,--batch", flags.batch,
                  "clips answered together: the same answers, faster, and printed when the batch is done")
      ->check(CLI::Range(1, 1024));
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
  add_batch_flag(*verb, *flags);
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  add_contrast_flag(*verb, flags->clips);
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
  add_batch_flag(*verb, *flags);
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  add_contrast_flag(*verb, flags->clips);
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
