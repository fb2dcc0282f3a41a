// `af2 data check`, `report`, `solvers`, `overlap`: what a set of items or a file of AF-CLAP pairs holds,
// what is wrong in it, and the set without that.
#include <fmt/format.h>

#include <cstdlib>
#include <memory>
#include <set>

#include "af2/cli/clip_flags.h"
#include "af2/cli/command.h"
#include "af2/cli/output.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/options.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/data/clap_pair_set.h"
#include "af2/data/ontology.h"
#include "af2/factory/set_files.h"
#include "af2/factory/set_pass.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct SetFlags {
  std::string options, labels, ontology, out, name, index;
  std::vector<std::string> allow_licence, against;
  bool af3 = false, ids_only = false;
  int threads = 2;
  LlmOptions llm;
};

// Those of --options, else those that the set in `folder` was made with: another seed of the solvers' parts
// would judge it by another measure.
SetPassOptions options_of(const SetFlags& flags, const fs::path& folder) {
  SetPassOptions options;
  const fs::path made = folder / "config.json";
  if (!flags.options.empty()) {
    from_json(read_config_file(flags.options), options, flags.options);
  } else if (fs::exists(made)) {
    const Json config = parse_json(read_file(made), made.string());
    const Json own = config.is_object() ? config.value("options", Json::object()) : Json::object();
    if (own.contains("pass")) from_json(own["pass"], options, made.string() + " key options.pass");
  }
  for (const std::string& licence : flags.allow_licence) options.checks.allow_licence.push_back(licence);
  if (flags.ids_only) options.overlap.hear = false;
  return options;
}

// The words that --labels or the set's own table has.
Vocabulary words_of_set(const SetFlags& flags, const fs::path& folder, const std::vector<Record>& records) {
  std::vector<LabelInfo> known;
  if (!flags.labels.empty())
    known = read_label_table(flags.labels);
  else if (fs::exists(folder / "labels.tsv"))
    known = read_label_table(folder / "labels.tsv");
  if (!flags.ontology.empty()) {
    const std::vector<LabelInfo> ontology = read_ontology(flags.ontology);
    add_parents(known, ontology);
    if (known.empty()) known = ontology;
  }
  return Vocabulary::of_records(records, known);
}

std::optional<OverlapIndex> index_of(const SetFlags& flags) {
  if (flags.against.empty() && flags.index.empty()) return std::nullopt;
  std::vector<TestSet> sets;
  for (const std::string& text : flags.against) sets.push_back(test_set_of(text));
  RecordCounts counts;
  ProgressBar bar(0);
  std::int64_t heard = 0;
  OverlapIndex index = OverlapIndex::of(
      sets, flags.index, counts,
      [&](const TestClip& clip) {
        bar.update(++heard, fmt::format("{} clips of test sets, {}", heard, clip.set));
      },
      flags.threads);
  bar.clear();
  for (const auto& [reason, n] : counts.dropped)
    notice("{}: {}, first {}", reason, n, counts.first.at(reason));
  std::set<std::string> there;
  for (const TestClip& clip : index.clips()) there.insert(clip.set);
  std::string missing;
  for (const std::string& name : default_test_sets())
    if (!there.contains(name)) missing += (missing.empty() ? "" : ", ") + name;
  if (!missing.empty()) notice("test sets that were not looked at: {}", missing);
  return index;
}

