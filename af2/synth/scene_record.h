// What is known of a planned scene, as a record and in the layouts of others: JAMS (scaper) and DCASE tsv
// (docs/spec/data.md section 5).
//
// Needs no rendering. Times are the shortest decimals that name their sample. Thread rule: free functions.
//
//   const Record record = record_of(plan, library, "000017", "audio/000017.wav");
//   write_file_atomic("jams/000017.jams", jams_of(plan, library, record.id));
#pragma once

#include <cstdint>
#include <string>

#include "af2/data/record.h"
#include "af2/synth/scene_plan.h"

namespace af2 {

// Seconds of a sample: "1.25", "0.00006". The double of it rounds back to the sample.
std::string time_text(std::int64_t sample, int rate_hz);
double time_of(std::int64_t sample, int rate_hz);

// Recorded backgrounds are events of role "background"; noise is none. all_labelled is set; source, licence,
// attribution and group are those of all takes, joined.
Record record_of(const ScenePlan& plan, const SoundLibrary& library, const std::string& id,
                 const std::string& audio);

// A JAMS file of one annotation, namespace "scaper", that af2/data/record_readers.h and other software read.
std::string jams_of(const ScenePlan& plan, const SoundLibrary& library, const std::string& id);

// Lines of a DCASE table, without its header: filename, onset, offset, event_label.
inline constexpr const char* kDcaseHeader = "filename\tonset\toffset\tevent_label\n";
std::string dcase_lines(const ScenePlan& plan, const SoundLibrary& library, const std::string& filename);

}  // namespace af2
