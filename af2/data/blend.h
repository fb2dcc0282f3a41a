// Which item of which set is trained on when: sets blended by passes, in slices, the same on every machine
// (docs/spec/training.md section 3).
//
// A run has K slices. Set d with N items and w passes takes positions floor(e N w / K) up to
// floor((e + 1) N w / K) in slice e, bucket of length by bucket of length; position p is element p mod N of
// the permutation of pass p div N. So a whole w uses every item exactly w times, and any w uses each of them
// floor(w) or ceil(w) times. Every draw has a name: nothing depends on workers or ranks. Not which items
// share a batch (length_batches.h). Thread rule: any thread may ask for slices.
//
//   Blend blend({{"clotho", passes_micro(1.5), windows}}, {.seed = 42, .slices = 200});
//   for (const BlendItem& one : blend.slice(0)) use(one.set, one.item, one.pass);
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// One of the inputs of a blend.
struct BlendSet {
  std::string name;                   // names its draws: must be its own
  std::int64_t passes_micro = 0;      // passes over it in the run, in millionths
  std::vector<std::int32_t> windows;  // [items] of each, at least 1 and capped at the model's
};

struct BlendOptions {
  std::uint64_t seed = 42;
  std::int64_t slices = 200;
  // Upper edges of the buckets, in windows, ascending; longer items are in one more bucket.
  std::vector<std::int32_t> edges = {1, 2, 3, 6, 9, 12, 18, 30};
};

struct BlendItem {
  std::uint32_t set = 0, item = 0;
  std::int32_t bucket = 0, windows = 0;
  std::int64_t pass = 0;  // how often the item was taken before: names its draws
  bool operator==(const BlendItem&) const = default;
};

// 1.5 -> 1500000. Throws kUser naming `where` for what is not above 0, not finite, or finer than a millionth.
std::int64_t passes_micro(double passes, const std::string& where);

class Blend {
 public:
  // Throws kUser naming the set: twice the same name, no passes, no items; and for slices below 1, edges that
  // do not ascend.
  Blend(std::vector<BlendSet> sets, BlendOptions options);

  const std::vector<BlendSet>& sets() const { return sets_; }
  const BlendOptions& options() const { return options_; }
  std::int64_t slices() const { return options_.slices; }
  std::size_t buckets() const { return options_.edges.size() + 1; }

  // Items of slice e (0-based) of one set and bucket, and of all.
  std::int64_t count(std::size_t set, std::size_t bucket, std::int64_t slice) const;
  std::int64_t count(std::int64_t slice) const;
  std::int64_t total() const;
  // In the order in which the slice is trained on, before it is batched.
  std::vector<BlendItem> slice(std::int64_t slice) const;
  // {slices, seed, edges, total, sets: [{name, items, passes, taken, buckets: [{up_to, items, taken}]}]};
  // what a run prints and keeps before it begins.
  Json plan() const;

 private:
  struct Bucket {
    std::vector<std::uint32_t> items;  // of the set, ascending
    std::int64_t pass = -1;            // whose permutation is kept
    std::vector<std::uint32_t> order;
  };
  std::int64_t position(std::size_t set, std::size_t bucket, std::int64_t slice) const;

  std::vector<BlendSet> sets_;
  BlendOptions options_;
  mutable std::mutex mutex_;
  mutable std::vector<std::vector<Bucket>> buckets_;  // [sets][buckets]
};

}  // namespace af2
