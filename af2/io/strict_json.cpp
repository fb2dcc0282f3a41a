#include "af2/io/strict_json.h"

#include <set>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {

nlohmann::json parse_strict_json(std::string_view text, const std::string& where) {
  using SortedJson = nlohmann::json;
  std::vector<std::set<std::string>> keys;  // one set for each open object
  const auto watch = [&](int /*depth*/, SortedJson::parse_event_t event, SortedJson& parsed) {
    if (event == SortedJson::parse_event_t::object_start) keys.emplace_back();
    if (event == SortedJson::parse_event_t::object_end) keys.pop_back();
    if (event == SortedJson::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw model_error("the key \"" + parsed.get<std::string>() + "\" is given twice", where);
    return true;
  };
  try {
    return SortedJson::parse(text.begin(), text.end(), watch);
  } catch (const SortedJson::exception& error) {
    throw model_error("not valid JSON: " + std::string(error.what()), where);
  }
}

nlohmann::json read_strict_json(const std::filesystem::path& path, std::size_t max_bytes) {
  const MappedFile file(path);
  if (file.bytes().size() > max_bytes)
    throw model_error("holds " + std::to_string(file.bytes().size()) + " bytes, more than the " +
                          std::to_string(max_bytes) + " such a file may have",
                      path.string());
  return parse_strict_json({reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()},
                           path.string());
}

}  // namespace af2
