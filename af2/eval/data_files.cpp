#include "af2/eval/data_files.h"

#include <algorithm>
#include <functional>
#include <set>
#include <sstream>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/eval/template_text.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// `*` and text, within one name.
bool name_fits(std::string_view mask, std::string_view name) {
  if (mask.empty()) return name.empty();
  if (mask[0] == '*') {
    for (std::size_t skip = 0; skip <= name.size(); ++skip)
      if (name_fits(mask.substr(1), name.substr(skip))) return true;
    return false;
  }
  return !name.empty() && mask[0] == name[0] && name_fits(mask.substr(1), name.substr(1));
}

void walk_glob(const fs::path& root, const std::string& folder, const std::vector<std::string>& masks,
               std::size_t depth, std::vector<std::string>& found) {
  const std::string& mask = masks[depth];
  const bool last = depth + 1 == masks.size();
  std::error_code code;
  std::vector<std::string> names;
  if (mask.find('*') == std::string::npos) {
    names = {mask};
  } else {
    for (fs::directory_iterator it(root / folder, code), end; !code && it != end; it.increment(code)) {
      const std::string name = it->path().filename().string();
      if ((name[0] != '.' || mask[0] == '.') && name_fits(mask, name)) names.push_back(name);
    }
  }
  for (const std::string& name : names) {
    const std::string path = folder.empty() ? name : folder + "/" + name;
    if (last ? fs::is_regular_file(root / path, code) : fs::is_directory(root / path, code)) {
      if (last)
        found.push_back(path);
      else
        walk_glob(root, path, masks, depth + 1, found);
    }
  }
}

bool match_holes(const std::vector<TextTemplate::Part>& parts, std::size_t part, std::string_view rest,
                 std::map<std::string, std::string>& holes) {
  if (part == parts.size()) return rest.empty();
  const auto& [text, hole, filters] = parts[part];
  if (!hole) return starts_with(rest, text) && match_holes(parts, part + 1, rest.substr(text.size()), holes);
  if (const auto known = holes.find(text); known != holes.end())
    return starts_with(rest, known->second) &&
           match_holes(parts, part + 1, rest.substr(known->second.size()), holes);
  for (std::size_t length = 1; length <= rest.size() && rest[length - 1] != '/'; ++length) {
    holes[text] = std::string(rest.substr(0, length));
    if (match_holes(parts, part + 1, rest.substr(length), holes)) return true;
  }
  holes.erase(text);
  return false;
}

bool is_sound_name(const std::string& name) {
  std::string ending = fs::path(name).extension().string();
  std::transform(ending.begin(), ending.end(), ending.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  static const std::set<std::string> endings = {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".mp4", ".opus"};
  return endings.contains(ending);
}

}  // namespace

std::string path_below_root(const std::string& path, const std::string& where) {
  const fs::path plain = fs::path(path).lexically_normal();
  if (path.empty() || path.find('\0') != std::string::npos || plain.is_absolute() || *plain.begin() == "..")
    throw data_error("the path \"" + printable(path) + "\" is none below the root", where,
                     "paths of a benchmark stay in its folder: no leading / and no way out by ..");
  return plain.generic_string();
}

std::vector<std::string> files_matching(const fs::path& root, const std::string& glob) {
  std::vector<std::string> found;
  walk_glob(root, "", split(path_below_root(glob, root.string()), '/'), 0, found);
  std::sort(found.begin(), found.end());
  return found;
}

std::optional<std::map<std::string, std::string>> holes_of_name(const std::string& pattern,
                                                                const std::string& path) {
  std::map<std::string, std::string> holes;
  if (!match_holes(TextTemplate::parse(pattern, pattern).parts, 0, path, holes)) return std::nullopt;
  return holes;
}

std::vector<DataFile> find_data_files(const fs::path& root, const std::vector<std::string>& files,
                                      const std::string& file_as, const std::string& hint) {
  if (!fs::is_directory(root))
    throw data_error("there is no such folder", root.string(), "give the benchmark's folder as the root");
  std::vector<DataFile> found;
  for (const std::string& name : files) {
    std::string glob = name;
    const std::vector<std::string> holes = TextTemplate::parse(name, name).holes();
    for (const std::string& hole : holes) glob = with_replaced(glob, "{" + hole + "}", "*");
    const std::size_t before = found.size();
    for (const std::string& path : files_matching(root, glob)) {
      DataFile file{path, ""};
      const auto texts = holes.empty() ? std::nullopt : holes_of_name(name, path);
      if (!holes.empty() && !texts) continue;
      if (texts && texts->contains(file_as)) file.name = texts->at(file_as);
      found.push_back(std::move(file));
    }
    if (found.size() == before)
      throw data_error("the data file " + name + " is missing", root.string(), hint);
  }
  std::set<std::string> stems;
  for (const DataFile& file : found) stems.insert(fs::path(file.path).stem().string());
  const bool by_folder = stems.size() == 1 && found.size() > 1;
  for (DataFile& file : found) {
    const fs::path path = file.path;
    if (file.name.empty()) file.name = (by_folder ? path.parent_path().filename() : path.stem()).string();
  }
  return found;
}

std::vector<std::string> listed_sounds(const fs::path& file) {
  std::vector<std::string> names;
  const auto take = [&](const std::string& text) {
    if (is_sound_name(text)) names.push_back(fs::path(text).filename().string());
  };
  const std::string bytes = read_file(file);
  if (file.extension() == ".json") {
    const std::function<void(const Json&)> walk = [&](const Json& value) {
      if (value.is_string()) take(value.get<std::string>());
      if (value.is_structured())
        for (const Json& inner : value) walk(inner);
    };
    walk(parse_json(bytes, file.string()));
  } else {
    std::istringstream lines(bytes);
    for (std::string line; std::getline(lines, line);) take(trim(line.substr(0, line.find_first_of(",\t"))));
  }
  if (names.empty())
    throw data_error("names no sound files", file.string(), "check that this is the published list");
  return names;
}

}  // namespace af2
