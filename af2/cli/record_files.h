// Files and folders of records that verbs of `data` take with --records.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/core/json.h"
#include "af2/data/record.h"

namespace af2 {

// Records of all files, by id, their sounds as paths from the folder `out`; ids of a folder's records begin
// with its name. Files and their hashes go into inputs["records"]. Throws kData for an id of two files.
std::vector<Record> read_record_files(const std::vector<std::string>& names, const std::filesystem::path& out,
                                      Json& inputs, RecordCounts& counts);

}  // namespace af2