// The set in a folder of its own, with paths that hold there and the manifests.
void write_set(const ItemSet& set, const SetPass& pass, SetPassOptions options, const SetFlags& flags) {
  const fs::path out = flags.out;
  fs::create_directories(out);
  // A set that is written over itself keeps what it was made with.
  if (!fs::exists(out / "config.json") || !fs::equivalent(set.folder, out)) {
    const Json config = {{"made_by", "af2 data check"}, {"options", {{"pass", to_json(options)}}}};
    write_file_atomic(out / "config.json", config.dump(2) + "\n");
  }
  std::vector<Item> items = set.items;
  std::vector<Record> records;
  const auto moved = [&](const std::string& audio) {
    return fs::path(audio).is_absolute() || audio.empty()
               ? audio
               : fs::absolute(set.folder / audio)
                     .lexically_normal()
                     .lexically_proximate(fs::absolute(out).lexically_normal())
                     .generic_string();
  };
  std::set<std::string> asked;
  for (Item& item : items) asked.insert(item.record), item.audio = moved(item.audio);
  for (const Record& record : set.records)
    if (asked.contains(record.id)) records.push_back(record), records.back().audio = moved(record.audio);
  write_item_set(out, items, records);
  if (fs::exists(set.folder / "labels.tsv") && !fs::equivalent(set.folder, out))
    write_file_atomic(out / "labels.tsv", read_file(set.folder / "labels.tsv"));
  const std::string name = flags.name.empty() ? fs::absolute(out).filename().string() : flags.name;
  write_jsonl_manifest(out / "manifest.jsonl", items);
  for (const std::string& file : write_af2_manifests(out, name, items)) print_line((out / file).string());
  if (flags.af3)
    if (const std::int64_t n = write_af3_manifest(out / "conversations.json", items); n > 0)
      notice("{} items about a stretch of a file have no place in conversations.json", n);
  write_report_inputs(out, pass.inputs);
  print_line((out / "items.jsonl").string());
}

struct DataCheckFlags {
  std::vector<std::string> files;
  bool verify = false, json = false, items_only = false;
  SetFlags set;
};

void tell(const DataCheckFlags& flags, const std::string& where, const std::string& reason,
          const std::string& detail) {
  print_line(flags.json
                 ? Json{{"type", "problem"}, {"where", where}, {"what", reason}, {"detail", detail}}.dump(
                       -1, ' ', false, Json::error_handler_t::replace)
                 : where + "\t" + reason + "\t" + one_line(detail));
}

// The whole pass over a copy: what it would leave out or move is what is wrong.
bool check_set(const DataCheckFlags& flags, const std::string& path) {
  ItemSet set = read_item_set(path);
  if (set.records.empty()) notice("{} has no records.jsonl: answers are not recomputed", path);
  const SetPassOptions options = options_of(flags.set, set.folder);
  const Vocabulary words = words_of_set(flags.set, set.folder, set.records);
  const FaultSink sink = [&](const Item& item, const ItemFault& fault) {
    tell(flags, item.id, fault.reason, fault.detail);
  };
  const std::size_t n = set.items.size();
  SetPass pass;
  if (flags.items_only) {
    const SetCheck check = check_items(set.items, set.records, ItemChecker(words, options.checks),
                                       flags.verify ? set.folder : fs::path(), sink, flags.set.threads);
    pass.inputs.dropped = check.counts, pass.left_out = check.failed;
  } else {
    const std::optional<OverlapIndex> tests = index_of(flags.set);
    std::unique_ptr<LlmClient> client;
    if (!flags.set.llm.url.empty()) {
      const fs::path cache = flags.set.out.empty() ? set.folder : fs::path(flags.set.out);
      fs::create_directories(cache);
      const char* key = std::getenv("AF2_API_KEY");
      client = std::make_unique<LlmClient>(flags.set.llm, key ? key : "", cache);
    }
    pass = pass_set(set.items, set.records, words,
                    {set.folder, flags.verify, tests ? &*tests : nullptr, client.get(),
                     std::max(flags.set.threads, client ? flags.set.llm.parallel : 1)},
                    options, sink);
    if (client) pass.inputs.cost = {{"calls", client->stats().calls}, {"cost", client->stats().cost}};
    for (const OverlapHit& hit : pass.hits)
      tell(flags, hit.item, "overlap/" + hit.set, hit.how + " " + hit.test_clip + " " + hit.detail);
    for (const SolverScore& s : pass.inputs.solvers)
      if (s.n >= options.solvers.min_items && s.over(options.solvers.margin_points))
        tell(flags, s.scope, "blind/" + s.solver,
             fmt::format("right in {:.1f} %, by chance in {:.1f} %, of {}", 100 * s.accuracy, 100 * s.chance,
                         s.n));
  }
  for (const auto& [reason, times] : pass.inputs.dropped.dropped)
    notice("{}: {}, first {}", reason, times, pass.inputs.dropped.first.at(reason));
  if (!flags.set.out.empty()) write_set(set, pass, options, flags.set);
  double hours = 0;
  std::set<std::string> clips;
  for (const Item& item : set.items)
    if (clips.insert(clip_key(item)).second) hours += item.duration / 3600;
  Json dropped = Json::object();
  for (const auto& [reason, times] : pass.inputs.dropped.dropped) dropped[reason] = times;
  const Json sum = {
      {"type", "summary"},
      {"file", path},
      {"items", n},
      {"good", set.items.size() - (flags.items_only ? static_cast<std::size_t>(pass.left_out) : 0)},
      {"failed", pass.left_out},
      {"letters_moved", pass.moved},
      {"clips", clips.size()},
      {"hours", hours},
      {"within", pass.within},
      {"dropped", dropped}};
  print_line(flags.json ? sum.dump()
                        : fmt::format("{}: {} items, {} fail, letters of {} unevenly placed; {} clips, "
                                      "{:.2f} hours; solvers without sound {}",
                                      path, n, pass.left_out, pass.moved, clips.size(), hours,
                                      flags.items_only ? "not tried"
                                      : pass.within    ? "within their margin"
                                                       : "over their margin"));
  return pass.left_out > 0 || pass.moved > 0 || !pass.within;
}

