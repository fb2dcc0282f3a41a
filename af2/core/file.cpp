#include "af2/core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "af2/core/error.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

std::string reason() {
  return std::strerror(errno);
}

// An open descriptor that closes itself.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

}  // namespace

std::string read_file(const fs::path& path) {
  if (fs::is_directory(path)) throw data_error("is a folder, not a file", path.string());
  std::ifstream in(path, std::ios::binary);
  if (!in) throw data_error("cannot open: " + reason(), path.string(), "check the path and permissions");
  std::string bytes((std::istreambuf_iterator<char>(in)), std::istreambuf_iterator<char>());
  if (in.bad()) throw data_error("cannot read: " + reason(), path.string());
  return bytes;
}

void sync_path(const fs::path& path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0 || ::fsync(fd.get()) != 0)
    throw resource_error("cannot sync to disk: " + reason(), path.string());
}

void write_file_atomic(const fs::path& path, std::string_view bytes) {
  const fs::path tmp = path.string() + ".tmp" + std::to_string(::getpid());
  try {
    Descriptor fd(::open(tmp.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (fd.get() < 0) throw resource_error("cannot create: " + reason(), path.string());
    for (std::size_t done = 0; done < bytes.size();) {
      const ssize_t n = ::write(fd.get(), bytes.data() + done, bytes.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) throw resource_error("cannot write: " + reason(), path.string(), "free some disk space");
      done += static_cast<std::size_t>(n);
    }
    if (::fsync(fd.get()) != 0) throw resource_error("cannot sync to disk: " + reason(), path.string());
    if (::rename(tmp.c_str(), path.c_str()) != 0)
      throw resource_error("cannot rename the finished file: " + reason(), path.string());
  } catch (...) {
    ::unlink(tmp.c_str());
    throw;
  }
  sync_path(path.parent_path().empty() ? fs::path(".") : path.parent_path());
}

fs::path program_dir() {
  std::error_code error;
  const fs::path exe = fs::read_symlink("/proc/self/exe", error);
  return error ? fs::current_path() : exe.parent_path();
}

MappedFile::MappedFile(const fs::path& path) : path_(path) {
  Descriptor fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (fd.get() < 0) throw data_error("cannot open: " + reason(), path.string(), "check the path");
  struct stat info {};
  if (::fstat(fd.get(), &info) != 0) throw data_error("cannot stat: " + reason(), path.string());
  if (!S_ISREG(info.st_mode)) throw data_error("is not a regular file", path.string());
  size_ = static_cast<std::size_t>(info.st_size);
  if (size_ == 0) return;
  void* data = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (data == MAP_FAILED) throw resource_error("cannot map: " + reason(), path.string());
  data_ = static_cast<const std::byte*>(data);
}

MappedFile::~MappedFile() {
  if (data_) ::munmap(const_cast<std::byte*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : path_(std::move(other.path_)),
      data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  return *this;
}

void MappedFile::release(std::size_t offset, std::size_t size) const {
  const std::size_t page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const std::size_t first = (offset + page - 1) / page * page;
  const std::size_t last = (offset + size) / page * page;
  if (data_ && last > first) ::madvise(const_cast<std::byte*>(data_) + first, last - first, MADV_DONTNEED);
}

}  // namespace af2
