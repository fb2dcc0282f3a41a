#include "af2/train/recipe_changes.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// Keys whose values differ, "a.b (old -> new)". Where a run may change without becoming another run
// (threads, intervals), differences are allowed.
void list_changes(const Json& before, const Json& now, const std::string& prefix,
                  const std::vector<std::string>& allowed, std::vector<std::string>& changes) {
  static const std::vector<std::string> free_keys = {
      "threads",        "workers",         "save_every", "save_minutes",
      "keep",           "keep_every",      "val_every",  "val_items",
      "bank",           "steps",           "stop_after", "divergence",
      "rank_timeout_s", "shard_optimizer", "plan",       "stage.val_samples",
      "stage.max_bad",  "stage.on_bad"};
  for (const auto& [key, value] : now.items()) {
    const std::string name = prefix.empty() ? key : prefix + "." + key;
    const auto is_in = [&](const std::vector<std::string>& keys) {
      return std::find(keys.begin(), keys.end(), name) != keys.end();
    };
    if (is_in(free_keys) || is_in(allowed)) continue;
    if (!before.contains(key))
      changes.push_back(name + " (new)");
    else if (value.is_object() && before[key].is_object())
      list_changes(before[key], value, name, allowed, changes);
    else if (before[key] != value)
      changes.push_back(name + " (" + before[key].dump() + " -> " + value.dump() + ")");
  }
}

}  // namespace

void refuse_changes(const fs::path& folder, const Json& recipe, const std::vector<std::string>& allowed) {
  const fs::path file = folder / "config.json";
  std::vector<std::string> changes;
  list_changes(parse_json(read_file(file), file.string()), recipe, "", allowed, changes);
  if (!changes.empty())
    throw user_error("recipe changed since the run began: " + join(changes, ", "), folder.string(),
                     "take the changes back, start another run, or name them with --allow-change");
}

}  // namespace af2
