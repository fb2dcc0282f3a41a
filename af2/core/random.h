// Named random draws: every random decision of af2 comes from a generator seeded by a readable name, so that
// none depends on worker or thread count (docs/spec/training.md section 3).
//
// Not for cryptography. Thread rule: one Random per owner.
//
//   Random rng("af2/scene/1/42/train/17");
//   double gain_db = rng.uniform(-6, 6);
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

namespace af2 {

// FNV-1a, 64 bit.
std::uint64_t fnv1a64(std::string_view text);

// xoshiro256** seeded by SplitMix64 from FNV-1a-64 of a UTF-8 name.
class Random {
 public:
  explicit Random(std::string_view name) : Random(fnv1a64(name)) {}
  explicit Random(std::uint64_t seed);

  std::uint64_t next();
  // Uniform in [0, bound), by rejection (no modulo bias). bound >= 1.
  std::uint64_t below(std::uint64_t bound);
  // Uniform integer in [low, high], both included.
  int range(int low, int high);
  // Uniform in [0, 1) with 53 bits, and in [low, high).
  double uniform();
  double uniform(double low, double high);
  double normal();  // mean 0, deviation 1
  bool chance(double probability);

  template <class T>
  const T& pick(const std::vector<T>& items) {
    return items[below(items.size())];
  }
  // Fisher-Yates from the last element.
  template <class T>
  void shuffle(std::vector<T>& items) {
    for (std::size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[below(i)]);
  }

 private:
  std::uint64_t state_[4];
};

}  // namespace af2
