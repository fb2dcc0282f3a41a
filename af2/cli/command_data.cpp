// `af2 data`: makes and checks training data. Here for AF-CLAP, `data clap`; records in
// command_records.cpp, checks and reports in command_data_check.cpp.
#include <fmt/format.h>

#include <map>
#include <memory>
#include <set>

#include "af2/audio/wav.h"
#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/llm_flags.h"
#include "af2/cli/output.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/data/clap_job.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct DataClapFlags {
  std::string out, bank, list, audio, split = "train", scene;
  std::int64_t n = 0;
  int threads = 1;
  double single_share = 0.3, min_single_s = 1, max_single_s = 5;
  bool no_cleaning = false, rules = false;
  ClapMakeOptions make;
  LlmFlags llm;
};

constexpr int kShownItems = 3, kEstimatedItems = 50;
constexpr double kReplyTokens = 120;  // of a dry run's estimate

// Where clips come from, and how one is made.
struct Work {
  SoundBank bank = SoundBank::from_memory({}, {}, {});  // scenes and their words, or the words of a list
  std::vector<ClapInput> inputs;
  std::vector<fs::path> files;  // [inputs]
  SceneOptions scene;
  std::int64_t n = 0;
  std::int64_t same_clips = 0;

  bool of_scenes() const { return inputs.empty(); }
};

// The clip of a list: as it is named, or with an ending, or with the Y that AudioSet's names may have.
fs::path clip_file(const fs::path& folder, const std::string& name) {
  for (const char* start : {"", "Y"})
    for (const char* end : {"", ".wav", ".flac", ".mp3", ".ogg", ".m4a"}) {
      const fs::path path =
          (folder / name).parent_path() / (start + fs::path(name).filename().string() + end);
      if (fs::is_regular_file(path)) return path;
    }
  return folder / name;
}

Work open_work(const DataClapFlags& flags) {
  Work work;
  if (flags.list.empty() == flags.bank.empty() && flags.bank.empty())
    throw user_error("needs --bank or --list", "af2 data clap", "name a sound bank, or a list of clips");
  if (!flags.scene.empty()) from_json(read_config_file(flags.scene), work.scene, flags.scene);
  if (flags.list.empty()) {
    if (flags.n <= 0) throw user_error("needs a number of scenes", "--n", "give --n 1000");
    work.bank = SoundBank::open(flags.bank);
    work.n = flags.n;
    return work;
  }
  const fs::path folder = flags.audio.empty() ? fs::path(flags.list).parent_path() : fs::path(flags.audio);
  std::set<std::string> seen;
  for (ClapInput& input : read_clap_inputs(flags.list)) {
    if (!seen.insert(input.audio + fmt::format(" {} {}", input.start_s, input.duration_s.value_or(0)))
             .second) {
      ++work.same_clips;
      continue;
    }
    if (flags.n > 0 && static_cast<std::int64_t>(work.inputs.size()) == flags.n) break;
    work.files.push_back(clip_file(folder, input.audio));
    work.inputs.push_back(std::move(input));
  }
  if (flags.bank.empty()) {
    work.bank = bank_of_labels(work.inputs, nullptr);
  } else {
    const SoundBank known = SoundBank::open(flags.bank);
    work.bank = bank_of_labels(work.inputs, &known);
  }
  work.n = static_cast<std::int64_t>(work.inputs.size());
  return work;
}

Scene draw_scene(const DataClapFlags& flags, const Work& work, std::int64_t i) {
  Random rng(fmt::format("af2/data/clap/scene/1/{}/{}/{}", flags.make.seed, flags.split, i));
  SceneOptions scene = work.scene;
  if (rng.chance(flags.single_share)) {
    scene.min_events = scene.max_events = 1;
    scene.repeat_chance = 0;
    scene.min_seconds = flags.min_single_s, scene.max_seconds = flags.max_single_s;
    scene.max_event_seconds = std::min(scene.max_event_seconds, scene.min_seconds);
  }
  return make_scene(work.bank, split_from_name(flags.split), rng, scene);
}

std::string number_name(std::int64_t i) {
  return fmt::format("{:06}", i);
}

