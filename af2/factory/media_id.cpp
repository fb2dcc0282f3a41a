// Where a clip comes from, by its name (overlap.h).
#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "af2/core/error.h"
#include "af2/core/text_util.h"
#include "af2/factory/overlap.h"

namespace af2 {
namespace {

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), is_digit);
}

// Eleven of 64 letters; a capital among them, which "dog_barking" has not (3 of 1000 ids have none); not only
// letters and then a number, as "Clip0000012".
bool is_video_id(std::string_view text) {
  const bool letters = std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || is_digit(c) || c == '_' || c == '-';
  });
  const bool capital = std::any_of(text.begin(), text.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
  std::size_t digits = 0, at_end = 0;
  for (const char c : text) digits += is_digit(c), at_end = is_digit(c) ? at_end + 1 : 0;
  return text.size() == 11 && letters && capital && (at_end < 3 || at_end < digits);
}

// "_30000", "_30.000_40.000", "_30": where the stretch begins; nothing: no such end.
std::optional<double> start_of(std::string_view rest) {
  if (rest.empty() || (rest[0] != '_' && rest[0] != '-')) return std::nullopt;
  const std::string text(rest.substr(1, rest.find_first_of("_-", 1) == std::string_view::npos
                                            ? std::string_view::npos
                                            : rest.find_first_of("_-", 1) - 1));
  if (text.empty() || text.find_first_not_of("0123456789.") != std::string::npos) return std::nullopt;
  const double value = std::strtod(text.c_str(), nullptr);
  // AudioSet-strong gives milliseconds, others seconds; no clip of it begins after 1000 s in the former way.
  return text.find('.') == std::string::npos && value >= 1000 ? value / 1000 : value;
}

std::string_view without_ending(std::string_view name) {
  if (const std::size_t slash = name.find_last_of('/'); slash != std::string_view::npos)
    name.remove_prefix(slash + 1);
  for (const std::string_view ending :
       {".wav", ".flac", ".mp3", ".ogg", ".m4a", ".opus", ".mp4", ".npy", ".aiff", ".webm"})
    if (name.ends_with(ending)) return name.substr(0, name.size() - ending.size());
  return name;
}

}  // namespace

TestSet test_set_of(const std::string& text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string::npos || equals == 0 || equals + 1 == text.size())
    throw user_error("is no NAME=FILE_OR_FOLDER: " + text, "--against", "as in --against ESC-50=esc50/audio");
  return {trim(text.substr(0, equals)), text.substr(equals + 1)};
}

const std::vector<std::string>& default_test_sets() {
  static const std::vector<std::string> names = {
      "AudioCaps",        "Clotho",    "Clotho-AQA", "ESC-50",     "US8K",          "GTZAN",
      "Medley-solos-DB",  "CREMA-D",   "RAVDESS",    "MMAU",       "MuChoMusic",    "CompA-R",
      "Audio Entailment", "MusicAVQA", "NSynth",     "CochlScene", "NonSpeech7k",   "FSD50k",
      "MusicInstruct",    "MusicQA",   "OpenAQA",    "CMM",        "LongAudioBench"};
  return names;
}

MediaId media_id_of(std::string_view name, bool numbers) {
  MediaId id;
  name = without_ending(name);
  for (const std::string_view mark : {"freesound_", "freesound-", "freesound/"})
    if (const std::size_t at = name.find(mark); at != std::string_view::npos) {
      std::size_t end = at + mark.size();
      while (end < name.size() && is_digit(name[end])) ++end;
      id.freesound = name.substr(at + mark.size(), end - at - mark.size());
      if (!id.freesound.empty()) return id;
    }
  for (const std::size_t skip : {std::size_t{0}, std::size_t{1}}) {
    // AudioSet's files have a Y before the id.
    if (name.size() < 11 + skip || (skip == 1 && name[0] != 'Y') || !is_video_id(name.substr(skip, 11)))
      continue;
    const std::string_view rest = name.substr(skip + 11);
    const std::optional<double> start = start_of(rest);
    if (!rest.empty() && !start) continue;
    id.youtube = name.substr(skip, 11), id.start_s = start;
    return id;
  }
  if (!numbers) return id;
  const std::vector<std::string> parts = split(name, '-');
  // ESC-50: fold-number-take-class; UrbanSound8K: number-class-occurrence-slice; FSD50k: number.
  const std::size_t place = parts.size() == 4 && parts[2].size() == 1 && !is_digit(parts[2][0]) ? 1 : 0;
  const bool form = parts.size() == 1 || parts.size() == 4;
  if (form && all_digits(parts[place]) && parts[place][0] != '0') id.freesound = parts[place];
  return id;
}

bool same_media(const MediaId& a, const MediaId& b) {
  if (!a.freesound.empty() && a.freesound == b.freesound) return true;
  if (a.youtube.empty() || a.youtube != b.youtube) return false;
  return !a.start_s || !b.start_s || std::abs(*a.start_s - *b.start_s) < 10;
}

}  // namespace af2
