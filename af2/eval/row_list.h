// Where the rows of a JSON file stand, and where a value stands in a row: `QA[*]`, `conversation[0].value`.
//
// Thread rule: plain values.
//
//   const RowList list = RowList::parse("[*].turns[*]", "compa.yaml key data.list");
//   list.each(json, {.parent = {"clip"}}, [&](Json&& row, const std::string& place) { ... });
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

struct RowListOptions {
  std::string key_as;               // field that takes the key of `{*}`
  std::vector<std::string> parent;  // fields of the objects around a row that the row takes
};

class RowList {
 public:
  // Steps of `KEY[*]` (the values of a list) and `KEY{*}` (those of an object), parted by dots; KEY may be
  // missing. Throws kUser naming `where`.
  static RowList parse(const std::string& text, const std::string& where);

  // Gives each row, which is always an object, with its place in the file ("[3].turns[0]"). Throws kData
  // naming `where`: something else stands there.
  void each(const Json& json, const RowListOptions& options, const std::string& where,
            const std::function<void(Json&& row, const std::string& place)>& give) const;

 private:
  struct Step {
    std::string key;
    bool object = false;
  };
  std::vector<Step> steps_;
};

// The value of a column or path in a row: the column of that very name, else names, [index] and [*] (a list
// of all) parted by dots. Null where there is none.
Json value_at(const Json& row, const std::string& path);

// A value as text: texts as they are, numbers and flags as JSON has them, nothing for null, JSON for the
// rest.
std::string value_text(const Json& value);

// A list as Python prints it (quotes of both kinds, escapes, numbers, None, True, False, lists in lists,
// tuples). Throws kData naming `where` and the column of the fault.
Json parse_python_list(const std::string& text, const std::string& where);

}  // namespace af2
