// `af2 index`: the vectors of a sound library's windows in one file, kept up to date.
#ifdef AF2_WITH_SQLITE
#include <fmt/format.h>

#include <map>
#include <memory>

#include "af2/cli/index_flags.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/signal.h"
#include "af2/core/text_util.h"
#include "af2/generate/clap_windows.h"
#include "af2/index/update.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

struct IndexFlags {
  ClapFlags clap;  // model, threads, channels, dtype, json
  std::vector<std::string> folders, remove;
  std::string file;
  double window_s = 0, hop_s = 0;
  bool flat = false, list = false;
  UpdateOptions update;
};

std::string path_of(const IndexedFile& file) {
  return path_from_here(file.path());
}

Json file_json(const IndexedFile& file, const char* state) {
  Json line = {{"type", "file"}};
  if (*state) line["state"] = state;
  line["path"] = path_of(file);
  line["seconds"] = file.seconds;
  line["windows"] = file.n_windows;
  line["warnings"] = file.warnings.empty() ? std::vector<std::string>() : split(file.warnings, ',');
  if (!file.error.empty()) line["error"] = file.error;
  return line;
}

int list_files(const IndexFlags& flags) {
  SoundIndex index(flags.file, SoundIndex::Access::kRead);
  for (const IndexedFile& file : index.files()) {
    const std::string why = file.error.empty() ? file.warnings : "error: " + file.error;
    print_line(flags.clap.clips.json ? json_line(file_json(file, ""))
                                     : fmt::format("{}\t{:.3f}\t{}\t{}", one_line(path_of(file)),
                                                   file.seconds, file.n_windows, one_line(why)));
  }
  return 0;
}

int remove_files(const IndexFlags& flags) {
  SoundIndex index(flags.file, SoundIndex::Access::kWrite);
  const std::vector<IndexedFile> files = index.files();
  std::map<std::int64_t, const IndexedFile*> gone;
  bool all_known = true;
  for (const std::string& path : flags.remove) {
    // As it was when it was indexed: links of its folder resolved, if that is still there.
    const fs::path plain = fs::absolute(path).lexically_normal();
    const fs::path whole = plain.has_filename() ? plain : plain.parent_path();
    const fs::path resolved = fs::weakly_canonical(whole.parent_path()) / whole.filename();
    const std::size_t before = gone.size();
    for (const IndexedFile& file : files)
      for (const fs::path& name : {whole, resolved, fs::weakly_canonical(whole)})
        if (lies_below(file.path(), name.string())) gone[file.id] = &file;
    if (gone.size() > before) continue;
    all_known = false;
    warning("{}: the index has no file there", path);
  }
  std::vector<std::int64_t> ids;
  for (const auto& [id, file] : gone) ids.push_back(id);
  index.remove(ids);
  if (flags.clap.clips.json)
    for (const auto& [id, file] : gone)
      print_line(json_line(file_json(*file, word_of(FileChange::kRemoved))));
  else
    print_line(fmt::format("{} files removed, {} left", ids.size(), files.size() - ids.size()));
  return all_known ? 0 : 4;
}

// What the flags ask for, where they say nothing what the index has, else the model's.
IndexFacts wanted_facts(const IndexFlags& flags, const ClapEngine& clap, SoundIndex& index) {
  IndexFacts facts;
  if (!index.is_new()) facts = index.facts();
  const bool fresh = index.is_new();
  facts.model_name = clap.config().name;
  facts.model_sha256 = model_sha256(clap, index, Note::kYes);
  facts.dims = clap.size();
  if (fresh) facts.window_s = clap.config().audio.window_seconds;
  if (flags.window_s > 0) facts.window_s = flags.window_s;
  if (fresh) facts.hop_s = facts.window_s / 2;
  if (flags.hop_s > 0) facts.hop_s = flags.hop_s;
  if (!flags.clap.clips.channels.empty() || fresh)
    facts.channels = !flags.clap.clips.channels.empty()                   ? flags.clap.clips.channels
                     : clap.decode_options().channels == Channels::kFirst ? "first"
                                                                          : "mean";
  if (!flags.clap.clips.dtype.empty() || fresh) facts.dtype = clap.dtype();
  if (facts.window_s > clap.config().audio.window_seconds)
    throw user_error(
        fmt::format("must be at most the model's window of {:g} s", clap.config().audio.window_seconds),
        "--window");
  return facts;
}

