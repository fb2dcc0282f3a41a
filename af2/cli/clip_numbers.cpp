#include "af2/cli/clip_numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>
#include <optional>
#include <set>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::optional<std::int64_t> number_of(std::string_view text) {
  std::int64_t number = -1;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (text.empty() || problem != std::errc() || end != text.data() + text.size() || number < 0)
    return std::nullopt;
  return number;
}

}  // namespace

std::vector<std::int64_t> clip_numbers(const std::string& list_or_file, const fs::path& folder) {
  std::set<std::int64_t> numbers;
  if (!fs::is_regular_file(list_or_file)) {
    for (const std::string& part : split(list_or_file, ',')) {
      const auto number = number_of(trim(part));
      if (!number)
        throw user_error("is neither a file nor a list of numbers: " + list_or_file, "--sound-of",
                         "name items.jsonl of a set, or clips as 12,699");
      numbers.insert(*number);
    }
    return {numbers.begin(), numbers.end()};
  }
  const std::string prefix = fs::absolute(folder).lexically_normal().filename().string() + "-";
  std::ifstream lines(list_or_file);
  std::string line;
  for (int i = 1; std::getline(lines, line); ++i) {
    if (trim(line).empty()) continue;
    const std::string where = fmt::format("{} line {}", list_or_file, i);
    const Json item = parse_json(line, where);
    if (!item.is_object() || !item.contains("record") || !item["record"].is_string())
      throw data_error("names no record", where, "items.jsonl of a set is asked for");
    std::string record = item["record"];
    if (starts_with(record, prefix)) record.erase(0, prefix.size());
    if (const auto number = number_of(record)) numbers.insert(*number);
  }
  return {numbers.begin(), numbers.end()};
}

}  // namespace af2
