// `af2 data scenes`: sound scenes with exact labels and, by recipes, with a story.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/clip_numbers.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/factory/situation_scenes.h"
#include "af2/synth/scene_job.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct SceneFlags {
  std::string spec, recipe, bank, foreground, background, words, split = "train", out, format = "wav",
                                                                 sound_of;
  std::int64_t n = 0, seed = 0;
  int rate = 16000, channels = 0, threads = 1;
  double part_seconds = 0;
  bool labels_only = false, stems = false, list = false;
};

int list_recipes() {
  for (const auto& [name, recipe] : all_recipes())
    print_line(
        fmt::format("{}\t{}\t{}", name, recipe.is_long() ? "long" : "one place", one_line(recipe.plot[0])));
  return 0;
}

// The recipes that are asked for: a name, a file, all (of one place), all-long, situations. `own` keeps those
// that are not in the program.
std::vector<const Recipe*> chosen_recipes(const SceneFlags& flags, const SoundLibrary& library,
                                          std::vector<Recipe>& own) {
  const Split split = split_from_name(flags.split);
  std::vector<const Recipe*> chosen;
  if (flags.recipe.empty()) return chosen;
  if (flags.recipe == "situations") {
    own = situation_recipes(library, split);
    for (const Recipe& recipe : own) chosen.push_back(&recipe);
    if (chosen.empty())
      throw data_error("no situation can be made of these sounds", "--words",
                       "name a word bank and a sound bank");
    return chosen;
  }
  if (flags.recipe != "all" && flags.recipe != "all-long") {
    own = {fs::path(flags.recipe).has_extension() ? read_recipe(flags.recipe) : recipe_named(flags.recipe)};
    if (const std::string lack = what_lacks(library, split, own[0]); !lack.empty())
      throw data_error("lacks " + lack + " in " + flags.split, "recipe " + own[0].name, "add such sounds");
    return {&own[0]};
  }
  for (const auto& [name, recipe] : all_recipes()) {
    if (recipe.is_long() != (flags.recipe == "all-long")) continue;
    if (const std::string lack = what_lacks(library, split, recipe); !lack.empty())
      notice("recipe {} is left out: the sounds for {} have nothing for {}", name, flags.split, lack);
    else
      chosen.push_back(&recipe);
  }
  if (chosen.empty()) throw data_error("no recipe can be made of these sounds", "--bank", "add sounds");
  return chosen;
}

int run_scenes(const SceneFlags& flags) {
  if (flags.list) return list_recipes();
  if (flags.out.empty()) throw user_error("is missing", "--out", "name a folder");
  if (flags.spec.empty() == flags.recipe.empty())
    throw user_error("needs --spec or --recipe, and only one", "af2 data scenes",
                     "--recipe all makes scenes with a story");
  if (flags.bank.empty() && flags.foreground.empty())
    throw user_error("needs --bank or --foreground", "af2 data scenes", "name where the sounds are");
  install_stop_signals();
  SoundLibrary library(flags.rate);
  if (!flags.bank.empty()) library.add_bank(flags.bank);
  library.add_folders(flags.foreground, flags.background);
  if (!flags.words.empty()) library.add_words(flags.words);
  std::vector<Recipe> own;
  SceneJob job;
  job.out = flags.out, job.split = split_from_name(flags.split);
  job.n = flags.n, job.seed = flags.seed, job.threads = flags.threads;
  job.labels_only = flags.labels_only, job.stems = flags.stems, job.format = flags.format;
  if (flags.recipe.empty()) {
    job.spec = read_scene_spec(flags.spec);
    if (flags.channels > 0) job.spec.channels = flags.channels;
    check_spec(job.spec, flags.spec);
  } else {
    job.recipes = chosen_recipes(flags, library, own);
    job.recipe_options.channels = flags.channels > 0 ? flags.channels : 1;
    job.recipe_options.part_seconds = flags.part_seconds;
  }
  const double began = steady_seconds();
  const SceneJobResult result = flags.sound_of.empty()
                                    ? run_scene_job(library, job)
                                    : render_scenes_of(library, job, clip_numbers(flags.sound_of, flags.out));
  if (!result.stopped.empty()) {
    notice("stopped, {}; run the same again to go on", result.stopped);
    return stop_signal() != 0 ? 128 + stop_signal() : 4;
  }
  if (!flags.sound_of.empty()) {
    notice("sound of {} scenes in {:.1f} s ({} kept)", result.scenes, steady_seconds() - began,
           result.audio_kept);
    return 0;
  }
  print_line((fs::path(flags.out) / "records.jsonl").string());
  notice(
      "{} scenes, {} events, {:.2f} hours in {:.1f} s ({:.1f} s planning, {:.1f} s rendering; {} sounds "
      "kept)",
      result.scenes, result.events, result.hours, steady_seconds() - began, result.planning_s,
      result.rendering_s, result.audio_kept);
  return 0;
}

}  // namespace

void add_data_scenes(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<SceneFlags>();
  CLI::App* verb = data.add_subcommand(
      "scenes", "sound scenes with exact labels, and with a story where a recipe tells one");
  verb->add_option("--spec", flags->spec, "file of a scene's lengths, events, levels and order (YAML, JSON)");
  verb->add_option("--recipe", flags->recipe,
                   "name or file of a recipe; all: every one of one place in turn; all-long: every long one; "
                   "situations: something is said beside a sound");
  verb->add_flag("--list", flags->list, "print the recipes and end");
  verb->add_option("--bank", flags->bank, "sound bank (bank.tsv, labels.tsv)");
  verb->add_option("--foreground", flags->foreground, "folder LABEL/* of sounds for events");
  verb->add_option("--background", flags->background, "folder LABEL/* of sounds for backgrounds");
  verb->add_option("--words", flags->words, "folder of spoken words (words.tsv)");
  verb->add_option("--split", flags->split, "train, val or test");
  verb->add_option("-n,--n", flags->n, "how many scenes");
  verb->add_option("--seed", flags->seed, "every draw is named by it");
  verb->add_option("-o,--out", flags->out, "folder; a rerun goes on");
  verb->add_flag("--labels-only", flags->labels_only, "no sound: records and labels, the same as with it");
  verb->add_option("--sound-of", flags->sound_of,
                   "the sound of some clips of a folder that was made with --labels-only: those that an "
                   "items.jsonl asks about, or numbers as 12,699");
  verb->add_flag("--stems", flags->stems, "each event and the background as files of their own, too");
  verb->add_option("--format", flags->format, "wav or flac, 16 bit");
  verb->add_option("--rate", flags->rate, "16000, 32000, 44100 or 48000");
  verb->add_option("--channels", flags->channels, "1 or 2");
  verb->add_option("--part-seconds", flags->part_seconds,
                   "of recipes: seconds that each place lasts at least, as 300 for scenes of an hour");
  verb->add_option("-t,--threads", flags->threads, "scenes made at once");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 data scenes --recipe all --bank bank --n 200 --out data/stories\n"
      "  af2 data scenes --recipe a_day_in_the_village --part-seconds 300 --bank bank --n 4 --out data/long\n"
      "  af2 data scenes --spec counting.yaml --foreground sounds/foreground --background sounds/background "
      "--n 1000 --threads 2 --out data/counting\n"
      "  af2 data scenes --recipe situations --bank bank --words words --n 500 --out data/speech\n"
      "  af2 data scenes --list");
  verb->callback([flags, &runner] { runner = [flags] { return run_scenes(*flags); }; });
}

}  // namespace af2
