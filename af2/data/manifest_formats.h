// Manifests of others, read into the one form and written from it (docs/spec/training.md section 7).
//
//   jsonl  af2/data/manifest.h
//   af2    {split, split_path, flamingo_task, total_num, data: {"0": {name, prompt, output, duration?, ...}}}
//   af3    list of {id, sound, duration, conversations: [{from: human or gpt, value}]}
//   ltu    list of {audio_id, instruction, output, input?, dataset?, task?}; LTU and GAMA
//   tar    WebDataset: a sound and .json or .txt of one name; read only, the sounds are written out or stay
//   table  csv or tsv of sounds with questions or labels (manifest_table.h); read only
//
// What cannot be taken is left out, counted by reason, with the first place it was met; a file that is no
// such manifest is an error. Not for sets of items (af2/factory/set_files.h). Thread rule: free functions.
//
//   RecordCounts counts;
//   ManifestRead options{.turns = "each"};
//   const std::vector<ManifestItem> items = read_any_manifest("train.json", options, counts);
//   write_any_manifest("train.jsonl", "jsonl", items, {}, counts);
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "af2/data/manifest.h"
#include "af2/data/record.h"

namespace af2 {

struct ManifestRead {
  std::string format = "auto";   // or a name of the table above
  std::string audio = "";        // folder that sounds are relative to; else the manifest's, or the one above
  std::string turns = "reject";  // of af3 with several questions: reject, first, each
  std::string prompt = "";       // of items that are a sound and a text or labels alone (tar, table)
  std::string sounds = "";       // folder that a tar's sounds are written to
  bool in_place = false;         // a tar's sounds stay in it (sound_place.h) where `sounds` is empty; no key

  template <class V>
  void visit(V& v) {
    v.field("format", format, "auto, jsonl, af2, af3, ltu, tar or table");
    v.field("audio", audio, "folder that sounds are relative to; else the manifest's, or the one above");
    v.field("turns", turns, "of conversations with several questions: reject, first or each");
    v.field("prompt", prompt, "question of items that are a sound and a text, or labels, alone (tar, table)");
    v.field("sounds", sounds, "folder that a tar's sounds are written to");
  }
};

// Items with sounds as paths that can be opened from here. Counted reasons: key_missing, wrong_type,
// prompt_empty, output_empty, bad_time, id_twice (all formats); sounds_none, sounds_several, turns_several,
// turns_out_of_order (af3); sound_missing, text_missing (tar). Throws kUser for options, kData naming file
// and line or key: not such a manifest, nothing in it, af2's total_num another number than its items.
std::vector<ManifestItem> read_any_manifest(const std::filesystem::path& path, const ManifestRead& options,
                                            RecordCounts& counts);
// The same one by one, in the order of the file: lines of jsonl are not kept. What stands before a fault of
// the file has been given when it throws.
using ManifestSink = std::function<void(ManifestItem&& item)>;
void for_each_manifest_item(const std::filesystem::path& path, const ManifestRead& options,
                            RecordCounts& counts, const ManifestSink& sink);
// The format by ending and content. Throws kData for one that is none of them.
std::string manifest_format(const std::filesystem::path& path);

struct ManifestWrite {
  std::string split = "train";  // of af2
  std::string task = "";        // of af2; else the task that all items share, or "AF2"
  std::string outputs =
      "reject";  // of items with several answers, where a format takes one: reject, first, each

  template <class V>
  void visit(V& v) {
    v.field("split", split, "name of the split, of af2");
    v.field("task", task, "flamingo_task, of af2");
    v.field("outputs", outputs, "of items with several answers: reject, first or each");
  }
};

// Sounds become relative to the file's folder. A duration that is not known is read from
// the sound. Counted: outputs_several (not jsonl), stretch (af3 and ltu know whole files only),
// duration_unknown (af2 and af3 need one); and, without leaving the item out, lost_meta, lost_id, lost_task
// where a format has no place for them. Gives the number of items written. Throws kUser for an unknown
// format, kData when no item is left, kResource.
std::size_t write_any_manifest(const std::filesystem::path& path, const std::string& format,
                               const std::vector<ManifestItem>& items, const ManifestWrite& options,
                               RecordCounts& counts);

// Opens a sound: why it cannot be heard (audio_missing, audio_unreadable), or its whole length.
struct SoundLook {
  std::string problem;
  double seconds = 0;
};
SoundLook look_at_sound(const std::filesystem::path& file);

// Opens every sound once: counts audio_missing, audio_unreadable, and duration_differs (by more than 0.5 s);
// with `drop`, items of the first two are left out.
void verify_sounds(std::vector<ManifestItem>& items, bool drop, RecordCounts& counts);

}  // namespace af2
