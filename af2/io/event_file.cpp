#include "af2/io/event_file.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstring>

#include "af2/core/error.h"

namespace af2 {
namespace {

static_assert(std::endian::native == std::endian::little, "records are little-endian");

// Numbers of the fields of event.proto, summary.proto and tensor.proto that are written.
enum EventField { kPbWallTime = 1, kPbStep = 2, kPbFileVersion = 3, kPbSummary = 5, kPbSessionLog = 7 };
enum SummaryField { kPbValue = 1 };
enum ValueField { kPbTag = 1, kPbSimpleValue = 2, kPbTensor = 8, kPbMetadata = 9 };
enum TensorField { kPbType = 1, kPbShape = 2, kPbStringValue = 8 };
constexpr int kPbPluginData = 1, kPbPluginName = 1, kPbDimension = 2, kPbSize = 1, kPbStatus = 1;
constexpr std::uint64_t kPbStringType = 7, kPbStart = 1;
enum WireType { kPbVarint = 0, kPbFixed64 = 1, kPbBytes = 2, kPbFixed32 = 5 };

std::array<std::uint32_t, 256> castagnoli_table() {
  std::array<std::uint32_t, 256> table = {};
  for (std::uint32_t i = 0; i < table.size(); ++i) {
    std::uint32_t value = i;
    for (int bit = 0; bit < 8; ++bit) value = (value >> 1) ^ ((value & 1) ? 0x82F63B78u : 0);
    table[i] = value;
  }
  return table;
}

template <class T>
std::string raw_bytes(T value) {
  std::string bytes(sizeof value, '\0');
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

std::string varint(std::uint64_t value) {
  std::string bytes;
  for (; value >= 0x80; value >>= 7) bytes.push_back(static_cast<char>(0x80 | (value & 0x7F)));
  bytes.push_back(static_cast<char>(value));
  return bytes;
}

std::string field_key(int field, WireType type) {
  return varint(static_cast<std::uint64_t>(field) << 3 | type);
}
std::string number_field(int field, std::uint64_t value) {
  return field_key(field, kPbVarint) + varint(value);
}
std::string bytes_field(int field, const std::string& bytes) {
  return field_key(field, kPbBytes) + varint(bytes.size()) + bytes;
}

double clock_seconds() {
  return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

std::uint32_t crc32c(std::string_view bytes) {
  static const auto table = castagnoli_table();
  std::uint32_t crc = 0xFFFFFFFFu;
  for (const char c : bytes) crc = table[(crc ^ static_cast<unsigned char>(c)) & 0xFF] ^ (crc >> 8);
  return crc ^ 0xFFFFFFFFu;
}

std::uint32_t masked_crc32c(std::string_view bytes) {
  return std::rotr(crc32c(bytes), 15) + 0xA282EAD8u;
}

EventFile::EventFile(const std::filesystem::path& folder, std::int64_t step, std::function<double()> seconds)
    : seconds_(seconds ? std::move(seconds) : clock_seconds) {
  const std::string name =
      "events.out.tfevents." + std::to_string(static_cast<std::int64_t>(seconds_())) + ".af2";
  path_ = folder / name;
  for (int k = 1; std::filesystem::exists(path_); ++k) path_ = folder / (name + "." + std::to_string(k));
  out_.open(path_, std::ios::binary);
  if (!out_) throw resource_error("cannot be written", path_.string(), "check the folder and its disk");
  record(field_key(kPbWallTime, kPbFixed64) + raw_bytes(seconds_()) +
         bytes_field(kPbFileVersion, "brain.Event:2"));
  // What was said of the steps that are done again is taken back.
  if (step > 0) record(head(step + 1) + bytes_field(kPbSessionLog, number_field(kPbStatus, kPbStart)));
}

std::string EventFile::head(std::int64_t step) const {
  return field_key(kPbWallTime, kPbFixed64) + raw_bytes(seconds_()) +
         number_field(kPbStep, static_cast<std::uint64_t>(step));
}

void EventFile::record(const std::string& event) {
  const std::string length = raw_bytes(static_cast<std::uint64_t>(event.size()));
  out_ << length << raw_bytes(masked_crc32c(length)) << event << raw_bytes(masked_crc32c(event))
       << std::flush;
  if (!out_) throw resource_error("cannot be written", path_.string(), "make room on the disk");
}

void EventFile::scalars(std::int64_t step, const std::vector<std::pair<std::string, double>>& values) {
  std::string summary;
  for (const auto& [tag, value] : values)
    summary += bytes_field(kPbValue, bytes_field(kPbTag, tag) + field_key(kPbSimpleValue, kPbFixed32) +
                                         raw_bytes(static_cast<float>(value)));
  record(head(step) + bytes_field(kPbSummary, summary));
}

void EventFile::text(std::int64_t step, const std::string& tag, const std::string& text) {
  const std::string tensor = number_field(kPbType, kPbStringType) +
                             bytes_field(kPbShape, bytes_field(kPbDimension, number_field(kPbSize, 1))) +
                             bytes_field(kPbStringValue, text);
  const std::string metadata = bytes_field(kPbPluginData, bytes_field(kPbPluginName, "text"));
  record(head(step) + bytes_field(kPbSummary, bytes_field(kPbValue, bytes_field(kPbTag, tag) +
                                                                        bytes_field(kPbTensor, tensor) +
                                                                        bytes_field(kPbMetadata, metadata))));
}

}  // namespace af2
