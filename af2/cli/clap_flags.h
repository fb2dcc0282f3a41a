// Flags of every verb that compares clips and texts by AF-CLAP, and the loop over what they name.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "af2/cli/clip_flags.h"
#include "af2/generate/clap_engine.h"

namespace af2 {

struct ClapFlags {
  ClipFlags clips;  // model, files, start, duration, threads, dtype, json …
  std::string text_model, out;
  std::string crops = "middle";
  std::uint64_t seed = 0;
};

void add_clap_flags(CLI::App& verb, ClapFlags& flags);
// Those of them that say which model and how it computes.
void add_clap_model_flags(CLI::App& verb, ClapFlags& flags);
ClapEngine load_clap(const ClapFlags& flags);

// A clip decoded as the flags say, with the warnings of the decoder.
HeardClip read_clap_clip(const ClapEngine& clap, const ClapFlags& flags, const ClipItem& item);
// A clip's windows, and the clip without its samples. One whole file is read in blocks of a few minutes,
// however long it is; stdin, parts of files and joined clips are read whole.
struct HeardWindows {
  HeardClip heard;
  std::vector<ClapEngine::Stretch> windows;  // times from the clip's start
};
HeardWindows read_clap_windows(const ClapEngine& clap, const ClapFlags& flags, const ClipItem& item,
                               double window_s, double hop_s);
// The vectors of a text and of many, with a notice where a text was cut.
Vector clap_text(const ClapEngine& clap, const std::string& text);
std::vector<Vector> clap_texts(const ClapEngine& clap, const std::vector<std::string>& texts);

// "a, b,c" -> the parts without blanks around them; a file: its lines. Throws kUser for none, empty and
// doubled ones.
std::vector<std::string> label_list(const std::string& list, const std::string& file);
// Throws kUser for no labels and doubled ones.
void check_labels(const std::vector<std::string>& labels, const std::string& where);
// The vectors of labels, each put into the template.
std::vector<Vector> label_vectors(const ClapEngine& clap, const std::vector<std::string>& labels,
                                  const std::string& form);
// "This is a sound of {label}." with the label put in. Throws kUser for a template without {label}.
std::string fill_template(const std::string& form, const std::string& label);

}  // namespace af2
