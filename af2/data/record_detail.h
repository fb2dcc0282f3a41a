// What the readers of records share; not for others (af2/data/record_readers.h).
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "af2/data/record.h"

namespace af2::detail {

// One file each; `where` is its path. Labels are as the file has them.
std::vector<Record> records_of_table(const std::string& text, char separator, const std::string& format,
                                     const std::string& where, RecordCounts& counts);
std::vector<Record> records_of_lines(const std::string& text, const std::string& format,
                                     const std::string& where, RecordCounts& counts);
Record record_of_jams(const std::string& text, const std::filesystem::path& path, RecordCounts& counts);
Record record_of_audacity(const std::string& text, const std::filesystem::path& path);
Record record_of_subtitles(const std::string& text, const std::filesystem::path& path);

// Music metadata of one row, from keys as sets name them. Leaves what it does not know.
void take_music(const Json& row, Record& record, const std::string& where, RecordCounts& counts);

// "3/4" of beats that are numbered within their bars, two whole bars at least and all alike; else empty.
std::string metre_of(std::vector<RecordBeat> beats);

// "C:maj" and "C:min7" as people write them: C, Cm7; "N": "".
std::string chord_name(const std::string& harte);

}  // namespace af2::detail
