// The files of a benchmark below its root: listed ones, `*` of globs, `{hole}` of names.
//
// Not what stands in them (benchmark_rows.h). Paths are relative to the root, with `/`, sorted. Thread rule:
// free functions.
//
//   for (const std::string& file : files_matching("/data/gtzan", "genres*/*/*.wav"))
//     const auto holes = holes_of_name("{dir}/{label}/{name}.{n}.wav", file);   // holes->at("label")
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace af2 {

// A path below the root in its plain form: "a/./b//c" is "a/b/c". Throws kData naming `where` when it is
// absolute or leads out of the root.
std::string path_below_root(const std::string& path, const std::string& where);

// Files whose path fits: `*` is any text without `/`. Hidden files fit only a name that begins with a dot.
std::vector<std::string> files_matching(const std::filesystem::path& root, const std::string& glob);

// The texts of the holes when the whole path fits: each the shortest that lets the rest fit, without `/`, at
// least one character; a hole that is named twice has one text. A name without holes fits itself.
std::optional<std::map<std::string, std::string>> holes_of_name(const std::string& pattern,
                                                                const std::string& path);

struct DataFile {
  std::string path;
  std::string name;  // what `file_as` gives the rows: the hole of that name, the file's stem, or its folder
};
// The files that `files` names (names, globs, holes). Where stems are the same in all, their folders tell
// them apart. Throws kData naming the root: one is missing; `hint` says where they come from.
std::vector<DataFile> find_data_files(const std::filesystem::path& root,
                                      const std::vector<std::string>& files, const std::string& file_as,
                                      const std::string& hint);

// The sound files that a list names, by their base names: every text of a JSON file, or the first cell of
// every line, that ends in a sound's ending. Throws kData.
std::vector<std::string> listed_sounds(const std::filesystem::path& file);

}  // namespace af2
