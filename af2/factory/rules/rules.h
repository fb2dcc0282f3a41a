// Questions by rules, from exact labels (docs/spec/data.md sections 2 and 3, back end B): what a type of
// question finds in a record, and how that becomes items.
//
// A RuleType finds one thing worth asking (`find`: a Finding with the right answer, fair wrong ones and the
// facts they rest on), or nothing where the record does not allow it by the margins; make_item() words it and
// gives it a form. Another piece of code (`recheck.h`) recomputes the answer from record and facts. Wordings
// are in af2/factory/rules/wordings/*.txt, those marked * for the test split alone. Thread rule: types are
// constant tables; a RuleContext belongs to one call.
//
//   Random rng("af2/factory/item/1/42/scene17/temporal.order/0");
//   RuleContext context{record, words, margins, rng};
//   if (auto item = make_item(rule_type("temporal", "order"), context, {.form = "choice"})) use(*item);
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "af2/core/random.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"

namespace af2 {

// What must hold for an answer to be clear (data.md section 2; [ours]).
struct Margins {
  double event_s = 0.3;        // shortest event that counts
  double snr_db = 0;           // softest event that counts, where known
  double onset_gap_s = 0.5;    // between onsets that are put in order
  double border_share = 0.05;  // of the clip, between an event and a third's border
  double change_db = 6, unchanged_db = 1.5;
  double change_s = 1;                            // shortest event whose change of loudness is asked for
  double duration_share = 0.2, duration_s = 0.5;  // the longest is so much ahead
  double overlap_s = 0.5, silence_s = 0.5;
  double join_gap_s = 0.25;  // events closer than that are one when counted
  int most_counted = 10;
  double level_db = 3, pitch_share = 0.2, reverb_share = 0.2;  // inside it: a tie
  double subscene_s = 10, subscene_share = 0.05;               // between two unique events of a long scene
  double long_s = 30;                                          // shortest scene of the long categories
  double continuous_share = 0.8;  // of the scene, that a continuous background fills

