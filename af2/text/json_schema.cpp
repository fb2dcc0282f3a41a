#include "af2/text/json_schema.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"
#include "af2/text/json_keys.h"

namespace af2 {
namespace {

constexpr int kDeepest = 100;
constexpr std::size_t kMostRepeats = 100'000;

struct Part {
  std::string body;
  std::vector<std::string> uses;
};
// Rules that others use by name; `value` is any JSON. Escapes name no surrogates: the text is valid for every
// reader, and each escape counts as one character.
const std::map<std::string, Part> kParts = {
    {"ws", {R"(" "?)", {}}},
    {"char", {R"([^"\\\x00-\x1F\x7F] | "\\" (["\\/bfnrt] | "u" unit))", {"unit"}}},
    {"unit", {R"([0-9A-CE-Fa-ce-f] hex hex hex | [Dd] [0-7] hex hex)", {"hex"}}},
    {"hex", {"[0-9A-Fa-f]", {}}},
    {"string", {R"("\"" char* "\"")", {"char"}}},
    {"integer", {R"("-"? ("0" | [1-9] [0-9]{0,17}))", {}}},
    {"number", {R"("-"? ("0" | [1-9] [0-9]{0,15}) ("." [0-9]{1,16})? ([eE] [-+]? [0-9]{1,2})?)", {}}},
    {"boolean", {R"("true" | "false")", {}}},
    {"null", {R"("null")", {}}},
    {"value",
     {"object | array | string | number | boolean | null",
      {"object", "array", "string", "number", "boolean", "null"}}},
    {"object", {R"("{" ws (member ("," ws member)* ws)? "}")", {"ws", "member"}}},
    {"member", {R"(string ":" ws value)", {"string", "ws", "value"}}},
    {"array", {R"("[" ws (value ("," ws value)* ws)? "]")", {"ws", "value"}}},
};

const std::vector<std::string> kSilent = {"title",   "description", "default",  "examples",
                                          "$schema", "$comment",    "$defs",    "definitions",
                                          "$id",     "deprecated",  "readOnly", "writeOnly"};
const std::vector<std::string> kTypes = {"object", "array", "string", "number", "integer", "boolean", "null"};
// Keywords of one type.
const std::map<std::string, std::string> kTypeOf = {
    {"properties", "object"}, {"required", "object"},  {"additionalProperties", "object"},
    {"items", "array"},       {"minItems", "array"},   {"maxItems", "array"},
    {"minLength", "string"},  {"maxLength", "string"},
};

bool has(const std::vector<std::string>& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// JSON text without keys that stand twice.
Json parse_schema(std::string_view text, const std::string& where) {
  std::vector<std::set<std::string>> keys;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    if (depth > kDeepest) throw user_error("is nested more than 100 levels deep", where, "use $defs");
    if (event == Json::parse_event_t::object_start) keys.emplace_back();
    if (event == Json::parse_event_t::object_end) keys.pop_back();
    if (event == Json::parse_event_t::key && !keys.back().insert(parsed.get<std::string>()).second)
      throw user_error("key \"" + parsed.get<std::string>() + "\" stands twice in one object", where);
    return true;
  };
  try {
    return Json::parse(text, look);
  } catch (const Json::exception& error) {
    throw user_error(std::string("is no JSON (") + error.what() + ")", where,
                     "give a JSON Schema, or @FILE that holds one");
  }
}

class Compiler {
 public:
  Compiler(const Json& root, const std::string& where) : root_(root), where_(where) {}

  std::string text() {
    const std::string whole = rule_of(root_, "#", 0);
    std::string text = "root ::= " + whole + "\n";
    for (const auto& [name, body] : rules_) text += name + " ::= " + body + "\n";
    for (const auto& name : parts_) text += name + " ::= " + kParts.at(name).body + "\n";
    return text;
  }

 private:
  [[noreturn]] void fail(const std::string& what, const std::string& place,
                         const std::string& hint = "") const {
    throw user_error(what, where_ + " at " + place, hint);
  }

  // A rule of kParts, with those that it uses.
  std::string part(const std::string& name) {
    if (parts_.insert(name).second)
      for (const auto& other : kParts.at(name).uses) part(other);
    return name;
  }

  std::string add_rule(const std::string& place, const std::string& body) {
    const std::string name = fresh_name(place);
    rules_.emplace_back(name, body);
    return name;
  }

  // "#/properties/a" -> "at-properties-a".
  std::string fresh_name(const std::string& place) {
    std::string name = "at";
    for (const char c : place.substr(1)) {
      const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
      name += plain ? c : '-';
    }
    if (name.size() > 60) name.resize(60);
    const int n = ++names_[name];
    return n == 1 ? name : fmt::format("{}_{}", name, n);
  }

  // The name of a rule for a schema.
  std::string rule_of(const Json& schema, const std::string& place, int depth) {
    if (depth > kDeepest) fail("is nested more than 100 levels deep", place);
    if (schema.is_boolean()) {
      if (!schema.get<bool>()) fail("allows nothing", place);
      return part("value");
    }
    if (!schema.is_object()) fail("is no schema", place, "a schema is an object, true or false");
    const std::vector<std::string> keys = keywords(schema, place);
    if (schema.contains("$ref")) {
      alone("$ref", keys, place);
      return reference(schema["$ref"], place, depth);
    }
    for (const char* key : {"const", "enum"})
      if (schema.contains(key)) return add_rule(place, given_values(schema, key, keys, place));
    for (const char* key : {"anyOf", "oneOf"}) {
      if (!schema.contains(key)) continue;
      alone(key, keys, place);
      return add_rule(place, any_of(schema[key], place + "/" + key, depth));
    }
    std::vector<std::string> ways;
    for (const auto& type : types_of(schema, keys, place)) ways.push_back(typed(type, schema, place, depth));
    if (ways.empty()) return part("value");
    return ways.size() == 1 ? ways[0] : add_rule(place, join(ways, " | "));
  }

  // The keywords that say something; throws for unknown ones.
  std::vector<std::string> keywords(const Json& schema, const std::string& place) const {
    std::vector<std::string> keys;
    for (const auto& [key, value] : schema.items()) {
      if (has(kSilent, key)) continue;
      if (!kTypeOf.contains(key) && !has({"type", "enum", "const", "anyOf", "oneOf", "$ref"}, key))
        fail("keyword \"" + printable(key) + "\" is not supported", place,
             "leave it out, and check the answer for it");
      keys.push_back(key);
    }
    return keys;
  }

  void alone(const std::string& key, const std::vector<std::string>& keys, const std::string& place) const {
    for (const auto& other : keys)
      if (other != key) fail("keyword \"" + other + "\" is not supported beside \"" + key + "\"", place);
  }

  std::vector<std::string> types_of(const Json& schema, const std::vector<std::string>& keys,
                                    const std::string& place) const {
    std::vector<std::string> types;
    if (schema.contains("type")) {
      const Json& type = schema["type"];
      for (const Json& one : type.is_array() ? type : Json::array({type})) {
        if (!one.is_string() || !has(kTypes, one.get<std::string>()))
          fail("type is none of " + join(kTypes, ", ") + ": " + printable(one.dump()), place);
        if (!has(types, one.get<std::string>())) types.push_back(one.get<std::string>());
      }
      if (types.empty()) fail("type names none", place);
    }
    const bool said = !types.empty();
    for (const auto& key : keys) {
      const auto of = kTypeOf.find(key);
      if (of == kTypeOf.end() || has(types, of->second)) continue;
      if (said) fail("keyword \"" + key + "\" is for type " + of->second, place);
      types.push_back(of->second);
    }
    return types;
  }

  std::string typed(const std::string& type, const Json& schema, const std::string& place, int depth) {
    if (type == "object") return object(schema, place, depth);
    if (type == "array") return array(schema, place, depth);
    if (type != "string" || !(schema.contains("minLength") || schema.contains("maxLength")))
      return part(type);
    return add_rule(
        place, R"("\"" )" + part("char") + counts(schema, "minLength", "maxLength", place, 0) + R"( "\"")");
  }

  std::size_t count(const Json& value, const std::string& key, const std::string& place) const {
    if (!value.is_number_unsigned() || value.get<std::size_t>() > kMostRepeats)
      fail(key + " must be a whole number from 0 to 100000, not " + printable(value.dump()), place);
    return value.get<std::size_t>();
  }

  // "{m,n}" of two keywords, `less` fewer of each.
  std::string counts(const Json& schema, const char* low, const char* high, const std::string& place,
                     std::size_t less) const {
    const std::size_t least = schema.contains(low) ? count(schema[low], low, place) : 0;
    const std::string from = std::to_string(least - std::min(least, less));
    if (!schema.contains(high)) return "{" + from + ",}";
    const std::size_t most = count(schema[high], high, place);
    if (most < least) fail(fmt::format("{} is below {}", high, low), place);
    return "{" + from + "," + std::to_string(most - std::min(most, less)) + "}";
  }

  std::string array(const Json& schema, const std::string& place, int depth) {
    const std::string repeats = counts(schema, "minItems", "maxItems", place, 1), ws = part("ws");
    if (schema.contains("maxItems") && schema["maxItems"] == 0)
      return add_rule(place, R"("[" )" + ws + R"( "]")");
    const std::string item =
        schema.contains("items") ? rule_of(schema["items"], place + "/items", depth + 1) : part("value");
    const std::string all = item + R"( ("," )" + ws + " " + item + ")" + repeats + " " + ws;
    const bool may_be_empty = !schema.contains("minItems") || schema["minItems"] == 0;
    return add_rule(place, R"("[" )" + ws + (may_be_empty ? " (" + all + ")?" : " " + all) + R"( "]")");
  }

  struct Member {
    std::string text;  // the key and its value
    bool required = false;
  };

  std::string object(const Json& schema, const std::string& place, int depth) {
    const Json none = Json::object();
    const Json& properties = schema.contains("properties") ? schema["properties"] : none;
    if (!properties.is_object()) fail("properties must be an object", place);
    Json more = schema.contains("additionalProperties") ? schema["additionalProperties"] : Json(false);
    const bool open = !(more.is_boolean() && !more.get<bool>());
    std::vector<std::string> required = names_of(schema, place), keys;
    for (const auto& [key, value] : properties.items()) keys.push_back(key);
    for (const auto& key : required) {
      if (has(keys, key)) continue;
      if (!open) fail("required names \"" + printable(key) + "\", which is not among the properties", place);
      keys.push_back(key);
    }
    const std::string ws = part("ws");
    std::vector<Member> members;
    for (const auto& key : keys) {
      const std::string value = properties.contains(key)
                                    ? rule_of(properties[key], place + "/properties/" + key, depth + 1)
                                    : rule_of(more, place + "/additionalProperties", depth + 1);
      members.push_back({gbnf_literal(Json(key).dump() + ":") + " " + ws + " " + value, has(required, key)});
    }
    std::string other;
    if (open) {
      const KeyRules rules = other_keys(keys, fresh_name(place + "/key"), where_ + " at " + place);
      rules_.insert(rules_.end(), rules.begin(), rules.end());
      other = rules.front().first + R"( ":" )" + ws + " " +
              rule_of(more, place + "/additionalProperties", depth + 1);
    }
    return add_rule(place, R"("{" )" + ws + " " + chain(members, other, place) + R"( "}")");
  }

  std::vector<std::string> names_of(const Json& schema, const std::string& place) const {
    std::vector<std::string> names;
    if (!schema.contains("required")) return names;
    if (!schema["required"].is_array()) fail("required must be a list of names", place);
    for (const Json& name : schema["required"]) {
      if (!name.is_string()) fail("required must be a list of names", place);
      names.push_back(name.get<std::string>());
    }
    return names;
  }

  // The members in order, those that are not required or not: two rules a member, for it as the first one
  // written and behind others. `other`: further members, as often as wanted.
  std::string chain(const std::vector<Member>& members, const std::string& other, const std::string& place) {
    const std::string ws = part("ws"), comma = R"("," )" + ws + " ";
    std::string first = R"("")", behind = ws;
    if (!other.empty()) {
      behind = add_rule(place + "/more", "(" + comma + other + ")* " + ws);
      first = add_rule(place + "/any", "(" + other + " " + behind + ")?");
    }
    for (std::size_t i = members.size(); i-- > 0;) {
      const Member& member = members[i];
      const std::string at = place + "/" + std::to_string(i);
      const std::string begins = member.text + " " + behind + (member.required ? "" : " | " + first);
      const std::string follows =
          comma + member.text + " " + behind + (member.required ? "" : " | " + behind);
      first = add_rule(at + "/first", begins);
      if (i > 0) behind = add_rule(at + "/next", follows);
    }
    return first;
  }

  std::string any_of(const Json& list, const std::string& place, int depth) {
    if (!list.is_array() || list.empty()) fail("must be a list of schemas", place);
    std::vector<std::string> ways;
    for (std::size_t i = 0; i < list.size(); ++i)
      ways.push_back(rule_of(list[i], place + "/" + std::to_string(i), depth + 1));
    return join(ways, " | ");
  }

  std::string given_values(const Json& schema, const std::string& key, const std::vector<std::string>& keys,
                           const std::string& place) const {
    for (const auto& other : keys)
      if (other != key && other != "type")
        fail("keyword \"" + other + "\" is not supported beside \"" + key + "\"", place);
    const Json list = key == "const" ? Json::array({schema[key]}) : schema[key];
    if (!list.is_array() || list.empty()) fail("enum must be a list of values", place);
    const std::vector<std::string> types = types_of(schema, {}, place);
    std::vector<std::string> ways;
    for (const Json& value : list) {
      if (!types.empty() &&
          std::none_of(types.begin(), types.end(), [&](const auto& t) { return is_a(value, t); }))
        fail(printable(value.dump()) + " is not of the type beside it", place);
      ways.push_back(gbnf_literal(value.dump()));
    }
    return join(ways, " | ");
  }

  static bool is_a(const Json& value, const std::string& type) {
    if (type == "integer") return value.is_number_integer();
    if (type == "number") return value.is_number();
    if (type == "null") return value.is_null();
    if (type == "boolean") return value.is_boolean();
    if (type == "string") return value.is_string();
    return type == "array" ? value.is_array() : value.is_object();
  }

  // One rule for each place that is referred to, so that schemas may hold themselves.
  std::string reference(const Json& ref, const std::string& place, int depth) {
    const std::string to = ref.is_string() ? ref.get<std::string>() : "";
    if (to != "#" && !to.starts_with("#/"))
      fail("$ref " + printable(ref.dump()) + " is no place in this schema", place, "give \"#/$defs/NAME\"");
    if (const auto known = references_.find(to); known != references_.end()) return known->second;
    Json::json_pointer pointer;
    try {
      pointer = Json::json_pointer(to.substr(1));
    } catch (const Json::exception&) {
      fail("$ref " + printable(to) + " is no place in this schema", place);
    }
    if (!root_.contains(pointer)) fail("$ref " + printable(to) + " names nothing", place);
    const std::string name = references_[to] = fresh_name(to + "/ref");
    const std::string body = rule_of(root_.at(pointer), to, depth + 1);
    rules_.emplace_back(name, body);
    return name;
  }

  const Json& root_;
  const std::string& where_;
  KeyRules rules_;
  std::set<std::string> parts_;
  std::map<std::string, int> names_;
  std::map<std::string, std::string> references_;
};

}  // namespace

std::string gbnf_of_json_schema(std::string_view schema, const std::string& where) {
  const Json parsed = parse_schema(schema, where);
  return Compiler(parsed, where).text();
}

Grammar grammar_of_json_schema(std::string_view schema, const std::string& where) {
  return Grammar::parse(gbnf_of_json_schema(schema, where), where);
}

}  // namespace af2
