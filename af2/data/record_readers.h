// Annotations as their owners publish them, read into records (docs/spec/data.md section 1).
//
// | format | files | known by |
// | records | .jsonl | key `id` (af2/data/record.h) |
// | events | .tsv, .csv: filename, onset, offset, event_label (DCASE) | those columns |
// | audioset_strong | .tsv, .csv: segment_id, start(_time_seconds), end(_time_seconds), label | segment_id |
// | captions | .csv: file_name, caption or caption_1, caption_2 ... (Clotho) | those columns |
// | audiocaps | .csv: youtube_id, start_time, caption | youtube_id |
// | music | .jsonl, .csv: genre, instrument, mood, tempo or bpm, key; MusicBench's location, main_caption,
// beats, chords | those | | labels | .csv, .tsv: a file and label or labels | those columns | | jams | .jams:
// scaper, segment_open, tag_*, beat*, chord*, key_mode, tempo, note_*, pitch_midi, lyrics | the ending | |
// audacity | .txt: begin, end, label a line | two numbers first | | subtitles | .vtt, .srt | the ending |
//
// A folder is read file by file; records of one id are put together. What cannot be is left out and counted
// (tidy()); a file that is no such thing at all is an error naming file and line. Thread rule: free
// functions.
//
//   RecordCounts counts;
//   const auto records = read_records("dcase/strong.tsv", {.audio = "dcase/audio"}, counts);
#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <vector>

#include "af2/data/record.h"

namespace af2 {

struct RecordInputs {
  std::string format = "auto";
  std::string audio = "";  // folder of the sounds, looked through by name; else paths stay as they are
  std::string names = "";  // table of machine ids and names: /m/0bt9lr <tab> Dog
  std::string only = "";   // list of ids: other records are left where they are
  std::string source = "", licence = "";  // of records that do not say
  bool all_labelled = false;              // their events are all that sounds

  template <class V>
  void visit(V& v) {
    v.field("format", format,
            "records, events, audioset_strong, captions, audiocaps, music, labels, jams, "
            "audacity, subtitles, or auto");
    v.field("audio", audio, "folder of the sounds, looked through by name");
    v.field("names", names, "table of machine ids and names of labels");
    v.field("only", only, "list of ids: the records that are wanted");
    v.field("source", source, "of records that do not say where they come from");
    v.field("licence", licence, "of records that do not say");
    v.field("all_labelled", all_labelled, "events are all that sounds");
  }
};

// Ids of a file, a line each: the id alone, or an object with `id`, as `data select` writes. Throws kData
// naming file and line: no id, an id twice, none at all.
std::set<std::string> read_id_list(const std::filesystem::path& path);

// Tidy, by id; with `only` those of its ids, and "wanted_but_not_there" counts the others. Throws kUser for
// an unknown format, kData naming file and line for what cannot be read.
std::vector<Record> read_records(const std::filesystem::path& path, const RecordInputs& inputs,
                                 RecordCounts& counts);

}  // namespace af2
