// `af2 data skills` and `af2 data long`: questions about clips from what records know of them
// (af2/factory/set_maker.h).
#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <set>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/llm_flags.h"
#include "af2/cli/output.h"
#include "af2/cli/record_files.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/data/ontology.h"
#include "af2/factory/llm/llm_paraphrase.h"
#include "af2/factory/set_maker.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct ItemFlags {
  std::vector<std::string> records;
  std::string out, words, ontology, settings;
  int threads = 1;
  bool list_types = false;
  // Over what the config says; -1 or empty: as it is there.
  std::string name, split;
  std::vector<std::string> types;
  std::int64_t seed = -1, per_skill = -1;
  int per_type = -1, per_audio = -1;
  double choice_share = -1;
  bool held_out_wordings = false;
  std::vector<std::string> allow_licence;
  LlmFlags llm;
  bool no_rules = false;  // items of the model alone
  int paraphrases = 0;    // of each question of rules, by the model
};

constexpr int kShownRecords = 2, kEstimatedRecords = 50;

int print_types(bool is_long) {
  for (const RuleType& type : rule_types())
    if (type.is_long == is_long) print_line(type.skill + "." + type.name + "\t" + join(type.forms, ", "));
  return 0;
}

SetOptions options_of(const ItemFlags& flags, bool is_long) {
  SetOptions options;
  options.name = is_long ? "LongAudio" : "AudioSkills";
  if (!flags.settings.empty()) from_json(read_config_file(flags.settings), options, flags.settings);
  options.items.is_long = is_long;
  if (!flags.name.empty()) options.name = flags.name;
  if (!flags.split.empty()) options.split = flags.split;
  split_from_name(options.split);
  if (!flags.types.empty()) options.items.types = flags.types;
  // Not the solvers': how they part the items is no draw of a set's, and scores of two seeds compare.
  if (flags.seed >= 0) options.items.seed = options.pass.balance.seed = options.choose.seed = flags.seed;
  if (flags.per_skill >= 0) options.choose.per_skill = flags.per_skill;
  if (flags.per_type >= 0) options.items.per_type = flags.per_type;
  if (flags.per_audio >= 0) options.choose.per_audio = flags.per_audio;
  if (flags.choice_share >= 0) options.choose.choice_share = flags.choice_share;
  if (flags.held_out_wordings) options.items.held_out_wordings = true;
  if (!flags.allow_licence.empty()) options.pass.checks.allow_licence = flags.allow_licence;
  options.pass.checks.margins = options.items.margins;
  return options;
}

// The words of --words, then those that the records' own folders bring.
Vocabulary words_of(const ItemFlags& flags, const std::vector<Record>& records) {
  std::vector<LabelInfo> known;
  std::set<std::string> names;
  const auto add = [&](const fs::path& table) {
    for (LabelInfo& label : read_label_table(table))
      if (names.insert(label.name).second) known.push_back(std::move(label));
  };
  if (!flags.words.empty()) add(flags.words);
  for (const std::string& name : flags.records) {
    const fs::path given = name, folder = fs::is_directory(given) ? given : given.parent_path();
    if (fs::exists(folder / "labels.tsv")) add(folder / "labels.tsv");
  }
  const Vocabulary words = Vocabulary::of_records(records, known);
  if (flags.ontology.empty()) return words;
  std::vector<LabelInfo> labels = words.labels();
  add_parents(labels, read_ontology(flags.ontology));
  return Vocabulary(std::move(labels));
}

