#include "af2/eval/value_shape.h"

#include <algorithm>

#include "af2/core/error.h"
#include "af2/core/text_util.h"

namespace af2::shape {
namespace {

constexpr double kAnyNumber = -1e300;

Shape shape_of(Shape::Kind kind, double low) {
  Shape shape;
  shape.kind = kind, shape.low = low;
  return shape;
}
class ShapeCheck {
 public:
  ShapeCheck(const YamlLines& lines, const std::string& file) : lines_(lines), file_(file) {}

  void look(const Json& value, const Shape& shape, const std::string& at) const {
    switch (shape.kind) {
      case Shape::kText:
        return need(value.is_string(), value, at, "a text (in quotes where it reads as a number)");
      case Shape::kFlag:
        return need(value.is_boolean(), value, at, "true or false");
      case Shape::kScalar:
        return need(value.is_primitive() && !value.is_null(), value, at, "one value");
      case Shape::kWhole:
        need(value.is_number_integer(), value, at, "a whole number");
        return need(value.get<double>() >= shape.low, value, at, "at least " + Json(shape.low).dump());
      case Shape::kNumber:
        need(value.is_number(), value, at, "a number");
        return need(value.get<double>() >= shape.low, value, at, "at least " + Json(shape.low).dump());
      case Shape::kWord:
        return look_word(value, shape, at);
      case Shape::kList:
        need(value.is_array(), value, at, "a list");
        need(value.size() >= shape.fewest && value.size() <= shape.most, value, at,
             "a list of " + std::to_string(shape.fewest) +
                 (shape.most == shape.fewest ? "" : " values or more"));
        for (std::size_t i = 0; i < value.size(); ++i)
          look(value[i], *shape.inner[0], at + "/" + std::to_string(i));
        return;
      case Shape::kMap:
        need(value.is_object(), value, at, "a table of keys and values");
        for (const auto& [key, inner] : value.items()) look(inner, *shape.inner[0], json_pointer(at, key));
        return;
      case Shape::kEither:
        return look(value, *shape.inner[first_fits(value, *shape.inner[0]) ? 0 : 1], at);
      case Shape::kTable:
        return look_table(value, shape, at);
    }
  }

 private:
  static bool first_fits(const Json& value, const Shape& shape) {
    switch (shape.kind) {
      case Shape::kText:
      case Shape::kWord:
        return value.is_string();
      case Shape::kList:
        return value.is_array();
      default:
        return value.is_primitive();
    }
  }

  void need(bool holds, const Json& value, const std::string& at, const std::string& what) const {
    if (!holds)
      throw user_error("must be " + what + ", not " + printable(value.dump(), 60), place(file_, lines_, at),
                       "see docs/spec/evaluation.md section 2");
  }

  void look_word(const Json& value, const Shape& shape, const std::string& at) const {
    need(value.is_string(), value, at, "a word");
    const auto& given = value.get_ref<const std::string&>();
    if (std::find(shape.words.begin(), shape.words.end(), given) != shape.words.end()) return;
    throw user_error("\"" + printable(given, 60) + "\" is none of the words that may stand here",
                     place(file_, lines_, at),
                     shape.words.size() <= 12 ? "one of " + join(shape.words, ", ")
                                              : "did you mean \"" + nearest_word(given, shape.words) + "\"?");
  }

  void look_table(const Json& value, const Shape& shape, const std::string& at) const {
    need(value.is_object(), value, at, "a table of keys and values");
    std::vector<std::string> known;
    for (const auto& [key, inner] : shape.keys) known.push_back(key);
    for (const auto& [key, inner] : value.items()) {
      const auto found = std::find(known.begin(), known.end(), key);
      if (found == known.end())
        throw user_error("unknown key \"" + printable(key, 60) + "\"",
                         place(file_, lines_, json_pointer(at, key)),
                         "did you mean \"" + nearest_word(key, known) + "\"?");
      look(inner, shape.keys[static_cast<std::size_t>(found - known.begin())].second, json_pointer(at, key));
    }
    for (const std::string& key : shape.needed)
      if (!value.contains(key))
        throw user_error("lacks the key \"" + key + "\"", place(file_, lines_, at),
                         "see docs/spec/evaluation.md section 2");
  }

  const YamlLines& lines_;
  const std::string& file_;
};

}  // namespace

Shape text() {
  return shape_of(Shape::kText, kAnyNumber);
}
Shape flag() {
  return shape_of(Shape::kFlag, kAnyNumber);
}
Shape number(double low) {
  return shape_of(Shape::kNumber, low);
}
Shape whole(double low) {
  return shape_of(Shape::kWhole, low);
}
Shape word(std::vector<std::string> words) {
  Shape shape = shape_of(Shape::kWord, kAnyNumber);
  shape.words = std::move(words);
  return shape;
}
Shape list(const Shape& inner, std::size_t fewest, std::size_t most) {
  Shape shape = shape_of(Shape::kList, kAnyNumber);
  shape.inner = {std::make_shared<const Shape>(inner)};
  shape.fewest = fewest, shape.most = most;
  return shape;
}
Shape map(const Shape& inner) {
  Shape shape = shape_of(Shape::kMap, kAnyNumber);
  shape.inner = {std::make_shared<const Shape>(inner)};
  return shape;
}
Shape either(const Shape& a, const Shape& b) {
  Shape shape = shape_of(Shape::kEither, kAnyNumber);
  shape.inner = {std::make_shared<const Shape>(a), std::make_shared<const Shape>(b)};
  return shape;
}
Shape table(std::vector<std::pair<std::string, Shape>> keys) {
  Shape shape = shape_of(Shape::kTable, kAnyNumber);
  for (auto& [key, inner] : keys) {
    if (key.back() == '!') {
      key.pop_back();
      shape.needed.push_back(key);
    }
    shape.keys.emplace_back(key, std::move(inner));
  }
  return shape;
}

Shape scalar() {
  return shape_of(Shape::kScalar, kAnyNumber);
}
Shape texts() {
  return list(text());
}

std::string place(const std::string& file, const YamlLines& lines, const std::string& pointer) {
  std::string text_of = file;
  if (const auto found = lines.find(pointer); found != lines.end())
    text_of += " line " + std::to_string(found->second);
  std::string key;
  const std::vector<std::string> parts = split(pointer, '/');
  for (std::size_t i = 1; i < parts.size(); ++i) {
    std::string part;
    for (std::size_t c = 0; c < parts[i].size(); ++c) {
      const bool escaped = parts[i][c] == '~' && c + 1 < parts[i].size();
      part += escaped ? (parts[i][++c] == '1' ? '/' : '~') : parts[i][c];
    }
    key += (key.empty() ? "" : ".") + part;
  }
  return key.empty() ? text_of : text_of + " key " + key;
}

void check(const Json& value, const Shape& form, const YamlLines& lines, const std::string& file) {
  ShapeCheck(lines, file).look(value, form, "");
}

}  // namespace af2::shape