ClapMade make_item(const DataClapFlags& flags, const Work& work, const ClapMaker& maker, std::int64_t i) {
  if (work.of_scenes()) {
    const Scene scene = draw_scene(flags, work, i);
    const std::string audio = "clips/" + number_name(i) + ".wav";
    write_wav(fs::path(flags.out) / audio, scene.samples);
    ClapMade made = maker.of_scene(scene, audio, std::to_string(i));
    if (made.pair) {
      made.pair->duration_s = scene.seconds;
      made.pair->source = "af2 scenes";
    }
    return made;
  }
  const ClapInput& input = work.inputs[static_cast<std::size_t>(i)];
  const fs::path file = work.files[static_cast<std::size_t>(i)];
  try {
    DecodeOptions some;
    some.start_s = input.start_s;
    some.max_seconds = 0.1;
    decode_file(file, some);
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::kData) throw;
    ClapMade bad;
    ++bad.counts[fs::exists(file) ? "dropped/audio_unreadable" : "dropped/audio_missing"];
    bad.kept_aside.push_back({{"stage", "dropped clip"}, {"audio", input.audio}, {"reason", error.what()}});
    return bad;
  }
  const fs::path from_out = fs::absolute(file).lexically_proximate(fs::absolute(flags.out));
  return maker.of_input(input, from_out.generic_string(), input.audio);
}

// What fixes the result, for config.json: other values are another job.
Json config_of(DataClapFlags& flags, Work& work, const ClapRewriter* rewriter) {
  Json config = {{"made_by", "af2 data clap"}, {"make", to_json(flags.make)}, {"n", work.n}};
  config["from"] = work.of_scenes() ? Json{{"bank", flags.bank},
                                           {"split", flags.split},
                                           {"scene", to_json(work.scene)},
                                           {"single_share", flags.single_share},
                                           {"single_seconds", {flags.min_single_s, flags.max_single_s}}}
                                    : Json{{"list", flags.list},
                                           {"audio", flags.audio},
                                           {"bank", flags.bank},
                                           {"list_sha256", sha256_file(flags.list)}};
  if (rewriter)
    config["model"] = {{"name", flags.llm.options.model},
                       {"temperature", flags.llm.options.temperature},
                       {"max_tokens", flags.llm.options.max_tokens},
                       {"templates", rewriter->versions()}};
  return config;
}

int show_prompts(const DataClapFlags& flags, const Work& work, const ClapMaker& maker) {
  std::int64_t calls = 0, looked_at = 0;
  double tokens = 0;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(work.n, kEstimatedItems); ++i, ++looked_at) {
    const std::vector<LlmRequest> requests =
        work.of_scenes() ? maker.preview(draw_scene(flags, work, i), std::to_string(i))
                         : maker.preview(work.inputs[static_cast<std::size_t>(i)],
                                         work.inputs[static_cast<std::size_t>(i)].audio);
    for (const LlmRequest& request : requests) {
      ++calls;
      tokens += token_estimate(request.system + request.prompt + request.schema.dump());
      if (i < kShownItems)
        print_line(fmt::format("--- clip {}, {} version {}\n[system]\n{}\n[user]\n{}\n[form] {}\n", i,
                               request.purpose, request.version, request.system, request.prompt,
                               request.schema.dump()));
    }
  }
  const double scale = looked_at > 0 ? static_cast<double>(work.n) / static_cast<double>(looked_at) : 0;
  const double n_calls = scale * static_cast<double>(calls), sent = scale * tokens,
               received = n_calls * kReplyTokens;
  print_line(
      fmt::format("estimate for {} clips: {:.0f} calls, {:.0f} tokens sent, {:.0f} received, cost {:.2f} "
                  "(prices of a million tokens {:.2f} and {:.2f}); nothing was sent",
                  work.n, n_calls, sent, received,
                  (sent * flags.llm.options.price_in + received * flags.llm.options.price_out) / 1e6,
                  flags.llm.options.price_in, flags.llm.options.price_out));
  return 0;
}

int show_rules() {
  for (const CleanRule& rule : clean_rules())
    print_line(
        fmt::format("{}\t{}\t{}\t{}", rule.name, one_line(rule.what), one_line(rule.before), rule.after));
  return 0;
}

