// AF-CLAP's training data: of each clip several captions that are true and for each some that are false, by
// rules, or by a language model whose every text is checked (docs/spec/data.md section 4).
//
// What is known of a clip decides how texts are checked. Labels (a rendered scene, events, a list of all that
// sounds): read_caption() must understand a text and truth_of() must find positives true, of the same sounds,
// and negatives false; unclear ones are refused. Only captions: no text may equal another of the clip, and a
// negative must be an edit of its caption. Whatever is refused is counted and kept aside with its reason. Not
// for files (af2/data/clap_job.h). Thread rule: constant after construction.
//
//   const ClapMaker maker(bank, options, nullptr);
//   const ClapMade made = maker.of_scene(scene, "clips/000017.wav", "17");
//   if (made.pair) file.write(clap_pair_line(*made.pair) + "\n");
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "af2/data/caption_cleaner.h"
#include "af2/data/clap_inputs.h"
#include "af2/data/clap_pairs.h"
#include "af2/data/clap_rewriter.h"

namespace af2 {

struct ClapMakeOptions {
  CaptionOptions captions;
  CleanOptions clean;
  bool cleaning = true;  // of captions; off is the paper's ablation
  std::int64_t seed = 0;

  template <class V>
  void visit(V& v) {
    v.field("captions", captions, "texts of a clip");
    v.field("clean", clean, "limits of the cleaner by rules");
    v.field("cleaning", cleaning, "clean captions before they are used");
    v.field("seed", seed, "every draw is named by it");
  }
};

struct ClapMade {
  std::optional<ClapPair> pair;  // nothing: dropped, see counts
  Json side;                     // labels or events, kinds of the negatives, generator
  std::vector<Json> kept_aside;  // changes of captions, refused texts: each with stage, text, reason
  ClapCounts counts;             // "negative/order", "refused/negative unclear", "dropped/too_short" ...
};

class ClapMaker {
 public:
  // `bank` knows the labels; its sounds are not used. `rewriter` null: rules alone. Both must outlive it.
  ClapMaker(const SoundBank& bank, ClapMakeOptions options, const ClapRewriter* rewriter);

  // `name` names its draws.
  ClapMade of_scene(const Scene& scene, const std::string& audio, const std::string& name) const;
  // By its captions if it has some, else by events, else by labels.
  ClapMade of_input(const ClapInput& input, const std::string& audio, const std::string& name) const;

  // What a language model would be asked first.
  std::vector<LlmRequest> preview(const Scene& scene, const std::string& name) const;
  std::vector<LlmRequest> preview(const ClapInput& input, const std::string& name) const;

  // What labels or events say, as a scene without sound; nothing between sounds is known where only labels
  // are. Throws kUser for a label that the bank does not know.
  Scene scene_of(const ClapInput& input) const;
  // Why a text is refused for a scene; empty: it holds. unread, unclear, false or true, other_sounds.
  std::string positive_problem(const std::string& text, const Scene& scene,
                               const CaptionClaim& original) const;
  std::string negative_problem(const std::string& text, const Scene& scene) const;

 private:
  struct Texts;
  void by_model(const Scene& scene, Random& rng, const ClapTexts& rules, Texts& texts, ClapMade& made) const;
  void of_captions(const ClapInput& input, Texts& texts, ClapMade& made) const;
  std::string words_for(const Scene& scene, Random& rng, bool others) const;
  void finish(Texts& texts, const std::string& audio, ClapMade& made) const;

  const SoundBank& bank_;
  ClapMakeOptions options_;
  const ClapRewriter* rewriter_;
  CaptionWriter writer_;
};

// The labels of clips from elsewhere as a bank without sounds: as `known` words them where it has them by
// name or synonym, else by their own names ("Dog_bark" to "dog bark").
SoundBank bank_of_labels(const std::vector<ClapInput>& inputs, const SoundBank* known);

}  // namespace af2
