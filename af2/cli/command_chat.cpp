// `af2 chat`: several questions about one clip, which is heard once.
#include <unistd.h>

#include <csignal>
#include <iostream>
#include <memory>
#include <optional>

#include "af2/cli/clip_flags.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr const char* kHelp =
    "a line is a question about the clip; lines that begin with / are commands:\n"
    "  /audio PATH   hear another clip\n"
    "  /clear        forget what was asked (/save then holds only what follows)\n"
    "  /seed N       seed of the next answers\n"
    "  /save FILE    write the clip's path, questions and answers, one JSON object per line\n"
    "  /help         this text\n"
    "  /quit, /exit  leave";

// Ctrl-C: the first one stops the answer, a second one (or one at the prompt) leaves with 130.
volatile std::sig_atomic_t interrupts = 0;

void on_interrupt(int) {
  interrupts = interrupts + 1;
  if (interrupts > 1) _exit(130);
}

void catch_interrupts() {
  struct sigaction action = {};
  action.sa_handler = on_interrupt;  // without SA_RESTART: waiting for a line ends
  sigaction(SIGINT, &action, nullptr);
}

class Chat {
 public:
  Chat(const Engine& engine, const ClipFlags& clips, const DecodingFlags& decoding)
      : engine_(engine), clips_(clips), options_(answer_options(engine, decoding)) {
    options_.cancelled = [] { return interrupts > 0; };
  }

  void hear(const std::string& path) {
    HeardClip heard = read_clip(engine_, clips_, ClipItem{{path}, "", {}, {}});
    Memory memory = engine_.listen(heard.clip);
    heard.report = memory.report();
    tell_warnings(heard, {});
    notice("{}: {:.1f} s heard", path, heard.report.seconds_used);
    memory_ = std::move(memory);
    path_ = path;
  }

  // False when the dialogue is over.
  bool take(const std::string& line) {
    const std::string text = trim(line);
    if (text.empty()) return true;
    if (text[0] != '/') {
      ask(text);
      return true;
    }
    const std::size_t gap = text.find(' ');
    const std::string command = text.substr(0, gap),
                      rest = gap == std::string::npos ? "" : trim(text.substr(gap));
    if (command == "/quit" || command == "/exit") return false;
    run(command, rest);
    return true;
  }

 private:
  void ask(const std::string& question) {
    if (!memory_) throw user_error("no clip was heard yet", "/audio", "name one: /audio PATH");
    interrupts = 0;
    const Answer answer =
        engine_.answer(*memory_, question, options_, [](std::string_view part) { print_raw(part); });
    print_raw("\n");
    if (interrupts > 0) notice("stopped");
    interrupts = 0;
    for (const auto& word : answer.warnings) notice("{}", word);
    said_.push_back({{"path", path_},
                     {"prompt", question},
                     {"text", answer.text},
                     {"finish_reason", answer.finish_reason},
                     {"seed", options_.sampling.seed}});
  }

  void run(const std::string& command, const std::string& rest) {
    if (command == "/help") {
      print_line(kHelp);
    } else if (command == "/audio") {
      if (rest.empty()) throw user_error("names no file", command, "/audio PATH");
      hear(rest);
    } else if (command == "/clear") {
      said_.clear();
    } else if (command == "/seed") {
      if (rest.empty() || rest.size() > 18 || rest.find_first_not_of("0123456789") != std::string::npos)
        throw user_error("is no whole number: \"" + rest + "\"", command);
      options_.sampling.seed = std::stoull(rest);
    } else if (command == "/save") {
      if (rest.empty()) throw user_error("names no file", command, "/save FILE");
      std::string text;
      for (const Json& line : said_) text += line.dump() + "\n";
      write_file_atomic(rest, text);
      notice("{} answers in {}", said_.size(), rest);
    } else {
      throw user_error("is no command", command, "/help lists them");
    }
  }

  const Engine& engine_;
  ClipFlags clips_;
  AnswerOptions options_;
  std::optional<Memory> memory_;
  std::string path_;
  std::vector<Json> said_;
};

// A mistake in a dialogue is said and costs nothing else.
template <class Body>
void forgiving(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kUser && error.kind() != ErrorKind::kData &&
        error.kind() != ErrorKind::kResource)
      throw;
    log_line(LogLevel::kError, error.what());
  }
}

int run_chat(const ClipFlags& clips, const DecodingFlags& decoding) {
  if (clips.files.size() + clips.more_files.size() > 1)
    throw user_error("begins with one clip", "af2 chat", "name the next with /audio PATH");
  if (!clips.manifest.empty() || clips.join || clips.json || clips.long_mode == "scan")
    throw user_error("--manifest, --join, --json and --long scan are not for a dialogue", "af2 chat",
                     "use af2 ask");
  if (!decoding.out.empty()) set_output_file(decoding.out);
  const Engine engine = load_engine(clips);
  Chat chat(engine, clips, decoding);
  catch_interrupts();
  for (const auto& path : clips.files) chat.hear(path);
  for (const auto& path : clips.more_files) chat.hear(path);
  const bool terminal = isatty(STDIN_FILENO) != 0;
  std::string line;
  for (bool more = true; more;) {
    if (terminal) print_raw("> ");
    interrupts = 0;
    if (!std::getline(std::cin, line)) {
      if (interrupts > 0) return 130;
      break;
    }
    forgiving([&] { more = chat.take(line); });
  }
  return 0;
}

}  // namespace

void add_chat(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  struct Flags {
    ClipFlags clips;
    DecodingFlags decoding;
  };
  auto flags = std::make_shared<Flags>();
  CLI::App* verb = app.add_subcommand("chat", "ask several questions about a clip");
  add_clip_flags(*verb, flags->clips);
  add_decoding_flags(*verb, flags->decoding);
  add_contrast_flag(*verb, flags->clips);
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n  af2 chat street.mp3\n  printf 'What do you hear?\\n/audio rain.ogg\\nIs it raining?\\n' "
      "| af2 chat dog.wav");
  verb->callback([flags, verb, &runner] {
    settle_decoding(*verb, flags->decoding);
    runner = [flags] { return run_chat(flags->clips, flags->decoding); };
  });
}

}  // namespace af2
