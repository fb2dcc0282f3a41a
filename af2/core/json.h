// JSON for the whole project: nlohmann::json with ordered keys, and a parser whose errors name file and
// place.
#pragma once

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace af2 {

using Json = nlohmann::ordered_json;

// Parses JSON text; `where` names it in errors (kData).
Json parse_json(std::string_view text, const std::string& where);

// Reads a recipe or config: YAML when the name ends in .yaml or .yml (needs AF2_WITH_YAML), else JSON.
// YAML scalars become null, bool, integer, float or string by the YAML 1.2 core rules.
Json read_config_file(const std::filesystem::path& path);
// The same from YAML text; `where` names it in errors.
Json parse_yaml(const std::string& text, const std::string& where);

// JSON pointer of each value ("/data/files/0", "" for the whole) -> its line, or its key's, from 1.
using YamlLines = std::map<std::string, int>;
// YAML as files of people are written: maps, lists, plain and double-quoted scalars of one line, comments.
// Anchors, aliases, tags, other quotes, scalars over several lines, keys given twice and plain yes, no, on,
// off (true in one version of YAML and text in the next) are refused (kUser, with the line).
Json parse_plain_yaml(const std::string& text, const std::string& where, YamlLines& lines);
// The pointer of a member: "~" and "/" of `key` escaped.
std::string json_pointer(const std::string& parent, const std::string& key);

}  // namespace af2
