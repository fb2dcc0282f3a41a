// Event files as TensorBoard reads them: records with their sums, fields by their numbers.
#include "af2/io/event_file.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

#include "../scratch.h"
#include "af2/core/file.h"

namespace af2 {
namespace {

// The payloads of a file's records, whose sums are checked.
std::vector<std::string> event_records(const std::string& bytes) {
  std::vector<std::string> records;
  const auto sum_at = [&](std::size_t at) {
    std::uint32_t sum = 0;
    std::memcpy(&sum, bytes.data() + at, sizeof sum);
    return sum;
  };
  for (std::size_t at = 0; at < bytes.size();) {
    std::uint64_t length = 0;
    EXPECT_LE(at + 16, bytes.size());
    std::memcpy(&length, bytes.data() + at, sizeof length);
    EXPECT_EQ(sum_at(at + 8), masked_crc32c(std::string_view(bytes).substr(at, 8)));
    records.push_back(bytes.substr(at + 12, length));
    EXPECT_EQ(sum_at(at + 12 + length), masked_crc32c(records.back()));
    at += 16 + length;
  }
  return records;
}

TEST(EventFile, SumsAreThoseOfRfc3720) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xff')), 0x62A8AB43u);
}

TEST(EventFile, HoldsScalarsAndTextsByStep) {
  test::Scratch scratch;
  EventFile events(scratch.path(), 0, [] { return 1.0; });
  EXPECT_EQ(events.path().filename(), "events.out.tfevents.1.af2");
  events.scalars(300, {{"loss", 0.5}, {"lr", std::nan("")}});
  events.text(300, "sample", "a dog");
  const auto records = event_records(read_file(events.path()));
  ASSERT_EQ(records.size(), 3u);
  const std::string time = std::string("\x09\x00\x00\x00\x00\x00\x00\xf0\x3f", 9);  // field 1: 1.0
  const std::string step = "\x10\xac\x02";                                          // field 2: 300
  EXPECT_EQ(records[0], time + "\x1a\x0d" + "brain.Event:2");
  const std::string scalar = std::string("\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f", 13);
  EXPECT_EQ(records[1].substr(0, 12), time + step);
  EXPECT_EQ(records[1].substr(12, 2), "\x2a\x18");
  EXPECT_EQ(records[1].substr(14, 13), scalar);
  EXPECT_NE(records[2].find("text"), std::string::npos);
  EXPECT_NE(records[2].find("\x42\x05"
                            "a dog"),
            std::string::npos);
}

TEST(EventFile, AResumedRunTakesBackLaterStepsInAFileOfItsOwn) {
  test::Scratch scratch;
  EventFile first(scratch.path(), 0, [] { return 1.0; });
  EventFile second(scratch.path(), 20, [] { return 1.0; });
  EXPECT_NE(first.path(), second.path());
  const auto records = event_records(read_file(second.path()));
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1].substr(9), std::string("\x10\x15\x3a\x02\x08\x01", 6));  // step 21, START
}

}  // namespace
}  // namespace af2
