#include "af2/io/atomic_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/file.h"

namespace af2 {
namespace {

constexpr std::size_t kBuffer = 1 << 20;

Error failed(const char* what, const std::filesystem::path& path, const char* hint = "") {
  return resource_error(std::string(what) + ": " + std::strerror(errno), path.string(), hint);
}

void write_all(int fd, const char* data, std::size_t size, const std::filesystem::path& path) {
  while (size > 0) {
    const ssize_t n = ::write(fd, data, size);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) throw failed("cannot write", path, "free some disk space");
    data += n;
    size -= static_cast<std::size_t>(n);
  }
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path path)
    : path_(std::move(path)), temporary_(path_.string() + ".tmp" + std::to_string(::getpid())) {
  fd_ = ::open(temporary_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd_ < 0) throw failed("cannot create", path_, "check the folder and its permissions");
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  const auto* data = reinterpret_cast<const char*>(bytes.data());
  written_ += bytes.size();
  if (buffer_.size() + bytes.size() > kBuffer) flush();
  if (bytes.size() > kBuffer)
    write_all(fd_, data, bytes.size(), path_);
  else if (!bytes.empty())
    buffer_.append(data, bytes.size());
}

void AtomicFile::write_zeros(std::size_t count) {
  write(std::string(count, '\0'));
}

void AtomicFile::flush() {
  write_all(fd_, buffer_.data(), buffer_.size(), path_);
  buffer_.clear();
}

void AtomicFile::commit() {
  if (fd_ < 0) throw internal_error("committed twice", path_.string());
  flush();
  if (::fsync(fd_) != 0) throw failed("cannot sync to disk", path_);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0)
    throw failed("cannot rename the finished file", path_);
  ::close(std::exchange(fd_, -1));
  sync_path(path_.parent_path().empty() ? std::filesystem::path(".") : path_.parent_path());
}

}  // namespace af2
