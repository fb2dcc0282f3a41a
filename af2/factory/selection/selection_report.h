// What a selection is written as: the chosen ids, a report, and a list for a person's look
// (docs/spec/data.md section 3, step 2).
//
// Thread rule: free functions.
//
//   write_file_atomic("chosen.jsonl", selection_lines(vectors, chosen));
//   write_file_atomic("look.html", selection_page(vectors, chosen));
#pragma once

#include <string>

#include "af2/core/json.h"
#include "af2/factory/selection/selection.h"

namespace af2 {

// {"id", "cluster", "by": "random" | "dpp", "order"}, a line each, by id.
std::string selection_lines(const Embeddings& vectors, const Selection& selection);
// Options, inertia and how it came about, sizes, and mean cosines of pairs: of all, drawn and diverse rows.
Json selection_report(const Embeddings& vectors, const Selection& selection, SelectionOptions options);
// For the look, by cluster: as csv with columns cluster, size, by, order, id, text, audio, quality, keep,
// note (the last two empty), and as a page without links to anywhere else.
std::string selection_csv(const Embeddings& vectors, const Selection& selection);
std::string selection_page(const Embeddings& vectors, const Selection& selection);

}  // namespace af2
