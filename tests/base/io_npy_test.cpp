// io: .npy files.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/io/npy.h"
#include "tests/base/io_test_util.h"

namespace af2 {
namespace {

using namespace io_test;
using testing::ElementsAre;
using testing::HasSubstr;

Bytes npy_of(const std::string& header, std::size_t n_data, char version = 1) {
  std::string text = std::string("\x93NUMPY") + version + '\0';
  const auto size = static_cast<std::uint32_t>(header.size());
  text.append(reinterpret_cast<const char*>(&size), version == 1 ? 2 : 4);
  return bytes_of(text + header + std::string(n_data, '\0'));
}

void read_npy_bytes(const Bytes& bytes) {
  const TensorView view = parse_npy(bytes, "x.npy");
  EXPECT_EQ(static_cast<std::int64_t>(view.bytes.size()), *checked_bytes(view.dtype, view.shape));
}

TEST(Npy, ReadsNumpysFiles) {
  for (const char* name : {"f4", "f8", "version2"}) {
    const NpyArray array = NpyArray::open(data_file(std::string(name) + ".npy"));
    EXPECT_THAT(array.shape(), ElementsAre(2, 3));
    if (name[0] == 'f')
      EXPECT_THAT(array.to_float(), ElementsAre(-0.75, -0.5, -0.25, 0, 0.25, 0.5));
    else
      EXPECT_THAT(array.to_float(), ElementsAre(-3, -2, -1, 0, 1, 2));
    EXPECT_THROW(array.to_int64(), Error);
  }
  for (const char* name : {"i2", "i4", "i8"}) {
    const NpyArray array = NpyArray::open(data_file(std::string(name) + ".npy"));
    EXPECT_THAT(array.to_int64(), ElementsAre(-3, -2, -1, 0, 1, 2));
    EXPECT_THAT(array.to_float(), ElementsAre(-3, -2, -1, 0, 1, 2));
  }
  EXPECT_THAT(NpyArray::open(data_file("u1.npy")).to_int64(), ElementsAre(0, 127, 255));
  EXPECT_EQ(NpyArray::open(data_file("u1.npy")).dtype(), DType::kU8);
  EXPECT_TRUE(NpyArray::open(data_file("scalar.npy")).shape().empty());
  EXPECT_THAT(NpyArray::open(data_file("scalar.npy")).to_float(), ElementsAre(1.5));
  EXPECT_THAT(NpyArray::open(data_file("empty.npy")).shape(), ElementsAre(0, 7));
  EXPECT_THAT(message_of([] { NpyArray::open(data_file("fortran.npy")); }), HasSubstr("Fortran order"));
  EXPECT_THAT(message_of([] { NpyArray::open(data_file("bigendian.npy")); }), HasSubstr("'>f4'"));
}

TEST(Npy, WritesTheBytesThatNumpyWrites) {
  const Scratch scratch;
  const std::vector<float> values = {-0.75, -0.5, -0.25, 0, 0.25, 0.5};
  const std::vector<std::int64_t> numbers = {-3, -2, -1, 0, 1, 2};
  write_npy(scratch / "f4.npy", values, {2, 3});
  write_npy(scratch / "i8.npy", numbers, {2, 3});
  write_npy(scratch / "scalar.npy", std::vector<float>{1.5}, {});
  write_npy(scratch / "empty.npy", std::vector<float>{}, {0, 7});
  for (const char* name : {"f4.npy", "i8.npy", "scalar.npy", "empty.npy"})
    EXPECT_EQ(read_file(scratch / name), read_file(data_file(name))) << name;
  write_npy(scratch / "one.npy", values, {6});
  EXPECT_THAT(NpyArray::open(scratch / "one.npy").shape(), ElementsAre(6));
  EXPECT_THROW(write_npy(scratch / "bad.npy", values, {7}), Error);
  EXPECT_THROW(write_npy(scratch / "bad.npy", values, {-6}), Error);
}

TEST(Npy, EveryCutIsRefused) {
  for (const char* name : {"f4.npy", "u1.npy", "scalar.npy", "version2.npy"}) {
    const Bytes valid = bytes_of(read_file(data_file(name)));
    cut_everywhere(valid, valid.size(), read_npy_bytes);
  }
}

TEST(Npy, RandomChangesNeverCrash) {
  const Bytes valid = bytes_of(read_file(data_file("f4.npy")));
  EXPECT_GT(flip_bytes(valid, "af2/test/npy", 1000, read_npy_bytes), 300);
}

TEST(Npy, RefusesBrokenHeaders) {
  const auto dict = [](const std::string& shape, const std::string& descr = "'<f4'",
                       const std::string& order = "False") {
    return "{'descr': " + descr + ", 'fortran_order': " + order + ", 'shape': " + shape + ", }\n";
  };
  EXPECT_NO_THROW(read_npy_bytes(npy_of(dict("(1,)"), 4)));
  EXPECT_NO_THROW(read_npy_bytes(npy_of(dict("(1,)"), 4, 2)));
  const struct {
    Bytes bytes;
    const char* says;
  } cases[] = {
      {npy_of(dict("(1,)"), 5), "1 bytes after its array"},
      {npy_of(dict("(1)"), 4), "needs a comma"},
      {npy_of(dict("(1 2)"), 8), "expected ','"},
      {npy_of(dict("(-1,)"), 4), "expected a number"},
      {npy_of(dict("(99999999999999999999,)"), 4), "too large"},
      {npy_of(dict("(4294967296, 4294967296)"), 4), "larger than any file"},
      {npy_of(dict("(0, 4294967296, 4294967296)"), 0), "larger than any file"},
      {npy_of(dict("(1152921504606846976,)"), 4), "truncated"},
      {npy_of(dict("(1,)", "'<c8'"), 8), "'<c8'"},
      {npy_of(dict("(1,)", "'|O'"), 8), "'|O'"},
      {npy_of(dict("(1,)", "[('a', '<f4')]"), 4), "structured"},
      {npy_of(dict("(1,)", "'<f4'", "0"), 4), "True or False"},
      {npy_of("{'descr': '<f4', 'shape': (1,)}", 4), "missing"},
      {npy_of("{'descr': '<f4', 'descr': '<f4'}", 4), "repeated key 'descr'"},
      {npy_of("{'x': 1}", 4), "unknown or repeated key 'x'"},
      {npy_of("", 4), "expected '{'"},
      {npy_of("{", 4), "quoted word"},
      {npy_of("{'descr", 4), "not closed"},
      {npy_of(dict("(1,)") + "x", 4), "text after"},
      {npy_of(dict("(" + std::string(33, '1') + ",)"), 4), "too large"},
      {npy_of(dict("(1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1)"), 4),
       "more than 32"},
      {npy_of(dict("(1,)"), 4, 3), "version 3"},
      {bytes_of(std::string(100, 'x')), "not an .npy file"},
  };
  for (const auto& c : cases) {
    const Error error = error_of([&] { read_npy_bytes(c.bytes); });
    EXPECT_EQ(error.kind(), ErrorKind::kData);
    EXPECT_THAT(error.what(), HasSubstr(c.says));
  }
}

}  // namespace
}  // namespace af2
