// The folder of a job that may be cut and go on: what was asked for stands in config.json, and a rerun that
// asks for something else is refused.
//
// Not for what a job makes (clap_job.h). Thread rule: one job a folder.
//
//   open_job_folder("data/scenes", {{"seed", 1}, {"n", 100}});
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "af2/core/json.h"

namespace af2 {

// Creates the folder, and config.json, and removes what a killed run left half written (NAME.tmp123); throws
// kUser, naming keys, where it holds another job.
void open_job_folder(const std::filesystem::path& out, const Json& config);
// A folder that must be there, for more of the same job: what config.json says of the `free` keys may differ.
// Throws kUser as above, and where there is no config.json.
void reopen_job_folder(const std::filesystem::path& out, Json config, const std::vector<std::string>& free);

}  // namespace af2
