// Rows that people filled, taken into a review or refused one by one (docs/spec/data.md section 9).
//
// Thread rule: free functions.
//
//   Review review = open_review("review");
//   const ImportResult result = import_rows(review, 1, {"ann.csv", "ben.jsonl"});
//   for (const RefusedRow& row : result.refused) tell(row.where, row.id, row.reason);
//   write_round(review, 1);
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "af2/factory/review/review.h"

namespace af2 {

struct FilledRow {
  std::string where;  // "ann.csv:12"
  ReviewRow row;
  std::string problem;  // why it cannot be read; the row is then filled as far as it could be
};
// .csv (columns id, audio_sha256, shown, decision, question, options, answer, category, reason,
// listened_full, reviewer; others are for people) or .jsonl with those keys. Throws kUser for another ending,
// kData for a file that is no such table: a column missing, a row with other cells than the header.
std::vector<FilledRow> read_filled_rows(const std::filesystem::path& file);

// Options in one cell: parted by " | ", or as a JSON list where one of them holds '|'.
std::string options_cell(const std::vector<std::string>& options);
std::vector<std::string> options_in_cell(const std::string& cell);

struct RefusedRow {
  std::string where, id, reason;
};

struct ImportResult {
  std::size_t taken = 0, again = 0;  // again: rows that are there already, word by word
  std::vector<RefusedRow> refused;
};

// Puts the good rows of the files into the review. Refused are: an unknown or missing id, no or an unknown
// decision, a fix without new text or with one that does not fit, a discard or escalation without a reason, a
// clip not heard in full, no reviewer, one that has already spoken of the item in another round, a clip that
// is not (or no longer) the one of the sample, a version of the item that was never shown, an item that no
// such round waits for, and an item twice. With `replace`, a new row takes the place of an earlier one of its
// round; rows of later rounds about that item are then dropped. write_round() keeps what came of it, for this
// round and the later ones. Throws kUser for a round that is none of 1 to
// 3.
ImportResult import_rows(Review& review, int round, const std::vector<std::filesystem::path>& files,
                         bool replace = false);

// Names of people are compared without regard to capitals and blanks around them.
bool same_person(const std::string& a, const std::string& b);

// The categories that an item may be put into.
const std::vector<std::string>& review_categories(bool is_long);

}  // namespace af2
