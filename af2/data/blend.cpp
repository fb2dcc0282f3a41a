#include "af2/data/blend.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <set>

#include "af2/core/error.h"
#include "af2/core/random.h"

namespace af2 {
namespace {

constexpr std::int64_t kMicro = 1'000'000;
__extension__ using Wide = __int128;  // N x passes x slices does not fit in 64 bits

void check_blend(const std::vector<BlendSet>& sets, const BlendOptions& options) {
  if (options.slices < 1) throw user_error("must be at least 1", "slices");
  for (std::size_t i = 0; i < options.edges.size(); ++i)
    if (options.edges[i] < 1 || (i > 0 && options.edges[i] <= options.edges[i - 1]))
      throw user_error("must be numbers of windows above 0 that ascend", "bucket edges");
  std::set<std::string> names;
  for (const BlendSet& set : sets) {
    if (!names.insert(set.name).second) throw user_error("is named twice", "set " + set.name);
    if (set.passes_micro <= 0) throw user_error("has a weight that is not above 0", "set " + set.name);
    if (set.windows.empty()) throw user_error("has no items", "set " + set.name);
    if (*std::min_element(set.windows.begin(), set.windows.end()) < 1)
      throw internal_error("an item without a window", "set " + set.name);
  }
  if (sets.empty()) throw user_error("names no sets", "blend");
}

std::size_t bucket_of(std::int32_t windows, const std::vector<std::int32_t>& edges) {
  return static_cast<std::size_t>(std::lower_bound(edges.begin(), edges.end(), windows) - edges.begin());
}

// Positions of N items taken in w passes before slice e of K: floor(e N w / K).
std::int64_t taken_before(std::int64_t slice, std::int64_t items, std::int64_t micro, std::int64_t slices) {
  const Wide product = static_cast<Wide>(items) * micro;
  return static_cast<std::int64_t>(product * slice / (static_cast<Wide>(slices) * kMicro));
}

}  // namespace

std::int64_t passes_micro(double passes, const std::string& where) {
  if (!std::isfinite(passes) || passes <= 0) throw user_error("must be above 0", where);
  const double scaled = passes * kMicro;
  const double whole = std::round(scaled);
  if (whole < 1 || std::abs(scaled - whole) > 1e-3 || whole > 9e15)
    throw user_error("is no number of passes in millionths", where,
                     "give at most six digits after the point");
  return static_cast<std::int64_t>(whole);
}

Blend::Blend(std::vector<BlendSet> sets, BlendOptions options)
    : sets_(std::move(sets)), options_(std::move(options)) {
  check_blend(sets_, options_);
  for (const BlendSet& set : sets_) {
    auto& parts = buckets_.emplace_back(buckets());
    for (std::size_t i = 0; i < set.windows.size(); ++i)
      parts[bucket_of(set.windows[i], options_.edges)].items.push_back(static_cast<std::uint32_t>(i));
  }
}

std::int64_t Blend::position(std::size_t set, std::size_t bucket, std::int64_t slice) const {
  const auto n = static_cast<std::int64_t>(buckets_[set][bucket].items.size());
  return taken_before(slice, n, sets_[set].passes_micro, options_.slices);
}

std::int64_t Blend::count(std::size_t set, std::size_t bucket, std::int64_t slice) const {
  return position(set, bucket, slice + 1) - position(set, bucket, slice);
}

std::int64_t Blend::count(std::int64_t slice) const {
  std::int64_t n = 0;
  for (std::size_t s = 0; s < sets_.size(); ++s)
    for (std::size_t b = 0; b < buckets(); ++b) n += count(s, b, slice);
  return n;
}

std::int64_t Blend::total() const {
  std::int64_t n = 0;
  for (std::size_t s = 0; s < sets_.size(); ++s)
    for (std::size_t b = 0; b < buckets(); ++b) n += position(s, b, options_.slices);
  return n;
}

std::vector<BlendItem> Blend::slice(std::int64_t slice) const {
  if (slice < 0 || slice >= options_.slices) throw internal_error("no such slice", std::to_string(slice));
  std::vector<BlendItem> items;
  const std::string seed = std::to_string(options_.seed);
  const std::lock_guard lock(mutex_);
  for (std::size_t s = 0; s < sets_.size(); ++s)
    for (std::size_t b = 0; b < buckets(); ++b) {
      Bucket& bucket = buckets_[s][b];
      const auto n = static_cast<std::int64_t>(bucket.items.size());
      const std::int64_t end = position(s, b, slice + 1);
      for (std::int64_t p = position(s, b, slice); p < end; ++p) {
        const std::int64_t pass = p / n;
        if (bucket.pass != pass) {
          bucket.order = bucket.items;
          Random("af2/perm/1/" + seed + "/" + sets_[s].name + "/" + std::to_string(b) + "/" +
                 std::to_string(pass))
              .shuffle(bucket.order);
          bucket.pass = pass;
        }
        const std::uint32_t item = bucket.order[static_cast<std::size_t>(p % n)];
        items.push_back({static_cast<std::uint32_t>(s), item, static_cast<std::int32_t>(b),
                         sets_[s].windows[item], pass});
      }
    }
  Random("af2/slice/1/" + seed + "/" + std::to_string(slice)).shuffle(items);
  return items;
}

Json Blend::plan() const {
  Json sets = Json::array();
  for (std::size_t s = 0; s < sets_.size(); ++s) {
    Json parts = Json::array();
    std::int64_t taken = 0;
    for (std::size_t b = 0; b < buckets(); ++b) {
      const std::int64_t of_bucket = position(s, b, options_.slices);
      taken += of_bucket;
      if (buckets_[s][b].items.empty()) continue;
      parts.push_back({{"up_to", b < options_.edges.size() ? Json(options_.edges[b]) : Json()},
                       {"items", buckets_[s][b].items.size()},
                       {"taken", of_bucket}});
    }
    sets.push_back({{"name", sets_[s].name},
                    {"items", sets_[s].windows.size()},
                    {"passes", static_cast<double>(sets_[s].passes_micro) / kMicro},
                    {"taken", taken},
                    {"buckets", parts}});
  }
  return {{"slices", options_.slices},
          {"seed", options_.seed},
          {"edges", options_.edges},
          {"total", total()},
          {"sets", sets}};
}

}  // namespace af2
