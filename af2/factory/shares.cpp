#include "af2/factory/shares.h"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <numeric>

#include "af2/core/error.h"
#include "af2/core/json.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr const char* kLong = "long.";

// The category that has two names (data.md section 3).
std::string one_name(const std::string& key) {
  return key == "complex" || key == "long.complex" ? "long.needle" : key;
}

}  // namespace

// The one place that has these numbers beside the specification; a test holds the two together.
const std::vector<ShareTable>& share_tables() {
  static const std::vector<ShareTable> tables = {{"audioskills",
                                                  {{"temporal", 188799},
                                                   {"attribute", 201455},
                                                   {"counting", 50493},
                                                   {"contextual_sound", 982847},
                                                   {"contextual_speech", 1272782},
                                                   {"information", 858639},
                                                   {"general", 704040}}},
                                                 {"longaudio",
                                                  {{"long.captioning", 67498},
                                                   {"long.plot", 61511},
                                                   {"long.needle", 50315},
                                                   {"long.subscene", 7908},
                                                   {"long.temporal", 66836},
                                                   {"long.general", 8860}}},
                                                 {"longaudiobench",
                                                  {{"long.captioning", 917},
                                                   {"long.plot", 237},
                                                   {"long.needle", 361},
                                                   {"long.subscene", 176},
                                                   {"long.temporal", 253},
                                                   {"long.general", 485}}}};
  return tables;
}

std::vector<double> ShareTable::weights() const {
  std::vector<double> list;
  for (const auto& [skill, weight] : rows) list.push_back(weight);
  return list;
}

int ShareTable::row_of_skill(const std::string& key) const {
  const std::string wanted = one_name(key);
  for (std::size_t i = 0; i < rows.size(); ++i)
    if (one_name(rows[i].first) == wanted) return static_cast<int>(i);
  return -1;
}

int ShareTable::row_of_task(const std::string& task) const {
  std::vector<std::string> keys = {task, kLong + task};
  if (const std::size_t dash = task.rfind('-'); dash != std::string::npos) {
    keys.push_back(task.substr(dash + 1));
    keys.push_back(kLong + keys.back());
  }
  for (const std::string& key : keys)
    if (const int row = row_of_skill(key); row >= 0) return row;
  return -1;
}

ShareTable read_shares(const std::string& name_or_file) {
  std::vector<std::string> names;
  for (const ShareTable& table : share_tables()) {
    if (table.name == name_or_file) return table;
    names.push_back(table.name);
  }
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(name_or_file, ignored))
    throw user_error("is neither a file nor " + join(names, ", "), "--shares " + name_or_file,
                     "did you mean " + nearest_word(name_or_file, names) + "?");
  const Json json = read_config_file(name_or_file);
  if (!json.is_object() || json.empty())
    throw user_error("has no skills with their weights", name_or_file, "as in `temporal: 2`, one a line");
  ShareTable table{name_or_file, {}};
  for (const auto& [skill, weight] : json.items()) {
    const double value = weight.is_number() ? weight.get<double>() : 0;
    if (!(value > 0) || !std::isfinite(value))
      throw user_error("must be a number above 0, not " + weight.dump(), name_or_file + " key " + skill,
                       "leave out what shall not be there");
    table.rows.emplace_back(skill, value);
  }
  return table;
}

std::vector<std::int64_t> apportion(std::int64_t n, const std::vector<double>& weights) {
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  if (!(sum > 0)) throw internal_error("weights have no sum");
  std::vector<std::int64_t> parts;
  std::vector<std::pair<double, std::size_t>> rests;
  std::int64_t given = 0;
  for (std::size_t i = 0; i < weights.size(); ++i) {
    const double exact = static_cast<double>(n) * weights[i] / sum;
    parts.push_back(static_cast<std::int64_t>(std::floor(exact)));
    given += parts.back();
    if (weights[i] > 0) rests.emplace_back(std::floor(exact) - exact, i);
  }
  std::sort(rests.begin(), rests.end());
  for (std::size_t k = 0; given < n; k = (k + 1) % rests.size()) ++parts[rests[k].second], ++given;
  // Rounding of a product just below a whole number may have given one too many.
  for (std::size_t k = rests.size(); given > n;)
    if (auto& part = parts[rests[k = (k == 0 ? rests.size() : k) - 1].second]; part > 0) --part, --given;
  return parts;
}

}  // namespace af2