// One run over folders: hears what is new, tells what happened.
class Indexing {
 public:
  Indexing(const IndexFlags& flags, const ClapEngine& clap, SoundIndex& index, FolderScan scan)
      : flags_(flags), clap_(clap), index_(index), scan_(std::move(scan)), bar_(total_bytes()) {
    options_.window_s = index.facts().window_s;
    options_.hop_s = index.facts().hop_s;
    options_.decode = clap.decode_options();
    options_.decode.channels = index.facts().channels == "first" ? Channels::kFirst : Channels::kMean;
  }

  int run() {
    for (const std::string& folder : scan_.unreadable)
      warning("{}: cannot be read; what the index has of it stays", folder);
    UpdateWork work;
    work.embed = [this](const std::string& path, FileVectors& out) { return embed(path, out); };
    work.report = [this](FileChange change, const IndexedFile& file) { report(change, file); };
    work.progress = [this](std::int64_t done, const FoundFile& file) { progress(done, file); };
    work.stop = [] { return stop_signal() != 0; };
    const UpdateCounts counts = update_index(index_, scan_, flags_.update, work);
    bar_.clear();
    for (const auto& [word, n] : warned_) notice("{}: {} files (af2 index --list says which)", word, n);
    summary(counts);
    if (counts.stopped) return 128 + stop_signal();
    return counts.failed > 0 || !scan_.unreadable.empty() ? 4 : 0;
  }

 private:
  std::int64_t total_bytes() const {
    std::int64_t sum = 0;
    for (const FoundFile& file : scan_.files) sum += file.size;
    return sum;
  }

  bool embed(const std::string& path, FileVectors& out) {
    const ClapWindowReport heard = for_each_window(
        clap_, path, options_, [&](const auto& so_far, double start_s, double end_s, Vector vector) {
          out.windows.push_back({start_s, end_s, std::move(vector)});
          const double share = so_far.file_seconds > 0 ? std::min(1.0, end_s / so_far.file_seconds) : 0;
          draw(done_ + static_cast<std::int64_t>(share * static_cast<double>(size_)));
          return stop_signal() == 0;
        });
    out.seconds = heard.seconds;
    out.warnings = heard.warnings;
    for (const auto& note : heard.notes) verbose("{}: {}", path, note);
    return !heard.stopped;
  }

  void report(FileChange change, const IndexedFile& file) {
    if (change == FileChange::kFailed) {
      bar_.clear();
      warning("cannot read {}: {}", path_of(file), file.error);
    }
    if (change != FileChange::kRemoved && change != FileChange::kTouched && !file.warnings.empty())
      for (const auto& word : split(file.warnings, ',')) ++warned_[word];
    if (flags_.clap.clips.json)
      print_line(json_line(file_json(file, word_of(change))));
    else
      verbose("{}: {}", path_of(file), word_of(change));
  }

  void progress(std::int64_t done, const FoundFile& file) {
    ++n_files_;
    done_ = done, size_ = file.size;
    text_ = fmt::format("{}/{} {}", n_files_, scan_.files.size(),
                        printable(fs::path(file.name).filename().string(), 40));
    draw(done);
  }

  void draw(std::int64_t done) { bar_.update(done, text_); }

  void summary(const UpdateCounts& counts) {
    const Json facts = index_facts(index_);
    if (flags_.clap.clips.json) {
      print_line(json_line({{"type", "summary"},
                            {"added", counts.added},
                            {"updated", counts.updated},
                            {"copied", counts.copied},
                            {"touched", counts.touched},
                            {"unchanged", counts.unchanged},
                            {"removed", counts.removed},
                            {"failed", counts.failed},
                            {"stopped", counts.stopped},
                            {"files", facts["files"]},
                            {"windows", facts["windows"]},
                            {"seconds", facts["seconds"]},
                            {"model", index_.facts().model_name}}));
      return;
    }
    print_line(fmt::format(
        "{} added, {} updated, {} copied, {} removed, {} failed, {} as they were; the index has {} "
        "files, {} windows, {:.2f} hours{}",
        counts.added, counts.updated, counts.copied, counts.removed, counts.failed,
        counts.unchanged + counts.touched, facts["files"].get<std::int64_t>(),
        facts["windows"].get<std::int64_t>(), facts["seconds"].get<double>() / 3600,
        counts.stopped ? "; stopped, the same command goes on from here" : ""));
  }

