#include "af2/data/job_folder.h"

#include <algorithm>
#include <string>
#include <vector>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

void changed_keys(const Json& before, const Json& now, const std::string& prefix,
                  std::vector<std::string>& keys) {
  for (const auto& [key, value] : now.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    if (!before.contains(key))
      keys.push_back(name);
    else if (value.is_object() && before[key].is_object())
      changed_keys(before[key], value, name, keys);
    else if (before[key] != value)
      keys.push_back(name + " (" + before[key].dump() + " -> " + value.dump() + ")");
  }
  for (const auto& [key, value] : before.items())
    if (!now.contains(key)) keys.push_back((prefix.empty() ? key : prefix + "." + key) + " (no longer)");
}

// "000020.wav.tmp21886": files are written beside their place and renamed.
bool is_half_written(const fs::path& path) {
  const std::string ending = path.extension().string();
  return starts_with(ending, ".tmp") &&
         std::all_of(ending.begin() + 4, ending.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void remove_half_written(const fs::path& folder) {
  std::vector<fs::path> left;
  for (const auto& entry : fs::recursive_directory_iterator(folder))
    if (entry.is_regular_file() && is_half_written(entry.path())) left.push_back(entry.path());
  for (const fs::path& path : left) fs::remove(path);
}

}  // namespace

void open_job_folder(const fs::path& out, const Json& config) {
  fs::create_directories(out);
  const fs::path file = out / "config.json";
  if (!fs::exists(file)) {
    remove_half_written(out);
    return write_file_atomic(file, config.dump(2) + "\n");
  }
  std::vector<std::string> keys;
  changed_keys(parse_json(read_file(file), file.string()), config, "", keys);
  if (!keys.empty())
    throw user_error("was begun with other settings: " + join(keys, ", "), out.string(),
                     "take the changes back, or name another folder");
  remove_half_written(out);
}

void reopen_job_folder(const fs::path& out, Json config, const std::vector<std::string>& free) {
  const fs::path file = out / "config.json";
  if (!fs::exists(file))
    throw user_error("is no folder of a job", out.string(), "make it first, as with --labels-only");
  const Json before = parse_json(read_file(file), file.string());
  for (const std::string& key : free) {
    config.erase(key);
    if (before.contains(key)) config[key] = before[key];
  }
  open_job_folder(out, config);
}

}  // namespace af2
