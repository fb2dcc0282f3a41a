// What a set holds, counted: items by skill, type, form, level and split, clips and hours, words, right
// letters, duplicates, licences, and what records know (docs/spec/data.md section 8, the report).
//
// Items and records are given one by one and not kept: about a hundred bytes of each stay, whatever their
// texts. The figures do not depend on the order they come in. Not for what is wrong in a set (checks.h) or
// for the page (report.h). Thread rule: one owner.
//
//   SetCounts counts;
//   for_each_item("data/skills/items.jsonl", [&](Item&& item) { counts.add(item); });
//   print(counts.json()["hours"]);
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/record.h"
#include "af2/factory/item.h"

namespace af2 {

// Under which key an item is counted that has no skill, level or form: "none".
std::string or_none(const std::string& text);

// Stands for a text where only sameness counts: 128 bits of it.
struct TextKey {
  std::uint64_t a = 0, b = 0;
  auto operator<=>(const TextKey&) const = default;
};
TextKey text_key(std::string_view text);

// Two items with one are one question asked twice: the file, where the clip begins in it (to the
// millisecond), and the question in its normal form, without options.
TextKey question_key(const Item& item);
// The same of what is answered.
TextKey answer_key_of(const Item& item);

// Whether the clips of records are counted, or known from the items that ask about them.
enum class RecordClips { kCount, kKnown };

class SetCounts {
 public:
  // Audio paths must name one file in one way. A duration of 0 is one that is not known.
  void add(const Item& item);
  void add(const Record& record, RecordClips clips);
  // As if what `other` was given had been given here.
  void merge(const SetCounts& other);

  // Keys: items, clips, files, groups, hours, unknown_durations, skills, types, levels, forms, splits,
  // licences, sources, letters, sequences, numbers, yes_no, durations, question_words, answer_words,
  // duplicates, records. hours count each clip once. What items do not say is called "none".
  Json json() const;

 private:
  using Counts = std::map<std::string, std::int64_t>;
  struct Clip {
    TextKey key;
    double seconds = 0;
    auto operator<=>(const Clip&) const = default;
  };
  // Items and clips of a part of the set.
  struct Part {
    std::int64_t items = 0;
    std::vector<Clip> clips;  // one an item

    void merge(const Part& other);
    std::vector<Clip> unique() const;
  };
  struct Type {
    std::int64_t items = 0;
    Counts levels, forms;
  };
  // Words of texts: how many have how many.
  struct Lengths {
    std::map<int, std::int64_t> n;

    Json json() const;
  };
  struct Known {
    std::int64_t records = 0, events = 0, captions = 0, speech = 0, music = 0, stories = 0;
    std::set<std::string> labels;
  };

  void add_clip(Part& part, const std::string& clip, double seconds);

  Part all_;                                                   // clips of records too
  std::map<std::string, Part> skills_;                         // by skill_key()
  std::vector<TextKey> files_, groups_;                        // one an item
  std::vector<std::pair<TextKey, TextKey>> asked_;             // question and answer
  std::map<std::pair<std::string, std::string>, Type> types_;  // skill, type
  Counts levels_, forms_, splits_, licences_, sources_, numbers_;
  std::map<std::string, Counts> letters_, sequences_, yes_no_;
  std::map<int, std::int64_t> duration_items_;  // by bin; -1: not known
  Lengths question_words_, answer_words_;
  Known known_;
};

}  // namespace af2
