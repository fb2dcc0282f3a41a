#include "af2/train/kept_checkpoints.h"

#include <algorithm>
#include <map>
#include <string>

#include "af2/core/text_util.h"
#include "af2/io/checkpoint.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

// Whether it is one of every `keep_every` checkpoints that were due.
bool stays(std::int64_t step, const TrainOptions& options, const std::vector<std::int64_t>& marks) {
  if (options.keep_every == 0) return false;
  if (options.save_every > 0)
    return step % (static_cast<std::int64_t>(options.save_every) * options.keep_every) == 0;
  const auto mark = std::lower_bound(marks.begin(), marks.end(), step);
  return mark != marks.end() && *mark == step && (mark - marks.begin() + 1) % options.keep_every == 0;
}

}  // namespace

void remove_old_checkpoints(const fs::path& run, const TrainOptions& options,
                            const std::vector<std::int64_t>& marks, std::int64_t best) {
  std::map<std::int64_t, fs::path> complete;
  for (const auto& entry : fs::directory_iterator(run)) {
    const std::string name = entry.path().filename().string();
    if (starts_with(name, "step-") && is_complete(entry.path()))
      complete[std::stoll(name.substr(5))] = entry.path();
  }
  while (complete.size() > static_cast<std::size_t>(options.keep)) {
    const auto [step, checkpoint] = *complete.begin();
    complete.erase(complete.begin());
    if (step == best || stays(step, options, marks)) continue;
    fs::remove(checkpoint / "DONE");  // never a half-removed folder that looks whole
    fs::remove_all(checkpoint);
  }
}

}  // namespace af2
