// `af2 embed`: vectors of clips and texts.  `af2 similar`: how near clips and texts are to each other.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <memory>

#include "af2/cli/clap_flags.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"
#include "af2/io/npy.h"

namespace af2 {
namespace {

// A clip or a text with its vector, or one stretch of a clip.
struct EmbedItem {
  bool is_text = false;
  std::string name;  // path or text
  Vector vector;
  double start_s = 0, end_s = 0;
  std::vector<std::string> warnings = {};
};

struct EmbedFlags {
  ClapFlags clap;
  std::vector<std::string> texts;
  std::string format = "json";
  bool windows = false;
  double window_s = 0, hop_s = 0;
};

Json item_json(const EmbedItem& item, const EmbedFlags& flags, const ClapEngine& clap, int index) {
  Json line = {{"type", "embedding"}, {"index", index}, {item.is_text ? "text" : "path", item.name}};
  if (flags.windows && !item.is_text) line["start"] = item.start_s, line["end"] = item.end_s;
  if (flags.format == "base64") {
    const auto bytes = std::as_bytes(std::span(item.vector));
    line["embedding"] = base64(bytes);
  } else {
    line["embedding"] = item.vector;
  }
  line["model"] = clap.config().name;
  if (!item.is_text) line["warnings"] = item.warnings;
  return line;
}

// Adds what a clip gives: its vector, or those of its stretches.
void add_clip(const ClapEngine& clap, const EmbedFlags& flags, const ClipItem& clip,
              std::vector<EmbedItem>& items) {
  if (!flags.windows) {
    const HeardClip heard = read_clap_clip(clap, flags.clap, clip);
    tell_warnings(heard, {});
    items.push_back({false, heard.path, clap.audio(heard.clip.samples), heard.start_s,
                     heard.start_s + heard.clip.seconds, heard.warnings});
    return;
  }
  const double window = flags.window_s > 0 ? flags.window_s : clap.config().audio.window_seconds;
  const double hop = flags.hop_s > 0 ? flags.hop_s : window;
  HeardWindows all = read_clap_windows(clap, flags.clap, clip, window, hop);
  const HeardClip& heard = all.heard;
  tell_warnings(heard, {});
  for (auto& s : all.windows)
    items.push_back({false, heard.path, std::move(s.vector), heard.start_s + s.start_s,
                     heard.start_s + s.end_s, heard.warnings});
}

bool names_clips(const ClapFlags& flags) {
  return !flags.clips.files.empty() || !flags.clips.more_files.empty();
}

int run_embed(const EmbedFlags& flags) {
  const bool npy = flags.format == "npy";
  if (npy && flags.clap.out.empty())
    throw user_error("writes a file of numbers", "--format npy", "name it with -o FILE.npy");
  if (!names_clips(flags.clap) && flags.texts.empty())
    throw user_error("nothing to embed", "af2 embed", "name files, or give --text");
  if (!flags.windows && (flags.window_s > 0 || flags.hop_s > 0))
    throw user_error("--window and --hop belong to --windows-out", "af2 embed");
  const ClapEngine clap = load_clap(flags.clap);
  if (!npy && !flags.clap.out.empty()) set_output_file(flags.clap.out);
  std::vector<EmbedItem> all;
  int index = 0;
  const auto give = [&](std::vector<EmbedItem> items) {
    for (EmbedItem& item : items) {
      if (npy)
        all.push_back(std::move(item));
      else
        print_line(item_json(item, flags, clap, index).dump());
      ++index;
    }
  };
  int code = 0;
  ClipFlags clips = flags.clap.clips;
  clips.json = !npy;
  if (names_clips(flags.clap))
    code = for_each_clip(clips, [&](int, const ClipItem& clip) {
      std::vector<EmbedItem> items;
      add_clip(clap, flags, clip, items);
      give(std::move(items));
    });
  std::vector<Vector> vectors = clap_texts(clap, flags.texts);
  for (std::size_t i = 0; i < vectors.size(); ++i) give({{true, flags.texts[i], std::move(vectors[i])}});
  if (!npy) return code;
  if (all.empty()) return code;
  std::vector<float> values;
  for (const EmbedItem& item : all) values.insert(values.end(), item.vector.begin(), item.vector.end());
  write_npy(flags.clap.out, std::span<const float>(values),
            {static_cast<std::int64_t>(all.size()), static_cast<std::int64_t>(clap.size())});
  return code;
}

struct SimilarFlags {
  ClapFlags clap;
  std::vector<std::string> texts;
  std::string query;
  int top = 0;
};

std::string cell(float value) {
  return fmt::format("{:.4f}", value);
}

int run_similar(const SimilarFlags& flags) {
  const ClapEngine clap = load_clap(flags.clap);
  if (!flags.clap.out.empty()) set_output_file(flags.clap.out);
  std::vector<EmbedItem> items;
  EmbedFlags plain;
  plain.clap = flags.clap;
  int code = 0;
  if (names_clips(flags.clap)) {
    ClipFlags clips = flags.clap.clips;
    const bool json = clips.json;
    clips.json = false;  // no summary line: the result is one table
    code = for_each_clip(clips, [&](int, const ClipItem& clip) { add_clip(clap, plain, clip, items); });
    clips.json = json;
  }
  std::vector<Vector> vectors = clap_texts(clap, flags.texts);
  for (std::size_t i = 0; i < vectors.size(); ++i)
    items.push_back({true, flags.texts[i], std::move(vectors[i])});
  const bool json = flags.clap.clips.json;
  if (!flags.query.empty()) {
    if (items.empty())
      throw user_error("nothing to compare with the query", "af2 similar", "name files, or give --text");
    Vector query;
    if (std::filesystem::exists(flags.query)) {
      std::vector<EmbedItem> one;
      add_clip(clap, plain, {{flags.query}, "", {}, {}}, one);
      query = one[0].vector;
    } else {
      verbose("the query is a text: no file of that name");
      query = clap_text(clap, flags.query);
    }
    std::vector<std::pair<float, const EmbedItem*>> found;
    for (const EmbedItem& item : items) found.emplace_back(cosine(query, item.vector), &item);
    std::stable_sort(found.begin(), found.end(),
                     [](const auto& a, const auto& b) { return a.first > b.first; });
    if (flags.top > 0 && found.size() > static_cast<std::size_t>(flags.top)) found.resize(flags.top);
    for (const auto& [score, item] : found)
      print_line(
          json ? Json{{"type", "similarity"}, {item->is_text ? "text" : "path", item->name}, {"score", score}}
                     .dump()
               : cell(score) + "\t" + one_line(item->name));
    return code;
  }
  if (items.size() < 2)
    throw user_error("needs two things to compare", "af2 similar", "name files, give --text, or --query");
  if (!json) {
    std::string head;
    for (const EmbedItem& item : items) head += "\t" + one_line(item.name);
    print_line(head);
  }
  for (const EmbedItem& a : items) {
    std::vector<float> row;
    for (const EmbedItem& b : items) row.push_back(cosine(a.vector, b.vector));
    if (json) {
      print_line(Json{{"type", "similarity"}, {a.is_text ? "text" : "path", a.name}, {"scores", row}}.dump());
      continue;
    }
    std::string line = one_line(a.name);
    for (const float value : row) line += "\t" + cell(value);
    print_line(line);
  }
  return code;
}

}  // namespace

void add_embed(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<EmbedFlags>();
  CLI::App* verb = app.add_subcommand("embed", "vectors of clips and texts, by AF-CLAP");
  add_clap_flags(*verb, flags->clap);
  verb->add_option("--text", flags->texts, "a text; may be repeated")->allow_extra_args(false);
  verb->add_option("--format", flags->format,
                   "json: a line for each; base64: the same with little-endian float32 in base64; npy: one "
                   "array (items, width) into -o")
      ->check(CLI::IsMember({"json", "base64", "npy"}));
  verb->add_flag("--windows-out", flags->windows, "one vector for each window of a clip");
  verb->add_option("--window", flags->window_s, "with --windows-out: seconds of a window; the model's");
  verb->add_option("--hop", flags->hop_s, "with --windows-out: seconds between windows; as long as they are");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples: af2 embed dog.wav --text \"a dog barks\" | af2 embed --format npy -o all.npy sounds/");
  verb->callback([flags, &runner] { runner = [flags] { return run_embed(*flags); }; });
}

void add_similar(CLI::App& app, const CommonFlags&, CommandRunner& runner) {
  auto flags = std::make_shared<SimilarFlags>();
  CLI::App* verb = app.add_subcommand("similar", "how near clips and texts are to each other, by AF-CLAP");
  add_clap_flags(*verb, flags->clap);
  verb->add_option("--text", flags->texts, "a text; may be repeated")->allow_extra_args(false);
  verb->add_option("--query", flags->query,
                   "a file, or else a text: the others sorted by their cosine to it, instead of all pairs");
  verb->add_option("--top", flags->top, "with --query: only so many; 0: all");
  take_flags_from_environment(*verb);
  verb->footer(
      "examples: af2 similar a.wav b.wav c.wav | af2 similar --query \"a bell rings\" sounds/*.flac");
  verb->callback([flags, &runner] { runner = [flags] { return run_similar(*flags); }; });
}

}  // namespace af2
