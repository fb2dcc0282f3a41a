// io: zip archives, made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/base/io_zip_testing.h"

namespace af2 {
namespace {

using namespace io_test;
using testing::HasSubstr;

ZipArchive parse_zip(const Bytes& bytes) {
  return ZipArchive::parse(bytes, "x.pt");
}

std::string text_of(const ZipEntry* entry) {
  if (!entry) return "(none)";
  return {reinterpret_cast<const char*>(entry->bytes.data()), entry->bytes.size()};
}

void touch_zip(const Bytes& bytes) {
  const ZipArchive zip = parse_zip(bytes);
  for (const ZipEntry& entry : zip.entries()) crc32(entry.bytes);
}

TEST(ZipArchive, Crc32) {
  const auto of = [](std::string_view text) { return crc32(std::as_bytes(std::span(text))); };
  EXPECT_EQ(of("123456789"), 0xCBF43926u);
  EXPECT_EQ(of(""), 0u);
  EXPECT_EQ(of("The quick brown fox jumps over the lazy dog"), 0x414FA339u);
}

TEST(ZipArchive, FindsStoredEntries) {
  ZipPart followed = part_of("a/last", "sizes follow");
  followed.flags = followed.local_flags = 0x808;
  ZipPart padded = part_of("a/data", "12345678");
  padded.local_extra = "FB" + u16(3) + "ZZZ";
  padded.extra = u16(0x5455) + u16(0);
  for (const bool zip64 : {false, true}) {
    for (const std::string comment : {"", "a comment PK\5\6 with a false end record"}) {
      ZipForm form;
      form.zip64 = zip64;
      form.comment = comment;
      const Bytes bytes = make_zip({followed, padded, part_of("a/empty", "")}, form);
      const ZipArchive zip = parse_zip(bytes);
      ASSERT_EQ(zip.entries().size(), 3u);
      EXPECT_EQ(zip.entries()[0].name, "a/data");  // sorted
      EXPECT_EQ(text_of(zip.find("a/data")), "12345678");
      EXPECT_EQ(text_of(zip.find("a/last")), "sizes follow");
      EXPECT_EQ(text_of(zip.find("a/empty")), "");
      EXPECT_EQ(zip.find("a/dat"), nullptr);
      EXPECT_EQ(zip.find("b"), nullptr);
      for (const ZipEntry& entry : zip.entries()) zip.check_crc(entry);
    }
  }
  EXPECT_TRUE(parse_zip(make_zip({})).entries().empty());
}

TEST(ZipArchive, ChecksumTellsDamage) {
  Bytes bytes = make_zip({part_of("a/one", "first"), part_of("a/two", "second")});
  bytes[30 + 5 + 2] ^= std::byte{1};
  const ZipArchive zip = parse_zip(bytes);
  zip.check_crc(*zip.find("a/two"));
  EXPECT_THAT(message_of([&] { zip.check_crc(*zip.find("a/one")); }),
              HasSubstr("x.pt: the entry \"a/one\" is damaged"));
}

// Two entries, the second one altered.
std::string problem(void (*alter)(ZipPart*), const ZipForm& form = {}) {
  ZipPart part = part_of("a/two", "second");
  alter(&part);
  const Bytes bytes = make_zip({part_of("a/one", "first one"), part, part_of("a/six", "third")}, form);
  const Error error = error_of([&] { parse_zip(bytes); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  return error.what();
}

TEST(ZipArchive, RefusesWhatDisagrees) {
  for (const bool zip64 : {false, true}) {
    ZipForm form;
    form.zip64 = zip64;
    const auto of = [&](void (*alter)(ZipPart*)) { return problem(alter, form); };
    EXPECT_THAT(of([](ZipPart* p) { p->method = p->local_method = 8; }),
                HasSubstr("\"a/two\" is compressed (method 8)"));
    EXPECT_THAT(of([](ZipPart* p) { p->flags = p->local_flags = 0x801; }),
                HasSubstr("\"a/two\" is encrypted"));
    EXPECT_THAT(of([](ZipPart* p) { p->flags = p->local_flags = 0x2000; }), HasSubstr("unknown flags"));
    EXPECT_THAT(of([](ZipPart* p) { p->local_name = "a/twa"; }), HasSubstr("another name than"));
    EXPECT_THAT(of([](ZipPart* p) { p->local_name = "a/twoo"; }), HasSubstr("another name than"));
    EXPECT_THAT(of([](ZipPart* p) { p->local_method = 8; }), HasSubstr("another method"));
    EXPECT_THAT(of([](ZipPart* p) { p->local_flags = 0x801; }), HasSubstr("another set of flags"));
    EXPECT_THAT(of([](ZipPart* p) { p->local_size_error = 1; }), HasSubstr("another size"));
    EXPECT_THAT(of([](ZipPart* p) { p->size_error = -1; }), HasSubstr("another size"));
    EXPECT_THAT(of([](ZipPart* p) { p->size_error = 1 << 20; }), HasSubstr("leaves the file"));
    EXPECT_THAT(of([](ZipPart* p) { p->size_error = p->local_size_error = 1; }),
                HasSubstr("\"a/six\" overlaps the entry \"a/two\""));
    EXPECT_THAT(of([](ZipPart* p) { p->offset_error = 1; }), HasSubstr("has no local header"));
    EXPECT_THAT(of([](ZipPart* p) { p->offset_error = 1 << 20; }), HasSubstr("outside the file's data"));
    EXPECT_THAT(of([](ZipPart* p) { p->name = p->local_name = "a/one"; }),
                HasSubstr("\"a/one\" is there twice"));
    EXPECT_THAT(of([](ZipPart* p) { p->name = p->local_name = ""; }), HasSubstr("no proper name"));
    EXPECT_THAT(of([](ZipPart* p) { p->name = p->local_name = std::string("a\0b", 3); }),
                HasSubstr("no proper name"));
    EXPECT_THAT(of([](ZipPart* p) { p->extra = "xx"; }), HasSubstr("broken extra field"));
    EXPECT_THAT(of([](ZipPart* p) { p->extra = "xx" + u16(200); }), HasSubstr("broken extra field"));
  }
  ZipPart again = part_of("a/one", "first one");
  again.add = false;
  EXPECT_THAT(message_of([&] {
                parse_zip(make_zip({part_of("a/one", "first one"), again}));
              }),
              HasSubstr("overlaps"));
}

TEST(ZipArchive, Zip64FieldsAreChecked) {
  ZipForm form;
  form.zip64 = true;
  const auto of = [&](const std::string& extra) {
    ZipPart part = part_of("a/two", "second");
    part.extra = extra;
    return message_of([&] { parse_zip(make_zip({part}, form)); });
  };
  EXPECT_THAT(of(u16(1) + u16(0)), HasSubstr("\"a/two\" lacks a zip64 size"));
  EXPECT_THAT(of(u16(1) + u16(24) + u64(6) + u64(6) + u64(0)), HasSubstr("zip64 sizes twice"));
  EXPECT_THAT(of(u16(1) + u16(24) + u64(6) + u64(5) + u64(0) + u16(9)), HasSubstr("broken extra field"));
  const auto altered = [&](std::size_t from_end, const std::string& to) {
    Bytes bytes = make_zip({part_of("a/two", "second")}, form);
    const Bytes piece = bytes_of(to);
    std::copy(piece.begin(), piece.end(), bytes.end() - static_cast<std::ptrdiff_t>(from_end));
    return message_of([&] { parse_zip(bytes); });
  };
  constexpr std::size_t kLocator = 22 + 20, kRecord = kLocator + 56;
  for (const std::uint64_t at :
       {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}, ~std::uint64_t{0} - 60})
    EXPECT_THAT(altered(kLocator - 8, u64(at)), HasSubstr("no zip64 end record"));
  EXPECT_THAT(altered(kLocator - 16, u32(7)), HasSubstr("several disks"));
  EXPECT_THAT(altered(kRecord - 4, u64(43)), HasSubstr("no zip64 end record"));
  EXPECT_THAT(altered(kRecord - 24, u64(2)), HasSubstr("several disks"));
  for (const std::uint64_t size : {std::uint64_t{3}, ~std::uint64_t{0}})
    EXPECT_THAT(altered(kRecord - 40, u64(size)), HasSubstr("does not end at the end record"));
  for (const std::uint64_t at : {std::uint64_t{3}, ~std::uint64_t{0}})
    EXPECT_THAT(altered(kRecord - 48, u64(at)), HasSubstr("does not end at the end record"));
  EXPECT_THAT(altered(22 - 16, u32(7)), HasSubstr("the two end records disagree"));
  // The sizes of the file itself, but no zip64 records to hold what the entry leaves to them.
  ZipPart bare = part_of("a/two", "second");
  Bytes bytes = make_zip({bare});
  const std::size_t central = 30 + 5 + 6;
  for (std::size_t i = 0; i < 4; ++i) bytes[central + 24 + i] = std::byte{0xff};
  EXPECT_THAT(message_of([&] { parse_zip(bytes); }), HasSubstr("lacks its zip64 sizes"));
}

TEST(ZipArchive, DirectoryMustFillItsPlace) {
  const std::vector<ZipPart> parts = {part_of("a/one", "first one"),
                                      part_of("a/" + std::string(60, 'x'), "second")};
  const auto of = [&](auto set) {
    ZipForm form;
    set(&form);
    return message_of([&] { parse_zip(make_zip(parts, form)); });
  };
  EXPECT_THAT(of([](ZipForm* f) { f->count_error = 1; }), HasSubstr("no directory entry at byte"));
  EXPECT_THAT(of([](ZipForm* f) { f->count_error = -1; }), HasSubstr("bytes more than its entries"));
  EXPECT_THAT(of([](ZipForm* f) { f->count_error = 1000; }), HasSubstr("1002 entries cannot fit"));
  EXPECT_THAT(of([](ZipForm* f) { f->directory_error = 1; }), HasSubstr("does not end at the end record"));
  EXPECT_THAT(of([](ZipForm* f) { f->before_end = "x"; }), HasSubstr("does not end at the end record"));
  EXPECT_THAT(of([](ZipForm* f) { f->directory_error = 0x7fffffff; }),
              HasSubstr("does not end at the end record"));
  ZipForm prefixed;
  prefixed.prefix = "#!/bin/sh\n";  // bytes before the first entry are nobody's
  EXPECT_EQ(parse_zip(make_zip(parts, prefixed)).entries().size(), 2u);
}

TEST(ZipArchive, CutAndAlteredFiles) {
  for (const bool zip64 : {false, true}) {
    ZipForm form;
    form.zip64 = zip64;
    ZipPart followed = part_of("a/last", "sizes follow");
    followed.flags = followed.local_flags = 0x808;
    const Bytes bytes = make_zip({part_of("a/one", "first one"), followed, part_of("a/two", "second")}, form);
    cut_everywhere(bytes, bytes.size(), touch_zip);
    EXPECT_GT(flip_bytes(bytes, zip64 ? "zip64" : "zip", 2000, touch_zip), 500);
  }
}

}  // namespace
}  // namespace af2