  const IndexFlags& flags_;
  const ClapEngine& clap_;
  SoundIndex& index_;
  FolderScan scan_;
  ProgressBar bar_;
  ClapWindowOptions options_;
  std::int64_t done_ = 0, size_ = 0;
  std::size_t n_files_ = 0;
  std::string text_;
  std::map<std::string, int> warned_;
};

int run_index(const IndexFlags& flags) {
  const int verbs = (flags.list ? 1 : 0) + (flags.remove.empty() ? 0 : 1) + (flags.folders.empty() ? 0 : 1);
  if (verbs > 1) throw user_error("give one of folders, --remove and --list", "af2 index");
  if (flags.list) return list_files(flags);
  if (!flags.remove.empty()) return remove_files(flags);
  if (verbs == 0) throw user_error("no folder given", "af2 index", "name one or more folders or files");
  if (flags.window_s < 0) throw user_error("must be above 0", "--window");
  if (flags.hop_s < 0) throw user_error("must be above 0", "--hop");
  install_stop_signals();
  FolderScan scan = scan_folders(flags.folders, looks_like_audio, flags.flat ? Depth::kFlat : Depth::kAll);
  SoundIndex index(flags.file, SoundIndex::Access::kCreate);
  if (index.is_new() && scan.files.empty())
    throw data_error("holds no audio file", join(flags.folders, ", "), "name folders with sounds");
  ClapFlags load = flags.clap;
  if (!index.is_new() && load.clips.dtype.empty()) load.clips.dtype = index.facts().dtype;
  const ClapEngine clap = load_clap(load);
  const bool fresh = index.is_new();
  index.settle(wanted_facts(flags, clap, index));
  if (fresh) model_sha256(clap, index, Note::kYes);
  return Indexing(flags, clap, index, std::move(scan)).run();
}

}  // namespace

void add_index(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<IndexFlags>();
  CLI::App* verb =
      app.add_subcommand("index", "make a sound library searchable: vectors of its windows in a file");
  verb->add_option("folders", flags->folders, "folders, with all below them, and files");
  verb->add_option("-o,--out", flags->file, "the index, made or brought up to date")->required();
  add_clap_model_flags(*verb, flags->clap);
  verb->add_option(
      "--window", flags->window_s,
      "seconds of a window; those of the index, of a new one the model's. A shorter file is one window");
  verb->add_option("--hop", flags->hop_s,
                   "seconds from one window to the next; those of the index, of a new one half a window");
  verb->add_flag("--flat", flags->flat, "without the folders below the given ones");
  verb->add_flag("--keep-missing", flags->update.keep_missing, "files that are gone stay in the index");
  verb->add_flag("--retry", flags->update.retry,
                 "also files that could not be read before and have not changed");
  verb->add_option("--remove", flags->remove,
                   "files and folders to take out of the index, whether they are there or not");
  verb->add_flag("--list", flags->list, "the files of the index: path, seconds, windows, warnings or error");
  verb->add_flag("--json", flags->clap.clips.json,
                 "one JSON object for each file that changed, then a summary");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples: af2 index sounds/ -o sounds.af2 | af2 index --remove sounds/old -o sounds.af2 | af2 index "
      "--list -o "
      "sounds.af2\nRun it again after changes: only new and changed files are heard. Stop it when you like: "
      "it goes on "
      "where it was.");
  verb->callback([flags, &runner] { runner = [flags] { return run_index(*flags); }; });
}

}  // namespace af2
#endif  // AF2_WITH_SQLITE
