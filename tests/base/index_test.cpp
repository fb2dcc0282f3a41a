#ifdef AF2_WITH_SQLITE
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <fstream>
#include <map>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/index/sound_index.h"
#include "af2/index/update.h"
#include "tests/scratch.h"

namespace af2 {
namespace {

namespace fs = std::filesystem;
using test::Scratch;

const IndexFacts kFacts = {"af-clap", "aaaabbbbccccdddd", 4, 10, 5, "mean", "f32"};

void write(const fs::path& path, const std::string& text) {
  fs::create_directories(path.parent_path());
  std::ofstream(path) << text;
}

bool is_wav(const fs::path& path) {
  return path.extension() == ".wav";
}

// Every row but the ids, as one text.
std::string dump(SoundIndex& index) {
  std::string all;
  for (const IndexedFile& f : index.files())
    all += f.path() + " " + std::to_string(f.size) + " " + f.sha256.substr(0, 8) + " " +
           std::to_string(f.seconds) + " " + std::to_string(f.n_windows) + " " + f.warnings + " " + f.error +
           "\n";
  const VectorTable table = index.vectors();
  std::map<std::pair<std::int32_t, double>, std::string> rows;
  for (std::int64_t i = 0; i < table.rows(); ++i) {
    std::string& row = rows[{table.file[i], table.onset_s[i]}];
    row += std::to_string(table.offset_s[i]);
    for (int j = 0; j < table.dims; ++j) row += " " + std::to_string(table.row(i)[j]);
  }
  for (const auto& [key, row] : rows)
    all += table.paths[key.first] + " " + std::to_string(key.second) + " " + row + "\n";
  return all;
}

ErrorKind kind_of(const std::function<void()>& work, const std::string& part = "") {
  try {
    work();
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find(part), std::string::npos) << error.what();
    return error.kind();
  }
  ADD_FAILURE() << "no error";
  return ErrorKind::kInternal;
}

// Hears a file's text: a window for each letter. "bad" cannot be read, "full" meets a machine without memory.
struct FakeModel {
  int heard = 0, windows_until_stop = 1 << 30;

  bool embed(const std::string& path, FileVectors& out) {
    ++heard;
    const std::string text = read_file(path);
    if (text.starts_with("bad")) throw data_error("not a sound file", path);
    if (text.starts_with("full")) throw resource_error("no memory", path);
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (--windows_until_stop < 0) return false;
      std::vector<float> v(4);
      v[text[i] % 4] = 0.6f, v[(text[i] + 1) % 4] = 0.8f;
      out.windows.push_back({static_cast<double>(i) * 5, static_cast<double>(i) * 5 + 10, v});
    }
    out.seconds = static_cast<double>(text.size()) * 5;
    out.warnings = {"downmixed"};
    return true;
  }

  UpdateCounts run(SoundIndex& index, const std::vector<std::string>& folders, UpdateOptions options = {}) {
    UpdateWork work;
    work.embed = [this](const std::string& path, FileVectors& out) { return embed(path, out); };
    heard = 0;
    return update_index(index, scan_folders(folders, is_wav), options, work);
  }
};

class IndexTest : public testing::Test {
 protected:
  SoundIndex make(const std::string& name = "sounds.af2") {
    SoundIndex index(scratch_ / name, SoundIndex::Access::kCreate);
    index.settle(kFacts);
    return index;
  }
  std::string sounds(const std::string& below = "") const { return (scratch_ / "sounds" / below).string(); }
  void a_library() {
    write(sounds("a.wav"), "abc");
    write(sounds("b.wav"), "x");
    write(sounds("deep/er/c.wav"), "hello");
    write(sounds("notes.txt"), "no sound");
    write(sounds("._a.wav"), "resource fork");
  }

  Scratch scratch_;
};