bool check_pairs(const DataCheckFlags& flags, const std::string& file) {
  const ClapCheck check = check_clap_pairs(file, flags.verify);
  for (const auto& [where, what] : check.problems)
    print_line(flags.json ? Json{{"type", "problem"}, {"where", where}, {"what", what}}.dump()
                          : where + "\t" + one_line(what));
  const Json sum = {{"type", "summary"},
                    {"file", file},
                    {"items", check.items},
                    {"captions", check.captions},
                    {"negatives", check.negatives},
                    {"hours", check.hours},
                    {"problems", check.problems.size()},
                    {"missing_audio", check.missing_audio}};
  print_line(flags.json
                 ? sum.dump()
                 : fmt::format("{}: {} items, {} captions, {} negatives, {:.2f} hours; {} problems, {} of "
                               "them missing audio",
                               file, check.items, check.captions, check.negatives, check.hours,
                               check.problems.size(), check.missing_audio));
  return !check.problems.empty();
}

int run_check(const DataCheckFlags& flags) {
  install_stop_signals();
  if (!flags.set.out.empty() && (flags.files.size() != 1 || flags.items_only))
    throw user_error("takes one set, with all its checks", "--out");
  bool bad = false;
  for (const auto& pattern : flags.files) {
    if (is_item_set(pattern)) {
      bad = check_set(flags, pattern) || bad;
      continue;
    }
    if (fs::is_directory(pattern))
      throw data_error("has no items.jsonl", pattern, "name a set folder, .jsonl or .tar");
    for (const auto& file : expand_braces(pattern)) bad = check_pairs(flags, file) || bad;
  }
  return bad ? 4 : 0;
}

void add_against(CLI::App& verb, SetFlags& flags) {
  verb.add_option(
      "--against", flags.against,
      "NAME=FILE_OR_FOLDER of a test set: sounds, or a list (csv, tsv, json, jsonl, txt) of ids and files");
  verb.add_option("--index", flags.index,
                  "file of the test sets' clips: made where it is missing or not theirs any more");
  verb.add_option("-t,--threads", flags.threads, "clips heard at once");
  verb.add_flag("--ids-only", flags.ids_only, "compare ids alone, open no sound of the set");
}

