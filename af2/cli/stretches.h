// A clip of any length as stretches of so many seconds, with the memory of a few minutes.
#pragma once

#include <functional>

#include "af2/cli/clip_flags.h"

namespace af2 {

// Calls `body` with each stretch of `seconds` (the last one may be shorter) of the clip or its --start and
// --duration, in order; `part.start_s` is its place in the file, warnings and notes are those of its samples
// (a note that was said once is not said again). Files are read in blocks of a few minutes; stdin and joined
// clips are read whole. Throws kData as decode_file.
void for_each_stretch(const Engine& engine, const ClipFlags& flags, const ClipItem& item, double seconds,
                      const std::function<void(HeardClip& part)>& body);

}  // namespace af2
