// Captions rid of what sound alone cannot show, by rules (docs/spec/data.md section 4, step 3, back end B).
//
// Each rule takes out one kind of thing (what the camera does, clothes, writing on a screen, "is heard",
// points in time, the remarks of a captioner in another script) and changes nothing else; what it took is
// recorded. A caption of which nothing or too much is left is dropped with a reason. Rules know words, not
// scenes: a caption that calls a meadow green is cleaned, one that names a silent meadow is not (that is the
// language model's pass). English only. Thread rule: free functions.
//
//   const CleanedCaption clean = clean_caption("A man in a red shirt speaks. Visit www.example.org");
//   clean.text;              // "A man speaks."
//   clean.changes[0].rule;   // "address"
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace af2 {

struct CleanOptions {
  int min_words = 1, max_words = 60;

  template <class V>
  void visit(V& v) {
    v.field("min_words", min_words, "captions with fewer words are dropped");
    v.field("max_words", max_words, "captions with more words are dropped");
  }
};

struct CaptionChange {
  std::string rule;
  std::string taken, put;  // the stretch that the rule changed, and what stands there now
};

struct CleanedCaption {
  std::string text;  // empty if dropped
  std::vector<CaptionChange> changes;
  // Why it is dropped: empty, no_text (not UTF-8, or over 4000 bytes), other_script, nothing_left,
  // too_short, too_long. Empty: kept.
  std::string dropped;
};

CleanedCaption clean_caption(std::string_view text, const CleanOptions& options = {});
// The same for a text that may say what is seen (a visual caption): only what captioners get wrong, as
// reported Mandarin, points in time, addresses, markup.
CleanedCaption clean_note(std::string_view text, const CleanOptions& options = {});

// The rules in their order, each with an example: for `af2 data clap --rules` and the tests.
struct CleanRule {
  std::string name, what;
  std::string before, after;
};
std::vector<CleanRule> clean_rules();

}  // namespace af2
