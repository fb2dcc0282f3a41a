// Captions of scenes whose every claim follows from the labels, and captions that are false in one thing:
// what AF-CLAP is trained on (docs/spec/data.md section 4, back end B).
//
// A caption is a claim (which sounds, how they follow each other, how often one sounds) and a form (which
// words say so). A positive is the same claim in another form, a negative the same form with one edit of the
// claim that the labels contradict. read_caption() goes back from words to the claim: it checks what was
// written here, and what a language model wrote. Not for questions (af2/data/questions.h). Thread rule: free
// functions and constant objects.
//
//   const CaptionWriter writer(bank);
//   Random rng("af2/captions/1/17");
//   const ClapTexts texts = writer.texts(scene, rng, {});
//   texts.captions[0];         // "a dog barking followed by a bell ringing"
//   texts.negatives[0][0];     // {"a bell ringing followed by a dog barking", "order"}
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "af2/data/scene.h"

namespace af2 {

enum class SoundRelation { kAnd, kThen, kWhile };  // kThen: the first ends before the second begins

struct CaptionClaim {
  struct Part {
    int label = 0;
    int count = 0;  // how often it sounds; 0: not said
    bool operator==(const Part&) const = default;
  };
  // Parts by their place in `parts`.
  struct Relation {
    SoundRelation kind = SoundRelation::kAnd;
    int first = 0, second = 0;
    bool operator==(const Relation&) const = default;
  };
  std::vector<Part> parts;
  std::vector<Relation> relations;
};

enum class Truth { kTrue, kFalse, kUnclear };

struct ClapNegative {
  std::string text;
  std::string kind;  // order, relation, count, source
};

// Texts of one clip: captions[0] and its paraphrases, and for each of them what it must not be taken for.
struct ClapTexts {
  std::vector<std::string> captions;
  std::vector<std::vector<ClapNegative>> negatives;
};

struct CaptionOptions {
  int positives = 3, negatives = 3;
  bool held_out = false;  // only wordings that training does not use

  template <class V>
  void visit(V& v) {
    v.field("positives", positives, "texts of a clip that say the same");
    v.field("negatives", negatives, "texts for each of them that are false in one thing");
  }
};

class CaptionWriter {
 public:
  // Keeps a reference to `bank`.
  explicit CaptionWriter(const SoundBank& bank);

  // Everything that can be said of a scene: its sounds by first onset, how neighbours follow each other, and
  // how often a sound comes where its bursts can be counted.
  CaptionClaim claim_of(const Scene& scene) const;
  // What the scene's labels say to a claim.
  Truth truth_of(const CaptionClaim& claim, const Scene& scene) const;
  // Up to options.positives different captions (fewer where so few forms exist), each with up to
  // options.negatives. All captions are true, all negatives false and no caption of the scene.
  ClapTexts texts(const Scene& scene, Random& rng, const CaptionOptions& options) const;

  // The claim of a text about sounds of the bank; nothing where a part of it is not understood (two sounds
  // without a word that joins them, an unknown word where a sound should be).
  std::optional<CaptionClaim> read_caption(std::string_view text) const;

 private:
  struct Form;
  std::string render(const CaptionClaim& claim, const Form& form) const;
  Form draw_form(const CaptionClaim& claim, Random& rng, bool held_out) const;
  std::vector<ClapNegative> negatives(const CaptionClaim& claim, const Form& form, const Scene& scene,
                                      Random& rng, int most) const;
  bool countable(const Scene& scene, int label) const;

  const SoundBank& bank_;
  std::map<std::string, int, std::less<>> recordings_;  // by id
  std::map<std::vector<std::string>, int> mentions_;    // words of phrase, sentence, short name -> label
  std::size_t longest_mention_ = 0;
};

}  // namespace af2
