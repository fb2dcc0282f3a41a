// Members of tar shards (WebDataset): a list made by one pass, and any member read later at its place.
//
// Plain tar only: a compressed one has no places to go to. Links, folders and other things that are no files
// are left out. Thread rule: free functions; members may be read from any thread.
//
//   for (const TarMember& member : list_tar("clips-000.tar")) use(member.name, member.bytes);
//   const std::string json = read_tar_member("clips-000.tar", members[0]);
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace af2 {

struct TarMember {
  std::string name;
  std::uint64_t header = 0;  // where its first header block begins
  std::uint64_t bytes = 0;   // of its content
};

// In the order of the file. Throws kData: cannot be opened, compressed or no tar, cut (naming the byte and
// the member), more than 2^24 members; kResource where this build has no libarchive.
std::vector<TarMember> list_tar(const std::filesystem::path& path);

// The content of a member of that file. Throws kData when something else lies there now, or less.
std::string read_tar_member(const std::filesystem::path& path, const TarMember& member);

bool built_with_archive();

}  // namespace af2
