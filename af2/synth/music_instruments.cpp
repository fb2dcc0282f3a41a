#include "af2/synth/music_instruments.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr bool kHeld = true, kDies = false, kSharp = true, kSoft = false;

}  // namespace

const std::vector<Instrument>& instruments() {
  static const std::vector<Instrument> all = [] {
    std::vector<Instrument> list = {
        {"piano", 0, 36, 96, kDies, kSharp, 0},
        {"electric piano", 4, 40, 88, kDies, kSharp, 0},
        {"harpsichord", 6, 41, 86, kDies, kSharp, -4},
        {"celesta", 8, 60, 100, kDies, kSharp, 4},
        {"glockenspiel", 9, 72, 105, kDies, kSharp, -6},
        {"music box", 10, 60, 96, kDies, kSharp, 2},
        {"vibraphone", 11, 53, 89, kDies, kSharp, 4},
        {"marimba", 12, 48, 89, kDies, kSharp, 6},
        {"xylophone", 13, 65, 100, kDies, kSharp, 0},
        {"tubular bells", 14, 55, 79, kDies, kSharp, -4},
        {"electric organ", 16, 40, 88, kHeld, kSoft, -6},
        {"church organ", 19, 36, 88, kHeld, kSoft, -8},
        {"accordion", 21, 48, 86, kHeld, kSoft, -6},
        {"harmonica", 22, 60, 88, kHeld, kSoft, -4},
        {"acoustic guitar", 24, 40, 79, kDies, kSharp, 4},
        {"electric guitar", 27, 40, 84, kDies, kSharp, 2},
        {"distorted guitar", 30, 40, 82, kHeld, kSharp, -14},
        {"double bass", 32, 28, 52, kDies, kSharp, 8},
        {"bass guitar", 33, 28, 52, kDies, kSharp, 6},
        {"violin", 40, 57, 93, kHeld, kSoft, 0},
        {"viola", 41, 50, 81, kHeld, kSoft, 2},
        {"cello", 42, 36, 72, kHeld, kSoft, 4},
        {"pizzicato strings", 45, 45, 88, kDies, kSharp, 6},
        {"harp", 46, 36, 96, kDies, kSharp, 4},
        {"string ensemble", 48, 36, 88, kHeld, kSoft, -4},
        {"choir", 52, 48, 79, kHeld, kSoft, 0},
        {"trumpet", 56, 57, 82, kHeld, kSoft, -8},
        {"trombone", 57, 43, 70, kHeld, kSoft, -4},
        {"tuba", 58, 29, 53, kHeld, kSoft, 4},
        {"French horn", 60, 45, 74, kHeld, kSoft, 0},
        {"brass section", 61, 43, 79, kHeld, kSoft, -8},
        {"saxophone", 65, 50, 80, kHeld, kSoft, -4},
        {"oboe", 68, 58, 86, kHeld, kSoft, -4},
        {"bassoon", 70, 36, 67, kHeld, kSoft, 2},
        {"clarinet", 71, 52, 86, kHeld, kSoft, 0},
        {"piccolo", 72, 74, 100, kHeld, kSoft, -6},
        {"flute", 73, 60, 93, kHeld, kSoft, 0},
        {"recorder", 74, 65, 91, kHeld, kSoft, -2},
        {"pan flute", 75, 60, 88, kHeld, kSoft, 0},
        {"synth lead", 81, 48, 88, kHeld, kSharp, -14},
        {"synth pad", 89, 40, 84, kHeld, kSoft, 0},
        {"sitar", 104, 50, 77, kDies, kSharp, -2},
        {"banjo", 105, 48, 84, kDies, kSharp, -2},
        {"kalimba", 108, 60, 88, kDies, kSharp, 6},
        {"bagpipes", 109, 57, 79, kHeld, kSoft, -12},
        {"steel drum", 114, 55, 84, kDies, kSharp, 0},
    };
    std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
    return list;
  }();
  return all;
}

const Instrument& instrument_named(const std::string& name) {
  static const Instrument drums{kDrums, 0, 35, 59, false, true, 0};
  if (name == kDrums) return drums;
  std::vector<std::string> known = {kDrums};
  for (const Instrument& instrument : instruments()) {
    if (instrument.name == name) return instrument;
    known.push_back(instrument.name);
  }
  throw user_error("is no instrument: " + name, "instruments",
                   "did you mean " + nearest_word(name, known) + "?");
}

}  // namespace af2
