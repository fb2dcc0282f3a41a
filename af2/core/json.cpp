#include "af2/core/json.h"

#ifdef AF2_WITH_YAML
#include <yaml-cpp/yaml.h>
#endif

#include <charconv>
#include <cmath>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {

Json parse_json(std::string_view text, const std::string& where) {
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw data_error(std::string("not valid JSON (") + error.what() + ")", where);
  }
}

#ifdef AF2_WITH_YAML
namespace {

Json scalar(const std::string& text, bool quoted) {
  if (quoted) return text;
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true" || text == "True") return true;
  if (text == "false" || text == "False") return false;
  const char* end = text.data() + text.size();
  const char* begin = text.data() + (text[0] == '+');
  std::int64_t whole = 0;
  if (auto [stop, code] = std::from_chars(begin, end, whole); code == std::errc() && stop == end)
    return whole;
  double number = 0;
  if (auto [stop, code] = std::from_chars(begin, end, number); code == std::errc() && stop == end)
    return number;
  return text;
}

Json convert(const YAML::Node& node) {
  switch (node.Type()) {
    case YAML::NodeType::Scalar:
      return scalar(node.Scalar(), node.Tag() == "!");
    case YAML::NodeType::Sequence: {
      Json list = Json::array();
      for (const auto& item : node) list.push_back(convert(item));
      return list;
    }
    case YAML::NodeType::Map: {
      Json object = Json::object();
      for (const auto& item : node) {
        const std::string key = item.first.as<std::string>();
        if (object.contains(key))
          throw user_error("key \"" + key + "\" stands twice",
                           "line " + std::to_string(item.first.Mark().line + 1));
        object[key] = convert(item.second);
      }
      return object;
    }
    default:
      return nullptr;
  }
}

}  // namespace
#endif

Json parse_yaml(const std::string& text, const std::string& where) {
#ifdef AF2_WITH_YAML
  try {
    return convert(YAML::Load(text));
  } catch (const YAML::Exception& error) {
    throw user_error("not valid YAML (" + error.msg + ")",
                     where + " line " + std::to_string(error.mark.line + 1));
  } catch (const Error& error) {
    throw user_error(error.problem(), where + " " + error.where());
  }
#else
  (void)text;
  throw user_error("this build reads no YAML", where,
                   "give the same keys as JSON, or build with AF2_WITH_YAML");
#endif
}

Json read_config_file(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  if (path.extension() != ".yaml" && path.extension() != ".yml") return parse_json(text, path.string());
  return parse_yaml(text, path.string());
}

}  // namespace af2
