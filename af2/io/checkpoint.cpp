#include "af2/io/checkpoint.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/io/strict_json.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr const char* kDone = "DONE";
constexpr const char* kFiles = "files.json";

fs::path parent_of(const fs::path& path) {
  return path.parent_path().empty() ? fs::path(".") : path.parent_path();
}

void check(const std::error_code& error, const char* what, const fs::path& path) {
  if (error) throw resource_error(std::string(what) + ": " + error.message(), path.string());
}

// Relative paths of the files (sorted) and folders below `folder`.
struct Listing {
  std::vector<std::string> files;
  std::vector<fs::path> folders;
};

Listing list(const fs::path& folder) {
  Listing result;
  std::error_code error;
  for (fs::recursive_directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_directory(ignored) && !it->is_symlink(ignored))
      result.folders.push_back(it->path());
    else
      result.files.push_back(it->path().lexically_relative(folder).generic_string());
  }
  if (error) throw data_error("cannot list the folder: " + error.message(), folder.string());
  std::sort(result.files.begin(), result.files.end());
  return result;
}

void create_empty(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) throw resource_error("cannot create: " + std::string(std::strerror(errno)), path.string());
  const int synced = ::fsync(fd);
  const int why = errno;
  ::close(fd);
  if (synced != 0)
    throw resource_error("cannot sync to disk: " + std::string(std::strerror(why)), path.string());
  sync_path(parent_of(path));
}

}  // namespace

CheckpointWriter::CheckpointWriter(fs::path folder) : folder_(std::move(folder)) {
  if (!folder_.has_filename()) folder_ = folder_.parent_path();  // "step-1/"
  temporary_ = folder_.string() + ".tmp";
  if (is_complete(folder_))
    throw user_error("the checkpoint exists already", folder_.string(), "remove it or choose another folder");
  std::error_code error;
  fs::remove_all(temporary_, error);
  check(error, "cannot remove what an earlier run left", temporary_);
  fs::create_directories(temporary_, error);
  check(error, "cannot create the folder", temporary_);
}

CheckpointWriter::~CheckpointWriter() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temporary_, ignored);
}

void CheckpointWriter::commit() {
  if (committed_) throw internal_error("committed twice", folder_.string());
  const Listing listing = list(temporary_);
  nlohmann::json files = nlohmann::json::object();
  for (const std::string& name : listing.files) {
    const fs::path path = temporary_ / name;
    if (name == kDone || name == kFiles || !fs::is_regular_file(fs::symlink_status(path)))
      throw internal_error("a checkpoint must not hold this file", path.string());
    sync_path(path);
    files[name] = {{"size", fs::file_size(path)}, {"sha256", sha256_file(path)}};
  }
  write_file_atomic(temporary_ / kFiles, nlohmann::json{{"files", files}}.dump(1) + "\n");
  for (const fs::path& folder : listing.folders) sync_path(folder);
  sync_path(temporary_);

  std::error_code error;
  fs::remove_all(folder_, error);  // without DONE: seen in the constructor
  check(error, "cannot remove the incomplete folder", folder_);
  fs::rename(temporary_, folder_, error);
  check(error, "cannot rename the finished folder", folder_);
  committed_ = true;
  sync_path(parent_of(folder_));
  create_empty(folder_ / kDone);
}

bool is_complete(const fs::path& folder) {
  std::error_code ignored;
  return fs::is_regular_file(folder / kDone, ignored);
}

LatestCheckpoint latest_complete(const fs::path& run_folder) {
  LatestCheckpoint result;
  std::error_code error;
  if (!fs::exists(run_folder, error)) return result;
  constexpr std::string_view kPrefix = "step-";
  for (fs::directory_iterator it(run_folder, error), end; !error && it != end; it.increment(error)) {
    const std::string name = it->path().filename().string();
    std::error_code ignored;
    if (!name.starts_with(kPrefix) || !it->is_directory(ignored)) continue;
    std::int64_t step = -1;
    const char *first = name.data() + kPrefix.size(), *last = name.data() + name.size();
    const auto [rest, failed] = std::from_chars(first, last, step);
    if (failed != std::errc{} || rest != last || *first < '0' || *first > '9') {
      result.notices.push_back(name + ": skipped, " +
                               (name.ends_with(".tmp") ? "it was not finished" : "not the name of a step"));
    } else if (!is_complete(it->path())) {
      result.notices.push_back(name + ": skipped, it has no DONE");
    } else if (step > result.step) {
      result.step = step;
      result.folder = run_folder / name;
    }
  }
  if (error) throw data_error("cannot list the folder: " + error.message(), run_folder.string());
  std::sort(result.notices.begin(), result.notices.end());
  return result;
}

void verify(const fs::path& folder, CheckDepth depth) {
  if (!is_complete(folder))
    throw model_error("the checkpoint has no DONE", folder.string(), "use a complete one");
  const fs::path index = folder / kFiles;
  if (!fs::is_regular_file(index)) throw model_error("the checkpoint has no files.json", folder.string());
  const nlohmann::json json = read_strict_json(index);
  if (!json.is_object() || !json.contains("files") || !json["files"].is_object())
    throw model_error("has no object \"files\"", index.string());
  const nlohmann::json& files = json["files"];

  std::string problems;
  const auto problem = [&](const std::string& text) { problems += (problems.empty() ? "" : ", ") + text; };
  std::vector<std::string> present = list(folder).files;
  for (const auto& [name, entry] : files.items()) {
    if (!entry.is_object() || !entry.contains("size") || !entry["size"].is_number_unsigned() ||
        !entry.contains("sha256") || !entry["sha256"].is_string())
      throw model_error("the entry of " + name + " lacks size or sha256", index.string());
    // Only names that the listing found are opened: "../x" or "/x" count as missing.
    if (!std::binary_search(present.begin(), present.end(), name)) {
      problem(name + " is missing");
      continue;
    }
    const fs::path path = folder / name;
    std::error_code error;
    const auto size = fs::is_regular_file(path, error) ? fs::file_size(path, error) : 0;
    if (error || size != entry["size"].get<std::uint64_t>())
      problem(name + " has " + std::to_string(size) + " of " + entry["size"].dump() + " bytes");
    else if (depth == CheckDepth::kHashes && sha256_file(path) != entry["sha256"].get<std::string>())
      problem(name + " has another SHA-256");
  }
  for (const std::string& name : present)
    if (name != kDone && name != kFiles && !files.contains(name)) problem(name + " is not listed");
  if (!problems.empty())
    throw model_error("the checkpoint was changed: " + problems, folder.string(), "use another one");
}

}  // namespace af2
