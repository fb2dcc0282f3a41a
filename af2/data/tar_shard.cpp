#include "af2/data/tar_shard.h"

#ifdef AF2_WITH_ARCHIVE
#include <archive.h>
#include <archive_entry.h>
#endif

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {

#ifdef AF2_WITH_ARCHIVE
namespace {

constexpr std::size_t kBlock = 1 << 16;
constexpr std::size_t kMostMembers = std::size_t{1} << 24;

// A file from some byte on, as libarchive reads it.
class Stream {
 public:
  Stream(const std::filesystem::path& path, std::uint64_t from)
      : fd_(::open(path.c_str(), O_RDONLY | O_CLOEXEC)), at_(static_cast<off_t>(from)) {
    if (fd_ < 0)
      throw data_error(std::string("cannot open: ") + std::strerror(errno), path.string(), "check the path");
    end_ = ::lseek(fd_, 0, SEEK_END);
  }
  ~Stream() { ::close(fd_); }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  std::uint64_t size() const { return static_cast<std::uint64_t>(end_); }
  // Whether it ends in a block of zeros, as every tar does.
  bool ends_empty() const {
    char block[512];
    return end_ >= 512 && ::pread(fd_, block, sizeof block, end_ - 512) == 512 &&
           std::all_of(block, block + sizeof block, [](char c) { return c == 0; });
  }

  static la_ssize_t read(archive* a, void* self, const void** block) {
    auto& stream = *static_cast<Stream*>(self);
    const ssize_t n = ::pread(stream.fd_, stream.block_, kBlock, stream.at_);
    if (n < 0) {
      archive_set_error(a, errno, "%s", std::strerror(errno));
      return -1;
    }
    stream.at_ += n;
    *block = stream.block_;
    return n;
  }
  static la_int64_t skip(archive*, void* self, la_int64_t bytes) {
    auto& stream = *static_cast<Stream*>(self);
    const la_int64_t n = std::min<la_int64_t>(bytes, std::max<off_t>(0, stream.end_ - stream.at_));
    stream.at_ += n;
    return n;
  }

 private:
  int fd_;
  off_t at_, end_ = 0;
  char block_[kBlock];
};

struct FreeArchive {
  void operator()(archive* a) const { archive_read_free(a); }
};
using ArchiveReader = std::unique_ptr<archive, FreeArchive>;

ArchiveReader open_tar(Stream& stream, const std::string& where) {
  ArchiveReader reader(archive_read_new());
  archive_read_support_format_tar(reader.get());
  archive_read_support_filter_none(reader.get());
  if (archive_read_open2(reader.get(), &stream, nullptr, Stream::read, Stream::skip, nullptr) != ARCHIVE_OK)
    throw data_error(std::string("cannot be read as tar (") + archive_error_string(reader.get()) + ")", where,
                     "give a plain .tar, not a compressed one");
  return reader;
}

std::string message_of(archive* a) {
  const char* text = archive_error_string(a);
  return text ? text : "no reason given";
}

}  // namespace

std::vector<TarMember> list_tar(const std::filesystem::path& path) {
  Stream stream(path, 0);
  const std::string where = path.string();
  const ArchiveReader reader = open_tar(stream, where);
  std::vector<TarMember> members;
  archive_entry* entry = nullptr;
  for (;;) {
    const int code = archive_read_next_header(reader.get(), &entry);
    if (code == ARCHIVE_EOF) break;
    if (code != ARCHIVE_OK && code != ARCHIVE_WARN)
      throw data_error(
          "is damaged as tar after " + std::to_string(members.size()) + " members, near byte " +
              std::to_string(archive_read_header_position(reader.get())) + " (" + message_of(reader.get()) +
              ")",
          where,
          members.empty() ? "give a plain .tar, not a compressed one" : "copy or make the shard again");
    if (archive_entry_filetype(entry) != AE_IFREG || archive_entry_hardlink(entry)) continue;
    TarMember member;
    const char* name = archive_entry_pathname(entry);
    member.name = name ? name : "";
    member.header = static_cast<std::uint64_t>(archive_read_header_position(reader.get()));
    member.bytes = static_cast<std::uint64_t>(std::max<la_int64_t>(0, archive_entry_size(entry)));
    if (member.bytes > stream.size() || member.header + 512 > stream.size() - member.bytes)
      throw data_error("is cut inside member " + printable(member.name) + " (file of " +
                           std::to_string(stream.size()) + " bytes, member of " +
                           std::to_string(member.bytes) + " from byte " + std::to_string(member.header) + ")",
                       where, "copy or make the shard again");
    members.push_back(std::move(member));
    if (members.size() > kMostMembers)
      throw data_error("has more than 2^24 members", where, "make several shards of it");
  }
  if (!members.empty() && !stream.ends_empty())
    throw data_error("has no end mark after its " + std::to_string(members.size()) + " members: it is cut",
                     where, "copy or make the shard again");
  if (members.empty())
    throw data_error("has no files in it", where, "give a plain .tar with .json and audio");
  return members;
}

std::string read_tar_member(const std::filesystem::path& path, const TarMember& member) {
  Stream stream(path, member.header);
  const std::string where = path.string() + ":" + printable(member.name);
  const auto moved = [&] {
    return data_error("is not where it was", where, "the shard changed while it was in use: start again");
  };
  if (member.header + 512 > stream.size()) throw moved();
  const ArchiveReader reader = open_tar(stream, where);
  archive_entry* entry = nullptr;
  const int code = archive_read_next_header(reader.get(), &entry);
  if (code != ARCHIVE_OK && code != ARCHIVE_WARN) throw moved();
  const char* name = archive_entry_pathname(entry);
  if (!name || member.name != name || archive_entry_size(entry) != static_cast<la_int64_t>(member.bytes))
    throw moved();
  std::string content(member.bytes, '\0');
  std::size_t done = 0;
  while (done < content.size()) {
    const la_ssize_t n = archive_read_data(reader.get(), content.data() + done, content.size() - done);
    if (n <= 0)
      throw data_error("ends after " + std::to_string(done) + " of " + std::to_string(content.size()) +
                           " bytes (" + message_of(reader.get()) + ")",
                       where, "copy or make the shard again");
    done += static_cast<std::size_t>(n);
  }
  return content;
}

bool built_with_archive() {
  return true;
}

#else

namespace {
Error none(const std::filesystem::path& path) {
  return resource_error("this build reads no tar shards", path.string(), "build with AF2_WITH_ARCHIVE");
}
}  // namespace

std::vector<TarMember> list_tar(const std::filesystem::path& path) {
  throw none(path);
}

std::string read_tar_member(const std::filesystem::path& path, const TarMember&) {
  throw none(path);
}

bool built_with_archive() {
  return false;
}

#endif

}  // namespace af2
