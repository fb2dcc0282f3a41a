// `af2 data mix`: several sets or manifests blended into one (af2/factory/mix.h).
#include <fmt/format.h>

#include <memory>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/error.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/factory/mix.h"

namespace af2 {
namespace {

struct MixFlags {
  std::vector<std::string> in;
  std::string out;
  bool json = false;
  MixOptions options;
  ManifestRead read;
};

void tell_inputs(const MixResult& made) {
  for (const MixOfInput& input : made.inputs) {
    std::string text = fmt::format("{} items of {}", input.taken, input.path);
    if (input.weight) text += fmt::format(" (weight {:g})", *input.weight);
    text += fmt::format(", which has {}", input.read);
    for (const auto& [n, what] :
         {std::pair(input.repeats, "taken again"), std::pair(input.other_split, "of another split"),
          std::pair(input.no_share, "of skills without a share"),
          std::pair(input.duplicates, "there already")})
      if (n > 0) text += fmt::format("; {} {}", n, what);
    notice("{}", text);
    if (input.no_split > 0)
      notice("{}: {} items do not say their split, nothing keeps them apart from tests", input.path,
             input.no_split);
    for (const auto& [reason, n] : input.left_out.dropped)
      notice("{}: left out, {}: {}, first at {}", input.path, reason, n, input.left_out.first.at(reason));
  }
}

void tell(const MixResult& made, const MixFlags& flags) {
  tell_inputs(made);
  double weights = 0;
  for (const MixOfShare& share : made.shares) weights += share.available > 0 ? share.weight : 0;
  for (const MixOfShare& share : made.shares)
    if (share.available > 0)
      notice("{} items of {} ({:.2f} %), of {}", share.taken, share.skill, 100 * share.weight / weights,
             share.available);
  for (const auto& [skill, n] : made.no_share) notice("left out, {} has no share: {} items", skill, n);
  if (!made.absent.empty()) notice("no input has items of {}", join(made.absent, ", "));
  if (!made.other_words.empty())
    notice("{} labels are worded in two ways, as {}: those of the first input count", made.other_words.size(),
           made.other_words.front());
  if (made.renamed > 0) notice("{} ids stood for several things and got an ending", made.renamed);
  notice("{} items{}; without repeats {} would be possible", made.items,
         flags.options.dry_run ? ", nothing was written" : "", made.possible);
}

int run_mix(const MixFlags& flags) {
  std::vector<MixInput> inputs;
  for (const std::string& text : flags.in) inputs.push_back(mix_input_of(text));
  if (flags.out.empty()) throw user_error("is missing", "--out", "name a folder, or a .jsonl file");
  const MixResult made = mix(inputs, flags.out, flags.options, flags.read);
  tell(made, flags);
  if (flags.json) {
    Json line = {{"type", "mix"}};
    const Json figures = made.json();
    for (const auto& [key, value] : figures.items()) line[key] = value;
    print_line(line.dump(-1, ' ', false, Json::error_handler_t::replace));
  } else if (!flags.options.dry_run) {
    print_line(flags.out);
  }
  for (const MixOfInput& input : made.inputs)
    if (!input.left_out.dropped.empty()) return 4;
  return 0;
}

}  // namespace

void add_data_mix(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<MixFlags>();
  MixOptions& options = flags->options;
  CLI::App* verb =
      data.add_subcommand("mix", "several sets or manifests blended into one, with given shares");
  verb->add_option("--in", flags->in,
                   "PATH or PATH=WEIGHT: a set folder or a manifest, and its part of the items; without "
                   "weights by how many each has; several")
      ->required();
  verb->add_option("-o,--out", flags->out,
                   "folder of the set that sets give, or .jsonl file; sounds become relative to it");
  verb->add_option("--n", options.n, "items in all; without it as many as there are without repeats");
  verb->add_option("--shares", options.shares,
                   "parts of skills: audioskills, longaudio, longaudiobench (the published sizes), or a file "
                   "of skills and weights");
  verb->add_flag("--skip-absent", options.skip_absent,
                 "skills of --shares that no input has leave their part to the others");
  verb->add_option("--seed", options.seed, "every draw is named by it");
  verb->add_flag("--repeat", options.repeat, "take items several times where there are too few");
  verb->add_option("--split", options.split, "take items of this split alone: train, val or test");
  verb->add_flag("--allow-mixed-splits", options.allow_mixed_splits,
                 "items of several splits, each saying its own; no recording may be in two");
  verb->add_option("--name", options.name, "of the manifests, NAME-skill/split.json; else the folder's");
  verb->add_option("--audio-root", flags->read.audio,
                   "folder that a manifest's sounds are relative to; else its own, or the one above");
  verb->add_option("--turns", flags->read.turns,
                   "conversations with several questions: reject, first or each");
  verb->add_flag("--dry-run", options.dry_run, "tell what would be taken, write nothing");
  verb->add_flag("--json", flags->json, "what was taken, as JSON, in place of the path");
  take_flags_from_environment(*verb);
  verb->footer(
      "Which items are taken does not hang on the order of inputs. Lines that cannot be read are counted "
      "(exit "
      "code 4).\n"
      "examples:\n"
      "  af2 data mix --in sets/a --in sets/b -o sets/both\n"
      "  af2 data mix --in sets/skills --shares audioskills --n 10000 --seed 1 -o sets/small\n"
      "  af2 data mix --in Clotho-AQA/train.json=1 --in mine.jsonl=3 --n 4000 --repeat -o train.jsonl");
  verb->callback([flags, &runner] { runner = [flags] { return run_mix(*flags); }; });
}

}  // namespace af2
