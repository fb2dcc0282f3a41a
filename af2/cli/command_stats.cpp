// `af2 data stats`: what sets, manifests and records hold, side by side (af2/factory/set_stats.h).
#include <fmt/format.h>

#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/factory/set_stats.h"

namespace af2 {
namespace {

struct StatsFlags {
  std::vector<std::string> paths;
  bool json = false;
  StatsOptions options;
};

int run_stats(const StatsFlags& flags) {
  if (flags.options.threads < 1) throw user_error("must be at least 1", "--threads");
  ProgressBar bar(0);
  const SetStats stats = stats_of(flags.paths, flags.options, [&](std::size_t done, std::size_t all) {
    bar.update(static_cast<std::int64_t>(done), fmt::format("{} of {} sounds", done, all));
  });
  bar.clear();
  if (!flags.json) {
    print_raw(stats_table(stats));
    return stats.faults ? 4 : 0;
  }
  const auto print = [](const char* type, const Json& figures) {
    Json line = {{"type", type}};
    for (const auto& [key, value] : figures.items()) line[key] = value;
    print_line(line.dump(-1, ' ', false, Json::error_handler_t::replace));
  };
  for (const Json& input : stats.inputs) print("input", input);
  print("total", stats.total);
  return stats.faults ? 4 : 0;
}

}  // namespace

void add_data_stats(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<StatsFlags>();
  CLI::App* verb = data.add_subcommand(
      "stats", "what sets, manifests and records hold: items, hours, skills, words, answers, duplicates");
  verb->add_option("paths", flags->paths,
                   "set folders, manifests (jsonl, AF2, AF3 conversations, LTU), folders of scenes, files of "
                   "records; several: a column each, and the total")
      ->required();
  verb->add_flag("--json", flags->json, "one JSON object a line: each path, then the total");
  verb->add_flag("--audio", flags->options.sounds,
                 "open every sound: which are missing or unreadable; durations that are not known are read");
  verb->add_option("--list", flags->options.listed,
                   "so many sounds of each path that cannot be read are named");
  verb->add_option("--audio-root", flags->options.read.audio,
                   "folder that a manifest's sounds are relative to; else its own, or the one above");
  verb->add_option("--turns", flags->options.read.turns,
                   "conversations with several questions: reject, first or each");
  verb->add_option("-t,--threads", flags->options.threads, "sounds opened at once");
  take_flags_from_environment(*verb);
  verb->footer(
      "Lines that cannot be read and, with --audio, sounds that cannot be opened are counted (exit code 4).\n"
      "examples:\n"
      "  af2 data stats sets/skills-train sets/skills-val\n"
      "  af2 data stats Clotho-AQA/train.json conversations.json --audio-root sounds --audio\n"
      "  af2 data stats scenes --json | jq .hours");
  verb->callback([flags, &runner] { runner = [flags] { return run_stats(*flags); }; });
}

}  // namespace af2
