// io: the pickle machine, on pickles made by hand.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "af2/io/pickle.h"
#include "tests/base/io_zip_testing.h"

namespace af2 {
namespace {

using namespace io_test;
using namespace std::string_literals;
using testing::HasSubstr;
using Kind = PickleKind;

// The root, and the bytes that its texts point into.
struct Parsed {
  Bytes bytes;
  Pickle pickle;
  explicit Parsed(const std::string& text) : bytes(bytes_of(text)), pickle(Pickle::parse(bytes, "x.pt")) {}
  const PickleValue& root() const { return pickle.root(); }
  const PickleValue& item(std::size_t i) const { return pickle[root().items.at(i)]; }
};

std::string problem(const std::string& pickle) {
  const Bytes bytes = bytes_of(pickle);
  const Error error = error_of([&] { Pickle::parse(bytes, "x.pt"); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  EXPECT_THAT(error.what(), HasSubstr("x.pt: "));
  return error.what();
}

TEST(Pickle, ReadsScalars) {
  const struct {
    std::string opcodes;
    std::int64_t value;
  } numbers[] = {
      {"K\xff", 255},
      {"M\xff\xff", 65535},
      {"J\xff\xff\xff\xff", -1},
      {"\x8a\x00"s, 0},
      {"\x8a\x01\xff", -1},
      {"\x8a\x02\x00\x80"s, -32768},
      {p_int(INT64_MIN), INT64_MIN},
      {p_int(INT64_MAX), INT64_MAX},
      {"\x8a\x09\xff\xff\xff\xff\xff\xff\xff\x7f\x00"s, INT64_MAX},
      {"\x8b\x0a\x00\x00\x00\xfe\xff\xff\xff\xff\xff\xff\xff\xff\xff"s, -2},
  };
  for (const auto& number : numbers) {
    const Parsed parsed(p_whole(number.opcodes));
    EXPECT_EQ(parsed.root().kind, Kind::kInt);
    EXPECT_EQ(parsed.root().integer, number.value);
  }
  EXPECT_EQ(Parsed(p_whole("G\x3f\xf8\x00\x00\x00\x00\x00\x00"s)).root().real, 1.5);
  EXPECT_EQ(Parsed(p_whole("N")).root().kind, Kind::kNone);
  EXPECT_EQ(Parsed(p_whole("\x88")).root().integer, 1);
  EXPECT_EQ(Parsed(p_whole("\x89")).root().kind, Kind::kBool);
  const std::pair<std::string, Kind> texts[] = {
      {"X" + u32(3) + "abc", Kind::kText},     {"\x8c\x03" + "abc"s, Kind::kText},
      {"\x8d" + u64(3) + "abc", Kind::kText},  {"T" + u32(3) + "abc", Kind::kText},
      {"U\x03" + "abc"s, Kind::kText},         {"B" + u32(3) + "abc", Kind::kBytes},
      {"C\x03" + "abc"s, Kind::kBytes},        {"\x8e" + u64(3) + "abc", Kind::kBytes},
      {"\x96" + u64(3) + "abc", Kind::kBytes},
  };
  for (const auto& [opcodes, kind] : texts) {
    const Parsed parsed(p_whole(opcodes));
    EXPECT_EQ(parsed.root().kind, kind);
    EXPECT_EQ(parsed.root().text, "abc");
  }
  EXPECT_EQ(Parsed(p_whole("U\x01\xff"s)).root().kind, Kind::kBytes);  // Python 2 bytes
}

TEST(Pickle, BuildsContainersAndRemembers) {
  const Parsed list(p_whole("]q\x01(K\x01K\x02"s + "eK\x03"s + "ah\x01"s + "0"));
  ASSERT_EQ(list.root().items.size(), 3u);
  EXPECT_EQ(list.item(2).integer, 3);
  EXPECT_EQ(Parsed(p_whole("(K\x01K\x02l")).root().kind, Kind::kList);
  EXPECT_EQ(Parsed(p_whole("(K\x01K\x02"s + "d")).root().kind, Kind::kDict);
  EXPECT_EQ(Parsed(p_whole("(K\x01K\x02t")).root().kind, Kind::kTuple);
  EXPECT_EQ(Parsed(p_whole("K\x01\x85")).root().items.size(), 1u);
  EXPECT_EQ(Parsed(p_whole("K\x01K\x02K\x03\x87")).root().items.size(), 3u);
  EXPECT_EQ(Parsed(p_whole("\x8f(K\x01\x90")).root().items.size(), 1u);
  EXPECT_EQ(Parsed(p_whole("(K\x01\x91")).root().items.size(), 1u);
  EXPECT_EQ(Parsed(p_whole("N(K\x01K\x02"s + "1")).root().kind, Kind::kNone);
  EXPECT_EQ(Parsed(p_whole("N(0")).root().kind, Kind::kNone);
  EXPECT_EQ(Parsed(p_whole("}K\x01K\x02s(K\x03K\x04u")).root().items.size(), 4u);
  EXPECT_EQ(Parsed("\x80\x04\x95" + u64(6) + "]\x94N\x94" + "0.").root().kind, Kind::kList);
  const Parsed memo("\x80\x04]\x94K\x05\x94h\x01\x87.");  // MEMOIZE numbers from 0: ([], 5, 5)
  EXPECT_EQ(memo.item(2).integer, 5);
  const Parsed ordered(
      p_whole(p_global("collections", "OrderedDict") + ")RK\x01K\x02s}" + p_text("_metadata") + "Nsb"));
  EXPECT_TRUE(ordered.root().ordered);
  EXPECT_EQ(ordered.root().items.size(), 2u);
}

TEST(Pickle, CyclesAreOnlyIndexes) {
  const Parsed self(p_whole("]q\x01h\x01"s + "a"));
  ASSERT_EQ(self.root().items.size(), 1u);
  EXPECT_EQ(self.root().items[0], self.pickle.root_id());
  const Parsed mutual(p_whole("}q\x01K\x01]h\x01"s + "as"));  // {1: [the dictionary]}
  EXPECT_EQ(mutual.item(1).items.at(0), mutual.pickle.root_id());
}

TEST(Pickle, RefusesNamesThatAreNoData) {
  const std::string call = p_text("touch x") + "\x85R";
  const std::pair<std::string, std::string> evil[] = {
      {"os", "system"},
      {"posix", "system"},
      {"builtins", "eval"},
      {"__builtin__", "exec"},
      {"builtins", "getattr"},
      {"subprocess", "Popen"},
      {"torch.storage", "_load_from_bytes"},
      {"torch", "load"},
      {"numpy", "load"},
      {"codecs", "encode"},
      {"collections", "OrderedDict.fromkeys"},
      {"torch", "FloatStorage.__reduce__"},
      {"torch._utils", "_rebuild_tensor_v"},
      {"torch", ""},
      {"", ""},
  };
  for (const auto& [module, name] : evil) {
    const std::string says = "holds " + module + "." + name;
    EXPECT_THAT(problem(p_whole(p_global(module, name) + call)), HasSubstr(says + ", which is"));
    EXPECT_THAT(problem(p_whole(p_global(module, name) + call)), HasSubstr("refused (byte 2 of data.pkl)"));
    EXPECT_THAT(problem(p_whole("}" + p_text("key") + p_global(module, name) + call + "s")),
                HasSubstr(says + " (after \"key\"), which is"));
    EXPECT_THAT(problem("\x80\x04" + p_text(module) + "\x94" + p_text(name) + "\x94\x93" + call + "."),
                HasSubstr(says + ", which is"));
  }
  EXPECT_THAT(problem(p_whole(p_global("os", "system"))),
              HasSubstr("holds os.system, which is not plain data and is refused"));
  EXPECT_THAT(problem(p_whole(p_global("torch._utils", "_rebuild_sparse_tensor"))),
              HasSubstr("is a sparse tensor"));
  EXPECT_THAT(problem(p_whole(p_global("torch._utils", "_rebuild_qtensor"))),
              HasSubstr("is a quantised tensor"));
  EXPECT_THAT(problem(p_whole(p_global("\x1b[31m", std::string(1000, 'x')))),
              HasSubstr("holds \\x1b[31m.xxx"));
  EXPECT_LT(problem(p_whole(p_global("a", std::string(1000, 'x')))).size(), 400u);
  EXPECT_THAT(problem("\x80\x04K\x01K\x02\x93."s), HasSubstr("a name that is not text"));
}

TEST(Pickle, RefusesCallsAndStatesThatAreNoData) {
  const std::string dict = p_global("collections", "OrderedDict"),
                    float_type = p_global("torch", "FloatStorage");
  const std::string encode = p_global("_codecs", "encode"), space = p_global("argparse", "Namespace");
  const std::string dtype = p_global("numpy", "dtype"), scalar = p_global("numpy.core.multiarray", "scalar");
  const std::string f8 = dtype + p_text("f8") + "\x89\x88\x87R";
  const std::pair<std::string, std::string> cases[] = {
      {float_type + ")R", "calls FloatStorage, which is refused"},
      {p_global("torch", "float32") + ")R", "calls float32, which is refused"},
      {p_text("system") + ")R", "calls something that is not a name"},
      {dict + "]R", "without a tuple of arguments"},
      {dict + "]\x85R", "calls OrderedDict with arguments that are refused"},
      {space + "}\x85R", "calls Namespace with arguments that are refused"},
      {p_global("torch", "Size") + "]\x85R", "calls Size with arguments"},
      {p_global("builtins", "set") + p_text("x") + "\x85R", "calls set with arguments"},
      {encode + p_text("x") + p_text("rot13") + "\x86R", "calls encode with arguments"},
      {encode + p_text("x") + "\x85R", "calls encode with arguments"},
      {scalar + f8 + p_text("x") + "\x86R", "calls scalar with arguments"},
      {scalar + f8 + "C\x04"s + "1234\x86R", "a numpy value of type f8, which is no number"},
      {scalar + dtype + p_text("O") + "\x85RC\x08"s + "12345678\x86R", "a numpy value of type O"},
      {scalar + dtype + p_text("V65536") + "\x85RC\x01"s + "1\x86R", "a numpy value of type V65536"},
      {scalar + dtype + p_text("u8") + "\x85RC\x08"s + std::string(8, '\xff') + "\x86R",
       "no number of 64 bits"},
      {scalar + dtype + p_text("u1") + "\x85R" + encode + p_text("\u0100") + p_text("latin1") + "\x86R\x86R",
       "a numpy value of type u1"},
      {f8 + "(K\x03" + p_text(">") + "NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK" + "\0tb"s, "byte order \">\""},
      {f8 + "}b", "state for something that takes none"},
      {"}}b", "state for something that takes none"},
      {float_type + "}b", "state for something that takes none"},
      {space + ")\x81Nb", "state for something that takes none"},
      {space + ")\x81}b}b", "state for something that takes none"},
      {dict + ")\x81", "makes an object of something else"},
      {"N)\x81", "makes an object of something else"},
      {p_text("storage") + "Q", "reference outside the pickle"},
  };
  for (const auto& [pickle, says] : cases) EXPECT_THAT(problem(p_whole(pickle)), HasSubstr(says)) << says;
  // The same names, used as torch and numpy use them.
  EXPECT_EQ(Parsed(p_whole(scalar + f8 + "C\x08"s + std::string(6, '\0') + "\xf8?\x86R")).root().real, 1.5);
  EXPECT_EQ(Parsed(p_whole(scalar + dtype + p_text("u1") + "\x85R" + encode + p_text("\u00e9") +
                           p_text("latin1") + "\x86R\x86R"))
                .root()
                .integer,
            0xe9);
  EXPECT_EQ(Parsed(p_whole(space + ")\x81}K\x01K\x02sb")).root().items.size(), 1u);
}

TEST(Pickle, RefusesOpcodesThatDataDoesNotNeed) {
  // INST, OBJ, PERSID, EXT1-4, DUP, text forms, GET, PUT, NEWOBJ_EX, out-of-band buffers
  for (const std::string op :
       {"(ios\nsystem\n", "(o", "Pid\n", "\x82\x01", "\x83\x01\x01", "\x84\x01\x01\x01\x01", "N2", "I1\n",
        "F1.0\n", "L1L\n", "S'x'\n", "Vx\n", "g0\n", "Np0\n", "N)}\x92", "\x97", "N\x98", "\xff", "\x80\x02"})
    EXPECT_THAT(problem(p_whole(op)), HasSubstr("has the opcode 0x")) << op;
  EXPECT_THAT(problem(p_whole("2")),
              HasSubstr("opcode 0x32, which plain data does not need and is refused (byte 2"));
}

TEST(Pickle, RefusesBrokenStructure) {
  const std::pair<std::string, std::string> cases[] = {
      {"", "cut short"},
      {"x", "not a pickle of protocol 2 to 5"},
      {"(lp0\n.", "not a pickle of protocol 2 to 5"},
      {"\x80\x01N.", "pickle protocol 1"},
      {"\x80\x06N.", "pickle protocol 6"},
      {p_whole(""), "other than one value"},
      {p_whole("NN"), "other than one value"},
      {p_whole("(N"), "other than one value"},
      {p_whole("N") + "N", "1 bytes after its end"},
      {"\x80\x02N", "cut short"},
      {p_whole("0"), "a value is missing"},
      {p_whole("(NaN"), "a value is missing"},
      {p_whole("](a"), "a value is missing"},
      {p_whole("N\x86"), "values are missing"},
      {p_whole("N(N\x86"), "values are missing"},
      {p_whole("t"), "a mark is missing"},
      {p_whole("N1"), "a mark is missing"},
      {p_whole("e"), "a mark is missing"},
      {p_whole("(Ne"), "a value is missing"},
      {p_whole("}Na"), "list elements for something else"},
      {p_whole(")Na"), "list elements for something else"},
      {p_whole("]NNs"), "dictionary entries for something else"},
      {p_whole("}(Nu"), "dictionary entries for something else"},
      {p_whole("(Nd"), "a key without a value"},
      {p_whole("h\x05"), "asks for the value 5"},
      {p_whole("]q\x01h\x02"), "asks for the value 2"},
      {p_whole("j" + u32(0xffffffff)), "asks for the value 4294967295"},
      {p_whole("Nr" + u32(0xffffffff)), "remembers a value under the number 4294967295"},
      {p_whole("q\x01"), "a value is missing"},
      {p_whole("X" + u32(0xffffffff) + "a"), "4294967295 more bytes are needed"},
      {p_whole("\x8d" + u64(~std::uint64_t{0}) + "a"), "more bytes are needed"},
      {p_whole("\x8e" + u64(~std::uint64_t{0} - 8) + "a"), "more bytes are needed"},
      {p_whole("\x8b" + u32(0xffffffff)), "more bytes are needed"},
      {p_whole("\x95" + u64(1000)), "more bytes are needed"},
      {p_whole("cos"), "a name has no end"},
      {p_whole("cos\nsystem"), "a name has no end"},
      {p_whole("\x8a\x08" + u64(1) + "\x8a\x09" + u64(INT64_MAX + std::uint64_t{1}) + "\0"s),
       "beyond 64 bits"},
      {p_whole("\x8a\x09" + u64(0) + "\x01"), "beyond 64 bits"},
      {p_whole("\x8a\x09" + u64(0) + "\xff"), "beyond 64 bits"},
      {p_whole(p_text("\xff")), "not valid UTF-8"},
      {p_whole(p_text("\xc0\x80")), "not valid UTF-8"},
      {p_whole(p_text("\xed\xa0\x80")), "not valid UTF-8"},
      {p_whole(p_text("\xf4\x90\x80\x80")), "not valid UTF-8"},
      {p_whole(p_text("\xe2\x98")), "not valid UTF-8"},
  };
  for (const auto& [pickle, says] : cases) EXPECT_THAT(problem(pickle), HasSubstr(says)) << says;
  EXPECT_EQ(Parsed(p_whole(p_text("\xf4\x8f\xbf\xbf\xed\x9f\xbf"))).root().kind, Kind::kText);
}

TEST(Pickle, MemoryStaysBounded) {
  EXPECT_THAT(problem(p_whole("(" + std::string(5u << 20, ']') + "t")),
              HasSubstr("more values than any checkpoint"));
  EXPECT_THAT(problem(p_whole(std::string(17u << 20, 'N'))),
              HasSubstr("more than the 16777216 that are read"));
  // A million levels of nesting, marks and references: nothing recurses.
  constexpr std::size_t kMany = 1'000'000;
  EXPECT_EQ(Parsed(p_whole("N" + std::string(kMany, '\x85'))).root().items.size(), 1u);
  EXPECT_EQ(Parsed(p_whole(std::string(kMany, ']') + std::string(kMany - 1, 'a'))).root().items.size(), 1u);
  EXPECT_EQ(Parsed(p_whole(std::string(kMany, '(') + std::string(kMany, 't'))).root().items.size(), 1u);
  std::string shared = "]q\x01"s;
  for (std::size_t i = 0; i < kMany; ++i) shared += "h\x01";
  EXPECT_THAT(problem(p_whole(shared)), HasSubstr("other than one value"));
}

TEST(Pickle, AlteredPickles) {
  const std::string dict = p_global("collections", "OrderedDict");
  const std::string pickle =
      p_whole("}q\x01(" + p_text("epoch") + "K\x05" + p_text("state") + dict + ")Rq\x02(" + p_text("a") +
              p_ints({1, 2}) + p_text("b") + "]q\x03(K\x01G12345678NeU\x03" + "abcC\x02" + "xyu}b" +
              p_text("n") + p_global("argparse", "Namespace") + ")\x81}" + p_text("lr") + "h\x03sbu");
  const auto parse = [](const Bytes& bytes) { Pickle::parse(bytes, "x.pt"); };
  parse(bytes_of(pickle));
  cut_everywhere(bytes_of(pickle), pickle.size(), parse);
  EXPECT_GT(flip_bytes(bytes_of(pickle), "pickle", 3000, parse), 1000);
}

}  // namespace
}  // namespace af2
