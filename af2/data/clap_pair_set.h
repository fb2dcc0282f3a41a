// Files of AF-CLAP pairs (af2/data/clap_pairs.h) as one list with places to go to: jsonl, and tar shards with
// each .json beside its sound.
//
// Texts and sounds stay in their files: one item takes 24 bytes of memory, so that millions fit; what is
// asked for is read again. `clips-{000..099}.tar` stands for a hundred shards. Not for drawing what to train
// on (af2/train/clap_pairs_source.h). Thread rule: constant after open(); items may be read from any thread.
//
//   const ClapPairSet set = ClapPairSet::open({"data/clap.jsonl", "shards/clips-{000..099}.tar"});
//   const ClapPair pair = set.pair(17);
//   const Clip clip = set.sound(17, pair, {});
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "af2/audio/decode.h"
#include "af2/data/clap_pairs.h"
#include "af2/data/tar_shard.h"

namespace af2 {

class ClapPairSet {
 public:
  // Reads every item once. Throws kData naming file and line (shard and member): what parse_clap_pair
  // refuses, a file without items, a damaged shard; kUser for no files at all.
  static ClapPairSet open(const std::vector<std::string>& files);

  std::size_t size() const { return places_.size(); }
  // "clap.jsonl:12", "clips-000.tar:0012.json".
  std::string name(std::size_t item) const;
  // Throws kData when the file has changed since.
  ClapPair pair(std::size_t item) const;
  // The item's sound; `options` say which stretch of the file. Throws kData: missing, unreadable.
  Clip sound(std::size_t item, const ClapPair& pair, const DecodeOptions& options) const;
  // SHA-256 over all texts, names and sizes: another set has another sum, whatever its files are called.
  const std::string& sum() const { return sum_; }

 private:
  struct Place {
    std::uint64_t at = 0;  // jsonl: byte of the line; tar: number of the .json in the shard's list
    std::uint32_t file = 0, bytes = 0;
    std::int64_t number = 0;  // jsonl: line; tar: number of the sound in the shard's list, -1: none
  };
  std::string text(const Place& place) const;

  std::vector<std::filesystem::path> files_;
  std::vector<std::vector<TarMember>> members_;  // [files], empty for jsonl
  std::vector<Place> places_;
  std::string sum_;
};

bool is_tar_name(const std::filesystem::path& path);
// "a-{08..11}.tar" to four names; a name without braces to itself. Throws kUser for a range that is none.
std::vector<std::string> expand_braces(const std::string& name);

// What `af2 data check` tells of one file.
struct ClapCheck {
  std::int64_t items = 0, captions = 0, negatives = 0;
  double hours = 0;
  std::vector<std::pair<std::string, std::string>> problems;  // where, what; in the order of the file
  std::int64_t missing_audio = 0;                             // of the problems
};
// Goes through the whole file whatever it finds; only what cannot be read at all throws (kData). `decode`:
// also decodes every clip. Problems beside those of parse_clap_pair: audio missing or unreadable, a stretch
// past the file's end by over 0.1 s, the same stretch twice.
ClapCheck check_clap_pairs(const std::filesystem::path& file, bool decode);

}  // namespace af2