  template <class V>
  void visit(V& v) {
    v.field("event_s", event_s, "shortest event that counts, seconds");
    v.field("snr_db", snr_db, "softest event that counts, dB, where known");
    v.field("onset_gap_s", onset_gap_s, "between onsets that are put in order, seconds");
    v.field("border_share", border_share, "of the clip, between an event and the border of a third");
    v.field("change_db", change_db, "from here on louder or softer, dB");
    v.field("unchanged_db", unchanged_db, "up to here unchanged, dB");
    v.field("change_s", change_s, "shortest event whose change of loudness is asked for, seconds");
    v.field("duration_share", duration_share, "by which share the longest is ahead");
    v.field("duration_s", duration_s, "and by how many seconds");
    v.field("overlap_s", overlap_s, "shortest overlap, seconds");
    v.field("silence_s", silence_s, "shortest silence, seconds");
    v.field("join_gap_s", join_gap_s, "events closer than that are one when counted, seconds");
    v.field("most_counted", most_counted, "highest number that is asked for");
    v.field("level_db", level_db, "loudness that differs, dB");
    v.field("pitch_share", pitch_share, "pitch that differs, share");
    v.field("reverb_share", reverb_share, "reverberation time that differs, share");
    v.field("subscene_s", subscene_s, "between two unique events of a long scene, seconds");
    v.field("subscene_share", subscene_share, "and share of the scene");
    v.field("long_s", long_s, "shortest scene of the long categories, seconds");
    v.field("continuous_share", continuous_share, "of the scene, that a continuous background fills");
  }
};

class StoryPool;  // af2/factory/rules/story_pool.h

struct RuleContext {
  const Record& record;
  const Vocabulary& words;
  const Margins& margins;
  Random& rng;
  // What the other records of the set say, so that wrong answers are as usual there as right ones; without it
  // wrong answers come from the record itself and from the vocabulary.
  const StoryPool* pool = nullptr;
};

// A wrong answer and what it is to the clip.
struct WrongAnswer {
  std::string text;
  std::string kind = "value";  // present, absent, value
};

struct Finding {
  std::map<std::string, std::string> slots;  // of the wordings
  std::string answer;                        // as an option, or as a word: "a dog barking", "3", "yes"
  std::string kind = "value";                // what the answer is to the clip
  std::string sentence;                      // the open answer; empty: the answer itself
  std::vector<WrongAnswer> wrong;            // fair ones, the fairest first; as many as there are
  std::vector<ItemEvidence> evidence;
  std::string level;            // easy, medium, hard; counting 1, 2, 3
  Json facts = Json::object();  // arguments of the re-check
  std::string variant;          // chooses among the wordings: those of "type/variant"; empty: "type"
  int most_options = 0;         // where the thing asked about has no more (thirds of a clip: 3); 0: any
};

struct RuleType {
  std::string skill, name;
  bool is_long = false;
  std::vector<std::string> forms;  // that make sense, the usual one first
  std::function<std::optional<Finding>(const RuleContext&)> find;
};

struct ItemForm {
  std::string form = "choice";
  int options = 4;        // of a choice, 2 to 6; fewer where there are no more, as for the thirds of a clip
  bool held_out = false;  // a wording that training does not use
  int letter = -1;        // where the right option stands; -1, or behind the last one: drawn
};

// All types, short ones first, by skill as in the tables of data.md. Throws kUser for an unknown one.
const std::vector<RuleType>& rule_types();
const RuleType& rule_type(const std::string& skill, const std::string& name, bool is_long = false);

// The item of one finding: wording, options, answer, evidence, facts; id, audio, seed, split are the
// caller's. Nothing where the record has nothing for the type, or too few fair wrong answers for the form.
std::optional<Item> make_item(const RuleType& type, RuleContext& context, const ItemForm& form);

// ---- For the tables of types (one file a skill) ----------------------------------------------------------

// Tables, joined by rule_types().
std::vector<RuleType> temporal_rules();
std::vector<RuleType> attribute_rules();
std::vector<RuleType> counting_rules();
std::vector<RuleType> contextual_sound_rules();
std::vector<RuleType> contextual_speech_rules();
std::vector<RuleType> information_rules();
std::vector<RuleType> general_rules();
std::vector<RuleType> hearing_rules();
std::vector<RuleType> long_rules();

// Events that count by the margins, not of the background, by onset; their places in record.events.
std::vector<int> counted_events(const Record& record, const Margins& margins);
// "a dog barking" of a label, "a dog" and "a dog barks"; the label's own words where it is unknown.
std::string phrase_of(const RuleContext& context, const std::string& label);
std::string short_of(const RuleContext& context, const std::string& label);
std::string sentence_of(const RuleContext& context, const std::string& label);
// Labels of the vocabulary that do not sound in the record and that no word shares with one that does, nor
// with one another; drawn, at most `n`. Empty where the record does not say all that sounds.
std::vector<std::string> absent_labels(const RuleContext& context, int n);
// The same, drawn as often as the set's other clips hold them (context.pool; without it as above): what no
// clip of the set holds would be known for a wrong answer.
std::vector<std::string> absent_in_set(const RuleContext& context, int n);
ItemEvidence evidence_of(const RecordEvent& event);

// ---- Wordings ---------------------------------------------------------------------------------------------

// A file of af2/factory/wordings: "[skill.type]", "[skill.type/variant]", either with ":form" behind it where
// a form is worded in its own way, and below it one wording a line, with {slots}; "* " before one keeps it
// for the test split; '#' begins a comment. Of long types: "[long.skill.type]". The most special key that is
// there counts.
struct WordingList {
  std::vector<std::string> usual, held_out;
};
// "skill.type", or "long.skill.type".
std::string type_key(const std::string& skill, const std::string& name, bool is_long);
// All of them, by key. Throws kInternal for a file that breaks the rules above.
const std::map<std::string, WordingList>& all_wordings();
// Files of wordings by name (generated by the build).
const std::vector<std::pair<std::string, std::string>>& embedded_wordings();
// Replaces {name}; throws kInternal for a slot without a text.
std::string fill_slots(const std::string& wording, const std::map<std::string, std::string>& slots);

// First letter large, a full stop at the end.
std::string as_sentence(std::string text);

}  // namespace af2
