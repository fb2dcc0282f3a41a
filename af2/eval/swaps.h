// Which clip stands in for which in the baseline `shuffled_audio`: every clip is replaced by another of about
// its length (docs/spec/evaluation.md sections 6 and 7).
//
// Thread rule: pure function.
//
//   const auto partner = shuffled_partners({{"a.wav", 8}, {"b.wav", 9}, {"c.wav", 200}}, 1);
//   partner.at("a.wav");  // "b.wav"
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace af2 {

struct SwapClip {
  std::string id;
  double seconds = 0;
};

// For each clip id (repeats count once) another's: one Sattolo cycle over the clips of a duration bucket (up
// to 10, 30, 90, 300 s, `long`) sorted by id, from the generator af2/eval/swap/1/SEED/BUCKET. A clip alone in
// its bucket gets the clip nearest in length of another bucket; a clip alone in the set gets none.
std::map<std::string, std::string> shuffled_partners(std::vector<SwapClip> clips, std::int64_t seed);

// "10", "30", "90", "300" or "long".
std::string duration_bucket(double seconds);

}  // namespace af2
