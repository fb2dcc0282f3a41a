// io: archives of torch.save: those that torch wrote (tests/oracle/make_torch_zip_goldens.py), hostile ones.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>

#include "af2/io/quant_blocks.h"
#include "af2/io/safetensors.h"
#include "af2/io/torch_zip.h"
#include "tests/base/io_zip_testing.h"

namespace af2 {
namespace {

using namespace io_test;
using namespace std::string_literals;
using testing::ElementsAre;
using testing::HasSubstr;

TorchZip golden(const std::string& name) {
  return TorchZip::open(data_file("torch_" + name + ".pt"));
}

Bytes golden_bytes(const std::string& name) {
  return bytes_of(read_file(data_file("torch_" + name + ".pt")));
}

void touch_torch_zip(const Bytes& bytes) {  // parse, then read every byte handed out
  const TorchZip file = TorchZip::parse(bytes, "x.pt");
  unsigned sum = 0;
  for (const auto& [name, tensor] : file.tensors()) {
    ASSERT_EQ(name, tensor.name);
    ASSERT_EQ(static_cast<std::int64_t>(tensor.bytes.size()), *checked_bytes(tensor.dtype, tensor.shape));
    for (const std::byte b : tensor.bytes) sum += static_cast<unsigned>(b);
  }
  EXPECT_LT(sum, 1u << 30);
}

class TorchZipGolden : public testing::TestWithParam<const char*> {};

TEST_P(TorchZipGolden, HoldsWhatTorchHolds) {
  const std::string prefix = std::string(GetParam()) + "/";
  const SafeTensors expected = SafeTensors::open(data_file("torch_expected.safetensors"));
  const TorchZip file = golden(GetParam());
  file.verify();
  std::size_t n_expected = 0;
  for (const auto& [name, wanted] : expected.tensors()) {
    if (!name.starts_with(prefix)) continue;
    ++n_expected;
    const TensorView* tensor = file.find(name.substr(prefix.size()));
    ASSERT_NE(tensor, nullptr) << name;
    EXPECT_EQ(tensor->name, name.substr(prefix.size()));
    EXPECT_EQ(tensor->dtype, wanted.dtype) << name;
    EXPECT_EQ(tensor->shape, wanted.shape) << name;
    ASSERT_EQ(tensor->bytes.size(), wanted.bytes.size()) << name;
    EXPECT_TRUE(std::equal(wanted.bytes.begin(), wanted.bytes.end(), tensor->bytes.begin())) << name;
  }
  EXPECT_EQ(file.size(), n_expected);
}

INSTANTIATE_TEST_SUITE_P(Files, TorchZipGolden,
                         testing::Values("training", "clap", "types", "types_protocol4", "types_protocol5",
                                         "plain", "plain_protocol4", "bare_tensor"));

TEST(TorchZip, TrainingLayout) {
  const TorchZip file = golden("training");
  EXPECT_EQ(file.find_int("epoch"), 9);
  EXPECT_THAT(file.get("model_state_dict.proj.weight").shape, ElementsAre(3, 4));
  EXPECT_EQ(file.get("model_state_dict.bn.num_batches_tracked").dtype, DType::kI64);
  EXPECT_TRUE(file.contains("optimizer_state_dict.state.0.exp_avg_sq"));
  EXPECT_EQ(file.find_float("optimizer_state_dict.param_groups.0.weight_decay"), 0.1);
  EXPECT_EQ(file.find_float("optimizer_state_dict.param_groups.1.betas.1"), 0.999);
  EXPECT_EQ(file.find_bool("optimizer_state_dict.param_groups.0.amsgrad"), false);
  EXPECT_EQ(file.find_int("optimizer_state_dict.param_groups.1.params.3"), 4);
  EXPECT_EQ(file.find_int("lr_scheduler_state_dict.last_epoch"), 1);
  EXPECT_EQ(file.find_float("lr_scheduler_state_dict._last_lr.0"), 1e-3 * 0.2);
  EXPECT_FALSE(file.find_float("lr_scheduler_state_dict.lr_lambdas.0"));  // None
  EXPECT_EQ(file.find("model_state_dict._metadata"), nullptr);
}

TEST(TorchZip, ClapLayoutAndErrors) {
  const TorchZip file = golden("clap");
  EXPECT_EQ(file.find_int("epoch"), 16);
  ASSERT_NE(file.find_string("name"), nullptr);
  EXPECT_EQ(*file.find_string("name"), "2023_04_05-model_HTSAT-large");
  EXPECT_EQ(file.find_float("scaler.growth_factor"), 2.0);
  EXPECT_EQ(file.find_float("scaler._growth_tracker"), 7.0);  // a whole number
  const TensorView& weight = file.get("state_dict.module.audio_branch.bn0.weight");
  EXPECT_EQ(to_float(weight)[5], 0.25f);
  file.release(weight);  // still readable afterwards
  EXPECT_EQ(to_float(weight)[5], 0.25f);
  EXPECT_TRUE(file.get("state_dict.module.logit_scale_a").shape.empty());
  EXPECT_THAT(message_of([&] { file.get("no.such"); }), HasSubstr("torch_clap.pt: lacks the tensor no.such"));
  const std::int64_t any[] = {-1}, wrong[] = {32};
  EXPECT_EQ(&file.get(weight.name, any), &weight);
  EXPECT_THAT(message_of([&] { file.get(weight.name, wrong); }), HasSubstr("bn0.weight is 64, not 32"));
  EXPECT_THAT(message_of([&] { file.find_int(weight.name); }), HasSubstr("is a tensor, not a plain value"));
  EXPECT_THAT(message_of([&] { file.find_int("name"); }), HasSubstr("name is not a whole number"));
  EXPECT_THAT(message_of([&] { file.find_int("scaler.scale"); }), HasSubstr("is not a whole number"));
  EXPECT_THAT(message_of([&] { file.find_float("name"); }), HasSubstr("name is not a number"));
  EXPECT_THAT(message_of([&] { file.find_string("epoch"); }), HasSubstr("epoch is not text"));
  EXPECT_THAT(message_of([&] { file.find_bool("epoch"); }), HasSubstr("epoch is neither true nor false"));
  EXPECT_FALSE(file.find_int("state_dict"));
  EXPECT_EQ(error_of([&] { golden("no_such_file"); }).kind(), ErrorKind::kData);
}

TEST(TorchZip, SharedStoragesAlias) {
  TorchZip first = golden("types");
  const TorchZip file = std::move(first);  // views survive
  const TensorView& base = file.get("base");
  EXPECT_EQ(file.get("same").bytes.data(), base.bytes.data());
  EXPECT_EQ(file.get("flat").bytes.data(), base.bytes.data());
  EXPECT_EQ(file.get("rows").bytes.data(), base.bytes.data() + 6 * 4);
  EXPECT_EQ(file.get("narrow").bytes.data(), base.bytes.data() + (3 * 6 + 2) * 4);
  EXPECT_THAT(file.get("column_of_one").shape, ElementsAre(6, 1));
  EXPECT_THAT(file.get("empty_strided").shape, ElementsAre(0, 4));
  EXPECT_TRUE(file.contains("7"));
  EXPECT_TRUE(file.contains("list.1.deep.0"));
}

TEST(TorchZip, PlainValues) {
  for (const char* name : {"plain", "plain_protocol4"}) {
    const TorchZip file = golden(name);
    const auto integer = [&](const char* path) { return file.find_int(path).value_or(-99); };
    const auto real = [&](const char* path) { return file.find_float(path).value_or(-99); };
    const auto text = [&](const char* path) {
      const std::string* found = file.find_string(path);
      return found ? *found : "(none)";
    };
    EXPECT_EQ(integer("int"), 1);
    EXPECT_EQ(integer("negative"), -5);
    EXPECT_EQ(integer("byte"), 255);
    EXPECT_EQ(integer("short"), 65535);
    EXPECT_EQ(integer("wide"), std::int64_t{1} << 40);
    EXPECT_EQ(integer("least"), std::numeric_limits<std::int64_t>::min());
    EXPECT_EQ(integer("most"), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(real("float"), 0.1);
    EXPECT_EQ(real("infinity"), std::numeric_limits<double>::infinity());
    EXPECT_EQ(file.find_bool("yes"), true);
    EXPECT_EQ(file.find_bool("no"), false);
    EXPECT_FALSE(file.find_bool("nothing"));
    EXPECT_FALSE(file.find_string("bytes"));
    EXPECT_EQ(text("text"), "caf\u00e9 \u2603");
    EXPECT_EQ(text(""), "no name");
    EXPECT_EQ(text("long text"), std::string(300, 'x'));
    EXPECT_EQ(integer("list.0"), 1);
    EXPECT_EQ(real("list.1"), 2.5);
    EXPECT_EQ(text("list.2"), "three");
    EXPECT_EQ(file.find_bool("list.4.0"), true);
    EXPECT_EQ(integer("pair.1.1"), 3);
    EXPECT_EQ(integer("set.0"), 42);
    EXPECT_EQ(integer("frozen.0"), 43);
    EXPECT_EQ(text("dict.0"), "zero");
    EXPECT_EQ(text("dict.-1"), "minus");
    EXPECT_EQ(text("dict.True"), "one");
    EXPECT_EQ(text("dict.None"), "none");
    EXPECT_EQ(text("dict.0.5"), "half");
    EXPECT_EQ(integer("dotted.key.inner.key"), 3);
    EXPECT_EQ(real("namespace.lr"), 1e-4);
    EXPECT_EQ(text("namespace.nested.name"), "inner");
    EXPECT_EQ(integer("size.1"), 3);
    EXPECT_EQ(real("numpy.f8"), 1.5);
    EXPECT_EQ(real("numpy.f4"), 0.25);
    EXPECT_EQ(real("numpy.f2"), -0.5);
    EXPECT_EQ(integer("numpy.i8"), -(std::int64_t{1} << 50));
    EXPECT_EQ(integer("numpy.i4"), -7);
    EXPECT_EQ(integer("numpy.i2"), -300);
    EXPECT_EQ(integer("numpy.i1"), -1);
    EXPECT_EQ(integer("numpy.u8"), std::int64_t{1} << 62);
    EXPECT_EQ(integer("numpy.u4"), 4294967295);
    EXPECT_EQ(integer("numpy.u2"), 65535);
    EXPECT_EQ(integer("numpy.u1"), 200);
    EXPECT_EQ(file.find_bool("numpy.yes"), true);
    EXPECT_EQ(integer("ordered.a"), 2);
    EXPECT_EQ(file.scalars().size(), 48u);
  }
}

TEST(TorchZip, RefusesByName) {
  const std::pair<const char*, const char*> cases[] = {
      {"transposed",
       "tensor model.w.t (4x3) is not contiguous (a transposed or sliced view); save tensor.contiguous()"},
      {"sliced", "tensor w (3x2) is not contiguous"},
      {"expanded", "tensor w (3) is not contiguous"},
      {"complex", "tensor a.c has the type ComplexFloatStorage, which is not supported"},
      {"complex_half", "tensor c has the type complex32, which is not supported"},
      {"negative", "tensor n is a conjugate or negative view"},
      {"sparse",
       "holds torch._utils._rebuild_sparse_tensor (after \"s\"), which is a sparse tensor and is refused"},
      {"numpy_array", "multiarray._reconstruct (after \"array\"), which is a numpy array and is refused"},
      {"module", "holds torch.nn.modules.linear.Linear (after \"net\"), which is a whole module"},
      {"attributes",
       "holds torch._tensor._rebuild_from_type_v2 (after \"b\"), which is a tensor with attributes"},
      {"big_number", "a whole number beyond 64 bits"},
      {"two_paths", "two values have the path a.b"},
      {"tuple_key", "the dictionary at x. has a key that is neither text nor a number"},
      {"device", "holds torch.device (after \"where\"), which is not plain data and is refused"},
  };
  for (const auto& [name, says] : cases) {
    const Error error = error_of([&] { golden("refused_"s + name); });
    EXPECT_EQ(error.kind(), ErrorKind::kModel);
    EXPECT_THAT(error.what(), HasSubstr(says)) << name;
    EXPECT_THAT(error.what(), HasSubstr("torch_refused_"s + name + ".pt: ")) << name;
  }
}

// --- archives made by hand ---

std::string archive_problem(const std::vector<ZipPart>& parts) {
  const Bytes bytes = make_zip(parts);
  const Error error = error_of([&] { TorchZip::parse(bytes, "x.pt"); });
  EXPECT_EQ(error.kind(), ErrorKind::kModel);
  return error.what();
}

std::string pickle_problem(const std::string& value) {
  return archive_problem({part_of("a/data.pkl", p_whole(value)), part_of("a/data/0", std::string(24, '\1'))});
}

// A tensor as torch writes it; the fields are whole values.
struct HandTensor {
  std::string rebuild = p_global("torch._utils", "_rebuild_tensor_v2");
  std::string kind = p_text("storage"), type = p_global("torch", "FloatStorage"), key = p_text("0");
  std::string numel = "K\x06", offset = p_int(0), size = p_ints({2, 3}), stride = p_ints({3, 1});
  std::string more = "";
  std::string storage() const { return p_tuple(kind + type + key + p_text("cpu") + numel) + "Q"; }
  std::string text() const {
    return rebuild +
           p_tuple(storage() + offset + size + stride + "\x89" + p_global("collections", "OrderedDict") +
                   ")R" + more) +
           "R";
  }
};

template <class Alter>
std::string tensor_problem(Alter alter) {
  HandTensor tensor;
  alter(&tensor);
  return pickle_problem("}" + p_text("w") + tensor.text() + "s");
}

TEST(TorchZip, TensorsMustFitTheirStorage) {
  const Bytes good = make_zip({part_of("a/data.pkl", p_whole("}" + p_text("w") + HandTensor().text() + "s")),
                               part_of("a/data/0", std::string(24, '\1'))});
  EXPECT_THAT(TorchZip::parse(good, "x.pt").get("w").shape, ElementsAre(2, 3));

  using T = HandTensor;
  constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
  const auto of = [](auto alter) { return tensor_problem(alter); };
  EXPECT_THAT(of([](T* t) {
                t->size = p_ints({3, 3});
              }),
              HasSubstr("tensor w (3x3) needs 36 bytes from element 0"));
  EXPECT_THAT(of([](T* t) { t->offset = p_int(1); }), HasSubstr("needs 24 bytes from element 1 on, but"));
  EXPECT_THAT(of([](T* t) { t->offset = p_int(kMost); }), HasSubstr("needs 24 bytes from element"));
  EXPECT_THAT(of([](T* t) { t->offset = p_int(kMost / 2 + 1); }), HasSubstr("needs 24 bytes from element"));
  EXPECT_THAT(of([](T* t) { t->offset = p_int(-1); }), HasSubstr("no proper storage offset"));
  EXPECT_THAT(of([](T* t) { t->offset = "N"; }), HasSubstr("no proper storage offset"));
  EXPECT_THAT(of([](T* t) { t->size = p_ints({-2, 3}); }), HasSubstr("size below zero or beyond 64 bits"));
  EXPECT_THAT(of([](T* t) { t->size = p_ints({kMost, 3}); }), HasSubstr("size below zero or beyond 64 bits"));
  EXPECT_THAT(of([](T* t) { t->size = p_ints({kMost / 4 + 1, 1}); }), HasSubstr("beyond 64 bits"));
  EXPECT_THAT(of([](T* t) {
                t->size = p_ints({kMost / 4, 1}), t->stride = p_ints({1, 1});
              }),
              HasSubstr("its storage has 24"));
  EXPECT_THAT(of([](T* t) { t->stride = p_ints({3}); }), HasSubstr("more sizes than strides, or fewer"));
  EXPECT_THAT(of([](T* t) { t->stride = p_ints({-3, -1}); }), HasSubstr("is not contiguous"));
  EXPECT_THAT(of([](T* t) { t->stride = p_ints({0, 0}); }), HasSubstr("is not contiguous"));
  EXPECT_THAT(of([](T* t) { t->size = p_text("23"); }), HasSubstr("tensor w has no size"));
  EXPECT_THAT(of([](T* t) { t->size = p_tuple("NN"); }), HasSubstr("a size that is no number"));
  EXPECT_THAT(of([](T* t) { t->size = t->stride = p_ints(std::vector<std::int64_t>(65, 1)); }),
              HasSubstr("has 65 dimensions"));
  EXPECT_THAT(of([](T* t) { t->numel = "K\x05"; }),
              HasSubstr("a storage of 5 x 4 bytes, but its record a/data/0 has 24"));
  EXPECT_THAT(of([](T* t) { t->numel = p_int(kMost); }), HasSubstr("but its record a/data/0 has 24"));
  EXPECT_THAT(of([](T* t) { t->numel = p_int(-1); }), HasSubstr("not described as torch does"));
  EXPECT_THAT(of([](T* t) { t->kind = p_text("module"); }), HasSubstr("not described as torch does"));
  EXPECT_THAT(of([](T* t) { t->type = p_global("torch", "float32"); }),
              HasSubstr("not described as torch does"));
  EXPECT_THAT(of([](T* t) { t->key = "K\x01"; }), HasSubstr("not described as torch does"));
  EXPECT_THAT(of([](T* t) { t->key = p_text("1"); }), HasSubstr("tensor w lacks its record a/data/1"));
  EXPECT_THAT(of([](T* t) { t->key = p_text("../data.pkl"); }), HasSubstr("lacks its record"));
  EXPECT_THAT(of([](T* t) { t->type = p_global("torch", "DoubleStorage"), t->numel = "K\x03"; }),
              HasSubstr("needs 48 bytes"));
  EXPECT_THAT(of([](T* t) { t->type = p_global("torch.storage", "UntypedStorage"); }),
              HasSubstr("has the type UntypedStorage, which is not supported"));
  EXPECT_THAT(of([](T* t) { t->more = "NN"; }), HasSubstr("8 arguments instead of 6"));
  EXPECT_THAT(of([](T* t) { t->more = "}" + p_text("neg") + "\x88s"; }),
              HasSubstr("conjugate or negative view"));
  EXPECT_THAT(of([](T* t) { t->rebuild = p_global("torch._utils", "_rebuild_tensor_v3"); }),
              HasSubstr("6 arguments instead of 7"));
  EXPECT_THAT(of([](T* t) {
                t->rebuild = p_global("torch._utils", "_rebuild_tensor_v3");
                t->more = "N";
              }),
              HasSubstr("has no element type"));
  EXPECT_THAT(of([](T* t) {
                t->rebuild = p_global("torch._utils", "_rebuild_tensor_v3");
                t->more = p_global("torch", "uint16");
                t->numel = p_int(24);
              }),
              HasSubstr("has two element types"));
  const std::string parameter = p_global("torch._utils", "_rebuild_parameter");
  EXPECT_THAT(pickle_problem(parameter + "NNN\x87R"),
              HasSubstr("tensor (without a name) is a parameter of something"));
  EXPECT_THAT(pickle_problem(parameter + ")R"), HasSubstr("a parameter with 0 arguments"));
  EXPECT_THAT(pickle_problem(parameter +
                             p_tuple(parameter + p_tuple(HandTensor().text() + "\x89N") + "R\x89N") + "R"),
              HasSubstr("a parameter of something that is no tensor"));
  HandTensor no_storage;
  EXPECT_THAT(pickle_problem(no_storage.rebuild +
                             p_tuple("N" + p_int(0) + p_ints({1}) + p_ints({1}) + "\x89N") + "R"),
              HasSubstr("has no storage"));
}

TEST(TorchZip, ValuesMustNotUnfoldWithoutEnd) {
  EXPECT_THAT(pickle_problem("]q\x01h\x01"s + "a"), HasSubstr("holds a value that contains itself"));
  EXPECT_THAT(pickle_problem("}q\x01" + p_text("me") + "]h\x01"s + "as"),
              HasSubstr("contains itself, at me.0"));
  EXPECT_THAT(pickle_problem(p_global("argparse", "Namespace") + ")\x81q\x01}" + p_text("me") + "h\x01sb"),
              HasSubstr("contains itself, at me"));
  const auto nested = [](std::size_t depth) { return std::string(depth, ']') + std::string(depth - 1, 'a'); };
  EXPECT_NO_THROW(TorchZip::parse(make_zip({part_of("a/data.pkl", p_whole(nested(100)))}), "x.pt"));
  EXPECT_THAT(pickle_problem(nested(101)), HasSubstr("nested more than 100 levels deep"));
  EXPECT_THAT(pickle_problem(nested(1'000'000)), HasSubstr("nested more than 100 levels deep"));
  // [[…] x 2] x 2 …: 2^60 lists out of 600 bytes
  std::string bomb = "K\x01";
  for (int i = 0; i < 60; ++i) bomb += "q\x01h\x01\x86";
  EXPECT_THAT(pickle_problem(bomb), HasSubstr("unfolds into more values than its size allows"));
  // One long text, or one long key, ten thousand times.
  std::string texts = p_text(std::string(100'000, 'x')) + "q\x01"s + "0(";
  for (int i = 0; i < 10'000; ++i) texts += "h\x01";
  EXPECT_THAT(pickle_problem(texts + "t"), HasSubstr("unfolds into more text than its size allows"));
  std::string keys = p_text(std::string(100'000, 'x')) + "q\x01"s + "0(";
  for (int i = 0; i < 10'000; ++i) keys += "}h\x01}s";
  EXPECT_THAT(pickle_problem(keys + "t"), HasSubstr("unfolds into more text than its size allows"));
  EXPECT_THAT(pickle_problem("}(" + p_text("a") + "K\x01" + p_text("a") + "K\x02u"),
              HasSubstr("two values have the path a"));
}

TEST(TorchZip, HostilePicklesNameWhatTheyHold) {
  const std::string call = p_text("touch_torch_zip x") + "\x85R";
  EXPECT_THAT(
      pickle_problem(p_global("os", "system") + call),
      HasSubstr("x.pt: holds os.system, which is not plain data and is refused (byte 2 of data.pkl)"));
  EXPECT_THAT(pickle_problem(p_text("posix") + p_text("system") + "\x93" + call),
              HasSubstr("holds posix.system, which"));
  EXPECT_THAT(pickle_problem("}" + p_text("state") + p_global("builtins", "eval") + call + "s"),
              HasSubstr("holds builtins.eval (after \"state\"), which is not plain data"));
}

TEST(TorchZip, RefusesOtherArchivesAndFormats) {
  const ZipPart pickle = part_of("a/data.pkl", p_whole("}"));
  EXPECT_TRUE(TorchZip::parse(make_zip({pickle}), "x.pt").tensors().empty());
  EXPECT_TRUE(
      TorchZip::parse(make_zip({pickle, part_of("a/byteorder", "little")}), "x.pt").scalars().empty());
  EXPECT_THAT(archive_problem({pickle, part_of("a/byteorder", "big")}),
              HasSubstr("its numbers are big-endian"));
  EXPECT_THAT(archive_problem({pickle, part_of("a/byteorder", "middle")}),
              HasSubstr("neither little nor big: middle"));
  EXPECT_THAT(archive_problem({pickle, part_of("b/data.pkl", p_whole("}"))}), HasSubstr("has two data.pkl"));
  EXPECT_THAT(archive_problem({part_of("a/data/0", "")}), HasSubstr("a zip archive without data.pkl"));
  EXPECT_THAT(archive_problem({part_of("data.pkl", p_whole("}"))}),
              HasSubstr("a zip archive without data.pkl"));
  EXPECT_THAT(archive_problem({pickle, part_of("a/constants.pkl", "")}),
              HasSubstr("is a TorchScript program"));
  EXPECT_THAT(archive_problem({pickle, part_of("a/code/x.py", "")}), HasSubstr("is a TorchScript program"));
  ZipPart packed = pickle;
  packed.method = packed.local_method = 8;
  EXPECT_THAT(archive_problem({packed}), HasSubstr("\"a/data.pkl\" is compressed"));

  const auto problem = [](const std::string& text) {
    const Bytes bytes = bytes_of(text);
    return message_of([&] { TorchZip::parse(bytes, "x.pt"); });
  };
  EXPECT_THAT(
      problem("\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19.\x80\x02M\xe9\x03."),
      HasSubstr("x.pt: is in the format of torch before 1.6, which is not a zip archive; load it with"));
  EXPECT_THAT(problem(std::string(257, '\0') + "ustar" + std::string(250, '\0')),
              HasSubstr("is a tar archive"));
  EXPECT_THAT(problem(p_whole("}")), HasSubstr("is a bare pickle"));
  EXPECT_THAT(problem(""), HasSubstr("file truncated: it has 0 bytes"));
  EXPECT_THAT(problem("GGUF and more"), HasSubstr("does not start like a zip archive"));
  EXPECT_THAT(problem("PK\3\4" + std::string(100, '\0')), HasSubstr("file truncated"));
}

TEST(TorchZip, VerifyTellsDamage) {
  Bytes bytes = golden_bytes("clap");
  const TorchZip file = TorchZip::parse(bytes, "x.pt");
  file.verify();
  const auto inside = file.get("state_dict.module.audio_branch.bn0.weight").bytes.data() - bytes.data();
  bytes[static_cast<std::size_t>(inside) + 3] ^= std::byte{0x10};
  EXPECT_THAT(message_of([&] { file.verify(); }),
              HasSubstr("x.pt: the entry \"torch_clap/data/1\" is damaged"));
}

TEST(TorchZip, CutAndAlteredFiles) {
  for (const char* name : {"clap", "plain_protocol4", "bare_tensor"}) {
    const Bytes bytes = golden_bytes(name);
    cut_everywhere(bytes, bytes.size(), touch_torch_zip);
  }
  for (const char* name : {"clap", "plain", "types", "training"})
    EXPECT_GT(flip_bytes(golden_bytes(name), name, 1000, touch_torch_zip), 100) << name;
  // The pickle altered inside a sound archive.
  for (const char* name : {"clap", "plain", "plain_protocol4", "types"}) {
    const Bytes bytes = golden_bytes(name);
    const ZipArchive zip = ZipArchive::parse(bytes, "x.pt");
    const auto rebuilt = [&](const Bytes& pickle) {
      std::vector<ZipPart> parts;
      for (const ZipEntry& entry : zip.entries()) {
        const auto from =
            entry.name.ends_with("/data.pkl") ? std::span<const std::byte>(pickle) : entry.bytes;
        parts.push_back(part_of(std::string(entry.name),
                                std::string(reinterpret_cast<const char*>(from.data()), from.size())));
      }
      touch_torch_zip(make_zip(parts));
    };
    const ZipEntry& entry = *zip.find("torch_"s + name + "/data.pkl");
    const Bytes pickle(entry.bytes.begin(), entry.bytes.end());
    rebuilt(pickle);
    EXPECT_GT(flip_bytes(pickle, name, 1000, rebuilt), 300) << name;
    if (std::string_view(name) == "clap") cut_everywhere(pickle, pickle.size(), rebuilt);
  }
}

}  // namespace
}  // namespace af2
