#include "af2/io/zip_archive.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace {

constexpr std::uint32_t kLocalHeader = 0x04034b50, kCentralHeader = 0x02014b50, kEndRecord = 0x06054b50,
                        kZip64EndRecord = 0x06064b50, kZip64Locator = 0x07064b50;
constexpr std::uint64_t kLocalSize = 30, kCentralSize = 46, kEndSize = 22, kZip64EndSize = 56,
                        kLocatorSize = 20;
constexpr std::uint16_t kFull16 = 0xffff;
constexpr std::uint32_t kFull32 = 0xffffffff;
constexpr std::uint16_t kZip64Extra = 0x0001;
constexpr unsigned kSizesFollow = 1u << 3;  // sizes and checksum stand behind the data
// Bits 1 and 2 (how a compressor was set) and 11 (names in UTF-8) change nothing here.
constexpr unsigned kHarmlessFlags = (1u << 1) | (1u << 2) | kSizesFollow | (1u << 11);

// Eight tables, so that eight bytes are taken per step: tables[k][b] is the checksum of byte b followed by k
// zero bytes.
constexpr std::array<std::array<std::uint32_t, 256>, 8> make_crc_tables() {
  std::array<std::array<std::uint32_t, 256>, 8> tables{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t value = b;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1u) ? 0xEDB88320u : 0u);
    tables[0][b] = value;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b)
      tables[k][b] = (tables[k - 1][b] >> 8) ^ tables[0][tables[k - 1][b] & 0xffu];
  return tables;
}

class ZipParser {
 public:
  ZipParser(std::span<const std::byte> bytes, const std::string& where) : bytes_(bytes), where_(where) {}

  std::vector<ZipEntry> parse() {
    find_directory();
    if (count_ > (directory_end_ - directory_) / kCentralSize)
      fail("zip: " + std::to_string(count_) + " entries cannot fit in a directory of " +
           std::to_string(directory_end_ - directory_) + " bytes");
    std::vector<Listed> listed;
    listed.reserve(count_);
    std::uint64_t at = directory_;
    for (std::uint64_t i = 0; i < count_; ++i) listed.push_back(read_entry(&at));
    if (at != directory_end_)
      fail("zip: the directory holds " + std::to_string(directory_end_ - at) +
           " bytes more than its entries");

    // In the order of the file, so that no byte is looked at for two entries.
    std::sort(listed.begin(), listed.end(),
              [](const Listed& a, const Listed& b) { return a.sizes.offset < b.sizes.offset; });
    std::vector<ZipEntry> entries;
    entries.reserve(listed.size());
    std::uint64_t end = 0;
    for (const Listed& entry : listed) {
      if (entry.sizes.offset < end)
        fail("zip: " + label(entry.name) + " overlaps " + label(entries.back().name));
      const std::uint64_t data = check_local(entry);
      end = data + entry.sizes.full;
      entries.push_back({entry.name, bytes_.subspan(data, entry.sizes.full), entry.crc});
    }
    std::sort(entries.begin(), entries.end(),
              [](const ZipEntry& a, const ZipEntry& b) { return a.name < b.name; });
    for (std::size_t i = 1; i < entries.size(); ++i)
      if (entries[i].name == entries[i - 1].name) fail("zip: " + label(entries[i].name) + " is there twice");
    return entries;
  }

 private:
  struct Sizes {
    std::uint64_t full, stored, offset;
  };
  struct Listed {  // what the directory says
    std::string_view name;
    Sizes sizes;
    unsigned flags;
    std::uint32_t crc;
  };

  [[noreturn]] void fail(std::string what, std::string hint = "") const {
    throw model_error(std::move(what), where_, std::move(hint));
  }

  static std::string label(std::string_view name) { return "the entry \"" + printable(name) + "\""; }

  // The caller has checked that the number lies inside.
  template <class T>
  T number(std::uint64_t at) const {
    T value;
    std::memcpy(&value, bytes_.data() + at, sizeof value);
    return value;
  }

  std::string_view text(std::uint64_t at, std::uint64_t size) const {
    return {reinterpret_cast<const char*>(bytes_.data()) + at, static_cast<std::size_t>(size)};
  }

  // The last end record whose comment ends with the file.
  std::uint64_t find_end_record() const {
    if (bytes_.size() >= kEndSize) {
      const std::uint64_t last = bytes_.size() - kEndSize;
      for (std::uint64_t back = 0; back <= std::min<std::uint64_t>(last, kFull16); ++back)
        if (number<std::uint32_t>(last - back) == kEndRecord &&
            number<std::uint16_t>(last - back + 20) == back)
          return last - back;
    }
    fail("file truncated, or not a zip archive: there is no end record in its " +
             std::to_string(bytes_.size()) + " bytes",
         "copy it again");
  }