int show_prompts(const ItemFlags& flags, const std::vector<Record>& records, const LlmItemMaker& maker) {
  std::vector<LlmRequest> requests;
  const std::size_t looked_at = std::min<std::size_t>(records.size(), kEstimatedRecords);
  for (std::size_t i = 0; i < looked_at; ++i)
    for (const LlmRequest& request : maker.preview(records[i])) {
      if (i < kShownRecords)
        print_line(fmt::format("--- record {}, {} version {}\n[system]\n{}\n[user]\n{}\n[form] {}\n",
                               records[i].id, request.purpose, request.version, request.system,
                               request.prompt, request.schema.dump()));
      requests.push_back(request);
    }
  const double scale =
      static_cast<double>(records.size()) / static_cast<double>(std::max<std::size_t>(1, looked_at));
  const LlmEstimate e = llm_estimate(requests, scale, flags.llm.options, 300, 2);
  print_line(
      fmt::format("estimate for {} records: {:.0f} calls, {:.0f} tokens sent, {:.0f} received, cost {:.2f}; "
                  "nothing was sent",
                  records.size(), e.calls, e.tokens_in, e.tokens_out, e.cost));
  return 0;
}

int run_items(ItemFlags flags, bool is_long) {
  if (flags.list_types) return print_types(is_long);
  if (flags.records.empty()) throw user_error("is missing", "--records", "name files or folders of records");
  if (flags.out.empty()) throw user_error("is missing", "--out", "name a folder");
  if (flags.threads < 1) throw user_error("must be at least 1", "--threads");
  install_stop_signals();
  const SetOptions options = options_of(flags, is_long);
  RecordCounts read;
  Json inputs = {{"records", Json::array()}, {"words", flags.words}};
  if (!flags.ontology.empty())
    inputs["ontology"] = {{"file", flags.ontology}, {"sha256", sha256_file(flags.ontology)}};
  const std::vector<Record> records = read_record_files(flags.records, flags.out, inputs, read);
  const Vocabulary words = words_of(flags, records);
  flags.llm.check();
  LlmItemOptions by_model;
  by_model.seed = options.items.seed;
  if (flags.llm.dry_run)
    return show_prompts(
        flags, records,
        LlmItemMaker(nullptr, nullptr, words, options.items.margins, by_model, flags.llm.templates));
  std::unique_ptr<LlmClient> client;
  std::unique_ptr<LlmItemMaker> maker;
  std::unique_ptr<LlmParaphraser> paraphraser;
  SetSources sources;
  sources.rules = !flags.no_rules;
  if (flags.llm.given()) {
    client = flags.llm.open(flags.out);
    flags.threads = std::max(flags.threads, flags.llm.options.parallel);
    inputs["model"] = {{"name", flags.llm.options.model},
                       {"temperature", flags.llm.options.temperature},
                       {"paraphrases", flags.paraphrases},
                       {"rules", sources.rules}};
    if (flags.paraphrases > 0) {
      LlmParaphraseOptions wanted;
      wanted.number = flags.paraphrases;
      paraphraser = std::make_unique<LlmParaphraser>(client.get(), words, wanted, flags.llm.templates);
      sources.paraphrase = [&](const Item& item) { return paraphraser->make(item); };
    } else {
      maker = std::make_unique<LlmItemMaker>(client.get(), client.get(), words, options.items.margins,
                                             by_model, flags.llm.templates);
      inputs["model"]["templates"] = maker->versions();
      sources.model = [&](const Record& record) { return maker->make(record); };
    }
    sources.cost = [&] { return llm_facts(*client); };
  } else if (flags.no_rules || flags.paraphrases > 0) {
    throw user_error("is missing", "--llm", "name an endpoint, as http://127.0.0.1:8000/v1");
  }
  const SetResult result = make_set(flags.out, records, words, options, inputs, flags.threads, sources);
  for (const auto& [reason, n] : read.dropped) notice("left out of the records, {}: {}", reason, n);
  for (const auto& [reason, n] : result.counts.dropped)
    if (!starts_with(reason, "nothing_for/"))
      notice("left out, {}: {}, first at {}", reason, n, result.counts.first.at(reason));
  if (!result.stopped.empty()) {
    notice("stopped, {}; run the same again to go on", result.stopped);
    return stop_signal() != 0 ? 128 + stop_signal() : 4;
  }
  for (const SolverScore& score : result.solvers)
    if (score.scope == "all")
      notice("without the sound, {}: {:.1f} % of {} (chance {:.1f} %)", score.solver, 100 * score.accuracy,
             score.n, 100 * score.chance);
  if (result.items == 0)
    throw data_error("no item is left of " + std::to_string(result.made),
                     (fs::path(flags.out) / "aside.jsonl").string(), "look there for the reasons");
  notice("{} records, {} items made, {} kept", result.records, result.made, result.items);
  print_line((fs::path(flags.out) / "items.jsonl").string());
  bool bug = false;
  for (const auto& [reason, n] : result.counts.dropped)
    if (starts_with(reason, kBug)) {
      log_line(LogLevel::kError,
               fmt::format("{} items of rules are refused by their re-check, as {}: the set is without them; "
                           "please report this",
                           n, result.counts.first.at(reason)));
      bug = true;
    }
  if (bug) return 1;
  if (!result.within) notice("a solver without the sound is over its limit: see report.json");
  return result.within ? 0 : 4;
}

