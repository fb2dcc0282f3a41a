// `af2 search`: the places of a sound library that are nearest to words or to a sound.
#ifdef AF2_WITH_SQLITE
#include <fmt/format.h>

#include <memory>

#include "af2/cli/index_flags.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/progress.h"
#include "af2/core/text_util.h"
#include "af2/index/search.h"

namespace af2 {
namespace {

constexpr std::size_t kTogether = 16;  // queries for one pass over the vectors

struct SearchFlags {
  ClapFlags clap;  // model, --audio, start, duration, threads, json
  std::string index, query_file, format;
  std::vector<std::string> texts;
  double min_score = -1;
  SearchOptions options;
};

struct Query {
  std::string name;  // text or path
  bool is_text = false;
  Vector vector;
};

// Texts first, then sounds; of those that cannot be read the error is told.
struct Queries {
  std::vector<Query> ready;
  int failed = 0, last_code = 0;
};

void add_sounds(const SearchFlags& flags, const ClapEngine& clap, Queries& queries) {
  if (flags.clap.clips.more_files.empty()) return;
  for (const ClipItem& item : list_clips(flags.clap.clips)) {
    ClipTask task;
    task.attempt([&] {
      const HeardClip heard = read_clap_clip(clap, flags.clap, item);
      tell_warnings(heard, {});
      queries.ready.push_back({heard.path, false, clap.audio(heard.clip.samples)});
    });
    if (!task.failed()) continue;
    ++queries.failed;
    queries.last_code = task.failure->exit_code();
    log_line(LogLevel::kError, task.failure->what());
    if (flags.clap.clips.json)
      print_line(json_line({{"type", "error"},
                            {"path", item.name()},
                            {"code", task.failure->exit_code()},
                            {"message", task.failure->what()}}));
  }
}

std::string csv_cell(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out = "\"";
  for (const char c : text) out += c == '"' ? "\"\"" : std::string(1, c);
  return out + "\"";
}

// One query's hits, in the form that was asked for.
class Printer {
 public:
  Printer(const SearchFlags& flags, std::size_t n_queries) : flags_(flags), several_(n_queries > 1) {
    if (flags.format == "csv")
      print_line(several_ ? "query,path,onset,offset,score" : "path,onset,offset,score");
    if (flags.format == "m3u") print_line("#EXTM3U");
  }

  void print(int index, const Query& query, const VectorTable& table, const std::vector<Hit>& hits) const {
    for (std::size_t i = 0; i < hits.size(); ++i) {
      const Hit& hit = hits[i];
      const std::string path = path_from_here(table.paths[hit.file]);
      const std::string times = fmt::format("{:.3f},{:.3f},{:.4f}", hit.onset_s, hit.offset_s, hit.score);
      if (flags_.clap.clips.json)
        print_line(json_line(hit_json(index, i + 1, query, path, hit)));
      else if (flags_.format == "csv")
        print_line((several_ ? csv_cell(query.name) + "," : "") + csv_cell(path) + "," + times);
      else if (flags_.format == "m3u")
        // VLC starts each at its onset; other players play the whole file.
        print_line(fmt::format(
            "#EXTINF:{:.0f},{} ({:.2f})\n#EXTVLCOPT:start-time={:.3f}\n#EXTVLCOPT:stop-time={:.3f}\n{}",
            hit.offset_s - hit.onset_s, one_line(path), hit.score, hit.onset_s, hit.offset_s,
            table.paths[hit.file]));
      else
        print_line((several_ ? one_line(query.name) + "\t" : "") + one_line(path) +
                   fmt::format("\t{:.3f}\t{:.3f}\t{:.4f}", hit.onset_s, hit.offset_s, hit.score));
    }
  }

 private:
  static Json hit_json(int index, std::size_t rank, const Query& query, const std::string& path,
                       const Hit& hit) {
    return {{"type", "hit"},          {"index", index},    {query.is_text ? "text" : "audio", query.name},
            {"rank", rank},           {"path", path},      {"onset", hit.onset_s},
            {"offset", hit.offset_s}, {"score", hit.score}};
  }