  void find_directory() {
    const std::uint64_t end = find_end_record();
    const auto disk = number<std::uint16_t>(end + 4), start_disk = number<std::uint16_t>(end + 6);
    const auto here = number<std::uint16_t>(end + 8), all = number<std::uint16_t>(end + 10);
    const auto size32 = number<std::uint32_t>(end + 12), offset32 = number<std::uint32_t>(end + 16);
    std::uint64_t size = size32;
    count_ = all;
    directory_ = offset32;
    directory_end_ = end;
    if (end >= kLocatorSize && number<std::uint32_t>(end - kLocatorSize) == kZip64Locator) {
      const std::uint64_t locator = end - kLocatorSize;
      const auto record = number<std::uint64_t>(locator + 8);
      if (number<std::uint32_t>(locator + 4) != 0 || number<std::uint32_t>(locator + 16) > 1)
        fail("zip: an archive on several disks");
      if (locator < kZip64EndSize || record > locator - kZip64EndSize ||
          number<std::uint32_t>(record) != kZip64EndRecord ||
          number<std::uint64_t>(record + 4) != locator - record - 12)
        fail("zip: there is no zip64 end record at byte " + std::to_string(record));
      if (number<std::uint32_t>(record + 16) != 0 || number<std::uint32_t>(record + 20) != 0 ||
          number<std::uint64_t>(record + 24) != number<std::uint64_t>(record + 32))
        fail("zip: an archive on several disks");
      count_ = number<std::uint64_t>(record + 32);
      size = number<std::uint64_t>(record + 40);
      directory_ = number<std::uint64_t>(record + 48);
      directory_end_ = record;
      const auto agree = [](std::uint64_t narrow, std::uint64_t full, std::uint64_t wide) {
        return narrow == full || narrow == wide;
      };
      if (!agree(all, kFull16, count_) || !agree(size32, kFull32, size) ||
          !agree(offset32, kFull32, directory_))
        fail("zip: the two end records disagree");
    }
    if ((disk != 0 && disk != kFull16) || (start_disk != 0 && start_disk != kFull16) || here != all)
      fail("zip: an archive on several disks");
    if (directory_ > directory_end_ || directory_end_ - directory_ != size)
      fail("zip: the directory of " + std::to_string(size) + " bytes at byte " + std::to_string(directory_) +
           " does not end at the end record, at byte " + std::to_string(directory_end_));
  }

  // Replaces those of the sizes that the 32-bit fields leave to the zip64 extra field. `places` says how many
  // of (full, stored, offset) may stand there.
  void read_extra(std::uint64_t at, std::uint64_t size, int places, Sizes* sizes,
                  std::string_view name) const {
    bool seen = false;
    const std::uint64_t end = at + size;
    while (at < end) {
      if (end - at < 4 || number<std::uint16_t>(at + 2) > end - at - 4)
        fail("zip: " + label(name) + " has a broken extra field");
      const auto id = number<std::uint16_t>(at);
      const std::uint64_t block_end = at + 4 + number<std::uint16_t>(at + 2);
      at += 4;
      if (id == kZip64Extra) {
        if (std::exchange(seen, true)) fail("zip: " + label(name) + " has its zip64 sizes twice");
        std::uint64_t* const fields[] = {&sizes->full, &sizes->stored, &sizes->offset};
        for (int i = 0; i < places; ++i) {
          if (*fields[i] != kFull32) continue;
          if (block_end - at < 8) fail("zip: " + label(name) + " lacks a zip64 size");
          *fields[i] = number<std::uint64_t>(at);
          at += 8;
        }
      }
      at = block_end;
    }
    if (!seen && (sizes->full == kFull32 || sizes->stored == kFull32 || sizes->offset == kFull32))
      fail("zip: " + label(name) + " lacks its zip64 sizes");
  }

  Listed read_entry(std::uint64_t* at) const {
    const std::uint64_t head = *at;
    if (directory_end_ - head < kCentralSize || number<std::uint32_t>(head) != kCentralHeader)
      fail("zip: there is no directory entry at byte " + std::to_string(head));
    const auto flags = number<std::uint16_t>(head + 8), method = number<std::uint16_t>(head + 10);
    const auto crc = number<std::uint32_t>(head + 16);
    Sizes sizes{number<std::uint32_t>(head + 24), number<std::uint32_t>(head + 20),
                number<std::uint32_t>(head + 42)};
    const std::uint64_t n_name = number<std::uint16_t>(head + 28), n_extra = number<std::uint16_t>(head + 30);
    const std::uint64_t n_comment = number<std::uint16_t>(head + 32);
    if (n_name + n_extra + n_comment > directory_end_ - head - kCentralSize)
      fail("zip: the directory entry at byte " + std::to_string(head) + " leaves the directory");
    const std::string_view name = text(head + kCentralSize, n_name);
    if (name.empty() || name.find('\0') != std::string_view::npos)
      fail("zip: the directory entry at byte " + std::to_string(head) + " has no proper name");
    if (flags & 1u) fail("zip: " + label(name) + " is encrypted", "decrypt the archive");
    if (flags & ~kHarmlessFlags) fail("zip: " + label(name) + " has unknown flags");
    if (method != 0)
      fail("zip: " + label(name) + " is compressed (method " + std::to_string(method) + ")",
           "torch.save stores without compression: re-save it with torch, or repack it with zip -0");
    const auto disk = number<std::uint16_t>(head + 34);
    if (disk != 0 && disk != kFull16) fail("zip: an archive on several disks");
    read_extra(head + kCentralSize + n_name, n_extra, 3, &sizes, name);
    if (sizes.full != sizes.stored)
      fail("zip: " + label(name) + " has two sizes: " + std::to_string(sizes.full) + " and " +
           std::to_string(sizes.stored));
    *at = head + kCentralSize + n_name + n_extra + n_comment;
    return {name, sizes, flags, crc};
  }