TEST_F(IndexTest, KeepsWhatWasPut) {
  {
    SoundIndex index = make();
    EXPECT_EQ(index.generation(), 0);
    index.put({.root = "/s", .name = "d/b.wav", .size = 3, .mtime_ns = 7, .sha256 = "ff", .seconds = 12},
              std::vector<IndexedWindow>{{0, 10, {1, 0, 0, 0}}, {2, 12, {0, 1, 0, 0}}});
    index.put({.root = "/s", .name = "a.wav", .error = "not a sound file"}, {});
    EXPECT_EQ(index.generation(), 2);
    index.set_note("weights", "here");
  }
  SoundIndex index(scratch_ / "sounds.af2", SoundIndex::Access::kRead);
  EXPECT_EQ(index.facts().model_name, "af-clap");
  EXPECT_EQ(index.facts().hop_s, 5);
  EXPECT_EQ(index.note("weights"), "here");
  EXPECT_EQ(index.note("nothing"), "");
  const auto files = index.files();
  ASSERT_EQ(files.size(), 2u);
  EXPECT_EQ(files[0].error, "not a sound file");
  EXPECT_EQ(files[1].path(), "/s/d/b.wav");
  EXPECT_EQ(files[1].n_windows, 2);
  const VectorTable table = index.vectors();
  ASSERT_EQ(table.rows(), 2);
  EXPECT_EQ(table.row(1)[1], 1);
  EXPECT_EQ(table.onset_s[1], 2);
  EXPECT_EQ(table.paths[table.file[1]], "/s/d/b.wav");
  EXPECT_TRUE(is_sound_index(scratch_ / "sounds.af2"));
  // Writing takes the place of a path's old row, and never an old id.
  SoundIndex writer(scratch_ / "sounds.af2", SoundIndex::Access::kWrite);
  const std::int64_t id = writer.put({.root = "/s", .name = "d/b.wav"}, {});
  EXPECT_GT(id, files[1].id);
  EXPECT_EQ(writer.n_windows(), 0);
  writer.remove(std::vector<std::int64_t>{id});
  EXPECT_EQ(writer.files().size(), 1u);
}

TEST_F(IndexTest, RefusesOtherModelsAndSettings) {
  make();
  SoundIndex index(scratch_ / "sounds.af2", SoundIndex::Access::kCreate);
  IndexFacts other = kFacts;
  other.model_name = "mini", other.model_sha256 = "1111222233334444";
  EXPECT_EQ(kind_of([&] { index.settle(other); }, "aaaabbbbcccc"), ErrorKind::kUser);
  EXPECT_EQ(kind_of([&] { index.check_model("mini", "1111222233334444"); }, "mini (111122223333)"),
            ErrorKind::kUser);
  other = kFacts;
  other.hop_s = 2.5;
  EXPECT_EQ(kind_of([&] { index.settle(other); }, "every 2.5 s"), ErrorKind::kUser);
  index.settle(kFacts);
}

TEST_F(IndexTest, RefusesWhatIsNoIndex) {
  const auto open = [&](const fs::path& path, SoundIndex::Access access = SoundIndex::Access::kRead) {
    return [=] { SoundIndex index(path, access); };
  };
  EXPECT_EQ(kind_of(open(scratch_ / "none"), "no such file"), ErrorKind::kData);
  EXPECT_EQ(kind_of(open(scratch_ / "none", SoundIndex::Access::kWrite), "no such file"), ErrorKind::kData);
  EXPECT_EQ(kind_of(open(scratch_ / "no/such/folder/x", SoundIndex::Access::kCreate)), ErrorKind::kResource);
  EXPECT_FALSE(fs::exists(scratch_ / "none"));
  write(scratch_ / "text", std::string(5000, 'x'));
  for (const auto access : {SoundIndex::Access::kRead, SoundIndex::Access::kCreate})
    EXPECT_EQ(kind_of(open(scratch_ / "text", access), "is no index"), ErrorKind::kData);
  EXPECT_EQ(read_file(scratch_ / "text"), std::string(5000, 'x'));
  EXPECT_FALSE(is_sound_index(scratch_ / "text"));
  {
    Database other(scratch_ / "other.db", Database::Open::kCreate);
    other.run("CREATE TABLE t(x)");
  }
  EXPECT_EQ(kind_of(open(scratch_ / "other.db", SoundIndex::Access::kCreate), "is no index"),
            ErrorKind::kData);
  make();
  {
    Database newer(scratch_ / "sounds.af2", Database::Open::kWrite);
    newer.run("PRAGMA user_version = 7");
  }
  EXPECT_EQ(kind_of(open(scratch_ / "sounds.af2"), "newer af2"), ErrorKind::kData);
  // Nothing came of it: no file stays.
  { SoundIndex index(scratch_ / "new", SoundIndex::Access::kCreate); }
  EXPECT_FALSE(fs::exists(scratch_ / "new"));
}

