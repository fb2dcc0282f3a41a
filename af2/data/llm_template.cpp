#include "af2/data/llm_template.h"

#include <algorithm>
#include <string_view>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr std::string_view kLimit = "limit:";

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

}  // namespace

LlmTemplate parse_template(const std::string& name, const std::string& text) {
  LlmTemplate result;
  result.name = name;
  const auto part = [&](const std::string& from, const std::string& to) {
    const std::size_t begin = text.find(from), end = text.find(to);
    if (begin == std::string::npos || end == std::string::npos || end < begin)
      throw user_error("lacks the part between \"" + trim(from) + "\" and \"" + trim(to) + "\"",
                       "template " + name, "write it as the files of af2/data/templates");
    return trim(text.substr(begin + from.size(), end - begin - from.size()));
  };
  const bool has_limits = text.find("limits:") < text.find("schema:");
  const std::string version = part("version:", has_limits ? "limits:" : "schema:");
  if (version.empty() || version.find_first_not_of("0123456789") != std::string::npos || version.size() > 6)
    throw user_error("has no number as its version", "template " + name, "write version: 1");
  result.version = std::stoi(version);
  if (has_limits) result.limits = parse_json(part("limits:", "schema:"), "limits of template " + name);
  result.schema = parse_json(part("schema:", "\n--- system\n"), "schema of template " + name);
  result.system = part("\n--- system\n", "\n--- prompt\n");
  result.prompt = part("\n--- prompt\n", "\n--- end");
  return result;
}

LlmTemplate llm_template(const std::string& name, const std::filesystem::path& folder) {
  const std::filesystem::path file = folder / (name + ".txt");
  if (!folder.empty() && std::filesystem::exists(file)) return parse_template(name, read_file(file));
  for (const auto& [known, text] : embedded_templates())
    if (known == name) return parse_template(name, text);
  throw internal_error("no template of this name", name);
}

LlmRequest LlmTemplate::request(const std::map<std::string, std::string>& slots) const {
  LlmRequest request{name, version, system, "", schema};
  // In one pass, so that what stands in a slot is never taken for a slot.
  for (std::size_t at = 0; at < prompt.size();) {
    const std::size_t open = prompt.find("{{", at), close = prompt.find("}}", open);
    if (open == std::string::npos || close == std::string::npos) {
      request.prompt += prompt.substr(at);
      break;
    }
    const std::string slot_name = prompt.substr(open + 2, close - open - 2);
    if (starts_with(slot_name, kLimit)) {
      request.prompt += prompt.substr(at, open - at) + std::to_string(limit(slot_name.substr(kLimit.size())));
      at = close + 2;
      continue;
    }
    const auto slot = slots.find(slot_name);
    if (slot == slots.end())
      throw user_error("has an unknown slot " + prompt.substr(open, close + 2 - open), "template " + name,
                       "use the slots of the embedded one");
    request.prompt += prompt.substr(at, open - at) + slot->second;
    at = close + 2;
  }
  request.prompt = trim(request.prompt);
  return request;
}

int LlmTemplate::limit(const std::string& name_of_limit) const {
  if (!limits.is_object() || !limits.contains(name_of_limit) || !limits[name_of_limit].is_number_integer())
    throw user_error("sets no whole number as limit \"" + name_of_limit + "\"", "template " + name,
                     "write it as the embedded one");
  return limits[name_of_limit].get<int>();
}

std::string data_slot(const std::string& text) {
  return data_json(Json(text));
}

std::string data_json(const Json& json) {
  std::string quoted = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  replace_all(quoted, "<", "\\u003c");
  replace_all(quoted, ">", "\\u003e");
  return quoted;
}

}  // namespace af2
