// Clips and texts out of files of pairs for the clap task (recipe keys clap.pairs, clap.val_pairs), in place
// of scenes of the bank.
//
// Place `number` of the run is an item of the permutation of its pass over the set; order, crop and texts are
// named draws. A sound that cannot be read leaves its place empty: no texts, silence; it is counted and
// logged. Not for the masks of a batch (clap_task.cpp). Thread rule: any thread, after it is made.
//
//   const ClapPairsSource pairs({"data/clap.jsonl"}, seed, config.audio);
//   const PairClip clip = pairs.clip(number);
//   const ClapTexts texts = pairs.texts(number, visit, options.clap.captions);
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "af2/data/clap_pair_set.h"
#include "af2/model/af2_config.h"
#include "af2/train/clap_ranking.h"

namespace af2 {

struct PairClip {
  std::vector<float> samples;  // at most one window
  double seconds = 0;          // 0: its place stays empty
};

class ClapPairsSource {
 public:
  // Throws as ClapPairSet::open.
  ClapPairsSource(const std::vector<std::string>& files, int seed, const AudioConfig& config);

  std::size_t size() const { return set_.size(); }
  // The item at `number` (from 0, over all passes).
  std::size_t item(std::int64_t number) const;
  // Its sound: the stretch that the pair names; of one longer than the window a drawn crop. Throws kData when
  // more than 0.1 % of the set, and more than ten, could not be read.
  PairClip clip(std::int64_t number) const;
  // Its texts for visit `visit`; none where the sound could not be read.
  ClapTexts texts(std::int64_t number, std::int64_t visit, const CaptionOptions& options) const;
  const std::string& sum() const { return set_.sum(); }
  // Up to `most` clips of the first pass with captions that differ, each beside its first negative.
  ClipsToRank to_rank(int most) const;

 private:
  std::shared_ptr<const std::vector<std::uint32_t>> order(std::int64_t pass) const;

  ClapPairSet set_;
  int seed_, rate_hz_;
  double window_s_;
  mutable std::mutex mutex_;
  mutable std::map<std::int64_t, std::shared_ptr<const std::vector<std::uint32_t>>> orders_;  // by pass
  mutable std::set<std::size_t> bad_;                                                         // items
};

}  // namespace af2
