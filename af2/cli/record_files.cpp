#include "af2/cli/record_files.h"

#include <algorithm>
#include <set>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/data/record_readers.h"

namespace af2 {
namespace fs = std::filesystem;

std::vector<Record> read_record_files(const std::vector<std::string>& names, const fs::path& out,
                                      Json& inputs, RecordCounts& counts) {
  std::vector<Record> all;
  std::set<std::string> ids;
  for (const std::string& name : names) {
    const fs::path given = name, file = fs::is_directory(given) ? given / "records.jsonl" : given;
    for (Record& record : read_records(file, {}, counts)) {
      const fs::path sound = fs::path(record.audio).is_absolute()
                                 ? fs::path(record.audio)
                                 : fs::absolute(file).parent_path() / record.audio;
      record.audio =
          sound.lexically_normal().lexically_proximate(fs::absolute(out).lexically_normal()).generic_string();
      if (fs::is_directory(given))
        record.id = fs::absolute(file).parent_path().filename().string() + "-" + record.id;
      if (!ids.insert(record.id).second)
        throw data_error("record " + record.id + " is in more than one file", file.string(),
                         "give the records of each file ids of their own");
      all.push_back(std::move(record));
    }
    inputs["records"].push_back({{"file", name}, {"sha256", sha256_file(file)}});
  }
  std::sort(all.begin(), all.end(), [](const Record& a, const Record& b) { return a.id < b.id; });
  return all;
}

}  // namespace af2
