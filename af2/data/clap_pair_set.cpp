#include "af2/data/clap_pair_set.h"

#include <charconv>
#include <fstream>
#include <map>
#include <set>
#include <span>

#include "af2/core/error.h"
#include "af2/core/file.h"
#include "af2/core/text_util.h"

namespace af2 {
namespace fs = std::filesystem;
namespace {

constexpr double kPastEnd_s = 0.1;

// The WebDataset key of a member: its name up to the first dot behind the last slash; and what follows.
std::pair<std::string, std::string> key_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  const std::size_t dot = name.find('.', slash == std::string::npos ? 0 : slash + 1);
  if (dot == std::string::npos) return {name, ""};
  return {name.substr(0, dot), name.substr(dot + 1)};
}

// An item before it is parsed.
struct Found {
  std::string text, where;
  std::uint64_t at = 0;
  std::int64_t number = 0;  // as ClapPairSet::Place
};

void each_line(const fs::path& file, const std::function<void(Found&&)>& use) {
  if (fs::is_directory(file)) throw data_error("is a folder, not a file", file.string(), "name a .jsonl");
  std::ifstream in(file, std::ios::binary);
  if (!in) throw data_error("cannot be opened", file.string(), "check the path");
  std::uint64_t at = 0;
  std::int64_t number = 0;
  for (std::string line; std::getline(in, line);) {
    const std::uint64_t here = at;
    at += line.size() + 1;
    ++number;
    if (trim(line).empty()) continue;
    use({std::move(line), file.string() + ":" + std::to_string(number), here, number});
  }
  if (in.bad()) throw data_error("cannot be read to its end", file.string(), "check the disk");
}

void each_member(const fs::path& file, const std::vector<TarMember>& members,
                 const std::function<void(Found&&)>& use) {
  std::map<std::string, std::int64_t> sounds;
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto [key, kind] = key_of(members[i].name);
    if (kind != "json" && kind != "txt") sounds.emplace(key, static_cast<std::int64_t>(i));
  }
  for (std::size_t i = 0; i < members.size(); ++i) {
    const auto [key, kind] = key_of(members[i].name);
    if (kind != "json") continue;
    const auto sound = sounds.find(key);
    use({read_tar_member(file, members[i]), file.string() + ":" + members[i].name, i,
         sound == sounds.end() ? -1 : sound->second});
  }
}

std::string add_to_sum(const std::string& sum, const std::string& text) {
  const std::string both = sum + text;
  return sha256_hex(std::as_bytes(std::span(both)));
}

double seconds_of(const Clip& clip, const ClapPair& pair) {
  return pair.duration_s ? *pair.duration_s : clip.file_seconds - pair.start_s;
}

}  // namespace

bool is_tar_name(const fs::path& path) {
  return path.extension() == ".tar";
}

std::vector<std::string> expand_braces(const std::string& name) {
  const std::size_t open = name.find('{');
  if (open == std::string::npos) return {name};
  const std::size_t dots = name.find("..", open), close = name.find('}', open);
  const auto number = [&](std::size_t from, std::size_t to) {
    int value = -1;
    const auto [end, code] = std::from_chars(name.data() + from, name.data() + to, value);
    return code == std::errc() && end == name.data() + to ? value : -1;
  };
  const bool whole = dots != std::string::npos && close != std::string::npos && dots < close;
  const int first = whole ? number(open + 1, dots) : -1, last = whole ? number(dots + 2, close) : -1;
  if (first < 0 || last < first || last - first >= 1000000 || name.find('{', close) != std::string::npos)
    throw user_error("is no range of shards", name, "write it as clips-{000..099}.tar");
  const std::size_t width = dots - open - 1;
  std::vector<std::string> names;
  for (int i = first; i <= last; ++i) {
    std::string digits = std::to_string(i);
    if (digits.size() < width) digits.insert(0, width - digits.size(), '0');
    names.push_back(name.substr(0, open) + digits + name.substr(close + 1));
  }
  return names;
}

ClapPairSet ClapPairSet::open(const std::vector<std::string>& files) {
  ClapPairSet set;
  for (const auto& pattern : files)
    for (const auto& name : expand_braces(pattern)) set.files_.emplace_back(name);
  if (set.files_.empty()) throw user_error("names no file of pairs", "clap pairs", "name a .jsonl or .tar");
  for (std::size_t f = 0; f < set.files_.size(); ++f) {
    const fs::path& file = set.files_[f];
    const bool tar = is_tar_name(file);
    set.members_.push_back(tar ? list_tar(file) : std::vector<TarMember>());
    const std::vector<TarMember>& members = set.members_.back();
    const std::size_t before = set.places_.size();
    const auto take = [&](Found&& found) {
      parse_clap_pair(parse_json(found.text, found.where), found.where,
                      tar ? PairAudio::kBeside : PairAudio::kNamed);
      set.sum_ = add_to_sum(set.sum_, found.text);
      if (tar && found.number >= 0) {
        const TarMember& sound = members[static_cast<std::size_t>(found.number)];
        set.sum_ = add_to_sum(set.sum_, sound.name + " " + std::to_string(sound.bytes));
      }
      set.places_.push_back({found.at, static_cast<std::uint32_t>(f),
                             static_cast<std::uint32_t>(found.text.size()), found.number});
    };
    if (tar)
      each_member(file, members, take);
    else
      each_line(file, take);
    if (set.places_.size() == before)
      throw data_error("has no items", file.string(), tar ? "give .json members" : "give one object a line");
  }
  return set;
}