void add_check(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<DataCheckFlags>();
  CLI::App* verb = data.add_subcommand(
      "check", "what is wrong in a set of questions (folder with items.jsonl) or a file of AF-CLAP pairs");
  verb->add_option("files", flags->files,
                   "set folder, or .jsonl or .tar of pairs; clips-{000..099}.tar are a hundred")
      ->required();
  verb->add_flag("--verify", flags->verify, "decode every clip");
  verb->add_flag("--items-only", flags->items_only, "single items, not the set as a whole");
  verb->add_flag("--json", flags->json, "one JSON object a line");
  verb->add_option("--allow-licence", flags->set.allow_licence,
                   "items of other licences fail; may be given again");
  verb->add_option("--labels", flags->set.labels, "labels.tsv: words, synonyms and wider classes of labels");
  verb->add_option("--ontology", flags->set.ontology,
                   "AudioSet's ontology.json: wider classes are no fair options");
  verb->add_option(
      "--options", flags->set.options,
      "file with limits (keys checks, balance, solvers, overlap); else those that the set was made with");
  verb->add_option("--out", flags->set.out, "write what passes here: items, records, manifests, checks.json");
  verb->add_option("--name", flags->set.name, "of the manifests, NAME-skill/split.json; else the folder's");
  verb->add_flag("--af3", flags->set.af3, "also conversations.json, as Audio Flamingo 3 reads them");
  add_against(*verb, flags->set);
  verb->add_option("--llm", flags->set.llm.url,
                   "endpoint of a language model that tries to answer without the sound");
  verb->add_option("--llm-model", flags->set.llm.model, "the model's name there");
  verb->add_option("--llm-parallel", flags->set.llm.parallel, "calls at once");
  verb->add_option("--llm-budget", flags->set.llm.budget, "stop before it has cost more");
  verb->add_option("--llm-price-in", flags->set.llm.price_in, "price of a million tokens sent");
  verb->add_option("--llm-price-out", flags->set.llm.price_out, "price of a million tokens received");
  flags->set.llm.temperature = 0;
  take_flags_from_environment(*verb);
  verb->footer(
      "examples:\n"
      "  af2 data check data/skills --verify --ontology ontology.json\n"
      "  af2 data check data/skills --out data/skills-clean --against ESC-50=esc50/audio --index "
      "tests.af2overlap\n"
      "  af2 data check data/scenes/clap.jsonl 'shards/clips-{000..099}.tar'");
  verb->callback([flags, &runner] { runner = [flags] { return run_check(*flags); }; });
}

struct ReportFlags {
  std::string folder, out = "", json, name;
  int samples = 20;
  std::int64_t seed = 0;
};

int run_report(const ReportFlags& flags) {
  const ItemSet set = read_item_set(flags.folder);
  ReportInputs inputs = read_report_inputs(set.folder);
  if (inputs.solvers.empty()) inputs.solvers = run_solvers(set.items, {});
  inputs.name =
      flags.name.empty() ? fs::absolute(set.folder).lexically_normal().filename().string() : flags.name;
  inputs.samples = flags.samples, inputs.seed = flags.seed;
  const Json report = set_report(set.items, inputs);
  const fs::path page = flags.out.empty() ? set.folder / "report.html" : fs::path(flags.out);
  if (!flags.json.empty())
    write_file_atomic(flags.json, report.dump(1, ' ', false, Json::error_handler_t::replace) + "\n");
  std::string prefix = fs::absolute(set.folder)
                           .lexically_normal()
                           .lexically_proximate(fs::absolute(page).lexically_normal().parent_path())
                           .generic_string();
  prefix = prefix == "." || prefix.empty() ? "" : prefix.ends_with('/') ? prefix : prefix + "/";
  write_file_atomic(page, report_page(report, prefix));
  print_line(page.string());
  return 0;
}

void add_report(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<ReportFlags>();
  CLI::App* verb =
      data.add_subcommand("report", "a page about a set of questions: figures, and items to listen to");
  verb->add_option("folder", flags->folder, "set folder")->required();
  verb->add_option("-o,--out", flags->out, "page to write; else report.html in the folder");
  verb->add_option("--json", flags->json, "also the figures as JSON");
  verb->add_option("--name", flags->name, "of the set; else the folder's");
  verb->add_option("--samples", flags->samples, "items of each type to show");
  verb->add_option("--seed", flags->seed, "chooses them");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data report data/skills -o data/skills/report.html");
  verb->callback([flags, &runner] { runner = [flags] { return run_report(*flags); }; });
}

struct SolversFlags {
  std::string folder, options;
  bool json = false;
};