TEST_F(IndexTest, DamagedFilesRaise) {
  {
    SoundIndex index = make();
    for (int i = 0; i < 400; ++i)
      index.put({.root = "/s", .name = std::to_string(i)},
                std::vector<IndexedWindow>(20, {0, 10, {1, 0, 0, 0}}));
  }
  const std::string whole = read_file(scratch_ / "sounds.af2");
  int refused = 0, read = 0;
  const auto attempt = [&](const std::string& bytes) {
    write(scratch_ / "cut", bytes);
    try {
      SoundIndex index(scratch_ / "cut", SoundIndex::Access::kRead);
      index.vectors();
      ++read;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kData) << error.what();
      ++refused;
    }
  };
  for (std::size_t i = 1; i < 40; ++i) attempt(whole.substr(0, whole.size() * i / 40));
  EXPECT_EQ(read, 0);
  for (std::size_t i = 0; i < 60; ++i) {
    std::string bytes = whole;
    for (std::size_t j = 0; j < 64; ++j) bytes[(i * 7919 * 131 + j) % bytes.size()] ^= 0x5a;
    attempt(bytes);
  }
  EXPECT_GT(refused, 39);
}

TEST_F(IndexTest, OneWriterAtATime) {
  SoundIndex index = make();
  EXPECT_EQ(
      kind_of([&] { SoundIndex second(scratch_ / "sounds.af2", SoundIndex::Access::kWrite); }, "another af2"),
      ErrorKind::kResource);
  SoundIndex reader(scratch_ / "sounds.af2", SoundIndex::Access::kRead);
  index.put({.root = "/s", .name = "a"}, {});
  EXPECT_EQ(reader.files().size(), 1u);
}

TEST_F(IndexTest, FollowsItsFolder) {
  a_library();
  FakeModel model;
  SoundIndex index = make();
  UpdateCounts counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.added, 3);
  EXPECT_EQ(index.n_windows(), 9);
  EXPECT_EQ(index.files()[0].warnings, "downmixed");
  counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.unchanged, 3);
  EXPECT_EQ(model.heard, 0);
  // A new time, the same bytes.
  const std::int64_t generation = index.generation();
  fs::last_write_time(sounds("a.wav"), fs::file_time_type::clock::now() + std::chrono::hours(1));
  counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.touched, 1);
  EXPECT_EQ(model.heard, 0);
  EXPECT_EQ(index.generation(), generation);
  EXPECT_EQ(model.run(index, {sounds()}).unchanged, 3);
  write(sounds("a.wav"), "abcd");
  counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.updated, 1);
  EXPECT_EQ(model.heard, 1);
  EXPECT_EQ(index.n_windows(), 10);
  // Moved, and a second copy: not heard again.
  fs::rename(sounds("b.wav"), sounds("moved.wav"));
  fs::copy(sounds("deep/er/c.wav"), sounds("again.wav"));
  counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.copied, 2);
  EXPECT_EQ(counts.removed, 1);
  EXPECT_EQ(model.heard, 0);
  EXPECT_EQ(index.n_windows(), 15);
  fs::remove(sounds("again.wav"));
  EXPECT_EQ(model.run(index, {sounds()}, {.keep_missing = true}).removed, 0);
  EXPECT_EQ(index.files().size(), 4u);
  EXPECT_EQ(model.run(index, {sounds("deep")}).removed, 0);  // not of this folder
  EXPECT_EQ(model.run(index, {sounds()}).removed, 1);
  EXPECT_EQ(index.files().size(), 3u);
  // Folders in folders give each file once.
  counts = model.run(index, {sounds("deep"), sounds(), sounds("a.wav")});
  EXPECT_EQ(counts.unchanged, 3);
  // As it would be from nothing.
  SoundIndex fresh = make("fresh.af2");
  model.run(fresh, {sounds()});
  EXPECT_EQ(dump(index), dump(fresh));
}

TEST_F(IndexTest, VectorsOfReplacedBytesAreNotCopied) {
  write(sounds("a.wav"), "abc");
  FakeModel model;
  SoundIndex index = make();
  model.run(index, {sounds()});
  // a gets other bytes; z has those a had.
  write(sounds("a.wav"), "other");
  write(sounds("z.wav"), "abc");
  model.run(index, {sounds()});
  EXPECT_EQ(model.heard, 2);
  EXPECT_EQ(index.n_windows(), 8);
}