  // The local header must say what the directory says. Returns where the data begins.
  std::uint64_t check_local(const Listed& entry) const {
    const auto& [name, sizes, flags, crc] = entry;
    const std::uint64_t head = sizes.offset;
    if (head > directory_ || directory_ - head < kLocalSize)
      fail("zip: " + label(name) + " begins at byte " + std::to_string(head) + ", outside the file's data");
    if (number<std::uint32_t>(head) != kLocalHeader)
      fail("zip: " + label(name) + " has no local header at byte " + std::to_string(head));
    const std::uint64_t n_name = number<std::uint16_t>(head + 26), n_extra = number<std::uint16_t>(head + 28);
    const std::uint64_t room = directory_ - head - kLocalSize;
    if (n_name + n_extra > room || sizes.full > room - n_name - n_extra)
      fail("zip: " + label(name) + " of " + std::to_string(sizes.full) + " bytes leaves the file");
    const auto disagrees = [&](const char* what) {
      fail("zip: the local header of " + label(entry.name) + " gives another " + what +
           " than the directory");
    };
    if (text(head + kLocalSize, n_name) != name) disagrees("name");
    if (number<std::uint16_t>(head + 6) != flags) disagrees("set of flags");
    if (number<std::uint16_t>(head + 8) != 0) disagrees("method");
    Sizes local{number<std::uint32_t>(head + 22), number<std::uint32_t>(head + 18), 0};
    // Where sizes follow the data, the header may leave them, and the checksum, zero.
    const bool follow = (flags & kSizesFollow) != 0;
    const auto local_crc = number<std::uint32_t>(head + 14);
    if (local_crc != crc && !(follow && local_crc == 0)) disagrees("checksum");
    read_extra(head + kLocalSize + n_name, n_extra, 2, &local, name);
    if ((local.full != sizes.full || local.stored != sizes.stored) &&
        !(follow && local.full == 0 && local.stored == 0))
      disagrees("size");
    return head + kLocalSize + n_name + n_extra;
  }

  std::span<const std::byte> bytes_;
  const std::string& where_;
  std::uint64_t directory_ = 0, directory_end_ = 0, count_ = 0;
};

}  // namespace

std::uint32_t crc32(std::span<const std::byte> bytes) {
  static constexpr auto kTables = make_crc_tables();
  std::uint32_t crc = kFull32;
  const std::byte* p = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; left -= 8, p += 8) {
    std::uint32_t low, high;
    std::memcpy(&low, p, 4);
    std::memcpy(&high, p + 4, 4);
    low ^= crc;
    crc = kTables[7][low & 0xffu] ^ kTables[6][(low >> 8) & 0xffu] ^ kTables[5][(low >> 16) & 0xffu] ^
          kTables[4][low >> 24] ^ kTables[3][high & 0xffu] ^ kTables[2][(high >> 8) & 0xffu] ^
          kTables[1][(high >> 16) & 0xffu] ^ kTables[0][high >> 24];
  }
  for (; left > 0; --left, ++p) crc = (crc >> 8) ^ kTables[0][(crc ^ static_cast<std::uint32_t>(*p)) & 0xffu];
  return ~crc;
}

ZipArchive ZipArchive::parse(std::span<const std::byte> bytes, std::string where) {
  ZipArchive result;
  result.where_ = std::move(where);
  result.entries_ = ZipParser(bytes, result.where_).parse();
  return result;
}

const ZipEntry* ZipArchive::find(std::string_view name) const {
  const auto found =
      std::lower_bound(entries_.begin(), entries_.end(), name,
                       [](const ZipEntry& entry, std::string_view wanted) { return entry.name < wanted; });
  return found != entries_.end() && found->name == name ? &*found : nullptr;
}

void ZipArchive::check_crc(const ZipEntry& entry) const {
  if (crc32(entry.bytes) != entry.crc)
    throw model_error("the entry \"" + printable(entry.name) + "\" is damaged: its checksum does not fit",
                      where_, "copy the file again (torch can also be told to write no checksums)");
}

}  // namespace af2