int run_solvers_verb(const SolversFlags& flags) {
  SetFlags file;
  file.options = flags.options;
  const ItemSet set = read_item_set(flags.folder);
  const SolverOptions options = options_of(file, set.folder).solvers;
  bool over = false;
  if (!flags.json) print_line("items\tsolver\tn\tright\tchance\tlow\thigh\tjudged");
  for (SolverScore s : run_solvers(set.items, options)) {
    const bool small = s.n < options.min_items, bad = s.over(options.margin_points);
    over = over || (bad && !small);
    const char* judged = small ? "too few" : bad ? "over" : "within";
    Json line = to_json(s);
    line["judged"] = judged;
    print_line(flags.json ? line.dump()
                          : fmt::format("{}\t{}\t{}\t{:.4f}\t{:.4f}\t{:.4f}\t{:.4f}\t{}", s.scope, s.solver,
                                        s.n, s.accuracy, s.chance, s.low, s.high, judged));
  }
  return over ? 4 : 0;
}

void add_solvers(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<SolversFlags>();
  CLI::App* verb =
      data.add_subcommand("solvers", "how many questions of a set can be answered without the sound");
  verb->add_option("folder", flags->folder, "set folder")->required();
  verb->add_option("--options", flags->options, "file with limits (key solvers); else those of the set");
  verb->add_flag("--json", flags->json, "one JSON object a line");
  take_flags_from_environment(*verb);
  verb->footer("example: af2 data solvers data/skills     # exit code 4 where one is over chance + 5 points");
  verb->callback([flags, &runner] { runner = [flags] { return run_solvers_verb(*flags); }; });
}

struct OverlapFlags {
  std::string folder;
  bool json = false;
  SetFlags set;
};

int run_overlap(const OverlapFlags& flags) {
  const std::optional<OverlapIndex> index = index_of(flags.set);
  if (!index) throw user_error("no test set is named", "--against", "as in --against ESC-50=esc50/audio");
  if (flags.folder.empty()) {
    notice("{} clips of test sets", index->clips().size());
    return 0;
  }
  const ItemSet set = read_item_set(flags.folder);
  const OverlapResult result = find_overlaps(set.items, set.folder, *index,
                                             options_of(flags.set, set.folder).overlap, flags.set.threads);
  for (const OverlapHit& hit : result.hits)
    print_line(flags.json ? Json{{"set", hit.set},
                                 {"test_clip", hit.test_clip},
                                 {"audio", hit.audio},
                                 {"item", hit.item},
                                 {"how", hit.how},
                                 {"detail", hit.detail}}
                                .dump(-1, ' ', false, Json::error_handler_t::replace)
                          : fmt::format("{}\t{}\t{}\t{}\t{}", hit.set, hit.test_clip, hit.audio, hit.how,
                                        hit.detail));
  for (const auto& [name, n] : result.by_set) notice("{}: {} items", name, n);
  if (const auto bad = result.counts.dropped.find("overlap/audio_unreadable");
      bad != result.counts.dropped.end())
    notice("{} clips could not be read, first {}", bad->second, result.counts.first.at(bad->first));
  return result.counts.dropped.empty() ? 0 : 4;
}

void add_overlap(CLI::App& data, CommandRunner& runner) {
  auto flags = std::make_shared<OverlapFlags>();
  CLI::App* verb =
      data.add_subcommand("overlap", "sounds of a set that are in a test set too, in whatever form");
  verb->add_option("folder", flags->folder, "set folder; none: only the index is made");
  verb->add_flag("--json", flags->json, "one JSON object a line");
  add_against(*verb, flags->set);
  take_flags_from_environment(*verb);
  verb->footer(
      "names of test sets: as in docs/spec/data.md section 7; those not named are told.\n"
      "example: af2 data overlap data/skills --against ESC-50=esc50/audio --against "
      "AudioCaps=audiocaps/test.csv --index "
      "tests.af2overlap");
  verb->callback([flags, &runner] { runner = [flags] { return run_overlap(*flags); }; });
}

}  // namespace

void add_data_checks(CLI::App& data, CommandRunner& runner) {
  add_check(data, runner);
  add_report(data, runner);
  add_solvers(data, runner);
  add_overlap(data, runner);
}

}  // namespace af2
