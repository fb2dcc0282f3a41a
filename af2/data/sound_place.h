// Where a sound lies: a file, or a member of a tar shard, as one text; and opening either.
//
// "clips-000.tar#000012.flac@20480+91234": member, where its header begins, bytes of its content. Such a text
// is made from the list of a shard (tar_shard.h), made once; the member is then read at its place, so that
// any item can be drawn and a run resumes exactly. Not for writing. Thread rule: free functions.
//
//   item.audio = tar_place("clips-000.tar", member);
//   const Clip clip = decode_place(item.audio, options);
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "af2/audio/decode.h"
#include "af2/data/tar_shard.h"

namespace af2 {

std::string tar_place(const std::filesystem::path& shard, const TarMember& member);

struct TarPlace {
  std::filesystem::path shard;
  TarMember member;
};
// Nothing where the text is no such place: then it is a file's path.
std::optional<TarPlace> parse_tar_place(const std::string& audio);

// The file that must be there: the shard, or the sound itself.
std::filesystem::path file_of_place(const std::string& audio);
// The sound's own name: "000012.flac".
std::string name_of_place(const std::string& audio);
// As decode_file. Throws kData also where a shard holds something else at the place now.
Clip decode_place(const std::string& audio, const DecodeOptions& options);

}  // namespace af2
