#include <cstring>
#include <limits>
#include <type_traits>
#include <vector>

#include "af2/io/pickle_detail.h"
#include "af2/io/quant_blocks.h"

namespace af2::pickle_detail {
namespace {

constexpr std::size_t kWidest = 8;  // bytes of a number

// The first bytes of a kBytes value, at most one more than a number has; none where one is no byte.
std::vector<unsigned char> first_bytes(const PickleValue& value) {
  std::vector<unsigned char> bytes;
  for (std::size_t i = 0; i < value.text.size() && bytes.size() <= kWidest; ++i) {
    auto byte = static_cast<unsigned>(static_cast<unsigned char>(value.text[i]));
    if (value.latin1 && byte >= 0x80) {  // valid UTF-8 by now: 0xc2 and 0xc3 lead the code points below 256
      if (byte > 0xc3) return {};
      byte = ((byte & 3u) << 6) | (static_cast<unsigned char>(value.text[++i]) & 0x3fu);
    }
    bytes.push_back(static_cast<unsigned char>(byte));
  }
  return bytes;
}

template <class T>
std::optional<PickleValue> number(const std::vector<unsigned char>& bytes) {
  if (bytes.size() != sizeof(T)) return std::nullopt;
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  PickleValue result;
  if constexpr (std::is_floating_point_v<T>) {
    result.kind = PickleKind::kFloat;
    result.real = static_cast<double>(value);
  } else {
    if constexpr (std::is_same_v<T, std::uint64_t>)
      if (value > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
    result.kind = PickleKind::kInt;
    result.integer = static_cast<std::int64_t>(value);
  }
  return result;
}

}  // namespace

bool valid_utf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    const int more = lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1;
    if (lead < 0xc2 || lead > 0xf4 || text.size() - i < static_cast<std::size_t>(more)) return false;
    std::uint32_t code = lead & (0x3fu >> more);
    for (int k = 0; k < more; ++k) {
      const auto next = static_cast<unsigned char>(text[i++]);
      if ((next & 0xc0u) != 0x80u) return false;
      code = (code << 6) | (next & 0x3fu);
    }
    if (more == 2 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return false;
    if (more == 3 && (code < 0x10000 || code > 0x10ffff)) return false;
  }
  return true;
}

std::optional<std::int64_t> decode_long(std::string_view digits) {
  const bool negative = !digits.empty() && (static_cast<unsigned char>(digits.back()) & 0x80u) != 0;
  std::uint64_t number = negative ? ~std::uint64_t{0} : 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const auto byte = static_cast<unsigned char>(digits[i]);
    if (i >= 8) {
      if (byte != (negative ? 0xff : 0)) return std::nullopt;
      continue;
    }
    number &= ~(std::uint64_t{0xff} << (8 * i));
    number |= std::uint64_t{byte} << (8 * i);
  }
  if ((number >> 63 != 0) != negative) return std::nullopt;
  return static_cast<std::int64_t>(number);
}

std::optional<PickleValue> decode_numpy(std::string_view type, const PickleValue& value) {
  const std::vector<unsigned char> bytes = first_bytes(value);
  if (type == "f8") return number<double>(bytes);
  if (type == "f4") return number<float>(bytes);
  if (type == "i8") return number<std::int64_t>(bytes);
  if (type == "i4") return number<std::int32_t>(bytes);
  if (type == "i2") return number<std::int16_t>(bytes);
  if (type == "i1") return number<std::int8_t>(bytes);
  if (type == "u8") return number<std::uint64_t>(bytes);
  if (type == "u4") return number<std::uint32_t>(bytes);
  if (type == "u2") return number<std::uint16_t>(bytes);
  if (type == "u1") return number<std::uint8_t>(bytes);
  if (type == "f2") {
    auto half = number<std::uint16_t>(bytes);
    if (!half) return half;
    const auto bits = static_cast<std::uint16_t>(half->integer);
    half->kind = PickleKind::kFloat;
    half->real = static_cast<double>(f16_to_f32(bits));
    return half;
  }
  if (type == "b1") {
    auto truth = number<std::uint8_t>(bytes);
    if (!truth) return truth;
    truth->kind = PickleKind::kBool;
    truth->integer = truth->integer != 0;
    return truth;
  }
  return std::nullopt;
}

}  // namespace af2::pickle_detail
