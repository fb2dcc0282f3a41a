#include "af2/cli/clip_list.h"

#include <algorithm>
#include <cctype>
#include <filesystem>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/data/manifest.h"

namespace af2 {
namespace fs = std::filesystem;

bool looks_like_audio(const fs::path& path) {
  static const std::vector<std::string> endings = {".wav",  ".flac", ".mp3", ".ogg", ".opus", ".m4a",
                                                   ".aac",  ".aiff", ".aif", ".wma", ".mp4",  ".mkv",
                                                   ".webm", ".mov",  ".oga", ".w64"};
  std::string ending = path.extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](unsigned char c) { return std::tolower(c); });
  return std::find(endings.begin(), endings.end(), ending) != endings.end();
}

namespace {

template <class Iterator>
std::vector<std::string> audio_below(const fs::path& folder) {
  std::vector<std::string> found;
  for (const auto& entry : Iterator(folder))
    if (entry.is_regular_file() && looks_like_audio(entry.path())) found.push_back(entry.path().string());
  std::sort(found.begin(), found.end());
  return found;
}

std::string beside(const fs::path& manifest, const std::string& path) {
  return path == "-" ? path : (manifest.parent_path() / path).string();
}

// The first line's keys say which of the two kinds a manifest is.
bool has_paths(const std::string& text) {
  for (const auto& line : split(text, '\n')) {
    if (trim(line).empty()) continue;
    const Json first = Json::parse(line, nullptr, /*allow_exceptions=*/false);
    return first.is_object() && first.contains("path");
  }
  return false;
}

ClipItem parse_path_line(const std::string& line, const fs::path& manifest, const std::string& where) {
  const Json row = Json::parse(line, nullptr, /*allow_exceptions=*/false);
  if (!row.is_object()) throw data_error("is no JSON object", where, "give {\"path\": ..., \"prompt\": ...}");
  ClipItem item;
  for (const auto& [key, value] : row.items()) {
    const bool text = key == "path" || key == "prompt", time = key == "start" || key == "duration";
    if (!text && !time)
      throw data_error("key \"" + key + "\" is unknown", where, "known are path, prompt, start, duration");
    if (text ? !value.is_string() || trim(value.get<std::string>()).empty()
             : !value.is_number() || value.get<double>() < 0)
      throw data_error("key \"" + key + "\" is not " + (text ? "a text" : "a number of seconds"), where);
    if (key == "path") item.paths = {beside(manifest, value)};
    if (key == "prompt") item.prompt = value;
    if (key == "start") item.start_s = value.get<double>();
    if (key == "duration") item.duration_s = value.get<double>();
  }
  if (item.paths.empty()) throw data_error("has no key \"path\"", where);
  return item;
}

}  // namespace

std::string ClipItem::name() const {
  return af2::join(paths, " + ");
}

std::vector<ClipItem> read_clip_manifest(const std::string& path) {
  const std::string text = read_file(path);
  std::vector<ClipItem> items;
  if (!has_paths(text)) {
    for (const ManifestItem& item : parse_manifest(text, path))
      items.push_back({{beside(path, item.audio)}, item.prompt, item.start_s, item.duration_s});
    return items;
  }
  int number = 0;
  for (const auto& line : split(text, '\n')) {
    ++number;
    if (!trim(line).empty())
      items.push_back(parse_path_line(line, path, path + ":" + std::to_string(number)));
  }
  return items;
}

std::vector<ClipItem> list_clips(const ClipFlags& flags) {
  std::vector<ClipItem> clips;
  for (const auto* list : {&flags.files, &flags.more_files})
    for (const std::string& path : *list) {
      if (path == "-" || !fs::is_directory(path)) {
        clips.push_back({{path}, {}, {}, {}});
        continue;
      }
      const auto found = flags.recursive ? audio_below<fs::recursive_directory_iterator>(path)
                                         : audio_below<fs::directory_iterator>(path);
      if (found.empty())
        throw data_error("holds no audio file", path, "name files, or add -r for the folders below");
      for (const auto& file : found) clips.push_back({{file}, {}, {}, {}});
    }
  if (!flags.manifest.empty()) {
    if (flags.join) throw user_error("--join and --manifest exclude each other", "--join");
    for (auto& item : read_clip_manifest(flags.manifest)) clips.push_back(std::move(item));
  }
  if (clips.empty())
    throw user_error("no audio file given", "", "name one or more files, folders, or - for stdin");
  if (flags.join) {
    for (std::size_t i = 1; i < clips.size(); ++i) clips[0].paths.push_back(clips[i].paths[0]);
    clips.resize(1);
  }
  return clips;
}

}  // namespace af2
