// data: the bank's tables and files, balanced draws, manifests, written test sets.
#include "af2/data/bank.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <set>

#include "af2/audio/decode.h"
#include "af2/audio/wav.h"
#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/evaluation_set.h"
#include "data_tone_bank.h"

namespace af2 {
namespace {
namespace fs = std::filesystem;

const char* kHeader =
    "id\tlabel\tpath\tseconds\tsplit\tgroup\tpackage\tlicence\tauthor\tsha256\tpeak_db\tkind\n";

class BankFolder : public ::testing::Test {
 protected:
  BankFolder() : folder_(fs::temp_directory_path() / ("af2_bank_test_" + std::to_string(::getpid()))) {
    fs::create_directories(folder_ / "audio");
    labels_ =
        "label\tphrase\tshort\tsentence\tsynonyms\tfamily\n"
        "dog\ta dog barking\ta dog\ta dog barks\tpuppy|hound\tanimal\n"
        "bell\ta bell ringing\ta bell\ta bell rings\t\tbell\n";
    table_ = kHeader;
    for (int i = 0; i < 3; ++i) {
      const std::string name = "audio/s" + std::to_string(i) + ".wav";
      std::vector<float> x(8000);
      for (std::size_t j = 2000; j < 6000; ++j) x[j] = 0.25f * static_cast<float>((j + i) % 7 < 3 ? 1 : -1);
      write_wav(folder_ / name, x);
      table_ += row("s" + std::to_string(i), i < 2 ? "dog" : "bell", name, i == 0 ? "test" : "train",
                    "g" + std::to_string(i));
    }
  }
  ~BankFolder() override { fs::remove_all(folder_); }

  std::string row(const std::string& id, const std::string& label, const std::string& path,
                  const std::string& part, const std::string& group, const std::string& seconds = "0.5",
                  const std::string& hash = "", const std::string& kind = "recorded") {
    std::string sum = hash;
    if (hash.empty()) sum = fs::exists(folder_ / path) ? sha256_file(folder_ / path) : std::string(64, '0');
    return id + "\t" + label + "\t" + path + "\t" + seconds + "\t" + part + "\t" + group +
           "\tpkg\tCC0\tme\t" + sum + "\t-12.0\t" + kind + "\n";
  }

  SoundBank open() {
    write_file_atomic(folder_ / "labels.tsv", labels_);
    write_file_atomic(folder_ / "bank.tsv", table_);
    return SoundBank::open(folder_);
  }

