#include "af2/factory/item.h"

#include <algorithm>
#include <array>

#include "af2/core/error.h"
#include "af2/core/options.h"
#include "af2/core/text_util.h"
#include "af2/text/prompt.h"

namespace af2 {

std::string prompt_of(const Item& item) {
  return item.options.empty() ? item.question : with_choices(item.question, item.options);
}

std::string output_of(const Item& item) {
  if (item.options.empty()) return item.answer;
  return std::string("(") + static_cast<char>('A' + item.answer_index) + ") " +
         item.options.at(static_cast<std::size_t>(item.answer_index));
}

std::string item_line(const Item& item) {
  Item copy = item;
  const Json all = to_json(copy);
  Json json = Json::object();
  for (const auto& [key, value] : all.items()) {
    const bool nothing = ((value.is_array() || value.is_object()) && value.empty()) ||
                         (value.is_string() && value.get_ref<const std::string&>().empty()) ||
                         value == false || (key == "start" && value == 0.0) ||
                         (key == "answer_index" && value == -1);
    if (!nothing) json[key] = value;
  }
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

Item item_from_json(const Json& json, const std::string& where) {
  Item item;
  try {
    from_json(json, item, where);
  } catch (const Error& error) {
    throw data_error(error.problem(), error.where(), error.hint());
  }
  const std::array<std::pair<const char*, const std::string*>, 3> needed = {
      {{"id", &item.id}, {"question", &item.question}, {"answer", &item.answer}}};
  for (const auto& [key, text] : needed)
    if (trim(*text).empty()) throw data_error("is missing", where + " key " + key);
  if (item.options.size() == 1) throw data_error("has one option", where + " key options");
  if (!item.options.empty() &&
      (item.answer_index < 0 || item.answer_index >= static_cast<int>(item.options.size())))
    throw data_error("is none of the " + std::to_string(item.options.size()) + " options",
                     where + " key answer_index");
  return item;
}

}  // namespace af2
