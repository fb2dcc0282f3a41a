// What lies at a path that a user names: a set of items, a manifest of any form, or records; read one by one
// in the form of an item, with sounds as paths that can be opened from anywhere.
//
// For commands that take all of these (`data stats`, `data mix`). Not for writing them (set_files.h,
// manifest_formats.h), and not for annotations of others (record_readers.h). Thread rule: free functions.
//
//   const SetInput input = set_input_of("sets/skills");   // or train.json, conversations.json, scenes ...
//   RecordCounts left_out;
//   for_each_item_of(input, {}, left_out, [&](Item&& item) { counts.add(item); });
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "af2/data/manifest_formats.h"
#include "af2/factory/item.h"

namespace af2 {

struct SetInput {
  std::string path;               // as it was named
  std::string form;               // items, records, or the manifests jsonl, af2, af3, ltu
  std::filesystem::path file;     // with the items, the records or the manifest; absolute, normal
  std::filesystem::path folder;   // of that file
  std::filesystem::path records;  // of items, where they are there; of records the file itself; else empty

  bool is_set() const { return form == "items"; }
  bool is_records() const { return form == "records"; }
};

// A folder with items.jsonl or records.jsonl, or a file by what its first line holds. Throws kData for what
// is none, saying which command reads it where one does.
SetInput set_input_of(const std::string& path);

// A line of a manifest as an item: options and the right one where the prompt lists them and the answer names
// one of them, form choice or yes_no where that shows, and what `meta` says of type, level, form, split,
// group, source (or dataset) and licence. The skill is the task. Of several answers the first.
Item item_of_line(const ManifestItem& line);

// Items of a set or a manifest; none of records. `options` and `left_out`: as for manifests
// (manifest_formats.h); a set has no lines that may be left out. Throws kData.
void for_each_item_of(const SetInput& input, const ManifestRead& options, RecordCounts& left_out,
                      const std::function<void(Item&& item)>& give);
// Lines of a manifest as they are; none of a set or of records.
void for_each_line_of(const SetInput& input, const ManifestRead& options, RecordCounts& left_out,
                      const ManifestSink& give);
// Records of a set or a file of records; nothing where there are none.
void for_each_record_of(const SetInput& input, const std::function<void(Record&& record)>& give);

}  // namespace af2
