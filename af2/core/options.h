// Options structs, described once.
//
// A struct lists its fields in one `visit`; from that list come the config file reader (strict: an unknown
// key is refused with the nearest known one), the saved record of a run, the flags of the program and their
// help. Two hand-kept lists drift.
// Thread rule: plain values.
//
//   struct WindowOptions {
//     double seconds = 10;
//     template <class V> void visit(V& v) { v.field("seconds", seconds, "length of a window"); }
//   };
//   WindowOptions options;  from_json(config, options, "recipe.yaml");  Json record = to_json(options);
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/shared_text.h"
#include "af2/core/text_util.h"

namespace af2 {

// Accepts any field: only used to recognise structs that have `visit`.
struct AnyVisitor {
  template <class T>
  void field(const char*, T&, const char*) {}
};

namespace detail {

template <class T>
struct IsVector : std::false_type {};
template <class T>
struct IsVector<std::vector<T>> : std::true_type {};

template <class T>
struct IsOptional : std::false_type {};
template <class T>
struct IsOptional<std::optional<T>> : std::true_type {};

template <class T>
concept HasVisit = requires(T& value, AnyVisitor& v) {
  value.visit(v);
};

// A struct that may also be written shortly, as a number: long_form() makes a table of what is none.
template <class T>
concept HasShortForm = requires(const Json& json) {
  T::long_form(json);
};

class KeyCollector {
 public:
  template <class T>
  void field(const char* name, T&, const char*) {
    keys.push_back(name);
  }
  std::vector<std::string> keys;
};

}  // namespace detail

template <class T>
Json to_json(T& options);
template <class T>
void from_json(const Json& json, T& options, const std::string& where);

namespace detail {

template <class T>
Json value_to_json(T& value) {
  if constexpr (HasVisit<T>) {
    return to_json(value);
  } else if constexpr (IsVector<T>::value) {
    Json list = Json::array();
    for (auto& item : value) list.push_back(value_to_json(item));
    return list;
  } else if constexpr (IsOptional<T>::value) {
    return value ? value_to_json(*value) : Json(nullptr);
  } else {
    return value;
  }
}

template <class T>
const char* type_word() {
  if constexpr (std::is_same_v<T, bool>) return "true or false";
  if constexpr (std::is_integral_v<T>) return "a whole number";
  if constexpr (std::is_floating_point_v<T>) return "a number";
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, SharedText>) return "a text";
  return "a list";
}

template <class T>
bool type_fits(const Json& json) {
  if constexpr (std::is_same_v<T, bool>) return json.is_boolean();
  if constexpr (std::is_integral_v<T>) return json.is_number_integer();
  if constexpr (std::is_floating_point_v<T>) return json.is_number();
  if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, SharedText>) return json.is_string();
  return json.is_array();
}

template <class T>
void value_from_json(const Json& json, T& value, const std::string& where) {
  if constexpr (HasShortForm<T>) {
    from_json(T::long_form(json), value, where);
  } else if constexpr (HasVisit<T>) {
    from_json(json, value, where);
  } else if constexpr (std::is_same_v<T, Json>) {
    value = json;  // any value
  } else if constexpr (IsOptional<T>::value) {
    value.reset();
    if (!json.is_null()) value_from_json(json, value.emplace(), where);
  } else if (!type_fits<T>(json)) {
    throw user_error(std::string("must be ") + type_word<T>() + ", not " + json.dump(), where);
  } else if constexpr (IsVector<T>::value) {
    value.assign(json.size(), {});
    for (std::size_t i = 0; i < json.size(); ++i)
      value_from_json(json[i], value[i], where + "[" + std::to_string(i) + "]");
  } else {
    value = json.get<T>();
  }
}

class Writer {
 public:
  template <class T>
  void field(const char* name, T& value, const char*) {
    out[name] = value_to_json(value);
  }
  Json out = Json::object();
};

class Reader {
 public:
  Reader(const Json& json, const std::string& where) : json_(json), where_(where) {}
  template <class T>
  void field(const char* name, T& value, const char*) {
    if (json_.contains(name)) value_from_json(json_.at(name), value, where_ + " key " + name);
  }

 private:
  const Json& json_;
  const std::string& where_;
};

}  // namespace detail

// Every field, in the order of `visit`.
template <class T>
Json to_json(T& options) {
  detail::Writer writer;
  options.visit(writer);
  return std::move(writer.out);
}

// Sets the fields that `json` names. Throws kUser for an unknown key or a value of the wrong type, naming
// `where` and the key.
template <class T>
void from_json(const Json& json, T& options, const std::string& where) {
  if (!json.is_object()) throw user_error("must be a table of keys and values", where);
  detail::KeyCollector known;
  options.visit(known);
  for (const auto& [key, value] : json.items())
    if (std::find(known.keys.begin(), known.keys.end(), key) == known.keys.end())
      throw user_error("unknown key \"" + key + "\"", where,
                       "did you mean \"" + nearest_word(key, known.keys) + "\"?");
  detail::Reader reader(json, where);
  options.visit(reader);
}

}  // namespace af2