void add_items(CLI::App& data, CommandRunner& runner, bool is_long) {
  auto flags = std::make_shared<ItemFlags>();
  CLI::App* verb = data.add_subcommand(
      is_long ? "long" : "skills",
      is_long ? "questions about long clips: captioning, plot, needle, subscene, temporal, general"
              : "questions about clips: temporal, attribute, counting, contextual, information, general");
  verb->add_option("--records", flags->records,
                   "files of records, or folders that `data scenes` or `data music` made; several");
  verb->add_option("--out", flags->out, "folder of the set; a rerun goes on");
  verb->add_option(
      "--words", flags->words,
      "table of labels and their words, as bank/labels.tsv; else those that stand beside the records");
  verb->add_option(
      "--ontology", flags->ontology,
      "AudioSet's ontology.json: wider and narrower classes of a sound are no fair options beside it");
  verb->add_option("--settings", flags->settings, "file with the settings of a set; flags go over it");
  verb->add_option("--name", flags->name, "of the manifests");
  verb->add_option("--split", flags->split, "what the items are for: train, val or test");
  verb->add_option("--types", flags->types, "skills, or skill.type; else all")->delimiter(',');
  verb->add_option("--seed", flags->seed, "every draw is named by it");
  verb->add_option("--per-skill", flags->per_skill, "items of each skill; 0: all");
  verb->add_option("--per-type", flags->per_type, "tries of each type at one record");
  verb->add_option("--per-audio", flags->per_audio, "items of one clip at most");
  verb->add_option("--choice-share", flags->choice_share, "share of choices in each skill, at least");
  verb->add_flag("--held-out-wordings", flags->held_out_wordings, "wordings that training does not use");
  verb->add_option("--allow-licence", flags->allow_licence, "licences that may be used; several");
  verb->add_option("-t,--threads", flags->threads, "records asked about at once");
  add_llm_flags(*verb, flags->llm, "it writes questions and answers, and each is checked");
  verb->add_flag("--no-rules", flags->no_rules, "questions of the language model alone");
  verb->add_option("--paraphrases", flags->paraphrases,
                   "the model words each question of rules so many times anew, instead of writing its own");
  verb->add_flag("--list-types", flags->list_types, "print all types with their forms, and end");
  take_flags_from_environment(*verb);
  verb->footer(
      is_long ? "examples:\n"
                "  af2 data long --records scenes/long --out sets/long\n"
                "  af2 data long --list-types"
              : "examples:\n"
                "  af2 data skills --records scenes/short --records music --out sets/skills\n"
                "  af2 data skills --records dcase.jsonl --types temporal,counting --per-skill 1000 "
                "--out sets/dcase\n"
                "  af2 data skills --records clotho.jsonl --llm http://127.0.0.1:8000/v1 --llm-model qwen "
                "--no-rules --out sets/clotho");
  verb->callback(
      [flags, is_long, &runner] { runner = [flags, is_long] { return run_items(*flags, is_long); }; });
}

}  // namespace

void add_data_items(CLI::App& data, CommandRunner& runner) {
  add_items(data, runner, false);
  add_items(data, runner, true);
}

}  // namespace af2