TEST_F(IndexTest, BadFilesAreNotedAndHeardAgainWhenTheyChange) {
  a_library();
  write(sounds("d.wav"), "bad bytes");
  write(sounds("e.wav"), "full of sound");
  FakeModel model;
  SoundIndex index = make();
  UpdateCounts counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.added, 3);
  EXPECT_EQ(counts.failed, 2);
  counts = model.run(index, {sounds()});
  EXPECT_EQ(model.heard, 1);  // what was no fault of the file
  EXPECT_EQ(counts.failed, 2);
  model.run(index, {sounds()}, {.retry = true});
  EXPECT_EQ(model.heard, 2);
  write(sounds("d.wav"), "good");
  write(sounds("a.wav"), "bad now");
  counts = model.run(index, {sounds()});
  EXPECT_EQ(counts.updated, 1);
  EXPECT_EQ(index.n_windows(), 10);
  EXPECT_EQ(index.files()[0].error, "not a sound file");
}

TEST_F(IndexTest, AnEmptyFolderIsRatherADiskThatIsNotThere) {
  a_library();
  FakeModel model;
  SoundIndex index = make();
  model.run(index, {sounds()});
  fs::rename(sounds(), scratch_ / "elsewhere");
  EXPECT_EQ(kind_of([&] { model.run(index, {sounds()}); }, "no such file or folder"), ErrorKind::kData);
  fs::create_directories(sounds());
  EXPECT_EQ(kind_of([&] { model.run(index, {sounds()}); }, "3 files"), ErrorKind::kData);
  EXPECT_EQ(index.files().size(), 3u);
  model.run(index, {sounds()}, {.keep_missing = true});
  EXPECT_EQ(index.files().size(), 3u);
}

TEST_F(IndexTest, StoppedAndKilledRunsGoOn) {
  for (int i = 0; i < 12; ++i)
    write(sounds(std::to_string(i) + ".wav"), std::string(1 + i % 5, static_cast<char>('a' + i)));
  FakeModel model;
  SoundIndex whole = make("whole.af2");
  model.run(whole, {sounds()});
  const std::string want = dump(whole);
  for (int at = 0; at < 33; at += 3) {
    const std::string name = "stop" + std::to_string(at);
    model.windows_until_stop = at;
    {
      SoundIndex index = make(name);
      EXPECT_TRUE(model.run(index, {sounds()}).stopped);
    }
    model.windows_until_stop = 1 << 30;
    SoundIndex index = make(name);
    model.run(index, {sounds()});
    EXPECT_EQ(dump(index), want) << at;
  }
  for (int at = 0; at < 33; at += 5) {
    const std::string name = "kill" + std::to_string(at);
    const pid_t child = ::fork();
    if (child == 0) {
      SoundIndex index = make(name);
      int left = at;
      UpdateWork work;
      work.embed = [&](const std::string& path, FileVectors& out) {
        const bool done = model.embed(path, out);
        if ((left -= static_cast<int>(out.windows.size())) < 0) ::kill(::getpid(), SIGKILL);
        return done;
      };
      update_index(index, scan_folders({sounds()}, is_wav), {}, work);
      ::_exit(0);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    std::int64_t kept = 0;
    {
      SoundIndex reader(scratch_ / name, SoundIndex::Access::kRead);
      kept = static_cast<std::int64_t>(reader.files().size());
    }
    SoundIndex index = make(name);
    const UpdateCounts counts = model.run(index, {sounds()});
    EXPECT_EQ(counts.unchanged, kept);  // nothing that was finished is heard again
    EXPECT_EQ(dump(index), want) << at;
  }
}

TEST_F(IndexTest, ReadsWhereNothingMayBeWritten) {
  {
    SoundIndex index = make();
    index.put({.root = "/s", .name = "a"}, std::vector<IndexedWindow>{{0, 10, {1, 0, 0, 0}}});
  }
  ::chmod(scratch_.path().c_str(), 0555);
  const bool root = ::geteuid() == 0;  // who may write everywhere
  ASSERT_EQ(::seteuid(root ? 65534 : ::geteuid()), 0);
  {
    SoundIndex index(scratch_ / "sounds.af2", SoundIndex::Access::kRead);
    EXPECT_EQ(index.vectors().rows(), 1);
  }
  EXPECT_EQ(kind_of([&] { SoundIndex index(scratch_ / "new.af2", SoundIndex::Access::kCreate); }),
            ErrorKind::kResource);
  ASSERT_EQ(::seteuid(root ? 0 : ::geteuid()), 0);
  ::chmod(scratch_.path().c_str(), 0755);
}

}  // namespace
}  // namespace af2
#endif  // AF2_WITH_SQLITE
