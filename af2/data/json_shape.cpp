#include "af2/data/json_shape.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

bool has_type(const Json& value, const std::string& type) {
  if (type == "object") return value.is_object();
  if (type == "array") return value.is_array();
  if (type == "string") return value.is_string();
  if (type == "integer") return value.is_number_integer();
  if (type == "number") return value.is_number();
  if (type == "boolean") return value.is_boolean();
  return type == "null" && value.is_null();
}

std::string problem_at(const Json& value, const Json& schema, const std::string& place) {
  const std::string here = place.empty() ? "the value" : place;
  if (schema.contains("type")) {
    const Json types = schema["type"].is_array() ? schema["type"] : Json::array({schema["type"]});
    const bool fits = std::any_of(types.begin(), types.end(),
                                  [&](const Json& type) { return has_type(value, type.get<std::string>()); });
    if (!fits) {
      std::string words;
      for (const Json& type : types) words += (words.empty() ? "" : " or ") + type.get<std::string>();
      return here + " must be of type " + words;
    }
  }
  if (schema.contains("enum") &&
      std::find(schema["enum"].begin(), schema["enum"].end(), value) == schema["enum"].end())
    return here + " must be one of " + schema["enum"].dump();
  const auto size_is = [&](std::size_t size, const char* least, const char* most, const char* what) {
    if (schema.contains(least) && size < schema[least].get<std::size_t>())
      return here + " has " + std::to_string(size) + what + ", fewer than " + schema[least].dump();
    if (schema.contains(most) && size > schema[most].get<std::size_t>())
      return here + " has " + std::to_string(size) + what + ", more than " + schema[most].dump();
    return std::string();
  };
  std::string problem;
  if (value.is_string()) return size_is(value.get<std::string>().size(), "minLength", "maxLength", " bytes");
  if (value.is_number()) {
    if (schema.contains("minimum") && value.get<double>() < schema["minimum"].get<double>())
      return here + " is below " + schema["minimum"].dump();
    if (schema.contains("maximum") && value.get<double>() > schema["maximum"].get<double>())
      return here + " is above " + schema["maximum"].dump();
  }
  if (value.is_array()) {
    problem = size_is(value.size(), "minItems", "maxItems", " items");
    for (std::size_t i = 0; problem.empty() && schema.contains("items") && i < value.size(); ++i)
      problem = problem_at(value[i], schema["items"], place + "[" + std::to_string(i) + "]");
  }
  if (value.is_object()) {
    for (const Json& key : schema.value("required", Json::array()))
      if (!value.contains(key.get<std::string>())) return here + " lacks \"" + key.get<std::string>() + "\"";
    const Json known = schema.value("properties", Json::object());
    for (const auto& [key, member] : value.items()) {
      if (!known.contains(key)) {
        if (schema.contains("additionalProperties") && schema["additionalProperties"] == false)
          return here + " has an unknown member \"" + printable(key, 40) + "\"";
        continue;
      }
      problem = problem_at(member, known[key], place.empty() ? key : place + "." + key);
      if (!problem.empty()) break;
    }
  }
  return problem;
}

}  // namespace

std::string shape_problem(const Json& value, const Json& schema) {
  return problem_at(value, schema, "");
}

Json json_in_reply(const std::string& reply) {
  std::string text = trim(reply);
  // Reasoning models put their thoughts before the answer.
  if (const std::size_t thoughts = text.rfind("</think>"); thoughts != std::string::npos)
    text = trim(text.substr(thoughts + 8));
  if (const std::size_t fence = text.find("```"); fence != std::string::npos) {
    const std::size_t line = text.find('\n', fence), close = text.rfind("```");
    if (line != std::string::npos && close > line) text = trim(text.substr(line, close - line));
  }
  try {
    return Json::parse(text);
  } catch (const Json::exception& error) {
    throw data_error(error.what(), "the reply", "answer with the JSON alone");
  }
}

}  // namespace af2
