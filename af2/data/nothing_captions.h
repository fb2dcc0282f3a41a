// Captions of clips in which no sound of the bank is heard: silence, or nothing but noise.
//
// They give AF-CLAP texts that a quiet stretch is nearer to than to any label; `af2 events` scores labels
// beside them. Thread rule: free functions.
//
//   Random rng("af2/captions/1/17");
//   const ClapTexts texts = nothing_texts(bank, /*silent=*/true, rng, {});   // "silence", "no sound at all"
#pragma once

#include "af2/data/captions.h"

namespace af2 {

// Up to options.positives of them, each with options.negatives that name a sound of the bank ("source").
ClapTexts nothing_texts(const SoundBank& bank, bool silent, Random& rng, const CaptionOptions& options);

}  // namespace af2
