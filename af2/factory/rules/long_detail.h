// What the rules of the long categories share: a scene as sounds and stages, sets of options that give
// nothing away, numbers and sentences.
//
// For the files long_*_rules.cpp alone; re-checks have code of their own (long_recheck_detail.h). Thread
// rule: a LongScene belongs to one call.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "af2/factory/rules/rules.h"

namespace af2::long_detail {

struct Span {
  double start = 0, end = 0;
};

// A sound that is named without doubt: no event of it is too soft or short to count, and no word for it names
// another sound of the scene.
struct LongSound {
  std::string label;
  std::vector<int> events;  // places in record.events, by onset; none of the background
  std::vector<Span> spans;  // events closer than the join gap are one
  // None were joined, which a listener may hear as one or as two.
  bool countable() const { return spans.size() == events.size(); }
};

// Parts in a row with one place.
struct Stage {
  std::string place;  // a noun phrase
  double start = 0, end = 0;
  std::vector<std::string> moods;  // of its parts, in order
};

class LongScene {
 public:
  explicit LongScene(const RuleContext& context);

  const RuleContext& context() const { return context_; }
  double length() const { return length_; }
  // Long enough, and its events are all that sounds.
  bool usable() const { return usable_; }
  const std::vector<LongSound>& sounds() const { return sounds_; }  // by first onset
  const std::vector<Stage>& stages() const { return stages_; }
  // Stages with the same place, or one that could be meant by it.
  std::vector<const Stage*> stages_at(const std::string& place) const;

  // Some sound of the label, or one that could be confused with it, background or not, overlaps the stretch,
  // which is widened by `slack` on both sides.
  bool heard_in(const std::string& label, Span stretch, double slack = 0) const;
  // Wholly inside, with the onset gap kept from the stretch's ends where they are not the scene's.
  bool inside(Span span, Span stretch) const;
  bool all_inside(const LongSound& sound, Span stretch) const;

  std::vector<ItemEvidence> evidence(const LongSound& sound, std::size_t most = 8) const;
  std::string phrase(const std::string& label) const { return phrase_of(context_, label); }
  std::string sentence(const std::string& label) const { return sentence_of(context_, label); }
  // Indirect where the table of descriptions knows the label, else its phrase.
  std::string indirect(const std::string& label) const;

  // Sounds that `fits` takes, in drawn order.
  std::vector<const LongSound*> drawn(const std::function<bool(const LongSound&)>& fits) const;
  // Labels that do not sound, nor could be meant by one that does; drawn as often as other records have
  // them.
  std::vector<std::string> absent(int n) const;
  // Places of other records, unlike all of this one's.
  std::vector<std::string> other_places(int n) const;
  // Moods unlike `moods` and one another, of other records where a pool is there.
  std::vector<std::string> other_moods(const std::vector<std::string>& moods, int n) const;
  Random& rng() const { return context_.rng; }

 private:
  const RuleContext& context_;
  std::vector<int> ids_;  // [events] in the vocabulary
  double length_ = 0;
  bool usable_ = false;
  std::vector<LongSound> sounds_;
  std::vector<Stage> stages_;
};

// Which slots of each further option say another text than the right one's (true), so that over all four
// options every slot says both equally often and no option is nearer to the others than any other: two slots
// in all pairings; of three or more, joined in three bundles, two bundles at a time. slots >= 2.
std::vector<std::vector<bool>> balanced_others(int slots, Random& rng);
// `n` other orders of 0 .. size-1, drawn; fewer where there are not as many.
std::vector<std::vector<int>> other_orders(int size, int n, Random& rng);
// Three numbers around `right` (>= low): its place among the four is drawn.
std::vector<WrongAnswer> number_options(int right, int low, Random& rng);
// Whether a number is to be asked for: small ones are passed over now and then, as they would else be right
// in more windows than large ones.
bool asks_for(int number, int low, Random& rng);

// What a caption or a storyline says of one stretch; empty: nothing.
struct Claim {
  std::string place, mood, label;
};
// Stages in this order could be what is told: then it is no wrong caption.
bool could_be_told(const LongScene& scene, const std::vector<Claim>& claims);

int count_words(const std::string& text);
// The opposite of as_sentence (rules.h).
std::string as_clause(std::string text);
// Replaces {0}, {1}, ...
std::string fill_places(const std::string& form, const std::vector<std::string>& texts);

std::vector<WrongAnswer> wrong_labels(const LongScene& scene, const std::vector<const LongSound*>& present,
                                      const std::vector<std::string>& absent = {}, std::size_t most = 6);
// A list of texts as facts have it: sorted, so that its order says nothing; empty ones are left out.
Json sorted_texts(std::vector<std::string> texts);

}  // namespace af2::long_detail