  // The error's text must hold both parts.
  void expect_error(const std::string& extra_row, const std::string& where, const std::string& what) {
    const std::string kept = table_;
    table_ += extra_row;
    try {
      open();
      ADD_FAILURE() << "no error for " << extra_row;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      EXPECT_NE(std::string(error.what()).find(where), std::string::npos) << error.what();
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
    table_ = kept;
  }

  fs::path folder_;
  std::string labels_, table_;
};

TEST_F(BankFolder, OpensDecodesAndVerifies) {
  const SoundBank bank = open();
  ASSERT_EQ(bank.labels().size(), 2u);
  EXPECT_EQ(bank.labels()[0].name, "bell");  // sorted
  EXPECT_EQ(bank.label_id("dog"), 1);
  EXPECT_EQ(bank.label_id("cat"), -1);
  EXPECT_EQ(bank.recordings(Split::kTrain).size(), 2u);
  EXPECT_EQ(bank.recordings(Split::kTest, 1), std::vector<int>{0});
  EXPECT_TRUE(bank.labels_in(Split::kVal).empty());
  bank.load(Split::kTrain, 2);
  const Sound& sound = bank.sound(1);
  ASSERT_EQ(sound.samples.size(), 8000u);
  EXPECT_EQ(std::abs(sound.samples[3000]), 8192);
  EXPECT_NEAR(static_cast<double>(sound.audible.begin), 2000, 40);
  EXPECT_NEAR(static_cast<double>(sound.audible.end), 6000, 40);
  EXPECT_EQ(bank.countable_labels(Split::kTrain), (std::vector<int>{0, 1}));
  EXPECT_TRUE(bank.verify().empty());
  std::vector<float> other(8000, 0.1f);
  write_wav(folder_ / "audio/s1.wav", other);
  ASSERT_EQ(bank.verify().size(), 1u);
  EXPECT_NE(bank.verify()[0].find("audio/s1.wav"), std::string::npos);
  Random rng("af2/test/empty");
  EXPECT_THROW(bank.draw(Split::kVal, rng), Error);
}

TEST_F(BankFolder, ErrorsNameLineAndColumn) {
  const std::string wav = "audio/s0.wav";
  expect_error(row("s0", "dog", wav, "train", "g9"), "bank.tsv:5", "`id` stands twice");
  expect_error(row("x", "cat", wav, "train", "g9"), "bank.tsv:5", "`label` is not in labels.tsv");
  expect_error(row("x", "dog", "../s0.wav", "train", "g9"), "bank.tsv:5", "`path` leaves the bank");
  expect_error(row("x", "dog", "/etc/passwd", "train", "g9"), "bank.tsv:5", "`path` leaves the bank");
  expect_error(row("x", "dog", "audio/none.wav", "train", "g9"), "bank.tsv:5", "`path` is no file");
  expect_error(row("x", "dog", wav, "dev", "g9"), "bank.tsv:5", "`split`");
  expect_error(row("x", "dog", wav, "train", "g0"), "bank.tsv:5", "`group` has recordings of this label");
  expect_error(row("x", "dog", wav, "train", "g9", "nan"), "bank.tsv:5", "`seconds`");
  expect_error(row("x", "dog", wav, "train", "g9", "-1"), "bank.tsv:5", "`seconds` is out of range");
  expect_error(row("x", "dog", wav, "train", "g9", "1s"), "bank.tsv:5", "`seconds` is no number");
  expect_error(row("x", "dog", wav, "train", "g9", "0.5", "abc"), "bank.tsv:5", "`sha256`");
  expect_error(row("x", "dog", wav, "train", "g9", "0.5", "", "guess"), "bank.tsv:5", "`kind`");
  expect_error("x\tdog\n", "bank.tsv:5", "has 2 cells");
  expect_error(std::string("\0\n", 2), "bank.tsv", "NUL");
  labels_ += "dog\ta\tb\tc\t\t\n";
  expect_error("", "labels.tsv:4", "`label` stands twice");
  labels_ = "label\tphrase\n";
  expect_error("", "labels.tsv:1", "column `short` is missing");
  labels_ = "";
  expect_error("", "labels.tsv", "is empty");
}

TEST_F(BankFolder, TablesCutAnywhereAreErrorsOrSmallerBanks) {
  const std::string whole = table_, labels = labels_;
  for (std::size_t n = 0; n < whole.size(); n += 29) {
    table_ = whole.substr(0, n);
    try {
      EXPECT_LE(open().recordings().size(), 3u);
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
  }
  table_ = whole;
  const std::size_t all = open().labels().size();
  for (std::size_t n = 0; n < labels.size(); n += 11) {
    labels_ = labels.substr(0, n);
    try {
      EXPECT_EQ(open().labels().size(), all) << n;  // a cut inside the last line's free text shows nothing
      EXPECT_GT(n, labels.rfind('\n', labels.size() - 2)) << n;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
    }
  }
}

TEST_F(BankFolder, AWrongLengthOrAFileThatIsNoSoundIsAnError) {
  table_ += row("long", "dog", "audio/s1.wav", "train", "g9", "5.0");
  std::ofstream(folder_ / "audio/text.wav") << "not a sound";
  table_ += row("text", "dog", "audio/text.wav", "train", "g10");
  const SoundBank bank = open();
  EXPECT_THROW(bank.sound(3), Error);
  EXPECT_THROW(bank.sound(4), Error);
  EXPECT_THROW(bank.load(Split::kTrain, 2), Error);
  EXPECT_EQ(bank.sound(1).samples.size(), 8000u);
}

TEST(Bank, DrawsLabelsThenGroupsEvenly) {
  const SoundBank& bank = test::shared_tone_bank();
  Random rng("af2/test/draws");
  std::map<int, int> labels;
  std::map<std::string, int> groups;
  const int n = 30000;
  for (int i = 0; i < n; ++i) {
    const Recording& r = bank.recordings()[bank.draw(Split::kVal, rng)];
    EXPECT_EQ(r.split, Split::kVal);
    ++labels[r.label];
    ++groups[r.group];
  }
  EXPECT_EQ(labels.size(), 30u);
  for (const auto& [label, count] : labels) EXPECT_NEAR(count, n / 30, 5 * std::sqrt(n / 30.0));
  for (const auto& [group, count] : groups) EXPECT_NEAR(count, n / 60, 5 * std::sqrt(n / 60.0)) << group;
}

TEST(Manifest, RoundTripsAndKeepsOptionalFields) {
  ManifestItem item;
  item.audio = "a b.wav";
  item.prompt = "What \"is\" this?\n";
  item.outputs = {"x", "y"};
  item.start_s = 1.25;
  item.id = "k1";
  item.meta = Json{{"answer_index", 2}};
  const std::vector<ManifestItem> read = parse_manifest(manifest_line(item) + "\n\n", "m");
  ASSERT_EQ(read.size(), 1u);
  EXPECT_EQ(manifest_line(read[0]), manifest_line(item));
  EXPECT_EQ(read[0].outputs, item.outputs);
  EXPECT_EQ(read[0].start_s, 1.25);
  EXPECT_FALSE(read[0].duration_s);
}

TEST(Manifest, ErrorsNameTheLine) {
  const std::string good = R"({"audio":"a","prompt":"p","output":"o","id":"1"})";
  const std::vector<std::pair<std::string, std::string>> table = {
      {"", "has no items"},
      {good + "\n" + good, "m:2: id `1` stands twice"},
      {good + "\n[1]", "m:2: is not a JSON object"},
      {good + "\n{\"audio\":", "m:2"},
      {R"({"prompt":"p","output":"o"})", "m:1: `audio` is missing"},
      {R"({"audio":"a","prompt":"","output":"o"})", "m:1: `prompt` is empty"},
      {R"({"audio":"a","prompt":3,"output":"o"})", "m:1: `prompt` is not a string"},
      {R"({"audio":"a","prompt":"p","output":[]})", "m:1: `output` is an empty list"},
      {R"({"audio":"a","prompt":"p","output":"o","start":-1})", "m:1: `start` is negative"},
      {R"({"audio":"a","prompt":"p","output":"o","begin":1})", "m:1: unknown key `begin`"},
  };
  for (const auto& [text, what] : table) {
    try {
      parse_manifest(text, "m");
      ADD_FAILURE() << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData);
      EXPECT_NE(std::string(error.what()).find(what), std::string::npos) << error.what();
    }
  }
}

TEST(EvaluationSet, IsWrittenReadBackAndScored) {
  const SoundBank& bank = test::shared_tone_bank();
  const fs::path folder = fs::temp_directory_path() / ("af2_set_test_" + std::to_string(::getpid()));
  EvaluationOptions options;
  options.scene.max_seconds = 3;
  const auto written = render_set(bank, Split::kTest, 6, 1, folder, options);
  ASSERT_EQ(written.size(), 6u);
  for (const fs::path& path : written) {
    const std::vector<ManifestItem> items = read_manifest(path);
    ASSERT_EQ(items.size(), 6u);
    for (const ManifestItem& item : items) {
      EXPECT_TRUE(is_right(item.outputs[0], answer_key(item), bank)) << item.prompt << " " << item.outputs[0];
      const Clip clip = decode_file(folder / item.audio);
      EXPECT_NEAR(clip.seconds, item.duration_s.value(), 1e-6);
      EXPECT_FALSE(item.meta["recordings"].empty());
    }
  }
  // The same seed writes the same bytes.
  const fs::path again = folder / "again";
  render_set(bank, Split::kTest, 6, 1, again, options);
  EXPECT_EQ(read_file(written[4]), read_file(again / "count.jsonl"));
  EXPECT_EQ(sha256_file(folder / "clips/count-0003.wav"), sha256_file(again / "clips/count-0003.wav"));
  fs::remove_all(folder);
  ManifestItem bare;
  bare.outputs = {"x"};
  EXPECT_THROW(answer_key(bare), Error);
}

}  // namespace
}  // namespace af2
