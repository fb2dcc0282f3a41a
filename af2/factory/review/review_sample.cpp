// Draws the items of a review (docs/spec/data.md section 9).
#include <algorithm>
#include <cmath>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/json.h"
#include "af2/core/options.h"
#include "af2/core/random.h"
#include "af2/core/text_util.h"
#include "af2/factory/review/review.h"
#include "af2/factory/set_files.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

using Pools = std::map<std::string, std::vector<const Item*>>;  // by category, each by id

std::string names_of(const Pools& pools) {
  std::string text;
  for (const auto& [name, items] : pools)
    text += (text.empty() ? "" : ", ") + name + " (" + std::to_string(items.size()) + ")";
  return text;
}

std::map<std::string, std::size_t> given_quotas(const ReviewSettings& settings, const Pools& pools) {
  std::map<std::string, std::size_t> wanted;
  for (const std::string& quota : settings.quotas) {
    const std::size_t equals = quota.rfind('=');
    const std::string name = trim(quota.substr(0, equals)),
                      count = equals == std::string::npos ? "" : trim(quota.substr(equals + 1));
    if (name.empty() || count.empty() || count.size() > 9 ||
        count.find_first_not_of("0123456789") != std::string::npos)
      throw user_error("is `" + quota + "`", "quota of the review", "write it as temporal=50");
    if (!wanted.emplace(name, std::stoul(count)).second)
      throw user_error("is given twice: " + name, "quota of the review");
    const auto pool = pools.find(name);
    const std::size_t there = pool == pools.end() ? 0 : pool->second.size();
    if (there < wanted[name])
      throw user_error("cannot be met: " + name + " has " + std::to_string(there) + " test items, " + count +
                           " are wanted",
                       "quota of the review", "there are " + names_of(pools));
  }
  return wanted;
}

// By largest remainders; ties go to the earlier name.
std::map<std::string, std::size_t> proportional(std::size_t n, const Pools& pools, std::size_t total) {
  std::map<std::string, std::size_t> wanted;
  std::vector<std::pair<double, std::string>> rests;
  std::size_t given = 0;
  for (const auto& [name, items] : pools) {
    const double share =
        static_cast<double>(n) * static_cast<double>(items.size()) / static_cast<double>(total);
    given += wanted[name] = static_cast<std::size_t>(share);
    rests.emplace_back(std::floor(share) - share, name);
  }
  std::sort(rests.begin(), rests.end());
  for (std::size_t i = 0; given < n; ++i, ++given) ++wanted[rests[i].second];
  return wanted;
}

}  // namespace

std::vector<Item> draw_sample(const std::vector<Item>& items, const ReviewSettings& settings) {
  if (settings.by != "skill" && settings.by != "type")
    throw user_error("is `" + settings.by + "`", "by of the review", "give skill or type");
  if (!(settings.check_share >= 0 && settings.check_share <= 1))
    throw user_error("must lie between 0 and 1", "check_share of the review");
  Pools pools;
  std::size_t total = 0;
  for (const Item& item : items) {
    if (item.split != "test") continue;
    pools[settings.by == "skill" ? item.skill.str() : item.skill + "." + item.type].push_back(&item);
    ++total;
  }
  if (total == 0)
    throw data_error("has no test items among " + std::to_string(items.size()), "set of the review",
                     "a benchmark is drawn from groups of the test split alone");
  std::map<std::string, std::size_t> wanted;
  if (!settings.quotas.empty()) {
    wanted = given_quotas(settings, pools);
  } else {
    if (settings.n < 1) throw user_error("must be at least 1", "n of the review", "or give quotas");
    if (static_cast<std::size_t>(settings.n) > total)
      throw user_error("cannot be met: the set has " + std::to_string(total) + " test items, " +
                           std::to_string(settings.n) + " are wanted",
                       "n of the review", "there are " + names_of(pools));
    wanted = proportional(static_cast<std::size_t>(settings.n), pools, total);
  }
  std::vector<Item> drawn;
  for (auto& [name, pool] : pools) {
    std::sort(pool.begin(), pool.end(), [](const Item* a, const Item* b) { return a->id < b->id; });
    Random rng("af2/factory/review/sample/1/" + std::to_string(settings.seed) + "/" + name);
    rng.shuffle(pool);
    const auto count = wanted.find(name);
    for (std::size_t i = 0; count != wanted.end() && i < count->second; ++i) drawn.push_back(*pool[i]);
  }
  if (drawn.empty()) throw user_error("ask for nothing", "quotas of the review");
  std::sort(drawn.begin(), drawn.end(), [](const Item& a, const Item& b) { return a.id < b.id; });
  return drawn;
}

void sample_review(const fs::path& set_path, const fs::path& folder, ReviewSettings settings,
                   bool copy_sounds) {
  if (fs::exists(folder / "review.json"))
    throw user_error("holds a review", folder.string(), "name another folder, or remove this one");
  const ItemSet set = read_item_set(set_path);
  const std::vector<Item> drawn = draw_sample(set.items, settings);
  settings.n = static_cast<std::int64_t>(drawn.size());
  std::set<std::string> wanted, sounds;
  for (const Item& item : drawn) wanted.insert(item.record), sounds.insert(item.audio);
  std::vector<Record> records;
  for (const Record& record : set.records)
    if (wanted.contains(record.id)) records.push_back(record);

  fs::create_directories(folder);
  std::string lines;
  for (const std::string& audio : sounds) {
    const fs::path file = set.folder / audio;
    if (!fs::is_regular_file(file))
      throw data_error("is missing", file.string(), "the clips of a set lie in its folder");
    if (copy_sounds) {
      if (fs::path(audio).is_absolute() || fs::path(audio).lexically_normal().string().starts_with(".."))
        throw data_error("lies outside the set", audio, "copy such a set's clips into its folder first");
      fs::create_directories((folder / audio).parent_path());
      fs::copy_file(file, folder / audio, fs::copy_options::overwrite_existing);
    }
    lines += Json{{"audio", audio}, {"sha256", sha256_file(file)}}.dump() + "\n";
  }
  settings.set = copy_sounds ? "."
                             : fs::absolute(set.folder)
                                   .lexically_normal()
                                   .lexically_proximate(fs::absolute(folder).lexically_normal())
                                   .generic_string();
  write_item_set(folder, drawn, records);
  write_file_atomic(folder / "sounds.jsonl", lines);
  // Last: a folder with it is whole.
  write_file_atomic(folder / "review.json", to_json(settings).dump(1) + "\n");
}

}  // namespace af2