std::string ClapPairSet::name(std::size_t item) const {
  const Place& place = places_[item];
  return files_[place.file].string() + ":" +
         (members_[place.file].empty() ? std::to_string(place.number) : members_[place.file][place.at].name);
}

std::string ClapPairSet::text(const Place& place) const {
  const fs::path& file = files_[place.file];
  if (!members_[place.file].empty()) return read_tar_member(file, members_[place.file][place.at]);
  std::ifstream in(file, std::ios::binary);
  std::string line(place.bytes, '\0');
  if (!in.seekg(static_cast<std::streamoff>(place.at)) ||
      !in.read(line.data(), static_cast<std::streamsize>(line.size())))
    throw data_error("ends before its line " + std::to_string(place.number), file.string(),
                     "the file changed while it was in use: start again");
  return line;
}

ClapPair ClapPairSet::pair(std::size_t item) const {
  const Place& place = places_[item];
  const std::string where = name(item);
  return parse_clap_pair(parse_json(text(place), where), where,
                         members_[place.file].empty() ? PairAudio::kNamed : PairAudio::kBeside);
}

Clip ClapPairSet::sound(std::size_t item, const ClapPair& pair, const DecodeOptions& options) const {
  const Place& place = places_[item];
  const fs::path& file = files_[place.file];
  if (members_[place.file].empty()) return decode_file(file.parent_path() / pair.audio, options);
  if (place.number < 0)
    throw data_error("has no sound beside it", name(item), "put KEY.wav or KEY.flac beside KEY.json");
  const TarMember& sound = members_[place.file][static_cast<std::size_t>(place.number)];
  const std::string bytes = read_tar_member(file, sound);
  return decode_bytes(std::as_bytes(std::span(bytes)), file.string() + ":" + sound.name, options);
}

ClapCheck check_clap_pairs(const fs::path& file, bool decode) {
  ClapCheck check;
  const bool tar = is_tar_name(file);
  const std::vector<TarMember> members = tar ? list_tar(file) : std::vector<TarMember>();
  std::map<std::string, std::string> clips;  // stretch -> where it stood first
  const auto sound_of = [&](const Found& found, const ClapPair& pair) {
    DecodeOptions options;
    options.start_s = pair.start_s;
    options.duration_s = pair.duration_s.value_or(0);
    if (!decode) options.max_seconds = 0.05;  // enough for what the header declares
    if (!tar) return decode_file(file.parent_path() / pair.audio, options);
    const TarMember& sound = members[static_cast<std::size_t>(found.number)];
    const std::string bytes = read_tar_member(file, sound);
    return decode_bytes(std::as_bytes(std::span(bytes)), sound.name, options);
  };
  const auto take = [&](Found&& found) {
    const auto problem = [&](const std::string& what) { check.problems.emplace_back(found.where, what); };
    try {
      const ClapPair pair = parse_clap_pair(parse_json(found.text, found.where), found.where,
                                            tar ? PairAudio::kBeside : PairAudio::kNamed);
      const std::string audio = !tar               ? pair.audio
                                : found.number < 0 ? ""
                                                   : members[static_cast<std::size_t>(found.number)].name;
      if (audio.empty() || (!tar && !fs::exists(file.parent_path() / audio))) {
        ++check.missing_audio;
        return problem("audio is missing: " + (audio.empty() ? "no sound beside it" : printable(audio)));
      }
      const std::string stretch =
          audio + " " + std::to_string(pair.start_s) + " " + std::to_string(pair.duration_s.value_or(0));
      const auto [first, fresh] = clips.emplace(stretch, found.where);
      if (!fresh) return problem("the same stretch of audio as " + first->second);
      const Clip clip = sound_of(found, pair);
      const double past = pair.start_s + pair.duration_s.value_or(0) - clip.file_seconds;
      if (past > kPastEnd_s)
        return problem("its stretch ends " + std::to_string(past) + " s past the end of " + printable(audio));
      ++check.items;
      check.captions += static_cast<std::int64_t>(pair.captions.size());
      for (const auto& list : pair.negatives) check.negatives += static_cast<std::int64_t>(list.size());
      check.hours += seconds_of(clip, pair) / 3600;
    } catch (const Error& error) {
      problem(error.problem() + (error.where() == found.where ? "" : " (" + error.where() + ")"));
    }
  };
  if (tar)
    each_member(file, members, take);
  else
    each_line(file, take);
  return check;
}

}  // namespace af2
