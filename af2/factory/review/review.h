// Review of a benchmark by people: a drawn sample, two rounds, a third person where they disagree
// (docs/spec/data.md section 9).
//
// A review is a folder: review.json (settings), items.jsonl and records.jsonl (the sample as it was drawn),
// sounds.jsonl (SHA-256 of every clip), round1.jsonl to round3.jsonl (rows that were taken). What people fill
// is read by review_rows.h, written for them by review_export.h, counted by review_report.h; release.h makes
// a benchmark of it. Thread rule: free functions.
//
// An item's fate: each round says usable (keep, or fix with new text), discard, or escalate. Round 2 sees the
// text as round 1 left it (or, blind, as it was drawn). The two agree when both discard, or both leave the
// same text; then, for a share drawn by name, a third person looks as well. Otherwise the third person
// decides.
//
//   sample_review("sets/long", "review", {.n = 300, .seed = 1});
//   Review review = open_review("review");
//   for (const ReviewItem& item : review.items) use(item.item, status_of(item));
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "af2/data/record.h"
#include "af2/factory/item.h"

namespace af2 {

inline constexpr int kReviewRounds = 3;

// What a person says about one item in one round. Empty texts leave things as they were shown.
struct ReviewRow {
  std::string id, audio_sha256;
  std::string shown;     // version_of() the item that the person saw
  std::string decision;  // keep, fix, discard, escalate
  std::string question;
  std::vector<std::string> options;
  std::string answer;  // a text, or the letter of an option
  std::string category, reason;
  bool listened_full = false;
  std::string reviewer;

  template <class V>
  void visit(V& v) {
    v.field("id", id, "of the item");
    v.field("audio_sha256", audio_sha256, "of the clip that was heard");
    v.field("shown", shown, "which version of the item was seen");
    v.field("decision", decision, "keep, fix, discard or escalate");
    v.field("question", question, "new question, where it changes");
    v.field("options", options, "new options, where they change");
    v.field("answer", answer, "new answer, where it changes");
    v.field("category", category, "new skill or category, where it changes");
    v.field("reason", reason, "why");
    v.field("listened_full", listened_full, "the whole clip was heard");
    v.field("reviewer", reviewer, "who says so");
  }
};

struct ReviewSettings {
  std::string set = "";      // folder that the items' sounds are relative to, from the review's folder
  std::string by = "skill";  // what quotas are of: skill or type
  std::int64_t n = 0;
  std::vector<std::string> quotas = {};  // "temporal=50"; none: proportional
  std::int64_t seed = 0;
  double check_share = 0.1;  // of what two people agree on, seen by a third

  template <class V>
  void visit(V& v) {
    v.field("set", set, "folder that the sounds are relative to, from the review's");
    v.field("by", by, "what quotas are of: skill or type");
    v.field("n", n, "items");
    v.field("quotas", quotas, "as temporal=50; none: proportional");
    v.field("seed", seed, "of the draws");
    v.field("check_share", check_share, "of what two people agree on, seen by a third");
  }
};

struct ReviewItem {
  Item item;  // as it was drawn
  std::string audio_sha256;
  bool check_drawn = false;  // a third person looks at it even where two agree
  std::array<std::optional<ReviewRow>, kReviewRounds> rounds;
};

struct Review {
  std::filesystem::path folder;
  ReviewSettings settings;
  std::vector<ReviewItem> items;  // by id
  std::vector<Record> records;

  std::filesystem::path sound(const Item& item) const { return folder / settings.set / item.audio; }
};

// Draws from the test items of the set in `set` (a folder of items.jsonl and records.jsonl) and writes the
// review's folder. With `copy_sounds` the clips are copied below it, so that it can be handed on. Throws
// kUser (settings, a quota or number that the set cannot meet, named; a folder that holds a review), kData
// (no test items, a clip missing).
void sample_review(const std::filesystem::path& set, const std::filesystem::path& folder,
                   ReviewSettings settings, bool copy_sounds = false);
// The items that a quota is drawn from: ids by category. Exposed for reports.
std::vector<Item> draw_sample(const std::vector<Item>& items, const ReviewSettings& settings);

// Throws kData naming file and line.
Review open_review(const std::filesystem::path& folder);
// Writes roundN.jsonl, by id.
void write_round(const Review& review, int round);

// ---- What follows from the rows ---------------------------------------------------------------------------

// Stands for question, options, answer and category: 16 hexadecimal digits.
std::string version_of(const Item& item);
// The item with the row's new texts; its problem in `why` where they do not fit one another (an answer that
// is none of the options ...).
std::optional<Item> fixed_item(const Item& shown, const ReviewRow& row, std::string& why);
// The item as it was after round `rounds` (0: as drawn). What discards or escalates changes nothing.
Item item_after(const ReviewItem& item, int rounds);
// What a row's person saw; nothing where no version has that name.
std::optional<Item> shown_item(const ReviewItem& item, int round, const std::string& version);

enum class ReviewStatus { kRound1, kRound2, kDisagreed, kToCheck, kUsable, kDiscarded };
const char* status_name(ReviewStatus status);
// kRound1, kRound2: waits for that round. kDisagreed, kToCheck: waits for the third person (again, if that
// one escalates).
ReviewStatus status_of(const ReviewItem& item);
// Whether the first two say the same; nothing before both have spoken.
std::optional<bool> agreed(const ReviewItem& item);

}  // namespace af2