int run_clap(DataClapFlags flags) {
  if (flags.rules) return show_rules();
  if (flags.out.empty() && !flags.llm.dry_run) throw user_error("is missing", "--out", "name a folder");
  if (flags.threads < 1) throw user_error("must be at least 1", "--threads");
  if (flags.make.captions.positives < 1 || flags.make.captions.negatives < 0)
    throw user_error("must be at least 1, and --negatives not negative", "--positives");
  install_stop_signals();
  flags.make.cleaning = !flags.no_cleaning;
  flags.llm.check();
  Work work = open_work(flags);
  std::unique_ptr<LlmClient> client;
  std::unique_ptr<ClapRewriter> rewriter;
  if (flags.llm.dry_run) {
    rewriter = std::make_unique<ClapRewriter>(nullptr, flags.llm.templates);
  } else if (flags.llm.given()) {
    client = flags.llm.open(flags.out);
    rewriter = std::make_unique<ClapRewriter>(client.get(), flags.llm.templates);
    flags.threads = std::max(flags.threads, flags.llm.options.parallel);
  }
  const ClapMaker maker(work.bank, flags.make, rewriter.get());
  if (flags.llm.dry_run) return show_prompts(flags, work, maker);
  if (work.of_scenes()) {
    fs::create_directories(fs::path(flags.out) / "clips");
    work.bank.load(split_from_name(flags.split), flags.threads);
  }
  ClapJob job{flags.out, config_of(flags, work, rewriter.get()), work.n, flags.threads};
  const auto facts = [&] {
    Json more = {{"same_clips", work.same_clips}};
    if (client) more["model"] = llm_facts(*client);
    return more;
  };
  const ClapJobResult result = run_clap_job(
      job, [&](std::int64_t i) { return make_item(flags, work, maker, i); }, facts);
  std::int64_t dropped = 0, made = 0;
  for (const auto& [name, n] : result.counts) {
    notice("{}: {}", name, n);
    if (starts_with(name, "dropped/")) dropped += n;
    if (name == "items/made") made = n;
  }
  if (client)
    notice("calls {}, from the cache {}, cost {:.4f}", client->stats().calls, client->stats().cached,
           client->stats().cost);
  if (!result.stopped.empty()) {
    notice("stopped, {}: {} of {} clips are done; run the same again to go on", result.stopped, result.done,
           work.n);
    return stop_signal() != 0 ? 128 + stop_signal() : 4;
  }
  if (made == 0)
    throw data_error("no clip is left of " + std::to_string(work.n),
                     (fs::path(flags.out) / "aside.jsonl").string(), "look there for the reasons");
  print_line((fs::path(flags.out) / "clap.jsonl").string());
  return dropped > 0 ? 4 : 0;
}

void add_clap_maker(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<DataClapFlags>();
  CLI::App* verb =
      data.add_subcommand("clap", "pairs for AF-CLAP: clips with captions that are true and false");
  verb->add_option("--out", flags->out,
                   "folder for clap.jsonl, its side file, report and parts; a rerun goes on");
  verb->add_option("--bank", flags->bank,
                   "sound bank: scenes are rendered from it, or, with --list, it words labels");
  verb->add_option(
      "--list", flags->list,
      "csv, tsv or jsonl of clips with label(s), events (onset, offset, event_label) or caption(s)");
  verb->add_option("--audio", flags->audio, "folder of the list's clips; else the list's own");
  verb->add_option("--n", flags->n, "scenes to render, or clips of the list to take");
  verb->add_option("--split", flags->split, "of the bank: train, val or test");
  verb->add_option("--scene", flags->scene,
                   "file with settings of the scenes (keys as data.scene of a recipe)");
  verb->add_option("--single-share", flags->single_share, "share of scenes that are one sound alone");
  verb->add_option("--seed", flags->make.seed, "every draw is named by it");
  verb->add_option("--positives", flags->make.captions.positives, "captions of a clip");
  verb->add_option("--negatives", flags->make.captions.negatives, "false captions for each of them");
  verb->add_option("--max-words", flags->make.clean.max_words, "longer captions are dropped");
  verb->add_flag("--no-cleaning", flags->no_cleaning, "use captions as they are");
  verb->add_flag("--rules", flags->rules, "print the rules of cleaning with an example each, and end");
  verb->add_option("-t,--threads", flags->threads, "clips made at once");
  add_llm_flags(*verb, flags->llm, "it rewords, and every text is checked");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 data clap --bank bank --n 2000 --out data/scenes\n"
      "  af2 data clap --list clotho_captions.csv --audio clotho/development --out data/clotho\n"
      "  af2 data clap --list events.tsv --bank bank --out data/strong      # labels worded as the bank "
      "words them\n"
      "  af2 data clap --list mine.jsonl --out data/mine --llm http://127.0.0.1:8000/v1 --llm-model qwen "
      "--dry-run");
  verb->callback([flags, &runner] { runner = [flags] { return run_clap(*flags); }; });
}

}  // namespace

void add_data(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  CLI::App* data = app.add_subcommand("data", "make and check training data");
  data->require_subcommand(1);
  add_clap_maker(*data, runner);
  add_data_checks(*data, runner);
  add_data_records(*data, runner);
  add_data_captions(*data, runner);
  add_data_select(*data, runner);
  add_data_review(*data, runner);
  add_data_convert(*data, runner);
  add_data_mix(*data, runner);
  add_data_stats(*data, runner);
  add_data_items(*data, runner);
  add_data_music(*data, runner);
  add_data_scenes(*data, runner);
}

}  // namespace af2
