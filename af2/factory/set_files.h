// A set of items on disk: its folder, and the manifests that trainers read (docs/spec/data.md section 8,
// docs/spec/training.md section 7).
//
// A set folder has items.jsonl (the side file, sorted by id) and records.jsonl (what the items ask about).
// Everything is written beside and renamed, and streamed: a million items are one pass. Thread rule: free
// functions.
//
//   const ItemSet set = read_item_set("data/skills");
//   write_af2_manifests("data/skills", "AudioSkills", set.items);   // AudioSkills-temporal/train.json ...
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "af2/data/manifest.h"
#include "af2/data/record.h"
#include "af2/data/vocabulary.h"
#include "af2/factory/item.h"

namespace af2 {

struct ItemSet {
  std::filesystem::path folder;  // that audio paths are relative to
  std::vector<Item> items;       // sorted by id
  std::vector<Record> records;   // empty where there is no records.jsonl
};

// A folder with items.jsonl, or such a file itself.
bool is_item_set(const std::filesystem::path& path);
// Throws kData naming file and line: no items, what item_from_json() or record_from_json() refuse, an id
// twice.
ItemSet read_item_set(const std::filesystem::path& path);

// The lines of such files one by one, in the order of the file, with the same errors; what stands before a
// fault has been given when it throws.
void for_each_item(const std::filesystem::path& file, const std::function<void(Item&& item)>& give);
void for_each_record(const std::filesystem::path& file, const std::function<void(Record&& record)>& give);

// items.jsonl and, where there are records, records.jsonl, each sorted by id. Throws kResource.
void write_item_set(const std::filesystem::path& folder, const std::vector<Item>& items,
                    const std::vector<Record>& records);
// The same with those of the records that an item asks about.
void write_asked_set(const std::filesystem::path& folder, const std::vector<Item>& items,
                     const std::vector<Record>& records);
void write_items(const std::filesystem::path& file, const std::vector<Item>& items);

// An item as a manifest has it, with all that a line has a place for.
ManifestItem manifest_item(const Item& item);
// One line an item: audio, prompt, output, start, duration, id, task (the skill), meta (type, level, form,
// and with `words` lead: lead.h).
void write_jsonl_manifest(const std::filesystem::path& file, const std::vector<Item>& items);
// The same with `lead` in meta (lead.h); `records` as far as they are known.
void write_jsonl_manifest(const std::filesystem::path& file, const std::vector<Item>& items,
                          const std::vector<Record>& records, const Vocabulary& words);
// AF2 JSON, one file a skill and split, "NAME-SKILL/SPLIT.json" below `folder`; items without a split are
// train. split_path is the first folder that all their sounds share, and names are relative to it. Gives the
// files' names, sorted.
std::vector<std::string> write_af2_manifests(const std::filesystem::path& folder, const std::string& name,
                                             const std::vector<Item>& items);
// Conversations as Audio Flamingo 3 reads them. They know whole files only: items about a stretch are left
// out; gives their number.
std::int64_t write_af3_manifest(const std::filesystem::path& file, const std::vector<Item>& items);

}  // namespace af2
