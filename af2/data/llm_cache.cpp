#include "af2/data/llm_cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/log.h"
#include "af2/core/text_util.h"

namespace af2 {

LineFile::LineFile(const std::filesystem::path& path) : path_(path) {
  fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  if (fd_ < 0)
    throw resource_error(std::string("cannot be written: ") + std::strerror(errno), path.string(),
                         "check folder and permissions");
  if (::flock(fd_, LOCK_EX | LOCK_NB) != 0) {
    ::close(fd_);
    throw resource_error("is in use by another run", path.string(), "wait for it, or name another folder");
  }
}

LineFile::~LineFile() {
  ::close(fd_);
}

void LineFile::for_each_line(const std::function<void(const std::string&)>& use) {
  const std::string text = read_file(path_);
  std::size_t at = 0;
  for (std::size_t end; (end = text.find('\n', at)) != std::string::npos; at = end + 1) {
    try {
      if (end > at) use(text.substr(at, end - at));
    } catch (const std::exception&) {
      ++broken_;
    }
  }
  if (at < text.size()) {
    warning("{}: the last line was cut ({} bytes) and is dropped", path_.string(), text.size() - at);
    if (::ftruncate(fd_, static_cast<off_t>(at)) != 0)
      throw resource_error(std::string("cannot be written: ") + std::strerror(errno), path_.string(),
                           "check permissions");
  }
  if (broken_ > 0) warning("{}: {} lines are damaged and do not count", path_.string(), broken_);
}

void LineFile::append(const std::string& line) {
  const std::string whole = line + "\n";
  for (std::size_t done = 0; done < whole.size();) {
    const ssize_t n = ::write(fd_, whole.data() + done, whole.size() - done);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0)
      throw resource_error(std::string("cannot write: ") + std::strerror(errno), path_.string(),
                           "free some disk space and run again");
    done += static_cast<std::size_t>(n);
  }
  ::fdatasync(fd_);
}

LlmCache::LlmCache(const std::filesystem::path& path)
    : file_(path, [this](const std::string& line) {
        const Json json = Json::parse(line);
        replies_.emplace(json.at("key").get<std::string>(), json.at("reply").dump());
      }) {}

std::optional<Json> LlmCache::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto found = replies_.find(key);
  if (found == replies_.end()) return std::nullopt;
  return Json::parse(found->second);
}

Json LlmCache::put(const std::string& key, const Json& reply) {
  const std::lock_guard lock(mutex_);
  const std::string text = reply.dump(-1, ' ', false, Json::error_handler_t::replace);
  const auto [place, fresh] = replies_.emplace(key, text);
  if (fresh) file_.append(R"({"key":")" + key + R"(","reply":)" + text + "}");
  return Json::parse(place->second);
}

std::size_t LlmCache::size() const {
  const std::lock_guard lock(mutex_);
  return replies_.size();
}

}  // namespace af2
