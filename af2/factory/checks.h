// What every item must pass (docs/spec/data.md section 7): form, lengths, language, names, options, the
// answer recomputed from the labels, licence, and the sound itself.
//
// Each failure has a name, "options/same", so that it can be counted with the first place it was met. What
// concerns a whole set (positions, balance, duplicates, solvers without sound, overlap with test sets) is in
// balance.h, blind_solvers.h and overlap.h. Thread rule: an ItemChecker is constant and may be used from any
// thread.
//
//   const ItemChecker checker(words, {});
//   for (const ItemFault& fault : checker.faults(item, &record)) drop(item, fault.reason);
#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"
#include "af2/factory/rules/rules.h"

namespace af2 {

// Most words of each text (data.md sections 2 and 3).
struct WordLimits {
  int question = 20;      // options not counted; type "combine" asks several things and has no limit
  int option = 10;        // of skills with short clips, and of long ones but captions and plots
  int short_answer = 10;  // a word or a number
  int open_answer = 30;   // contextual questions; [ours] for the other skills
  int long_answer = 20;   // of long clips
  int long_caption = 25;  // answer or option of a caption or plot

  template <class V>
  void visit(V& v) {
    v.field("question", question, "of a question, without its options");
    v.field("option", option, "of an option");
    v.field("short_answer", short_answer, "of an answer that is a word or a number");
    v.field("open_answer", open_answer, "of an open answer about a short clip");
    v.field("long_answer", long_answer, "of an open answer about a long clip");
    v.field("long_caption", long_caption, "of a caption or plot of a long clip");
  }
};

struct CheckOptions {
  WordLimits words;
  Margins margins;  // of the rules, for the re-check
  std::vector<std::string> banned = default_banned_phrases();
  std::vector<std::string> allow_licence;  // empty: every licence, also none
  double short_clip_s = 30;                // longest clip of the seven skills
  double long_clip_s = 0;                  // and of the long categories; 0: any
  double duration_tolerance_s = 0.5;       // between stated and real
  // Options alike in length: see length_problem().
  double length_share = 0.6;
  int length_letters = 12;

  static std::vector<std::string> default_banned_phrases();

  template <class V>
  void visit(V& v) {
    v.field("words", words, "most words of each text");
    v.field("margins", margins, "of the rules");
    v.field("banned", banned, "phrases that no text may have");
    v.field("allow_licence", allow_licence, "licences that may be used; none: all");
    v.field("short_clip_s", short_clip_s, "longest clip of the seven skills, seconds");
    v.field("long_clip_s", long_clip_s, "longest clip of the long categories, seconds; 0: any");
    v.field("duration_tolerance_s", duration_tolerance_s, "between stated and real duration, seconds");
    v.field("length_share", length_share, "by which the right option may be longer or shorter");
    v.field("length_letters", length_letters, "and by how many letters");
  }
};

struct ItemFault {
  std::string reason;  // "options/same"
  std::string detail;  // what exactly, for people
};

class ItemChecker {
 public:
  // `words` must outlive it.
  ItemChecker(const Vocabulary& words, CheckOptions options);

  // All but the sound. `record`: what the item asks about; none: what needs it is left out, and
  // "record/missing" is told.
  std::vector<ItemFault> faults(const Item& item, const Record* record) const;

  // The parts of it.
  void check_form(const Item& item, std::vector<ItemFault>& faults) const;
  void check_texts(const Item& item, std::vector<ItemFault>& faults) const;
  void check_options(const Item& item, const Record* record, std::vector<ItemFault>& faults) const;
  void check_rules(const Item& item, const Record& record, std::vector<ItemFault>& faults) const;
  void check_licence(const Item& item, std::vector<ItemFault>& faults) const;

  const CheckOptions& options() const { return options_; }

 private:
  const Vocabulary& words_;
  CheckOptions options_;
  std::set<std::string> allowed_;
};

// ---- Parts that are of use alone --------------------------------------------------------------------------

// Words of a text, punctuation not counted: "(B)(A)" has two.
int word_count(std::string_view text);
// The first banned phrase that stands in the text as whole words (a plural s allowed); empty: none.
std::string banned_phrase(std::string_view text, const std::vector<std::string>& banned);
// What looks like the name of a person: a title with a capitalised word ("Dr. Brown"), a common first name
// written with a capital where it is no word of its own ("Alice", not "rose"), or two capitalised words in a
// row inside a sentence that are neither known proper adjectives nor music ("Taylor Swift", but not "C
// major", "New Year"). Empty: none.
std::string person_name(std::string_view text);
// Why the text is no English: letters of another script, or words of another language outnumber English ones.
std::string language_problem(std::string_view text);
// Why the right option stands out by its length: it is longer than every other, or shorter, by more than
// `share` of the nearest and by more than `letters`. Empty: it does not.
std::string length_problem(const std::vector<std::string>& options, int answer, double share, int letters);
// "CC-BY 4.0", "cc by 4.0" are one.
std::string normal_licence(std::string_view licence);

// ---- Sound ------------------------------------------------------------------------------------------------

// Faults of the clip: audio/missing, audio/unreadable, audio/duration, audio/silent, audio/clipped (over 0.1
// % of its samples at full scale). `cut`: the clip is a stretch of a longer file, so that what lies beyond
// its end does not matter.
std::vector<ItemFault> audio_faults(const std::filesystem::path& file, double start_s, double duration_s,
                                    bool cut, double tolerance_s);

// ---- A set ------------------------------------------------------------------------------------------------

struct SetCheck {
  std::vector<char> keep;   // [items]
  RecordCounts counts;      // by reason; an item with several faults counts in each
  std::int64_t failed = 0;  // items
};
using FaultSink = std::function<void(const Item& item, const ItemFault& fault)>;

// Every check of every item, in order; clips are heard once each (`folder`: what item.audio is relative to;
// empty: sounds are not opened). Items with an id that was there before fail with "id/twice". Passed items
// get the names of the checks into `checks`. `sink`: told of each fault. `threads`: clips heard at once.
SetCheck check_items(std::vector<Item>& items, const std::vector<Record>& records, const ItemChecker& checker,
                     const std::filesystem::path& folder, const FaultSink& sink = nullptr, int threads = 1);

}  // namespace af2