  const SearchFlags& flags_;
  bool several_;
};

std::vector<std::string> texts_of(const SearchFlags& flags) {
  std::vector<std::string> texts = flags.texts;
  if (!flags.query_file.empty())
    for (const auto& line : split(read_file(flags.query_file), '\n'))
      if (!trim(line).empty()) texts.push_back(trim(line));
  return texts;
}

double ms_since(double& moment) {
  const double before = moment;
  moment = steady_seconds();
  return std::round((moment - before) * 1e5) / 100;
}

int run_search(SearchFlags flags) {
  const std::vector<std::string> texts = texts_of(flags);
  if (texts.empty() && flags.clap.clips.more_files.empty())
    throw user_error("nothing to search for", "af2 search", "give -p TEXT or --audio FILE");
  if (flags.options.top < 0) throw user_error("must be 0 or more", "--top");
  if (!flags.format.empty() && flags.clap.clips.json) throw user_error("does not go with --json", "--format");
  flags.options.min_score = static_cast<float>(flags.min_score);
  SoundIndex index(flags.index, SoundIndex::Access::kRead);
  double moment = steady_seconds();
  const ClapEngine clap = load_clap(flags.clap);
  index.check_model(clap.config().name, model_sha256(clap, index, Note::kNo));
  if (flags.clap.clips.channels.empty()) flags.clap.clips.channels = index.facts().channels;
  const double model_ms = ms_since(moment);
  if (!flags.clap.out.empty()) set_output_file(flags.clap.out);
  Queries queries;
  std::vector<Vector> of_texts = clap_texts(clap, texts);
  for (std::size_t i = 0; i < texts.size(); ++i)
    queries.ready.push_back({texts[i], true, std::move(of_texts[i])});
  add_sounds(flags, clap, queries);
  const double embed_ms = ms_since(moment);
  const VectorTable table = index.vectors();
  if (table.rows() == 0) notice("{}: holds no vectors", flags.index);
  const double load_ms = ms_since(moment);
  double search_ms = 0;
  const std::size_t n = queries.ready.size();
  const Printer printer(flags, n + static_cast<std::size_t>(queries.failed));
  for (std::size_t first = 0; first < n; first += kTogether) {
    const std::size_t last = std::min(n, first + kTogether);
    std::vector<float> vectors;
    for (std::size_t i = first; i < last; ++i)
      vectors.insert(vectors.end(), queries.ready[i].vector.begin(), queries.ready[i].vector.end());
    moment = steady_seconds();
    const std::vector<float> scores = all_scores(table, vectors);
    std::vector<std::vector<Hit>> hits;
    const auto rows = static_cast<std::size_t>(table.rows());
    for (std::size_t i = first; i < last; ++i)
      hits.push_back(best_hits(table, std::span(scores).subspan((i - first) * rows, rows), flags.options));
    search_ms += ms_since(moment);
    for (std::size_t i = first; i < last; ++i)
      printer.print(static_cast<int>(i), queries.ready[i], table, hits[i - first]);
  }
  if (flags.clap.clips.json)
    print_line(json_line(
        {{"type", "summary"},
         {"ok", n},
         {"failed", queries.failed},
         {"windows", table.rows()},
         {"timings",
          {{"model_ms", model_ms}, {"embed_ms", embed_ms}, {"load_ms", load_ms}, {"search_ms", search_ms}}},
         {"model", clap.config().name}}));
  if (queries.failed == 0) return 0;
  return n == 0 && queries.failed == 1 ? queries.last_code : 4;
}

}  // namespace

void add_search(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<SearchFlags>();
  CLI::App* verb =
      app.add_subcommand("search", "places of an indexed sound library that are like words or a sound");
  verb->add_option("index", flags->index, "the file that `af2 index` wrote")->required();
  verb->add_option("-p,--prompt", flags->texts, "what to look for, in words; may be repeated")
      ->allow_extra_args(false);
  verb->add_option("-f,--prompt-file", flags->query_file, "a file with one such text a line");
  verb->add_option(
          "--audio", flags->clap.clips.more_files,
          "a sound to look for; may be repeated. One longer than a window is heard as a whole: for a place "
          "in it give --start and --duration")
      ->allow_extra_args(false);
  verb->add_option("--start", flags->clap.clips.start_s, "of --audio: seconds into the file");
  verb->add_option("--duration", flags->clap.clips.duration_s, "of --audio: seconds to hear; 0: to the end");
  add_clap_model_flags(*verb, flags->clap);
  verb->add_option("--top", flags->options.top, "so many hits for each query; 0: all");
  verb->add_option("--min-score", flags->min_score, "only hits with this cosine or more");
  verb->add_flag("--windows", flags->options.every_window,
                 "every window counts, not only the best one of each file");
  verb->add_option("--format", flags->format,
                   "csv, or m3u: a list for players; without it path, onset, offset, score")
      ->check(CLI::IsMember({"csv", "m3u"}));
  verb->add_flag("--json", flags->clap.clips.json, "one JSON object per line");
  verb->add_option("-o,--out", flags->clap.out, "results into this file instead of stdout");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples: af2 search sounds.af2 -p \"a bell rings\" | af2 search sounds.af2 --audio dog.wav --start 3 "
      "--duration "
      "2 --top 5 | af2 search sounds.af2 -p rain --format m3u -o rain.m3u");
  verb->callback([flags, &runner] { runner = [flags] { return run_search(*flags); }; });
}

}  // namespace af2
#endif  // AF2_WITH_SQLITE
