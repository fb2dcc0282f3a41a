#include "af2/core/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>
#include <mutex>
#include <system_error>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/pages.h"

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

namespace {

// What is mapped, so that release_mapped never touches other memory.
class Mappings {
 public:
  void add(const std::byte* data, std::size_t size) {
    const std::lock_guard lock(mutex_);
    sizes_[data] = size;
  }
  void remove(const std::byte* data) {
    const std::lock_guard lock(mutex_);
    sizes_.erase(data);
  }
  bool hold(std::span<const std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    auto after = sizes_.upper_bound(bytes.data());
    if (after == sizes_.begin()) return false;
    const auto& [data, size] = *--after;
    return bytes.data() + bytes.size() <= data + size;
  }

 private:
  std::mutex mutex_;
  std::map<const std::byte*, std::size_t, std::less<>> sizes_;
};

Mappings& mappings() {
  static Mappings all;
  return all;
}

void drop_pages(const std::byte* begin, const std::byte* end) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = (reinterpret_cast<std::uintptr_t>(begin) + page - 1) / page * page;
  const auto last = reinterpret_cast<std::uintptr_t>(end) / page * page;
  if (last > first) ::madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
}

}  // namespace

void release_mapped(std::span<const std::byte> bytes) {
  if (!bytes.empty() && mappings().hold(bytes)) drop_pages(bytes.data(), bytes.data() + bytes.size());
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
  mappings().add(data_, size_);
}

MappedFile::~MappedFile() {
  if (!data_) return;
  mappings().remove(data_);
  ::munmap(const_cast<std::byte*>(data_), size_);
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
  if (data_) drop_pages(data_ + offset, data_ + offset + size);
}

}  // namespace af2
