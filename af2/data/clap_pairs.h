// What AF-CLAP is trained on, as text: a clip, what is true of it and what is false (docs/spec/training.md
// section 5).
//
// {"audio","start","duration","captions":[c0,p1,...],"negatives":[[...],...],"source"}: captions[0] is the
// original, negatives[m] belongs to captions[m]. One object a line (.jsonl), or as a .json member beside its
// sound in a tar shard, where `audio` may be left out. Paths are relative to the file's folder. Reading many
// of them is ClapPairSet's (af2/data/clap_pair_set.h). Thread rule: free functions.
//
//   const ClapPair pair = parse_clap_pair(parse_json(line, where), where);
//   pair.captions[0];      // "a dog barking followed by a bell ringing"
//   pair.negatives[0][0];  // "a bell ringing followed by a dog barking"
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/captions.h"

namespace af2 {

struct ClapPair {
  std::string audio;  // empty: the sound beside it in the shard
  double start_s = 0;
  std::optional<double> duration_s;                 // to the file's end without it
  std::vector<std::string> captions;                // at least one
  std::vector<std::vector<std::string>> negatives;  // [captions]
  std::string source;
};

// Whether a line must name its audio, or has it beside it.
enum class PairAudio { kNamed, kBeside };

// Throws kData naming `where`: key missing or unknown, wrong type, empty text, negative or infinite time,
// another number of lists in `negatives` than captions, a text twice (compared as same_text_key).
ClapPair parse_clap_pair(const Json& json, const std::string& where, PairAudio audio = PairAudio::kNamed);
// Without its line end; keys in the order above.
std::string clap_pair_line(const ClapPair& pair);

// Two texts with one key are the same to a listener: case, blanks and the mark at the end do not count.
std::string same_text_key(std::string_view text);

// Captions and negatives of a visit: the original and others drawn, up to `positives` and `negatives` each.
ClapTexts draw_texts(const ClapPair& pair, Random& rng, const CaptionOptions& options);

}  // namespace af2
