#include "af2/data/sound_place.h"

#include <charconv>
#include <span>

namespace af2 {
namespace {

bool parse_number(std::string_view text, std::uint64_t& value) {
  const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), value);
  return code == std::errc() && end == text.data() + text.size() && !text.empty();
}

}  // namespace

std::string tar_place(const std::filesystem::path& shard, const TarMember& member) {
  return shard.generic_string() + "#" + member.name + "@" + std::to_string(member.header) + "+" +
         std::to_string(member.bytes);
}

std::optional<TarPlace> parse_tar_place(const std::string& audio) {
  const std::size_t hash = audio.find(".tar#");
  const std::size_t at = audio.rfind('@'), plus = audio.rfind('+');
  if (hash == std::string::npos || at == std::string::npos || plus == std::string::npos || at < hash ||
      plus < at)
    return std::nullopt;
  TarPlace place;
  place.shard = audio.substr(0, hash + 4);
  place.member.name = audio.substr(hash + 5, at - hash - 5);
  const std::string_view text = audio;
  if (place.member.name.empty() || !parse_number(text.substr(at + 1, plus - at - 1), place.member.header) ||
      !parse_number(text.substr(plus + 1), place.member.bytes))
    return std::nullopt;
  return place;
}

std::filesystem::path file_of_place(const std::string& audio) {
  const auto place = parse_tar_place(audio);
  return place ? place->shard : std::filesystem::path(audio);
}

std::string name_of_place(const std::string& audio) {
  const auto place = parse_tar_place(audio);
  return std::filesystem::path(place ? place->member.name : audio).filename().string();
}

Clip decode_place(const std::string& audio, const DecodeOptions& options) {
  const auto place = parse_tar_place(audio);
  if (!place) return decode_file(audio, options);
  const std::string bytes = read_tar_member(place->shard, place->member);
  return decode_bytes(std::as_bytes(std::span(bytes)), place->shard.string() + ":" + place->member.name,
                      options);
}

}  // namespace af2
